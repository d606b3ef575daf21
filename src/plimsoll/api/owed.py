"""What a run owes to the tracking server, on disk before anything is sent: whatever dies then, nothing is forgotten.

`tracking.json` in the run's folder is what is to be logged, written when the run begins; `mlflow.json` is what was, and
where. A run is owed from its end on, as long as its newest request was not logged completely in any store. Who logs it
holds `mlflow.lock` in its folder. `.plimsoll/owed` holds an empty file for each run that is owed, so that a command can
tell how many there are without looking into thousands of folders; the folders decide.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct
from msgspec.structs import replace

from plimsoll.api.outgoing import leaving
from plimsoll.api.withholding import refuse_unredacted
from plimsoll.canonical import write_atomic
from plimsoll.config import environment
from plimsoll.errors import ConfigError, InfrastructureError, Mistake, PlimsollError, Where, unwritable
from plimsoll.runs.folders import is_complete, run_folders
from plimsoll.runs.plan import PLAN_FILE
from plimsoll.stats import Summary
from plimsoll.tracking import GateFiles, LoggedRun, LogRequest, MlflowWriter, StoredBaseline

REQUEST_FILE = "tracking.json"
"""What is to be logged of a run."""
TRACKING_FILE = "mlflow.json"
"""Where a run was logged: a `LoggedRun`, and which requests were logged completely."""
_LOCK_FILE = "mlflow.lock"
_MARKS = "owed"
_VERSION = 1


class Owed(Struct, frozen=True, kw_only=True):
    """What is to be logged of a run: everything that can't be made again from its folder."""

    version: int = _VERSION
    revision: str
    """Names this request: a run that is resumed or gated again gets another."""
    request: LogRequest
    ended: bool = True
    """Written when the run's cells had ended; else before they began, and it is owed only where the run is complete."""


class _Version(Struct):
    version: int


class _Logged(Struct):
    """What `mlflow.json` has beside the fields of a `LoggedRun`."""

    complete: dict[str, str] = {}
    """Store → the revision that it has completely."""


def foresee(folder: Path, request: LogRequest | None) -> None:
    """Write down what is to be logged of a run that begins, or goes on: nothing is owed until it has ended.

    Args:
        folder: The run's.
        request: As for `owe`; None where this session is not to be logged.

    Raises:
        InfrastructureError: the disk refuses.
    """
    try:
        before = read_owed(folder)
    except ConfigError:
        return
    try:
        if request is None and before is not None and not before.ended:
            (folder / REQUEST_FILE).unlink()
        if request is not None and before is None:
            _write(folder, request, ended=False)
    except OSError as error:
        raise _refused(folder, error) from error


def owe(state: Path, folder: Path, request: LogRequest) -> None:
    """Write down what is to be logged, before logging begins.

    What was written down before of gates stays, and so does under what circumstances the run happened.

    Args:
        state: The workspace's state folder.
        folder: The run's.
        request: Files in it by their path in the run's folder.

    Raises:
        InfrastructureError: the disk refuses.
    """
    try:
        before = read_owed(folder)
    except ConfigError:
        before = None
    if before is not None:
        gates = dict(before.request.gates)
        for target, gate in request.gates.items():
            gates.pop(target, None)
            gates[target] = gate
        request = replace(request, gates=gates, tags=before.request.tags or request.tags)
    try:
        mark = _mark(state, folder)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        _write(folder, request, ended=True)
    except OSError as error:
        raise _refused(folder, error) from error


def read_owed(folder: Path) -> Owed | None:
    """What was to be logged of a run; None of one that was run without tracking.

    Raises:
        ConfigError: it is damaged, or a later version's.
    """
    path = folder / REQUEST_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError([Mistake(f"can't be read: {error.strerror}", Where(path))]) from None
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version != _VERSION:
            mistake = Mistake(f"was written by another version (its format is {version})", Where(path), "use that one")
            raise ConfigError([mistake])
        return msgspec.json.decode(data, type=Owed)
    except msgspec.MsgspecError as error:
        remedy = "`plimsoll run --resume` or `plimsoll gate --run` writes it anew; the run itself may be whole"
        raise ConfigError([Mistake(f"damaged: {error}", Where(path), remedy)]) from None


def read_logged(folder: Path) -> LoggedRun | None:
    """Where a run was logged last; None where it never was, or where that can't be told."""
    try:
        return msgspec.json.decode((folder / TRACKING_FILE).read_bytes(), type=LoggedRun)
    except (OSError, msgspec.MsgspecError):
        return None


def has_ended(folder: Path, entry: Owed) -> bool:
    """Whether a run came to its end, also where its command died before it had written that down."""
    return entry.ended or is_complete(folder)


def is_owed(folder: Path, store: str | None = None) -> bool:
    """Whether a run has something to be logged that no store has, or that this one lacks.

    Raises:
        ConfigError: what is to be logged can't be read.
    """
    entry = read_owed(folder)
    if entry is None or not has_ended(folder, entry):
        return False
    complete = _complete(folder)
    return entry.revision not in complete.values() if store is None else complete.get(store) != entry.revision


def owed_runs(runs: Path) -> Iterator[Path]:
    """Every run that is owed, oldest first; also those of which that can't be told."""
    for folder in sorted(run_folders(runs)):
        try:
            if is_owed(folder):
                yield folder
        except ConfigError:
            yield folder


def marked(state: Path) -> frozenset[str]:
    """The runs that are owed as far as their marks say: no look into any run's folder."""
    try:
        return frozenset(path.name for path in (state / _MARKS).iterdir())
    except OSError:
        return frozenset()


