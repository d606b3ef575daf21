"""What a word or a button says in a metric's terms, and that nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.labels import is_failing, read_value
from plimsoll.types import Direction, Metric, MetricKind

RIGHT = Metric(name="right", kind=MetricKind.BOOL)
TOXIC = Metric(name="toxic", kind=MetricKind.BOOL, direction=Direction.LOWER)
KIND = Metric(name="kind", low=1.0, high=5.0, pass_if=">= 4")
LATENCY = Metric(name="latency", direction=Direction.LOWER)
TONE = Metric(name="tone", kind=MetricKind.LABEL, labels=("Formal", "curt"), pass_if="Formal")


@pytest.mark.parametrize(
    ("metric", "said", "meant"),
    [
        (RIGHT, True, True),
        (RIGHT, " Yes ", True),
        (RIGHT, "FAILED", False),
        (RIGHT, 0, False),
        (RIGHT, 1.0, True),
        (TOXIC, "yes", True),
        (TOXIC, "pass", False),
        (TOXIC, "fail", True),
        (KIND, 3, 3.0),
        (KIND, "4.5", 4.5),
        (KIND, 1, 1.0),
        (KIND, True, True),
        (KIND, "no", False),
        (LATENCY, "fail", False),
        (TONE, "formal", "Formal"),
        (TONE, "curt", "curt"),
        (None, "very", "very"),
        (None, 3, 3.0),
        (None, False, False),
    ],
)
def test_what_can_mean_one_thing_only_is_taken(metric: Metric | None, said: Any, meant: Any) -> None:
    found = read_value(metric, said)
    assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("metric", "said", "why"),
    [
        (RIGHT, "rather", "right is true or false, not 'rather'"),
        (RIGHT, 2, "right is true or false, not 2"),
        (RIGHT, [True], "no value"),
        (KIND, "", "no value"),
        (KIND, 6, "from 1 to 5, not 6"),
        (KIND, "nan", "from 1 to 5"),
        (KIND, "good", "kind is a number, not 'good'"),
        (LATENCY, True, "less latency is better"),
        (LATENCY, "yes", "less latency is better"),
        (TONE, "friendly", "tone is one of Formal, curt, not 'friendly'"),
        (TONE, True, "tone is a label, not True"),
        (None, {"a": 1}, "no value"),
    ],
)
def test_what_can_mean_more_or_nothing_is_refused(metric: Metric | None, said: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_value(metric, said)


@pytest.mark.parametrize(
    ("metric", "value", "failing"),
    [
        (RIGHT, False, True),
        (TOXIC, True, True),
        (TOXIC, False, False),
        (KIND, 3.0, True),
        (KIND, 4.0, False),
        (KIND, False, True),
        (LATENCY, 3.0, None),
        (TONE, "curt", True),
    ],
)
def test_which_values_call_an_answer_bad(metric: Metric, value: Any, failing: bool | None) -> None:
    assert is_failing(metric, value) is failing
