"""Overlaps with reference answers: figures of the reference packages, and what holds of every one for any text."""

from __future__ import annotations

import asyncio
import inspect
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.text.edit_similarity import EditSimilarity
from plimsoll.evaluators.text.reference import AgainstReference
from plimsoll.evaluators.text.rouge import Rouge
from plimsoll.evaluators.text.token_f1 import TokenF1, token_f1
from plimsoll.evaluators.text.translation import Bleu, Chrf
from plimsoll.types import Case, Output, Scored, Skipped

texts = st.text(max_size=60)
with_words = st.lists(st.text("abcdé中Ω9", min_size=1, max_size=6), min_size=1, max_size=8).map(" ".join)

ALL = (
    TokenF1(),
    Rouge(),
    Rouge(variant="rouge1"),
    Rouge(variant="rouge2"),
    Bleu(),
    Chrf(),
    Chrf(word_order=2),
    EditSimilarity(),
)
IDS = [f"{one.name}-{number}" for number, one in enumerate(ALL)]
every = pytest.mark.parametrize("evaluator", ALL, ids=IDS)
# A thread for each call: the time of one varies.
any_time = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def value(evaluator: AgainstReference, answer: str, *references: str) -> float:
    found = evaluator.compare(answer, references)
    assert not isinstance(found, Skipped)
    return found


def scored(evaluator: AgainstReference, answer: str, expected: Any) -> Scored:
    async def evaluated() -> Any:
        returned = evaluator.evaluate(Case(id="c1", inputs={}, expected=expected), Output(text=answer))
        return await returned if inspect.isawaitable(returned) else returned

    found = asyncio.run(evaluated())
    assert isinstance(found, Scored)
    return found


# Counted by hand: shared words, words of the answer, words of the reference, after SQuAD normalisation.
@pytest.mark.parametrize(
    ("answer", "reference", "shared", "given_words", "wanted_words"),
    [
        ("5 working days", "5 working days", 3, 3, 3),
        ("up to 5 working days", "5 working days", 3, 5, 3),
        ("The berth is free.", "a free berth", 2, 3, 2),
        ("half", "the whole price", 0, 1, 2),
        ("red red red", "red", 1, 3, 1),
        ("red red blue", "red blue blue", 2, 3, 3),
        ("don't", "dont", 1, 1, 1),
        ("on the board, by the gate", "board by gate", 3, 4, 3),
        ("£3.50 a day", "£350 per day", 2, 2, 3),
        ("the", "a", 0, 1, 1),
        ("the", "THE", 1, 1, 1),
        ("...", "!!!", 0, 1, 1),
        ("", "half", 0, 0, 1),
    ],
)
def test_token_f1_against_words_counted_by_hand(
    answer: str, reference: str, shared: int, given_words: int, wanted_words: int
) -> None:
    if shared == 0:
        wanted = 0.0
    else:
        precision, recall = shared / given_words, shared / wanted_words
        wanted = 2 * precision * recall / (precision + recall)
    assert token_f1(answer, reference) == pytest.approx(wanted, abs=1e-12)


@settings(deadline=None)
@given(texts)
def test_token_f1_of_a_text_with_itself_is_one_unless_it_is_blank(text: str) -> None:
    assert token_f1(text, text) == (1.0 if text.strip() else 0.0)


# By the package rouge-score 0.1.2: precision, recall, F-measure.
@pytest.mark.parametrize(
    ("variant", "answer", "reference", "precision", "recall", "f"),
    [
        ("rouge1", "the cat sat on the mat", "the cat was on the mat", 0.8333, 0.8333, 0.8333),
        ("rouge2", "the cat sat on the mat", "the cat was on the mat", 0.6, 0.6, 0.6),
        ("rouge1", "It costs £3.50 a day, or £20 a week.", "The fee is £3.50 a day.", 0.4, 0.5714, 0.4706),
        ("rouge2", "It costs £3.50 a day, or £20 a week.", "The fee is £3.50 a day.", 0.3333, 0.5, 0.4),
        ("rougeL", "It costs £3.50 a day, or £20 a week.", "The fee is £3.50 a day.", 0.4, 0.5714, 0.4706),
    ],
)
def test_rouge_against_the_reference_package(
    variant: Any, answer: str, reference: str, precision: float, recall: float, f: float
) -> None:
    for measure, wanted in (("precision", precision), ("recall", recall), ("f", f)):
        rouge = Rouge.model_validate({"variant": variant, "measure": measure})
        assert value(rouge, answer, reference) == pytest.approx(wanted, abs=5e-5)


