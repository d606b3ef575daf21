"""A dataset's conversations: read with every mistake told by its line, digested, and the same in every file form."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.datasets.test_case_digest import TEXT, VALUES

from plimsoll.datasets import from_frame, from_rows, open_dataset, to_frame
from plimsoll.errors import ConfigError
from plimsoll.types import Case, Turn

CARD = """\
name: x
description: x
source: x
licence: x
fields:
  question: {type: string, required: true}
  page: {type: string, required: true}
  year: {type: integer}
  expected: {type: string, required: true}
"""
TURNS = [{"user": "Open today?", "expected": "yes"}, {"user": "And tomorrow?", "note": "Sunday"}]


def one(**row: Any) -> Case:
    (case,) = from_rows([row]).cases()
    return case


def mistakes(*rows: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_rows(rows).check()
    return [str(mistake).replace("\n", " ") for mistake in caught.value.mistakes]


def file(folder: Path, *rows: dict[str, Any], card: str | None = None) -> Path:
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    if card is not None:
        (folder / "x.card.yaml").write_text(card, encoding="utf-8")
    return path


def test_a_row_with_turns_is_a_conversation_and_its_other_fields_are_shared() -> None:
    case = one(id="a", page="p", turns=TURNS, messages=[{"role": "system", "content": "s"}], expected="polite")
    assert case.turns == (
        Turn(user="Open today?", expected="yes"),
        Turn(user="And tomorrow?", inputs={"note": "Sunday"}),
    )
    assert (case.inputs, case.expected, case.is_conversation) == ({"page": "p"}, "polite", True)


def test_turns_alone_are_content_enough_and_a_dataset_may_hold_both() -> None:
    summary = from_rows([{"turns": TURNS}, {"question": "x"}]).check()
    assert (summary.cases, summary.conversations) == (2, 1)
    assert from_rows([{"question": "x"}]).check().conversations == 0


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        ("x", "turns is a string, not a list of turns"),
        ([], "turns is an empty list"),
        (["x"], "turns[0] is a string, not an object with `user`"),
        ([{"expected": "x"}], "turns[0] has no `user`"),
        ([{"user": ""}], "turns[0] has no `user`"),
        ([{"user": []}], "turns[0] has no `user`"),
        ([{"user": "a"}, {"user": " "}], "turns[1].user is blank"),
        ([{"user": 5}], "turns[0].user is an integer, not text or a list of parts"),
        ([{"user": [{"type": "text"}]}], "turns[0].user[0] is a text part without text"),
        ([{"user": "a", "id": "x"}], "turns[0] holds the reserved field 'id'"),
        ([{"user": "a", "messages": []}], "turns[0] holds the reserved field 'messages'"),
        ([{"user": "a", "score": float("nan")}], "turns[0].score is nan, which is not a number of JSON"),
        ([{"user": "half \ud83d"}], "turns[0].user holds a lone surrogate"),
    ],
)
def test_what_is_wrong_with_turns_is_told_with_its_place(turns: Any, told: str) -> None:
    (found,) = mistakes({"turns": turns})
    assert found.startswith(f"data:1: {told}")


def test_what_goes_before_must_not_end_with_what_the_user_says() -> None:
    (found,) = mistakes({"turns": TURNS, "messages": [{"role": "user", "content": "Hello?"}]})
    assert found.startswith("data:1: messages ends with what the user says, and turns goes on with that")


def test_mistakes_have_the_files_line(tmp_path: Path) -> None:
    path = file(tmp_path, {"question": "x"}, {"turns": [{}]})
    with pytest.raises(ConfigError, match=r"x\.jsonl:2: turns\[0\] has no `user`"):
        open_dataset(path).check()


def test_a_card_holds_for_the_fields_of_turns(tmp_path: Path) -> None:
    turns = [{"user": "a", "pgae": "p"}, {"user": "b", "page": 5, "year": 2024.0}]
    with pytest.raises(ConfigError) as caught:
        open_dataset(file(tmp_path, {"expected": "x", "turns": turns}, card=CARD), "x.jsonl").check()
    assert [str(mistake).replace("\n", " ") for mistake in caught.value.mistakes] == [
        "x.jsonl:1: turns[0] has the unknown field 'pgae' (did you mean 'page'?)",
        "x.jsonl:1: turns[1]: field 'page' is an integer, not a string: 5",
    ]


def test_a_required_field_may_stand_in_a_turn_and_what_the_user_says_is_the_question(tmp_path: Path) -> None:
    turns = [{"user": "a", "page": "p", "year": 2024.0}, {"user": "b", "expected": "x"}]
    (case,) = open_dataset(file(tmp_path, {"turns": turns}, card=CARD)).cases()
    assert case.turns[0].inputs == {"page": "p", "year": 2024}
    with pytest.raises(ConfigError, match="missing field 'page'"):
        open_dataset(file(tmp_path, {"turns": turns[1:]}, card=CARD)).check()


def test_csv_holds_turns_as_json_and_parquet_as_lists(tmp_path: Path) -> None:
    told = json.dumps(TURNS).replace('"', '""')
    (tmp_path / "x.csv").write_text(f'id,turns\na,"{told}"\n', encoding="utf-8")
    pq.write_table(pa.Table.from_pylist([{"id": "a", "turns": TURNS}]), tmp_path / "x.parquet")
    forms = [open_dataset(tmp_path / name).check().digest for name in ("x.csv", "x.parquet")]
    assert forms == [from_rows([{"id": "a", "turns": TURNS}]).check().digest] * 2


def test_broken_json_of_turns_in_csv_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,turns,question\na,[x,q\n", encoding="utf-8")
    (tmp_path / "x.card.yaml").write_text("name: x\ndescription: x\nsource: x\nlicence: x\nfields: {question: {}}\n")
    with pytest.raises(ConfigError) as caught:
        open_dataset(tmp_path / "x.csv").check()
    assert len(caught.value.mistakes) == 1


def test_a_frame_gives_conversations_back() -> None:
    case = one(id="a", turns=TURNS)
    (again,) = from_frame(to_frame([case])).cases()
    assert again.digest == case.digest
    assert again.turns == case.turns


def test_every_part_of_a_turn_is_content() -> None:
    digests = {
        one(id="a", turns=turns).digest
        for turns in (TURNS, TURNS[:1], TURNS[::-1], [{**TURNS[0], "expected": "no"}, TURNS[1]])
    }
    assert len(digests) == 4


FIELDS = st.dictionaries(TEXT.filter(lambda name: name.startswith("x")), VALUES, max_size=2)


@given(st.lists(st.tuples(TEXT.filter(str.strip), st.none() | VALUES, FIELDS), min_size=1, max_size=3))
def test_what_was_read_writes_the_same_row_again(turns: list[tuple[str, Any, dict[str, Any]]]) -> None:
    rows = [{"user": user, "expected": expected, **fields} for user, expected, fields in turns]
    case = one(id="a", turns=rows)
    again = one(id="a", turns=[turn.row() for turn in case.turns])
    assert (again.turns, again.digest) == (case.turns, case.digest)
