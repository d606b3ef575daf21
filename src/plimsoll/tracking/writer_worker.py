"""The MLflow writer's own side: imports MLflow, opens the store, and logs what it is told to.

One call after the other, in the order they were asked: the handlers don't wait for anything but MLflow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from plimsoll.config import ProjectSettings, TrackingPolicy, Workspace, environment
from plimsoll.gates import with_baseline
from plimsoll.runs.join import read_report
from plimsoll.tracking.loading import load_for_writing
from plimsoll.tracking.location import locate
from plimsoll.tracking.log import Attachments, attach, log_run
from plimsoll.tracking.registry_store import MlflowRegistryStore
from plimsoll.tracking.remote_registry import answer
from plimsoll.tracking.requests import (
    AttachRequest,
    LogRequest,
    OpenRequest,
    RegistryRequest,
    errors_told,
    to_json,
)
from plimsoll.tracking.store import TrackingStore, open_store
from plimsoll.types import Report
from plimsoll.workers.child import serve


class _Writer:
    def __init__(self) -> None:
        self._opened: TrackingStore | None = None
        self._policy = TrackingPolicy()

    @property
    def _store(self) -> TrackingStore:
        assert self._opened is not None, "the parent waits until the store is open"
        return self._opened

    async def open(self, params: Any) -> None:
        """Import MLflow and open the store."""
        request = msgspec.convert(params, OpenRequest)
        workspace = Workspace(Path(request.root), ProjectSettings.model_validate(request.settings))
        self._policy = workspace.settings.tracking
        environ = environment(workspace.root)
        with errors_told():
            # First, so that an address that is no store is known before anything is imported.
            locate(None, workspace, environ)
            load_for_writing(environ)
            self._opened = open_store(None, workspace, environ)

    async def log(self, params: Any) -> Any:
        """Log a run from its folder."""
        request = msgspec.convert(params, LogRequest)
        files = {name: Path(path) for name, path in request.files.items()}
        with errors_told(), self._store:
            report: Report = read_report(Path(request.folder))
            if request.baseline is not None:
                report = with_baseline(report, read_report(Path(request.baseline.folder)), request.baseline.target)
            attached = Attachments(files=files, suite_text=request.suite_text, tags=request.tags)
            return to_json(log_run(self._store, report, request.summary, attached, policy=self._policy))

    async def attach(self, params: Any) -> str:
        """Add to a run that was logged before."""
        request = msgspec.convert(params, AttachRequest)
        files = {name: Path(path) for name, path in request.files.items()}
        with errors_told(), self._store:
            return attach(self._store, request.run, files, tags=request.tags)

    async def registry(self, params: Any) -> Any:
        """Call the registry."""
        request = msgspec.convert(params, RegistryRequest)
        with errors_told():
            return answer(MlflowRegistryStore(self._store), request.method, request.arguments)


def main() -> None:
    """Serve until the parent is gone."""
    writer = _Writer()
    serve({"open": writer.open, "log": writer.log, "attach": writer.attach, "registry": writer.registry})


if __name__ == "__main__":
    main()
