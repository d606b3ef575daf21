"""A promptflow flow as its files tell it: inputs, outputs, chat, variants, and every file that it consists of.

Read without promptflow, which takes seconds to import: so a misspelt variant or input is told before anything starts.
What can't be seen from outside (a flex flow whose function is made at run time) is None, and promptflow will tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from plimsoll.config import read_yaml
from plimsoll.config.document import Document
from plimsoll.errors import ConfigError, Mistake, UsageError, Where, near_match
from plimsoll.targets.flow_signatures import Parameter, entry_signatures

DAG_FILES = ("flow.dag.yaml", "flow.dag.yml")
FLEX_FILES = ("flow.flex.yaml", "flow.flex.yml")


@dataclass(frozen=True, slots=True)
class FlowInput:
    """One input of a flow."""

    name: str
    type: str = "object"
    required: bool = False
    """It has no default."""


@dataclass(frozen=True, slots=True)
class ChatForm:
    """How a flow takes a conversation."""

    question: str
    """The input that takes the last user message."""
    history: str | None
    """The input that takes the turns before it; None where there is none."""
    answer: str
    """The output that is the answer, which the history names too."""
    as_list: bool = False
    """The question is a list of texts and images."""
    vision: bool = False
    """Images go in OpenAI's form (`message_format: openai-vision`), not in promptflow's own."""


@dataclass(frozen=True, slots=True)
class FlowDefinition:
    """A flow, read and checked as far as that goes without running it."""

    kind: Literal["dag", "flex"]
    document: Document
    """The flow's YAML."""
    files: Mapping[str, Path] = field(repr=False)
    """POSIX path inside the flow → where the file lies. `additional_includes` are beside the flow's own files."""
    inputs: Mapping[str, FlowInput] | None
    """None where they are not known."""
    outputs: tuple[str, ...] | None
    """None where they are not known (flex)."""
    chat: ChatForm | None

    @property
    def yaml_name(self) -> str:
        """The YAML's path inside the flow."""
        return Path(self.document.file).name

    @property
    def answer(self) -> str | None:
        """The output that a chat flow marks as its answer."""
        named = self.chat is not None and self.outputs is not None and self.chat.answer in self.outputs
        return self.chat.answer if named and self.chat else None


def read_flow(path: Path) -> FlowDefinition:
    """Read a flow, named by its folder or its YAML.

    Raises:
        UsageError: there is no flow there.
        ConfigError: its YAML can't be read, or names files that are not there.
    """
    file = _flow_file(path)
    document = read_yaml(file)
    data = document.data
    if not isinstance(data, dict):
        raise ConfigError([Mistake("a flow is a mapping", Where(file))])
    if "entry" in data:
        signatures = entry_signatures(file.parent, str(data["entry"]))
        inputs = _flex_inputs(data, signatures.call if signatures else None)
        return FlowDefinition("flex", document, _files(file, document), inputs, None, _flex_chat(inputs))
    if not isinstance(data.get("nodes"), list):
        raise ConfigError([document.mistake((), "neither `nodes` (a DAG) nor `entry` (a flex flow): this is no flow")])
    inputs = _dag_inputs(document)
    outputs = tuple(data.get("outputs") or {})
    files = _files(file, document)
    _check_sources(document, files)
    return FlowDefinition("dag", document, files, inputs, outputs, _dag_chat(data, inputs, outputs))


def flow_files(path: Path) -> tuple[Path, ...]:
    """Every file that the flow at `path` consists of: its folder's and those of `additional_includes`.

    Hidden files and folders (`.promptflow`, `.env`, `.venv`) and caches are no part of a flow: it runs without them.

    Raises:
        UsageError: there is no flow there.
        ConfigError: its YAML can't be read, or names files that are not there.
    """
    return tuple(sorted(set(read_flow(path).files.values())))


def _flow_file(path: Path) -> Path:
    if path.is_file():
        return path
    for name in (*DAG_FILES, *FLEX_FILES):
        if (path / name).is_file():
            return path / name
    if path.is_dir():
        raise UsageError(
            f"{path} holds no flow.dag.yaml and no flow.flex.yaml", remedy="name the flow's folder or YAML"
        )
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    # The last two steps: whoever wrote the path knows the rest, and no message holds a path of one machine alone.
    raise UsageError(f"no such flow: {'/'.join(path.parts[-2:])}", remedy=near_match(path.name, siblings))


