"""Whether the answer's number is the reference's."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import Field

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.equality import ToleranceSettings, is_number
from plimsoll.evaluators.fields import as_text, references
from plimsoll.evaluators.form.answers import EMPTY, clipped, listed
from plimsoll.evaluators.form.figures import Figure, Mark, figures_in, whole_figure
from plimsoll.types import Case, Metric, MetricKind, Output, Scored


class Numeric(SettingsEvaluator, ToleranceSettings):
    """The answer's number is the reference's, within a tolerance.

    A figure may have thousands separators, a factor (12k, 3 million, 5×10³), a currency and a unit. A percent sign is
    a unit: 12% is 12, not 0.12. A letter that may be a factor or a unit (5m) must be the reference's too.
    """

    version: ClassVar[str] = "2"
    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    shorthand: ClassVar[str | None] = "expected"

    name: str = "numeric"
    expected: str = Field("expected", description="The field with the reference number, or several of them.")
    extract: Literal["whole", "last", "first", "only"] = Field(
        "whole", description="Which figure of the answer counts; whole: the answer is nothing but a number."
    )
    units: Literal["compare", "ignore"] = Field(
        "compare", description="Whether a unit must be the reference's, where both have one."
    )
    decimals: Mark = Field("point", description="How decimals are written: 1,200.50 (point) or 1.200,50 (comma).")

    @property
    def requires(self) -> frozenset[str]:
        """The reference's field."""
        return frozenset({self.expected})

    def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the answer."""
        wanted = [self._wanted(reference) for reference in references(self.expected, case, output)]
        if not output.text.strip():
            return Scored(value=False, reason=EMPTY)
        try:
            given = self._read(output.text)
        except ValueError as error:
            return Scored(value=False, reason=str(error))
        wrong = [self._wrong(given, each) for each in wanted]
        if any(each is None for each in wrong):
            return Scored(value=True, reason=None if self.extract == "whole" else f"took {clipped(given.text)}")
        return Scored(value=False, reason=listed([each for each in wrong if each is not None], 3))

    def _wanted(self, reference: Any) -> Figure:
        if is_number(reference):
            found = _from_number(reference)
        else:
            try:
                found = None if isinstance(reference, bool) else self._read(as_text(reference))
            except ValueError:
                found = None
        if found is None:
            message = f"the case's {self.expected!r} holds no number: {clipped(as_text(reference))!r}"
            raise CellError(FailureKind.MISSING_FIELD, message)
        return found

    def _read(self, text: str) -> Figure:
        """The figure that counts; ValueError says why there is none."""
        whole = whole_figure(text, self.decimals)
        if whole is not None:
            return whole
        if self.extract == "whole":
            raise ValueError(f"not a number: {clipped(text.strip())!r}")
        found = list(figures_in(text, self.decimals))
        if not found:
            raise ValueError("there is no figure in the answer")
        if self.extract == "only" and len({figure.value for figure in found}) > 1:
            raise ValueError(f"there are several figures: {listed([clipped(each.text) for each in found])}")
        return found[0 if self.extract == "first" else -1]

    def _wrong(self, given: Figure, wanted: Figure) -> str | None:
        shown = f"{clipped(given.text)} is not {clipped(wanted.text)}"
        if self.units == "compare" and given.unit != wanted.unit:
            if given.unclear or wanted.unclear:
                unclear = given.unit if given.unclear else wanted.unit
                return f"{shown}: {unclear!r} may be a factor or a unit"
            if given.unit and wanted.unit:
                return f"{shown}: the units differ, {clipped(given.unit)!r} and {clipped(wanted.unit)!r}"
        if self.tolerance.covers(given.value, wanted.value):
            return None
        return f"{shown} within {self.tolerance}" if str(self.tolerance) else shown


def _from_number(number: float) -> Figure | None:
    try:
        return Figure(Fraction(repr(number)), "", repr(number))
    except ValueError:  # infinite, or not a number
        return None
