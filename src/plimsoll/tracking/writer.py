"""The MLflow writer, seen from the command: a process of its own, since MLflow takes seconds of a core and 170 MB.

It starts at once and opens the tracking store while models answer; when a run has ended it is told to log it. What goes
wrong in there, also its death and its silence, is told on the run and changes nothing else: the run is on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from plimsoll.config import Workspace, environment
from plimsoll.errors import InfrastructureError, PlimsollError, UsageError
from plimsoll.tracking.contract import RegistryStore
from plimsoll.tracking.location import locate
from plimsoll.tracking.log import LoggedRun
from plimsoll.tracking.redact import Redactor, secrets_of
from plimsoll.tracking.remote_registry import RemoteRegistryStore
from plimsoll.tracking.requests import (
    AttachRequest,
    LogRequest,
    OpenRequest,
    RegistryRequest,
    error_told,
    to_json,
)
from plimsoll.workers import BackgroundWorker, WorkerCallError, WorkerError

_MODULE = "plimsoll.tracking.writer_worker"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which a writer that does not answer is given up."""

    opening: float = 180.0
    """Until the store is open, from its start on: a new database, and another process that makes it."""
    logging: float = 90.0
    """For one run, beyond the project's `wait`: the last call that is not interrupted."""
    asking: float = 120.0
    """For anything else."""


class MlflowWriter:
    """Logs runs and reads the registry through the writer process. A context manager; started when it is first needed.

    One may serve several runs. Not for several threads at once.
    """

    def __init__(self, workspace: Workspace, *, patience: Patience | None = None) -> None:
        self._workspace = workspace
        self._patience = patience or Patience()
        self._block = ExitStack()
        self._worker: BackgroundWorker | None = None
        self._opening: Future[Any] | None = None
        self._lost = False
        """It died, or it hangs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.close()

    def start(self) -> None:
        """Begin to import MLflow and to open the store, again where that failed; does not wait, and raises nothing."""
        if self._worker is None or self._lost:
            self._block.close()
            self._worker = self._block.enter_context(BackgroundWorker(_MODULE))
            self._opening, self._lost = None, False
        if self._opening is None or (self._opening.done() and self._opening.exception() is not None):
            settings = self._workspace.settings.model_dump(mode="json")
            request = OpenRequest(root=str(self._workspace.root), settings=settings)
            self._opening = self._worker.submit("open", to_json(request), timeout=self._patience.opening)

    def log(self, request: LogRequest) -> LoggedRun:
        """Log a run. What goes wrong is in its `unsynced`, not raised."""
        try:
            seconds = self._workspace.settings.tracking.wait + self._patience.logging
            return msgspec.convert(self._ask("log", request, seconds), LoggedRun)
        except PlimsollError as error:
            return LoggedRun(unsynced=f"{error.message} ({error.remedy})" if error.remedy else error.message)

    def attach(self, run: str, files: Mapping[str, Path], *, tags: Mapping[str, str] | None = None) -> str:
        """Add files and tags to a run that was logged before; the id of its MLflow run.

        Raises:
            UsageError: the run was never logged.
            InfrastructureError: the store or the writer failed.
        """
        paths = {name: str(path) for name, path in files.items()}
        return str(self._ask("attach", AttachRequest(run=run, files=paths, tags=dict(tags or {}))))

    def registry(self) -> RegistryStore:
        """The registry of the same store.

        Raises:
            UsageError: the tracking URI names no store.
            InfrastructureError: it can't be reached.
        """
        self._opened()
        return RemoteRegistryStore(self._ask_registry)

    def _ask_registry(self, method: str, arguments: list[Any]) -> Any:
        return self._ask("registry", RegistryRequest(method=method, arguments=arguments))

    def _opened(self) -> BackgroundWorker:
        if self._worker is None:
            self.start()
        assert self._worker is not None, "start has made it"
        assert self._opening is not None, "and asked it"
        self._wait(self._opening)
        return self._worker

    def _ask(self, method: str, request: Any, seconds: float | None = None) -> Any:
        if self._lost:
            raise _failed("it was lost before")
        worker = self._opened()
        return self._wait(worker.submit(method, to_json(request), timeout=seconds or self._patience.asking))

    def _wait(self, answer: Future[Any]) -> Any:
        try:
            return answer.result()
        except (WorkerError, OSError) as error:
            told = None
            if isinstance(error, WorkerCallError):
                told = error_told(error)
            else:
                self._lost = True
            raise told or _failed(self._shown(str(error))) from error

    def _shown(self, words: str) -> str:
        """Its last words on one line, without secrets."""
        environ = environment(self._workspace.root)
        password = None
        with suppress(UsageError):
            password = locate(None, self._workspace, environ).password
        return " ".join(Redactor(secrets_of(environ), (password,)).text(words).split())[:500]


def _failed(why: str) -> InfrastructureError:
    return InfrastructureError(
        f"the MLflow writer failed: {why}", remedy="`plimsoll doctor` tries the tracking store; the run is on disk"
    )
