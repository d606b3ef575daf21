"""What users read when a dataset is wrong: every mistake at once, each with its line and its mend."""

import contextlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from plimsoll.config import CaseDefaults
from plimsoll.datasets import Dataset, digest_cases, from_rows, open_dataset
from plimsoll.datasets.card import RESERVED
from plimsoll.errors import ConfigError

CARD = """\
name: support
description: Questions and answers.
source: Written for this test.
licence: MIT
language: en
fields:
  question: {type: string, required: true, description: What is asked.}
  context: {type: string}
  year: {type: integer}
  tags: {type: list}
  expected: {type: string, required: true}
slices:
  required: [hard, unanswerable]
  descriptions: {hard: Needs two facts.}
min_cases: 50
"""


def mistakes(folder: Path, name: str, content: bytes | str, card: str | None = None) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if card is not None:
        (folder / f"{path.stem}.card.yaml").write_text(card, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        open_dataset(path, f"datasets/{name}").check()
    return str(caught.value)


MANY_JSONL = [
    b'\xef\xbb\xbf{"id": "a", "question": "How long?", "expected": "5 days", "slices": ["hard"]}\r\n',
    b'{"id": "a", "question": "Again?", "expected": "no"}\n',
    b"\n",
    b'{"question": "Same?", "expected": "yes"}\n',
    b'{"expected": "yes", "question": "Same?"}\n',
    b'{"id": "b", "question": "  ", "expected": "yes"}\n',
    b'{"id": "c", "questoin": "Why?", "expected": "so"}\n',
    b'{"id": "d", "question": "Cut off?", "expected": "ye\n',
    b'["not", "an", "object"]\n',
    b'{"id": "e", "question": "caf\xe9?", "expected": "x"}\n',
    b'{"id": "f", "question": "half \\ud83d", "expected": "nul \\u0000"}\n',
    b'{"id": "g", "question": "x", "expected": NaN}\n',
    b'{"id": "h", "question": "x", "expected": "x", "year": 1e999}\n',
    b'{"id": "i", "question": "x", "expected": "x", "year": "2020", "tags": "one"}\n',
    b'{"id": "j", "question": "x", "expected": 7, "weight": 0}\n',
    b'{"id": "k", "question": "x", "expected": "x", "weight": "heavy", "slices": "hard", "group": ""}\n',
    b'{"id": "l", "question": "x", "expected": "x", "pass_if": {"f1": ">= high", "em": ""}}\n',
    b'{"id": "m", "question": "x", "expected": "x", "evaluators": [{}, "ok", 3], "pass_if": ["f1"]}\n',
    b'{"id": "n", "question": "x", "question": "y", "expected": "x"}\n',
    b'{"id": true, "question": "x", "expected": "x", "slices": ["hrad", ""]}\n',
    b'{"id": "o", "question": "x", "expected": "x", "unanswerable": true}\n',
    b"{'id': 'p'}\n",
    b'{"id": "q"}\n',
    b'{"id": "line\\nbreak", "question": "x", "expected": "x"}\n',
    b'{"id": "r", "question": "x", "expected": "x"} {"id": "s"}\n',
]


def test_a_jsonl_file_with_many_mistakes_lists_them_all(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert mistakes(tmp_path, "support.jsonl", b"".join(MANY_JSONL), CARD) == snapshot


def test_a_csv_file_with_many_mistakes_lists_them_all(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    content = b"".join(
        [
            b"id,questoin,year,tags,slices,weight,messages,expected,pass_if\n",
            b"a,x,2020,[],hard; easy,2,,yes,\n",
            b"a,x,twenty,[1,,-1,,yes,\n",
            b'b,x,,"{""a"": 1}",,nan,"[{""role"": ""robot"", ""content"": ""x""}]",yes,"{""f1"": 3"\n',
            b"\n",
            b"c,x,,,,\n",
            b"d,x,,,,,,,,extra\n",
            b"e,\xff,,,,,,,\n",
            b'f,"spans\nlines",,,,0,,yes,\n',
            b"g,nul \x00,,,,,,yes,\n",
            b'h,"x" y,,,,,,yes,\n',
            b"i,never read,,,,,,yes,\n",
        ]
    )
    assert mistakes(tmp_path, "support.csv", content, CARD) == snapshot


def test_a_parquet_file_with_mistakes_names_columns_once_and_rows_by_number(
    tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    table = pa.table(
        {
            "id": ["a", "a", "b"],
            "questoin": ["x", "y", "z"],
            "year": [2020.0, 2020.5, float("nan")],
            "expected": ["yes", None, "no"],
            "tags": pa.array([[1], None, [2]]),
            "raw": [b"x", b"y", None],
        }
    )
    pq.write_table(table, tmp_path / "support.parquet")
    assert mistakes(tmp_path, "support.parquet", (tmp_path / "support.parquet").read_bytes(), CARD) == snapshot


def test_rows_in_memory_are_checked_alike_and_called_data(snapshot: SnapshotAssertion) -> None:
    rows = [
        {"id": 1, "question": "x", "score": float("nan")},
        {"id": "1", "question": object()},
        {"id": 1.0, "question": {"deep": [{1: "x"}, {"y": float("inf")}]}},
        {2: "x"},
        "no dict",
        {"question": "big", "n": 10**5000},
        {},
        {"question": " ", "context": ""},
    ]
    with pytest.raises(ConfigError) as caught:
        from_rows(rows).check()  # type: ignore[arg-type]  # wrong on purpose
    assert str(caught.value) == snapshot


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ("hello", "messages is a string, not a list of messages"),
        ([], "messages is an empty list (leave it out where there is no conversation)"),
        (["hello"], "messages[0] is a string, not an object with role and content"),
        ([{"content": "x"}], "messages[0] has no role (one of system, developer, user, assistant, tool)"),
        ([{"role": "usr", "content": "x"}], "messages[0] has the unknown role 'usr' (did you mean 'user'?)"),
        ([{"role": ["user"], "content": "x"}], "messages[0] has the unknown role ['user']"),
        ([{"role": "user"}], "messages[0] has neither content nor tool_calls"),
        ([{"role": "user", "content": []}], "messages[0] has neither content nor tool_calls"),
        ([{"role": "user", "content": " "}], "messages[0] has blank content"),
        ([{"role": "user", "content": 5}], "messages[0].content is an integer, not text or a list of parts"),
        ([{"role": "user", "content": ["x"]}], "messages[0].content[0] is not a content part"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0] is a text part without text"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": "x.png"}]}],
            "messages[0].content[0] is an image part without a URL",
        ),
        (
            [{"role": "user", "content": "x", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}],
            "messages[0] has tool_calls, but only an assistant calls tools",
        ),
        ([{"role": "assistant", "tool_calls": {"id": "c"}}], "messages[0].tool_calls is not a list of calls"),
        ([{"role": "assistant", "tool_calls": [{"id": "c"}]}], "messages[0].tool_calls[0] names no function"),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}], "messages[0].tool_calls[0] has no id"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}]}],
            "messages[0].tool_calls[0].function.arguments is an object, not JSON text",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}] * 2}],
            "messages[0].tool_calls[1] has the id 'c' of an earlier call",
        ),
        ([{"role": "tool", "content": "x"}], "messages[0] is a tool's result without tool_call_id"),
        (
            [{"role": "tool", "content": "x", "tool_call_id": "c"}],
            "messages[0] is the result of the call 'c', which no message before it makes",
        ),
    ],
)
def test_a_conversation_that_no_endpoint_would_take_is_told(messages: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_rows([{"messages": messages}]).check()
    assert f"data:1: {said}" in str(caught.value)


def test_taken_ids_are_told_among_the_other_mistakes_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a"},
        {"id": 1},
        {"id": "b", "weight": -1},
        {"id": "1"},
        {"id": "c"},
        {},
        {},
        {"id": "a"},
    ]
    text = "".join(json.dumps({**row, "question": "x"}) + "\n" for row in rows)
    told = mistakes(tmp_path, "x.jsonl", text + "bad\n" + '{"id": "b", "question": "x"}\n')
    assert told.replace("datasets/x.jsonl:", "").splitlines() == [
        "3: weight is -1; a weight is positive and finite",
        "4: the id '1' is taken by 2",
        "7: the same content as 6, and no id (drop one of the two, or give each an id)",
        "8: the id 'a' is taken by 1",
        "9: not valid JSON at column 1: expecting value",
        "10: the id 'b' is taken by 3",
    ]


