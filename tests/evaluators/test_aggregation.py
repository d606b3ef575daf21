"""Aggregates: what they are given, what they may give, and what becomes of everything else."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.config import Document
from plimsoll.errors import FailureKind
from plimsoll.evaluators import BuildContext, build_evaluators, discover, evaluator_info
from plimsoll.evaluators.aggregation import aggregated
from plimsoll.types import (
    Aggregate,
    Case,
    CaseScores,
    Failed,
    Failure,
    Metric,
    Output,
    Score,
    Scored,
    Skipped,
)

BROKEN = Failure(kind=FailureKind.EVALUATOR, message="broken", remedy="mend it")
SCORES: tuple[Score, ...] = (Scored(value=1.0), Scored(value=0.0), Failed(failure=BROKEN), Skipped(reason="no"))


class Aggregating:
    """An evaluator with nothing but an aggregate."""

    name = "own"
    metrics = (Metric(name="own"),)
    requires: frozenset[str] = frozenset()
    reusable = True

    def __init__(self, aggregate: Callable[[Sequence[CaseScores]], Any]) -> None:
        self.aggregate = aggregate

    def identity(self) -> dict[str, Any]:
        return {}

    def evaluate(self, case: Case, output: Output) -> float:
        return 1.0


def cells(scores: Sequence[Score] = SCORES) -> list[CaseScores]:
    return [
        CaseScores(case=Case(id=f"c{n}", inputs={}), repeat=0, output=Output(text=f"a{n}"), scores=(score,))
        for n, score in enumerate(scores)
    ]


def found(
    aggregate: Callable[[Sequence[CaseScores]], Any], scores: Sequence[Score] = SCORES, limit: float = 10.0
) -> Aggregate:
    return asyncio.run(aggregated(Aggregating(aggregate), cells(scores), limit))


def mean(scores: Sequence[CaseScores]) -> dict[str, float]:
    values = [each.values[0] for each in scores if each.ok]
    return {"mean": sum(float(value) for value in values if value is not None) / len(values)}


def test_an_aggregate_gets_the_holes_too_and_stands_beside_their_numbers() -> None:
    seen: list[tuple[str, bool, bool]] = []

    def all_of_them(scores: Sequence[CaseScores]) -> dict[str, float]:
        seen.extend((each.case.id, each.ok, each.failed) for each in scores)
        return mean(scores)

    given = found(all_of_them)
    assert given == Aggregate(figures={"mean": 0.5}, ok=2, failed=1, skipped=1)
    assert seen == [("c0", True, False), ("c1", True, False), ("c2", False, True), ("c3", False, False)]


def test_it_may_be_async_and_may_return_numpys_numbers() -> None:
    async def later(scores: Sequence[CaseScores]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"n": len(scores), "half": np.float32(0.5), "third": Fraction(1, 3)}

    assert found(later).figures == {"n": 4.0, "half": 0.5, "third": pytest.approx(1 / 3)}


@pytest.mark.parametrize("bad", [math.nan, math.inf, np.float64("nan"), 10**400, "0.5", True, None, [1.0]])
def test_what_is_no_finite_number_is_no_figure_and_leaves_the_others(bad: Any) -> None:
    given = found(lambda scores: {**mean(scores), "bad": bad})
    assert given.figures["mean"] == 0.5
    refused = given.figures["bad"]
    assert isinstance(refused, Failure)
    assert refused.kind is FailureKind.BAD_SCORE
    assert refused.message.startswith("bad is ")


@pytest.mark.parametrize("returned", [None, 0.5, [], {}, "mean"])
def test_an_aggregate_without_named_figures_has_failed(returned: Any) -> None:
    given = found(lambda _scores: returned)
    assert given.figures == {}
    assert given.failure is not None
    assert (given.ok, given.failed, given.skipped) == (2, 1, 1)


def test_an_aggregate_that_raises_has_failed_with_the_reason() -> None:
    given = found(lambda _scores: {"mean": 1 / 0})
    assert given.failure is not None
    assert "aggregate of 'own': ZeroDivisionError" in given.failure.message


def test_sys_exit_and_a_cancellation_from_within_are_failures() -> None:
    async def cancelled(_scores: Sequence[CaseScores]) -> dict[str, float]:
        raise asyncio.CancelledError

    def exits(_scores: Sequence[CaseScores]) -> dict[str, float]:
        raise SystemExit(0)

    for aggregate in (cancelled, exits):
        assert found(aggregate).failure is not None


def test_an_aggregate_that_never_returns_is_given_up() -> None:
    async def hangs(_scores: Sequence[CaseScores]) -> dict[str, float]:
        await asyncio.Event().wait()
        return {}

    given = found(hangs, limit=0.05)
    assert given.failure is not None
    assert given.failure.kind is FailureKind.TIMEOUT


@pytest.mark.parametrize("scores", [SCORES[2:], SCORES[2:3]])
def test_nothing_is_aggregated_where_no_cell_is_ok(scores: Sequence[Score]) -> None:
    given = found(lambda _scores: {"perfect": 1.0}, scores)
    assert given.figures == {}
    assert given.broken
    assert given.failure is not None
    assert "nothing to aggregate" in given.failure.message


@pytest.mark.parametrize("scores", [(), SCORES[3:], SCORES[3:] * 2])
def test_an_aggregate_of_what_applies_to_no_cell_has_not_failed(scores: Sequence[Score]) -> None:
    given = found(lambda _scores: {"perfect": 1.0}, scores)
    reason = f"it applies to no cell: {len(scores)} skipped"
    assert given == Aggregate(unasked=reason, skipped=len(scores))
    assert not given.broken
    assert given.shown == {"": Skipped(reason=reason)}


@pytest.mark.parametrize(
    ("figures", "broken"),
    [({"a": 1.0}, False), ({"a": 1.0, "b": math.nan}, False), ({"a": math.nan, "b": None}, True)],
)
def test_an_aggregate_is_broken_where_not_one_figure_is_a_number(figures: dict[str, Any], broken: bool) -> None:
    assert found(lambda _scores: figures).broken is broken


@given(st.lists(st.sampled_from(SCORES)), st.floats() | st.integers() | st.text() | st.none() | st.booleans())
def test_every_cell_is_counted_once_and_every_figure_is_finite(scores: list[Score], figure: Any) -> None:
    given = found(lambda _scores: {"figure": figure}, scores)
    assert given.ok + given.failed + given.skipped == len(scores)
    assert all(isinstance(value, Failure) or math.isfinite(value) for value in given.figures.values())


def test_a_function_declares_its_aggregate_beside_its_metrics(tmp_path: Path) -> None:
    folder = tmp_path / "evaluators"
    folder.mkdir()
    text = """
        from plimsoll.evaluators import aggregate

        def _confusion(scores):
            pairs = [(each.values[0], each.case.expected) for each in scores if each.ok]
            hits = sum(said == wanted == "spam" for said, wanted in pairs)
            said = sum(one == "spam" for one, _ in pairs)
            wanted = sum(one == "spam" for _, one in pairs)
            return {"f1": 2 * hits / (said + wanted)}

        @aggregate(_confusion)
        def topic(output) -> str:
            return output
    """
    (folder / "own.py").write_text(dedent(text), encoding="utf-8")
    document = Document("suites/s.yaml", None, {(): 1})
    (evaluator,) = build_evaluators([{"topic": {"name": "t"}}], discover(tmp_path), BuildContext(tmp_path), document)
    assert evaluator_info(evaluator).aggregates
    answers = [("spam", "spam"), ("ham", "spam"), ("spam", "ham"), ("spam", "spam")]
    scores = [
        CaseScores(
            case=Case(id=f"{n}", inputs={}, expected=wanted), repeat=0, output=None, scores=(Scored(value=said),)
        )
        for n, (said, wanted) in enumerate(answers)
    ]
    assert asyncio.run(aggregated(evaluator, scores)).figures == {"f1": pytest.approx(2 / 3)}


def test_an_evaluator_without_one_says_so() -> None:
    assert not evaluator_info(
        discover(None)["latency"].build(discover(None)["latency"].settings()(), BuildContext(Path()))
    ).aggregates
