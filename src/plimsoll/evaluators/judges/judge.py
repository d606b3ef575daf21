"""A judge: a prompty file that asks a model of the suite for a score with a reason.

The prompt reads case fields by name, and from the harness `output` (the answer's text), `value` (its structured form)
and `nonce`: a token that can't stand in the judged text, to fence it with. The answer is checked by `judgement`; one
that is no judgement is asked for once more, then the score is Failed. A judged metric is marked as such: it is worth
what its agreement with people is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

import msgspec
from pydantic import Field, PositiveInt, model_validator

from plimsoll import canonical
from plimsoll.config import Strict
from plimsoll.config.suite import NAME_PATTERN
from plimsoll.errors import CellError, FailureKind, UsageError, near_match
from plimsoll.evaluators.base import EvaluatorSettings, written
from plimsoll.evaluators.contract import BuildContext
from plimsoll.evaluators.fields import lookup
from plimsoll.evaluators.judges.judgement import Judgement, Scale, parse_judgement, schema
from plimsoll.models.contract import ChatModel
from plimsoll.prompts import Prompt, load_prompt
from plimsoll.types import Case, ChatReply, ChatRequest, Failed, Failure, Message, Metric, Output, Scored, Usage

_VERSION = "1"
_GIVEN = frozenset({"output", "value", "nonce"})


class JudgeSettings(EvaluatorSettings):
    """Settings of a judge."""

    shorthand: ClassVar[str | None] = "prompt"

    prompt: str = Field(min_length=1, description="A *.prompty file of the workspace.")
    model: str | None = Field(None, description="A name under models; may be left out where there is only one.")
    range: tuple[float, float] = Field((1, 5), description="Least and greatest score.")
    integer: bool = Field(True, description="Whole scores only.")
    sample: PositiveInt | None = Field(None, description="Judge only this many cases, by the hash of seed and id.")
    fields: dict[str, str] = Field(
        default_factory=dict, description="The prompt's input → a case's field, or `output` for the answer."
    )

    @model_validator(mode="after")
    def _range_is_one(self) -> JudgeSettings:
        low, high = self.range
        if not low < high:
            raise ValueError(f"range: {low:g} is not below {high:g}")
        if self.integer and (low != int(low) or high != int(high)):
            raise ValueError("range: whole scores need whole ends; or set integer: false")
        if self.integer and high - low > 100:
            raise ValueError("range: no judge tells more than 101 whole scores apart; set integer: false")
        taken = sorted(_GIVEN & self.fields.keys())
        if taken:
            raise ValueError(f"fields: {taken[0]!r} is filled by the harness")
        return self


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge with its prompt read and its model found."""

    name: str
    settings: JudgeSettings
    prompt: Prompt
    digests: tuple[str, ...]
    """Of the prompt's files, as they were when it was read."""
    model: ChatModel

    @property
    def scale(self) -> Scale:
        """The scores that it may give."""
        return Scale(*self.settings.range, integer=self.settings.integer)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """One, judged."""
        low, high = self.settings.range
        return (Metric(name=self.name, low=low, high=high, judged=True, pass_if=written(self.settings.pass_if)),)

    @property
    def requires(self) -> frozenset[str]:
        """What the prompt's required inputs are filled from. Sample values never stand in for a missing field."""
        return frozenset(self._field(name) for name in self._read() if self.prompt.inputs[name].required)

    @property
    def reusable(self) -> bool:
        """Whether the score's key sees all that the judge reads: not an input that has a default."""
        return all(self.prompt.inputs[name].required for name in self._read())

    @property
    def optional(self) -> bool:
        """Whether a case without a required field is skipped."""
        return self.settings.optional

    @property
    def timeout(self) -> None:
        """None: the model's client owns time limits, and waiting in its queue is not the judge's time."""

    @property
    def models(self) -> tuple[ChatModel, ...]:
        """The one that judges."""
        return (self.model,)

    @property
    def sample(self) -> int | None:
        """How many cases it judges; None for all."""
        return self.settings.sample

    def identity(self) -> dict[str, Any]:
        """Prompt, model, scale and version; not the threshold or which cases are sampled."""
        return {
            "evaluator": "judge",
            "version": _VERSION,
            "name": self.name,
            "prompt": list(self.digests),
            "parameters": dict(self.prompt.parameters),
            "model": self.model.identity(),
            "range": list(self.settings.range),
            "integer": self.settings.integer,
            "fields": dict(self.settings.fields),
            "optional": self.settings.optional,
        }

    async def evaluate(self, case: Case, output: Output) -> Scored | Failed:
        """Ask; ask once more where the answer is no judgement."""
        messages = self.prompt.render(self._values(case, output))
        reply = await self._ask(messages)
        try:
            return _scored(self._judgement(reply), reply.usage)
        except ValueError as error:
            return await self._repair(messages, reply, str(error))

    async def _repair(self, messages: tuple[Message, ...], first: ChatReply, mistake: str) -> Scored | Failed:
        again = (
            *messages,
            {"role": "assistant", "content": first.text or "(no answer)"},
            {"role": "user", "content": _REPAIR.format(mistake=mistake, scale=self.scale)},
        )
        try:
            second = await self._ask(again)
        except CellError as error:
            spent = msgspec.structs.replace(first.usage, requests=first.usage.requests + error.requests)
            return Failed(failure=Failure.of(error), usage=spent)
        usage = first.usage + second.usage
        try:
            judgement = self._judgement(second)
        except ValueError as error:
            failure = CellError(
                FailureKind.BAD_SCORE,
                f"judge {self.name!r} gave no judgement in two attempts; its last answer is {error}: "
                f"{_excerpt(second.text)}",
                remedy="look at the judge's prompt and model; a model this weak may not be able to judge",
            )
            return Failed(failure=Failure.of(failure), usage=usage)
        return _scored(judgement, usage)

    async def _ask(self, messages: tuple[Message, ...]) -> ChatReply:
        # The prompt may choose a form that its endpoint knows (json_object); the answer is checked all the same.
        parameters = {"response_format": schema(self.scale), **self.prompt.parameters}
        return await self.model.chat(ChatRequest(messages=messages, parameters=parameters))

    def _judgement(self, reply: ChatReply) -> Judgement:
        try:
            return parse_judgement(reply.text, self.scale)
        except ValueError as error:
            if reply.finish == "length":
                raise ValueError("cut off by the token limit (raise max_tokens)") from None
            raise ValueError(str(error)) from None

    def _values(self, case: Case, output: Output) -> dict[str, Any]:
        values = {name: lookup(self._field(name), case, output) for name in self._read()}
        answer = {name: output.text for name, field in self.settings.fields.items() if field == "output"}
        given = {name: value for name, value in values.items() if value is not None}
        # The harness's own come last: no case can pass its text off as the answer, or know the fence.
        return {**given, **answer, "output": output.text, "value": output.value, "nonce": nonce(case, output)}

    def _read(self) -> list[str]:
        """The inputs that come from the case."""
        return [name for name in self.prompt.inputs if name not in _GIVEN and self._field(name) != "output"]

    def _field(self, name: str) -> str:
        return self.settings.fields.get(name, name)