def test_more_than_a_hundred_mistakes_are_counted_not_listed(tmp_path: Path) -> None:
    lines = mistakes(tmp_path, "x.jsonl", '{"id": "a"}\n' * 130, CARD).splitlines()
    assert len(lines) == 100 + 1 + 2
    # Each row lacks two fields, and all but the first repeat the id.
    assert lines[100] == f"datasets/x.jsonl: and {130 * 2 + 129 - 100} more mistakes"
    assert lines[101] == (
        "datasets/x.jsonl: no case is in the slice 'hard', which the card requires "
        "(restore its cases, or edit slices.required in the card)"
    )


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jsonl", "", "datasets/x.jsonl: the file is empty: no cases"),
        ("x.parquet", "", "datasets/x.parquet: the file is empty: no cases"),
        ("x.jsonl", "\n \n", "datasets/x.jsonl: no cases: the dataset has no rows"),
        ("x.csv", "id,question\n", "datasets/x.csv: no cases: the dataset has no rows"),
        (
            "x.jsonl",
            LFS,
            "datasets/x.jsonl: a Git LFS pointer stands in place of the file (run `git lfs pull`)",
        ),
        (
            "x.parquet",
            LFS,
            "datasets/x.parquet: a Git LFS pointer stands in place of the file (run `git lfs pull`)",
        ),
        (
            "x.jsonl",
            '{"q": "x"}\n'.encode("utf-16"),
            "datasets/x.jsonl: the file is UTF-16, not UTF-8 (save it as UTF-8)",
        ),
        (
            "x.jsonl",
            '{"q": "x"}\n'.encode("utf-16-le"),
            "datasets/x.jsonl: the file is UTF-16 or binary, not UTF-8 text (save it as UTF-8)",
        ),
        ("x.jsonl", b"\x1f\x8b\x08", "datasets/x.jsonl: the file is gzip-compressed (unpack it with gunzip)"),
        (
            "x.csv",
            b"PK\x03\x04",
            "datasets/x.csv: the file is a zip archive or a spreadsheet (export it as CSV or JSONL)",
        ),
        ("x.csv", b"PAR1", "datasets/x.csv: a Parquet file named .csv (name it .parquet)"),
        ("x.parquet", "id,question\n", "datasets/x.parquet: not a Parquet file"),
        (
            "x.json",
            "[]",
            "datasets/x.json: a file of the form .json can't be read as a dataset (supported: .jsonl, .csv, .parquet)",
        ),
        (
            "x",
            "{}",
            "datasets/x: a file without a suffix can't be read as a dataset (supported: .jsonl, .csv, .parquet)",
        ),
        (
            "x.csv",
            "id;question\na;x\n",
            "datasets/x.csv:1: the header is one cell, separated by ';' (separate the cells by commas)",
        ),
        (
            "x.csv",
            "id,,id\na,b,c\n",
            "datasets/x.csv:1: column 2 has no name in the header\ndatasets/x.csv:1: the header names 'id' 2 times",
        ),
        (
            "x.csv",
            'id,question\na,"never closed\nb,x\n',
            (
                "datasets/x.csv:2: not valid CSV: a quoted cell that starts here never ends; the rest of the file was "
                'not read (a double quote inside a quoted cell is written twice: "")'
            ),
        ),
        (
            "x.csv",
            f"id,question\na,{'x' * 140_000}\n",
            (
                "datasets/x.csv:2: a cell is longer than 131072 characters; the rest of the file was not read "
                "(close the quotes; if the cell is meant, write the dataset as JSONL)"
            ),
        ),
    ],
)
def test_a_file_that_is_no_dataset_says_what_it_is(tmp_path: Path, name: str, content: bytes | str, said: str) -> None:
    assert mistakes(tmp_path, name, content) == said


