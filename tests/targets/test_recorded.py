import asyncio
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plimsoll.errors import CellError, ConfigError, FailureKind
from plimsoll.targets.recorded import RecordedTarget, read_recorded
from plimsoll.types import Case, TargetInfo


def write(tmp_path, text, name="old.jsonl"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def mistakes(tmp_path, text, name="old.jsonl", column=None):
    with pytest.raises(ConfigError) as caught:
        read_recorded(write(tmp_path, text, name), name, column)
    return [str(mistake) for mistake in caught.value.mistakes]


def ask(answers, *ids):
    async def scenario():
        target = RecordedTarget(TargetInfo(name="old", kind="recorded", digest="sha256:0"), answers)
        found: list[Any] = []
        async with target.open() as opened:
            for each in ids:
                case = Case(id=each, inputs={})
                assert opened.generation(case) is None
                try:
                    found.append(await opened.run(case))
                except CellError as error:
                    found.append(error)
        return found

    return asyncio.run(scenario())


def test_answers_of_every_sort_are_read_by_case_id(tmp_path):
    path = write(
        tmp_path,
        '\ufeff{"id": "a", "output": "Paris"}\r\n\n{"id": 7, "output": {"city": "Rome", "pop": 3}}\n'
        '{"id": "c", "output": "one\u2028two"}\n{"id": "d", "output": null}\n',
    )
    answers = read_recorded(path, "old.jsonl", None)
    a, seven, c, d, e = ask(answers, "a", "7", "c", "d", "e")
    assert (a.text, a.latency) == ("Paris", None)
    assert seven.value == {"city": "Rome", "pop": 3}
    assert c.text == "one\u2028two"
    assert d.kind is FailureKind.EMPTY
    assert (e.kind, e.message) == (FailureKind.TARGET, "no recorded output for case e")


def test_a_csv_file_gives_its_named_column_also_over_lines(tmp_path):
    path = write(tmp_path, '\ufeffid,reply\n1,Paris\n2,"two\nlines"\n3,\n', "old.CSV")
    answers = read_recorded(path, "old.CSV", "reply")
    assert answers == {"1": "Paris", "2": "two\nlines", "3": ""}
    assert ask(answers, "3")[0].kind is FailureKind.EMPTY


def test_a_parquet_file_is_read_too(tmp_path):
    pq.write_table(pa.table({"id": ["a", "b"], "output": ["x", "y"]}), tmp_path / "old.parquet")
    assert read_recorded(tmp_path / "old.parquet", "old.parquet", None) == {"a": "x", "b": "y"}


def test_every_broken_row_is_told_at_once(tmp_path):
    rows = [
        "{broken",
        '{"id": "a", "output": "x"}',
        '["a", "x"]',
        '{"id": "a", "output": "y"}',
        '{"id": "b"}',
        '{"id": "c", "outputs": 1}',
        '{"id": " ", "output": "x"}',
        '{"id": 1.5, "output": "x"}',
        '{"id": null, "output": "x"}',
        '{"id": "d", "output": NaN}',
    ]
    assert mistakes(tmp_path, "\n".join(rows)) == [
        "old.jsonl:1: not valid JSON at column 2: expecting property name enclosed in double quotes",
        "old.jsonl:3: a row is a JSON object, not a list (write one {…} a line)",
        "old.jsonl:4: id 'a' occurs twice; the first is on line 2 (keep one of the two answers)",
        "old.jsonl:5: no field 'output' (known: id; `output:` of the target names the answer's field)",
        "old.jsonl:6: no field 'output' (did you mean 'outputs'?; `output:` of the target names the answer's field)",
        "old.jsonl:7: id is blank (give the id of the case that was answered)",
        "old.jsonl:8: id is a number, not text or an integer: 1.5 (give the id of the case that was answered)",
        "old.jsonl:9: id is null, not text or an integer: None (give the id of the case that was answered)",
        "old.jsonl:10: NaN is not JSON; write null, or leave the field out",
    ]


def test_a_number_and_its_text_are_one_id(tmp_path):
    rows = [{"id": 1, "output": "x"}, {"id": "1", "output": "y"}]
    assert "id '1' occurs twice" in mistakes(tmp_path, "\n".join(map(json.dumps, rows)))[0]


def test_a_column_that_the_header_lacks_is_told_once(tmp_path):
    assert mistakes(tmp_path, "id,answer\n" + "1,x\n" * 5, "old.csv", "anser") == [
        "old.csv:1: no field 'anser' (did you mean 'answer'?; `output:` of the target names the answer's field)"
    ]
    assert mistakes(tmp_path, "ident,output\n1,x\n", "old.csv") == ["old.csv:1: no field 'id' (known: ident, output)"]


def test_a_row_with_more_cells_than_the_header_is_told(tmp_path):
    assert mistakes(tmp_path, "id,output\n1,a,b\n", "old.csv") == [
        "old.csv:2: 3 cells, but the header names 2 (put cells that hold commas in double quotes)"
    ]


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "old.jsonl", "old.jsonl: the file is empty: no cases"),
        ("\n\n", "old.jsonl", "old.jsonl: no recorded outputs: the file has no rows"),
        ("id,output\n", "old.csv", "old.csv: no recorded outputs: the file has no rows"),
        (b'{"id": "a", "output": "\xff"}', "a.jsonl", "a.jsonl:1: not valid UTF-8 at byte 24 (save the file as UTF-8)"),
        ("x", "a.txt", "a.txt: a file of the form .txt can't be read as a dataset (supported: .jsonl, .csv, .parquet)"),
    ],
)  # fmt: skip
def test_a_file_without_any_answer_is_a_mistake(tmp_path, text, name, said):
    assert mistakes(tmp_path, text, name) == [said]


def test_a_file_that_is_not_there_gets_its_near_match(tmp_path):
    write(tmp_path, "{}", "old.jsonl")
    with pytest.raises(ConfigError, match=r"odl\.jsonl: no such file \(did you mean 'old\.jsonl'\?\)"):
        read_recorded(tmp_path / "odl.jsonl", "odl.jsonl", None)
