"""One version of a prompt for each bundle: found by the bundle's digest, made once, put right where it was rewritten.

The same for a prompt that was promoted and for one that only ran: both are drafts from the same bundle, so neither
makes a second version of the other's.
"""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.errors import UsageError
from plimsoll.tracking.contract import DIGEST_TAG, PromptDraft, PromptVersion, RegistryStore
from plimsoll.tracking.prompt_versions import why_too_long


@dataclass(frozen=True, slots=True)
class KeptPrompt:
    """The version that a draft is kept as."""

    name: str
    """The prompt's."""
    version: int
    note: str | None = None
    """That the version's words had been rewritten."""


def keep_prompt(store: RegistryStore, draft: PromptDraft) -> KeptPrompt:
    """The version of the draft's bundle: the one there is, put right where it says something else, or a new one.

    Raises:
        UsageError: the server has a prompt or model of that name which we did not make, or MLflow takes no prompt of
            this length.
        InfrastructureError: the store can't be read or written.
    """
    why_not = why_too_long(draft.content)
    if why_not is not None:
        raise UsageError(why_not)
    name = draft.prompt
    found = versions_of(store, name, draft.tags[DIGEST_TAG])
    if not found:
        return KeptPrompt(name, _make(store, draft))
    number, content = found[0].number, found[0].content
    if content == draft.content:
        return KeptPrompt(name, number)
    store.rewrite_prompt(name, number, draft.content)
    if content.says(draft.content):
        return KeptPrompt(name, number)
    return KeptPrompt(name, number, f"version {number} of the prompt {name} had been rewritten, and was put right")


def versions_of(store: RegistryStore, name: str, digest: str) -> tuple[PromptVersion, ...]:
    """The versions of a prompt that say that they are of this bundle; oldest first."""
    return store.prompts(name, {DIGEST_TAG: digest})


def _make(store: RegistryStore, draft: PromptDraft) -> int:
    name, digest = draft.prompt, draft.tags[DIGEST_TAG]
    number = store.create_prompt(name, draft.content, draft.tags, draft.message)
    first = min((version.number for version in versions_of(store, name, digest)), default=number)
    if first < number:
        # Another process was quicker: one version stays.
        store.delete_prompt(name, number)
    return min(first, number)
