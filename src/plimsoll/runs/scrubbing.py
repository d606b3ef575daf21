"""What is recorded of a run is without the keys that it was run with.

A run's folder is handed on: as a CI job's artifact, as evidence, to a tracking server. So answers, scores and failures
lose what is surely a key before they are journalled, cached, scored or shown; a failure's words, which nothing is
measured by, lose whatever is named like one. An answer with a word that happens to be a development's password stays
the answer that it was; what is sent to a tracking server is searched for that too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from plimsoll.config.secrets import Redactor, secrets_of, unmistakable
from plimsoll.types import Aggregate, Failed, Failure, Outcome, Score, Scored

_Kind = TypeVar("_Kind", bound=msgspec.Struct)


class Scrub:
    """Takes the secrets of one environment out of records."""

    def __init__(self, environ: Mapping[str, str] | None = None, settings: Any = None) -> None:
        """For an environment; None has no secrets.

        Args:
            environ: Where keys are read.
            settings: The suite's, which say what else is one.
        """
        secrets = secrets_of(environ or {}, settings)
        self._every, self._sure = Redactor(secrets), Redactor(unmistakable(secrets))
        self._encode = msgspec.json.Encoder().encode

    def text(self, text: str) -> str:
        """What somebody is told: a failure, an error."""
        return self._every.text(text)

    def outcome(self, outcome: Outcome) -> Outcome:
        """What a target gave."""
        return self._failure(outcome) if isinstance(outcome, Failure) else self.without(outcome)

    def scores(self, scores: Mapping[str, Score]) -> dict[str, Score]:
        """What an evaluator said."""
        return {name: self._score(score) for name, score in scores.items()}

    def aggregate(self, aggregate: Aggregate) -> Aggregate:
        """Figures, and why some are lacking."""
        figures = {
            name: self._failure(figure) if isinstance(figure, Failure) else figure
            for name, figure in aggregate.figures.items()
        }
        failure = None if aggregate.failure is None else self._failure(aggregate.failure)
        return replace(aggregate, figures=figures, failure=failure)

    def _score(self, score: Score) -> Score:
        if isinstance(score, Scored):
            return self.without(score)
        if isinstance(score, Failed):
            turns = tuple(self._score(turn) for turn in score.turns)
            return replace(score, failure=self._failure(score.failure), turns=turns)
        return replace(score, reason=self.text(score.reason))

    def _failure(self, failure: Failure) -> Failure:
        message, remedy = self.text(failure.message), self.text(failure.remedy)
        if (message, remedy) == (failure.message, failure.remedy):
            return failure
        return replace(failure, message=message, remedy=remedy)

    def without(self, value: _Kind) -> _Kind:
        """What a model or an evaluator said, without what is surely a key."""
        # In JSON, where every form that it is written in has been foreseen; hardly ever is one found.
        if not self._sure.finds(self._encode(value)):
            return value
        return msgspec.convert(self._sure.value(msgspec.to_builtins(value)), type(value))


NOTHING = Scrub()
"""Takes out nothing: for what runs without an environment of its own."""
