"""What a flow's outputs are as metrics, and reading them from one line. Pure: nothing is run here.

An output is read by what was declared, never by what it looks like: `"5"` is 5 where a number is declared, and a label
where a label is. null and NaN are no values: promptflow's flows give both where a judge's answer could not be read and
where a metric was not asked for, and nobody can tell which.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from plimsoll.errors import CellError, FailureKind, UsageError, near_match
from plimsoll.evaluators.flows.settings import FlowSettings
from plimsoll.targets.flow_definition import FlowDefinition
from plimsoll.types import Metric, MetricKind

_ONLY = "output"
"""What promptflow calls the output of a flex flow that returns no dict."""
_KINDS = {
    "int": MetricKind.NUMERIC,
    "double": MetricKind.NUMERIC,
    "bool": MetricKind.BOOL,
    "string": MetricKind.LABEL,
}


def metrics_of(flow: FlowDefinition, settings: FlowSettings, *, judged: bool) -> tuple[Metric, ...]:
    """The flow's metrics by the names of its outputs: those that the settings name, else all that its YAML types.

    Args:
        flow: The flow.
        settings: The evaluator's.
        judged: It asks a model.

    Raises:
        UsageError: the settings name an output that there isn't, or nothing says what the outputs are.
    """
    for name in [*settings.metrics, *([settings.reason] if settings.reason else [])]:
        if flow.outputs is not None and name not in flow.outputs and name.partition(".")[0] not in flow.outputs:
            raise UsageError(f"{flow.document.file} has no output {name!r}", remedy=near_match(name, flow.outputs))
    if settings.metrics:
        return tuple(
            Metric(
                name=name,
                kind=said.kind,
                low=said.range[0],
                high=said.range[1],
                direction=said.direction,
                labels=said.labels,
                judged=judged,
            )
            for name, said in settings.metrics.items()
        )
    typed = _typed(flow)
    wanted = [name for name in typed if name != settings.reason]
    unknown = next((name for name in wanted if typed[name] not in _KINDS), None)
    if not wanted or unknown is not None:
        which = f"its output {unknown!r} is of type {typed[unknown]}" if unknown is not None else "its YAML names none"
        remedy = f"name them: `metrics: {{{unknown or 'score'}: {{range: [1, 5]}}}}`, inside an object as OUTPUT.KEY"
        raise UsageError(f"which outputs of {flow.document.file} are metrics is not known: {which}", remedy=remedy)
    return tuple(Metric(name=name, kind=_KINDS[typed[name]], judged=judged) for name in wanted)


def _typed(flow: FlowDefinition) -> dict[str, str]:
    given = flow.document.data.get("outputs") or {}
    return {name: str((given.get(name) or {}).get("type", "string")) for name in flow.outputs or ()}


def value_of(metric: Metric, outputs: Any) -> Any:
    """A metric's value among a line's outputs, to be checked against the metric.

    Raises:
        CellError: there is no such output, it is null or NaN, or text that is not the declared number or truth value.
    """
    found = look_up(metric.name, outputs)
    if found is None or (isinstance(found, float) and math.isnan(found)):
        raise CellError(
            FailureKind.BAD_SCORE,
            f"the flow gave no value for {metric.name!r}",
            remedy="look at the flow; one that is asked for some metrics only: name those under `metrics`",
        )
    if not isinstance(found, str) or metric.kind is MetricKind.LABEL:
        return found
    return _parsed(metric, found)


def _parsed(metric: Metric, text: str) -> Any:
    """Text as what is declared. The whole of it counts: a number is never searched for."""
    if metric.kind is MetricKind.BOOL:
        truth = {"true": True, "false": False}.get(text.strip().lower())
        return text if truth is None else truth
    try:
        # Python's own reading takes `1_0` and the digits of every script, too.
        return float(text) if text.isascii() and "_" not in text else text
    except ValueError:
        return text


def look_up(name: str, outputs: Any) -> Any:
    """An output by its name, or by OUTPUT.KEY inside one.

    Raises:
        CellError: there is none.
    """
    held = outputs if isinstance(outputs, Mapping) else {_ONLY: outputs}
    if name in held:
        return held[name]
    found: Any = held
    for step in name.split("."):
        if not isinstance(found, Mapping) or step not in found:
            remedy = near_match(name, map(str, held)) or "see what the flow returns"
            raise CellError(FailureKind.BAD_SCORE, f"the flow gave no output {name!r}", remedy=remedy)
        found = found[step]
    return found
