"""A comparison as programs read it."""

import json
import math

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace
from tests.gates.parts import make_report, truths

from plimsoll.errors import ExitCode, UsageError
from plimsoll.reports.compare import Margin, build_comparison
from plimsoll.reports.compare_form import compare_document, exit_code_of
from plimsoll.reports.jsonform import encode, error_document, json_schemas
from plimsoll.testing.reports import example_report


def printed(document):
    found = json.loads(encode(document), parse_constant=pytest.fail)
    Draft202012Validator(json_schemas()["compare"]).validate(found)
    return found


@pytest.fixture(scope="module")
def comparison():
    return build_comparison(example_report(36, repeats=2), "v1", "v2", margin=Margin(0.2))


def test_a_comparison(snapshot):
    report = make_report(
        {
            "v1": {"correct": truths(10, 2), "mood": ["calm"] * 12},
            "v2": {"correct": truths(8, 4), "mood": ["glad"] * 12},
        },
        slices={"all": range(12)},
    )
    found = build_comparison(report, "v1", "v2", margin=Margin(0.3, ("correct",)))
    assert encode(compare_document([found], ("correct", "mood"))).decode() == snapshot


def test_everything_is_in_it_and_fits_the_schema(comparison):
    found = printed(compare_document([comparison]))
    [entry] = found["comparisons"]
    assert (found["exit_code"], found["equivalence"]) == (3, "can't tell")
    assert [row["metric"] for row in entry["metrics"]] == [row.metric for row in comparison.rows]
    assert {row["slice"] for row in entry["slices"]} == {"fares", "times", "unanswerable"}
    assert {metric["steady"] for case in entry["flips"] for metric in case["metrics"]} == {True, False}


def test_a_metric_and_a_slice_leave_the_others_out(comparison):
    [entry] = printed(compare_document([comparison], ("token_f1",), "fares"))["comparisons"]
    assert [row["metric"] for row in entry["metrics"]] == ["token_f1"]
    assert [(row["metric"], row["slice"]) for row in entry["slices"]] == [("token_f1", "fares")]
    assert {metric["metric"] for case in entry["flips"] for metric in case["metrics"]} == {"token_f1"}
    assert all("fares" in case["slices"] for case in entry["flips"])


def test_a_figure_that_is_no_number_is_null(comparison):
    row = comparison.rows[0]
    broken = replace(row, low=math.nan, high=math.inf, equivalence=replace(row.equivalence, low=-math.inf))
    [entry] = printed(compare_document([replace(comparison, rows=(broken,))]))["comparisons"]
    [row] = entry["metrics"]
    assert (row["low"], row["high"], row["equivalence"]["low"]) == (None, None, None)


def test_an_error_fits_the_schema_too():
    assert printed(error_document(UsageError("no run")))["exit_code"] == 2


@pytest.mark.parametrize(
    ("after", "margin", "code"),
    [
        (truths(40, 0), None, ExitCode.PASS),
        (truths(0, 40), None, ExitCode.PASS),
        (truths(40, 0), 0.1, ExitCode.PASS),
        (truths(40, 0), 0.05, ExitCode.INCONCLUSIVE),
        (truths(0, 40), 0.1, ExitCode.FAIL),
    ],
)
def test_only_a_question_for_equivalence_has_an_exit_code(after, margin, code):
    report = make_report({"v1": {"correct": truths(40, 0)}, "v2": {"correct": after}})
    asked = None if margin is None else Margin(margin, ("correct",))
    assert exit_code_of([build_comparison(report, "v1", "v2", margin=asked)]) is code
