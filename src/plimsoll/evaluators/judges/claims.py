"""A judgement claim by claim: the score is the share of the answer's claims that the sources support.

Every claim has to quote the answer, so that a judge can neither invent claims nor be made to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from plimsoll.evaluators.judges.judgement import (
    Judgement,
    UnusableAnswerError,
    read_object,
    read_text,
    shown,
    strict_object,
    strict_schema,
)
from plimsoll.evaluators.judges.quoting import comparable
from plimsoll.evaluators.text.abstention import abstains as says_that_it_abstains

_LISTED = 10
_KEYS = ("quote", "reason", "supported")


class Claim(NamedTuple):
    """One claim of the answer, and whether the sources support it."""

    quote: str
    words: str
    """The quote's words alone: see `comparable`."""
    reason: str
    supported: bool


@dataclass(frozen=True, slots=True)
class ClaimsForm:
    """`{"claims": [{"quote": …, "reason": …, "supported": …}, …], "abstains": …}`."""

    answer: str
    """The judged text: each quote has to stand in it."""
    phrases: tuple[str, ...] = ()
    """Further literal ones that abstain: see `plimsoll.evaluators.text.abstention`."""
    key: str = "claims"

    @property
    def response_format(self) -> dict[str, Any]:
        """A list of claims, in each the reason before the verdict; then whether the answer only abstains."""
        claim = {"quote": {"type": "string"}, "reason": {"type": "string"}, "supported": {"type": "boolean"}}
        claims = {"type": "array", "items": strict_object(claim)}
        return strict_schema("claims", {"claims": claims, "abstains": {"type": "boolean"}})

    @property
    def wanted(self) -> str:
        """The keys in words."""
        return (
            'one JSON object with exactly two keys: "claims", a list of objects with exactly the keys "quote" (words '
            'copied from the answer), "reason", a text, and "supported", true or false; and "abstains", true or false'
        )

    @property
    def literals(self) -> Mapping[str, float]:
        """None: a list is no single verdict."""
        return {}

    def parse(self, text: str) -> Judgement:
        """Supported claims ÷ all, the others named in the reason.

        Claims that quote the same words, or words inside another's quote, count once, and as unsupported if one of
        them is. Without any claim an answer that abstains scores 1, as it asserts nothing wrong, and any other 0, as
        it says nothing. Whether it abstains is not the judge's word alone: the answer has to say so.
        """
        answer = read_object(text, ("claims", "abstains"))
        found, abstains = answer["claims"], answer["abstains"]
        if not isinstance(found, list) or not isinstance(abstains, bool):
            raise UnusableAnswerError(
                "its claims are not a list, or abstains is neither true nor false", "its values are of the wrong type"
            )
        words = comparable(self.answer)
        claims = [_claim(each, words) for each in found]
        if abstains:
            return self._abstention(claims)
        return _judgement(_merged(claims), words) if claims else Judgement(0.0, "it says nothing")

    def _abstention(self, claims: list[Claim]) -> Judgement:
        if claims:
            raise UnusableAnswerError(
                f"it lists {len(claims)} claims of an answer that abstains",
                "it lists claims and calls the answer an abstention",
            )
        if not says_that_it_abstains(self.answer, self.phrases):
            raise UnusableAnswerError(
                "it calls an answer an abstention that does not say so in words known to abstain",
                "it calls an answer an abstention that does not say that it can't answer",
            )
        return Judgement(1.0, "it claims nothing: it abstains")


def _claim(found: Any, answer: str) -> Claim:
    if not isinstance(found, dict) or found.keys() != set(_KEYS):
        raise UnusableAnswerError(f"a claim has other keys than {', '.join(_KEYS)}", "a claim's keys are wrong")
    if not isinstance(found["supported"], bool):
        raise UnusableAnswerError("a claim's supported is neither true nor false", "its values are of the wrong type")
    quote, reason = read_text(found["quote"], "a claim's quote"), read_text(found["reason"], "a claim's reason")
    words = comparable(quote)
    if not words or words not in answer:
        raise UnusableAnswerError(
            f"a claim quotes {shown(repr(quote), 80)}, which does not stand in the judged answer",
            "a quote does not stand word for word in the answer",
        )
    return Claim(quote, words, reason, found["supported"])


def _merged(claims: Iterable[Claim]) -> list[Claim]:
    """One claim for each quote that lies in no other: an unsupported one inside it, where there is one.

    Else a true claim could be split into many, or a false one be hidden behind a piece of it.
    """
    by_words: dict[str, Claim] = {}
    for claim in claims:
        first = by_words.setdefault(claim.words, claim)
        if first.supported and not claim.supported:
            by_words[claim.words] = claim
    outer = [words for words in by_words if not any(words in other and words != other for other in by_words)]
    wrong = [claim for claim in by_words.values() if not claim.supported]
    return [
        next((claim for claim in wrong if claim.words in words), by_words[words])._replace(words=words)
        for words in outer
    ]


def _judgement(claims: list[Claim], answer: str) -> Judgement:
    wrong = [claim for claim in claims if not claim.supported]
    score = (len(claims) - len(wrong)) / len(claims)
    told = [f"«{shown(claim.quote, 120)}» ({shown(claim.reason, 200)})" for claim in wrong[:_LISTED]]
    if len(wrong) > _LISTED:
        told.append(f"and {len(wrong) - _LISTED} more")
    unsupported = f"; not supported: {'; '.join(told)}" if told else ""
    counted = f"{len(claims) - len(wrong)} of {len(claims)} claims supported"
    return Judgement(score, f"{counted}; they quote {_covered(claims, answer):.0%} of the answer{unsupported}")


def _covered(claims: Iterable[Claim], answer: str) -> float:
    """The share of the answer's characters (of its words) that stand in a quote."""
    inside = bytearray(len(answer))
    for claim in claims:
        # Without the space at both ends, as below: it belongs to no quote.
        begin, length = answer.find(claim.words) + 1, len(claim.words) - 2
        inside[begin : begin + length] = b"\1" * length
    return sum(inside) / (len(answer) - 2)
