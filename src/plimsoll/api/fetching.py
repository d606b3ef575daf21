"""Runs by the words that name them: those on this disk, and those that only the tracking server has.

A run comes from the server into `.plimsoll/fetched/RUN`, whole or not at all, and only as its param says that it was
logged. It lies apart from this workspace's own runs, so that nothing resumes it or takes it for the newest.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from plimsoll.api.run_words import Server, Word, alias_word, run_word, suite_alone
from plimsoll.api.runs import RUNS
from plimsoll.canonical import write_atomic
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, InfrastructureError, UsageError, near_match, unwritable
from plimsoll.registry import TamperedError
from plimsoll.runs.folders import find_run, run_folders
from plimsoll.tracking.run_search import FoundRun, StoredRuns, Wanted
from plimsoll.tracking.stored_runs import Stored, is_whole, packed_names, state_of, unpack
from plimsoll.types import Decision, Part, Verdict

_ID = re.compile(r"\d{8}-.*|(.*-)?[0-9a-f]{4}|[0-9a-f]{32}")
"""A run's id, its beginning or end, or an MLflow run's id."""
FETCHED = "fetched"
"""In the state folder: runs that came from the tracking server."""
_STATE = "stored.json"
"""In a fetched run's folder: what it was found as."""
_VERDICTS = "gate/*/verdict.json"
"""In a run's folder: what gates decided over it."""
_PATIENCE = 600.0
"""Seconds to wait for another process that brings the same run: a large one takes its time."""


class NoRunError(UsageError):
    """No run is called so, neither here nor, where it was asked, on the server."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What a run must be for what it is to serve."""

    refuse: Callable[[Stored], str | None] = lambda _: None
    """Why it can't be taken, in words."""
    pass_over: Callable[[Stored, Mapping[str, Decision]], str | None] = lambda *_: None
    """Why, where the newest is asked for, it is never this one; by what gates decided over its targets too."""
    doubt: Callable[[Stored, Sequence[FoundRun]], str | None] = lambda *_: None
    """Why any other that fits is better; by all that were found, newest first."""


@dataclass(frozen=True, slots=True)
class NamedRun:
    """The run that a word means."""

    folder: Path
    stored: Stored
    told: str
    """Which run it is, of when, of which commit, where it came from."""
    target: str | None = None
    """As the word says."""
    own: bool = False
    """It was meant by its id, and is one of this workspace's own."""
    outcomes: Mapping[str, Decision] = field(default_factory=dict)
    """Target → what the last gate over it decided."""
    doubt: str | None = None
    """Why another would have been better, had there been one."""


def named_run(
    workspace: Workspace,
    word: Word,
    server: Callable[[], StoredRuns],
    *,
    suite: str | None = None,
    fit: Fit | None = None,
) -> NamedRun:
    """The run that a word means, brought here where it is not on this disk.

    An id is looked for on this disk first. Of a branch or a tag it is the newest complete run that the server has and
    that fits; of a branch one that was made for no pull request, and one whose files were committed, unless there is no
    other.

    Args:
        workspace: Where runs lie.
        word: Which run.
        server: Opens the server's runs: it takes seconds, and not every run needs it.
        suite: Only this suite's; None is any suite's.
        fit: What it must be.

    Raises:
        UsageError: there is no such run, there are several, or it does not fit.
        TamperedError: what the server has is not what was logged.
        InfrastructureError: the server can't be asked.
    """
    asked = fit or Fit()
    if word.by != "run":
        return _newest(workspace, word, server(), suite, asked)
    here = _on_disk(workspace, word.value)
    if here is None:
        return _from_server(workspace, word, server, suite, asked)
    kept = found_as(here)
    if kept is not None:
        _refuse(kept.state, suite, asked)
        return _named(workspace, here, kept, word, asked.doubt(kept.state, ()))
    stored = state_of(here)
    _refuse(stored, suite, asked)
    doubt = asked.doubt(stored, ())
    return NamedRun(here, stored, stored.words, word.target, own=True, outcomes=_outcomes_in(here), doubt=doubt)


def any_run(workspace: Workspace, written: str, server: Server) -> NamedRun:
    """The run that a word or an id means, whichever suite's.

    Raises:
        UsageError: there is no such run, or there are several.
        TamperedError: what the server has is not what was logged.
        InfrastructureError: the server can't be asked.
    """
    word = run_word(written) or alias_word(workspace, written, server, lambda: suite_alone(workspace, None))
    if word is not None:
        return named_run(workspace, word, server.stored_runs, fit=BY_WORD)
    return named_run(workspace, Word("run", written, plain=True), server.stored_runs)


def _held_out(stored: Stored, _: Mapping[str, Decision]) -> str | None:
    return "opened held-out cases" if stored.part is Part.HELD_OUT else None


BY_WORD = Fit(pass_over=_held_out)
"""To be looked at: who means a run that opened held-out cases names it."""


