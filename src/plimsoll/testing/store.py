"""A `RegistryStore` in memory: the same promises as the one on MLflow, without a server.

`tests/registry/test_store_contract.py` holds both to the same contract. Safe to use from several threads.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from plimsoll.errors import InfrastructureError
from plimsoll.tracking.contract import ModelVersion, PromptText, PromptVersion, refuse_longer


@dataclass(slots=True)
class _Model:
    records: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    versions: dict[int, ModelVersion] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    made: int = 0
    """Versions ever made: a number is never given twice."""


@dataclass(slots=True)
class _Prompt:
    versions: dict[int, PromptVersion] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)


class MemoryRegistryStore:
    """Everything in one process's memory."""

    def __init__(self) -> None:
        self._models: dict[str, _Model] = {}
        self._prompts: dict[str, _Prompt] = {}
        self._lock = threading.Lock()

    def create_record(self, model: str, key: str, value: str) -> str:
        """Make a record unless there is one; what it holds now."""
        refuse_longer(value)
        with self._lock:
            return self._open(model).records.setdefault(key, value)

    def records(self, model: str) -> dict[str, str]:
        """Every record of the model."""
        with self._lock:
            return dict(self._read(model).records)

    def put_files(self, model: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files into a folder."""
        with self._lock:
            self._open(model).files.update({f"{folder}/{path}": data for path, data in files.items()})

    def get_files(self, model: str, folder: str) -> dict[str, bytes]:
        """Every file in the folder."""
        with self._lock:
            found = self._read(model).files.items()
            return {path.removeprefix(f"{folder}/"): data for path, data in found if path.startswith(f"{folder}/")}

    def create_version(self, model: str, folder: str, tags: Mapping[str, str]) -> int:
        """A new version; its number."""
        with self._lock:
            entry = self._open(model)
            entry.made += 1
            entry.versions[entry.made] = ModelVersion(number=entry.made, folder=folder, tags=dict(tags))
            return entry.made

    def delete_version(self, model: str, number: int) -> None:
        """Remove a version, and the aliases that name it."""
        with self._lock:
            found = self._read(model)
            found.versions.pop(number, None)
            found.aliases = {alias: named for alias, named in found.aliases.items() if named != number}

    def versions(self, model: str, folder: str | None = None) -> tuple[ModelVersion, ...]:
        """Every version, or those of the folder; oldest first."""
        with self._lock:
            found = [version for _, version in sorted(self._read(model).versions.items())]
        return tuple(version for version in found if folder in (None, version.folder))

    def set_alias(self, model: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        with self._lock:
            entry = self._open(model)
            if number not in entry.versions:
                raise InfrastructureError(f"setting the alias {alias}: {model} has no version {number}")
            entry.aliases[alias] = number

    def aliases(self, model: str) -> dict[str, int]:
        """Alias → version."""
        with self._lock:
            return dict(self._read(model).aliases)

    def set_tag(self, model: str, key: str, value: str) -> None:
        """A tag of the model itself."""
        with self._lock:
            self._open(model).tags[key] = value

    def tags(self, model: str) -> dict[str, str]:
        """The tags of the model itself."""
        with self._lock:
            return dict(self._read(model).tags)

    def models(self) -> tuple[str, ...]:
        """The models that this store keeps records of."""
        with self._lock:
            return tuple(sorted(self._models))

    def create_prompt(self, prompt: str, content: PromptText, tags: Mapping[str, str], message: str = "") -> int:  # noqa: ARG002  # nobody reads it here
        """A new version of a prompt; its number."""
        with self._lock:
            versions = self._prompts.setdefault(prompt, _Prompt()).versions
            number = max(versions, default=0) + 1
            versions[number] = PromptVersion(number=number, content=content, tags=dict(tags))
            return number

    def rewrite_prompt(self, prompt: str, number: int, content: PromptText) -> None:
        """Give a version the content that it should have."""
        with self._lock:
            versions = self._prompts[prompt].versions
            versions[number] = replace(versions[number], content=content)

    def delete_prompt(self, prompt: str, number: int) -> None:
        """Remove a version of a prompt, and the aliases that name it."""
        with self._lock:
            found = self._prompts.get(prompt, _Prompt())
            found.versions.pop(number, None)
            found.aliases = {alias: named for alias, named in found.aliases.items() if named != number}

    def prompts(self, prompt: str, tags: Mapping[str, str] | None = None) -> tuple[PromptVersion, ...]:
        """Every version of a prompt, or those with these tags; oldest first."""
        with self._lock:
            found = [version for _, version in sorted(self._prompts.get(prompt, _Prompt()).versions.items())]
        return tuple(version for version in found if (tags or {}).items() <= version.tags.items())

    def set_prompt_alias(self, prompt: str, alias: str, number: int | None) -> None:
        """Point a prompt's alias at a version, or take it away."""
        with self._lock:
            found = self._prompts.get(prompt, _Prompt())
            if number is None:
                found.aliases.pop(alias, None)
            elif number not in found.versions:
                raise InfrastructureError(f"setting the alias {alias}: {prompt} has no version {number}")
            else:
                found.aliases[alias] = number

    def prompt_alias(self, prompt: str, alias: str) -> int | None:
        """The version that a prompt's alias names."""
        with self._lock:
            return self._prompts.get(prompt, _Prompt()).aliases.get(alias)

    def _open(self, model: str) -> _Model:
        return self._models.setdefault(model, _Model())

    def _read(self, model: str) -> _Model:
        return self._models.get(model, _Model())
