"""The suite as it was at a git commit: its files read out of git, its target bundled, its cases.

A commit's files are written once, under `.plimsoll/refs/COMMIT`, and anew where one of them is not what the commit
holds; nothing is checked out. What is read there is told as git writes it: `main:suites/desk.yaml:3`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from plimsoll.api.champions import BUNDLES, bundle_spec, under_other_names
from plimsoll.api.git import SUBMODULE, SYMLINK, Held, commit_of, contents, files_at, is_blob
from plimsoll.api.prepare import DATASETS
from plimsoll.api.targets import TargetSpec, describe, expand
from plimsoll.canonical import short
from plimsoll.config import Document, ModelSettings, Suite, Workspace, environment, read_yaml, validate
from plimsoll.config.secrets import secrets_of
from plimsoll.datasets import Dataset, open_dataset
from plimsoll.errors import ConfigError, Mistake, UsageError, Where, near_match
from plimsoll.registry import materialise

REFS = "refs"
"""In the state folder: files of commits."""
_LFS_POINTER = b"version https://git-lfs."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The workspace's files as they were at a commit."""

    workspace: Workspace
    """Today's."""
    ref: str
    """As it was asked for."""
    commit: str
    root: Path
    """Where the files lie."""
    submodules: tuple[str, ...] = ()
    """Folders of which the commit has no files."""

    def shown(self, path: str) -> str:
        """A path as messages show it."""
        return f"{self.ref}:{path}"

    @property
    def words(self) -> str:
        """The ref with its commit, for people."""
        return self.ref if self.commit.startswith(self.ref) else f"{self.ref} ({self.commit[:8]})"


@dataclass(frozen=True, slots=True)
class SuiteAt:
    """A suite as it was at a commit."""

    files: Snapshot
    suite: Suite
    document: Document

    def dataset(self) -> Dataset:
        """Its dataset.

        Raises:
            ConfigError: it isn't in the commit, or can't be read.
        """
        written = self.suite.dataset
        path, shown = self.files.root / Path(written).expanduser(), self.files.shown(written)
        inside = Path(os.path.normpath(path)).is_relative_to(self.files.root)
        if not inside or not path.is_file():
            remedy = "write dataset_changes: allow under gate, where datasets are not in git"
            raise ConfigError([_elsewhere(self.files, written) or Mistake("is not in git", Where(shown), remedy)])
        return open_dataset(path, shown, self.suite.defaults, copies=self.files.workspace.state / DATASETS)


def snapshot(workspace: Workspace, ref: str) -> Snapshot:
    """The workspace's files at a ref, written to the state folder unless they are there; none where it was not yet.

    Raises:
        UsageError: there is no git, or no such ref.
    """
    commit = commit_of(workspace.root, ref)
    held = files_at(workspace.root, commit)
    folder = workspace.state / REFS / commit
    if folder.is_dir() and not _is_whole(held, folder):
        _set_aside(folder)
    if not folder.is_dir():
        _write(workspace.root, held, folder)
    submodules = tuple(entry.path for entry in held if entry.mode == SUBMODULE)
    return Snapshot(workspace, ref, commit, folder, submodules)


def suite_at(files: Snapshot, name: str) -> SuiteAt:
    """The suite of a name, as it was.

    Raises:
        UsageError: there was none of that name.
        ConfigError: every mistake in its file.
    """
    found = find_suite(files, name)
    if found is None:
        known = [written for written, _ in _suites(files)]
        remedy = near_match(name, known) or "it has no suite at all: name a later commit"
        raise UsageError(f"at {files.words} there is no suite named {name!r}", remedy=remedy)
    return found


def find_suite(files: Snapshot, name: str) -> SuiteAt | None:
    """The suite of a name, as it was; None where there was none.

    Raises:
        ConfigError: every mistake in its file.
    """
    document = next((document for written, document in _suites(files) if written == name), None)
    return None if document is None else SuiteAt(files, validate(document, Suite), document)


def _suites(files: Snapshot) -> Iterator[tuple[str, Document]]:
    """Every suite whose file can be read, by the name in it."""
    there = Workspace(files.root, files.workspace.settings)
    for path in there.suite_files():
        try:
            document = read_yaml(path, files.shown(there.shown(path).as_posix()))
        except ConfigError:
            continue
        if isinstance(document.data, dict):
            yield str(document.data.get("name")), document


