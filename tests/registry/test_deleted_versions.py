"""A model version that somebody deleted in MLflow is made again from its bundle, once, and the alias names it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.registry.parts import NOW, ONE, SUITE, TWO, Altered, CrashError, CrashingStore, move

from plimsoll.config import Workspace
from plimsoll.errors import InfrastructureError
from plimsoll.registry import champion, history, load_bundle, prompt_name, rollback
from plimsoll.registry.errors import TamperedError
from plimsoll.testing.store import MemoryRegistryStore
from plimsoll.tracking import MlflowRegistryStore, open_store
from plimsoll.tracking.contract import RegistryStore

NAME = prompt_name(SUITE)


@pytest.fixture(params=["memory", pytest.param("mlflow", marks=pytest.mark.mlflow)])
def store(request: pytest.FixtureRequest) -> Iterator[RegistryStore]:
    if request.param == "memory":
        yield MemoryRegistryStore()
        return
    workspace: Workspace = request.getfixturevalue("workspace")
    with open_store(None, workspace, dict(os.environ)) as tracking:
        yield MlflowRegistryStore(tracking)


def state(store: RegistryStore) -> tuple[list[int], int | None, int | None]:
    """Versions, what the alias names, and what the prompt's alias names."""
    numbers = [version.number for version in store.versions(SUITE)]
    return numbers, store.aliases(SUITE).get("champion"), store.prompt_alias(NAME, "champion")


def note(store: RegistryStore) -> str | None:
    found = champion(store, SUITE)
    assert found is not None
    return found.note


def test_what_a_rollback_restores_is_a_new_version_where_the_old_one_was_deleted(store: RegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    store.delete_version(SUITE, 1)
    told: list[str] = []
    back = rollback(store, SUITE, who="bob", now=NOW, tell=told.append)
    assert (back.bundle, back.version, told) == (ONE.digest, 3, [])
    assert state(store) == ([2, 3], 3, 1)
    assert (note(store), load_bundle(store, SUITE, ONE.digest)) == (None, ONE)
    # Nor is it lost on the way back.
    again = move(store, TWO, ONE, attempt=1)
    assert (again.version, state(store)) == (2, ([2, 3], 2, 2))


def test_a_champion_that_was_deleted_is_made_again_when_it_is_read_and_that_is_told_once(store: RegistryStore) -> None:
    move(store, ONE, None)
    for gone, new in ((1, 2), (2, 3)):
        store.delete_version(SUITE, gone)
        assert note(store) == f"version {gone} was deleted in MLflow; what it held is version {new} now"
        assert note(store) is None
        assert state(store) == ([new], new, 1)
    assert [entry.version for entry in history(store, SUITE)] == [1]


def test_a_bundle_that_is_promoted_again_after_its_version_was_deleted_gets_another(store: RegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    store.delete_version(SUITE, 1)
    assert move(store, ONE, TWO, attempt=1).version == 3
    assert state(store) == ([2, 3], 3, 1)


class Overtaken(MemoryRegistryStore):
    """Another process does something between our looking for a version and our making one."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], object] | None = None
        self.meanwhile: Callable[[], object] | None = None

    def create_version(self, *args: Any) -> int:
        act, self.before = self.before, None
        if act is not None:
            act()
        return super().create_version(*args)

    def create_record(self, model: str, key: str, value: str) -> str:
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()
        return super().create_record(model, key, value)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_of_two_that_restore_at_once_both_name_the_one_version_that_stays(when: str) -> None:
    store = Overtaken()
    move(store, ONE, None)
    store.delete_version(SUITE, 1)
    seen: list[str | None] = []
    setattr(store, when, lambda: seen.append(note(store)))
    mine = note(store)
    assert note(store) is None
    [number], alias, prompt = state(store)
    assert seen == [f"version 1 was deleted in MLflow; what it held is version {number} now"]
    # The other put the alias right first.
    assert str(mine).startswith(str(seen[0]))
    assert (alias, prompt) == (number, 1)


def test_one_that_is_late_deletes_nobody_elses_version() -> None:
    store = Overtaken()
    move(store, ONE, None)
    store.delete_version(SUITE, 1)
    digest = ONE.digest.removeprefix("sha256:")
    # What a killed process made and did not record.
    store.create_version(SUITE, f"models/{digest}", {})

    def others() -> None:
        """One recorded its own, which was deleted in MLflow, and another recorded the found one."""
        store.create_record(SUITE, f"version.{digest}.2", "9")
        store.create_record(SUITE, f"version.{digest}.3", "2")

    store.meanwhile = others
    assert "could not be brought up to date" in str(note(store))
    assert state(store)[0] == [2]
    note(store)
    assert (state(store), note(store)) == (([2], 2, 1), None)


def test_a_restoring_that_dies_between_any_two_steps_is_finished_by_the_next_reading() -> None:
    for step in range(20):
        store = CrashingStore()
        move(store, ONE, None)
        move(store, TWO, ONE)
        store.delete_version(SUITE, 2)
        store.left = step
        died = True
        try:
            note(store)
            died = False
        except CrashError:
            store.left = 1_000
            note(store)
        numbers, alias, prompt = state(store)
        assert (numbers, alias, prompt) == ([1, 3], 3, 2)
        if not died:
            break
    assert (died, step) == (False, 4)


class Readable(MemoryRegistryStore):
    """A store in which this user may change nothing any more."""

    closed = False

    def create_version(self, *args: Any) -> int:
        if self.closed:
            raise InfrastructureError("you may only read")
        return super().create_version(*args)


def test_who_may_only_read_is_told_and_reads_on_and_the_prompt_follows_in_any_case() -> None:
    store = Readable()
    move(store, ONE, None)
    store.delete_version(SUITE, 1)
    store.set_prompt_alias(NAME, "champion", None)
    store.closed = True
    assert note(store) == "the alias champion could not be brought up to date: you may only read"
    assert state(store) == ([], None, 1)


def test_nothing_is_made_again_of_a_bundle_that_was_altered() -> None:
    store = Altered()
    move(store, ONE, None)
    move(store, TWO, ONE)
    store.delete_version(SUITE, 1)
    store.alter_files(lambda files: files.update({path: b"evil" for path in files if path.endswith("p.jinja2")}))
    with pytest.raises(TamperedError):
        rollback(store, SUITE, who="bob", now=NOW)
    assert ([entry.seq for entry in history(store, SUITE)], state(store)[0]) == ([1, 2], [2])
