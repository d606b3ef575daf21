"""Evaluating from Python: functions and DataFrames in, DataFrames out, no files needed.

import plimsoll

found = plimsoll.evaluate(frame, {"new": answer}, ["token_f1", {"contains": {"ignore_case": True}}])
found.metrics          # one row a target and metric
found.cells            # one row a case and target
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll import canonical
from plimsoll.api.loop import run_blocking
from plimsoll.api.small import Small, run_small
from plimsoll.config import Document, environment
from plimsoll.datasets import Dataset, Split, from_frame, from_rows, open_dataset
from plimsoll.errors import UsageError
from plimsoll.evaluators import BuildContext, build_evaluators, discover
from plimsoll.runs.scrubbing import Scrub
from plimsoll.stats import Summary, summarise
from plimsoll.targets.function import CallableTarget
from plimsoll.types import Part, Report, Scored, TargetInfo

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found."""

    report: Report
    """Every cell."""
    summary: Summary
    """Every figure."""

    @property
    def metrics(self) -> pd.DataFrame:
        """One row a target and metric: mean, low, high, n, failed, skipped, missing."""
        import pandas as pd

        rows = [
            {
                "target": target,
                "metric": name,
                "mean": metric.mean,
                "low": metric.low,
                "high": metric.high,
                "n": metric.n,
                "failed": metric.failed,
                "skipped": metric.skipped,
                "missing": metric.missing,
            }
            for target, found in self.summary.targets.items()
            for name, metric in found.metrics.items()
        ]
        return pd.DataFrame(rows)

    @property
    def cells(self) -> pd.DataFrame:
        """One row a target, case and repeat: the answer or the failure, and each metric's value (absent where none)."""
        import pandas as pd

        rows = []
        for record in self.report.cells:
            output = record.output
            rows.append(
                {
                    "target": record.cell.target,
                    "case": record.cell.case,
                    "repeat": record.cell.repeat,
                    "output": output.whole_text if output else None,
                    "failure": None if output else record.outcome.message,  # type: ignore[union-attr]  # no output is a Failure
                    **{name: score.value for name, score in record.scores.items() if isinstance(score, Scored)},
                }
            )
        return pd.DataFrame(rows)


def evaluate(
    data: pd.DataFrame | Iterable[Mapping[str, Any]] | str | Path,
    targets: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    evaluators: Sequence[str | Mapping[str, Any]],
    *,
    inputs: Mapping[str, str] | None = None,
    repeats: int = 1,
    concurrency: int = 16,
    timeout: float = 300.0,
    held_out: float | str | None = None,
    seed: int = 0,
) -> Evaluation:
    """Run functions over cases and score their answers.

    Args:
        data: A DataFrame, rows, or a dataset's file. Columns `id`, `expected`, `group`, `slices`, `weight`, `messages`,
            `turns` have their meaning; any other is an input.
        targets: A function, sync or async, called with the inputs that it has parameters for; or several by name.
        evaluators: As in a suite: a name, or one key with its settings.
        inputs: A function's parameter → the column, where they differ.
        repeats: Answers for each case.
        concurrency: Cases at once for each target.
        timeout: Seconds for one case.
        held_out: As in a suite: a share of the cases, or a slice, that is left for the gate and not seen here.
        seed: The suite's, which a share is drawn by.

    Returns:
        Every cell and figure. A case that fails is a failed cell, never an exception.

    Raises:
        ConfigError: every mistake in the data or the evaluators.
        UsageError: there is no target, or every case is held out.
    """
    named = dict(targets) if isinstance(targets, Mapping) else {getattr(targets, "__name__", "target"): targets}
    if not named:
        raise UsageError("there is no target to evaluate", remedy="give a function, or functions by name")
    if isinstance(held_out, float) and not 0 < held_out < 1:
        raise UsageError(f"a share of {held_out:g} can't be held out", remedy="give one between 0 and 1, or a slice")
    dataset = _dataset(data)
    split = None if held_out is None else Split(held_out, seed, Part.OPEN)
    opened = {
        name: CallableTarget(
            info=TargetInfo(name=name, kind="function", digest=canonical.digest({"callable": name})),
            function=function,
            inputs=inputs or {},
            timeout=timeout,
            concurrency=concurrency,
        )
        for name, function in named.items()
    }
    with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
        report = run_blocking(_run(dataset, split, opened, evaluators, repeats=repeats, folder=Path(folder)))
    return Evaluation(report, summarise(report))


def _dataset(data: Any) -> Dataset:
    if isinstance(data, str | Path):
        return open_dataset(Path(data), data)
    return from_frame(data) if hasattr(data, "columns") else from_rows(list(data))


async def _run(
    dataset: Dataset,
    split: Split | None,
    targets: Mapping[str, CallableTarget],
    entries: Sequence[str | Mapping[str, Any]],
    *,
    repeats: int,
    folder: Path,
) -> Report:
    context = BuildContext(root=Path.cwd())
    built = build_evaluators(entries, discover(context.root), context, Document("evaluators", list(entries)), ())
    wanted = Small(dataset, targets, built, split, repeats)
    return await run_small(wanted, folder=folder, cache=folder / "cache.db", scrub=Scrub(environment(None)))
