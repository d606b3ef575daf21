"""What the MLflow writer is asked over its pipe: paths, figures and tags. Cells and cases it reads from the run itself.

No secret needs to be among them: the writer has our environment, and takes out what it must not write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec import Struct, field

from plimsoll.errors import InfrastructureError, PlimsollError, UsageError
from plimsoll.stats.summary import Summary
from plimsoll.workers import WorkerCallError

_USAGE, _INFRASTRUCTURE = "usage", "infrastructure"


class OpenRequest(Struct, frozen=True, kw_only=True):
    """Open the workspace's tracking store. Asked once, before all else."""

    root: str
    """The workspace's folder."""
    settings: dict[str, Any]
    """Its `ProjectSettings`."""


class StoredBaseline(Struct, frozen=True, kw_only=True):
    """A target of another run, whose cells are the champion's beside a run's own."""

    folder: str
    """The other run's."""
    target: str


class LogRequest(Struct, frozen=True, kw_only=True):
    """Log a run that has ended."""

    folder: str
    """The run's."""
    summary: Summary
    files: dict[str, str]
    """Artifact path → local file."""
    suite_text: str
    tags: dict[str, str] = field(default_factory=dict)
    baseline: StoredBaseline | None = None


class AttachRequest(Struct, frozen=True, kw_only=True):
    """Add to a run that was logged before."""

    run: str
    """Its id."""
    files: dict[str, str]
    """Artifact path → local file."""
    tags: dict[str, str] = field(default_factory=dict)


class RegistryRequest(Struct, frozen=True, kw_only=True):
    """Call a method of the `RegistryStore`."""

    method: str
    arguments: list[Any]


def to_json(value: Any) -> Any:
    """A message's JSON form; bytes as base64."""
    return msgspec.to_builtins(value)


@contextmanager
def errors_told() -> Iterator[None]:
    """The child's side: our errors become a call's, so that `error_told` can make them again."""
    try:
        yield
    except PlimsollError as error:
        kind = _INFRASTRUCTURE if isinstance(error, InfrastructureError) else _USAGE
        raise WorkerCallError(kind, error.message, data={"remedy": error.remedy}) from error


def error_told(error: WorkerCallError) -> PlimsollError | None:
    """The parent's side: what the child raised; None where it was something that nobody foresaw."""
    remedy = error.data.get("remedy") if isinstance(error.data, dict) else None
    if error.kind == _USAGE:
        return UsageError(error.message, remedy=remedy)
    if error.kind == _INFRASTRUCTURE:
        return InfrastructureError(error.message, remedy=remedy)
    return None
