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
from plimsoll.tracking.contract import PromptDraft
from plimsoll.workers import WorkerCallError

_USAGE, _INFRASTRUCTURE = "usage", "infrastructure"


class OpenRequest(Struct, frozen=True, kw_only=True):
    """Open the workspace's tracking store. Asked once, before all else."""

    root: str
    """The workspace's folder."""
    settings: dict[str, Any]
    """Its `ProjectSettings`."""
    uri: str | None = None
    """The caller's own choice of a store, over environment and settings."""


class StoredBaseline(Struct, frozen=True, kw_only=True):
    """A target of another run, whose cells are the baseline's beside a run's own."""

    folder: str
    """The other run's."""
    target: str


class GateFiles(Struct, frozen=True, kw_only=True):
    """What a gate over the run left: its verdict, and the attestation where it is evidence."""

    files: dict[str, str]
    """Artifact's name → local file."""
    outcome: str | None = None
    """The verdict in a word; None where it is no evidence for a promotion."""


class LogRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Log a run that has ended, and what gates decided over it.

    It is kept in the run's folder before logging begins (`api.owed`), without what can be made anew: folder, summary,
    seconds. A relative path in it starts at the run's folder.
    """

    folder: str = ""
    """The run's."""
    files: dict[str, str]
    """Artifact path → local file."""
    suite_text: str
    tags: dict[str, str] = field(default_factory=dict)
    judges: dict[str, str] = field(default_factory=dict)
    """Metric → the model that judges it."""
    baseline: StoredBaseline | None = None
    gates: dict[str, GateFiles] = field(default_factory=dict)
    """Target → the newest gate over it; the newest of all comes last."""
    prompts: dict[str, PromptDraft] = field(default_factory=dict)
    """Target → what the version of its prompt has to be; none for what is no prompt."""
    summary: Summary | None = None
    """None is made from the run."""
    seconds: float | None = None
    """For how long the writer may log, until it leaves the rest for another time; None is the project's `wait`."""


class RegistryRequest(Struct, frozen=True, kw_only=True):
    """Call a method of the `RegistryStore`."""

    method: str
    arguments: list[Any]


class RunsRequest(Struct, frozen=True, kw_only=True):
    """Call a method of the `StoredRuns`."""

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
        message = f"{error.where}: {error.message}" if error.where else error.message
        raise WorkerCallError(kind, message, data={"remedy": error.remedy}) from error


def error_told(error: WorkerCallError) -> PlimsollError | None:
    """The parent's side: what the child raised; None where it was something that nobody foresaw."""
    remedy = error.data.get("remedy") if isinstance(error.data, dict) else None
    if error.kind == _USAGE:
        return UsageError(error.message, remedy=remedy)
    if error.kind == _INFRASTRUCTURE:
        return InfrastructureError(error.message, remedy=remedy)
    return None
