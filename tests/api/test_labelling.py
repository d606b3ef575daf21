"""What people say in MLflow comes back: as labels that a judge is measured against, and as curated cases."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.labelled import SUITE, Ui, lay, ui_of
from tests.api.parts import edit

from plimsoll.api.curating import CasesFile, curate_cases
from plimsoll.api.labelling import Pulled, export_labels, pull_labels
from plimsoll.calibration import LabelKind, read_labels
from plimsoll.config import Workspace
from plimsoll.datasets import open_dataset
from plimsoll.errors import ConfigError, UsageError
from plimsoll.labels import LabelStore
from plimsoll.testing.writer import thread_writer
from plimsoll.tracking import MlflowWriter
from plimsoll.types import EXPECTED, HumanLabel

pytestmark = pytest.mark.mlflow


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Path:
    return lay(tmp_path_factory.mktemp("labelled") / "desk", database).root


@pytest.fixture
def desk(tmp_path: Path, logged: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the workspace with its run and its store, as the current folder."""
    for name in ("MLFLOW_TRACKING_URI", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(logged, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    return Workspace.find(tmp_path / "desk")


@pytest.fixture
def ui(desk: Workspace) -> Ui:
    return ui_of(desk)


@pytest.fixture
def writer(desk: Workspace) -> Iterator[MlflowWriter]:
    with thread_writer(desk) as opened:
        yield opened


def figures(pulled: Pulled) -> tuple[int, int, int]:
    return pulled.new, pulled.changed, pulled.taken_back


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def the_run(workspace: Workspace) -> str:
    [folder] = (workspace.state / "runs").iterdir()
    return folder.name


def test_labels_come_once_then_what_changed_then_what_was_taken_back(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    first = ui.feedback("c0", "kind", 2, "ada", "curt")
    ui.feedback("c0", "kind", 5, "bob")
    ui.feedback("c1", "helpful", "very", "ada")
    ui.expectation("c2", "answer two", "bob")
    pulled = pull_labels(desk, writer=writer)
    assert figures(pulled) == (4, 0, 0)
    assert pulled.labels == {"expected": {"bob": 1}, "helpful": {"ada": 1}, "kind": {"ada": 1, "bob": 1}}
    assert (pulled.other_names, pulled.brought, pulled.told, pulled.traces) == (("helpful",), (), (), 6)
    assert figures(pull_labels(desk, writer=writer)) == (0, 0, 0)
    ui.edit("c0", first, 1)
    assert figures(pull_labels(desk, writer=writer)) == (0, 1, 0)
    assert {each.value for each in LabelStore(desk.state) if each.who == "ada"} == {1, "very"}
    ui.delete("c0", first)
    assert figures(pull_labels(desk, writer=writer)) == (0, 0, 1)
    assert [each.who for each in LabelStore(desk.state) if each.name == "kind"] == ["bob"]
    assert figures(pull_labels(desk, ["suites/desk.yaml"], run=the_run(desk)[-4:], writer=writer)) == (0, 0, 0)


def test_labels_given_here_are_not_taken_for_ones_deleted_there(desk: Workspace, ui: Ui, writer: MlflowWriter) -> None:
    ui.feedback("c0", "kind", 2, "ada")
    pull_labels(desk, writer=writer)
    [given] = LabelStore(desk.state)
    here = HumanLabel(run=given.run, cell=given.cell, name="kind", value=4, who="eve", at=given.at)
    LabelStore(desk.state).append([here])
    assert figures(pull_labels(desk, writer=writer)) == (0, 0, 0)
    assert len(list(LabelStore(desk.state))) == 2


def test_another_suite_s_labels_stay_where_they_are_and_a_run_that_is_not_known_is_told(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    ui.feedback("c0", "kind", 2, "ada")
    (desk.root / "suites" / "other.yaml").write_text(SUITE.replace("name: desk", "name: other"), encoding="utf-8")
    assert figures(pull_labels(desk, ["other"], writer=writer)) == (0, 0, 0)
    with pytest.raises(UsageError, match="no run 'nowhere'"):
        pull_labels(desk, run="nowhere", writer=writer)
    assert figures(pull_labels(desk, run=the_run(desk), writer=writer)) == (1, 0, 0)


def test_values_that_can_mean_only_one_thing_are_taken_and_others_told_with_trace_and_person(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    for case, value in (("c0", "yes"), ("c1", False), ("c2", "fail"), ("c3", 1), ("c4", "rather"), ("c5", [True])):
        ui.feedback(case, "exact_match", value, "ada")
    trace = ui.traces["c4"].trace_id
    pulled = pull_labels(desk, writer=writer)
    assert pulled.left_out[0] == f"trace {trace}, ada: exact_match is true or false, not 'rather': left out"
    assert (len(pulled.left_out), pulled.told, pulled.same) == (2, (), False)
    assert (figures(pulled), pulled.labels) == ((4, 0, 0), {"exact_match": {"ada": 4}})
    again = pull_labels(desk, writer=writer)
    assert (figures(again), again.left_out, again.same) == ((0, 0, 0), pulled.left_out, True)
    written = export_labels(desk, "exact_match")
    assert {row["id"]: row["labels"] for row in rows(desk.root / written.file)} == {
        "c0": [True],
        "c1": [False],
        "c2": [False],
        "c3": [True],
    }
    assert len(written.told) == 2
    assert written.told[0].startswith("ada on v1/c4 of ")
    assert (written.labels, written.judged) == (4, False)


def test_the_export_is_what_a_calibration_reads_with_everybody_s_label(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    for number in range(4):
        ui.feedback(f"c{number}", "kind", number + 1, "bob")
    ui.feedback("c1", "kind", "5", "ada")
    pull_labels(desk, writer=writer)
    written = export_labels(desk, "kind")
    assert (written.file, written.answers, written.labels) == ("labels/kind.jsonl", 4, 5)
    assert written.people == ("ada", "bob")
    labels = read_labels(desk.root / written.file, "labels/kind.jsonl")
    assert (labels.kind, labels.people) == (LabelKind.NUMBER, 2)
    assert [row.labels for row in labels.rows] == [(None, 1.0), (5.0, 2.0), (None, 3.0), (None, 4.0)]
    second = labels.rows[2]
    assert (second.case.id, second.case.inputs, second.output.text) == ("c2", {"question": "question 2"}, "no idea")
    assert (second.case.expected, second.case.slices) == ("answer 2", ("even",))
    assert export_labels(desk, "kind").labels == 5, "the same content is written again"


def test_truth_values_about_a_number_are_kept_where_they_are_the_more_frequent(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    for case in ("c0", "c1"):
        ui.feedback(case, "kind", "pass", "ada")
    ui.feedback("c2", "kind", 3, "ada")
    pull_labels(desk, writer=writer)
    written = export_labels(desk, "kind")
    assert read_labels(desk.root / written.file, "labels").kind is LabelKind.TRUTH
    assert written.told == ("a file holds one kind of labels: true or false (2) kept, numbers (1) left out",)


def test_expected_answers_are_no_metric_to_export(desk: Workspace, ui: Ui, writer: MlflowWriter) -> None:
    ui.expectation("c2", "answer two", "bob")
    pull_labels(desk, writer=writer)
    with pytest.raises(UsageError) as raised:
        export_labels(desk, "expected")
    assert raised.value.remedy == "`plimsoll labels cases` writes cases from it"
    assert not (desk.root / "labels").exists()


def test_a_file_of_one_s_own_is_not_written_over(desk: Workspace, ui: Ui, writer: MlflowWriter) -> None:
    ui.feedback("c0", "kind", 3, "ada")
    pull_labels(desk, writer=writer)
    mine = desk.root / "labels" / "kind.jsonl"
    mine.parent.mkdir()
    mine.write_text("mine\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is there and holds something else"):
        export_labels(desk, "kind")
    assert mine.read_text(encoding="utf-8") == "mine\n"
    assert export_labels(desk, "kind", force=True).answers == 1
    with pytest.raises(UsageError, match=r"kind\.csv is no \*\.jsonl file"):
        export_labels(desk, "kind", out=Path("kind.csv"))
    with pytest.raises(UsageError, match="nobody gave a label named 'mind'") as told:
        export_labels(desk, "mind")
    assert told.value.remedy == "did you mean 'kind'?"


def test_a_labelled_run_that_is_not_on_this_disk_is_brought_here(desk: Workspace, ui: Ui, writer: MlflowWriter) -> None:
    run = the_run(desk)
    shutil.rmtree(desk.state / "runs")
    ui.feedback("c2", "kind", 3, "ada")
    pulled = pull_labels(desk, writer=writer)
    assert (pulled.brought, pulled.told) == ((run,), ())
    assert export_labels(desk, "kind").answers == 1
    shutil.rmtree(desk.state / "fetched")
    with pytest.raises(UsageError) as told:
        export_labels(desk, "kind")
    assert f"run {run} is not on this disk (labels: 1)" in str(told.value.remedy)


def test_what_held_out_cases_say_goes_into_no_file(desk: Workspace, ui: Ui, writer: MlflowWriter) -> None:
    ui.feedback("c2", "kind", 3, "ada")
    ui.expectation("c2", "none", "ada")
    pull_labels(desk, writer=writer)
    plan = desk.state / "runs" / the_run(desk) / "plan.json"
    settings = json.loads(plan.read_bytes())
    plan.write_text(json.dumps({**settings, "part": "held out"}), encoding="utf-8")
    told = f"run {the_run(desk)}: its cases are held out, and stay closed (labels: 2)"
    for refused in (lambda: export_labels(desk, "kind"), lambda: curate_cases(desk)):
        with pytest.raises(UsageError) as error:
            refused()
        assert error.value.remedy == told


def curated(workspace: Workspace, **options: Any) -> tuple[CasesFile, list[dict[str, Any]]]:
    written = curate_cases(workspace, **options)
    return written, rows(workspace.root / written.file)


def test_corrected_and_bad_answers_become_cases_that_say_where_they_are_from(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    ui.expectation("c2", "question 2 has no answer", "ada")
    ui.feedback("c1", "kind", 2, "bob")
    ui.feedback("c0", "kind", 5, "bob")
    ui.expectation("c3", "answer 3", "ada")
    pull_labels(desk, writer=writer)
    written, found = curated(desk)
    assert written.file == "datasets/desk-labelled.jsonl"
    assert (written.new, written.updates, written.same, written.told) == ((), ("c2",), ("c1",), ())
    assert [row["id"] for row in found] == ["c1", "c2"]
    given = LabelStore(desk.state)
    day = next(each.at[:10] for each in given if each.name == EXPECTED)
    assert found[1] == {
        "id": "c2",
        "question": "question 2",
        "expected": "question 2 has no answer",
        "slices": ["even"],
        "from": f"{the_run(desk)}/v1",
        "note": f"ada, {day}",
    }
    assert [case.id for case in open_dataset(desk.root / written.file)] == ["c1", "c2"]


def test_into_a_dataset_only_what_differs_is_changed_and_a_second_time_nothing(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    ui.expectation("c2", {"none": True}, "ada")
    ui.expectation("c5", "answer five", "ada")
    ui.feedback("c1", "kind", 2, "bob")
    pull_labels(desk, writer=writer)
    file = desk.root / "datasets" / "desk.jsonl"
    before = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(before[:5]), encoding="utf-8")
    written, found = curated(desk, into=Path("datasets/desk.jsonl"))
    assert (written.new, written.updates, written.same) == (("c5",), ("c2",), ())
    after = file.read_text(encoding="utf-8").splitlines()
    assert [after[n] for n in (0, 1, 3, 4)] == [before[n] for n in (0, 1, 3, 4)]
    assert (found[2]["expected"], found[2]["slices"], found[5]["expected"]) == ({"none": True}, ["even"], "answer five")
    again, _ = curated(desk, into=Path("datasets/desk.jsonl"))
    assert (again.new, again.updates, again.same) == ((), (), ())
    assert file.read_text(encoding="utf-8").splitlines() == after


def test_what_somebody_changed_since_the_run_is_a_conflict_and_nothing_is_written(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    for case in ("c2", "c3", "c4"):
        ui.expectation(case, "another", "ada")
    pull_labels(desk, writer=writer)
    edit(desk.root, "datasets/desk.jsonl", '"answer 2"', '"two"')
    edit(desk.root, "datasets/desk.jsonl", '"question 3"', '"question 3?"')
    file = desk.root / "datasets" / "desk.jsonl"
    before = file.read_bytes()
    with pytest.raises(ConfigError) as told:
        curate_cases(desk, into=file)
    assert [str(each.where) for each in told.value.mistakes] == ["datasets/desk.jsonl:3", "datasets/desk.jsonl:4"]
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    written, found = curated(desk)
    assert [row["id"] for row in found] == ["c2", "c3", "c4"]
    assert len(written.told) == 2


def test_a_card_is_heard_it_may_refuse_an_answer_and_know_no_field_for_where_it_is_from(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    ui.expectation("c2", 7, "ada")
    pull_labels(desk, writer=writer)
    file = desk.root / "datasets" / "desk.jsonl"
    before = file.read_bytes()
    card = desk.root / "datasets" / "desk.card.yaml"
    text = "name: desk\ndescription: d\nsource: s\nlicence: MIT\nfields:\n  question: {type: string}\n"
    card.write_text(text + "  expected: {type: string}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        curate_cases(desk, into=file)
    assert str(told.value.mistakes[0].where) == "datasets/desk.jsonl:3"
    assert file.read_bytes() == before
    card.write_text(text, encoding="utf-8")
    _, found = curated(desk, into=file)
    assert found[2] == {"id": "c2", "question": "question 2", "expected": 7, "slices": ["even"]}


def test_two_people_who_want_different_answers_and_redacted_ones_give_no_case(
    desk: Workspace, ui: Ui, writer: MlflowWriter
) -> None:
    ui.expectation("c2", "two", "ada")
    ui.expectation("c2", "none", "bob")
    ui.expectation("c3", "ask [customer redacted]", "ada")
    pull_labels(desk, writer=writer)
    with pytest.raises(UsageError) as told:
        curate_cases(desk)
    assert told.value.remedy == (
        "c2: ada and bob want different answers; c3: what ada saw was redacted; write it into the dataset by hand"
    )


def test_where_cases_go_is_asked_for_in_one_way(desk: Workspace, ui: Ui, writer: MlflowWriter) -> None:
    ui.expectation("c2", "two", "ada")
    pull_labels(desk, writer=writer)
    with pytest.raises(UsageError, match="--out writes a new file"):
        curate_cases(desk, out=Path("a.jsonl"), into=Path("b.jsonl"))
    with pytest.raises(UsageError, match="is the dataset itself"):
        curate_cases(desk, out=Path("datasets/desk.jsonl"))
    with pytest.raises(ConfigError, match="no such file"):
        curate_cases(desk, into=Path("datasets/nowhere.jsonl"))
    (desk.root / "suites" / "other.yaml").write_text(SUITE.replace("name: desk", "name: other"), encoding="utf-8")
    with pytest.raises(UsageError, match="of which suite") as told:
        curate_cases(desk)
    assert told.value.remedy == "name it: desk, other"
