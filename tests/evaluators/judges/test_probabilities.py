"""The expected score over token probabilities: found by place, however the tokeniser cuts, or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evaluators.judges.judgement import Scale, ScoreForm
from plimsoll.evaluators.judges.pair import PairForm
from plimsoll.evaluators.judges.probabilities import expected, value_span

FIVE = ScoreForm(Scale(1, 5, integer=True)).literals
TEN = ScoreForm(Scale(1, 10, integer=True)).literals
Alternatives = Mapping[str, float]


def token(text: str | bytes, alternatives: Alternatives | None = None, *, own: float = 1.0) -> dict[str, Any]:
    """A token in OpenAI's form; its own probability is among the alternatives, where there are any."""
    data = text if isinstance(text, bytes) else text.encode()
    shown = data.decode("utf-8", "replace")
    own = (alternatives or {}).get(shown, own)
    top = [
        {"token": each, "bytes": list(each.encode()), "logprob": math.log(probability)}
        for each, probability in (alternatives or {}).items()
    ]
    return {"token": shown, "bytes": list(data), "logprob": math.log(own), "top_logprobs": top}


def whole(tokens: Sequence[Mapping[str, Any]]) -> str:
    return b"".join(bytes(each.get("bytes") or each["token"].encode()) for each in tokens).decode()


@pytest.mark.parametrize(
    "tokens",
    [
        [token('{"reason": "r", "score": '), token("4", {"4": 0.7, "3": 0.3}), token("}")],
        [token('{"reason": "r", "score"'), token(": 4", {": 4": 0.7, ": 3": 0.3}), token("}")],
        [token('{"reason": "r", "score":'), token(" 4}", {" 4}": 0.7, " 3}": 0.3})],
        [token('{"reason": "r", "score":'), token(" 4", {" 4": 0.7, " 3}\n": 0.2, " 3": 0.1}), token("}")],
        [token('{"score": '), token("4,", {"4,": 0.7, "3,": 0.3}), token(' "reason": "r"}')],
        [token('{"score": '), token("4", {"4": 0.7, "3": 0.3}), token("\n"), token(', "reason": "r"}')],
        [token('```json\n{"reason": "r", "score": '), token("4", {"4": 0.7, "3": 0.3}), token("}\n```")],
    ],
)
def test_however_the_answer_is_cut_into_tokens_the_score_is_the_mean_over_its_alternatives(
    tokens: list[dict[str, Any]],
) -> None:
    assert expected(whole(tokens), "score", FIVE, tokens) == pytest.approx(3.7)


def test_a_digit_that_begins_a_longer_number_is_shared_by_what_comes_after_it() -> None:
    begin = token('{"reason": "r", "score": ')
    one = token("1", {"1": 0.8, "9": 0.2})
    ten = [begin, one, token("0", {"0": 0.75, "}": 0.25}), token("}")]
    assert expected(whole(ten), "score", TEN, ten) == pytest.approx(0.6 * 10 + 0.2 * 1 + 0.2 * 9)
    ended = [begin, one, token("}", {"0": 0.75, "}": 0.25})]
    assert expected(whole(ended), "score", TEN, ended) == pytest.approx(0.6 * 10 + 0.2 * 1 + 0.2 * 9)


def test_an_alternative_that_may_be_two_scores_counts_as_neither() -> None:
    tokens = [token('{"reason": "r", "score": '), token("9", {"9": 0.92, "1": 0.08}), token("}")]
    assert expected(whole(tokens), "score", TEN, tokens) == 9
    tokens = [token('{"reason": "r", "score": '), token("9", {"9": 0.5, "1": 0.5}), token("}")]
    assert expected(whole(tokens), "score", TEN, tokens) is None


def test_verdicts_in_words_are_told_by_how_they_begin() -> None:
    tokens = [
        token('{"reason": "r", "better":'),
        token(' "', {' "': 1.0}),
        token("first", {"first": 0.6, "second": 0.3, "t": 0.1}),
        token('"}'),
    ]
    assert expected(whole(tokens), "better", PairForm().literals, tokens) == pytest.approx(0.65)


def test_nothing_that_the_reason_says_is_taken_for_the_score() -> None:
    tokens = [
        token('{"reason": "it says \\"score\\": '),
        token("1", {"1": 0.5, "5": 0.5}),
        token('", "score": '),
        token("4", {"4": 1.0}),
        token("}"),
    ]
    assert expected(whole(tokens), "score", FIVE, tokens) == 4


def test_characters_of_several_bytes_may_be_cut_anywhere() -> None:
    head = '{"reason": "£ — 漢字", "score": '.encode()
    tokens = [*(token(bytes([each])) for each in head), token("2", {"2": 0.5, "4": 0.5}), token("}")]
    assert expected(whole(tokens), "score", FIVE, tokens) == pytest.approx(3)


@pytest.mark.parametrize(
    "alternatives",
    [
        {"4": 0.5, "four": 0.5},
        {"4": 0.5, "45": 0.3, "0": 0.2},
        {"4": 0.5, "null": 0.5},
        {"4": 0.89},
    ],
)
def test_where_the_alternatives_are_no_scores_there_is_no_expected_score(alternatives: Alternatives) -> None:
    tokens = [token('{"reason": "r", "score": '), token("4", alternatives), token("}")]
    assert expected(whole(tokens), "score", FIVE, tokens) is None


