"""What can go wrong with a worker. Neutral: whoever owns the worker decides what it means for a cell or a command."""

from __future__ import annotations

from typing import Any


class WorkerError(Exception):
    """Anything that a call to a worker, or its start, can raise."""


class WorkerCallError(WorkerError):
    """The worker is well; the handler raised. A handler may raise it itself, to choose `kind` and `data`."""

    def __init__(self, kind: str, message: str, *, data: Any = None, traceback: str = "") -> None:
        super().__init__(kind, message)
        self.kind = kind
        """The exception's class name, or what the handler chose."""
        self.message = message
        self.data = data
        """A JSON value that the handler chose to send along."""
        self.traceback = traceback
        """Where it was raised, in the worker; empty where the handler raised a `WorkerCallError`."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class WorkerDiedError(WorkerError):
    """The process is gone, and with it every call in flight."""

    def __init__(self, module: str, *, exit_code: int | None, stderr: str) -> None:
        super().__init__(module, exit_code, stderr)
        self.module = module
        self.exit_code = exit_code
        """The process's exit code; negative is the signal that killed it; None while it is not known."""
        self.stderr = stderr
        """The last lines that it wrote to stderr (its stdout goes there too)."""

    def __str__(self) -> str:
        how = _how_it_ended(self.exit_code)
        said = f"; its last words:\n{self.stderr}" if self.stderr else " and said nothing"
        return f"the worker {self.module} {how}{said}"


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is None:
        return "stopped answering"
    if exit_code < 0:
        return f"was killed by signal {-exit_code}"
    return f"ended with exit code {exit_code}"


class WorkerTimeoutError(WorkerError, TimeoutError):
    """No answer in time. The worker still runs, unless it was its start that took too long."""
