"""What a registry needs of a tracking server, in words that name no server: the seam between `registry` and MLflow.

`RegistryStore` promises exactly one thing that MLflow's own aliases don't: a record, once made, never changes, and of
two that race to make it one wins and both learn who. Everything else (files, versions, aliases, tags) may be changed by
anybody with access, so nothing is decided on it: it is a projection, or it is verified against a digest when read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct, field

RECORD_LIMIT = 6000
"""Characters that a record may have: MLflow's limit for a param, beyond which it cuts in silence."""
PROMPT_LIMIT = 100_000
"""Characters that a prompt's text, or any tag of it, may have in MLflow."""
DIGEST_TAG = "plimsoll.digest"
"""Of a version: the bundle that it is of."""


def refuse_longer(value: str) -> None:
    """Refuse a record that would be cut.

    Raises:
        ValueError: it is longer than `RECORD_LIMIT`.
    """
    if len(value) > RECORD_LIMIT:
        raise ValueError(f"a record holds at most {RECORD_LIMIT} characters, not {len(value)}")


class ModelVersion(Struct, frozen=True, kw_only=True):
    """A numbered version of a registered model."""

    number: int
    folder: str
    """Where its files lie in the model's store."""
    tags: dict[str, str] = field(default_factory=dict)


class PromptText(Struct, frozen=True):
    """What a prompt says, and what it is asked with."""

    text: str
    """The template; of a chat, the canonical JSON of its messages."""
    chat: bool = False
    """Whether it is a list of messages, each with role and content."""
    configuration: dict[str, Any] = field(default_factory=dict)
    """Model and parameters, by MLflow's names for them (`PromptModelConfig`)."""
    response_format: dict[str, Any] | None = None
    """As in the API: a JSON schema, for example."""

    def says(self, other: PromptText) -> bool:
        """Whether both have the same words."""
        return (self.text, self.chat) == (other.text, other.chat)


class PromptVersion(Struct, frozen=True, kw_only=True):
    """A numbered version of a prompt. Anybody with access may rewrite it."""

    number: int
    content: PromptText
    tags: dict[str, str] = field(default_factory=dict)


class PromptDraft(Struct, frozen=True, kw_only=True):
    """What a version of a prompt has to be."""

    prompt: str
    """The prompt's name."""
    content: PromptText
    tags: dict[str, str]
    """`DIGEST_TAG` among them, by which the version is found again."""
    message: str = ""
    """Why it is as it is: a commit's first line."""


class RegistryStore(Protocol):
    """A registered model's records, files, versions and aliases, and prompts for people to read.

    A model or prompt that doesn't exist reads as empty, and begins to exist with the first write. Every method but
    those that make a version is safe to repeat. All raise InfrastructureError where the store can't be reached or
    refuses.
    """

    def create_record(self, model: str, key: str, value: str) -> str:
        """Make a record unless there is one of this key; return what it holds now, ours or the earlier one.

        Raises:
            ValueError: the value is longer than `RECORD_LIMIT`.
        """
        ...

    def records(self, model: str) -> dict[str, str]:
        """Every record of the model."""
        ...

    def put_files(self, model: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files (relative POSIX path → content) into a folder, over those of the same path."""
        ...

    def get_files(self, model: str, folder: str) -> dict[str, bytes]:
        """Every file in the folder, by path relative to it; empty where there is none."""
        ...

    def create_version(self, model: str, folder: str, tags: Mapping[str, str]) -> int:
        """A new version whose files are those of the folder; its number."""
        ...

    def delete_version(self, model: str, number: int) -> None:
        """Remove a version; one that isn't there is no mistake."""
        ...

    def versions(self, model: str, folder: str | None = None) -> tuple[ModelVersion, ...]:
        """Every version, or those whose files are those of the folder; oldest first."""
        ...

    def set_alias(self, model: str, alias: str, number: int) -> None:
        """Point an alias at a version, wherever it pointed before."""
        ...

    def aliases(self, model: str) -> dict[str, int]:
        """Alias → version."""
        ...

    def set_tag(self, model: str, key: str, value: str) -> None:
        """A tag of the model itself."""
        ...

    def tags(self, model: str) -> dict[str, str]:
        """The tags of the model itself."""
        ...

    def models(self) -> tuple[str, ...]:
        """The models that this store keeps records of, sorted."""
        ...

    def create_prompt(self, prompt: str, content: PromptText, tags: Mapping[str, str], message: str = "") -> int:
        """A new version of a prompt, with a message like a commit's; its number, higher than that of any there is.

        Raises:
            UsageError: the server has something of that name which we did not make.
        """
        ...

    def rewrite_prompt(self, prompt: str, number: int, content: PromptText) -> None:
        """Give a version the content that it should have."""
        ...

    def delete_prompt(self, prompt: str, number: int) -> None:
        """Remove a version; one that isn't there is no mistake."""
        ...

    def prompts(self, prompt: str, tags: Mapping[str, str] | None = None) -> tuple[PromptVersion, ...]:
        """Every version of a prompt, or those with these tags; oldest first."""
        ...

    def set_prompt_alias(self, prompt: str, alias: str, number: int | None) -> None:
        """Point a prompt's alias at a version; None takes it away."""
        ...

    def prompt_alias(self, prompt: str, alias: str) -> int | None:
        """The version that a prompt's alias names."""
        ...