def _files(file: Path, document: Document) -> dict[str, Path]:
    found = {path.relative_to(file.parent).as_posix(): path for path in _below(file.parent)}
    mistakes: list[Mistake] = []
    for index, item in enumerate(document.data.get("additional_includes") or ()):
        # Not resolved: a bundle keeps paths as they are written, and the flow runs from it the same.
        source = file.parent / str(item)
        if source.is_dir():
            found |= {f"{source.resolve().name}/{p.relative_to(source).as_posix()}": p for p in _below(source)}
        elif source.is_file():
            found[source.name] = source
        else:
            remedy = (
                "prompt flow's way of naming a folder as .zip is not supported" if source.suffix == ".zip" else None
            )
            mistakes.append(document.mistake(("additional_includes", index), f"{item}: no such file or folder", remedy))
    if mistakes:
        raise ConfigError(mistakes)
    return found


def _below(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name == "__pycache__" or entry.suffix == ".pyc":
            continue
        if entry.is_dir():
            yield from _below(entry)
        elif entry.is_file():
            yield entry


def nodes(data: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], tuple[str | int, ...]]]:
    """A DAG's nodes and those of its variants: name, definition, place in the YAML."""
    for index, node in enumerate(data.get("nodes") or ()):
        yield str(node.get("name")), node, ("nodes", index)
    for name, variants in (data.get("node_variants") or {}).items():
        for variant, held in ((variants or {}).get("variants") or {}).items():
            if isinstance(held, dict) and isinstance(held.get("node"), dict):
                yield str(name), held["node"], ("node_variants", name, "variants", variant, "node")


def chosen_nodes(data: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A DAG's nodes as they run: of a node with variants its default one."""
    variants = data.get("node_variants") or {}
    for node in data.get("nodes") or ():
        name = str(node.get("name"))
        held = variants.get(name) if node.get("use_variants") else None
        if held:
            yield name, ((held.get("variants") or {}).get(held.get("default_variant_id")) or {}).get("node") or node
        else:
            yield name, node


def _check_sources(document: Document, files: Mapping[str, Path]) -> None:
    mistakes = []
    for name, node, place in nodes(document.data):
        source = node.get("source")
        path = source.get("path") if isinstance(source, dict) else None
        if path is not None and Path(path).as_posix() not in files:
            remedy = near_match(str(path), files)
            mistakes.append(document.mistake((*place, "source", "path"), f"node {name}: no file {path}", remedy))
    if mistakes:
        raise ConfigError(mistakes)


def _dag_inputs(document: Document) -> dict[str, FlowInput]:
    found: dict[str, FlowInput] = {}
    for name, settings in (document.data.get("inputs") or {}).items():
        given = settings if isinstance(settings, dict) else {}
        found[str(name)] = FlowInput(str(name), str(given.get("type", "object")), "default" not in given)
    return found


def _dag_chat(data: Mapping[str, Any], inputs: Mapping[str, FlowInput], outputs: tuple[str, ...]) -> ChatForm | None:
    given = {name: settings for name, settings in (data.get("inputs") or {}).items() if isinstance(settings, dict)}
    history = _marked(given, "is_chat_history") or ("chat_history" if "chat_history" in inputs else None)
    question = _marked(given, "is_chat_input") or ("question" if history and "question" in inputs else None)
    if question is None:
        return None
    marked = {name: settings for name, settings in (data.get("outputs") or {}).items() if isinstance(settings, dict)}
    answer = _marked(marked, "is_chat_output") or (outputs[0] if outputs else "answer")
    return ChatForm(
        question=question,
        history=history,
        answer=answer,
        as_list=inputs[question].type == "list",
        vision=data.get("message_format") == "openai-vision",
    )


def _marked(settings: Mapping[str, Mapping[str, Any]], mark: str) -> str | None:
    return next((name for name, given in settings.items() if given.get(mark) is True), None)


def _flex_inputs(data: Mapping[str, Any], parameters: Mapping[str, Parameter] | None) -> dict[str, FlowInput] | None:
    if parameters is None:
        return None
    declared = data.get("inputs") or {}
    return {
        name: FlowInput(name, required=parameter.required and "default" not in (declared.get(name) or {}))
        for name, parameter in parameters.items()
    }


def _flex_chat(inputs: Mapping[str, FlowInput] | None) -> ChatForm | None:
    if inputs is None or "question" not in inputs:
        return None
    return ChatForm("question", "chat_history" if "chat_history" in inputs else None, "answer")
