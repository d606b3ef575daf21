"""Which suites a change affects: what git says has changed, against what each suite depends on, now and before.

Nothing of the workspace is run to find out: suites, prompts, flows and datasets are read, and Python is parsed.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.api.affected_inputs import PROJECT, SuiteFiles, suites_of
from plimsoll.api.circumstances import LOCAL, circumstances
from plimsoll.api.git import (
    Changes,
    changed_files,
    default_branch,
    file_at,
    git_state,
    merge_base,
    prefix_of,
    require_repository,
)
from plimsoll.api.own_state import refuse_committed_state
from plimsoll.api.refs import snapshot
from plimsoll.ci.affected import Affected, Candidate, Change, Effect, Inputs, affected
from plimsoll.config import Workspace
from plimsoll.config.ci import OF_NO_INFLUENCE
from plimsoll.config.nightly import accepted_path
from plimsoll.errors import ExitCode, PlimsollError, UsageError

_HARMLESS = {
    "project": {
        *("authors", "classifiers", "description", "keywords", "license", "license-files", "maintainers"),
        *("readme", "urls", "version"),
    },
    "tool": {
        *("black", "codespell", "commitizen", "coverage", "importlinter", "isort", "mypy", "pylint", "pyright"),
        *("pytest", "ruff", "towncrier", "ty"),
    },
}
"""Keys of pyproject.toml that no suite's result depends on."""
_NO_BASE = "name what the change starts from: --base origin/main"


class DeletedSuiteError(PlimsollError):
    """A change takes a suite away, and with it what its targets were held against: nobody can say what it would find.

    Absolute or not, no rule is left to fail, so a worse prompt could leave by this door. Somebody has to look.
    """

    exit_code = ExitCode.INCONCLUSIVE

    def __init__(self, suite: str) -> None:
        """Of the suite of this name."""
        super().__init__(
            f"this change deletes the suite {suite}, or renames it: what it guarded is measured by nothing",
            remedy="keep the suite and its name; or, where that is meant, have a maintainer merge it over this check",
        )


@dataclass(frozen=True, slots=True)
class AffectedSuites:
    """What a change affects, and which change that is."""

    base: str
    """The ref that the change starts from, as it was given or found."""
    merge_base: str
    """The newest commit that HEAD has in common with it: what is different since is the change."""
    found: Affected


def affected_suites(
    workspace: Workspace,
    base: str | None,
    environ: Mapping[str, str],
    writes: Callable[[Path], bool] = lambda _: False,
) -> AffectedSuites:
    """The suites whose results may be other ones for a change.

    Args:
        workspace: As it is now, uncommitted and untracked files with it.
        base: The git ref that the change starts from; None takes the pull request's, else the remote's default branch.
        environ: Of the process, where a CI system says what the pull request goes into.
        writes: Whether the command that asks writes a file itself: where git does not know it and no suite uses it, it
            is no part of the change.

    Raises:
        UsageError: there is no git, no repository, no such ref, or no change to look at; a job of a CI system names no
            base; or the state folder is under version control.
    """
    refuse_committed_state(workspace)
    root = workspace.root
    require_repository(root)
    ref = base or base_of(root, environ)
    commit = merge_base(root, ref)
    changes = changed_files(root, commit)
    own = frozenset(file for file in changes.untracked if writes(root / file))
    found = _affected(workspace, commit, changes, own)
    # A file that lies about in a job is no change either, so whether there are any does not tell.
    if not found.names and commit == git_state(root).commit and _in_ci(root, environ):
        raise UsageError(
            f"the commit that is checked out is part of {ref}: there is no change to look at",
            remedy="check out the pull request's own commit, or name another --base",
        )
    return AffectedSuites(ref, commit, found)


def _affected(workspace: Workspace, commit: str, changes: Changes, own: Collection[str]) -> Affected:
    files = changes.files
    now = suites_of(workspace, datasets=bool(files))
    if not files:
        none = (Effect(suite=_word(workspace, suite), file=_file(workspace, suite), affected=False) for suite in now)
        return Affected(suites=tuple(none), changed=())
    before = _before(workspace, commit)
    candidates = [
        Candidate(_word(workspace, suite), _file(workspace, suite), suite.inputs, _same(suite, workspace, before))
        for suite in now
    ]
    accepted = {accepted_path(suite.name) for suite in (*now, *before.values()) if suite.name is not None}
    nothing = dict.fromkeys(accepted, "which moves a night has accepted says nothing of a result")
    nothing |= dict.fromkeys(own, "this command writes it")
    change = Change(files, _ignored(workspace, nothing), _without_effect(workspace, commit, files))
    return affected(candidates, change, _deleted(workspace, now, before))


