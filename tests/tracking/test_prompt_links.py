"""The prompts of a run are kept as versions, and MLflow finds runs and traces by them, in both directions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.config import TrackingPolicy, Workspace
from plimsoll.stats.summary import summarise
from plimsoll.testing.reports import example_report
from plimsoll.tracking import Attachments, LoggedRun, TrackingStore, log_run, open_store
from plimsoll.tracking.contract import DIGEST_TAG, PROMPT_LIMIT, PromptDraft, PromptText
from plimsoll.tracking.kept_prompts import KeptPrompt
from plimsoll.tracking.location import Location
from plimsoll.tracking.prompt_links import can_associate, keep_prompts, link_run, link_traces, linked_tags
from plimsoll.types import Report

pytestmark = pytest.mark.mlflow

KEY = "sk-planted-0123456789"
NAME = "ferry-desk.prompt"


@pytest.fixture
def store(workspace: Workspace) -> Iterator[TrackingStore]:
    with open_store(None, workspace, {**os.environ, "OPENAI_API_KEY": KEY}) as opened:
        yield opened


def draft(
    text: str = "Answer {{ question }}", digest: str = "sha256:1", message: str = "Shorter answers"
) -> PromptDraft:
    content = PromptText(text, configuration={"provider": "openai", "model_name": "m-1", "temperature": 0.2})
    return PromptDraft(prompt=NAME, content=content, tags={DIGEST_TAG: digest}, message=message)


DRAFTS = {"v1": draft(), "v2": draft("Answer {{ question }}, please", "sha256:2")}


def log(store: TrackingStore, report: Report, drafts: dict[str, PromptDraft] | None = None, **policy: Any) -> LoggedRun:
    attached = Attachments({}, "name: ferry-desk", prompts=DRAFTS if drafts is None else drafts)
    return log_run(store, report, summarise(report), attached, policy=TrackingPolicy(**policy))


def report_of(run: str = "a run") -> Report:
    found = example_report(cases=6, targets=("v1", "v2"), flawless=True)
    return replace(found, run=replace(found.run, id=run))


def traces_of(store: TrackingStore, version: int) -> list[Any]:
    found = store.client.search_traces(
        locations=[store.experiment_id], filter_string=f"prompt = '{NAME}/{version}'", include_spans=False
    )
    return [trace.info for trace in found]


def versions(store: TrackingStore) -> list[Any]:
    found = store.client.search_model_versions(f"name='{NAME}' AND tags.`mlflow.prompt.is_prompt` = 'true'")
    return sorted(found, key=lambda version: int(version.version))


def test_a_runs_prompts_are_versions_that_lead_to_its_runs_and_traces_and_back(store: TrackingStore) -> None:
    logged = log(store, report_of(), traces="all")
    assert (logged.unsynced, logged.notes) == (None, ())
    first, second = versions(store)
    assert (first.description, first.tags[DIGEST_TAG]) == ("Shorter answers", "sha256:1")
    shown = store.client.get_prompt_version(NAME, 1)
    assert shown is not None
    assert shown.template == "Answer {{ question }}"
    assert shown.model_config == {"provider": "openai", "model_name": "m-1", "temperature": 0.2}
    for target, version in (("v1", first), ("v2", second)):
        run = store.client.get_run(logged.targets[target])
        linked = linked_tags(KeptPrompt(NAME, int(version.version)))
        assert linked.items() <= run.data.tags.items()
        assert version.tags["mlflow.prompt.run_ids"] == run.info.run_id
        assert [each.version for each in store.client.list_logged_prompts(run.info.run_id)] == [int(version.version)]
        traces = traces_of(store, int(version.version))
        assert len(traces) == logged.traces[target].sent == 6
        assert all(linked.items() <= trace.tags.items() for trace in traces)
        assert {trace.tags["plimsoll.target"] for trace in traces} == {target}
    [listed] = store.client.search_prompts(f"experiment_id = '{store.experiment_id}'")
    assert listed.name == NAME


def test_logging_again_and_another_run_of_the_same_prompts_make_no_new_version(store: TrackingStore) -> None:
    report = report_of()
    first = log(store, report)
    assert log(store, report).unsynced is None
    other = log(store, report_of("another run"))
    assert other.parent != first.parent
    assert [version.tags["mlflow.prompt.run_ids"] for version in versions(store)] == [
        f"{first.targets[target]},{other.targets[target]}" for target in ("v1", "v2")
    ]


def test_without_prompts_in_the_settings_none_is_kept(store: TrackingStore) -> None:
    logged = log(store, report_of(), prompts=False, traces="all")
    assert (logged.unsynced, versions(store)) == (None, [])
    assert "mlflow.linkedPrompts" not in store.client.get_run(logged.targets["v1"]).data.tags


@pytest.mark.long
def test_what_was_rewritten_is_put_right_and_noted(store: TrackingStore) -> None:
    log(store, report_of())
    store.client.set_prompt_version_tag(NAME, 1, "mlflow.prompt.text", "evil")
    logged = log(store, report_of("another run"))
    assert logged.unsynced is None
    assert logged.notes == (f"version 1 of the prompt {NAME} had been rewritten, and was put right",)
    assert versions(store)[0].tags["mlflow.prompt.text"] == "Answer {{ question }}"


@pytest.mark.long
def test_a_prompt_that_can_not_be_kept_now_is_told_and_logging_again_completes_it(
    store: TrackingStore, workspace: Workspace
) -> None:
    def change(statement: str) -> None:
        with closing(sqlite3.connect(workspace.state / "mlflow.db")) as database, database:
            database.execute(statement)

    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON model_versions BEGIN SELECT RAISE(FAIL, 'out of order'); END"
    change(refuse)
    report = report_of()
    logged = log(store, report, traces="all")
    assert "the prompt of v1 is not kept: " in str(logged.unsynced)
    assert set(logged.targets) == {"v1", "v2"}, "everything else is there"
    change("DROP TRIGGER refuse")
    assert log(store, report, traces="all").unsynced is None
    for version in (1, 2):
        linked = linked_tags(KeptPrompt(NAME, version))
        traces = traces_of(store, version)
        assert len([trace for trace in traces if linked.items() <= trace.tags.items()]) == 6


@pytest.mark.parametrize(
    ("name", "why"),
    [("theirs.prompt", "MLflow has a prompt or model 'theirs.prompt' that is not"), ("no/name", "Invalid")],
)
def test_a_prompt_that_mlflow_will_never_take_is_noted_and_nothing_waits_for_it(
    store: TrackingStore, name: str, why: str
) -> None:
    store.client.create_prompt("theirs.prompt")
    logged = log(store, report_of(), {"v1": replace(DRAFTS["v1"], prompt=name)})
    assert logged.unsynced is None
    [note] = logged.notes
    assert note.startswith("the prompt of v1 is not kept in MLflow: ")
    assert why in note


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"use {KEY}", "it holds what is redacted before anything leaves this machine"),
        ("x" * (PROMPT_LIMIT + 1), "it has 100,001 characters, and MLflow takes 100,000"),
    ],
)
def test_a_prompt_that_must_not_or_can_not_go_there_is_left_out_with_a_note(
    store: TrackingStore, workspace: Workspace, text: str, why: str
) -> None:
    logged = log(store, report_of(), {"v1": draft(text)})
    assert logged.unsynced is None
    assert logged.notes == (f"the prompt of v1 is not kept in MLflow: {why}",)
    assert versions(store) == []
    assert KEY.encode() not in (workspace.state / "mlflow.db").read_bytes()


def test_of_several_that_log_at_once_all_get_the_same_version(store: TrackingStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: keep_prompts(store, DRAFTS), range(4)))
    assert [kept.problems for kept in found] == [{}] * 4
    assert {tuple(kept.targets.items()) for kept in found} == {tuple(found[0].targets.items())}
    assert len(versions(store)) == 2


def test_a_version_names_its_newest_runs_and_linking_again_adds_none(store: TrackingStore) -> None:
    [kept] = keep_prompts(store, {"v1": DRAFTS["v1"]}).targets.values()
    runs = [store.client.create_run(store.experiment_id).info.run_id for _ in range(3)]
    full = ",".join(f"{number:032x}" for number in range(49))
    store.client.set_prompt_version_tag(NAME, 1, "mlflow.prompt.run_ids", full)
    for run in (*runs, runs[0]):
        link_run(store, run, DRAFTS["v1"], kept)
    named = versions(store)[0].tags["mlflow.prompt.run_ids"].split(",")
    assert len(named) == 50
    assert named[-3:] == [runs[1], runs[2], runs[0]]


def test_linking_traces_again_changes_nothing(store: TrackingStore) -> None:
    log(store, report_of(), traces="all")
    ids = [trace.trace_id for trace in traces_of(store, 1)]
    with ThreadPoolExecutor(1) as pool:
        link_traces(store, ids, KeptPrompt(NAME, 1), pool)
        link_traces(store, ids[:2], KeptPrompt(NAME, 2), pool)
    assert [len(traces_of(store, version)) for version in (1, 2)] == [6, 8]


@pytest.mark.parametrize(
    ("uri", "name", "fits"),
    [
        ("http://127.0.0.1:5000", "n" * 34, True),
        ("http://127.0.0.1:5000", "n" * 35, False),
        ("postgresql://127.0.0.1/runs", "n" * 35, False),
        ("sqlite:///runs.db", "n" * 100, True),
    ],
)
def test_a_version_whose_name_is_too_long_for_the_servers_table_is_not_associated(
    uri: str, name: str, fits: bool
) -> None:
    assert can_associate(Location(uri, None), KeptPrompt(name, 1)) is fits


@pytest.mark.long
def test_the_working_folder_stays_clean(store: TrackingStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    log(store, report_of(), traces="all")
    assert list(Path.cwd().iterdir()) == []
