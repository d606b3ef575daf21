"""Runs as people name them: by id, branch, tag, or by an alias whose evidence they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, cast

from plimsoll.api.opened import load_suite
from plimsoll.config import Workspace
from plimsoll.config.policy import ALIAS_WORD, BRANCH_WORD, RUN_WORD, TAG_WORD
from plimsoll.config.promotion import CHAMPION
from plimsoll.errors import UsageError
from plimsoll.registry import called, history
from plimsoll.tracking import RegistryStore
from plimsoll.tracking.run_search import By, StoredRuns


class Server(Protocol):
    """What a tracking server is asked for; `MlflowWriter` is one."""

    def registry(self) -> RegistryStore:
        """Its registry."""
        ...

    def stored_runs(self) -> StoredRuns:
        """Its runs."""
        ...


@dataclass(frozen=True, slots=True)
class Word:
    """A run as it was asked for."""

    by: By
    value: str
    target: str | None = None
    """Of the run; None leaves it open."""
    plain: bool = False
    """It was written without `run:`."""
    implied: bool = False
    """The target was not written: it is what an alias names."""

    def __str__(self) -> str:
        return self.value if self.plain else f"{self.by}:{self.value}"


def run_word(written: str) -> Word | None:
    """What a word with a prefix means: `run:ID[:TARGET]`, `branch:NAME[:TARGET]`, `tag:KEY=VALUE`.

    Returns:
        None where it has none of these prefixes.

    Raises:
        UsageError: nothing, or no tag, stands behind the prefix.
    """
    prefix = next((each for each in (RUN_WORD, BRANCH_WORD, TAG_WORD) if written.startswith(each)), None)
    if prefix is None:
        return None
    rest = written.removeprefix(prefix)
    # Neither an id nor a branch has a colon in it, but for a fork's, which is found by its tag: a tag's value may.
    value, _, target = (rest, "", "") if prefix == TAG_WORD else rest.partition(":")
    if not value or (prefix == TAG_WORD and not all(rest.partition("="))):
        raise UsageError(f"{written!r} names no run", remedy="write run:ID, branch:NAME or tag:KEY=VALUE")
    return Word(cast(By, prefix.removesuffix(":")), value, target or None)


def alias_word(workspace: Workspace, written: str, server: Server, suite: Callable[[], str]) -> Word | None:
    """The run that an alias rests on, where it is written `alias:NAME[:TARGET]`: that of its newest entry.

    Args:
        workspace: Says which aliases there are.
        written: The word.
        server: Has the ledger.
        suite: Whose alias.

    Raises:
        UsageError: there is no such alias, or it names nothing, or nothing that was run.
        TamperedError: the ledger was altered.
    """
    if not written.startswith(ALIAS_WORD):
        return None
    name, _, target = written.removeprefix(ALIAS_WORD).partition(":")
    workspace.settings.promotion.checked(name)
    word = _run_of_alias(server.registry(), suite(), name)
    return replace(word, target=target, implied=False) if target else word


def nothing_yet(suite: str, alias: str) -> UsageError:
    """That an alias names nothing, and how it comes to."""
    remedy = f"plimsoll promote {suite} --alias {alias}"
    if alias == CHAMPION:
        remedy = f"plimsoll gate {suite} --first, then plimsoll promote {suite}"
    return UsageError(f"{suite} has no {alias} yet", remedy=remedy)


def _run_of_alias(store: RegistryStore, suite: str, alias: str) -> Word:
    entries = history(store, suite, alias)
    if not entries:
        raise nothing_yet(suite, alias)
    if not entries[-1].run:
        raise UsageError(
            f"{called(alias)} of {suite} was promoted by force, without a run", remedy="name a run: run:ID"
        )
    return Word("run", entries[-1].run, entries[-1].target, implied=bool(entries[-1].target))


def suite_alone(workspace: Workspace, asked: str | None) -> str:
    """The suite that is asked for, or the workspace's only one.

    Raises:
        UsageError: there are several.
    """
    names = [asked] if asked else [load_suite(workspace, str(path)).name for path in workspace.suite_files()]
    if len(names) != 1:
        raise UsageError("an alias of which suite?", remedy=f"--suite, one of: {', '.join(names)}")
    return names[0]
