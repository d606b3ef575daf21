"""The private copy that a flow runs from: exactly the files that it is identified by, and nothing beside them.

The user's folder is never written to, an edit during a run changes nothing, and a flow that reads a file outside its
own fails here and not after it was promoted. Into the copy's YAML goes what promptflow would have set itself in a
copy of its own (the chosen variant, resolved `additional_includes`), and the models of the suite.
"""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from plimsoll.errors import UsageError, near_match
from plimsoll.targets.flow_definition import FlowDefinition, nodes

DEFAULT_CONNECTION = "plimsoll_model"
"""The name by which a node without a connection gets the target's model."""

_PF_CONFIGURATION = "trace:\n  destination: none\ntelemetry:\n  enabled: 'false'\n"


def write_copy(flow: FlowDefinition, folder: Path, variant: str | None, models: dict[str, str]) -> Path:
    """Write the copy below `folder`, and promptflow's own home beside it. Returns the copy's YAML.

    Args:
        flow: What to copy.
        folder: An empty folder.
        variant: NODE.VARIANT to run, checked by `check_variant`.
        models: Connection name → the model's name at its endpoint; `DEFAULT_CONNECTION` for all others.
    """
    (folder / "promptflow").mkdir()
    (folder / "promptflow" / "pf.yaml").write_text(_PF_CONFIGURATION, encoding="utf-8")
    for name, source in flow.files.items():
        place = folder / "flow" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    written = folder / "flow" / flow.yaml_name
    if flow.kind == "dag":
        data = copy.deepcopy(flow.document.data)
        data.pop("additional_includes", None)
        _choose(data, variant)
        _name_models(data, models)
        with written.open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(data, file)
    return written


def check_variant(flow: FlowDefinition, variant: str) -> None:
    """See that the flow has it.

    Raises:
        UsageError: it hasn't, or has no variants.
    """
    if flow.kind != "dag":
        raise UsageError(f"variant {variant!r}: a flex flow has no variants", remedy="choose with `init`")
    known = [
        f"{node}.{name}"
        for node, held in (flow.document.data.get("node_variants") or {}).items()
        for name in held.get("variants") or {}
    ]
    if variant not in known:
        remedy = near_match(variant, known) or "the flow has no variants"
        raise UsageError(f"{flow.document.file} has no variant {variant!r}", remedy=remedy)


def _choose(data: dict[str, Any], variant: str | None) -> None:
    if variant is None:
        return
    name = next(node for node in data["node_variants"] if variant.startswith(f"{node}."))
    data["node_variants"][name]["default_variant_id"] = variant.removeprefix(f"{name}.")
    for node in data["nodes"]:
        if node.get("name") == name:
            node["use_variants"] = True


def _name_models(data: dict[str, Any], models: dict[str, str]) -> None:
    for _, node, _ in nodes(data):
        if node.get("type") != "llm":
            continue
        if not node.get("connection") and DEFAULT_CONNECTION in models:
            node["connection"] = DEFAULT_CONNECTION
        model = models.get(str(node.get("connection")), models.get(DEFAULT_CONNECTION))
        if model is not None:
            # Both words: which of them the tool takes depends on the connection's type.
            node["inputs"] = {**(node.get("inputs") or {}), "model": model, "deployment_name": model}
