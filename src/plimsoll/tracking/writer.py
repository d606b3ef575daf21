"""The MLflow writer, seen from the command: a process of its own, since MLflow takes seconds of a core and 170 MB.

It starts at once and opens the tracking store while models answer; when a run has ended it is told to log it. What goes
wrong in there, also its death and its silence, is told on the run and changes nothing else: the run is on disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
from msgspec.structs import replace

from plimsoll.config import Workspace, environment
from plimsoll.config.secrets import Redactor, secrets_of
from plimsoll.errors import InfrastructureError, PlimsollError, UsageError
from plimsoll.tracking.contract import RegistryStore
from plimsoll.tracking.labels import LabelPage, LabelsRequest
from plimsoll.tracking.location import locate
from plimsoll.tracking.log import LoggedRun
from plimsoll.tracking.remote_registry import RemoteRegistryStore
from plimsoll.tracking.requests import (
    LogRequest,
    OpenRequest,
    RegistryRequest,
    RunsRequest,
    error_told,
    to_json,
)
from plimsoll.tracking.run_search import RemoteStoredRuns, StoredRuns
from plimsoll.workers import BackgroundWorker, WorkerCallError, WorkerError

_MODULE = "plimsoll.tracking.writer_worker"
_INSIDE = 0.75
"""Of the time that a run's end may wait: what the writer has for itself. The rest is for its last call to the store,
which nothing can interrupt, so that it still tells what it did. After that it is ended."""


class Worker(Protocol):
    """A process that answers calls; in tests it may be a thread."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def submit(self, method: str, params: Any = None, *, timeout: float | None = None) -> Future[Any]:
        """Call a handler; the future of its answer, which raises what `BackgroundWorker.submit` says."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which a writer that does not answer is given up."""

    opening: float = 180.0
    """Until the store is open, from its start on: a new database, and another process that makes it."""
    asking: float = 120.0
    """For one question to the registry."""