def test_rouge_knows_words_in_every_script() -> None:
    assert value(Rouge(variant="rouge1"), "Ворота открыты", "Ворота закрыты") == pytest.approx(0.5)
    assert value(Rouge(variant="rouge1"), "café", "cafe\u0301") == 1.0
    assert value(Rouge(variant="rouge1"), "门开", "门关") == pytest.approx(0.5)


def test_rouge_is_skipped_where_no_reference_is_long_enough() -> None:
    assert Rouge(variant="rouge2").compare("one two", ["one", "..."]) == Skipped(reason="no reference has two words")
    assert Rouge().compare("one two", ["..."]) == Skipped(reason="no reference has a word")
    assert value(Rouge(variant="rouge2"), "one two", "one", "one two") == 1.0


# By sacreBLEU 2.6.0's sentence_bleu and sentence_chrf, divided by 100.
@pytest.mark.parametrize(
    ("evaluator", "answer", "references", "wanted"),
    [
        (Bleu(), "the cat sat on the mat", ["the cat was on the mat"], 0.3799178),
        (Bleu(), "the cat sat on the mat", ["the cat was on the mat", "the cat sat"], 0.5081327),
        (Bleu(), "It costs £3.50 a day, or £20 a week.", ["The fee is £3.50 a day."], 0.1499111),
        (Chrf(), "the cat sat on the mat", ["the cat was on the mat"], 0.6206906),
        (Chrf(), "It costs £3.50 a day, or £20 a week.", ["The fee is £3.50 a day."], 0.4569862),
    ],
)
def test_bleu_and_chrf_against_sacrebleu(
    evaluator: AgainstReference, answer: str, references: list[str], wanted: float
) -> None:
    assert value(evaluator, answer, *references) == pytest.approx(wanted, abs=5e-6)


def test_bleu_without_spaces_wants_a_tokenizer_that_knows() -> None:
    assert value(Bleu(), "门在中午打开", "门在中午关") == 0.0
    assert value(Bleu(tokenize="zh"), "门在中午打开", "门在中午关") > 0.3


@pytest.mark.parametrize(
    "evaluator", [Bleu(ignore_case=True), Chrf(ignore_case=True), EditSimilarity(ignore_case=True)]
)
def test_case_may_be_ignored(evaluator: AgainstReference) -> None:
    assert value(evaluator, "HALF OF IT", "half of it") == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("answer", "references", "wanted"),
    [
        ("abcd", ["abce"], 0.75),
        ("abcd", ["xyz", "abc"], 0.75),
        (" abc\n", ["abc"], 1.0),
        ("Zoë", ["Zoe\u0308"], 1.0),
        ("abc", ["xyz"], 0.0),
    ],
)
def test_edit_similarity(answer: str, references: list[str], wanted: float) -> None:
    assert value(EditSimilarity(), answer, *references) == pytest.approx(wanted)


@every
def test_an_empty_answer_is_like_nothing(evaluator: AgainstReference) -> None:
    for blank in ("", " \n\t", "\u3000"):
        assert scored(evaluator, blank, "half") == Scored(value=0.0, reason="the answer is empty")


@every
def test_the_best_of_several_references_counts_and_is_told(evaluator: AgainstReference) -> None:
    best = scored(evaluator, "half of it", ["nothing", "half of it"])
    assert best == Scored(value=1.0)
    worse = scored(evaluator, "half of it", ["nothing at all", "the half of that"])
    assert worse.reason == "expected 'nothing at all', 'the half of that'"


@every
@pytest.mark.parametrize("expected", [[], ["a", ""], ["a", None]])
def test_an_empty_reference_is_missing_not_matched(evaluator: AgainstReference, expected: Any) -> None:
    with pytest.raises(CellError, match="'expected' holds no reference answer, or an empty one") as caught:
        scored(evaluator, "a", expected)
    assert caught.value.kind is FailureKind.MISSING_FIELD


@every
@any_time
@given(texts.filter(str.strip), texts.filter(str.strip))
def test_the_range_is_kept_for_any_text(evaluator: AgainstReference, answer: str, reference: str) -> None:
    found = evaluator.compare(answer, [reference])
    if not isinstance(found, Skipped):
        assert math.isfinite(found)
        assert 0 <= found <= 1 + 1e-9


@every
@any_time
@given(with_words)
def test_a_text_is_wholly_like_itself(evaluator: AgainstReference, text: str) -> None:
    found = evaluator.compare(text, [text])
    assert isinstance(found, Skipped) or found == pytest.approx(1.0)


@pytest.mark.parametrize("evaluator", [TokenF1(), EditSimilarity(), Rouge(), Rouge(variant="rouge1")])
@any_time
@given(with_words, with_words)
def test_these_are_symmetric(evaluator: AgainstReference, one: str, other: str) -> None:
    assert value(evaluator, one, other) == pytest.approx(value(evaluator, other, one))
