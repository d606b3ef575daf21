"""The expected score over token probabilities: what a judge would give on average, from one answer.

A judge that says 4 may have been as near to 3 as to 5. Where the endpoint tells each token's alternatives, the score
is Σ p·s ÷ Σ p over the scores s of the scale (G-Eval, Liu et al. 2023, arXiv:2303.16634). The tokens are found by
their place in the answer: the answer was parsed whole before, so the place of its verdict is known, and no text is
searched. How a tokeniser cuts (`: 4`, `4}`, `1` and `0` of 10) does not matter.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from plimsoll.evaluators.judges.judgement import json_span

LEAST_MASS = 0.9
"""The probability that known verdicts must have together. With less, the alternatives don't tell enough."""
MOST_MASS = 1 + 1e-3
"""What a token and its alternatives can have together, with room for rounding. With more, they are no distribution."""
_SPACE = " \t\n\r"
_SPACE_BYTES = _SPACE.encode()
_ENDS = frozenset(b" \t\n\r,}")
"""What may come after a JSON value inside an object."""
_DECODER = json.JSONDecoder()


class _Choice(NamedTuple):
    """A token that might stand at some place."""

    data: bytes
    probability: float


class _Token(NamedTuple):
    """A token of the answer with those that might have stood in its place."""

    own: _Choice
    others: tuple[_Choice, ...]

    @property
    def mass(self) -> float:
        """The probability of all that is told."""
        return math.fsum(choice.probability for choice in (self.own, *self.others))


def expected(
    text: str, key: str, literals: Mapping[str, float], logprobs: Sequence[Mapping[str, Any]] | None
) -> float | None:
    """The mean worth of the verdict, between the least and greatest of `literals`.

    Args:
        text: The answer; it has to be parsed by its form already.
        key: The key of its object whose value is the verdict.
        literals: Each JSON text that the verdict may be → its worth.
        logprobs: The answer's tokens in OpenAI's form.

    Returns:
        None where the tokens don't make up the answer, the verdict is written in another way than in `literals`, the
        tokens' alternatives leave more than a tenth of the probability untold, or they have more than 1 together.
    """
    span = value_span(text, key)
    if not logprobs or span is None or text[span[0] : span[1]] not in literals:
        return None
    tokens = _tokens(logprobs)
    whole = text.encode("utf-8", "surrogatepass")
    if tokens is None or not _spells(tokens, whole):
        return None
    begin = len(text[: span[0]].encode("utf-8", "surrogatepass"))
    known = {literal.encode(): worth for literal, worth in literals.items()}
    weights = _weights(tokens, begin, whole, tuple(known))
    mass = sum(weights.values())
    if mass < LEAST_MASS:
        return None
    mean = sum(weight * known[literal] for literal, weight in weights.items()) / mass
    return min(max(mean, min(known.values())), max(known.values()))


def value_span(text: str, key: str) -> tuple[int, int] | None:
    """Where a key's value stands in an answer that was parsed as one JSON object; None where it has no such key."""
    at = _skip(text, json_span(text)[0] + 1)
    while text[at] == '"':
        name, at = _DECODER.raw_decode(text, at)
        begin = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, begin)
        if name == key:
            return begin, end
        at = _skip(text, _skip(text, end) + 1)
        if at >= len(text):
            break
    return None


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _tokens(logprobs: Sequence[Mapping[str, Any]]) -> tuple[_Token, ...] | None:
    """The tokens; None where one is not in OpenAI's form."""
    try:
        return tuple(_token(found) for found in logprobs)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _token(found: Mapping[str, Any]) -> _Token:
    own = _choice(found)
    listed: dict[bytes, _Choice] = {}
    for each in found.get("top_logprobs") or ():
        choice = _choice(each)
        listed.setdefault(choice.data, choice)
    # Some servers tell of the chosen token that it was certain, as by then it was. Its figure in the list was made
    # together with the others.
    own = listed.pop(own.data, own)
    return _Token(own, tuple(listed.values()))


def _choice(found: Mapping[str, Any]) -> _Choice:
    data = found.get("bytes")
    token = bytes(data) if isinstance(data, list) else str(found["token"]).encode("utf-8", "surrogatepass")
    logprob = float(found["logprob"])
    if math.isnan(logprob) or logprob > 1e-3:
        raise ValueError("no logarithm of a probability")
    return _Choice(token, min(1.0, math.exp(logprob)))


def _spells(tokens: Sequence[_Token], whole: bytes) -> bool:
    """Whether the tokens are the answer; a server may tell the token that ends it too."""
    return b"".join(token.own.data for token in tokens).startswith(whole)


def _weights(tokens: Sequence[_Token], begin: int, whole: bytes, known: tuple[bytes, ...]) -> Mapping[bytes, float]:
    """The probability of each verdict, given the answer up to it.

    Goes along the answer's own tokens from the one that begins the verdict, until no other verdict begins like it. At
    each, every alternative that settles on a verdict gives it its probability times that of the way so far. None have
    any where the figures of such a token are no probabilities.
    """
    weights: dict[bytes, float] = defaultdict(float)
    reached, way = b"", 1.0
    for at, token in _from(tokens, begin):
        if token.mass > MOST_MASS:
            return {}
        lead = whole[at:begin] if at < begin else b""
        for other in token.others:
            if other.data.startswith(lead):
                verdict = _settled(_joined(reached, other.data[len(lead) :]), known)
                if verdict is not None:
                    weights[verdict] += way * other.probability
        way *= token.own.probability
        reached = _joined(reached, token.own.data[len(lead) :])
        verdict = _settled(reached, known)
        if verdict is not None:
            weights[verdict] += way
            return weights
    return {}


def _from(tokens: Sequence[_Token], begin: int) -> Iterator[tuple[int, _Token]]:
    """The tokens that end behind a place, each with where it begins."""
    at = 0
    for token in tokens:
        if at + len(token.own.data) > begin:
            yield at, token
        at += len(token.own.data)


def _joined(reached: bytes, more: bytes) -> bytes:
    return reached + more if reached else more.lstrip(_SPACE_BYTES)


def _settled(reached: bytes, known: tuple[bytes, ...]) -> bytes | None:
    """The only verdict that an answer which begins so can have; None where there are several, or none."""
    if not reached:
        return None
    possible = [literal for literal in known if literal.startswith(reached)]
    if possible:
        return possible[0] if len(possible) == 1 else None
    return next(
        (
            literal
            for literal in known
            if reached.startswith(literal) and len(reached) > len(literal) and reached[len(literal)] in _ENDS
        ),
        None,
    )
