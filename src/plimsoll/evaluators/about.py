"""What people are told of an evaluator before they use it, found out without running any of its code."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.contract import BUILT_IN, About
from plimsoll.types import Direction, Metric, MetricKind

_GIVEN = ("output", "value", "case")


def about_class(evaluator: type[SettingsEvaluator], source: str = BUILT_IN) -> About:
    """What the class says of itself, with the settings that it has by default."""
    # Without checks: one with a setting that has no default can't be made, and most of what it says needs none.
    usual = evaluator.model_construct()
    try:
        needs, metrics = sorted(usual.requires), usual.metrics
    except AttributeError:
        needs, metrics = [], (evaluator.metric,)
    return About(
        summary=first_line(evaluator),
        needs=tuple(needs),
        gives=values_of(metrics),
        source=source,
        extra=evaluator.extra,
    )


def values_of(metrics: Sequence[Metric]) -> str:
    """The values of one metric in words, or the last parts of several metrics' names."""
    if len(metrics) > 1:
        return ", ".join(metric.name.rpartition(".")[2] for metric in metrics)
    (metric,) = metrics
    if metric.kind is MetricKind.BOOL:
        return "true, false"
    if metric.kind is MetricKind.LABEL:
        return ", ".join(metric.labels) or "a label"
    if metric.low is not None and metric.high is not None:
        span = f"{metric.low:g} to {metric.high:g}"
    else:
        span = "a number" if metric.low is None else f"{metric.low:g} or more"
    unit = f" {metric.unit}" if metric.unit else ""
    return span + unit + (", lower is better" if metric.direction is Direction.LOWER else "")


def first_line(documented: Any) -> str:
    """The first line of a docstring; empty where there is none."""
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def about_function(node: ast.FunctionDef | ast.AsyncFunctionDef, source: str) -> About:
    """What the source text of a function says of it."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    defaults = len(node.args.defaults)
    required = arguments[: len(arguments) - defaults] if defaults else arguments
    required += [
        each for each, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if default is None
    ]
    return About(
        summary=(ast.get_docstring(node) or "").partition("\n")[0],
        needs=tuple(each.arg for each in required if each.arg not in _GIVEN),
        gives=_declared(node.decorator_list) or _annotated(node.returns),
        source=source,
    )


def _declared(decorators: Iterable[ast.expr]) -> str:
    """The metrics that `@metrics(Metric(...), ...)` names, as far as they are written out."""
    for decorator in decorators:
        if isinstance(decorator, ast.Call) and _last_name(decorator.func) == "metrics":
            found = [_metric(each) for each in decorator.args if isinstance(each, ast.Call)]
            return values_of(found) if found else ""
    return ""


def _metric(call: ast.Call) -> Metric:
    written = {each.arg: each.value for each in call.keywords if each.arg}
    constant = {name: value.value for name, value in written.items() if isinstance(value, ast.Constant)}
    kind = {"BOOL": MetricKind.BOOL, "LABEL": MetricKind.LABEL}.get(_last_name(written.get("kind")), MetricKind.NUMERIC)
    low, high = (each if isinstance(each := constant.get(key), int | float) else None for key in ("low", "high"))
    return Metric(name=str(constant.get("name", "")), kind=kind, unit=str(constant.get("unit", "")), low=low, high=high)


def _annotated(returned: ast.expr | None) -> str:
    if isinstance(returned, ast.Constant):
        return str(returned.value)
    names = {"bool": "true, false", "int": "a number", "float": "a number", "str": "a label"}
    text = "" if returned is None else ast.unparse(returned).removesuffix(" | None")
    return names.get(text, text)


def _last_name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
