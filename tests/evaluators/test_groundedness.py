"""Groundedness by overlap and abstention, by example, for any text, and on human-labelled data."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.text.abstention import Abstention, abstains, claims
from plimsoll.evaluators.text.groundedness import GroundednessOverlap
from plimsoll.types import Case, Output, Scored, Skipped

CONTEXT = "The gate opens two hours before high water and closes 90 minutes after it. The fee is £3.50 a day."
# AUC of content-word overlap as measured independently, for the full sets.
BASELINES = {"begin": 0.933, "halueval": 0.923}


def grounded(answer: str, context: Any = CONTEXT, **settings: Any) -> Scored | Skipped:
    return GroundednessOverlap(**settings).evaluate(Case(id="c1", inputs={"context": context}), Output(text=answer))


def value(answer: str, context: Any = CONTEXT) -> float:
    score = grounded(answer, context)
    assert isinstance(score, Scored)
    assert isinstance(score.value, float)
    return score.value


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("The gate opens two hours before high water.", 1.0),
        ("It opens three hours before low water.", 4 / 6),
        ("£3.50", 1.0),
        ("£3.5", 0.0),
        ("", 0.0),
        (":", 0.0),
        ("Yes", 0.0),
        ("The page does not say.", 1.0),
        ("I'm sorry, but I don't know.", 1.0),
        ("The page does not say, but it is £9.", 0.0),
        ("The page does not mention dogs. The gate opens two hours before high water.", 1.0),
    ],
)
def test_share_of_content_words_in_the_sources(answer: str, wanted: float) -> None:
    assert value(answer) == pytest.approx(wanted)


def test_the_reason_lists_the_unsupported_words() -> None:
    score = grounded("It opens three hours before low water.")
    assert isinstance(score, Scored)
    assert score.reason == "4 of 6 content words are in the sources; not: three, low"


def test_sources_may_be_lists_and_documents_and_outputs_of_the_target() -> None:
    assert value("opens two hours", ["The gate opens", {"title": "Tides", "text": "two hours"}]) == 1.0
    evaluator = GroundednessOverlap.model_validate({"sources": "output.documents"})
    output = Output(text="two hours", extra={"documents": ["two hours"]})
    assert evaluator.evaluate(Case(id="c1", inputs={}), output).value == 1.0  # type: ignore[union-attr]  # is Scored


def test_an_abstention_may_be_skipped_instead() -> None:
    assert grounded("The page does not say.", abstentions="skip") == Skipped(reason="the answer abstains")


def test_further_phrases_abstain() -> None:
    assert value("Ask at the office.") == 0.0
    score = grounded("Ask at the office.", phrases=("ask at the office",))
    assert isinstance(score, Scored)
    assert score.value == 1.0


@pytest.mark.parametrize("context", [[], {}, "...", [" "]])
def test_without_words_in_the_sources_there_is_no_score(context: Any) -> None:
    with pytest.raises(CellError, match="context holds no words") as caught:
        grounded("The page does not say.", context)
    assert caught.value.kind is FailureKind.MISSING_FIELD


def test_an_empty_phrase_is_refused() -> None:
    for evaluator in (GroundednessOverlap, Abstention):
        with pytest.raises(ValidationError, match="an empty phrase is found in every answer"):
            evaluator(phrases=("...",))


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_groundedness_is_in_range_for_any_text(answer: str, context: str) -> None:
    assert 0 <= value(answer, f"gate {context}") <= 1


@settings(deadline=None)
@given(st.text(max_size=80))
def test_an_answer_copied_from_the_source_is_grounded(text: str) -> None:
    copied = f"gate opens {text}"
    assert value(copied, copied) == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "The help page does not say.",
        "The help page doesn’t mention a price.",
        "I do not know.",
        "I'm unable to answer that.",
        "We could not find it.",
        "There is no information about this.",
        "This is not mentioned in the text.",
        "The question cannot be answered from the context.",
        "I don't have enough information.",
        "Unknown.",
        "N/A",
    ],
)
def test_abstentions_are_recognised(text: str) -> None:
    assert abstains(text)
    assert not claims(text).strip()


@pytest.mark.parametrize(
    "text",
    [
        "5 working days",
        "The ticket does not include breakfast.",
        "No, you can't bring dogs.",
        "The number is unknown to most guests.",
        "You do not need to say when you leave.",
        "I don't have a boat.",
    ],
)
def test_answers_are_not_taken_for_abstentions(text: str) -> None:
    assert not abstains(text)


@pytest.mark.parametrize(
    ("expected", "answer", "wanted", "reason"),
    [
        ("The help page does not say.", "I don't know.", True, None),
        ("The help page does not say.", "£9", False, "answers the unanswerable"),
        ("£9", "£9", True, None),
        ("£9", "I don't know.", False, "abstains from a question that has an answer"),
        ("The help page does not say.", "", False, "the answer is empty"),
    ],
)
def test_abstention_is_right_only_where_there_is_no_answer(
    expected: str, answer: str, wanted: bool, reason: str | None
) -> None:
    score = Abstention().evaluate(Case(id="c1", inputs={}, expected=expected), Output(text=answer))
    assert (score.value, score.reason) == (wanted, reason)


def test_a_slice_may_say_which_cases_are_unanswerable() -> None:
    evaluator = Abstention(unanswerable="unanswerable")
    assert evaluator.requires == frozenset()
    assert not evaluator.reusable
    case = Case(id="c1", inputs={}, slices=("unanswerable",))
    assert evaluator.evaluate(case, Output(text="I don't know.")).value is True
    assert evaluator.evaluate(Case(id="c2", inputs={}), Output(text="I don't know.")).value is False


def shared_data(name: str) -> Path:
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("PLIMSOLL_SHARED_DATA") or root.parent / "shared" / "data") / name
    if not folder.is_dir():
        pytest.skip(f"no labelled data at {folder}; set PLIMSOLL_SHARED_DATA to the folder that holds {name}/")
    return folder


def auc(positive: list[float], negative: list[float]) -> float:
    """The share of pairs that are ranked rightly, ties counted half."""
    wins = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def test_auc_on_begin_reaches_the_overlap_baseline() -> None:
    file = shared_data("begin") / "begin_dev_wow.tsv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) == 430
    scores: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        scores[row["begin_label"] == "Fully attributable"].append(value(row["response"], row["knowledge"]))
    assert auc(scores[True], scores[False]) >= BASELINES["begin"] - 0.02


def test_auc_on_halueval_reaches_the_overlap_baseline() -> None:
    file = shared_data("halueval") / "qa_one-turn_data.json"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 500
    right = [value(row["right_answer"], row["knowledge"]) for row in rows]
    wrong = [value(row["hallucinated_answer"], row["knowledge"]) for row in rows]
    assert auc(right, wrong) >= BASELINES["halueval"] - 0.02
