"""A flow's aggregation, in its worker: what it needs of each line, and the figures that it makes of all lines.

A DAG's aggregation nodes get lists of other nodes' outputs and of flow inputs; a flex class's `__aggregate__` gets the
lines' outputs. Figures are what `log_metric` was called with, and the numbers among what is returned by name: text,
lists and objects are notes and details beside them.
"""

from __future__ import annotations

import asyncio
import json
import numbers
from collections.abc import Mapping, Sequence
from typing import Any


def kept_of(executor: Any, inputs: Mapping[str, Any], result: Any, output: Any) -> str:
    """What the aggregation needs of one line: JSON as Python writes it, with NaN.

    Raises:
        TypeError: a node's output has no JSON form.
    """
    from promptflow.tracing._utils import serialize  # how promptflow itself writes outputs

    if _is_flex(executor):
        return json.dumps(output)
    flow = executor._flow.inputs  # noqa: SLF001  # nothing public has it
    wanted = {name: inputs.get(name, flow[name].default) for name in _inputs_used(executor)}
    return json.dumps({"inputs": wanted, "nodes": serialize(dict(result.aggregation_inputs))})


async def figures_of(executor: Any, lines: Sequence[Any], run: str) -> dict[str, Any]:
    """The aggregation's figures over what was kept of lines; not checked to be finite.

    Raises:
        Exception: whatever the flow's code raised.
    """
    if _is_flex(executor):
        return await _flex_figures(executor, lines, run)
    inputs = _columns([line["inputs"] for line in lines])
    nodes = _columns([line["nodes"] for line in lines])
    result = await asyncio.to_thread(executor.exec_aggregation, inputs, nodes, run)
    for node in result.node_run_infos.values():
        if node.status.value == "Failed":
            raise RuntimeError(f"node {node.node}: {(node.error or {}).get('message') or 'no message'}")
    outputs = [node.output for node in result.node_run_infos.values()]
    returned = [output for output in outputs if isinstance(output, Mapping)]
    own = {str(name): value for output in returned for name, value in output.items() if _is_number(value)}
    return {name: _plain(value) for name, value in {**own, **result.metrics}.items()}


async def _flex_figures(executor: Any, lines: Sequence[Any], run: str) -> dict[str, Any]:
    from promptflow.contracts.types import AttrDict  # what promptflow's own batch run gives it

    given = [AttrDict(line) if isinstance(line, dict) else line for line in lines]
    # exec_aggregation would do the same, and turn an exception into no figures without a word.
    with executor._update_operation_context_for_aggregation(run):  # noqa: SLF001  # as above
        aggregate, parameter = executor._aggr_func_async, executor._aggr_input_name  # noqa: SLF001  # as above
        returned = await aggregate(**{parameter: given})
    if not isinstance(returned, Mapping):
        raise TypeError(f"__aggregate__ returned {type(returned).__name__}, not a dict of figures")
    return {str(name): _plain(value) for name, value in returned.items() if _is_number(value)}


def _is_flex(executor: Any) -> bool:
    return hasattr(executor, "_aggr_func")


def _inputs_used(executor: Any) -> set[str]:
    """The flow inputs that aggregation nodes read."""
    from promptflow.contracts.flow import InputValueType

    nodes = [node for node in executor._flow.nodes if node.aggregation]  # noqa: SLF001  # nothing public has them
    given = (value for node in nodes for value in node.inputs.values())
    return {value.value for value in given if value.value_type == InputValueType.FLOW_INPUT}


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}


def _is_number(value: Any) -> bool:
    # numpy's own are registered as such.
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    value = value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)
