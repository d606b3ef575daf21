"""Retrieved documents against the relevant ones."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.evaluators import score
from plimsoll.evaluators.retrieval import Retrieval
from plimsoll.types import Case, Failed, Output, Score, Scored, Skipped

ALL = ("recall", "precision", "mrr", "ndcg", "hit")


def scores(documents: Any, relevant: Any, **keys: Any) -> dict[str, Score]:
    evaluator = Retrieval(**{"measures": ALL, **keys})
    case = Case(id="c1", inputs={"relevant": relevant})
    return asyncio.run(score(evaluator, case, Output(text="x", extra={"documents": documents})))


def values(documents: Any, relevant: Any, **keys: Any) -> dict[str, Any]:
    found = scores(documents, relevant, **keys)
    assert all(isinstance(each, Scored) for each in found.values()), found
    return {name.removeprefix("retrieval."): each.value for name, each in found.items() if isinstance(each, Scored)}


def test_the_measures_by_hand() -> None:
    found = values(["b", "x", "a", "y", "z"], ["a", "b", "c"], k=3)
    dcg, best = 1 / math.log2(2) + 1 / math.log2(4), 1 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert found == pytest.approx({"recall": 2 / 3, "precision": 2 / 3, "mrr": 1.0, "ndcg": dcg / best, "hit": 1.0})


def test_grades_weigh_in_ndcg() -> None:
    # 0.7350069… is also what scikit-learn 1.9 gives for these grades and this order.
    found = values(["b", "x", "a", "y"], {"a": 3, "b": 2, "c": 1, "y": 0}, k=3)
    assert found["ndcg"] == pytest.approx((2 + 3 / 2) / (3 + 2 / math.log2(3) + 1 / 2))
    assert found["ndcg"] == pytest.approx(0.7350069851388744)
    assert found["recall"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("documents", "k", "wanted"),
    [
        (["x", "y", "a"], 10, {"mrr": 1 / 3, "hit": 1.0, "precision": 0.1, "recall": 1.0}),
        (["x", "y", "a"], 2, {"mrr": 0.0, "hit": 0.0, "precision": 0.0, "recall": 0.0, "ndcg": 0.0}),
        ([], 5, {"mrr": 0.0, "hit": 0.0, "precision": 0.0, "recall": 0.0, "ndcg": 0.0}),
        # One that comes twice counts once, and takes no second place.
        (["a", "a", "a"], 2, {"precision": 0.5, "recall": 1.0, "ndcg": 1.0}),
        (["x", "x", "a"], 2, {"mrr": 0.5}),
    ],
)
def test_places_and_duplicates(documents: list[str], k: int, wanted: dict[str, float]) -> None:
    found = values(documents, ["a"], k=k)
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_documents_may_be_objects_with_an_id_inside() -> None:
    documents = [{"text": "…", "metadata": {"source": 12}}]
    assert values(documents, ["12"], id="metadata.source")["recall"] == 1.0
    assert values([{"id": "a"}], [{"id": "a"}])["recall"] == 1.0


def test_documents_may_be_a_field_of_the_structured_answer() -> None:
    evaluator = Retrieval(measures=("recall",), documents="output.sources")
    output = Output(text="x", value={"sources": ["a"]})
    found = asyncio.run(score(evaluator, Case(id="c1", inputs={"relevant": ["a"]}), output))
    assert found["retrieval.recall"] == Scored(value=1.0, reason="1 of 1 relevant are among the first 1")


@pytest.mark.parametrize("relevant", [[], {}, {"a": 0}, {"a": -1}])
def test_nothing_relevant_is_no_score_and_above_all_not_a_good_one(relevant: Any) -> None:
    assert all(isinstance(each, Failed) for each in scores(["a"], relevant).values())
    assert all(isinstance(each, Skipped) for each in scores(["a"], relevant, optional=True).values())


@pytest.mark.parametrize(
    ("documents", "relevant"),
    [
        ("a", ["a"]),
        ([{"name": "a"}], ["a"]),
        ([None], ["a"]),
        ([True], ["a"]),
        ([""], ["a"]),
        ([{"id": {"a": 1}}], ["a"]),
        (["a"], 5),
        (["a"], {"a": "high"}),
        (["a"], {"a": True}),
        (["a"], {"a": math.inf}),
        (["a"], {"a": math.nan}),
    ],
)
def test_lists_that_can_t_be_read_are_no_score(documents: Any, relevant: Any) -> None:
    assert all(isinstance(each, Failed) for each in scores(documents, relevant).values())


def test_the_reason_tells_what_is_lacking() -> None:
    found = scores(["a"], ["a", "b"], measures=("recall",))["retrieval.recall"]
    assert found == Scored(value=0.5, reason="1 of 2 relevant are among the first 1; not: b")


def test_each_measure_is_a_metric_with_its_own_condition() -> None:
    evaluator = Retrieval(name="search", measures="recall", pass_if={"recall": ">= 0.8"})
    assert [(each.name, each.pass_if, each.low, each.high) for each in evaluator.metrics] == [
        ("search.recall", ">= 0.8", 0.0, 1.0)
    ]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"measures": ["recall", "recall"]}, "named twice"),
        ({"pass_if": ">= 0.8"}, "one condition for each measure"),
        ({"measures": ["recall"], "pass_if": {"mrr": ">= 0.8"}}, "not among the measures"),
        ({"measures": []}, "at least 1"),
        ({"k": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Retrieval(**keys)


ids = st.sampled_from("abcdef")


@settings(deadline=None)
@given(
    st.lists(ids, max_size=8),
    st.dictionaries(ids, st.floats(0.001, 1e6), min_size=1),
    st.integers(1, 10),
)
def test_each_is_from_0_to_1_and_the_best_order_is_1(documents: list[str], grades: dict[str, float], k: int) -> None:
    found = values(documents, grades, k=k)
    assert all(0 <= each <= 1 for each in found.values())
    best = sorted(grades, key=lambda each: -grades[each])
    ideal = values(best, grades, k=k)
    assert ideal["ndcg"] == pytest.approx(1)
    assert ideal["mrr"] == ideal["hit"] == 1
    assert found["recall"] <= ideal["recall"]
