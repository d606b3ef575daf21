"""What git says of the workspace, and the workspace's files as they were at a commit.

Only reads: no checkout, no fetch, nothing in the working tree changes. Files are taken from the commit byte by byte, so
neither an attribute (`export-ignore`) nor a filter decides what is in them.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from plimsoll.errors import UsageError, near_match

SUBMODULE = "160000"
SYMLINK = "120000"
"""Modes of what is no plain file."""
_SHA1_LENGTH = 40
_OF_A_HOOK = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)
"""What git sets for its hooks, whatever folder they work in: left there, another repository would answer."""
_DEEPEN = "fetch the whole history: `git fetch --unshallow`, or fetch-depth: 0 for actions/checkout"


@dataclass(frozen=True, slots=True)
class GitState:
    """Where the workspace stands; all None outside git."""

    commit: str | None = None
    dirty: bool | None = None
    """Tracked files differ from the commit."""
    branch: str | None = None
    """None too where a commit is checked out without one, as in most CI jobs: `api.circumstances` knows it there."""


class Changes(NamedTuple):
    """What differs between a commit and the working tree; paths are relative to a folder of the repository."""

    files: tuple[str, ...]
    """Sorted; those outside the folder begin with `../`."""
    untracked: frozenset[str]
    """Those of them that git does not know, neither at the commit nor now."""


class Held(NamedTuple):
    """A file of a commit."""

    mode: str
    blob: str
    """What git calls its content."""
    path: str
    """Relative to the workspace."""


def git_state(root: Path) -> GitState:
    """The state of the repository that holds `root`."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
        branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return GitState()
    return GitState(commit, dirty, None if branch == "HEAD" else branch)


def subject_of(root: Path, commit: str) -> str:
    """The first line of a commit's message; empty where git can't tell."""
    try:
        return _git(root, "log", "-1", "--format=%s", commit, "--")
    except (OSError, subprocess.SubprocessError):
        return ""


def subjects_between(root: Path, older: str, newer: str) -> tuple[str, ...]:
    """Short hash and first line of the commits that `newer` has and `older` has not, newest first, fifty at most.

    Returns:
        Empty where git can't tell, as in a shallow clone.
    """
    try:
        told = _git(root, "log", "--max-count=50", "--format=%h %s", f"{older}..{newer}", "--")
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(told.splitlines())


def require_repository(root: Path) -> None:
    """Refuse a folder of which git can tell nothing.

    Raises:
        UsageError: git is not there, `root` is in no repository, or git does not trust whose it is.
    """
    try:
        _git(root, "rev-parse", "--git-dir")
    except FileNotFoundError:
        raise UsageError(
            "git is not installed, and what was there before is read out of it", remedy="install git"
        ) from None
    except subprocess.CalledProcessError as error:
        if not any((folder / ".git").exists() for folder in (root, *root.parents)):
            raise UsageError(
                "the workspace is no git repository, nor in one: what was there before can't be read",
                remedy="work in a clone of the repository",
            ) from None
        # As of a folder that is another user's: what to do git says itself, below.
        said, _, more = str(error.stderr).strip().removeprefix("fatal: ").partition("\n")
        remedy = " ".join(more.split()) or "`git status` says what is wrong"
        raise UsageError(f"git can't read the repository: {said}", remedy=remedy) from None


