"""What a wrapped evaluator needs and gives, as its library says: asked once, in the worker, and kept.

Asking imports the library, which takes seconds. So the answer is kept in the workspace's state, under all that it
depends on: the library's version, our own module for it, the settings, and the user's file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from plimsoll import canonical
from plimsoll.errors import UsageError
from plimsoll.evaluators.adapters.environment import worker_environment
from plimsoll.types import Direction, Metric, MetricKind
from plimsoll.workers import BackgroundWorker, WorkerCallError, WorkerError

WORKER = Path(__file__).with_name("worker.py")
READY_TIMEOUT = 180.0
"""Importing a library takes up to 15 s of CPU, and a machine may be busy."""
_KEPT = "adapters"
"""In the state folder."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """As `support.Described`, read."""

    fields: dict[str, str | list[str]]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    metrics: tuple[Metric, ...]
    judged: bool
    alone: bool

    @property
    def parameters(self) -> tuple[str, ...]:
        """All that the evaluator can be given."""
        return (*self.required, *self.optional)


def describe(
    library: str, settings: Mapping[str, Any], origin: Mapping[str, str], python: Path | None, state: Path | None
) -> Description:
    """The description of one evaluator.

    Args:
        library: Its module's name.
        settings: As `support.Settings`.
        origin: Library, version, and the digest of the user's file.
        python: Where the library runs; None is here.
        state: Where the answer is kept; None is nowhere.

    Raises:
        UsageError: there is no such evaluator, or it can't be used so.
    """
    key = canonical.digest(_key(library, settings, origin))
    kept = None if state is None else state / _KEPT / f"{canonical.short(key, 24)}.json"
    raw = _read(kept)
    if raw is None:
        raw = _asked(library, settings, python)
        if kept is not None:
            canonical.write_atomic(kept, canonical.dumps(raw))
    return _description(raw)


def _key(library: str, settings: Mapping[str, Any], origin: Mapping[str, str]) -> dict[str, Any]:
    code = [WORKER, WORKER.with_name("support.py"), WORKER.parent / "libraries" / f"{library}.py"]
    return {"settings": dict(settings), "origin": dict(origin), "code": [canonical.digest_file(path) for path in code]}


def _read(kept: Path | None) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] | None = None if kept is None else msgspec.json.decode(kept.read_bytes(), type=dict)
    except (OSError, msgspec.DecodeError):
        return None
    return found


def _asked(library: str, settings: Mapping[str, Any], python: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="plimsoll-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        environ = worker_environment(os.environ, home, python)
        worker = BackgroundWorker(str(WORKER), python=python, env=environ, cwd=home, ready_timeout=READY_TIMEOUT)
        try:
            with worker:
                params = {"library": library, "settings": dict(settings)}
                found: dict[str, Any] = worker.submit("describe", params, timeout=READY_TIMEOUT).result()
        except WorkerCallError as error:
            said = error.message if error.kind == "usage" else str(error)
            raise UsageError(said) from error
        except (WorkerError, OSError) as error:
            raise UsageError(f"{library}: {settings['evaluator']} can't be loaded: {error}") from error
    return found


def _description(raw: Mapping[str, Any]) -> Description:
    metrics = tuple(
        Metric(
            name=entry["name"],
            kind=MetricKind(entry["kind"]),
            low=entry["low"],
            high=entry["high"],
            direction=Direction(entry["direction"]),
            labels=tuple(entry["labels"]),
            judged=entry["judged"],
        )
        for entry in raw["metrics"]
    )
    return Description(
        fields=dict(raw["fields"]),
        required=tuple(raw["required"]),
        optional=tuple(raw["optional"]),
        metrics=metrics,
        judged=raw["judged"],
        alone=raw["alone"],
    )