def target_at(suite: SuiteAt, target: str, name: str, known: Mapping[str, ModelSettings]) -> TargetSpec:
    """A target as it was, to run beside today's.

    Args:
        suite: Whose.
        target: Its name there.
        name: What it is called in the run.
        known: Today's models.

    Raises:
        UsageError: there was none of that name.
        ConfigError: every mistake in its files.
    """
    files, targets = suite.files, expand(suite.suite)
    if target not in targets:
        raise UsageError(
            f"at {files.words} the suite {suite.suite.name} has no target {target!r}",
            remedy=f"{near_match(target, targets)}; write git:{files.ref}:TARGET",
        )
    secrets = secrets_of(environment(files.workspace.root))
    models = suite.suite.models
    try:
        spec = describe(target, targets[target], root=files.root, models=models, secrets=secrets)
        _refuse_pointers(files, spec)
    except ConfigError as error:
        raise ConfigError([_placed(files, suite.document, target, mistake) for mistake in error.mistakes]) from None
    if spec.bundle is None:
        settings, renamed = under_other_names(name, spec.settings, spec.models, known)
        return describe(name, settings, root=files.root, models=renamed, secrets=secrets)
    folder = materialise(spec.bundle, files.workspace.state / BUNDLES / short(spec.bundle.digest, 32))
    return bundle_spec(name, spec.bundle, folder, known)


def _write(root: Path, held: tuple[Held, ...], folder: Path) -> None:
    """Write a commit's files, the whole of them or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    plain = [entry for entry in held if entry.mode != SUBMODULE]
    try:
        _refuse_outside(plain)
        for entry, data in zip(plain, contents(root, plain), strict=True):
            path = making / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if entry.mode != SYMLINK:
                path.write_bytes(data)
            elif _stays_inside(entry.path, os.fsdecode(data)):
                path.symlink_to(os.fsdecode(data))
        making.rename(folder)
    except OSError:
        # Another process may have been quicker.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _is_whole(held: tuple[Held, ...], folder: Path) -> bool:
    """Whether a folder still holds the commit's files, each as git names its content, and no other."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()}
    made = {path for path in there if "__pycache__" in PurePosixPath(path).parts}
    for entry in held:
        path = folder / entry.path
        if entry.mode == SUBMODULE:
            continue
        if entry.path in there:
            link = path.is_symlink()
            data = os.fsencode(path.readlink()) if link else path.read_bytes()
            if link != (entry.mode == SYMLINK) or not is_blob(data, entry.blob):
                return False
        elif entry.mode != SYMLINK:
            # A link that leads out of the workspace was left out.
            return False
    return there - made <= {entry.path for entry in held}


def _set_aside(folder: Path) -> None:
    """Take a folder away at once: nobody sees half of it."""
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        folder.rename(aside / folder.name)
    except FileNotFoundError:
        # Another process was quicker.
        pass
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _refuse_outside(held: list[Held]) -> None:
    """Git writes no such path itself; a commit that was made by hand may have one."""
    for entry in held:
        if ".." in PurePosixPath(entry.path).parts:
            raise UsageError(f"the commit has a file at {entry.path!r}, outside the workspace", remedy="`git fsck`")


def _stays_inside(link: str, to: str) -> bool:
    """Whether a link leads to a place in the workspace; one that leads out is left out."""
    target = PurePosixPath(os.path.normpath(PurePosixPath(link).parent / to))
    return not target.is_absolute() and ".." not in target.parts


def _refuse_pointers(files: Snapshot, spec: TargetSpec) -> None:
    found = {} if spec.bundle is None else spec.bundle.files
    pointers = [path for path, data in found.items() if data.startswith(_LFS_POINTER)]
    if pointers:
        message = "a Git LFS pointer stands in place of the file, whose content the commit does not hold"
        remedy = "name an alias or another target as the baseline"
        raise ConfigError([Mistake(message, Where(files.shown(path)), remedy) for path in pointers])


def _placed(files: Snapshot, document: Document, target: str, mistake: Mistake) -> Mistake:
    """A mistake with a place that says at which commit."""
    if mistake.where is None:
        return document.mistake(("targets", target.partition("@")[0]), mistake.message, mistake.remedy)
    path = str(mistake.where.file).removeprefix(f"{files.root}/")
    if path.startswith(f"{files.ref}:"):
        return mistake
    found = _elsewhere(files, path)
    return found or Mistake(mistake.message, Where(files.shown(path), mistake.where.line), mistake.remedy)


def _elsewhere(files: Snapshot, path: str) -> Mistake | None:
    """Why a file isn't there, where it lies in a submodule."""
    for folder in _in(path, files.submodules):
        message = f"lies in the submodule {folder}, of which a commit holds no files"
        return Mistake(message, Where(files.shown(path)), "name an alias or another target as the baseline")
    return None


def _in(path: str, folders: tuple[str, ...]) -> Iterator[str]:
    return (folder for folder in folders if PurePosixPath(os.path.normpath(path)).is_relative_to(folder))
