"""A judge: a prompty file that asks a model of the suite, and its answers as checked scores.

A judged metric is marked as such: it is worth what its agreement with people is. How the model is asked: `asking`;
what it may answer: `judgement` (a score), `claims`, `pair`; what it reads: `question`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.base import written
from plimsoll.evaluators.fields import as_text, lookup
from plimsoll.evaluators.judges.asking import Asker
from plimsoll.evaluators.judges.claims import ClaimsForm
from plimsoll.evaluators.judges.judgement import Form, Scale, ScoreForm
from plimsoll.evaluators.judges.pair import PairForm, both_orders
from plimsoll.evaluators.judges.question import Question
from plimsoll.evaluators.judges.settings import Declared, NamedJudgeSettings
from plimsoll.models.contract import ChatModel
from plimsoll.types import Case, Failed, Metric, Output, Scored

_VERSION = "3"


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge with its prompt read and its model found."""

    name: str
    settings: NamedJudgeSettings
    declared: Declared
    """What its prompt says about it."""
    scale: Scale
    question: Question
    digests: tuple[str, ...]
    """Of the prompt's files, as they were when it was read."""
    asker: Asker

    @property
    def model(self) -> ChatModel:
        """The one that judges."""
        return self.asker.model

    @property
    def models(self) -> tuple[ChatModel, ...]:
        """The one that judges."""
        return (self.model,)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """One, judged."""
        pass_if = written(self.settings.pass_if)
        return (Metric(name=self.name, low=self.scale.low, high=self.scale.high, judged=True, pass_if=pass_if),)

    @property
    def requires(self) -> frozenset[str]:
        """What the prompt's required inputs are filled from, and the answer to compare with."""
        against = self.settings.against
        return self.question.requires if against is None else self.question.requires | {against}

    @property
    def filled_from(self) -> Mapping[str, str]:
        """The prompt's input → the case's field that fills it."""
        return self.question.sources

    @property
    def reusable(self) -> bool:
        """Whether the score's key sees all that the judge reads: not an input that has a default."""
        return self.question.complete

    @property
    def optional(self) -> bool:
        """Whether a case without a required field is skipped."""
        return self.settings.optional

    @property
    def timeout(self) -> None:
        """None: the model's client owns time limits, and waiting in its queue is not the judge's time."""

    @property
    def sample(self) -> int | None:
        """How many cases it judges; None for all."""
        return self.settings.sample

    @property
    def spared(self) -> frozenset[str]:
        """Canaries that it may rightly score high."""
        return frozenset(self.declared.spares)

    def identity(self) -> dict[str, Any]:
        """Prompt, model, form, scale, settings and version; not the threshold or which cases are sampled."""
        return {
            "evaluator": "judge",
            "version": _VERSION,
            "prompt": list(self.digests),
            "model": self.model.identity(),
            "form": self.declared.form,
            "scale": [self.scale.low, self.scale.high, self.scale.integer],
            "settings": {**self.settings.of_identity(), "name": self.name, "parameters": dict(self.asker.parameters)},
        }

    async def evaluate(self, case: Case, output: Output) -> Scored | Failed:
        """The judge's score. An empty answer gets the worst one without a question, unless the prompt spares it."""
        if not output.text.strip() and "empty" not in self.spared:
            return Scored(value=self.scale.low, reason="the answer is empty")
        if self.declared.form == "pair":
            return await self._preference(case, output)
        return await self.asker.ask(self.question.messages(case, output, {}), self._form(output))

    def _form(self, output: Output) -> Form:
        if self.declared.form == "claims":
            return ClaimsForm(output.text, self.settings.phrases)
        return ScoreForm(self.scale)

    async def _preference(self, case: Case, output: Output) -> Scored | Failed:
        """Asked in both orders: the place alone sways many judges."""
        rival = self._rival(case, output)
        orders = [{"first": output.text, "second": rival}, {"first": rival, "second": output.text}]
        asked = [self.question.messages(case, output, answers) for answers in orders]
        first, second = await asyncio.gather(*(self.asker.ask(messages, PairForm()) for messages in asked))
        return both_orders(first, second)

    def _rival(self, case: Case, output: Output) -> str:
        """The answer to compare with."""
        assert self.settings.against is not None
        found = lookup(self.settings.against, case, output)
        if found is None:
            # Checked before by `requires`; here for whoever calls the judge without it.
            raise CellError(FailureKind.MISSING_FIELD, f"{self.name} needs {self.settings.against!r}")
        return as_text(found)
