"""JSONL, CSV, Parquet and rows in memory: what each form reads, and that the same data is the same cases."""

import datetime as dt
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plimsoll.config import CaseDefaults
from plimsoll.datasets import Card, Dataset, from_rows, open_dataset
from plimsoll.errors import ConfigError

HEAD = "name: n\ndescription: d\nsource: s\nlicence: MIT\n"


def test_importing_datasets_loads_neither_pandas_nor_pyarrow() -> None:
    code = "import sys, plimsoll.datasets; sys.exit(bool({'pandas', 'pyarrow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def opened(folder: Path, name: str, content: str | bytes, card: str | None = None) -> Dataset:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    if card:
        (folder / name).with_suffix(".card.yaml").write_text(card, encoding="utf-8")
    return open_dataset(folder / name, name)


def test_bom_crlf_and_blank_lines_are_allowed_and_lines_still_right(tmp_path: Path) -> None:
    cases = list(opened(tmp_path, "x.jsonl", '\ufeff{"q": "a"}\r\n\r\n  \n{"q": "b\u2028c"}'))
    assert [(case.line, case.inputs["q"]) for case in cases] == [(1, "a"), (4, "b\u2028c")]
    cases = list(opened(tmp_path, "x.csv", '\ufeffid,q\r\na,"two\r\nlines"\r\n\r\nb,x'))
    assert [(case.line, case.id, case.inputs["q"]) for case in cases] == [(2, "a", "two\r\nlines"), (5, "b", "x")]


def test_a_csv_cell_stays_text_without_a_card(tmp_path: Path) -> None:
    (case,) = opened(tmp_path, "x.csv", 'id,year,flag,list,expected\n01,5,true,"[1]",1.0\n')
    assert case.id == "01"
    assert case.inputs == {"year": "5", "flag": "true", "list": "[1]"}
    assert case.expected == "1.0"


def test_a_csv_cell_becomes_what_the_card_says(tmp_path: Path) -> None:
    card = HEAD + (
        "fields: {a: {type: integer}, b: {type: number, column: bee}, c: {type: boolean}, d: {type: list}, "
        "e: {type: object}, f: {type: string}, g: {}, expected: {type: number}}\n"
    )
    rows = 'a,bee,c,d,e,f,g,expected\n 5 ,1e3,TRUE,"[1, ""x""]","{""k"": null}",5,5,2\n'
    (case,) = opened(tmp_path, "x.csv", rows, card)
    assert case.inputs == {"a": 5, "b": 1000.0, "c": True, "d": [1, "x"], "e": {"k": None}, "f": "5", "g": "5"}
    assert case.expected == 2


@pytest.mark.parametrize(
    ("declared", "cell"),
    [
        ("integer", "5.0"),
        ("integer", "1_000"),
        ("integer", "٣"),
        ("number", "nan"),
        ("number", "inf"),
        ("boolean", "yes"),
        ("boolean", "1"),
        ("list", "a"),
        ("object", "[]"),
    ],
)
def test_a_csv_cell_that_is_not_of_the_cards_type_is_told(tmp_path: Path, declared: str, cell: str) -> None:
    card = HEAD + f"fields: {{q: {{}}, v: {{type: {declared}}}}}\n"
    with pytest.raises(ConfigError, match=r"^x.csv:2: field 'v' "):
        opened(tmp_path, "x.csv", f"q,v\nx,{cell}\n", card).check()


def test_reserved_csv_cells_are_read_by_their_own_form(tmp_path: Path) -> None:
    row = {
        "slices": "hard; easy;;hard",
        "weight": "2.5",
        "messages": json.dumps([{"role": "user", "content": "hi"}]),
        "evaluators": json.dumps(["exact_match"]),
        "pass_if": json.dumps({"f1": ">= 0.5", "ok": True}),
    }
    cells = ['"' + value.replace('"', '""') + '"' for value in row.values()]
    (case,) = opened(tmp_path, "x.csv", ",".join(row) + "\n" + ",".join(cells) + "\n")
    assert case.slices == ("hard", "easy")
    assert case.weight == 2.5
    assert case.messages == ({"role": "user", "content": "hi"},)
    assert case.evaluators == ("exact_match",)
    assert case.pass_if == {"f1": ">= 0.5", "ok": "== true"}


def test_an_empty_csv_cell_is_absent(tmp_path: Path) -> None:
    (case,) = opened(tmp_path, "x.csv", "id,q,context,expected,group,slices,weight,messages,pass_if\n,x,,,,,,,\n")
    assert case.inputs == {"q": "x"}
    assert (case.expected, case.group, case.slices, case.weight, case.messages) == (None, None, (), 1.0, ())


