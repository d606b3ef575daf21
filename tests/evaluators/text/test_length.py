"""Lengths: what is counted, the bounds, and that an empty answer is never short enough."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.evaluators.text.length import Length
from plimsoll.types import Case, Output, Scored

CASE = Case(id="c1", inputs={})
ANSWER = "  It costs £3.50. A day!\n\nOr 中文\n"


def score(answer: str, **settings: Any) -> Scored:
    return Length.model_validate(settings).evaluate(CASE, Output(text=answer))


@pytest.mark.parametrize(("unit", "count"), [("words", 8), ("characters", 29), ("sentences", 3), ("lines", 2)])
def test_what_is_counted(unit: str, count: int) -> None:
    assert score(ANSWER, unit=unit, min=count, max=count) == Scored(value=True, reason=f"{count} {unit}")
    assert score(ANSWER, unit=unit, min=count + 1) == Scored(
        value=False, reason=f"{count} {unit}, fewer than {count + 1}"
    )
    assert score(ANSWER, unit=unit, max=count - 1) == Scored(
        value=False, reason=f"{count} {unit}, more than {count - 1}"
    )


@pytest.mark.parametrize("blank", ["", " \n\t", "\u3000"])
def test_an_empty_answer_never_passes(blank: str) -> None:
    assert score(blank, max=5) == Scored(value=False, reason="the answer is empty")


@pytest.mark.parametrize("settings", [{}, {"min": 3, "max": 2}, {"max": 0}, {"max": -1}, {"unit": "tokens", "max": 3}])
def test_bounds_that_nothing_or_everything_meets_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Length.model_validate(settings)


@given(st.text(max_size=40).filter(str.strip), st.integers(1, 50))
def test_an_answer_is_too_long_or_not_too_long(text: str, bound: int) -> None:
    for unit in ("words", "characters", "sentences", "lines"):
        assert score(text, unit=unit, max=bound).value is not score(text, unit=unit, min=bound + 1).value
