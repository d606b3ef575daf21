"""A target's cells as a table: Parquet for people with data frames, and the JSON that MLflow's UI shows as a table.

Both are written in one pass over the cells, of which a thousand are in memory at a time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from plimsoll.config.secrets import Redactor
from plimsoll.tracking.records import batches, cut
from plimsoll.types import Case, CellRecord, Failed, Failure, Metric, MetricKind, Report, Scored

CELLS = "cells.parquet"
TABLE = "eval_results_table.json"
SHOWN_ROWS = 1000
"""Cells in the UI's table: the first in the dataset's order, so that the tables of two runs hold the same cases."""
_SHOWN = 2000
"""Characters of a value in the UI's table; Parquet has the whole."""
_GROUP = 1000
"""Rows that are written at once."""

Row = dict[str, Any]


def write_tables(folder: Path, report: Report, target: str, redactor: Redactor) -> None:
    """Write a target's cells into the folder, as Parquet and as the table of MLflow's UI."""
    shown: list[Row] = []
    everything = _shown_first(rows(report, target, redactor), shown)
    write_parquet(folder / CELLS, everything, report.metrics)
    (folder / TABLE).write_bytes(table_json(shown))


def note(cells: int) -> str:
    """What a reader of the UI's table has to know of a target with so many cells; empty where it has all."""
    if cells <= SHOWN_ROWS:
        return ""
    return f"{TABLE} shows the first {SHOWN_ROWS} of {cells} cells; {CELLS} has all."


def _shown_first(table: Iterable[Row], shown: list[Row]) -> Iterator[Row]:
    """Pass the rows on, and keep the first ones."""
    for row in table:
        if len(shown) < SHOWN_ROWS:
            shown.append(row)
        yield row


def rows(report: Report, target: str, redactor: Redactor) -> Iterator[Row]:
    """One row for each finished cell of the target."""
    metrics = report.metrics
    for record in report.of_target(target):
        yield _row(record, report.cases.get(record.cell.case), metrics, redactor)


def _row(record: CellRecord, case: Case | None, metrics: dict[str, Metric], redactor: Redactor) -> Row:
    outcome = record.outcome
    output = record.output
    row: Row = {
        "case": record.cell.case,
        "repeat": record.cell.repeat,
        "inputs": _json(_inputs(case), redactor) if case else None,
        "expected": _json(case.expected, redactor) if case and case.expected is not None else None,
        "output": redactor.text(output.whole_text) if output else None,
        "failure": f"{outcome.kind.value}: {redactor.text(outcome.message)}" if isinstance(outcome, Failure) else None,
        "finish": output.finish if output else None,
        "latency": output.latency if output else None,
        "prompt_tokens": output.usage.prompt_tokens if output else None,
        "completion_tokens": output.usage.completion_tokens if output else None,
        "cached": record.cached,
        "started": record.started,
        "group": case.group if case else None,
        "slices": list(case.slices) if case else [],
        "key": record.key,
    }
    for name, metric in metrics.items():
        row |= _scores(name, metric, record, redactor)
    return row


def _inputs(case: Case) -> dict[str, Any]:
    return {**case.inputs, "turns": [turn.row() for turn in case.turns]} if case.turns else case.inputs


def _scores(name: str, metric: Metric, record: CellRecord, redactor: Redactor) -> Row:
    score = record.scores.get(name)
    found: Row = {name: None, f"{name}.passed": None, f"{name}.reason": None, f"{name}.status": "missing"}
    if isinstance(score, Scored):
        value = score.value
        typed = float(value) if metric.kind is MetricKind.NUMERIC and not isinstance(value, str) else value
        reason = redactor.text(score.reason) if score.reason is not None else None
        return {name: typed, f"{name}.passed": score.passed, f"{name}.reason": reason, f"{name}.status": "ok"}
    if isinstance(score, Failed):
        reason = f"{score.failure.kind.value}: {redactor.text(score.failure.message)}"
        return found | {f"{name}.reason": reason, f"{name}.status": "failed"}
    if score is not None:
        return found | {f"{name}.reason": redactor.text(score.reason), f"{name}.status": "skipped"}
    return found


def write_parquet(path: Path, table: Iterable[Row], metrics: dict[str, Metric]) -> None:
    """Write the rows, typed by what they mean and not by what the first of them happens to hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = {MetricKind.NUMERIC: pa.float64(), MetricKind.BOOL: pa.bool_(), MetricKind.LABEL: pa.string()}
    text = ("case", "inputs", "expected", "output", "failure", "finish", "group", "key")
    fields = {name: pa.string() for name in text}
    fields |= {
        "repeat": pa.int32(),
        "latency": pa.float64(),
        "prompt_tokens": pa.int64(),
        "completion_tokens": pa.int64(),
        "cached": pa.bool_(),
        "started": pa.float64(),
        "slices": pa.list_(pa.string()),
    }
    for name, metric in metrics.items():
        fields |= {
            name: values[metric.kind],
            f"{name}.passed": pa.bool_(),
            f"{name}.reason": pa.string(),
            f"{name}.status": pa.string(),
        }
    schema = pa.schema(list(fields.items()))
    with pq.ParquetWriter(path, schema) as file:
        for group in batches(table, _GROUP):
            file.write_table(pa.Table.from_pylist(group, schema=schema))


def table_json(table: Sequence[Row]) -> bytes:
    """The rows as the table that MLflow's UI shows: columns and data. Empty columns are left out."""
    columns = [name for name in (table[0] if table else {}) if any(row[name] not in (None, []) for row in table)]
    data = [[_shown(row[name]) for name in columns] for row in table]
    return json.dumps({"columns": columns, "data": data}, ensure_ascii=False).encode()


def _shown(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return ", ".join(value)
    return cut(value, _SHOWN) if isinstance(value, str) else value


def _json(value: Any, redactor: Redactor) -> str:
    return msgspec.json.encode(redactor.value(msgspec.to_builtins(value))).decode()
