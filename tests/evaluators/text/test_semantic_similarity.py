"""Similarity of meaning by packaged weights: what it sees, what it can't, and that it needs nothing from outside."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evaluators.text.semantic_similarity import SemanticSimilarity
from plimsoll.types import Case, Output, Scored

EVALUATOR = SemanticSimilarity()


def similarity(answer: str, *references: str) -> float:
    return EVALUATOR.compare(answer, references)


def test_it_sees_what_a_text_is_about_in_other_words() -> None:
    source = "The gate opens at noon."
    assert similarity("At midday the gate is opened.", source) > 0.6
    assert similarity("Cats sleep a lot.", source) < 0.2


def test_it_hardly_sees_a_swapped_fact_or_a_negation() -> None:
    source = "The fee is £12 a night."
    assert similarity("The fee is £90 a night.", source) > 0.9
    assert similarity("The fee is not £12 a night.", source) > 0.9


def test_the_best_of_several_references_counts() -> None:
    assert similarity("half of it", "a whole other thing", "half of it") == pytest.approx(1.0)


def test_it_is_scored_in_a_thread_and_an_empty_answer_is_like_nothing() -> None:
    async def scored(answer: str) -> object:
        case = Case(id="c1", inputs={}, expected="half of it")
        return await EVALUATOR.evaluate(case, Output(text=answer))

    assert asyncio.run(scored("")) == Scored(value=0.0, reason="the answer is empty")
    found = asyncio.run(scored("half of it"))
    assert isinstance(found, Scored)
    assert found.value == pytest.approx(1.0)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60).filter(str.strip), st.text(max_size=60).filter(str.strip))
def test_it_is_symmetric_and_at_most_one(one: str, other: str) -> None:
    found = similarity(one, other)
    assert found <= 1 + 1e-6
    assert found == pytest.approx(similarity(other, one), abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(st.text("abcdé中Ω9 ", min_size=1, max_size=60).filter(str.strip))
def test_a_text_is_wholly_like_itself(text: str) -> None:
    assert similarity(text, text) == pytest.approx(1.0, abs=1e-5)


_ALONE = """
import logging, socket

class Refused(socket.socket):
    def connect(self, *_): raise AssertionError("it asked the network")
    connect_ex = connect

socket.socket = Refused
from plimsoll.evaluators.text.semantic_similarity import SemanticSimilarity
print(SemanticSimilarity().compare("half of it", ["half of it"]) > 0.99, logging.getLogger().handlers)
"""


def test_it_asks_no_network_and_leaves_the_log_as_it_was() -> None:
    """In a process of its own, where nothing is loaded yet; the library sets up the root logger when imported."""
    done = subprocess.run([sys.executable, "-c", _ALONE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True []\n", "")
