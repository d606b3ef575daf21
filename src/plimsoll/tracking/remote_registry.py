"""The `RegistryStore` that the MLflow writer holds, seen from the command, and how the writer answers for it."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from plimsoll.tracking.contract import ModelVersion, PromptText, PromptVersion, refuse_longer
from plimsoll.tracking.requests import to_json

Ask = Callable[[str, list[Any]], Any]
"""Method and arguments, both in JSON's types → what it returned."""


def answer(store: object, contract: object, method: str, arguments: list[Any]) -> Any:
    """Call a method of a store; the contract's annotations say what its arguments are.

    Args:
        store: whose.
        contract: the protocol that it keeps: `RegistryStore`, `StoredRuns`.
        method: of the contract.
        arguments: in JSON's types.

    Returns:
        What it returned, in JSON's types.
    """
    hints = typing.get_type_hints(getattr(contract, method))
    del hints["return"]
    given = [msgspec.convert(value, hint) for value, hint in zip(arguments, hints.values(), strict=True)]
    return to_json(getattr(store, method)(*given))


class RemoteRegistryStore:
    """A `RegistryStore` whose every method is a call to the writer process."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def create_record(self, model: str, key: str, value: str) -> str:
        """Make a record unless there is one; what it holds now."""
        refuse_longer(value)
        return str(self._ask("create_record", [model, key, value]))

    def records(self, model: str) -> dict[str, str]:
        """Every record of the model."""
        return msgspec.convert(self._ask("records", [model]), dict[str, str])

    def put_files(self, model: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files into a folder."""
        self._ask("put_files", [model, folder, to_json(dict(files))])

    def get_files(self, model: str, folder: str) -> dict[str, bytes]:
        """Every file in the folder."""
        return msgspec.convert(self._ask("get_files", [model, folder]), dict[str, bytes])

    def create_version(self, model: str, folder: str, tags: Mapping[str, str]) -> int:
        """A new version; its number."""
        return int(self._ask("create_version", [model, folder, dict(tags)]))

    def delete_version(self, model: str, number: int) -> None:
        """Remove a version."""
        self._ask("delete_version", [model, number])

    def versions(self, model: str, folder: str | None = None) -> tuple[ModelVersion, ...]:
        """Every version, or those of the folder; oldest first."""
        return msgspec.convert(self._ask("versions", [model, folder]), tuple[ModelVersion, ...])

    def set_alias(self, model: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        self._ask("set_alias", [model, alias, number])

    def aliases(self, model: str) -> dict[str, int]:
        """Alias → version."""
        return msgspec.convert(self._ask("aliases", [model]), dict[str, int])

    def set_tag(self, model: str, key: str, value: str) -> None:
        """A tag of the model itself."""
        self._ask("set_tag", [model, key, value])

    def tags(self, model: str) -> dict[str, str]:
        """The tags of the model itself."""
        return msgspec.convert(self._ask("tags", [model]), dict[str, str])

    def models(self) -> tuple[str, ...]:
        """The models that the store keeps records of."""
        return msgspec.convert(self._ask("models", []), tuple[str, ...])

    def create_prompt(self, prompt: str, content: PromptText, tags: Mapping[str, str], message: str = "") -> int:
        """A new version of a prompt; its number."""
        return int(self._ask("create_prompt", [prompt, to_json(content), dict(tags), message]))

    def rewrite_prompt(self, prompt: str, number: int, content: PromptText) -> None:
        """Give a version the content that it should have."""
        self._ask("rewrite_prompt", [prompt, number, to_json(content)])

    def delete_prompt(self, prompt: str, number: int) -> None:
        """Remove a version of a prompt."""
        self._ask("delete_prompt", [prompt, number])

    def prompts(self, prompt: str, tags: Mapping[str, str] | None = None) -> tuple[PromptVersion, ...]:
        """Every version of a prompt, or those with these tags; oldest first."""
        asked = None if tags is None else dict(tags)
        return msgspec.convert(self._ask("prompts", [prompt, asked]), tuple[PromptVersion, ...])

    def set_prompt_alias(self, prompt: str, alias: str, number: int | None) -> None:
        """Point a prompt's alias at a version, or take it away."""
        self._ask("set_prompt_alias", [prompt, alias, number])

    def prompt_alias(self, prompt: str, alias: str) -> int | None:
        """The version that a prompt's alias names."""
        return msgspec.convert(self._ask("prompt_alias", [prompt, alias]), int | None)