def _from_server(
    workspace: Workspace, word: Word, server: Callable[[], StoredRuns], suite: str | None, fit: Fit
) -> NamedRun:
    if word.plain and not _ID.fullmatch(word.value):
        # A slip in a target's or an alias' name is told at once: the server takes seconds to ask.
        remedy = f"run:{word.value} asks the tracking server for a run whose id has this in it"
        raise NoRunError(f"no run {word.value!r} on this disk", remedy=remedy)
    try:
        runs = server()
        found = _one(runs.find(Wanted(by="run", value=word.value)), word, suite)
        known = () if found else runs.known(Wanted(by="run", value=word.value, suite=suite))
    except InfrastructureError as error:
        message = f"no run {word.value!r} on this disk, and the tracking server can't be asked: {error.message}"
        raise InfrastructureError(message, remedy=error.remedy) from error
    if found is None:
        raise NoRunError(f"no run {word.value!r}, here or on the tracking server", remedy=_near(word.value, known))
    _refuse(found.state, suite, fit)
    return _brought(workspace, runs, found, word, fit.doubt(found.state, ()))


def _on_disk(workspace: Workspace, run: str) -> Path | None:
    """A run of this workspace's own by its id or a part of it; one that was fetched before by its id."""
    runs = workspace.state / RUNS
    if any(run in folder.name for folder in run_folders(runs)):
        return find_run(runs, run)
    kept = None if "/" in run else found_as(workspace.state / FETCHED / run)
    # One that was not complete may have gone on.
    done = kept is not None and kept.state.complete and is_whole(kept.state, workspace.state / FETCHED / run)
    return workspace.state / FETCHED / run if done else None


def _newest(workspace: Workspace, word: Word, runs: StoredRuns, suite: str | None, fit: Fit) -> NamedRun:
    wanted = Wanted(by=word.by, value=word.value, suite=suite)
    found = runs.find(wanted)
    if not found:
        whose = "" if suite is None else f" of {suite}"
        known = [f"{word.by}:{each}" for each in runs.known(wanted)]
        raise UsageError(f"the tracking server has no run{whose} for {word}", remedy=_near(str(word), known))
    # What a gate decides here is known here first: the server may not have been told.
    found = tuple(
        msgspec.structs.replace(
            each, outcomes={**each.outcomes, **_outcomes_in(workspace.state / RUNS / each.state.run)}
        )
        for each in found
    )
    fitting: list[FoundRun] = []
    why: list[str] = []
    for each in found:
        no = None if each.state.complete else "is not complete"
        no = no or fit.refuse(each.state) or fit.pass_over(each.state, each.outcomes)
        if no is None:
            fitting.append(each)
        else:
            why.append(f"{each.state.run} {no}")
    if not fitting:
        told = "; ".join(why[:3]) + (f"; and {len(why) - 3} more" if len(why) > 3 else "")
        remedy = "plimsoll run there, without options; or name one all the same: run:ID"
        raise UsageError(f"no run for {word} can be taken: {told}", remedy=remedy)

    def order(each: FoundRun) -> tuple[bool, ...]:
        of_branch = word.by == "branch"
        return (
            fit.doubt(each.state, found) is not None,
            of_branch and each.state.of_request,
            of_branch and bool(each.state.dirty),
        )

    # The first of equals, which is the newest.
    chosen = min(fitting, key=order)
    _refuse_double(chosen, found)
    doubt = fit.doubt(chosen.state, found)
    own = workspace.state / RUNS / chosen.state.run
    if own.is_dir():
        stored = state_of(own)
        _refuse(stored, suite, fit)
        told = f"{word}, which is {stored.words}"
        return NamedRun(own, stored, told, word.target, outcomes=chosen.outcomes, doubt=doubt)
    return _brought(workspace, runs, chosen, word, doubt)


def _outcomes_in(run: Path) -> dict[str, Decision]:
    """What gates decided over a run of this workspace's own; a verdict that can't be read is none."""
    found = {}
    for path in run.glob(_VERDICTS):
        with suppress(OSError, msgspec.MsgspecError):
            verdict = msgspec.json.decode(path.read_bytes(), type=Verdict)
            found[verdict.target] = verdict.outcome
    return found


def _one(found: Sequence[FoundRun], word: Word, suite: str | None) -> FoundRun | None:
    """The only one that is meant; None where there is none."""
    of_suite = [each for each in found if suite in (None, each.state.suite)] or found
    names = list(dict.fromkeys(each.state.run for each in of_suite))
    if len(names) > 1:
        raise UsageError(f"{word.value!r} could be {', '.join(names[:3])}", remedy="give more of the id")
    if not of_suite:
        return None
    _refuse_double(of_suite[0], of_suite)
    return of_suite[0]


