"""From an evaluation flow's settings to the evaluator; what doesn't fit its YAML is told here, before anything runs."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

from plimsoll import canonical
from plimsoll.config import Strict, environment, substitute
from plimsoll.errors import ConfigError, UsageError, near_match
from plimsoll.evaluators.contract import BuildContext
from plimsoll.evaluators.fields import CONVERSATION, OF_OUTPUT
from plimsoll.evaluators.flows.evaluator import FlowEvaluator
from plimsoll.evaluators.flows.outputs import metrics_of
from plimsoll.evaluators.flows.settings import FlowSettings
from plimsoll.evaluators.parts import condition_mistakes, metric_name
from plimsoll.targets.flow_copy import check_variant
from plimsoll.targets.flow_definition import FlowDefinition, chosen_nodes, read_flow
from plimsoll.targets.flow_running import PACKAGES, FlowRunner, FlowSource, require
from plimsoll.targets.flow_signatures import entry_signatures
from plimsoll.targets.imports import imported_digests
from plimsoll.types import Metric


def build_flow(settings: Strict, context: BuildContext) -> FlowEvaluator:
    """An evaluation flow from its settings.

    Raises:
        MissingExtraError: promptflow is not installed.
        UsageError: there is no such flow; or a setting doesn't fit it.
        ConfigError: mistakes in the flow's YAML.
    """
    assert isinstance(settings, FlowSettings)
    require(feature="an evaluation flow")
    flow = read_flow(context.root / settings.flow)
    sources = _sources(flow, settings)
    _check_parts(flow, settings)
    model = None if settings.model is None else context.model(settings.model, "the flow")
    connections = {name: context.model(key, "the flow") for name, key in settings.connections.items()}
    parts = metrics_of(flow, settings, judged=model is not None or bool(connections))
    _check_conditions(settings, parts)
    environ = environment(context.root)
    source = FlowSource(
        flow=flow,
        variant=settings.variant,
        connections=connections,
        model=model,
        init=settings.init,
        environment={**environ, **substitute(settings.environment, environ, f"{settings.flow}: environment")},
        timeout=settings.timeout,
    )
    return FlowEvaluator(
        name=_name(settings, flow),
        settings=settings,
        parts=parts,
        sources=sources,
        origin=_origin(flow, context.root),
        aggregates=_aggregates(flow),
        runner=FlowRunner(source),
    )


def _sources(flow: FlowDefinition, settings: FlowSettings) -> dict[str, str]:
    """Every input of the flow that has no fixed value, and what fills it.

    Raises:
        UsageError: the settings name an input that there isn't, or no input is filled from the answer.
    """
    known = flow.inputs
    for name in [*settings.inputs, *settings.arguments]:
        if known is not None and name not in known:
            raise UsageError(f"{flow.document.file} has no input {name!r}", remedy=near_match(name, known))
    twice = sorted(settings.inputs.keys() & settings.arguments.keys())
    if twice:
        raise UsageError(f"{twice[0]!r} stands under inputs and under arguments", remedy="leave one out")
    own = {name: name for name in known or () if name not in settings.arguments}
    sources = {**own, **settings.inputs}
    of_answer = ("output", "value", *((CONVERSATION, "messages") if settings.turns == "conversation" else ()))
    if not any(source in of_answer or source.startswith(OF_OUTPUT) for source in sources.values()):
        likely = next((name for name in ("answer", "prediction", "summary") if name in sources), "INPUT")
        raise UsageError(
            f"no input of {flow.document.file} is filled from the answer that it is to score",
            remedy=f"`inputs: {{{likely}: output}}`; its inputs are {', '.join(sources) or 'not known'}",
        )
    return sources


def _check_parts(flow: FlowDefinition, settings: FlowSettings) -> None:
    if settings.variant is not None:
        check_variant(flow, settings.variant)
    if settings.init and flow.kind == "dag":
        raise UsageError("`init` is for flex classes, and this flow is a DAG")
    asking = next((name for name, node in chosen_nodes(flow.document.data) if node.get("type") == "llm"), None)
    if asking is not None and settings.model is None and not settings.connections:
        raise UsageError(f"its node {asking} asks a model", remedy="add `model: NAME`, a name under models")


def _check_conditions(settings: FlowSettings, parts: tuple[Metric, ...]) -> None:
    mistakes = list(condition_mistakes(settings.flow, settings.pass_if, parts))
    if mistakes:
        raise ConfigError(mistakes)


def _name(settings: FlowSettings, flow: FlowDefinition) -> str:
    return metric_name(settings.name or Path(flow.document.file).resolve().parent.name, "flow")


def _origin(flow: FlowDefinition, root: Path) -> dict[str, Any]:
    return {
        "files": {name: canonical.digest_file(path) for name, path in sorted(flow.files.items())},
        "imports": imported_digests(flow.files.values(), root),
        **{package: importlib.metadata.version(package) for package in PACKAGES},
    }


def _aggregates(flow: FlowDefinition) -> bool:
    """Whether the flow has an aggregation. One that a flex class inherits from another file is not seen."""
    data = flow.document.data
    if flow.kind == "dag":
        return any(node.get("aggregation") is True for _, node in chosen_nodes(data))
    signatures = entry_signatures(Path(flow.document.file).parent, str(data["entry"]))
    return signatures is not None and signatures.aggregates
