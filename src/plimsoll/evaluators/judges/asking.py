"""Asking a judge's model: one repair of an unusable answer, expected scores, repeats, and what all of it took."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from statistics import fmean
from typing import Any, Literal, NamedTuple

import msgspec

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.judges.judgement import Form, Judgement, UnusableAnswerError, shown
from plimsoll.evaluators.judges.probabilities import expected
from plimsoll.models.contract import ChatModel
from plimsoll.types import ChatReply, ChatRequest, Failed, Failure, Message, Scored, Usage

_UNUSABLE = "(an answer that could not be used)"
_REPAIR = "That answer can't be used: {fault}. Judge once more, and answer with nothing but {wanted}."
_FEW, _MANY = 5, 20
"""Alternatives to ask for: the least that an endpoint limits them to, and the most."""


class _Opinion(NamedTuple):
    """One usable answer."""

    judgement: Judgement
    expected: float | None
    """Over the token probabilities; None where they don't tell it."""
    usage: Usage

    @property
    def value(self) -> float:
        """The expected score, else the one that was said."""
        return self.judgement.score if self.expected is None else self.expected


@dataclass(slots=True)
class _Learnt:
    """What the endpoint was found to refuse."""

    probabilities: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """A model with the way it is asked."""

    name: str
    """The judge's, for messages."""
    model: ChatModel
    parameters: Mapping[str, Any]
    """The request's: the prompt's and the suite's."""
    repeats: int = 1
    probabilities: Literal["auto", "off"] = "auto"
    _learnt: _Learnt = field(default_factory=_Learnt, compare=False)

    async def ask(self, messages: tuple[Message, ...], form: Form) -> Scored | Failed:
        """The mean of what the judge says, with the usage of every attempt.

        It is asked once where that gives the expected score, else `repeats` times. One answer that can't be had fails
        all: a mean over those that were usable would hide which they are.
        """
        first = await self._opinion(messages, form)
        if isinstance(first, Failed):
            return first
        found: list[_Opinion | Failed] = [first]
        if first.expected is None and self.repeats > 1:
            found += await asyncio.gather(*(self._opinion(messages, form) for _ in range(self.repeats - 1)))
        usage = reduce(add, (each.usage for each in found))
        opinions = [each for each in found if isinstance(each, _Opinion)]
        failed = next((each for each in found if isinstance(each, Failed)), None)
        if failed is not None:
            return Failed(failure=failed.failure, usage=usage)
        value = fmean(opinion.value for opinion in opinions)
        return Scored(value=value, reason=_reason(opinions, value), usage=usage)

    async def _opinion(self, messages: tuple[Message, ...], form: Form) -> _Opinion | Failed:
        """One answer, or the second one where the first is no judgement."""
        spent = Usage()
        try:
            reply = await self._send(messages, form)
            spent = reply.usage
            try:
                return self._read(reply, form, spent)
            except UnusableAnswerError as error:
                reply = await self._send((*messages, *_repair(error.fault, form)), form)
                spent = spent + reply.usage
                return self._read(reply, form, spent)
        except CellError as error:
            usage = msgspec.structs.replace(spent, requests=spent.requests + error.requests)
            return Failed(failure=Failure.of(error), usage=usage)
        except UnusableAnswerError as error:
            return Failed(failure=Failure.of(self._unusable(error, reply)), usage=spent)

    async def _send(self, messages: tuple[Message, ...], form: Form) -> ChatReply:
        # The prompt may choose a form that its endpoint knows (json_object); the answer is checked all the same.
        plain = {"response_format": form.response_format, **self.parameters}
        if self.probabilities == "off" or self._learnt.probabilities or not form.literals:
            return await self.model.chat(ChatRequest(messages=messages, parameters=plain))
        asked = {"logprobs": True, "top_logprobs": _FEW if len(form.literals) <= _FEW else _MANY, **plain}
        try:
            return await self.model.chat(ChatRequest(messages=messages, parameters=asked))
        except CellError as error:
            if error.kind is not FailureKind.INVALID_REQUEST:
                raise
            refused = error.requests
        try:
            reply = await self.model.chat(ChatRequest(messages=messages, parameters=plain))
        except CellError as error:
            error.requests += refused
            raise
        # Without them it answers: they were what it refused, and will again.
        self._learnt.probabilities = True
        return msgspec.structs.replace(
            reply, usage=msgspec.structs.replace(reply.usage, requests=reply.usage.requests + refused)
        )

    def _read(self, reply: ChatReply, form: Form, usage: Usage) -> _Opinion:
        try:
            judgement = form.parse(reply.text)
        except UnusableAnswerError:
            if reply.finish == "length":
                message = "cut off by the token limit (raise max_tokens)"
                raise UnusableAnswerError(message, "it is too long and was cut off") from None
            raise
        told = self.probabilities == "auto" and form.literals
        mean = expected(reply.text, form.key, form.literals, reply.logprobs) if told else None
        return _Opinion(judgement, mean, usage)

    def _unusable(self, error: UnusableAnswerError, reply: ChatReply) -> CellError:
        return CellError(
            FailureKind.BAD_SCORE,
            f"judge {self.name!r} gave no judgement in two attempts; its last answer is {error}: "
            f"{shown(reply.text, 200)!r}",
            remedy="look at the judge's prompt and model; a model this weak may not be able to judge",
        )


def _repair(fault: str, form: Form) -> tuple[Message, ...]:
    """A second question that repeats nothing of the first answer: the judged text may have written that."""
    return (
        {"role": "assistant", "content": _UNUSABLE},
        {"role": "user", "content": _REPAIR.format(fault=fault, wanted=form.wanted)},
    )


def _reason(opinions: Sequence[_Opinion], value: float) -> str:
    """The reason of the answer that is nearest to the mean, and how the mean came about where nobody said it."""
    typical = min(opinions, key=lambda opinion: abs(opinion.value - value))
    reason, said = typical.judgement.reason, typical.judgement.score
    if len(opinions) > 1:
        given = ", ".join(f"{opinion.value:.3g}" for opinion in opinions)
        return f"{reason} (asked {len(opinions)} times: {given})"
    if typical.expected is None or f"{said:.2f}" == f"{value:.2f}":
        return reason
    return f"{reason} (said {said:g}; {value:.2f} expected over the token probabilities)"
