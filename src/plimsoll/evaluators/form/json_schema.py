"""Whether an answer satisfies a JSON Schema."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, PrivateAttr, model_validator

from plimsoll import canonical
from plimsoll.config import read_text
from plimsoll.errors import CellError, ConfigError, FailureKind, Mistake, Where
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.fields import lookup
from plimsoll.evaluators.form.answers import json_of, listed
from plimsoll.evaluators.form.schemas import CompiledSchema, compile_schema
from plimsoll.evaluators.strict_json import parse_json
from plimsoll.targets.calling import in_thread
from plimsoll.types import Case, Metric, MetricKind, Output, Scored


class JsonSchema(SettingsEvaluator):
    """The answer, its structured form or its text read as JSON, satisfies a JSON Schema.

    Draft 2020-12 unless `$schema` says another. Nothing is fetched: a `$ref` stays inside the schema.
    """

    version: ClassVar[str] = "2"
    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    shorthand: ClassVar[str | None] = "file"
    libraries: ClassVar[tuple[str, ...]] = ("jsonschema",)

    name: str = "json_schema"
    file: str | None = Field(None, min_length=1, description="The schema's file in the workspace.")
    inline: dict[str, Any] | None = Field(None, description="The schema itself.")
    field: str | None = Field(None, min_length=1, description="The case's field with the schema.")
    formats: bool = Field(False, description="Check `format` too, such as date-time or email.")

    _compiled: CompiledSchema | None = PrivateAttr(None)
    _read: str | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _one_schema(self) -> Self:
        given = [key for key in ("file", "inline", "field") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of file, inline, field; found {' and '.join(given) or 'none'}")
        if self.inline is not None:
            self._compiled = compile_schema(self.inline, formats=self.formats)
        return self

    @property
    def requires(self) -> frozenset[str]:
        """The schema's field, where a case brings it."""
        return frozenset({self.field} if self.field else ())

    def identity(self) -> dict[str, Any]:
        """With the digest of the schema's file."""
        return super().identity() | ({"schema": self._read} if self._read else {})

    def in_workspace(self, root: Path) -> Self:
        """A copy that has read the schema's file.

        Raises:
            ConfigError: there is no such file, or it holds no valid schema.
        """
        if self.file is None:
            return self
        try:
            schema = parse_json(read_text(root / self.file, self.file))
            compiled = compile_schema(schema, formats=self.formats)
        except ValueError as error:
            raise ConfigError([Mistake(str(error), Where(self.file))]) from None
        copy = self.model_copy()
        copy._compiled, copy._read = compiled, canonical.digest(schema)  # noqa: SLF001  # a copy of itself
        return copy

    async def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the answer, in a thread: how long it takes is the schema's and the answer's affair."""
        scored: Scored = await in_thread(partial(self._score, case, output))
        return scored

    def _score(self, case: Case, output: Output) -> Scored:
        schema = self._compiled or self._of_case(case, output)
        try:
            value = json_of(output)
        except ValueError as error:
            return Scored(value=False, reason=str(error))
        mistakes = schema.mistakes(value)
        return Scored(value=not mistakes, reason=listed(mistakes, 3) or None)

    def _of_case(self, case: Case, output: Output) -> CompiledSchema:
        if self.field is None:
            raise CellError(FailureKind.EVALUATOR, f"{self.file} was not read: build the evaluator in a workspace")
        try:
            return compile_schema(lookup(self.field, case, output), formats=self.formats)
        except ValueError as error:
            message = f"the case's {self.field!r}: {error}"
            raise CellError(FailureKind.EVALUATOR, message, remedy="mend the schema in the dataset") from None