_REPAIR = (
    "Your answer can't be used: {mistake}. Answer again with nothing but one JSON object with exactly two keys: "
    '"reason", a text, and "score", {scale}.'
)


def nonce(case: Case, output: Output) -> str:
    """A token that stands neither in the answer nor in the case: a fence that can't be closed from inside.

    Derived from what it fences, so that the same judgement is the same request: to hold it, a text would have to
    hold 64 bits of its own digest.
    """
    fenced = repr((case.id, case.fields(), output.text, output.value))
    return canonical.short(canonical.digest_bytes(fenced.encode("utf-8", "replace")), 16)


def _scored(judgement: Judgement, usage: Usage) -> Scored:
    return Scored(value=judgement.score, reason=judgement.reason, usage=usage)


def _excerpt(text: str, length: int = 200) -> str:
    return repr(text if len(text) <= length else f"{text[: length - 1]}…")


def build_judge(settings: Strict, context: BuildContext) -> Judge:
    """A judge from its settings.

    Raises:
        ConfigError: its prompt can't be read or is wrong.
        UsageError: its model isn't there, or several could be meant.
    """
    assert isinstance(settings, JudgeSettings)
    prompt = load_prompt(context.root / settings.prompt, settings.prompt)
    unknown = sorted(settings.fields.keys() - prompt.inputs.keys())
    if unknown:
        remedy = near_match(unknown[0], prompt.inputs)
        raise UsageError(f"fields: {settings.prompt} has no input {unknown[0]!r}", remedy=remedy)
    name = settings.name or PurePosixPath(settings.prompt).stem
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError(f"{name!r} can't be a metric's name", remedy="give the judge one: `name: …`")
    return Judge(
        name=name,
        settings=settings,
        prompt=prompt,
        digests=tuple(canonical.digest_file(path) for path in prompt.files),
        model=_model(settings, context.models),
    )


def _model(settings: JudgeSettings, models: Mapping[str, ChatModel]) -> ChatModel:
    if settings.model is not None:
        if settings.model not in models:
            raise UsageError(
                f"the judge's model {settings.model!r} is not among the suite's models",
                remedy=near_match(settings.model, models) or "add it under models",
            )
        return models[settings.model]
    if len(models) != 1:
        found = f"the suite has {', '.join(sorted(models))}" if models else "the suite has no models"
        raise UsageError("the judge needs a model", remedy=f"add `model: NAME`; {found}")
    return next(iter(models.values()))
