"""The scoring boundary: whatever an evaluator does, each metric gets one checked Score."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators import apply_pass_if, evaluator_info, left_out, score, skipped, unscored
from plimsoll.types import Case, Direction, Failed, Failure, Metric, MetricKind, Output, Score, Scored, Skipped, Usage

CASE = Case(id="c1", inputs={})
OUTPUT = Output(text="an answer")
NUMERIC = Metric(name="quality", low=0, high=1)
BOOL = Metric(name="quality", kind=MetricKind.BOOL)
LABEL = Metric(name="quality", kind=MetricKind.LABEL, labels=("good", "bad"))
FREE_LABEL = Metric(name="quality", kind=MetricKind.LABEL)
BOTH = (Metric(name="precision"), Metric(name="recall"))


@dataclass(frozen=True)
class Fake:
    """An evaluator that gives what a function gives."""

    give: Callable[[Case, Output], Any]
    metrics: tuple[Metric, ...] = (NUMERIC,)
    requires: frozenset[str] = frozenset()
    name: str = "quality"
    reusable: bool = True
    optional: bool = False
    sample: int | None = None
    timeout: float | None = None

    def identity(self) -> dict[str, Any]:
        return {"evaluator": "fake"}

    def evaluate(self, case: Case, output: Output) -> Any:
        return self.give(case, output)


def giving(value: Any, *metrics: Metric) -> Fake:
    return Fake(lambda _case, _output: value, metrics or (NUMERIC,))


def run(evaluator: Fake, case: Case = CASE, timeout: float | None = None) -> dict[str, Score]:
    return asyncio.run(score(dataclasses.replace(evaluator, timeout=timeout), case, OUTPUT))


def only(evaluator: Fake, case: Case = CASE, timeout: float | None = None) -> Score:
    scores = run(evaluator, case, timeout)
    assert list(scores) == ["quality"]
    return scores["quality"]


def failure(given: Score) -> Failure:
    assert isinstance(given, Failed), given
    return given.failure


@pytest.mark.parametrize(
    ("raw", "metric", "value"),
    [
        (0.5, NUMERIC, 0.5),
        (1, NUMERIC, 1.0),
        (Fraction(1, 4), NUMERIC, 0.25),
        (np.float32(0.5), NUMERIC, 0.5),
        (np.int64(1), NUMERIC, 1.0),
        (True, BOOL, True),
        (np.bool_(False), BOOL, False),
        ("good", LABEL, "good"),
        ("anything", FREE_LABEL, "anything"),
        (Scored(value=1, reason="why"), NUMERIC, 1.0),
        ({"quality": 0.5}, NUMERIC, 0.5),
    ],
)
def test_plain_values_and_scores_become_scored(raw: Any, metric: Metric, value: Any) -> None:
    given = only(giving(raw, metric))
    assert isinstance(given, Scored)
    assert given.value == value
    assert type(given.value) is type(value)


@pytest.mark.parametrize(
    ("raw", "metric", "message"),
    [
        (math.nan, NUMERIC, "quality is not finite: nan (float)"),
        (math.inf, NUMERIC, "quality is not finite: inf (float)"),
        (10**400, NUMERIC, "quality is not finite"),
        (50, NUMERIC, "quality is 50, outside [0, 1]"),
        (-0.1, NUMERIC, "quality is -0.1, outside [0, 1]"),
        (-1, Metric(name="quality", low=0), "quality is -1, outside [0, ∞)"),
        (True, NUMERIC, "quality is a number, not True (bool)"),
        ("0.5", NUMERIC, "quality is a number, not '0.5' (str)"),
        (1 + 0j, NUMERIC, "quality is a number, not (1+0j) (complex)"),
        ([[0.5]], NUMERIC, "quality is a number, not [0.5] (list)"),
        ([0.5, 0.7], NUMERIC, "quality gave 2 scores for 1 metrics"),
        (1, BOOL, "quality is true or false, not 1 (int)"),
        ("yes", BOOL, "quality is true or false, not 'yes' (str)"),
        ("fine", LABEL, "quality is 'fine' (str); its labels are good, bad"),
        ("", FREE_LABEL, "quality is a label, not '' (str)"),
        (1, FREE_LABEL, "quality is a label, not 1 (int)"),
        (Scored(value=math.nan), NUMERIC, "quality is not finite"),
        ({"other": 0.5}, NUMERIC, "quality gave other, which it does not declare"),
        ({}, NUMERIC, "quality gave no 'quality'"),
    ],
)
def test_a_bad_value_is_failed_with_what_is_wrong(raw: Any, metric: Metric, message: str) -> None:
    found = failure(only(giving(raw, metric)))
    assert found.kind is FailureKind.BAD_SCORE
    assert message in found.message


def test_none_is_skipped() -> None:
    assert only(giving(None)) == Skipped(reason="does not apply")


def test_what_a_bad_score_cost_is_kept() -> None:
    usage = Usage(prompt_tokens=5, completion_tokens=2, requests=1)
    given = only(giving(Scored(value=7, usage=usage)))
    assert isinstance(given, Failed)
    assert given.usage == usage


def test_several_metrics_are_checked_one_by_one() -> None:
    scores = run(giving({"precision": 0.5}, *BOTH))
    assert scores["precision"] == Scored(value=0.5)
    assert failure(scores["recall"]).message == "quality gave no 'recall'"


@pytest.mark.parametrize("raw", [0.5, {"precision": 0.5, "recall": 0.5, "f1": 0.5}])
def test_what_does_not_fit_the_declared_metrics_fails_all_of_them(raw: Any) -> None:
    scores = run(giving(raw, *BOTH))
    assert {failure(given).kind for given in scores.values()} == {FailureKind.BAD_SCORE}
    assert list(scores) == ["precision", "recall"]


def raising(error: BaseException) -> Fake:
    def give(_case: Case, _output: Output) -> Any:
        raise error

    return Fake(give)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("no such word"), FailureKind.EVALUATOR, "evaluator 'quality': ValueError: no such word"),
        (RuntimeError(), FailureKind.EVALUATOR, "evaluator 'quality': RuntimeError: no message"),
        (SystemExit(0), FailureKind.EVALUATOR, "evaluator 'quality': SystemExit: 0"),
        (TimeoutError(), FailureKind.TIMEOUT, "evaluator 'quality': timed out"),
        (asyncio.CancelledError(), FailureKind.EVALUATOR, "evaluator 'quality': cancelled itself"),
        (CellError(FailureKind.RATE_LIMIT, "slow down"), FailureKind.RATE_LIMIT, "slow down"),
    ],
)
def test_an_exception_is_the_evaluators_failure(error: BaseException, kind: FailureKind, message: str) -> None:
    found = failure(only(raising(error)))
    assert (found.kind, found.message) == (kind, message)


def test_requests_spent_before_a_failure_are_counted() -> None:
    given = only(raising(CellError(FailureKind.SERVER, "down", requests=5)))
    assert isinstance(given, Failed)
    assert given.usage.requests == 5


def test_an_async_evaluator_is_awaited() -> None:
    async def give() -> float:
        await asyncio.sleep(0)
        return 0.5

    assert only(Fake(lambda _case, _output: give())) == Scored(value=0.5)


def test_scores_may_come_as_a_list_in_the_order_of_the_metrics() -> None:
    pair = Fake(lambda _case, _output: [0.5, Skipped(reason="no")], BOTH)
    assert run(pair) == {"precision": Scored(value=0.5), "recall": Skipped(reason="no")}
    short = run(Fake(lambda _case, _output: [0.5], BOTH))
    assert {failure(found).message for found in short.values()} == {"quality gave 1 scores for 2 metrics"}


def test_an_async_evaluator_that_takes_too_long_is_failed() -> None:
    started = time.monotonic()
    found = failure(only(Fake(lambda _case, _output: asyncio.sleep(60)), timeout=0.05))
    assert (found.kind, found.message) == (FailureKind.TIMEOUT, "quality: no score within 0.05 s")
    assert time.monotonic() - started < 30


def test_a_judges_time_is_its_models_business() -> None:
    async def give() -> float:
        await asyncio.sleep(0.05)
        return 0.5

    judged = msgspec.structs.replace(NUMERIC, judged=True)
    assert only(Fake(lambda _case, _output: give(), (judged,)), timeout=None) == Scored(value=0.5)


def test_our_own_cancellation_passes_through() -> None:
    async def cancelled() -> bool:
        task = asyncio.create_task(score(Fake(lambda _case, _output: asyncio.sleep(60)), CASE, OUTPUT))
        await asyncio.sleep(0.01)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return True
        return False

    assert asyncio.run(cancelled())


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_missing_field_is_failed_and_the_evaluator_not_called(value: Any) -> None:
    evaluator = Fake(lambda _case, _output: sys.exit("called"), requires=frozenset({"context", "question"}))
    found = failure(only(evaluator, Case(id="c1", inputs={"context": value, "question": "q"})))
    assert found.kind is FailureKind.MISSING_FIELD
    assert found.message == "quality needs 'context', which the case lacks"
    assert found.remedy == "give the case this field, or drop the evaluator for it"


def test_an_optional_evaluator_skips_a_case_that_lacks_a_field() -> None:
    evaluator = Fake(lambda _case, _output: 1, requires=frozenset({"context"}), optional=True)
    assert only(evaluator) == Skipped(reason="the case has no 'context'")


def test_what_the_target_did_not_return_is_not_said_to_lack_in_the_case() -> None:
    evaluator = Fake(lambda _case, _output: sys.exit("called"), requires=frozenset({"output.documents"}))
    found = failure(only(evaluator))
    assert found.message == "quality needs 'output.documents', which the target's answer lacks"
    assert found.remedy == "have the target return it, or name another output"
    evaluator = Fake(lambda _case, _output: 1, requires=frozenset({"output.documents", "relevant"}))
    needs = "quality needs 'relevant', which the case lacks, and 'output.documents', which the target's answer lacks"
    assert failure(only(evaluator)).message == needs
    evaluator = Fake(lambda _case, _output: 1, requires=frozenset({"output.documents"}), optional=True)
    assert only(evaluator) == Skipped(reason="the target's answer has no 'output.documents'")


@pytest.mark.parametrize("value", [0, False, [], {}])
def test_a_field_that_is_zero_or_false_or_an_empty_list_is_there(value: Any) -> None:
    evaluator = Fake(lambda _case, _output: 1, requires=frozenset({"context"}))
    assert only(evaluator, Case(id="c1", inputs={"context": value})) == Scored(value=1.0)


@pytest.mark.parametrize(
    ("raw", "metric", "pass_if", "of_case", "passed"),
    [
        (0.5, NUMERIC, None, {}, None),
        (0.5, NUMERIC, ">= 0.5", {}, True),
        (0.5, NUMERIC, "> 0.5", {}, False),
        (0.5, NUMERIC, ">= 0.9", {"quality": ">= 0.4"}, True),
        (0.5, NUMERIC, ">= 0.4", {"quality": ">= 0.9", "other": ">= 0"}, False),
        (True, BOOL, None, {}, True),
        (False, BOOL, None, {}, False),
        (False, BOOL, "== false", {}, True),
        ("good", LABEL, "good", {}, True),
        ("bad", LABEL, "== good", {}, False),
        ("bad", LABEL, "!= good", {}, True),
    ],
)
def test_passed_is_by_the_cases_condition_else_the_metrics(
    raw: Any, metric: Metric, pass_if: str | None, of_case: dict[str, str], passed: bool | None
) -> None:
    given = only(
        giving(raw, msgspec.structs.replace(metric, pass_if=pass_if)), Case(id="c1", inputs={}, pass_if=of_case)
    )
    assert isinstance(given, Scored)
    assert given.passed is passed


@pytest.mark.parametrize(
    ("raw", "metric", "condition", "message"),
    [
        (0.5, NUMERIC, "!= good", "a comparison with a number, such as >= 0.6, not '!= good'"),
        (0.5, NUMERIC, "true", "a comparison with a number, such as >= 0.6, not '== true'"),
        (True, BOOL, ">= 0.5", "pass_if of 'quality' must be true or false, not '>= 0.5'"),
        ("good", LABEL, "!= godo", "pass_if of 'quality' must be one of good, bad, not '!= godo'"),
        (0.5, NUMERIC, ">= high", ">= compares numbers, not 'high'"),
    ],
)
def test_a_condition_that_the_metric_can_not_meet_is_failed_never_passed(
    raw: Any, metric: Metric, condition: str, message: str
) -> None:
    found = failure(only(giving(raw, metric), Case(id="c7", inputs={}, pass_if={"quality": condition})))
    assert message in found.message
    assert found.remedy == "mend pass_if of case c7"


def test_kept_scores_get_todays_pass_or_fail() -> None:
    evaluator = giving(None, msgspec.structs.replace(NUMERIC, pass_if=">= 0.6"))
    kept: dict[str, Score] = {"quality": Scored(value=0.5, passed=True)}
    assert apply_pass_if(evaluator, CASE, kept) == {"quality": Scored(value=0.5, passed=False)}


def test_a_failed_output_fails_every_metric_with_its_own_failure() -> None:
    found = Failure(kind=FailureKind.TIMEOUT, message="no answer", remedy="wait")
    assert unscored(giving(None, *BOTH), found) == {"precision": Failed(failure=found), "recall": Failed(failure=found)}


def test_skipped_skips_every_metric() -> None:
    assert skipped(giving(None, *BOTH), "why") == {"precision": Skipped(reason="why"), "recall": Skipped(reason="why")}


@pytest.mark.parametrize(
    "evaluator",
    [
        giving(Scored(value=1, reason="\ud800")),
        giving("\ud800", FREE_LABEL),
        giving("\ud800"),
        giving(Skipped(reason="\ud800")),
        raising(ValueError("\ud800")),
    ],
)
def test_what_an_evaluator_says_can_always_be_journalled(evaluator: Fake) -> None:
    msgspec.json.encode(run(evaluator))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["quality", "x"]), inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None)
@given(anything, st.sampled_from([NUMERIC, BOOL, LABEL, FREE_LABEL]))
def test_no_return_value_gets_past_kind_and_range(raw: Any, metric: Metric) -> None:
    given = only(giving(raw, metric))
    if not isinstance(given, Scored):
        return
    if metric.kind is MetricKind.NUMERIC:
        assert type(given.value) is float
        assert 0 <= given.value <= 1
    elif metric.kind is MetricKind.BOOL:
        assert type(given.value) is bool
    else:
        assert isinstance(given.value, str)
        assert given.value.strip()


def test_info_has_name_digest_and_metrics() -> None:
    info = evaluator_info(giving(None))
    assert (info.name, info.metrics) == ("quality", (NUMERIC,))
    assert info.digest.startswith("sha256:")


def test_a_sample_is_the_same_whatever_the_order_and_grows_by_adding() -> None:
    ids = [f"c{number}" for number in range(50)]

    def chosen(size: int, of: list[str], seed: int = 0) -> set[str]:
        why = left_out(Fake(lambda _c, _o: 1, sample=size), of, seed)
        return {each for each in of if why(Case(id=each, inputs={})) is None}

    assert len(chosen(6, ids)) == 6
    assert chosen(6, ids) == chosen(6, ids[::-1])
    assert chosen(6, ids) < chosen(7, ids)
    assert chosen(6, ids) != chosen(6, ids, seed=1)
    assert chosen(60, ids) == set(ids)
    why = left_out(Fake(lambda _c, _o: 1, sample=6), ids, 0)
    left = next(each for each in ids if each not in chosen(6, ids))
    assert why(Case(id=left, inputs={})) == "not among the 6 cases that quality samples"


def test_without_a_sample_no_case_is_left_out() -> None:
    assert left_out(giving(1), ["c1"], 0)(Case(id="c2", inputs={})) is None


@pytest.mark.parametrize(
    ("value", "pass_if", "passed"), [(False, None, True), (True, None, False), (True, "true", True)]
)
def test_a_truth_value_of_which_less_is_better_passes_when_false(
    value: bool, pass_if: str | None, passed: bool
) -> None:
    metric = msgspec.structs.replace(BOOL, direction=Direction.LOWER, pass_if=pass_if)
    assert only(giving(value, metric)) == Scored(value=value, passed=passed)
