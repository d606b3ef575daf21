"""One contract, three stores: in memory, on MLflow with SQLite, and one that answers over a pipe, in JSON's types."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plimsoll.config import Workspace
from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.registry import champion, history
from plimsoll.testing.store import MemoryRegistryStore
from plimsoll.tracking import MlflowRegistryStore, TrackingStore, open_store
from plimsoll.tracking.contract import RECORD_LIMIT, PromptText, RegistryStore
from plimsoll.tracking.remote_registry import RemoteRegistryStore, answer


def over_a_pipe(store: RegistryStore) -> RegistryStore:
    def ask(method: str, arguments: list[Any]) -> Any:
        return json.loads(json.dumps(answer(store, RegistryStore, method, json.loads(json.dumps(arguments)))))

    return RemoteRegistryStore(ask)


@pytest.fixture(params=["memory", "remote", pytest.param("mlflow", marks=pytest.mark.mlflow)])
def store(request: pytest.FixtureRequest) -> Iterator[RegistryStore]:
    if request.param == "memory":
        yield MemoryRegistryStore()
        return
    if request.param == "remote":
        yield over_a_pipe(MemoryRegistryStore())
        return
    workspace: Workspace = request.getfixturevalue("workspace")
    with open_store(None, workspace, dict(os.environ)) as tracking:
        yield MlflowRegistryStore(tracking)


@pytest.fixture
def tracking(workspace: Workspace) -> Iterator[TrackingStore]:
    with open_store(None, workspace, dict(os.environ)) as opened:
        yield opened


def test_a_model_that_is_not_there_reads_as_empty_and_is_not_made_by_reading(store: RegistryStore) -> None:
    assert (store.records("m"), store.tags("m"), store.aliases("m")) == ({}, {}, {})
    assert (store.versions("m"), store.get_files("m", "f"), store.models()) == ((), {}, ())


def test_a_record_is_made_once_and_never_changes(store: RegistryStore) -> None:
    assert store.create_record("m", "champion.seq0001", "ours") == "ours"
    assert store.create_record("m", "champion.seq0001", "theirs") == "ours"
    assert store.create_record("m", "champion.seq0001", "ours") == "ours"
    long = '{"naïve": "' + "ü" * (RECORD_LIMIT - 20) + '"}'
    assert store.create_record("m", "long", long) == long
    assert store.records("m") == {"champion.seq0001": "ours", "long": long}
    assert store.models() == ("m",)


def test_a_record_that_would_be_cut_is_refused(store: RegistryStore) -> None:
    with pytest.raises(ValueError, match="at most 6000 characters, not 6001"):
        store.create_record("m", "k", "x" * (RECORD_LIMIT + 1))


def test_files_come_back_byte_for_byte(store: RegistryStore) -> None:
    files = {"a.txt": b"one\r\n", "deep/er/b.bin": bytes(range(256)), "empty": b""}
    store.put_files("m", "bundles/1", files)
    store.put_files("m", "bundles/10", {"other": b"x"})
    store.put_files("m", "bundles/1", files)
    assert store.get_files("m", "bundles/1") == files
    assert store.get_files("m", "bundles/2") == {}


def test_versions_are_numbered_and_a_number_is_not_given_twice(store: RegistryStore) -> None:
    store.put_files("m", "bundles/a", {"f": b"a"})
    assert store.create_version("m", "bundles/a", {"plimsoll.digest": "sha256:a"}) == 1
    assert store.create_version("m", "bundles/b", {}) == 2
    store.delete_version("m", 1)
    store.delete_version("m", 1)
    assert [(v.number, v.folder) for v in store.versions("m")] == [(2, "bundles/b")]
    assert store.create_version("m", "bundles/a", {"plimsoll.digest": "sha256:a"}) == 3
    assert [v.number for v in store.versions("m", "bundles/b")] == [2]
    assert store.versions("m", "bundles") == ()
    last = store.versions("m")[-1]
    assert (last.number, last.folder, last.tags["plimsoll.digest"]) == (3, "bundles/a", "sha256:a")


def test_an_alias_moves_and_only_to_a_version_that_is_there(store: RegistryStore) -> None:
    for folder in ("a", "b"):
        store.create_version("m", folder, {})
    store.set_alias("m", "champion", 1)
    store.set_alias("m", "champion", 2)
    assert store.aliases("m") == {"champion": 2}
    with pytest.raises(InfrastructureError, match="setting the alias champion"):
        store.set_alias("m", "champion", 9)


def test_tags_change_and_models_are_apart(store: RegistryStore) -> None:
    store.set_tag("m", "k", "1")
    store.set_tag("m", "k", "2")
    store.create_record("n", "k", "n's")
    assert store.tags("m")["k"] == "2"
    assert store.records("m") == {}
    assert store.models() == ("m", "n")


TEXT = PromptText("Answer {{ question }}\n{% if page %}{{ page }}{% endif %}")
ASKED = PromptText("x", False, {"model_name": "m", "temperature": 0.2, "seed": 7}, {"type": "json_object"})
CHAT = PromptText('[{"content":"Be brièf.","role":"system"},{"content":"{{ question }}","role":"user"}]', chat=True)


def test_a_prompts_versions_come_back_with_text_messages_and_tags(store: RegistryStore) -> None:
    assert store.prompts("m.prompt") == ()
    assert store.create_prompt("m.prompt", TEXT, {"plimsoll.bundle": "sha256:1"}) == 1
    assert store.create_prompt("m.prompt", CHAT, {"plimsoll.bundle": "sha256:2"}) == 2
    first, second = store.prompts("m.prompt")
    assert (first.number, first.content, first.tags["plimsoll.bundle"]) == (1, TEXT, "sha256:1")
    assert (second.number, second.content, second.tags["plimsoll.bundle"]) == (2, CHAT, "sha256:2")
    assert store.prompts("m.prompt", {"plimsoll.bundle": "sha256:2"}) == (second,)
    assert store.prompts("m.prompt", {"plimsoll.bundle": "sha256:3"}) == ()
    assert store.create_prompt("m.prompt", ASKED, {"plimsoll.bundle": "sha256:4"}, "Shorter") == 3
    assert store.prompts("m.prompt", {"plimsoll.bundle": "sha256:4"})[0].content == ASKED
    store.rewrite_prompt("m.prompt", 3, TEXT)
    assert [version.content for version in store.prompts("m.prompt")] == [TEXT, CHAT, TEXT]
    store.rewrite_prompt("m.prompt", 3, ASKED)
    assert store.prompts("m.prompt")[2].content == ASKED
    store.delete_prompt("m.prompt", 3)
    store.rewrite_prompt("m.prompt", 1, CHAT)
    assert [version.content for version in store.prompts("m.prompt")] == [CHAT, CHAT]
    store.delete_prompt("m.prompt", 1)
    store.delete_prompt("m.prompt", 1)
    assert [version.number for version in store.prompts("m.prompt")] == [2]
    # A prompt is no model.
    assert (store.models(), store.records("m.prompt") if store.models() else {}) == ((), {})


def test_a_prompts_alias_moves_and_is_taken_away(store: RegistryStore) -> None:
    store.set_prompt_alias("m.prompt", "champion", None)
    assert store.prompt_alias("m.prompt", "champion") is None
    for content in (TEXT, CHAT):
        store.create_prompt("m.prompt", content, {})
    assert store.prompt_alias("m.prompt", "champion") is None
    store.set_prompt_alias("m.prompt", "champion", 1)
    store.set_prompt_alias("m.prompt", "champion", 2)
    assert store.prompt_alias("m.prompt", "champion") == 2
    store.set_prompt_alias("m.prompt", "champion", None)
    store.set_prompt_alias("m.prompt", "champion", None)
    assert store.prompt_alias("m.prompt", "champion") is None
    with pytest.raises(InfrastructureError, match="setting the alias champion"):
        store.set_prompt_alias("m.prompt", "champion", 9)


@pytest.mark.mlflow
def test_a_prompt_or_model_of_somebody_elses_is_not_written_to(tracking: TrackingStore) -> None:
    tracking.client.create_prompt("theirs.prompt")
    tracking.client.create_registered_model("model.prompt")
    store = MlflowRegistryStore(tracking)
    for name in ("theirs.prompt", "model.prompt"):
        with pytest.raises(UsageError, match=r"not of plimsoll's making \(rename that one"):
            store.create_prompt(name, TEXT, {})
    assert tracking.client.search_model_versions("name='model.prompt'") == []


@pytest.mark.mlflow
def test_a_model_of_somebody_elses_is_not_taken_over(tracking: TrackingStore) -> None:
    tracking.client.create_registered_model("support-qa")
    with pytest.raises(UsageError, match=r"'support-qa' that is not of plimsoll's making.*another name"):
        champion(MlflowRegistryStore(tracking), "support-qa")


@pytest.mark.mlflow
def test_a_deleted_model_or_ledger_is_told_and_never_begun_anew(tracking: TrackingStore) -> None:
    store = MlflowRegistryStore(tracking)
    store.create_record("m", "champion.seq0001", "x")
    run = store.tags("m")["plimsoll.ledger"]
    tracking.client.delete_run(run)
    with pytest.raises(InfrastructureError, match=f"ledger, MLflow run {run}, was deleted.*mlflow runs restore"):
        history(MlflowRegistryStore(tracking), "m")
    tracking.client.restore_run(run)
    tracking.client.delete_registered_model("m")
    with pytest.raises(InfrastructureError, match=rf"model 'm' was deleted.*its history is still in run {run}"):
        MlflowRegistryStore(tracking).create_record("m", "champion.seq0001", "y")


@pytest.mark.mlflow
def test_two_stores_on_one_database_share_one_ledger(tracking: TrackingStore, tmp_path: Path) -> None:
    first, second = MlflowRegistryStore(tracking), MlflowRegistryStore(tracking)
    assert first.create_record("m", "k", "first") == "first"
    assert second.create_record("m", "k", "second") == "first"
