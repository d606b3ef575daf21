"""A promoted bundle as an MLflow model: `mlflow.pyfunc.load_model("models:/SUITE@champion")` loads this module.

The bundle is verified against its digest, laid into a folder of its own, and answers through the same targets as in a
run, so that what is served is what was gated. Its models are those of its settings, with keys and addresses from the
environment of whoever loads it. MLflow itself is not imported here.
"""

from __future__ import annotations

import asyncio
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.api.champions import bundle_spec
from plimsoll.api.loop import HeldOpen
from plimsoll.api.prepare import transform_of
from plimsoll.api.targets import open_targets
from plimsoll.api.trying import environment_here
from plimsoll.config import Suite
from plimsoll.datasets import Dataset, from_frame, from_rows
from plimsoll.errors import CellError, ConfigError, FailureKind, UsageError, boundary
from plimsoll.models import open_models
from plimsoll.registry import Bundle, load_folder, materialise
from plimsoll.targets.contract import RunnableTarget
from plimsoll.targets.conversation import answer
from plimsoll.types import Case, Output

_NAME = "the model"
_CONCURRENCY: int = Suite.model_fields["concurrency"].default


class BundleModel:
    """A verified bundle that answers. Its models and workers are open until it is forgotten or the process ends.

    Safe to use from several threads, and inside a running event loop, which waits meanwhile.
    """

    def __init__(self, bundle: Bundle, environ: Mapping[str, str]) -> None:
        """Open what the bundle needs.

        Raises:
            ConfigError: a model lacks an address or key, or a file of the bundle can't be used.
            UsageError: a variable or a package is missing, or its code can't be loaded.
        """
        self.bundle = bundle
        self._held = HeldOpen(_opened(bundle, environ))
        # Also when the process ends, while threads still run.
        self._finalizer = weakref.finalize(self, self._held.close)

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> list[Any]:  # noqa: ARG002  # MLflow's signature
        """The answer to each row, in their order.

        Args:
            model_input: Rows as a dataset has them: a DataFrame, a list of dicts, one dict, or columns as arrays.
            params: Not read: what the model is asked with is part of the bundle.

        Returns:
            Texts; the value where an answer is JSON; an assistant's message where it calls tools. After the target's
            transform, as its scores were.

        Raises:
            ConfigError: a row is no case, with its place.
            CellError: a row has no answer, with its place and the kind of failure; no row's answer is returned then,
                for MLflow has no form for a row that failed, and a gap would look like an answer.
        """
        try:
            cases = list(_dataset(model_input))
        except ConfigError as error:
            raise UsageError(f"the rows can't be answered: {error}") from None
        return self._held.run(_answers(self._held.opened, cases))

    def close(self) -> None:
        """Stop its workers and close its connections now."""
        self._finalizer()


def load_bundle_model(folder: Path, digest: str | None = None) -> BundleModel:
    """The model of a bundle's folder.

    Args:
        folder: Holds the bundle; nothing is written there.
        digest: What it must be; None takes the word of its manifest.

    Raises:
        TamperedError: it is another bundle, or altered.
        PlimsollError: it can't be opened.
    """
    return BundleModel(load_folder(folder, digest), environment_here())


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> BundleModel:
    """What MLflow calls. `load_model(…, model_config={"digest": …})` says which bundle it must be."""
    return load_bundle_model(Path(path), (model_config or {}).get("digest"))


@dataclass(frozen=True, slots=True)
class _Open:
    """What answers."""

    target: RunnableTarget
    transform: Callable[[Output], Output]
    places: asyncio.Semaphore
    """Shared by all callers."""


@asynccontextmanager
async def _opened(bundle: Bundle, environ: Mapping[str, str]) -> AsyncIterator[_Open]:
    with tempfile.TemporaryDirectory(prefix="plimsoll-model-", ignore_cleanup_errors=True) as folder:
        # Its own copy, written from what was verified: code runs in it, and the store's files may change.
        spec = bundle_spec(_NAME, bundle, materialise(bundle, Path(folder, "bundle")), {})
        transform = transform_of(spec)
        async with (
            open_models(spec.models, _CONCURRENCY, environ) as models,
            open_targets({_NAME: spec}, models, environ, _CONCURRENCY) as targets,
        ):
            target = targets[_NAME]
            yield _Open(target, transform, asyncio.Semaphore(target.concurrency))


async def _answers(open_: _Open, cases: list[Case]) -> list[Any]:
    found = await asyncio.gather(*(_answer(open_, case) for case in cases), return_exceptions=True)
    failed = [(place, error) for place, error in enumerate(found, 1) if isinstance(error, BaseException)]
    for place, error in failed:
        if not isinstance(error, CellError):
            raise error
        more = f"; {len(failed)} of {len(found)} rows failed" if len(failed) > 1 else ""
        message = f"row {place}: {error.kind.value}: {error.message} ({error.remedy}){more}"
        raise CellError(error.kind, message, remedy=error.remedy) from error
    return found


async def _answer(open_: _Open, case: Case) -> Any:
    async with open_.places:
        with boundary(FailureKind.TARGET, _NAME):
            output = open_.transform(await answer(open_.target, case))
    if output.tool_calls:
        return {"role": "assistant", "content": output.text, "tool_calls": list(output.tool_calls)}
    return output.value if output.value is not None else output.text


def _dataset(rows: Any) -> Dataset:
    if hasattr(rows, "itertuples"):
        return from_frame(rows)
    if isinstance(rows, Mapping):
        return from_rows(_of_columns(rows) if rows and all(map(_is_array, rows.values())) else [rows])
    if isinstance(rows, Iterable) and not isinstance(rows, str | bytes):
        listed = list(rows)
        if all(isinstance(row, Mapping) for row in listed):
            return from_rows(listed)
    raise UsageError(
        "the rows can't be read: each is a dict of fields",
        remedy='give a DataFrame, or a list of dicts: [{"question": "…"}]',
    )


def _is_array(value: Any) -> bool:
    """numpy's, as MLflow's server makes them of `inputs`."""
    return hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0


def _of_columns(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    values = {name: column.tolist() for name, column in columns.items()}
    if len({len(column) for column in values.values()}) != 1:
        raise UsageError("the columns have not all the same number of rows")
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
