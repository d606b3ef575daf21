"""Runs that are kept whole in MLflow: found by what their params say, and believed only as those say."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from plimsoll.config import Workspace
from plimsoll.config.secrets import Redactor
from plimsoll.errors import UsageError
from plimsoll.runs.join import read_report
from plimsoll.runs.journal import EndLine, Journal, OutputLine, ScoreLine
from plimsoll.runs.plan import Plan, save_plan
from plimsoll.stats.summary import summarise
from plimsoll.tracking import Attachments, LoggedRun, TrackingStore, log_run, open_store
from plimsoll.tracking.run_search import MlflowStoredRuns, Wanted
from plimsoll.tracking.stored_runs import (
    is_whole,
    next_param,
    next_verdict,
    pack,
    packed_names,
    state_of,
    states_of,
    unpack,
)
from plimsoll.types import Case, CellId, Decision, EvaluatorInfo, Metric, Output, Scored, TargetInfo

pytestmark = pytest.mark.mlflow

KEY = "sk-planted-0123456789"
PASS, FAIL = Decision.PASS, Decision.FAIL
CASES = [Case(id=name, inputs={"question": name}) for name in ("ape", "bee", "cat")]


def run_folder(folder: Path, run: str, *, answer: str = "yes", end: bool = True, **facts: Any) -> Path:
    """A run of three cases and one target."""
    plan = Plan(
        run=run,
        started=facts.pop("started", "2026-01-01T00:00:00+00:00"),
        suite=facts.pop("suite", "desk"),
        settings={},
        dataset="desk",
        dataset_digest="sha256:d",
        cases=len(CASES),
        cases_digest="sha256:c",
        targets={"v1": TargetInfo(name="v1", kind="prompt", digest="sha256:v1")},
        evaluators={"f1": EvaluatorInfo(name="f1", digest="sha256:f", metrics=(Metric(name="f1"),))},
        **facts,
    )
    save_plan(plan, CASES, folder / run)
    with Journal(folder / run) as journal:
        for case in CASES:
            cell = CellId("v1", case.id)
            journal.append(OutputLine(cell=cell, key="k", outcome=Output(text=answer)))
            journal.append(ScoreLine(cell=cell, evaluator="f1", key="k", scores={"f1": Scored(value=1.0)}))
        if end:
            journal.append(EndLine(seconds=1.0, requests=3, complete=True))
    return folder / run


@pytest.fixture
def store(workspace: Workspace) -> Iterator[TrackingStore]:
    with open_store(None, workspace, {**os.environ, "OPENAI_API_KEY": KEY}) as opened:
        yield opened


def log(store: TrackingStore, folder: Path, tags: dict[str, str] | None = None) -> LoggedRun:
    report = read_report(folder)
    logged = log_run(store, report, summarise(report), Attachments({}, "name: desk\n", tags or {}, run=folder))
    assert logged.unsynced is None
    return logged


def ids(store: TrackingStore, by: Any, value: str, suite: str | None = "desk") -> list[str]:
    return [found.state.run for found in MlflowStoredRuns(store).find(Wanted(by=by, value=value, suite=suite))]


def test_a_run_comes_back_byte_for_byte_but_for_secrets(store: TrackingStore, tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "20260101-000000001-desk-a79b", answer=f"the key is {KEY}")
    log(store, folder)
    runs = MlflowStoredRuns(store)
    [found] = runs.find(Wanted(by="run", value="a79b"))
    here, whole = tmp_path / "artifacts", tmp_path / "whole"
    made(whole)
    assert runs.download(found.mlflow, [*packed_names(found.state), "gone"], str(made(here))) == ("gone",)
    assert unpack(found.state, here, whole) == ()
    assert is_whole(found.state, whole)
    for name in ("plan.json", "cases.jsonl", "journal.jsonl"):
        clean = (folder / name).read_bytes().replace(KEY.encode(), b"[OPENAI_API_KEY redacted]")
        assert (whole / name).read_bytes() == clean
    assert summarise(read_report(whole)) == summarise(read_report(folder))


def test_the_param_says_what_is_in_the_files_that_are_sent_without_secrets(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "r1", git_branch=f"fix/{KEY}", filters=(("question", KEY),))
    packed, whole = made(tmp_path / "packed"), made(tmp_path / "whole")
    stored = pack(folder, packed, Redactor({"OPENAI_API_KEY": KEY}))
    assert KEY not in msgspec.json.encode(stored).decode()
    assert stored.branch == "fix/[OPENAI_API_KEY redacted]"
    packed.rename(made((tmp_path / stored.place).parent) / Path(stored.place).name)
    assert unpack(stored, tmp_path, whole) == ()
    assert msgspec.structs.replace(state_of(whole), files=stored.files) == stored


def test_runs_are_found_by_id_branch_and_tag_the_newest_first(store: TrackingStore, tmp_path: Path) -> None:
    for day, branch, suite in (
        (1, "main", "desk"),
        (2, "main", "desk"),
        (3, "maintenance", "desk"),
        (4, "main", "desk_2"),
        (5, 'it\'s 100%_"odd"', "desk"),
    ):
        folder = run_folder(
            tmp_path, f"r{day}", suite=suite, git_branch=branch, started=f"2026-01-0{day}T00:00:00+00:00"
        )
        logged = log(store, folder, {"release": "1.4"} if day == 2 else {})
    assert logged.parent is not None
    assert ids(store, "branch", "main") == ["r2", "r1"]
    assert ids(store, "branch", "main", None) == ["r4", "r2", "r1"]
    assert ids(store, "branch", 'it\'s 100%_"odd"') == ["r5"]
    assert ids(store, "branch", 'it_s 100%_"odd"') == []
    assert ids(store, "run", "r") == ["r5", "r3", "r2", "r1"]
    assert ids(store, "run", logged.parent) == ids(store, "run", logged.targets["v1"]) == ["r5"]
    assert ids(store, "tag", "release=1.4") == ids(store, "tag", "plimsoll.release=1.4") == ["r2"]
    # Set by hand in MLflow's UI, on the page of a target.
    store.client.set_tag(logged.targets["v1"], "team", "blue")
    assert ids(store, "tag", "team=blue") == ["r5"]
    known = MlflowStoredRuns(store).known
    assert known(Wanted(by="branch", value="mian", suite="desk_2")) == ("main",)
    assert "release=1.4" not in known(Wanted(by="tag", value="team=red"))
    assert known(Wanted(by="tag", value="plimsoll.suite=red", suite="desk")) == ("plimsoll.suite=desk",)
    with pytest.raises(UsageError, match="is no tag's name"):
        ids(store, "tag", "a`b=1")
    # What a tag says of branch or suite is nothing that a run is found by.
    store.client.set_tag(logged.parent, "plimsoll.branch", "main")
    store.client.set_tag(logged.parent, "plimsoll.suite", "desk_2")
    assert ids(store, "branch", "main", None) == ["r4", "r2", "r1"]


def test_a_run_that_went_on_has_a_second_param_and_the_first_stays(store: TrackingStore, tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "r1", end=False)
    first = log(store, folder)
    assert log(store, folder).parent == first.parent
    with Journal(folder) as journal:
        journal.append(EndLine(seconds=1.0, requests=3, complete=True))
    log(store, folder)
    assert first.parent is not None
    states = states_of(store.client.get_run(first.parent).data.params)
    assert [state.complete for state in states] == [False, True]
    assert states[0].place != states[1].place
    [found] = MlflowStoredRuns(store).find(Wanted(by="run", value="r1"))
    assert (found.state, found.earlier, found.outcomes) == (states[1], 0, {})


def test_what_gates_decided_is_found_with_a_run_the_last_over_each_target(store: TrackingStore, tmp_path: Path) -> None:
    parent = log(store, run_folder(tmp_path, "r1")).parent
    assert parent is not None
    for target, outcome in (("v1", FAIL), ("v1", PASS), ("v2", FAIL), ("v1", PASS)):
        param = next_verdict(target, outcome, store.client.get_run(parent).data.params)
        if param is not None:
            store.client.log_param(parent, *param)
    params = store.client.get_run(parent).data.params
    assert [name for name in sorted(params) if name.startswith("gated.")] == ["gated.1", "gated.2", "gated.3"]
    [found] = MlflowStoredRuns(store).find(Wanted(by="run", value="r1"))
    assert found.outcomes == {"v1": PASS, "v2": FAIL}
    # Logged before there were keys: a second param says more, and of the same contents.
    older = msgspec.json.decode(params["stored.1"])
    del older["keys"]
    states = {"stored.1": msgspec.json.encode(older).decode()}
    assert states_of(states)[0].keys == ()
    assert next_param(found.state, states) == ("stored.2", params["stored.1"])
    store.client.log_param(parent, "stored.2", params["stored.1"])
    assert MlflowStoredRuns(store).find(Wanted(by="run", value="r1"))[0].earlier == 0


@pytest.mark.parametrize("name", ["plan.json", "cases.jsonl", "journal.jsonl"])
def test_what_is_missing_or_was_exchanged_is_named(tmp_path: Path, name: str) -> None:
    folder = run_folder(tmp_path, "r1")
    packed, whole = tmp_path / "packed", made(tmp_path / "whole")
    stored = pack(folder, made(packed / "new"), Redactor({}))
    (packed / "new").rename(made((packed / stored.place).parent) / Path(stored.place).name)
    assert unpack(stored, packed, whole) == ()
    path = next(packed / each for each in packed_names(stored) if name in each)
    kept = path.read_bytes()
    plain = gzip.decompress(kept) if path.suffix == ".gz" else kept
    for other in (plain + b"\n", plain[:-2], plain.replace(b"a", b"b", 1), b"\0" * 10_000_000):
        path.write_bytes(gzip.compress(other) if path.suffix == ".gz" else other)
        assert unpack(stored, packed, whole) == (f"{name} is not what was logged",)
        # No more is written than there may be, and one byte.
        assert (whole / name).stat().st_size <= stored.files[name].size + 1
    path.write_bytes(kept[: len(kept) // 2])
    assert unpack(stored, packed, whole) == (f"{name} is not what was logged",)
    path.unlink()
    assert unpack(stored, packed, whole) == (f"{name} is missing",)


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_a_secret_that_is_a_word_of_the_files_is_taken_out_of_what_is_said_alone(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "r1", answer=f"messages, {KEY}")
    with (folder / "journal.jsonl").open("a", encoding="utf-8") as file:
        file.write(f'{{"kind":"output","cell":["v1","ape"],"key":"{KEY}')
    redactor = Redactor({"A_PASSWORD": "messages", "B_PASSWORD": "evaluators", "D_KEY": KEY})
    packed, whole = tmp_path / "packed", made(tmp_path / "whole")
    stored = pack(folder, made(packed / "new"), redactor)
    (packed / "new").rename(made((packed / stored.place).parent) / Path(stored.place).name)
    assert unpack(stored, packed, whole) == ()
    found = read_report(whole)
    assert {record.output.text for record in found.cells if record.output} == {
        "[A_PASSWORD redacted], [D_KEY redacted]"
    }
    assert found.run == read_report(folder).run
    assert KEY not in "".join(path.read_text(encoding="utf-8") for path in whole.iterdir())


def test_equal_runs_are_packed_into_equal_files(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "r1")
    packs = [pack(folder, made(tmp_path / name), Redactor({})) for name in ("a", "b")]
    assert packs[0] == packs[1]
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert msgspec.json.decode(msgspec.json.encode(packs[0]), type=type(packs[0])) == packs[0]
