"""Small bundles and their evidence, and stores that somebody alters or that die."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plimsoll.config import TargetSettings
from plimsoll.registry import Bundle, Entry, Evidence, promote
from plimsoll.testing.store import MemoryRegistryStore
from plimsoll.tracking.contract import RegistryStore
from plimsoll.types import Decision

SUITE = "support-qa"
NOW = "2026-10-01T12:00:00Z"


def bundle(text: str) -> Bundle:
    return Bundle.of(TargetSettings(prompt="p.jinja2"), {}, {"p.jinja2": text.encode()})


def evidence(subject: Bundle, baseline: Bundle | None, attempt: int = 0) -> Evidence:
    envelope = f"{subject.digest} over {baseline.digest if baseline else None}, {attempt}".encode()
    return Evidence(
        envelope, subject.digest, Decision.PASS, f"run-{attempt}", "v", baseline.digest if baseline else None
    )


def move(store: RegistryStore, new: Bundle, old: Bundle | None, attempt: int = 0, **options: Any) -> Entry:
    given: dict[str, Any] = {"who": "ann", "now": NOW, "expected_champion": old.digest if old else None}
    return promote(store, SUITE, new, evidence(new, old, attempt), **(given | options))


ONE, TWO, THREE = bundle("one"), bundle("two"), bundle("three")


class Altered(MemoryRegistryStore):
    """A store whose ledger somebody edits behind our back."""

    def alter(self, change: Callable[[dict[str, str]], object]) -> None:
        change(self._models[SUITE].records)

    def alter_files(self, change: Callable[[dict[str, bytes]], object]) -> None:
        change(self._models[SUITE].files)


class CrashError(Exception):
    pass


class CrashingStore(MemoryRegistryStore):
    """Dies before its nth change."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 1_000

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise CrashError

    def create_record(self, model: str, key: str, value: str) -> str:
        self._step()
        return super().create_record(model, key, value)

    def put_files(self, *args: Any) -> None:
        self._step()
        super().put_files(*args)

    def create_version(self, *args: Any) -> int:
        self._step()
        return super().create_version(*args)

    def set_alias(self, *args: Any) -> None:
        self._step()
        super().set_alias(*args)

    def set_tag(self, *args: Any) -> None:
        self._step()
        super().set_tag(*args)

    def create_prompt(self, *args: Any) -> int:
        self._step()
        return super().create_prompt(*args)

    def set_prompt_alias(self, *args: Any) -> None:
        self._step()
        super().set_prompt_alias(*args)
