"""Groundedness by overlap, by example, for any text, and on human-labelled data."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.text.abstention import Abstention
from plimsoll.evaluators.text.groundedness import GroundednessOverlap
from plimsoll.types import Case, Output, Scored, Skipped

CONTEXT = "The gate opens two hours before high water and closes 90 minutes after it. The fee is £3.50 a day."
_ROOT = Path(__file__).resolve().parents[3]
_DATA = Path(os.environ.get("PLIMSOLL_SHARED") or _ROOT.parent / "shared") / "data"


def grounded(answer: str, context: Any = CONTEXT, **settings: Any) -> Scored | Skipped:
    scored = GroundednessOverlap(**settings).evaluate(Case(id="c1", inputs={"context": context}), Output(text=answer))
    assert isinstance(scored, Scored | Skipped)
    return scored


def value(answer: str, context: Any = CONTEXT) -> float:
    score = grounded(answer, context)
    assert isinstance(score, Scored)
    assert isinstance(score.value, float)
    return score.value


# Counted by hand: content words that are in the sources, of how many; words that stand there in order, of how many.
@pytest.mark.parametrize(
    ("answer", "content", "order"),
    [
        ("The gate opens two hours before high water.", (6, 6), (8, 8)),
        ("It opens three hours before low water.", (4, 6), (4 - 0.02, 7)),
        ("Before two hours opens.", (4, 4), (2, 4)),
        ("£3.50", (1, 1), (1, 1)),
        ("£3.5", (0, 1), (0, 1)),
        ("", (0, 1), (0, 1)),
        (":", (0, 1), (0, 1)),
        ("The page does not say.", (1, 1), (1, 1)),
        ("I'm sorry, but I don't know.", (1, 1), (1, 1)),
        ("The page does not say, but it is £9.", (0, 1), (2 - 0.02, 3)),
        ("The page does not mention dogs. The gate opens two hours before high water.", (6, 6), (8, 8)),
        ("The fee is £3.50 a day. The gate opens.", (5, 5), (9, 9)),
    ],
)
def test_three_parts_are_the_content_words_in_the_sources_and_one_part_their_order(
    answer: str, content: tuple[int, int], order: tuple[float, int]
) -> None:
    assert value(answer) == pytest.approx((3 * content[0] / content[1] + order[0] / order[1]) / 4)


def test_the_reason_lists_the_unsupported_words() -> None:
    score = grounded("It opens three hours before low water.")
    assert isinstance(score, Scored)
    assert score.reason == (
        "4 of 6 content words are in the sources; not: three, low; 57% of its words in the same order"
    )


@pytest.mark.parametrize("answer", ["Yes", "No.", "no, no!"])
def test_a_bare_yes_or_no_is_skipped(answer: str) -> None:
    assert grounded(answer) == Skipped(reason="a bare yes or no: whether it is right can't be seen by its words")


def test_sources_may_be_lists_and_documents_and_outputs_of_the_target() -> None:
    assert value("It opens. Two hours.", ["Before it opens", {"title": "Tides", "text": "two hours"}]) == 1.0
    evaluator = GroundednessOverlap.model_validate({"sources": "output.documents"})
    output = Output(text="two hours", extra={"documents": ["two hours"]})
    assert evaluator.evaluate(Case(id="c1", inputs={}), output).value == 1.0  # type: ignore[union-attr]  # is Scored


@pytest.mark.parametrize(
    "answer",
    [
        "Refunds are not given after 30 days.",
        "Water damage is not covered.",
        "No details are stored after 90 days.",
        "The late fee is £9999 and the deposit £400 which is not stated elsewhere.",
    ],
)
def test_what_the_sources_do_not_hold_is_not_grounded_for_being_negative(answer: str) -> None:
    assert value(answer, "The lighthouse opens at nine.") < 0.1


def test_long_texts_are_scored_in_a_thread_and_alike() -> None:
    answer, context = "the gate opens " * 300, "the gate opens and the fee " * 4000
    case, evaluator = Case(id="c1", inputs={"context": context}), GroundednessOverlap()

    async def evaluated() -> object:
        later = evaluator.evaluate(case, Output(text=answer))
        assert inspect.isawaitable(later)
        return await later

    assert asyncio.run(evaluated()) == evaluator.score(answer, [context])


def test_an_answer_that_repeats_itself_is_scored_soon() -> None:
    # 48 million pairs of one word: aligning them took minutes.
    assert GroundednessOverlap().score("the " * 4000, ["the cat and the dog " * 6000]) == Scored(value=1.0)


def test_an_abstention_may_be_skipped_instead() -> None:
    assert grounded("The page does not say.", abstentions="skip") == Skipped(reason="the answer abstains")


def test_further_phrases_abstain() -> None:
    assert value("Ask at the office.") < 0.1
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


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_a_longer_source_never_grounds_less(answer: str, more: str) -> None:
    fewer = grounded(answer, "gate opens at noon")
    if isinstance(fewer, Scored):
        assert value(answer, ["gate opens at noon", more]) >= float(fewer.value) - 1e-9


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.groundedness", "--quick", *arguments]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.skipif(not _DATA.is_dir(), reason="no labelled data: set PLIMSOLL_SHARED to the folder that holds data/")
def test_it_separates_labelled_answers_at_least_as_well_as_the_overlap_baselines() -> None:
    done = benchmark("--data", str(_DATA))
    assert done.returncode == 0, done.stderr
    rows = {line.partition("  ")[0]: re.findall(r"0\.\d{3}", line) for line in done.stdout.splitlines()}
    # Of content words and of pairs of words, the better one, as measured by others: .933 and .979.
    on_begin, on_halueval, _ = (float(area) for area in rows["`groundedness_overlap`"])
    assert on_begin >= 0.945
    assert on_halueval >= 0.99
    assert rows["length alone, shorter is better"] == ["0.661", "0.932", "0.935"]


def test_the_benchmark_says_where_it_looked_for_the_data(tmp_path: Path) -> None:
    done = benchmark("--data", str(tmp_path))
    assert done.returncode == 1
    assert f"no labelled data: {tmp_path} holds no begin/ and halueval/" in done.stderr