def listed(own: float, *alternatives: tuple[str, float]) -> list[dict[str, Any]]:
    """An answer whose score is 5, of the probability `own`, with these alternatives beside it."""
    top = [{"token": each, "logprob": math.log(probability)} for each, probability in alternatives]
    five = {"token": "5", "logprob": math.log(own), "top_logprobs": top}
    return [token('{"reason": "r", "score": '), five, token("}")]


@pytest.mark.parametrize(
    ("tokens", "mean"),
    [
        (listed(1.0, ("5", 0.5), ("1", 0.5)), 3),
        (listed(0.5, ("5", 0.5), ("1", 0.5), ("1", 0.5)), 3),
        (listed(0.5, ("1", 0.5)), 3),
        (listed(1.0, ("1", 0.5)), None),
        (listed(0.6, ("1", 0.3), ("null", 0.3)), None),
        (listed(0.5, ("5", 0.5), ("1", 0.5005)), 3),
    ],
)
def test_figures_that_are_no_distribution_give_no_expected_score(
    tokens: list[dict[str, Any]], mean: float | None
) -> None:
    found = expected(whole(tokens), "score", FIVE, tokens)
    assert found == (None if mean is None else pytest.approx(mean, abs=2e-3))


GOOD = [token('{"reason": "r", "score": '), token("4", {"4": 1.0}), token("}")]


@pytest.mark.parametrize(
    "tokens",
    [
        None,
        [],
        GOOD[:2],
        [token('{"reason": "other", "score": '), *GOOD[1:]],
        [GOOD[0], {"token": "4"}, GOOD[2]],
        [GOOD[0], {"token": "4", "logprob": "much"}, GOOD[2]],
        [GOOD[0], {"token": "4", "logprob": math.nan}, GOOD[2]],
        [GOOD[0], {"token": "4", "logprob": 3.0}, GOOD[2]],
        [GOOD[0], {"token": "4", "logprob": 10**400}, GOOD[2]],
        [GOOD[0], {"token": "4", "logprob": 0.0, "bytes": [300]}, GOOD[2]],
        [GOOD[0], {"token": "4", "logprob": -9.0, "top_logprobs": {"4": -0.1}}, GOOD[2]],
        ["{", "4", "}"],
    ],
)
def test_tokens_that_are_not_the_answer_or_not_in_form_are_not_believed(tokens: Any) -> None:
    assert expected(whole(GOOD), "score", FIVE, tokens) is None
    assert expected(whole(GOOD), "score", FIVE, GOOD) == 4


def test_a_score_written_otherwise_than_as_a_whole_number_stands_as_it_was_said() -> None:
    tokens = [token('{"reason": "r", "score": '), token("4", {"4": 0.5, "3": 0.5}), token(".0}")]
    assert expected(whole(tokens), "score", FIVE, tokens) is None


def test_a_token_that_ends_the_answer_may_be_told_or_not() -> None:
    ended = [*GOOD, token("<|im_end|>")]
    assert expected(whole(GOOD), "score", FIVE, ended) == 4
    without_bytes = [{"token": each["token"], "logprob": each["logprob"]} for each in GOOD]
    assert expected(whole(GOOD), "score", FIVE, without_bytes) == 4


@settings(deadline=None)
@given(
    st.text(),
    st.lists(st.floats(0.001, 1), min_size=10, max_size=10),
    st.integers(1, 10),
    st.data(),
)
def test_the_mean_is_the_same_for_every_way_to_cut_and_lies_on_the_scale(
    reason: str, weights: list[float], said: int, data: st.DataObject
) -> None:
    total = sum(weights)
    share = {score: weight / total for score, weight in enumerate(weights, start=1)}
    mean = sum(score * weight for score, weight in share.items())
    answer = json.dumps({"reason": reason, "score": said}, ensure_ascii=data.draw(st.booleans()))
    head = answer[: answer.rindex(str(said))].encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(head) - 1), max_size=6)))
    ends = [0, *cuts, len(head)]
    # The last piece of what stands before the score, with the score in one token, and with it all its alternatives.
    glued = head[ends[-2] :].decode("utf-8", "ignore").encode() if data.draw(st.booleans()) else b""
    pieces = [head[begin:end] for begin, end in pairwise(ends)]
    if glued and head.endswith(glued) and glued == pieces[-1]:
        pieces.pop()
    else:
        glued = b""
    lead = glued.decode()
    tokens = [
        *(token(piece) for piece in pieces),
        token(f"{lead}{said}}}", {f"{lead}{score}}}": weight for score, weight in share.items()}),
    ]
    found = expected(answer, "score", TEN, tokens)
    assert found is not None
    assert found == pytest.approx(mean)
    assert 1 <= found <= 10


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), values, max_size=4), values, st.sampled_from([None, 0, 2]), st.booleans())
def test_the_place_of_a_value_is_found_in_any_object(
    others: dict[str, Any], value: Any, indent: int | None, ascii_only: bool
) -> None:
    answer = {**others, "score": value}
    text = f"\n {json.dumps(answer, indent=indent, ensure_ascii=ascii_only)} "
    span = value_span(text, "score")
    assert span is not None
    assert json.loads(text[span[0] : span[1]]) == value
    assert (value_span(text, "absent") is None) or "absent" in others