def test_a_damaged_parquet_file_is_told_not_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"question": [f"q{n}" for n in range(2000)]}), path)
    whole = path.read_bytes()
    assert mistakes(tmp_path, "x.parquet", whole[:40] + b"\0" * 400 + whole[440:]).startswith(
        "datasets/x.parquet:1: can't be read as Parquet: "
    )
    assert "can't be read as Parquet" in mistakes(tmp_path, "x.parquet", whole[:-20])


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "support.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"suport.jsonl: no such file \(did you mean 'support.jsonl'\?\)"):
        open_dataset(tmp_path / "suport.jsonl")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(ConfigError, match=r"^data: is a folder; a dataset is one file$"):
        open_dataset(tmp_path / "x.jsonl", "data")


def test_mistakes_of_card_and_file_are_told_together(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "x.jsonl", "", "name: x\nlicense: MIT\n")
    assert said.splitlines() == [
        "datasets/x.jsonl: the file is empty: no cases",
        "datasets/x.card.yaml:1: missing key 'description'",
        "datasets/x.card.yaml:1: missing key 'source'",
        "datasets/x.card.yaml:1: missing key 'licence'",
        "datasets/x.card.yaml:2: unknown key 'license' (did you mean 'licence'?)",
    ]


def test_deep_nesting_is_a_mistake_not_a_crash(tmp_path: Path) -> None:
    deep = '{"question": ' + "[" * 100_000 + "]" * 100_000 + "}\n"
    assert mistakes(tmp_path, "x.jsonl", deep) == "datasets/x.jsonl:1: nested too deeply"
    loop: dict[str, object] = {}
    loop["question"] = loop
    with pytest.raises(ConfigError, match=r"^data:1: nested too deeply$"):
        from_rows([loop]).check()


