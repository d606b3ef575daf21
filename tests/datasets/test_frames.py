"""DataFrames in and out."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.datasets import Card, from_frame, from_rows, to_frame
from plimsoll.errors import ConfigError


def test_missing_values_of_a_frame_are_absent() -> None:
    frame = pd.DataFrame(
        {
            "q": ["a", "b", "c", "d"],
            "n": [1.5, float("nan"), 2.5, 3.5],
            "t": [pd.Timestamp("2026-09-01"), pd.NaT, None, pd.NaT],
            "s": pd.array(["x", pd.NA, None, "y"], dtype="string"),
            "i": pd.array([1, None, 3, 4], dtype="Int64"),
        }
    )
    inputs = [case.inputs for case in from_frame(frame)]
    assert inputs == [
        {"q": "a", "n": 1.5, "t": "2026-09-01T00:00:00", "s": "x", "i": 1},
        {"q": "b"},
        {"q": "c", "n": 2.5, "i": 3},
        {"q": "d", "n": 3.5, "s": "y", "i": 4},
    ]


def test_a_frame_with_wrong_columns_is_told_at_once() -> None:
    frame = pd.DataFrame([["a", "b", "c"]], columns=["q", "q", 3])
    with pytest.raises(ConfigError) as caught:
        from_frame(frame)
    assert str(caught.value) == "data: the column name 3 is not text\ndata: 2 columns are named 'q'"


def test_a_frames_columns_are_checked_once_against_the_card() -> None:
    card = Card.model_validate(
        {"name": "n", "description": "d", "source": "s", "licence": "MIT", "fields": {"question": {"required": True}}}
    )
    with pytest.raises(ConfigError) as caught:
        from_frame(pd.DataFrame({"questoin": ["a", "b"]}), card=card).check()
    assert str(caught.value) == "data: unknown column 'questoin' (did you mean 'question'?)"


def test_an_empty_frame_has_no_cases() -> None:
    with pytest.raises(ConfigError, match="no cases"):
        from_frame(pd.DataFrame({"q": []})).check()


def test_infinity_in_a_frame_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="data:1: n is inf"):
        from_frame(pd.DataFrame({"n": [float("inf")]})).check()


def test_a_frame_of_cases_has_the_columns_that_occur() -> None:
    frame = to_frame(
        from_rows([{"id": "a", "q": "x", "expected": 1}, {"id": "b", "n": 2, "slices": ["s"], "group": 3}])
    )
    assert list(frame.columns) == ["id", "q", "n", "expected", "group", "slices"]
    assert frame["q"].tolist() == ["x", None]
    assert frame["n"].tolist() == [None, 2]


def test_columns_of_one_type_are_typed() -> None:
    frame = to_frame(from_rows([{"q": "x", "n": 1, "f": 1.5, "b": True}, {"q": "y", "n": 2, "f": 2.5, "b": False}]))
    assert [str(frame[name].dtype) for name in ("n", "f", "b")] == ["int64", "float64", "bool"]


VALUE = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("ab1")


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.fixed_dictionaries({}, optional={"v": VALUE, "expected": VALUE}), min_size=1, max_size=5))
def test_cases_survive_a_frame(values: list[dict[str, Any]]) -> None:
    rows = [{"id": str(number), "q": "x", **value} for number, value in enumerate(values)]
    extra = {
        "id": "last",
        "messages": [{"role": "user", "content": "hi"}],
        "slices": ["s"],
        "weight": 2,
        "evaluators": [{"contains": {"expected": "x"}}],
        "pass_if": {"f1": 0.5},
        "docs": [{"title": None}],
    }
    cases = list(from_rows([*rows, extra]))
    assert list(from_frame(to_frame(cases))) == cases