def base_of(root: Path, environ: Mapping[str, str]) -> str:
    """What a change goes into, where nobody names it: the pull request's target, else the remote's default branch.

    Args:
        root: A folder of the repository.
        environ: Of the process.

    Raises:
        UsageError: nothing says what it is.
    """
    target = environ.get("GITHUB_BASE_REF") or environ.get("SYSTEM_PULLREQUEST_TARGETBRANCH")
    if target:
        return f"origin/{target.removeprefix('refs/heads/')}"
    commit = environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA") or environ.get("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA")
    if commit:
        return commit
    if _in_ci(root, environ):
        # Of a push to a branch the default branch may be that very one: nothing would seem to have changed.
        raise UsageError("this job is no pull request's, so what the change starts from is not known", remedy=_NO_BASE)
    found = default_branch(root)
    if found is None:
        raise UsageError("the clone knows no default branch of a remote `origin`", remedy=_NO_BASE)
    return found


def _in_ci(root: Path, environ: Mapping[str, str]) -> bool:
    return circumstances(root, environ).trigger != LOCAL


def _before(workspace: Workspace, commit: str) -> dict[str, SuiteFiles]:
    """The suites as they were at a commit, by their file; none where the workspace was not there yet."""
    there = Workspace(snapshot(workspace, commit).root, workspace.settings)
    return {there.shown(suite.path).as_posix(): suite for suite in suites_of(there, datasets=False)}


def _file(workspace: Workspace, suite: SuiteFiles) -> str:
    return workspace.shown(suite.path).as_posix()


def _word(workspace: Workspace, suite: SuiteFiles) -> str:
    """The suite's name where a command takes it for this suite, else its file."""
    if suite.name is None or workspace.find_suite(suite.name) != suite.path:
        return _file(workspace, suite)
    return suite.name


def _same(suite: SuiteFiles, workspace: Workspace, before: Mapping[str, SuiteFiles]) -> Inputs | None:
    """What the suite of that name depended on; of one that can't be read, that of its file."""
    here = before.get(_file(workspace, suite))
    if suite.name is None or (here is not None and here.name == suite.name):
        return None if here is None else here.inputs
    return next((one.inputs for one in before.values() if one.name == suite.name), None)


def _deleted(workspace: Workspace, now: Sequence[SuiteFiles], before: Mapping[str, SuiteFiles]) -> dict[str, Inputs]:
    """The suites that are not there any more, by name. One that can't be read is there."""
    names = {suite.name for suite in now if suite.name is not None}
    unreadable = {_file(workspace, suite) for suite in now if suite.name is None}
    files = {_file(workspace, suite) for suite in now}
    return {
        suite.name or file: suite.inputs
        for file, suite in before.items()
        if (suite.name not in names and file not in unreadable if suite.name else file not in files)
    }


def _ignored(workspace: Workspace, nothing: Mapping[str, str]) -> Callable[[str], str | None]:
    """Says why a file is of no influence: `nothing` of single files, else the patterns built in and the project's."""
    from pathspec import GitIgnoreSpec

    patterns = [*OF_NO_INFLUENCE, *workspace.settings.ci.ignore]
    spec, prefix = GitIgnoreSpec.from_lines(patterns), prefix_of(workspace.root)

    def why(file: str) -> str | None:
        if file in nothing:
            return nothing[file]
        # What lies outside the workspace is looked for from the repository's root.
        path = os.path.normpath(f"{prefix}{file}") if file.startswith("../") else file
        found = spec.check_file(path)
        return f"matches {patterns[found.index]}" if found.include and found.index is not None else None

    return why


def _without_effect(workspace: Workspace, commit: str, files: Sequence[str]) -> dict[str, str]:
    """`pyproject.toml`, where nothing changed in it that a suite may depend on."""
    path = workspace.root / PROJECT
    if PROJECT not in files or not path.is_file():
        return {}
    then = file_at(workspace.root, commit, PROJECT)
    try:
        same = then is not None and _weighty(then) == _weighty(path.read_bytes())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    return {PROJECT: "no setting and no dependency changed in it"} if same else {}


def _weighty(data: bytes) -> dict[str, Any]:
    """What of a pyproject.toml a result may depend on."""
    table = tomllib.loads(data.decode())
    for name, harmless in _HARMLESS.items():
        inner = table.get(name)
        if isinstance(inner, dict):
            table[name] = {key: value for key, value in inner.items() if key not in harmless}
    return {key: value for key, value in table.items() if value != {}}