def test_the_same_data_is_the_same_dataset_in_every_form(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "question": "Why?", "context": "é", "expected": "So.", "slices": ["x", "y"], "group": "g"},
        {"id": "b", "question": "How?", "expected": "Thus.", "weight": 2.0},
    ]
    names = ["id", "question", "context", "expected", "slices", "group", "weight"]
    lines = [",".join(names)]
    for row in rows:
        cells = [";".join(row[name]) if name == "slices" and name in row else row.get(name, "") for name in names]
        lines.append(",".join(str(cell) for cell in cells))
    pq.write_table(
        pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]), tmp_path / "x.parquet"
    )
    nested = [
        {
            **{name: value for name, value in row.items() if name not in ("question", "context", "expected")},
            "inputs": {"question": row["question"], "context": row.get("context")},
            "expectations": {"expected_response": row["expected"]},
        }
        for row in rows
    ]
    summaries = [
        opened(tmp_path, "x.jsonl", "\n".join(json.dumps(row) for row in rows)).check(),
        opened(tmp_path, "x.csv", "\n".join(lines)).check(),
        open_dataset(tmp_path / "x.parquet").check(),
        from_rows(rows, name="x").check(),
        from_rows(nested, name="x").check(),
    ]
    assert summaries[1:] == summaries[:-1]


def test_parquet_values_become_plain_json_values(tmp_path: Path) -> None:
    table = pa.table(
        {
            "q": ["x"],
            "n": pa.array([3], pa.int8()),
            "when": [dt.datetime(2026, 9, 1, 12, tzinfo=dt.UTC)],
            "day": [dt.date(2026, 9, 1)],
            "docs": [[{"title": "t", "score": None}]],
            "messages": [[{"role": "user", "content": "hi", "tool_calls": None}]],
            "pass_if": [{"f1": ">= 0.5", "em": None}],
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    (case,) = open_dataset(tmp_path / "x.parquet")
    assert case.inputs == {
        "q": "x",
        "n": 3,
        "when": "2026-09-01T12:00:00+00:00",
        "day": "2026-09-01",
        "docs": [{"title": "t", "score": None}],
    }
    assert case.pass_if == {"f1": ">= 0.5"}


def test_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array(["x"])] * 2, names=["q", "q"]), tmp_path / "x.parquet")
    with pytest.raises(ConfigError, match=r"^x.parquet: 2 columns are named 'q'$"):
        open_dataset(tmp_path / "x.parquet", "x.parquet").check()


def test_an_mlflow_row_is_unfolded_and_its_further_expectations_are_inputs() -> None:
    row = {
        "inputs": {"messages": [{"role": "user", "content": "hi"}], "k": 3},
        "expectations": {"expected_facts": ["f"]},
    }
    (case,) = from_rows([row])
    assert case.inputs == {"k": 3, "expected_facts": ["f"]}
    assert case.messages == ({"role": "user", "content": "hi"},)


def test_an_mlflow_row_that_clashes_is_told() -> None:
    rows: list[dict[str, Any]] = [
        {"inputs": {"q": "x", "weight": 75, "note": "a"}, "note": "b"},
        {"inputs": {"q": "x"}, "expectations": {"expected_response": "x", "expected": "y"}},
        {"inputs": {"q": "x"}, "expectations": {"expected_response": "x", "q": "y", "id": None}, "expected": "z"},
        {"inputs": {}, "expectations": {"group": "x"}},
    ]
    own = "has a meaning of its own: put it beside"
    with pytest.raises(ConfigError) as caught:
        from_rows(rows).check()
    assert str(caught.value).splitlines() == [
        f"data:1: inputs holds the reserved field 'weight' ('weight' {own} inputs, or rename it)",
        "data:1: field 'note' is given twice (keep one of the two)",
        "data:2: expectations holds both 'expected' and 'expected_response' (keep one of the two)",
        "data:3: field 'q' is given twice (keep one of the two)",
        "data:3: field 'expected' is given twice (keep one of the two)",
        f"data:4: expectations holds the reserved field 'group' ('group' {own} expectations, or rename it)",
    ]


def test_an_empty_inputs_object_is_an_empty_row() -> None:
    with pytest.raises(ConfigError, match=r"^data:1: the row has no inputs, no messages and no turns$"):
        from_rows([{"id": "a", "inputs": {}}]).check()