def commit_of(root: Path, ref: str) -> str:
    """The commit that a branch, tag, `HEAD~3` or hash names.

    Raises:
        UsageError: git is not there, `root` is in no repository, or it has no such commit.
    """
    found = None if ref.startswith("-") else find_commit(root, ref)
    if found is not None:
        return found
    require_repository(root)
    if _is_shallow(root):
        raise UsageError(f"no commit {ref!r} in this clone, which is shallow", remedy=_DEEPEN)
    known = _git(root, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
    raise UsageError(f"git knows no {ref!r}", remedy=near_match(ref, known.split()) or "the repository has no commit")


def merge_base(root: Path, ref: str) -> str:
    """The newest commit that both HEAD and a ref come from.

    Raises:
        UsageError: there is no such ref, or this clone has no such commit.
    """
    other = commit_of(root, ref)
    try:
        return _git(root, "merge-base", "HEAD", other)
    except subprocess.SubprocessError:
        why = "in this clone, which is shallow" if _is_shallow(root) else "at all"
        remedy = _DEEPEN if _is_shallow(root) else "name another base"
        raise UsageError(f"HEAD and {ref!r} have no commit in common {why}", remedy=remedy) from None


def changed_files(root: Path, commit: str) -> Changes:
    """The files of the whole repository that differ between a commit and the working tree.

    Those that git does not know count too, unless it is told to ignore them. Of a renamed file both names are given; a
    submodule is named by its folder.

    Args:
        root: A folder of the repository; paths are relative to it.
        commit: What the working tree is held against.

    Raises:
        UsageError: git can't tell.
    """
    top = os.fsdecode(_bytes(root, "rev-parse", "--show-cdup").rstrip(b"\n"))
    differing = ("--name-only", "-z", "--no-renames", "--no-relative", "--ignore-submodules=none", "--no-ext-diff")
    tracked = _bytes(root, "diff", *differing, commit, "--")
    others = _bytes(root / top, "ls-files", "--others", "--exclude-standard", "-z")
    prefix = prefix_of(root)
    known, unknown = (
        {
            os.path.relpath(os.fsdecode(path).rstrip("/"), prefix or ".").replace(os.sep, "/")
            for path in listed.split(b"\0")
            if path
        }
        for listed in (tracked, others)
    )
    return Changes(tuple(sorted(known | unknown)), frozenset(unknown - known))


def prefix_of(root: Path) -> str:
    """Where the folder `root` lies in its repository: `services/desk/`; empty where it is the repository's own.

    Raises:
        UsageError: it lies in none.
    """
    return os.fsdecode(_bytes(root, "rev-parse", "--show-prefix").rstrip(b"\n"))


def tracked_below(root: Path, folder: str) -> tuple[str, ...]:
    """The files that git knows in a folder of `root`, sorted; the folder itself where it is a link or a submodule.

    Returns:
        Empty where `root` lies in no repository, or git is not there.
    """
    # Of a repository that is another user's, as in many a container, too: it is only read, and no hook of it is run.
    reading = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false")
    try:
        # The name in any case: some file systems take them for one.
        found = _git(root, *reading, "ls-files", "-z", "--", f":(icase){folder}")
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(sorted(path for path in found.split("\0") if path))


def default_branch(root: Path) -> str | None:
    """The default branch of the remote `origin`, as `origin/main`; None where the clone does not know it."""
    try:
        return _git(root, "rev-parse", "--abbrev-ref", "--verify", "--quiet", "origin/HEAD")
    except (OSError, subprocess.SubprocessError):
        return None


def find_commit(root: Path, ref: str) -> str | None:
    """The commit of a ref, where it is there and git can be asked."""
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    except (OSError, subprocess.SubprocessError):
        return None


def files_at(root: Path, commit: str) -> tuple[Held, ...]:
    """What the commit holds of the folder `root`, submodules and links among it.

    Raises:
        UsageError: git can't list it.
    """
    # From inside a folder git lists that folder, with paths relative to it.
    listed = _bytes(root, "ls-tree", "-r", "-z", commit)
    found = []
    for line in listed.split(b"\0")[:-1]:
        facts, _, path = line.partition(b"\t")
        mode, _, blob = facts.decode().split(" ")
        found.append(Held(mode, blob, path.decode("utf-8", "surrogateescape")))
    return tuple(found)


def file_at(root: Path, commit: str, path: str) -> bytes | None:
    """One plain file of the folder `root` as it is in the commit; None where it is not there.

    Raises:
        UsageError: git can't read it.
    """
    held = next((held for held in files_at(root, commit) if held.path == path), None)
    if held is None or held.mode in (SUBMODULE, SYMLINK):
        return None
    return next(contents(root, [held]))


def contents(root: Path, files: Sequence[Held]) -> Iterator[bytes]:
    """The content of each file, one in memory at a time.

    Raises:
        UsageError: git can't read one.
    """
    command = ["git", "-C", str(root), "cat-file", "--batch"]
    with subprocess.Popen(  # noqa: S603  # fixed words
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for held in files:
            process.stdin.write(held.blob.encode() + b"\n")
            process.stdin.flush()
            head = process.stdout.readline().split()
            if len(head) != 3 or head[1] != b"blob":
                raise UsageError(f"git can't read {held.path}", remedy="`git fsck` says what is wrong")
            data = process.stdout.read(int(head[2]) + 1)
            yield data[:-1]


def is_blob(data: bytes, blob: str) -> bool:
    """Whether a content is what git calls so."""
    # Repositories name by SHA-1 or, with the longer names, by SHA-256.
    kind = "sha1" if len(blob) == _SHA1_LENGTH else "sha256"
    return hashlib.new(kind, b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == blob


def _is_shallow(root: Path) -> bool:
    return _git(root, "rev-parse", "--is-shallow-repository") == "true"


def _bytes(root: Path, *words: str) -> bytes:
    try:
        command = ["git", "-C", str(root), *words]
        return subprocess.run(  # noqa: S603  # fixed words
            command, capture_output=True, check=True, timeout=60, env=_environment()
        ).stdout
    except OSError as error:
        raise UsageError(f"git can't be run: {error.strerror}", remedy="install git") from None
    except subprocess.SubprocessError as error:
        raise UsageError(f"git {words[0]} failed: {error}", remedy="`git fsck` says what is wrong") from None


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(  # noqa: S603  # fixed words
        # A branch may be named in any encoding, and a message written in one.
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
        timeout=10,
        env=_environment(),
    )
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
