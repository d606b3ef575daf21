"""What a run is called in MLflow: params, metrics and tags as plain text and numbers, with names that stay the same.

Nightly charts are drawn over metric names, so these are a promise: `METRIC/mean`, `/low`, `/high`, `/n`, `/failed`,
`/skipped`, `/missing`, `METRIC/slice.SLICE/mean`, `/low`, `/high`, `/n`, `EVALUATOR/aggregate.FIGURE` with
`EVALUATOR/aggregate_ok`, `_failed`, `_skipped`, and `run/…` for what concerns the whole target, or on the parent the
whole run. A figure that is not known is left out: MLflow has no other way of saying so, and zero would be a lie.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from plimsoll.canonical import digest, short
from plimsoll.stats.summary import MetricSummary, Summary, TargetSummary
from plimsoll.types import Failure, Report, TargetInfo
from plimsoll.version import __version__

PARAM_LIMIT = 6000
TAG_LIMIT = 5000
RUN_TAG = "plimsoll.run"
TARGET_TAG = "plimsoll.target"
STATE_TAG = "plimsoll.logged"
"""`started`, or the digest of the cells that were logged completely."""
NOTE_TAG = "mlflow.note.content"
"""A run's description, in Markdown."""
_COUNTS = ("cells", "ok", "failed", "missing", "cached")

_NOT_IN_A_NAME = re.compile(r"[^\w.\- ]")


def safe_name(name: str) -> str:
    """A name that MLflow takes. One that had to be changed gets a digest's start, so that two never become one."""
    plain = _NOT_IN_A_NAME.sub("_", name).strip(".") or "_"
    return plain if plain == name and len(plain) <= 100 else f"{plain[:100]}-{short(digest(name), 6)}"


def metrics_of(target: TargetSummary, measured: Mapping[str, float] | None = None) -> dict[str, float]:
    """Every figure of a target, by its name in MLflow.

    Args:
        target: Its figures.
        measured: What its cells tell beside them, by name: latencies, tokens apart.
    """
    found = {f"{safe_name(name)}/{key}": value for name, key, value in _figures(target)}
    found |= {f"{safe_name(name)}/{key}": value for name, key, value in _aggregates(target)}
    found |= {f"run/{name}": getattr(target, name) for name in _COUNTS}
    found |= {f"run/{name}": value for name, value in (measured or {}).items()}
    if target.total_tokens is not None:
        found["run/tokens"] = target.total_tokens
    if target.cost is not None:
        found["run/cost"] = target.cost
    if target.judge_cost:
        found["run/judge_cost"] = target.judge_cost
    # MLflow's list of runs has its columns in this order, and nobody looks further right than the means.
    return dict(sorted(_finite(found).items(), key=lambda figure: not _is_mean(figure[0])))


def _is_mean(name: str) -> bool:
    return name.endswith("/mean") and "/slice." not in name


def run_metrics(report: Report, summary: Summary) -> dict[str, float]:
    """The figures of the whole run, for the parent: cells of all targets, and what running took."""
    targets = summary.targets.values()
    found: dict[str, float] = {f"run/{name}": sum(getattr(each, name) for each in targets) for name in _COUNTS}
    found |= {"run/targets": len(summary.targets), "run/seconds": report.run.seconds}
    found["run/requests"] = report.run.requests
    if report.run.cost is not None:
        found["run/cost"] = report.run.cost
    return _finite(found)


def run_note(summary: Summary) -> str:
    """The parent's description: each metric of each target with its interval, as a Markdown table."""
    targets = summary.targets
    metrics = dict.fromkeys(
        name for target in targets.values() for name, metric in target.metrics.items() if metric.mean is not None
    )
    rows = [["", *targets], ["---"] * (len(targets) + 1)]
    rows += [[name, *(_shown(target.metrics.get(name)) for target in targets.values())] for name in metrics]
    rows += [[f"cells {key}", *(str(getattr(target, key)) for target in targets.values())] for key in _COUNTS[1:4]]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    held = f"{summary.cases} cases; mean with its {summary.confidence:.0%} interval"
    return cut("\n".join([held, "", *lines]), TAG_LIMIT)


def _shown(metric: MetricSummary | None) -> str:
    if metric is None or metric.mean is None:
        return ""
    limits = [f"{limit:.3g}" if limit is not None else "?" for limit in (metric.low, metric.high)]
    return f"{metric.mean:.3g} [{limits[0]}, {limits[1]}]"


