"""Citations: found by a pattern, resolved among the documents, counted by sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.evaluators.text.citations import Citations
from plimsoll.types import Case, MetricKind, Output, Scored, Skipped

TWO = ["The gate opens at noon.", "The fee is £3."]


def score(answer: str, context: Any = TWO, **settings: Any) -> Scored | Skipped:
    return Citations(**settings).evaluate(Case(id="c1", inputs={"context": context}), Output(text=answer))


def value(answer: str, context: Any = TWO, **settings: Any) -> Any:
    found = score(answer, context, **settings)
    assert isinstance(found, Scored)
    return found.value


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("It opens at noon [1].", True),
        ("It opens at noon. [1]", True),
        ("It opens at noon [1][2].", True),
        ("It opens at noon [1, 2].", True),
        ("It opens at noon [3].", False),
        ("It opens at noon [1, 3].", False),
        ("It opens at noon [0].", False),
        ("It opens at noon [a].", False),
        ("It opens at noon.", False),
        ("", False),
    ],
)
def test_what_is_cited_has_to_be_there(answer: str, wanted: bool) -> None:
    assert value(answer) is wanted


def test_the_reason_names_what_is_not_there() -> None:
    assert score("At noon [3], for £3 [2], or £4 [7].") == Scored(value=False, reason="no document '3', '7' among 2")
    assert score("At noon.") == Scored(value=False, reason="no citation")
    assert score(" ") == Scored(value=False, reason="the answer is empty")


def test_documents_are_cited_by_their_id_and_by_their_place_where_they_have_none() -> None:
    documents = [{"id": "tides", "text": "a"}, {"text": "b"}, {"id": 7}]
    pattern = r"\[([\w, ]+)\]"
    assert value("Noon [tides]. Three [2, 7].", documents, pattern=pattern) is True
    assert value("Noon [1].", documents, pattern=pattern) is False
    assert value("Noon [x].", [{"key": "x"}], pattern=pattern, id="key") is True


def test_one_text_is_one_document_and_a_target_s_own_documents_are_read_too() -> None:
    assert value("Noon [1].", "The gate opens at noon.") is True
    assert value("Noon [2].", "The gate opens at noon.") is False
    output = Output(text="Noon [d1].", extra={"documents": [{"id": "d1"}]})
    evaluator = Citations(sources="output.documents", pattern=r"\[(\w+)\]")
    assert evaluator.requires == frozenset({"output.documents"})
    assert evaluator.evaluate(Case(id="c1", inputs={}), output) == Scored(value=True)


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("It opens at noon [1]. The fee is £3 [2].", 1.0),
        ("It opens at noon. [1] The fee is £3. [2]", 1.0),
        ("It opens at noon [1]. The fee is £3.", 0.5),
        ("It opens at noon [1]. The fee is £3 [2, 9].", 0.5),
        ("It opens at noon [1]. The page does not say what it costs.", 1.0),
        ("It opens at noon.", 0.0),
        ("[1]", 0.0),
        ("", 0.0),
    ],
)
def test_the_share_of_sentences(answer: str, share: float) -> None:
    assert value(answer, per_sentence=True) == share


def test_the_share_is_a_number_and_the_reason_says_how_many() -> None:
    (metric,) = Citations(per_sentence=True, pass_if=">= 0.5").metrics
    assert (metric.name, metric.kind, metric.low, metric.high) == ("citations", MetricKind.NUMERIC, 0, 1)
    assert metric.pass_if == ">= 0.5"
    found = score("It opens at noon [1]. The fee is £3 [9].", per_sentence=True)
    assert found.reason == "1 of 2 sentences cite documents that are there; no document '9' among 2"


def test_an_answer_that_only_abstains_has_nothing_to_cite() -> None:
    for answer in ("The page does not say.", "The page does not say [1]."):
        assert score(answer) == Skipped(reason="the answer abstains: it has nothing to cite")


@pytest.mark.parametrize("pattern", ["(", r"\[\d+\]"])
def test_a_pattern_without_a_group_for_the_id_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"regular expression|no group for the id"):
        Citations(pattern=pattern)


@given(st.text(max_size=80))
def test_the_range_is_kept_for_any_text(text: str) -> None:
    found = score(f"Noon [1]. {text}", per_sentence=True)
    assert isinstance(found, Scored)
    assert 0 <= float(found.value) <= 1