def test_defaults_that_no_case_can_hold_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        from_rows([], defaults=CaseDefaults(inputs={"expected": "x", "score": float("nan")}))
    assert str(caught.value).splitlines() == [
        "defaults.inputs names the reserved field 'expected' (inputs are the fields of your own)",
        "defaults.inputs.score is nan, which is not a number of JSON",
    ]


def test_reading_cases_stops_at_the_first_wrong_row(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"question": "good"}) + "\nbad\n", encoding="utf-8")
    cases = open_dataset(path, "x.jsonl").cases()
    assert next(cases).inputs == {"question": "good"}
    with pytest.raises(ConfigError, match=r"^x.jsonl:2: not valid JSON at column 1"):
        next(cases)


def test_reading_cases_of_a_table_with_wrong_columns_gives_none(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,questoin,expected\na,x,y\n", encoding="utf-8")
    (tmp_path / "x.card.yaml").write_text(CARD, encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown column 'questoin'"):
        next(open_dataset(path).cases())


def test_reading_no_cases_at_all_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"^data: no cases: the dataset has no rows$"):
        list(from_rows([]))


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["\ud800", "\0"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("\ud800"), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from([*RESERVED, "inputs", "expectations", "question", "\udfff", ""])


def refused_or_whole(dataset: Dataset) -> None:
    """A dataset is refused with a text that can be printed, or all of it is read."""
    try:
        summary = dataset.check()
    except ConfigError as error:
        # Fails on a text that holds half a character.
        str(error).encode()
        return
    assert digest_cases(dataset) == summary.digest
    assert summary.cases > 0


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.dictionaries(NAMES, JSONISH, max_size=4), max_size=3))
def test_whatever_a_row_holds_it_is_refused_or_read_whole(rows: list[dict[str, object]]) -> None:
    refused_or_whole(from_rows(rows))


@settings(max_examples=150, deadline=None)
@given(
    suffix=st.sampled_from(["jsonl", "csv", "parquet"]),
    content=st.binary(max_size=60)
    | st.lists(st.sampled_from([b'{"id": 1, "q": "x"}', b"id,q", b"1,x", b'"', b"\n", b"\r\n", b"\xff"])).map(b"".join)
    | st.binary(max_size=30).map(lambda data: b"PAR1" + data + b"PAR1"),
)
def test_whatever_bytes_a_file_holds_it_is_refused_or_read_whole(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / f"x.{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(ConfigError):
        refused_or_whole(open_dataset(path, path.name))
