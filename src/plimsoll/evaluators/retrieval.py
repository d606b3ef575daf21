"""Whether the documents that a target retrieved are the relevant ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import Field, field_validator, model_validator

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators import ranking
from plimsoll.evaluators.base import SettingsEvaluator, Threshold, written
from plimsoll.evaluators.equality import is_number
from plimsoll.evaluators.fields import lookup
from plimsoll.evaluators.form.answers import clipped, listed
from plimsoll.types import Case, Metric, Output, Scored, Skipped

Measure = Literal["recall", "precision", "mrr", "ndcg", "hit"]
_MEASURES = {
    "recall": ranking.recall,
    "precision": ranking.precision,
    "mrr": ranking.reciprocal_rank,
    "ndcg": ranking.ndcg,
    "hit": ranking.hit,
}
_GREATEST = 1e100  # so that no sum of grades overflows


class Retrieval(SettingsEvaluator):
    """The retrieved documents' ids against the relevant ones: recall, precision, MRR, nDCG, hit rate at k.

    One metric for each measure, named NAME.MEASURE. An id that comes twice counts once, at its first place.
    """

    metric: ClassVar[Metric] = Metric(name="", low=0.0, high=1.0)
    shorthand: ClassVar[str | None] = "measures"

    name: str = "retrieval"
    measures: tuple[Measure, ...] = Field(("recall", "mrr", "ndcg"), min_length=1, description="Which to compute.")
    k: int = Field(10, ge=1, le=10_000, description="How many places count, from the first.")
    documents: str = Field("output.documents", description="The retrieved: a list of ids, or of objects with an id.")
    relevant: str = Field("relevant", description="The field with the relevant ids: a list, or id → grade.")
    id: str = Field("id", min_length=1, description="Where an object has its id; dots go inside: metadata.source.")
    pass_if: Threshold | dict[str, Threshold] | None = Field(  # type: ignore[assignment]  # wider: several metrics
        None, description="What makes a case pass: one condition for each measure by its name."
    )

    @field_validator("measures", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _each_once(self) -> Retrieval:
        if len(set(self.measures)) < len(self.measures):
            raise ValueError("a measure is named twice")
        if self.pass_if is not None and not isinstance(self.pass_if, dict):
            raise ValueError("pass_if takes one condition for each measure: {recall: '>= 0.8'}")
        unknown = [each for each in self.pass_if or () if each not in self.measures]
        if unknown:
            raise ValueError(f"pass_if names {unknown[0]!r}, which is not among the measures")
        return self

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """One for each measure."""
        conditions = self.pass_if if isinstance(self.pass_if, dict) else {}
        return tuple(
            msgspec.structs.replace(self.metric, name=f"{self.name}.{each}", pass_if=written(conditions.get(each)))
            for each in self.measures
        )

    @property
    def requires(self) -> frozenset[str]:
        """The two lists."""
        return frozenset({self.documents, self.relevant})

    def evaluate(self, case: Case, output: Output) -> list[Scored] | Skipped:
        """Score the list. With nothing relevant there is nothing to find: no score, above all not a good one."""
        grades = self._grades(lookup(self.relevant, case, output))
        if not grades:
            message = f"the case's {self.relevant!r} names no relevant document"
            if self.optional:
                return Skipped(reason=message)
            raise CellError(FailureKind.MISSING_FIELD, message)
        ranked = self._ranked(lookup(self.documents, case, output))
        reason = _reason(ranked[: self.k], grades)
        return [Scored(value=_MEASURES[each](ranked, grades, self.k), reason=reason) for each in self.measures]

    def _grades(self, given: Any) -> dict[str, float]:
        if isinstance(given, Mapping):
            wrong = [each for each in given.values() if not (is_number(each) and abs(each) <= _GREATEST)]
            if wrong:
                raise _bad(f"the case's {self.relevant!r} has a grade that is no number: {clipped(repr(wrong[0]))}")
            return {str(name): float(grade) for name, grade in given.items() if grade > 0}
        if not isinstance(given, list | tuple):
            raise _bad(f"the case's {self.relevant!r} is neither a list of ids nor a mapping of ids to grades")
        return dict.fromkeys((self._id(each, self.relevant) for each in given), 1.0)

    def _ranked(self, given: Any) -> list[str]:
        if not isinstance(given, list | tuple):
            raise _bad(f"{self.documents!r} is no list of documents")
        return list(dict.fromkeys(self._id(each, self.documents) for each in given))

    def _id(self, document: Any, field: str) -> str:
        found = document
        for key in self.id.split(".") if isinstance(document, Mapping) else ():
            found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
            raise _bad(f"a document of {field!r} has no {self.id!r} that is a text or a whole number")
        return str(found)


def _reason(first: list[str], grades: Mapping[str, float]) -> str:
    lacking = [clipped(each, 40) for each in grades if each not in first]
    found = f"{len(grades) - len(lacking)} of {len(grades)} relevant are among the first {len(first)}"
    return f"{found}; not: {listed(lacking)}" if lacking else found


def _bad(message: str) -> CellError:
    return CellError(FailureKind.EVALUATOR, message)
