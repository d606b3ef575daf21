from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from plimsoll.config.secrets import Redactor
from plimsoll.errors import FailureKind
from plimsoll.testing.reports import example_report
from plimsoll.tracking.tables import CELLS, SHOWN_ROWS, TABLE, rows, table_json, write_parquet, write_tables
from plimsoll.types import CellRecord, Failed, Failure, Report, Scored, Skipped

NOTHING = Redactor({})


def test_every_cell_is_a_row_with_each_metrics_value_status_and_reason(tmp_path: Path) -> None:
    report = example_report(cases=30, repeats=2)
    write_parquet(tmp_path / "cells.parquet", rows(report, "v1", NOTHING), report.metrics)
    table = pq.read_table(tmp_path / "cells.parquet").to_pylist()
    records = list(report.of_target("v1"))
    assert [(row["case"], row["repeat"]) for row in table] == [(r.cell.case, r.cell.repeat) for r in records]
    for row, record in zip(table, records, strict=True):
        assert (row["output"] is None) == isinstance(record.outcome, Failure)
        assert (row["failure"] is None) != isinstance(record.outcome, Failure)
        for name in report.metrics:
            score = record.scores.get(name)
            expected = {Scored: "ok", Failed: "failed", Skipped: "skipped", type(None): "missing"}[type(score)]
            assert row[f"{name}.status"] == expected
            assert (row[name] is None) == (expected != "ok")


def test_a_column_without_any_value_keeps_its_type(tmp_path: Path) -> None:
    report = example_report(cases=3, targets=("v1",))
    empty = [{**row, "token_f1": None, "latency": None} for row in rows(report, "v1", NOTHING)]
    write_parquet(tmp_path / "cells.parquet", empty, report.metrics)
    schema = pq.read_schema(tmp_path / "cells.parquet")
    assert (str(schema.field("token_f1").type), str(schema.field("latency").type)) == ("double", "double")
    assert str(schema.field("exact_match").type) == "bool"


def test_a_target_without_cells_has_an_empty_table(tmp_path: Path) -> None:
    report = example_report(cases=3)
    bare = Report(run=report.run, cases=report.cases, cells=())
    write_parquet(tmp_path / "cells.parquet", rows(bare, "v1", NOTHING), bare.metrics)
    assert pq.read_table(tmp_path / "cells.parquet").num_rows == 0
    assert json.loads(table_json([])) == {"columns": [], "data": []}


def test_the_table_for_the_browser_is_plain_json_without_secrets() -> None:
    report = example_report(cases=12, targets=("v1",))
    failure = Failure(kind=FailureKind.AUTH, message="wrong key sk-planted-123", remedy="check it")
    broken = type(report.cells[0])(cell=report.cells[0].cell, key="k", outcome=failure)
    table = list(
        rows(
            Report(run=report.run, cases=report.cases, cells=(broken, *report.cells[1:])),
            "v1",
            Redactor({"OPENAI_API_KEY": "sk-planted-123"}),
        )
    )
    shown = json.loads(table_json(table))
    assert len(shown["data"]) == len(table)
    assert "auth: wrong key [OPENAI_API_KEY redacted]" in shown["data"][0]
    assert "sk-planted" not in json.dumps(shown)


def test_parquet_has_every_cell_and_the_table_for_the_browser_the_first_thousand(tmp_path: Path) -> None:
    report = example_report(cases=SHOWN_ROWS + 500, targets=("v1",), flawless=True)
    write_tables(tmp_path, report, "v1", NOTHING)
    names = [record.cell.case for record in report.of_target("v1")]
    assert pq.read_table(tmp_path / CELLS).column("case").to_pylist() == names
    shown = json.loads((tmp_path / TABLE).read_bytes())
    assert [row[shown["columns"].index("case")] for row in shown["data"]] == names[:SHOWN_ROWS]


def test_rows_are_made_as_they_are_asked_for() -> None:
    report = example_report(cases=3, targets=("v1",), flawless=True)
    asked = []

    class Cells(tuple[CellRecord, ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[CellRecord]:
            for record in super().__iter__():
                asked.append(record.cell.case)
                yield record

    table = rows(Report(run=report.run, cases=report.cases, cells=Cells(report.cells)), "v1", NOTHING)
    next(table)
    assert len(asked) == 1
