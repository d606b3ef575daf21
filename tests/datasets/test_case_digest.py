"""Identity: what a case's id and digest depend on, and what they do not."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.datasets import digest_cases, from_rows, open_dataset
from plimsoll.errors import ConfigError

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(st.none() | inner, max_size=3) | st.dictionaries(TEXT, st.none() | inner, max_size=3),
    max_leaves=8,
)
NAMES = TEXT.filter(lambda name: name not in ("id", "messages", "expected", "group", "slices", "weight", "evaluators"))
NAMES = NAMES.filter(lambda name: name not in ("turns", "pass_if", "inputs", "expectations"))
ROWS = st.lists(
    st.builds(
        lambda inputs, rest: {"question": "x", **inputs, **rest},
        st.dictionaries(NAMES, VALUES, max_size=3),
        st.fixed_dictionaries(
            {},
            optional={
                "expected": VALUES,
                "group": st.integers(0, 3),
                "slices": st.lists(st.sampled_from(["a", "b", "c"])),
                "weight": st.floats(0.1, 10),
                "pass_if": st.dictionaries(TEXT, st.floats(0, 1), max_size=2),
            },
        ),
    ),
    min_size=1,
    max_size=6,
)


def with_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": f"case-{number}", **row} for number, row in enumerate(rows)]


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 9))
def test_rows_survive_the_file_and_their_order_is_not_content(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], seed: int
) -> None:
    rows = with_ids(rows)
    path = tmp_path_factory.mktemp("rows") / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    cases = list(open_dataset(path))
    for case, row in zip(cases, rows, strict=True):
        reserved = ("id", "expected", "group", "slices", "weight", "pass_if")
        assert json.dumps(case.inputs) == json.dumps({name: row[name] for name in row if name not in reserved})
        assert json.dumps(case.expected) == json.dumps(row.get("expected"))
    shuffled = random.Random(seed).sample(rows, len(rows))
    summary = open_dataset(path).check()
    assert from_rows(shuffled).check().digest == summary.digest == digest_cases(cases)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, value=VALUES, name=NAMES)
def test_any_change_of_a_field_changes_the_digest(rows: list[dict[str, Any]], value: Any, name: str) -> None:
    before = with_ids(rows)
    after = [{**before[0], name: value}, *before[1:]]
    same = name in before[0] and json.dumps(before[0][name], sort_keys=True) == json.dumps(value, sort_keys=True)
    if name == "question" and isinstance(value, str) and not value.strip():
        return
    assert (from_rows(before).check().digest == from_rows(after).check().digest) is same


@pytest.mark.parametrize(
    "change",
    [
        {"q": "y"},
        {"q": 1},
        {"extra": 1},
        {"expected": "other"},
        {"expected": 0},
        {"group": "h"},
        {"slices": ["a"]},
        {"weight": 2},
        {"evaluators": ["exact_match"]},
        {"pass_if": {"f1": ">= 0.6"}},
        {"messages": [{"role": "user", "content": "hi"}]},
    ],
)
def test_every_field_but_the_id_is_content(change: dict[str, Any]) -> None:
    row = {"id": "a", "q": "x", "expected": "e", "group": "g", "slices": ["a", "b"], "pass_if": {"f1": ">= 0.5"}}
    (before,), (after,) = from_rows([row]), from_rows([{**row, **change}])
    assert before.digest != after.digest


def test_neither_the_id_nor_how_a_row_is_written_is_content() -> None:
    row = {"id": "a", "q": "x", "slices": ["a", "b"], "weight": 2}
    other = {"weight": 2.0, "slices": ["b", "a", "b"], "q": "x", "id": "z", "group": None}
    (one,), (two,) = from_rows([row]), from_rows([other])
    assert one.digest == two.digest
    assert from_rows([row]).check().digest != from_rows([other]).check().digest


def test_numbers_texts_and_truth_values_are_told_apart() -> None:
    digests = {next(iter(from_rows([{"q": value}]))).digest for value in (1, 1.0, True, "1", [1], {"1": 1})}
    assert len(digests) == 6


def test_a_row_without_an_id_is_named_by_its_content() -> None:
    (case,) = from_rows([{"q": "x"}])
    assert len(case.id) == 16
    assert case.digest == f"sha256:{case.id}{case.digest[-48:]}"
    (again,) = from_rows([{"id": None, "q": "x"}])
    assert again == case


def test_an_integer_id_is_the_same_as_its_text() -> None:
    with pytest.raises(ConfigError, match=r"^data:2: the id '7' is taken by data:1$"):
        from_rows([{"id": 7, "q": "x"}, {"id": "7", "q": "y"}]).check()


def test_the_same_content_under_two_ids_is_two_cases() -> None:
    assert from_rows([{"id": "a", "q": "x"}, {"id": "b", "q": "x"}]).check().cases == 2


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    (case,) = from_rows([{"q": "\\u0000"}])
    assert case.inputs == {"q": "\\u0000"}
