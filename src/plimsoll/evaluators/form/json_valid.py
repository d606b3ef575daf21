"""Whether an answer is JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.form.answers import why_no_json
from plimsoll.evaluators.strict_json import parse_json
from plimsoll.types import Case, Metric, MetricKind, Output, Scored


class JsonValid(SettingsEvaluator):
    """The whole answer is JSON: no NaN, no key twice, nothing around it, no code fence."""

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    shorthand: ClassVar[str | None] = "type"

    name: str = "json_valid"
    type: Literal["any", "object", "array"] = Field("any", description="What the outermost value must be.")

    def evaluate(self, case: Case, output: Output) -> Scored:  # noqa: ARG002  # the contract's signature
        """Score the answer."""
        try:
            value = parse_json(output.text)
        except ValueError as error:
            return Scored(value=False, reason=why_no_json(output.text, error))
        found = _type_of(value)
        if self.type not in ("any", found):
            return Scored(value=False, reason=f"the JSON is of type {found}, not {self.type}")
        return Scored(value=True)


def _type_of(value: Any) -> str:
    return {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}.get(
        type(value), "number"
    )