def test_inputs_that_is_text_or_declared_by_the_card_is_an_ordinary_field() -> None:
    row: dict[str, Any] = {"inputs": "free text", "expectations": {"a": 1}}
    (case,) = from_rows([row])
    assert case.inputs == {"inputs": "free text", "expectations": {"a": 1}}
    card = Card.model_validate(
        {"name": "n", "description": "d", "source": "s", "licence": "MIT", "fields": {"inputs": {"type": "object"}}}
    )
    (case,) = from_rows([{"inputs": {"q": "x"}}], card=card)
    assert case.inputs == {"inputs": {"q": "x"}}


def test_defaults_fill_what_a_row_does_not_say() -> None:
    defaults = CaseDefaults(
        inputs={"tone": "plain", "context": None},
        slices=["all"],
        weight=2,
        evaluators=["exact_match"],
        pass_if={"f1": 0.5, "em": True},
    )
    rows: list[dict[str, Any]] = [
        {"q": "x", "tone": None},
        {"q": "y", "tone": "rude", "slices": [], "weight": 3, "evaluators": [], "pass_if": {"f1": ">= 0.9"}},
    ]
    bare, full = from_rows(rows, defaults=defaults)
    assert bare.inputs == {"tone": "plain", "context": None, "q": "x"}
    assert (bare.slices, bare.weight, bare.evaluators) == (("all",), 2.0, ("exact_match",))
    assert bare.pass_if == {"f1": ">= 0.5", "em": "== true"}
    assert full.inputs["tone"] == "rude"
    assert (full.slices, full.weight, full.evaluators) == ((), 3.0, ())
    assert full.pass_if == {"f1": ">= 0.9", "em": "== true"}


def test_defaults_do_not_hide_an_empty_row() -> None:
    with pytest.raises(ConfigError, match="the row has no inputs, no messages and no turns"):
        from_rows([{"id": "a"}], defaults=CaseDefaults(inputs={"q": "x"})).check()


def test_a_conversation_with_images_and_tool_results_passes_as_it_is() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": ""},
        {"role": "user", "content": "Well?"},
    ]
    (case,) = from_rows([{"messages": messages}])
    assert list(case.messages) == messages


def test_the_summary_counts_what_is_there(tmp_path: Path) -> None:
    rows = '{"id": 1, "q": "x", "group": "g", "slices": ["b", "a"]}\n{"id": 2, "q": "x", "group": "g", "expected": 0}\n'
    summary = opened(tmp_path, "x.jsonl", rows).check()
    assert (summary.name, summary.cases, summary.groups) == ("x", 2, 1)
    assert summary.slices == {"a": 1, "b": 1}
    assert summary.fields == {"q": 2, "expected": 1}


def test_the_file_digest_is_over_the_bytes_as_opened(tmp_path: Path) -> None:
    first = opened(tmp_path, "x.jsonl", '{"id": 1, "q": "x"}\n')
    second = opened(tmp_path, "x.jsonl", '{"q": "x", "id": 1}\n')
    assert first.file_digest != second.file_digest
    assert str(first.file_digest).startswith("sha256:")


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet"])
def test_memory_does_not_grow_with_rows(tmp_path: Path, name: str) -> None:
    path, filler, count = tmp_path / name, "x" * 8000, 3000
    if name == "x.parquet":
        rows = pa.table({"id": [str(n) for n in range(count)], "q": [f"{n} {filler}" for n in range(count)]})
        # One row group, not compressed: what would be read at once if batches did not hold.
        pq.write_table(rows, path, compression="none", use_dictionary=False, write_batch_size=64)
        del rows
    else:
        with path.open("w", encoding="utf-8") as file:
            file.write("id,q\n" if name == "x.csv" else "")
            for n in range(count):
                cells = f"{n},{n} {filler}" if name == "x.csv" else json.dumps({"id": n, "q": f"{n} {filler}"})
                file.write(cells + "\n")
    dataset = open_dataset(path)
    next(dataset.cases())
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    seen = arrow = 0
    for case in dataset:
        seen += 1
        if seen % 100 == 0:
            arrow = max(arrow, pa.total_allocated_bytes() - before)
        assert case.line
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == count
    # The file holds 24 MB.
    assert peak + arrow < 8_000_000


def test_a_check_keeps_little_of_a_row(tmp_path: Path) -> None:
    path, count = tmp_path / "x.jsonl", 10_000
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": f"case-{n}", "q": f"{n} {'x' * 300}"}) + "\n" for n in range(count))
    for dataset in (open_dataset(path), open_dataset(path, copies=tmp_path / "copies")):
        next(dataset.cases())
        tracemalloc.start()
        assert dataset.check().cases == count
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # Two hashes, 40 bytes a row, and the buffers of the files.
        assert peak < 1_300_000
