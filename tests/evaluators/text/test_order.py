"""The longest part of a text that stands in another in the same order, against a plain table of all alignments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.evaluators.text.order import in_order

few_words = st.lists(st.sampled_from("abcd"), max_size=10)


def by_table(words: list[str], source: list[str]) -> float:
    """The same by Smith and Waterman's recurrence over every pair of places."""
    before = [0.0] * (len(source) + 1)
    for word in words:
        row = [0.0]
        for place, other in enumerate(source):
            match = before[place] + 1 if word == other else 0.0
            row.append(max(match, before[place + 1], row[place] - 0.01, 0.0))
        before = row
    return max(before)


@pytest.mark.parametrize(
    ("words", "source", "wanted"),
    [
        ("a b c", "x a b c y", 3),
        ("a b c", "c b a", 1),
        ("a b c", "a x b x c", 3 - 0.02),
        ("a x b", "a b", 2),
        ("a b", "", 0),
        ("", "a b", 0),
        ("a a", "a", 1),
    ],
)
def test_by_example(words: str, source: str, wanted: float) -> None:
    assert in_order([words.split()], source.split()) == pytest.approx(wanted)


@given(few_words, st.lists(st.sampled_from("abcde"), max_size=30))
def test_is_the_best_of_all_alignments(words: list[str], source: list[str]) -> None:
    assert in_order([words], source) == pytest.approx(by_table(words, source))


@given(few_words, few_words, few_words)
def test_a_text_that_stands_in_the_source_is_in_order_as_a_whole(
    words: list[str], one: list[str], two: list[str]
) -> None:
    assert in_order([words], [*one, *words, *two]) == len(words)


def test_words_with_too_many_pairs_count_as_in_order() -> None:
    # 3,000 times 3,000 pairs of one word, and a few of others: those are still aligned.
    source = ["the", "gate"] * 3000 + ["a", "b", "c"]
    assert in_order([["the"] * 3000 + ["x"]], source) == 3000
    assert in_order([["the"] * 3000, ["c", "b", "a"]], source) == 3001


@given(st.lists(few_words, max_size=5), st.lists(st.sampled_from("abcde"), max_size=30))
def test_clauses_are_placed_each_by_itself(clauses: list[list[str]], source: list[str]) -> None:
    assert in_order(clauses, source) == pytest.approx(sum(by_table(clause, source) for clause in clauses))
