"""The cells that both log: an answer, a model call, five scores with reasons, a reference answer."""

from __future__ import annotations

import msgspec

from plimsoll.testing.reports import example_report
from plimsoll.types import CellRecord, Message, Output, Report

TARGET = "v1"


def cells(count: int, run: str) -> Report:
    """A run of so many cells, all of them answered and scored."""
    report = example_report(cases=count, targets=(TARGET,), flawless=True, hostile=False)
    asked = tuple(_with_messages(record, report) for record in report.cells)
    return msgspec.structs.replace(report, run=msgspec.structs.replace(report.run, id=run), cells=asked)


def _with_messages(record: CellRecord, report: Report) -> CellRecord:
    inputs = report.cases[record.cell.case].inputs
    messages = (
        Message(role="system", content="You work at a ferry company's help desk. Answer in one sentence."),
        Message(role="user", content=f"{inputs['context']}\n\n{inputs['question']}"),
    )
    assert isinstance(record.outcome, Output)
    return msgspec.structs.replace(record, outcome=msgspec.structs.replace(record.outcome, messages=messages))