def _refuse_double(chosen: FoundRun, found: Sequence[FoundRun]) -> None:
    """Two MLflow runs that say that they are the same run, with other contents: it can't be told which one is."""
    same = [each for each in found if each.state.run == chosen.state.run and each.state.files != chosen.state.files]
    if same:
        names = ", ".join(each.mlflow for each in (chosen, *same))
        raise UsageError(
            f"several MLflow runs say that they are run {chosen.state.run}, with other contents: {names}",
            remedy="name the right one, run:MLFLOW_RUN_ID; delete the others in MLflow",
        )


def _refuse(stored: Stored, suite: str | None, fit: Fit) -> None:
    if suite is not None and stored.suite != suite:
        raise UsageError(f"run {stored.run} is one of {stored.suite}, not of {suite}", remedy=f"name one of {suite}")
    why = fit.refuse(stored)
    if why is not None:
        raise UsageError(f"run {stored.run} {why}", remedy="name another run")


def _near(word: str, known: Sequence[str]) -> str:
    return near_match(word, known[-20:]) or "the tracking server has no run that can be read back"


def _brought(workspace: Workspace, runs: StoredRuns, found: FoundRun, word: Word, doubt: str | None) -> NamedRun:
    return _named(workspace, fetch_run(workspace, runs, found), found, word, doubt)


def _named(workspace: Workspace, folder: Path, found: FoundRun, word: Word, doubt: str | None) -> NamedRun:
    more = f", of the experiment {found.experiment}" if found.experiment != _experiment(workspace) else ""
    again = ", logged anew after it had been complete" if found.earlier else ""
    named = "" if word.by == "run" else f"{word}, which is "
    told = f"{named}{found.state.words}, from MLflow run {found.mlflow}{more}{again}"
    return NamedRun(folder, found.state, told, word.target, outcomes=found.outcomes, doubt=doubt)


def _experiment(workspace: Workspace) -> str:
    return workspace.settings.experiment or workspace.root.name


def fetch_run(workspace: Workspace, runs: StoredRuns, found: FoundRun) -> Path:
    """Bring a run here, unless it is here as the server has it.

    Returns:
        Its folder, named by its id.

    Raises:
        TamperedError: what the server has is not what was logged; each file by name.
        InfrastructureError: the server or the disk failed.
    """
    name = found.state.run
    if Path(name).name != name or name.startswith("."):
        raise TamperedError(f"MLflow run {found.mlflow} says that it is a run named {name!r}, which is no run's id")
    folder = workspace.state / FETCHED / name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with alone(folder):
            kept = found_as(folder)
            if kept is not None and kept.state == found.state and is_whole(found.state, folder):
                if kept != found:
                    write_atomic(folder / _STATE, msgspec.json.encode(found))
                return folder
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}.") as making:
                whole = _downloaded(runs, found, Path(making))
                if folder.is_dir():
                    # An older state of it goes.
                    folder.rename(Path(making, "before"))
                whole.rename(folder)
    except OSError as error:
        raise unwritable(error, folder) from error
    return folder


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else brings this run meanwhile, or what gates left of it. Not to be held twice.

    Args:
        folder: Of a fetched run, there or not; the one that it lies in is there.

    Raises:
        InfrastructureError: another process brings it all the time, or the disk refuses.
    """
    lock = FileLock(folder.parent / f".{folder.name}.lock", timeout=_PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise InfrastructureError(
            f"run {folder.name} is being brought here by another process", remedy="wait for that one"
        ) from None
    except OSError as error:
        raise unwritable(error, folder) from error
    try:
        yield
    finally:
        lock.release()


def _downloaded(runs: StoredRuns, found: FoundRun, making: Path) -> Path:
    artifacts, whole = making / "artifacts", making / found.state.run
    artifacts.mkdir()
    whole.mkdir()
    runs.download(found.mlflow, packed_names(found.state), str(artifacts))
    wrong = list(unpack(found.state, artifacts, whole))
    if not wrong:
        try:
            # A param that was written before there were keys says nothing of them.
            unsaid = {} if found.state.keys else {"keys": ()}
            there = msgspec.structs.replace(state_of(whole), files=found.state.files, **unsaid)
        except ConfigError as error:
            wrong.append(error.message)
        else:
            wrong += [] if there == found.state else ["its plan and journal say something else than its param"]
    if wrong:
        raise TamperedError(
            f"run {found.state.run} on the tracking server (MLflow run {found.mlflow}) was altered: {'; '.join(wrong)}",
            remedy="don't rest anything on it; run the suite there again",
        )
    write_atomic(whole / _STATE, msgspec.json.encode(found))
    return whole


def found_as(folder: Path) -> FoundRun | None:
    """What a fetched run was found as on the server; None of a folder that holds none."""
    try:
        return msgspec.json.decode((folder / _STATE).read_bytes(), type=FoundRun)
    except (OSError, msgspec.MsgspecError):
        return None
