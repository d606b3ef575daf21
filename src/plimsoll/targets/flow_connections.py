"""Which connection a flow wants where, and what each is given: always the suite's model, in the kind that is asked for.

Runs in the worker. Pure apart from reading the flow's files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import UsageError
from plimsoll.targets.flow_definition import chosen_nodes
from plimsoll.targets.flow_signatures import Parameters, tool_parameters

KINDS = ("AzureOpenAIConnection", "OpenAIConnection", "ServerlessConnection", "CustomConnection")
"""What a model can be given as; the first that every use of a name accepts. Code that takes several was mostly written
for Azure."""
_LLM_KINDS = ("OpenAIConnection", "AzureOpenAIConnection")
_CONFIGURATIONS = {"AzureOpenAIModelConfiguration": "azure_deployment", "OpenAIModelConfiguration": "model"}
_OWN_ADDRESS = ("azure_endpoint", "base_url", "api_key")

PackageTypes = Callable[[str], Mapping[str, Sequence[str]]]
"""A package tool's name → the types of each of its parameters."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a flow reaches a model."""

    openai_url: str
    azure_url: str
    key: str
    api_version: str
    model: str


class Connections:
    """The models by connection name, with a default for every other name."""

    def __init__(self, named: Mapping[str, Endpoint], default: Endpoint | None) -> None:
        self._named = dict(named)
        self._default = default

    def endpoint(self, name: str, where: str) -> Endpoint:
        """The model for a connection name.

        Raises:
            UsageError: none is mapped, and there is no default.
        """
        found = self._named.get(name, self._default)
        if found is None:
            remedy = f"give the target a `model`, or map it: `connections: {{{name}: MODEL}}`"
            raise UsageError(f"{where} uses the connection {name!r}, which no model stands for", remedy=remedy)
        return found

    def of_dag(self, data: Mapping[str, Any], folder: Path, package: PackageTypes) -> dict[str, Any]:
        """Every connection that a DAG's nodes use, in promptflow's form of a mapping.

        Raises:
            UsageError: a name that no model stands for, or a kind of connection that no model can be.
        """
        wanted: dict[str, list[tuple[str, Sequence[str]]]] = {}
        for node, name, kinds in _dag_uses(data, folder, package):
            wanted.setdefault(name, []).append((f"node {node}", kinds))
        return {name: self._connection(name, uses) for name, uses in wanted.items()}

    def of_class(self, given: Mapping[str, Any], parameters: Parameters) -> tuple[dict[str, Any], dict[str, Any]]:
        """A flex class's arguments with its models filled in, and the connections that they name.

        Raises:
            UsageError: as `of_dag`.
        """
        arguments, found = dict(given), dict[str, Any]()
        for name, parameter in parameters.items():
            value = given.get(name)
            configuration = next((kind for kind in parameter.types if kind in _CONFIGURATIONS), None)
            kinds = [kind for kind in parameter.types if kind.endswith("Connection")]
            if configuration is not None:
                arguments |= self._configured(name, value, configuration, required=parameter.required)
            elif kinds and (isinstance(value, str) or (value is None and parameter.required)):
                connection = value or name
                arguments[name] = connection
                found[connection] = self._connection(connection, [(f"__init__({name})", kinds)])
        return arguments, found

    def as_value(self, name: str) -> tuple[dict[str, Any], str]:
        """The fields and the kind of a connection that code asks for by its name alone."""
        endpoint = self.endpoint(name, "the flow's code")
        return _value("OpenAIConnection", endpoint), "OpenAI"

    def _connection(self, name: str, uses: Sequence[tuple[str, Sequence[str]]]) -> dict[str, Any]:
        for where, kinds in uses:
            if not set(kinds) & set(KINDS):
                raise UsageError(
                    f"{where} uses the connection {name!r} as {' or '.join(kinds)}: a model can't be that",
                    remedy="flows that need other services than a model can't be evaluated here",
                )
        fitting = [kind for kind in KINDS if all(kind in kinds for _, kinds in uses)]
        if not fitting:
            told = "; ".join(f"{where} as {' or '.join(kinds)}" for where, kinds in uses)
            raise UsageError(f"no kind of connection {name!r} fits every use of it: {told}")
        kind = _LLM_KINDS[0] if all(kinds is _LLM_KINDS for _, kinds in uses) else fitting[0]
        value = _value(kind, self.endpoint(name, uses[0][0]))
        found: dict[str, Any] = {"type": kind, "module": "promptflow.connections", "value": value}
        if kind == "CustomConnection":
            found["secret_keys"] = ["api_key", "openai_api_key"]
        return found

    def _configured(self, name: str, value: Any, kind: str, *, required: bool) -> dict[str, Any]:
        if value is None and not required:
            return {}
        given = dict(value) if isinstance(value, Mapping) else {}
        if any(given.get(key) for key in _OWN_ADDRESS):
            # Whoever writes an address means it.
            return {name: given}
        endpoint = self.endpoint(str(given.get("connection", name)), f"__init__({name})")
        address = (
            {"base_url": endpoint.openai_url}
            if kind == "OpenAIModelConfiguration"
            else {"azure_endpoint": endpoint.azure_url, "api_version": endpoint.api_version}
        )
        return {name: {_CONFIGURATIONS[kind]: endpoint.model, "api_key": endpoint.key, **address}}


def _dag_uses(data: Mapping[str, Any], folder: Path, package: PackageTypes) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Node, connection name, the kinds that the node takes."""
    for name, node in chosen_nodes(data):
        source = node.get("source") or {}
        if node.get("type") == "llm":
            yield name, str(node.get("connection") or ""), _LLM_KINDS
            continue
        if source.get("tool"):
            types: Mapping[str, Sequence[str]] = package(str(source["tool"]))
        elif node.get("type") == "python" and source.get("path"):
            types = {key: found.types for key, found in tool_parameters(folder / str(source["path"])).items()}
        else:
            continue
        for key, value in (node.get("inputs") or {}).items():
            kinds = [kind for kind in types.get(key, ()) if kind.endswith("Connection")]
            if kinds and isinstance(value, str) and value and not value.startswith("${"):
                yield name, value, kinds


def _value(kind: str, endpoint: Endpoint) -> dict[str, Any]:
    azure = {"api_base": endpoint.azure_url, "api_type": "azure", "api_version": endpoint.api_version}
    if kind == "OpenAIConnection":
        return {"api_key": endpoint.key, "base_url": endpoint.openai_url}
    if kind == "AzureOpenAIConnection":
        return {"api_key": endpoint.key, **azure}
    if kind == "ServerlessConnection":
        return {"api_key": endpoint.key, "api_base": endpoint.openai_url}
    return {
        **azure,
        "azure_endpoint": endpoint.azure_url,
        "base_url": endpoint.openai_url,
        "model": endpoint.model,
        "api_key": endpoint.key,
        "openai_api_key": endpoint.key,
    }