def told_owed(state: Path) -> str | None:
    """How many runs are still to be logged, in a sentence; None where none is."""
    owed = len(marked(state))
    if not owed:
        return None
    return f"{owed} {'run is' if owed == 1 else 'runs are'} not in MLflow yet: plimsoll sync"


def told_of(folder: Path) -> str | None:
    """That a run is still to be logged, in a sentence; None where it is not."""
    try:
        owed = is_owed(folder)
    except ConfigError as error:
        return f"whether it is in MLflow can't be told: {error.mistakes[0]}"
    return f"it is not in MLflow yet: plimsoll sync {folder.name}" if owed else None


def unmark(state: Path, run: str) -> None:
    """Take a mark away: the run is owed no more, or gone."""
    with suppress(OSError):
        (state / _MARKS / run).unlink(missing_ok=True)


def log_owed(
    state: Path, folder: Path, writer: MlflowWriter, *, summary: Summary | None = None, seconds: float | None = None
) -> LoggedRun:
    """Log what a run owes; what can't be logged stays owed. Safe to repeat, and for several processes at once.

    Args:
        state: The workspace's state folder.
        folder: The run's; `owe` was called for it.
        writer: Logs it.
        summary: The run's figures; None has them made from it.
        seconds: How long it may take; None is the project's `wait`.

    Returns:
        Where it is in MLflow, and in `unsynced` what is not there and why: whatever went wrong, it is not raised.
    """
    wait = writer.workspace.settings.tracking.wait if seconds is None else seconds
    until = time.monotonic() + wait
    try:
        with _alone(folder, wait):
            left = max(0.0, until - time.monotonic())
            logged = _log(folder, writer, summary, left)
        # Read anew: the run may have been resumed meanwhile.
        if not is_owed(folder):
            unmark(state, folder.name)
    except PlimsollError as error:
        return LoggedRun(unsynced="; ".join(str(mistake) for mistake in error.mistakes))
    return logged


def _log(folder: Path, writer: MlflowWriter, summary: Summary | None, seconds: float) -> LoggedRun:
    """Log it and write down where it is now; for whoever holds the run's lock.

    Raises:
        PlimsollError: it can't be read, or made ready to leave, or nobody knows a field that is to be redacted.
    """
    entry = read_owed(folder)
    assert entry is not None, "the caller knows that there is something to log"
    request, notes = replace(entry.request, folder=str(folder), summary=summary), []
    if request.baseline is not None and not (folder / request.baseline.folder / PLAN_FILE).is_file():
        other = Path(request.baseline.folder).name
        notes.append(f"run {other}, whose {request.baseline.target} is the baseline, was removed: logged without it")
        request = replace(request, baseline=None, summary=None)
    workspace = writer.workspace
    refuse_unredacted(workspace, folder)
    left = leaving(workspace.settings.privacy, request, environment(workspace.root))
    logged = writer.log(left.request, seconds=seconds)
    logged = dataclasses.replace(logged, notes=(*notes, *left.notes, *logged.notes))
    complete = _complete(folder)
    if logged.unsynced is None and (store := writer.store) is not None:
        complete[store] = entry.revision
    try:
        told = {**msgspec.to_builtins(logged), "store": writer.store, "complete": complete}
        write_atomic(folder / TRACKING_FILE, msgspec.json.encode(told))
    except OSError as error:
        problem = logged.unsynced or f"{folder / TRACKING_FILE}: {error.strerror}"
        return dataclasses.replace(logged, unsynced=problem)
    return logged


@contextmanager
def _alone(folder: Path, seconds: float) -> Iterator[None]:
    """Nobody else makes a run ready to leave, or logs it, meanwhile.

    The command holds the lock for its writer, which ends with it.

    Raises:
        InfrastructureError: another process holds it all the time, or the folder can't be written.
    """
    lock = FileLock(folder / _LOCK_FILE, timeout=seconds)
    try:
        lock.acquire()
    except Timeout:
        raise InfrastructureError(
            f"run {folder.name} is being logged by another process", remedy="wait for that one"
        ) from None
    except OSError as error:
        raise unwritable(error, folder / _LOCK_FILE) from error
    try:
        yield
    finally:
        lock.release()


def gate_files(folder: Path, target: str, names: Mapping[str, Path], outcome: str | None) -> dict[str, GateFiles]:
    """What a gate left in a run's folder, as a request has it.

    Args:
        folder: The run's.
        target: The challenger.
        names: Artifact's name → file.
        outcome: The verdict in a word; None where it is no evidence.
    """
    files = {name: path.relative_to(folder).as_posix() for name, path in names.items()}
    return {target: GateFiles(files=files, outcome=outcome)}


def _write(folder: Path, request: LogRequest, *, ended: bool) -> None:
    kept = replace(request, folder="", baseline=_beside(folder, request.baseline))
    entry = Owed(revision=secrets.token_hex(8), request=kept, ended=ended)
    write_atomic(folder / REQUEST_FILE, msgspec.json.encode(entry))


def _refused(folder: Path, error: OSError) -> InfrastructureError:
    return unwritable(error, error.filename or folder / REQUEST_FILE)


def _complete(folder: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode((folder / TRACKING_FILE).read_bytes(), type=_Logged).complete
    except (OSError, msgspec.MsgspecError):
        # It can be made again: logging once more gives no duplicate.
        return {}


def _mark(state: Path, folder: Path) -> Path:
    return state / _MARKS / folder.name


def _beside(folder: Path, baseline: StoredBaseline | None) -> StoredBaseline | None:
    """The baseline's run by its place beside this one, where it lies there: a workspace may be moved."""
    if baseline is None or Path(baseline.folder).parent != folder.parent:
        return baseline
    return replace(baseline, folder=f"../{Path(baseline.folder).name}")
