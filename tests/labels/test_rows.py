"""Labels beside answers become rows: one for each answer, everybody's label, no answer twice, nothing closed opened."""

from __future__ import annotations

from typing import Any

from plimsoll.labels import LabelledAnswer, curated_cases, holds_redacted, judged_rows
from plimsoll.types import EXPECTED, Case, CellId, HumanLabel, Metric, MetricKind, Output, Turn

METRICS = {"kind": Metric(name="kind", low=1.0, high=5.0), "right": Metric(name="right", kind=MetricKind.BOOL)}
CASE = Case(id="c1", inputs={"question": "How much?"}, expected="9", group="fares", slices=("a", "b"), digest="d1")


def said(
    name: str,
    value: Any,
    who: str = "ada",
    *,
    case: Case = CASE,
    run: str = "run-1",
    text: str | None = "9 crowns",
    at: str = "2026-01-01",
    target: str = "v1",
) -> LabelledAnswer:
    label = HumanLabel(run=run, cell=CellId(target, case.id), name=name, value=value, who=who, at=at)
    return LabelledAnswer(label, case, None if text is None else Output(text=text), METRICS)


def test_a_row_is_the_case_with_its_answer_and_a_label_for_each_person() -> None:
    other = Case(id="c0", inputs={"question": "When?"}, digest="d0")
    found = judged_rows(
        "kind",
        [said("kind", 4, "bob"), said("kind", 5, "ada"), said("kind", 1, "bob", case=other), said("right", True)],
    )
    assert found.people == ("ada", "bob")
    assert found.rows == (
        {"id": "c0", "question": "When?", "output": "9 crowns", "labels": [None, 1.0]},
        {
            "id": "c1",
            "question": "How much?",
            "expected": "9",
            "group": "fares",
            "slices": ["a", "b"],
            "output": "9 crowns",
            "labels": [5.0, 4.0],
        },
    )
    assert (found.labels, found.told) == (3, ())


def test_the_same_answer_of_two_runs_is_one_row_and_a_person_s_last_word_on_it_counts() -> None:
    found = judged_rows("kind", [said("kind", 2, run="run-2", at="2026-02-01"), said("kind", 4)])
    assert [row["labels"] for row in found.rows] == [[2.0]]


def test_other_answers_to_one_case_are_rows_with_ids_of_their_own_in_one_group() -> None:
    alone = Case(id="c2", inputs={"question": "Where?"}, digest="d2")
    found = judged_rows("kind", [said("kind", 2, case=alone), said("kind", 4, case=alone, text="there", run="run-2")])
    assert [(row["id"], row["group"]) for row in found.rows] == [("c2 (v1 0, run-1)", "c2"), ("c2 (v1 0, run-2)", "c2")]


def test_columns_give_way_to_fields_of_the_same_name() -> None:
    case = Case(id="c1", inputs={"output": "x", "labels": ["y"]}, digest="d")
    found = judged_rows("kind", [said("kind", 2, case=case)])
    assert found.rows == ({"id": "c1", "output": "x", "labels": ["y"], "answer": "9 crowns", "people": [2.0]},)
    assert (found.output_column, found.label_column) == ("answer", "people")


def test_what_no_judge_can_be_held_against_is_told() -> None:
    turns = Case(id="c3", inputs={}, turns=(Turn(user="hello"),))
    secret = Case(id="c4", inputs={"customer": "[customer redacted]"})
    given = [
        said("kind", 2, text=None),
        said("kind", 2, case=turns),
        said("kind", 2, case=secret),
        said("kind", 9),
        said("kind", 3, "bob"),
    ]
    found = judged_rows("kind", given)
    assert [row["labels"] for row in found.rows] == [[3.0]]
    assert [words.split(": ", 1) for words in found.told] == [
        ["ada on v1/c1 of run-1", "the target gave no answer"],
        ["ada on v1/c1 of run-1", "kind is a number from 1 to 5, not 9"],
        ["ada on v1/c3 of run-1", "a judge is not calibrated on whole conversations"],
        ["ada on v1/c4 of run-1", "the case or the answer is redacted here"],
    ]


def test_a_metric_that_the_run_lacks_is_taken_as_it_was_given() -> None:
    found = judged_rows("new", [said("new", "good"), said("new", "bad", "bob")])
    assert found.rows[0]["labels"] == ["good", "bad"]


def test_a_case_keeps_its_id_and_says_where_it_is_from_and_nothing_of_what_was_said() -> None:
    found = curated_cases([said(EXPECTED, "10"), said("right", False, "bob", at="2026-03-01")])
    (case,) = found.cases
    assert (case.expected, case.corrected, case.failing) == ("10", True, ("right",))
    assert case.row() == {
        "id": "c1",
        "question": "How much?",
        "expected": "10",
        "group": "fares",
        "slices": ["a", "b"],
        "from": "run-1/v1",
        "note": "ada, 2026-01-01",
    }


def test_of_several_corrections_by_one_person_the_last_counts() -> None:
    found = curated_cases([said(EXPECTED, "11", at="2026-02-01", target="v2"), said(EXPECTED, "10")])
    assert [(case.expected, case.origin) for case in found.cases] == [("11", "run-1/v2")]


def test_an_answer_that_nobody_calls_bad_is_no_case() -> None:
    assert (
        curated_cases([said("right", True), said("kind", 1), said("right", "maybe"), said("other", False)]).cases == ()
    )


def test_a_mark_of_something_redacted_is_found_wherever_it_stands() -> None:
    assert holds_redacted({"a": [1, {"b": "call [customer.phone redacted] now"}]})
    assert holds_redacted("[redacted]")
    assert not holds_redacted({"a": ["the word redacted", "[a] [b]", None, 3]})
