"""From the files that a change touches to the suites whose results may be other ones for it.

A suite is affected where a changed file is among its inputs, as it is now or as it was before the change; where it is
new; and where it can't be read. A file of which nothing is known may be read by any of them: then all are. So a file
is left out only where it is said to be of no influence, and no suite uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from msgspec import Struct

NEW = "it is new"
UNKNOWN = "an unknown file changed"


class Inputs:
    """The files that a suite depends on, at one time."""

    def __init__(self, ways: Mapping[str, Iterable[str]], problem: str | None = None) -> None:
        """What is known of them.

        Args:
            ways: Path relative to the workspace → what the suite uses the file for, in words.
            problem: Why these may not be all; None where they are.
        """
        self.problem = problem
        self._ways = {path: tuple(dict.fromkeys(words)) for path, words in ways.items()}
        self._below: dict[str, list[str]] = {}
        for path, words in self._ways.items():
            for folder in PurePosixPath(path).parents:
                self._below.setdefault(str(folder), []).extend(words)

    def used_for(self, path: str) -> tuple[str, ...]:
        """What a file is used for; of a folder (a submodule, a link) what any file in it is. Empty: not at all."""
        return self._ways.get(path) or tuple(dict.fromkeys(self._below.get(path, ())))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A suite of the workspace."""

    name: str
    """As commands take it."""
    file: str
    """Relative to the workspace."""
    now: Inputs
    before: Inputs | None
    """Before the change; None where there was no such suite."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is different, and what of it is known to be of no influence."""

    files: Sequence[str]
    """Relative to the workspace; those outside it begin with `../`."""
    ignored: Callable[[str], str | None]
    """Why a file is of no influence, unless a suite uses it; None where nobody says so."""
    without_effect: Mapping[str, str] = field(default_factory=dict)
    """File → why what changed in it is of no influence, though suites use the file."""


class Cause(Struct, frozen=True, kw_only=True):
    """A changed file that a suite uses."""

    file: str
    """Relative to the workspace."""
    used_for: tuple[str, ...]
    """In words: `prompt of target v2`."""


class Effect(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a change affects a suite."""

    suite: str
    """As commands take it: its name, or its file's path where the name would be another's."""
    file: str
    """The suite's, relative to the workspace."""
    affected: bool
    reasons: tuple[str, ...] = ()
    """Why, beside the files: it is new, it can't be read, an unknown file changed."""
    causes: tuple[Cause, ...] = ()


class LeftOut(Struct, frozen=True, kw_only=True):
    """A changed file that counts for nothing."""

    file: str
    why: str


class Affected(Struct, frozen=True, kw_only=True):
    """What a change affects."""

    suites: tuple[Effect, ...]
    """All of the workspace."""
    changed: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """Changed files that no suite is known to use, and that nobody says are of no influence."""
    ignored: tuple[LeftOut, ...] = ()
    deleted: tuple[str, ...] = ()
    """Suites that were there before the change and are not any more, by name."""

    @property
    def names(self) -> tuple[str, ...]:
        """The affected suites, as commands take them."""
        return tuple(effect.suite for effect in self.suites if effect.affected)


def affected(candidates: Sequence[Candidate], change: Change, deleted: Mapping[str, Inputs]) -> Affected:
    """The suites that a change affects.

    Args:
        candidates: Every suite of the workspace.
        change: What is different.
        deleted: The suites that there were, by name, with what they used: a file of theirs is not unknown.
    """
    causes = {candidate.file: tuple(_causes(candidate, change)) for candidate in candidates}
    used = {cause.file for found in causes.values() for cause in found}
    used |= {file for file in change.files for inputs in deleted.values() if inputs.used_for(file)}
    left = [file for file in change.files if file not in used]
    why = {file: change.without_effect.get(file) or change.ignored(file) for file in left}
    unknown = tuple(file for file in left if why[file] is None)
    return Affected(
        suites=tuple(_effect(candidate, causes[candidate.file], bool(unknown)) for candidate in candidates),
        changed=tuple(change.files),
        unknown=unknown,
        ignored=tuple(LeftOut(file=file, why=words) for file, words in why.items() if words is not None),
        deleted=tuple(sorted(deleted)),
    )


def _causes(candidate: Candidate, change: Change) -> Iterator[Cause]:
    for file in change.files:
        before = () if candidate.before is None else candidate.before.used_for(file)
        words = candidate.now.used_for(file) or before
        if words and file not in change.without_effect:
            yield Cause(file=file, used_for=words)


def _effect(candidate: Candidate, causes: tuple[Cause, ...], all_of_them: bool) -> Effect:
    reasons = []
    if candidate.before is None:
        reasons.append(NEW)
    if candidate.now.problem is not None:
        reasons.append(f"it can't be read: {candidate.now.problem}")
    if all_of_them:
        reasons.append(UNKNOWN)
    return Effect(
        suite=candidate.name,
        file=candidate.file,
        affected=bool(reasons or causes),
        reasons=tuple(reasons),
        causes=causes,
    )