class MlflowWriter:
    """Logs runs and reads the registry through the writer process. A context manager; started when it is first needed.

    One may serve several runs. Not for several threads at once.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        uri: str | None = None,
        patience: Patience | None = None,
        worker: Callable[[], Worker] | None = None,
    ) -> None:
        """A writer that is not started.

        Args:
            workspace: Whose store it opens.
            uri: The caller's own choice of a store.
            patience: When it is given up.
            worker: Makes what stands in for the process.
        """
        self._workspace = workspace
        self._uri = uri
        self._patience = patience or Patience()
        self._make = worker or partial(BackgroundWorker, _MODULE)
        self._block = ExitStack()
        self._worker: Worker | None = None
        self._opening: Future[Any] | None = None
        self._lost = False
        """It died, or it hangs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.close()

    @property
    def workspace(self) -> Workspace:
        """Whose runs it logs."""
        return self._workspace

    @property
    def store(self) -> str | None:
        """The store's address as it may be shown, below the workspace from there on; None where it is no address."""
        root = self._workspace.root
        try:
            location = locate(self._uri, self._workspace, environment(root))
        except UsageError:
            return None
        shown = location.shown
        if location.database is not None and location.database.is_relative_to(root.resolve()):
            shown = f"sqlite:///{location.database.relative_to(root.resolve()).as_posix()}"
        return self._shown(shown)

    def start(self) -> None:
        """Begin to import MLflow and to open the store, again where that failed; does not wait, and raises nothing."""
        if self._worker is None or self._lost:
            self._block.close()
            self._worker = self._block.enter_context(self._make())
            self._opening, self._lost = None, False
        if self._opening is None or (self._opening.done() and self._opening.exception() is not None):
            self._ask_to_open(self._worker)

    def check(self) -> None:
        """See whether the store answers, also where it did before; after a writer that was lost, by a new one.

        Raises:
            UsageError: the tracking URI names no store.
            InfrastructureError: it can't be reached.
        """
        known = self._worker is not None and not self._lost and self._opening is not None and self._opening.done()
        if known and self._worker is not None:
            self._ask_to_open(self._worker)
        else:
            self.start()
        self._opened()

    def _ask_to_open(self, worker: Worker) -> None:
        settings = self._workspace.settings.model_dump(mode="json")
        request = OpenRequest(root=str(self._workspace.root), settings=settings, uri=self._uri)
        self._opening = worker.submit("open", to_json(request), timeout=self._patience.opening)

    def log(self, request: LogRequest, *, seconds: float | None = None) -> LoggedRun:
        """Log a run and its gates. What goes wrong is in its `unsynced`, not raised.

        Args:
            request: What.
            seconds: How long it may take in all, opening the store included; None is the project's `wait`.
        """
        seconds = self._workspace.settings.tracking.wait if seconds is None else seconds
        until = time.monotonic() + seconds
        try:
            if self._lost:
                raise _failed("it was lost before")
            worker = self._opened(seconds)
            left = max(0.0, until - time.monotonic())
            asked = replace(request, seconds=left * _INSIDE)
            return msgspec.convert(self._wait(worker.submit("log", to_json(asked), timeout=left)), LoggedRun)
        except PlimsollError as error:
            return LoggedRun(unsynced=f"{error.message} ({error.remedy})" if error.remedy else error.message)

    def labels(self, request: LabelsRequest) -> LabelPage:
        """A page of what people said of a suite's answers.

        Raises:
            UsageError: the tracking URI names no store, or there is no such run.
            InfrastructureError: it can't be reached.
        """
        return msgspec.convert(self._ask("labels", request), LabelPage)

    def registry(self) -> RegistryStore:
        """The registry of the same store.

        Raises:
            UsageError: the tracking URI names no store.
            InfrastructureError: it can't be reached.
        """
        self._opened()
        return RemoteRegistryStore(self._ask_registry)

    def stored_runs(self) -> StoredRuns:
        """The runs of the same store.

        Raises:
            UsageError: the tracking URI names no store.
            InfrastructureError: it can't be reached.
        """
        self._opened()
        return RemoteStoredRuns(self._ask_runs)

    def _ask_runs(self, method: str, arguments: list[Any]) -> Any:
        return self._ask("runs", RunsRequest(method=method, arguments=arguments))

    def _ask_registry(self, method: str, arguments: list[Any]) -> Any:
        return self._ask("registry", RegistryRequest(method=method, arguments=arguments))

    def _opened(self, seconds: float | None = None) -> Worker:
        if self._worker is None:
            self.start()
        assert self._worker is not None, "start has made it"
        assert self._opening is not None, "and asked it"
        self._wait(self._opening, seconds)
        return self._worker

    def _ask(self, method: str, request: Any) -> Any:
        if self._lost:
            raise _failed("it was lost before")
        worker = self._opened()
        return self._wait(worker.submit(method, to_json(request), timeout=self._patience.asking))

    def _wait(self, answer: Future[Any], seconds: float | None = None) -> Any:
        try:
            return answer.result(seconds)
        except (WorkerError, OSError) as error:
            told = None
            if isinstance(error, WorkerCallError):
                told = error_told(error)
            elif isinstance(error, TimeoutError) and not isinstance(error, WorkerError):
                # Only we don't wait any longer: it may still get there, for a run that ends later.
                told = _failed(f"the tracking store was not open after {seconds or 0:.3g} s")
            else:
                # Ended at once: nobody may still be logging when the call has returned.
                self._lost = True
                self._block.close()
            raise told or _failed(self._shown(str(error))) from error

    def _shown(self, words: str) -> str:
        """Its last words on one line, without secrets."""
        environ = environment(self._workspace.root)
        password = None
        with suppress(UsageError):
            password = locate(self._uri, self._workspace, environ).password
        return " ".join(Redactor(secrets_of(environ), (password,)).text(words).split())[:500]


def _failed(why: str) -> InfrastructureError:
    return InfrastructureError(
        f"the MLflow writer failed: {why}", remedy="`plimsoll doctor` tries the tracking store; the run is on disk"
    )
