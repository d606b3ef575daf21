"""The MLflow writer's own side: imports MLflow, opens the store, and logs what it is told to.

One call after the other, in the order they were asked: the handlers don't wait for anything but MLflow. That nobody
else logs the same run is the command's care.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from plimsoll.config import ProjectSettings, TrackingPolicy, Workspace, environment
from plimsoll.errors import InfrastructureError, PlimsollError
from plimsoll.gates import with_baseline
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import load_plan
from plimsoll.stats.summary import summarise
from plimsoll.tracking.attaching import attach, attach_verdict
from plimsoll.tracking.contract import RegistryStore
from plimsoll.tracking.doubles import remove_doubles
from plimsoll.tracking.labels import LabelsRequest, human_labels
from plimsoll.tracking.loading import load_for_writing
from plimsoll.tracking.location import locate
from plimsoll.tracking.log import Attachments, LoggedRun, log_run
from plimsoll.tracking.registry_store import MlflowRegistryStore
from plimsoll.tracking.remote_registry import answer
from plimsoll.tracking.requests import (
    GateFiles,
    LogRequest,
    OpenRequest,
    RegistryRequest,
    RunsRequest,
    errors_told,
    to_json,
)
from plimsoll.tracking.run_search import MlflowStoredRuns, StoredRuns
from plimsoll.tracking.store import TrackingStore, open_store
from plimsoll.types import Report, Verdict
from plimsoll.workers.child import Handler, serve

VERDICT_FILE = "verdict.json"
ATTESTATION_FILE = "attestation.json"
"""Among a gate's files."""


class Writer:
    """What the process does. Its handlers may serve in the caller's own process, for tests."""

    def __init__(self, load: Callable[[Mapping[str, str]], None] = load_for_writing) -> None:
        self._load = load
        self._opened: TrackingStore | None = None
        self._policy = TrackingPolicy()

    @property
    def handlers(self) -> dict[str, Handler]:
        """Method → what answers it."""
        return {"open": self.open, "log": self.log, "registry": self.registry, "runs": self.runs, "labels": self.labels}

    @property
    def _store(self) -> TrackingStore:
        assert self._opened is not None, "the parent waits until the store is open"
        return self._opened

    async def open(self, params: Any) -> None:
        """Import MLflow and open the store; again, it sees whether the store still answers."""
        request = msgspec.convert(params, OpenRequest)
        workspace = Workspace(Path(request.root), ProjectSettings.model_validate(request.settings))
        self._policy = workspace.settings.tracking
        environ = environment(workspace.root)
        with errors_told():
            # First, so that an address that is no store is known before anything is imported.
            locate(request.uri, workspace, environ)
            self._load(environ)
            self._opened = open_store(request.uri, workspace, environ)

    async def log(self, params: Any) -> Any:
        """Log a run from its folder, and what gates decided over it."""
        request = msgspec.convert(params, LogRequest)
        until = time.monotonic() + (self._policy.wait if request.seconds is None else request.seconds)
        with errors_told(), self._store:
            return to_json(self._logged(request, until))

    def _logged(self, request: LogRequest, until: float) -> LoggedRun:
        folder = Path(request.folder)
        report: Report = read_report(folder)
        cases = len(report.cases)
        if request.baseline is not None:
            other = read_report(folder / request.baseline.folder)
            report = with_baseline(report, other, request.baseline.target)
        attached = Attachments(
            _inside(folder, request.files),
            request.suite_text,
            request.tags,
            judges=request.judges,
            prompts=request.prompts,
            gate=load_plan(folder).gate,
            run=folder,
            cases=cases,
        )
        summary = request.summary or summarise(report)
        remove_doubles(self._store, report.run.id)
        policy = self._policy.model_copy(update={"wait": max(0.0, until - time.monotonic())})
        logged = log_run(self._store, report, summary, attached, policy=policy)
        if logged.unsynced is not None:
            return logged
        try:
            _check_time(until)
            self._attach(report.run.id, folder, request, before=not logged.traces)
            remove_doubles(self._store, report.run.id)
        except PlimsollError as error:
            return dataclasses.replace(logged, unsynced=error.message)
        return logged

    def _attach(self, run: str, folder: Path, request: LogRequest, *, before: bool) -> None:
        """What gates left: of each in a folder of its own, and of the newest where a reader looks first."""
        if not request.gates:
            return
        files = {
            f"gate/{target}/{name}": path for target, gate in request.gates.items() for name, path in gate.files.items()
        }
        *_, newest = request.gates.values()
        # A run that was logged before has a report without the newest verdict.
        rest = {name: path for target, gate in request.gates.items() for name, path in _rest(folder, target, gate)}
        every = {**(request.files if before else {}), **rest, **files, **newest.files}
        attested = {"": newest, **{f"gate/{target}/": gate for target, gate in request.gates.items()}}
        outdated = {f"{at}{ATTESTATION_FILE}" for at, gate in attested.items() if ATTESTATION_FILE not in gate.files}
        attach(self._store, run, _inside(folder, every), outdated=outdated)
        for gate in request.gates.values():
            if VERDICT_FILE in gate.files:
                verdict = _verdict(folder / gate.files[VERDICT_FILE])
                evidence = gate.outcome is not None
                attach_verdict(self._store, run, verdict, evidence=evidence, newest=gate is newest)

    async def registry(self, params: Any) -> Any:
        """Call the registry."""
        request = msgspec.convert(params, RegistryRequest)
        with errors_told():
            return answer(MlflowRegistryStore(self._store), RegistryStore, request.method, request.arguments)

    async def labels(self, params: Any) -> Any:
        """Read what people said of answers."""
        request = msgspec.convert(params, LabelsRequest)
        with errors_told(), self._store:
            return to_json(human_labels(self._store, request))

    async def runs(self, params: Any) -> Any:
        """Read runs that were logged."""
        request = msgspec.convert(params, RunsRequest)
        with errors_told(), self._store:
            return answer(MlflowStoredRuns(self._store), StoredRuns, request.method, request.arguments)


def _rest(folder: Path, target: str, gate: GateFiles) -> Iterator[tuple[str, str]]:
    """What an attestation rests on besides the run: so that it can be verified from the server alone."""
    if gate.outcome is None:
        return
    for place in {(folder / path).parent for path in gate.files.values()}:
        for path in sorted(place.rglob("*")):
            relative = path.relative_to(place)
            if path.is_file() and "__pycache__" not in relative.parts:
                yield f"gate/{target}/{relative.as_posix()}", str(path)


def _inside(folder: Path, files: Mapping[str, str]) -> dict[str, Path]:
    return {name: folder / path for name, path in files.items()}


def _verdict(path: Path) -> Verdict:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Verdict)
    except (OSError, msgspec.MsgspecError) as error:
        raise InfrastructureError(f"{path}: {error}", remedy="gate the run again") from error


def _check_time(until: float) -> None:
    if time.monotonic() > until:
        raise InfrastructureError("the time for logging is used up; the rest is still on disk")


def main() -> None:
    """Serve until the parent is gone."""
    serve(Writer().handlers)


if __name__ == "__main__":
    main()
