"""What a registry needs of a tracking server, in words that name no server: the seam between `registry` and MLflow.

`RegistryStore` promises exactly one thing that MLflow's own aliases don't: a record, once made, never changes, and of
two that race to make it one wins and both learn who. Everything else (files, versions, aliases, tags) may be changed by
anybody with access, so nothing is decided on it: it is a projection, or it is verified against a digest when read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct, field

RECORD_LIMIT = 6000
"""Characters that a record may have: MLflow's limit for a param, beyond which it cuts in silence."""


def refuse_longer(value: str) -> None:
    """Refuse a record that would be cut.

    Raises:
        ValueError: it is longer than `RECORD_LIMIT`.
    """
    if len(value) > RECORD_LIMIT:
        raise ValueError(f"a record holds at most {RECORD_LIMIT} characters, not {len(value)}")


class ModelVersion(Struct, frozen=True, kw_only=True):
    """A numbered version of a registered model."""

    number: int
    folder: str
    """Where its files lie in the model's store."""
    tags: dict[str, str] = field(default_factory=dict)


class RegistryStore(Protocol):
    """A registered model's records, files, versions and aliases. Every method is safe to repeat.

    A model that doesn't exist reads as empty, and begins to exist with the first write. All methods raise
    InfrastructureError where the store can't be reached or refuses.
    """

    def create_record(self, model: str, key: str, value: str) -> str:
        """Make a record unless there is one of this key; return what it holds now, ours or the earlier one.

        Raises:
            ValueError: the value is longer than `RECORD_LIMIT`.
        """
        ...

    def records(self, model: str) -> dict[str, str]:
        """Every record of the model."""
        ...

    def put_files(self, model: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files (relative POSIX path → content) into a folder, over those of the same path."""
        ...

    def get_files(self, model: str, folder: str) -> dict[str, bytes]:
        """Every file in the folder, by path relative to it; empty where there is none."""
        ...

    def create_version(self, model: str, folder: str, tags: Mapping[str, str]) -> int:
        """A new version whose files are those of the folder; its number."""
        ...

    def delete_version(self, model: str, number: int) -> None:
        """Remove a version; one that isn't there is no mistake."""
        ...

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Every version, oldest first."""
        ...

    def set_alias(self, model: str, alias: str, number: int) -> None:
        """Point an alias at a version, wherever it pointed before."""
        ...

    def aliases(self, model: str) -> dict[str, int]:
        """Alias → version."""
        ...

    def set_tag(self, model: str, key: str, value: str) -> None:
        """A tag of the model itself."""
        ...

    def tags(self, model: str) -> dict[str, str]:
        """The tags of the model itself."""
        ...

    def models(self) -> tuple[str, ...]:
        """The models that this store keeps records of, sorted."""
        ...
