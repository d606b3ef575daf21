"""Whether the files that a suite's results depend on are still what they were.

What counts is a file's content: a save that changes nothing, an editor's swap file, or a file that the suite does not
use is no change.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from plimsoll import canonical
from plimsoll.api.affected_inputs import CaseText, files_of
from plimsoll.api.prepare import Prepared
from plimsoll.config import Workspace
from plimsoll.evaluators.functions.source import FOLDER as EVALUATORS

_FOLDERS = ("suites", "prompts", "flows", "datasets", EVALUATORS)
_AT_THE_ROOT = ("pyproject.toml", ".env")


class Seen(NamedTuple):
    """A file as it was."""

    stamp: tuple[int, ...] | None
    """When it was written, and its size; None where there was no such file."""
    digest: str | None
    """Of its content."""


Sight: TypeAlias = Mapping[Path, Seen]
"""Files as they were at one time."""


def inputs_of(prepared: Prepared, texts: Sequence[CaseText] = ()) -> frozenset[Path]:
    """Every file that the suite's results depend on; also those that are not there and would count.

    Args:
        prepared: The suite.
        texts: What its single cases name: read once, since a dataset may be large.
    """
    return files_of(prepared.workspace, prepared.path, prepared.suite, prepared.document, texts)


def anything_in(workspace: Workspace) -> frozenset[Path]:
    """Every file that a suite of the workspace may depend on: what to look at where the suite itself can't be read."""
    files = {path for folder in folders_in(workspace) for path in folder.iterdir() if path.is_file()}
    return frozenset({path for path in files if path.parent != workspace.root and not path.name.startswith(".")}) | {
        workspace.root / name for name in _AT_THE_ROOT
    }


def folders_in(workspace: Workspace) -> frozenset[Path]:
    """The workspace's root, and the folders in which suites and their files usually lie, with those below."""
    found = {workspace.root}
    for name in _FOLDERS:
        for place, below, _ in os.walk(workspace.root / name):
            below[:] = [each for each in below if not each.startswith((".", "__"))]
            found.add(Path(place))
    return frozenset(found)


def look(files: Iterable[Path], before: Sight | None = None) -> dict[Path, Seen]:
    """The files as they are. What an earlier look has read and nobody has written since is not read again."""
    known = before or {}
    return {path: _look(path, known.get(path)) for path in files}


def glance(files: Iterable[Path]) -> dict[Path, Seen]:
    """When the files were written; their contents are not read."""
    return {path: Seen(_stamp(path), None) for path in files}


def changed(before: Sight, now: Sight, *, touched: bool = False) -> tuple[Path, ...]:
    """The files that differ, sorted.

    Args:
        before: An earlier look.
        now: A later one.
        touched: A file that was written counts also where its content is the same.
    """
    nothing = Seen(None, None)
    differing = (
        path
        for path in {*before, *now}
        if (old := before.get(path, nothing)).digest != (new := now.get(path, nothing)).digest
        or (touched and old.stamp != new.stamp)
    )
    return tuple(sorted(differing))


def _look(path: Path, before: Seen | None) -> Seen:
    stamp = _stamp(path)
    if before is not None and before.stamp == stamp and (before.digest is not None or stamp is None):
        return before
    try:
        return Seen(stamp, None if stamp is None else canonical.digest_file(path))
    except OSError:
        return Seen(stamp, None)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