def _finite(found: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def _figures(target: TargetSummary) -> Iterator[tuple[str, str, float]]:
    for name, metric in target.metrics.items():
        for key in ("mean", "low", "high", "n", "failed", "skipped", "missing"):
            value = getattr(metric, key)
            if value is not None:
                yield name, key, value
        for label, cells in metric.labels.items():
            yield name, f"label.{safe_name(label)}", cells
    for part, metrics in target.slices.items():
        for name, metric in metrics.items():
            yield from _slice_figures(name, part, metric)


def _aggregates(target: TargetSummary) -> Iterator[tuple[str, str, float]]:
    for name, aggregate in target.aggregates.items():
        for figure, value in aggregate.figures.items():
            if not isinstance(value, Failure):
                yield name, f"aggregate.{safe_name(figure)}", value
        for key in ("ok", "failed", "skipped"):
            yield name, f"aggregate_{key}", getattr(aggregate, key)


def _slice_figures(name: str, part: str, metric: MetricSummary) -> Iterator[tuple[str, str, float]]:
    for key in ("mean", "low", "high", "n"):
        value = getattr(metric, key)
        if value is not None:
            yield name, f"slice.{safe_name(part)}/{key}", value


def run_params(report: Report, cases: int) -> dict[str, str]:
    """What is the same for every target of a run, and each time that it is logged: a param's value can't be changed.

    Args:
        report: The run, which may have more cases beside it: a baseline's.
        cases: How many it has itself.
    """
    run = report.run
    values: dict[str, Any] = {
        "suite": run.suite,
        "dataset": run.dataset,
        "dataset_digest": run.dataset_digest,
        "cases": cases,
        "sample": run.sample if run.sample is not None else "all",
        "seed": run.seed,
        "repeats": run.repeats,
        "git_commit": run.git_commit or "unknown",
        "git_dirty": "unknown" if run.git_dirty is None else run.git_dirty,
    }
    values |= {f"evaluator.{name}": info.digest for name, info in run.evaluators.items()}
    return _texts(values)


def target_params(report: Report, target: TargetInfo, cases: int) -> dict[str, str]:
    """A target's params: the run's, and its own identity, flattened."""
    values: dict[str, Any] = {"target": target.name, "kind": target.kind, "target_digest": target.digest}
    if target.model is not None:
        values["model"] = target.model
    if target.identity:
        values |= dict(_flat("setting", target.identity))
    return run_params(report, cases) | _texts(values)


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(f"{prefix}.{key}", item)
    else:
        yield prefix, value


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {_name(key): cut(_text(value), PARAM_LIMIT) for key, value in values.items()}


def _name(key: str) -> str:
    # A file's path inside an identity keeps its slashes out of the name: MLflow would take them for folders.
    return safe_name(key.replace("/", "."))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def cut(text: str, limit: int) -> str:
    """The text, or as much of it as MLflow keeps, with the mark that it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def run_tags(report: Report, more: Mapping[str, str], *, gate: bool = False) -> dict[str, str]:
    """Tags that make a run findable: ours, the caller's (trigger, branch, PR), and those that MLflow's UI shows.

    Args:
        report: The run.
        more: The caller's.
        gate: A gate made it.
    """
    run = report.run
    tags = {
        RUN_TAG: run.id,
        "plimsoll.suite": run.suite,
        "plimsoll.complete": str(run.complete).lower(),
        "plimsoll.dataset": run.dataset,
        "plimsoll.dataset_digest": run.dataset_digest,
        "plimsoll.targets": ", ".join(run.targets),
        # Which one logged it last; no param, since the next version may log it again.
        "plimsoll.version": __version__,
        "mlflow.source.name": f"plimsoll {'gate' if gate else 'run'} {run.suite}",
        "mlflow.source.type": "JOB" if more.get("ci_url") else "LOCAL",
    }
    if run.look is not None:
        tags["plimsoll.look"] = f"{run.look.number} of {run.look.of}"
    if run.git_commit:
        tags["mlflow.source.git.commit"] = run.git_commit
    if more.get("branch"):
        tags["mlflow.source.git.branch"] = more["branch"]
    tags |= {key if "." in key else f"plimsoll.{key}": value for key, value in more.items()}
    return {safe_name(key): cut(value, TAG_LIMIT) for key, value in tags.items() if value}


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The items in lists of at most `size`, one list in memory at a time."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
