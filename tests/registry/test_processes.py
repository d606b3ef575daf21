"""Moves of the ledger by real processes on real databases: races, and kill -9 between the steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plimsoll.testing.mlflow_template import workspace_with_store
from plimsoll.testing.postgres import NoPostgresError, postgres_server

pytestmark = [
    pytest.mark.long,
    pytest.mark.mlflow,
    pytest.mark.skipif(sys.platform == "win32", reason="the racers fork, to import MLflow only once"),
]
STEPS = {"first": 16, "rollback": 6, "approve": 4}


def run(asked: dict[str, Any], **environ: str) -> dict[str, Any]:
    script = Path(__file__).with_name("racers.py")
    done = subprocess.run(
        [sys.executable, str(script), json.dumps(asked)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, **environ},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def on_sqlite(database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Races and deaths in one go: importing MLflow is most of what they cost."""
    roots = {name: tmp_path_factory.mktemp(name) for name in ("race", "kill")}
    for root in roots.values():
        workspace_with_store(root, database)
    return run({"race": [str(roots["race"]), 4, 2, 240], "kill": [str(roots["kill"]), STEPS]})


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    try:
        with postgres_server() as server:
            yield run(
                {"race": [str(tmp_path_factory.mktemp("postgres")), 4, 2, 240]},
                MLFLOW_TRACKING_URI=server.make("plimsoll"),
            )
    except NoPostgresError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("backend", "rounds"), [("on_sqlite", 2), ("on_postgres", 2)])
def test_of_four_processes_that_promote_at_once_exactly_one_wins_each_round(
    backend: str, rounds: int, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(backend)["race"]
    assert found["winners"] == [1] * rounds
    assert [who.split("/")[0] for who in found["history"]] == [str(number) for number in range(rounds)]
    assert found["alias"] == found["champion"]
    assert found["exits"] == [0, 0, 0, 0]
    # The prompt registry followed: each winner's text once, in order, and the alias on the last.
    assert found["prompts"] == found["history"]
    assert found["prompt"] == rounds


def test_a_first_promotion_killed_between_any_two_steps_is_finished_by_the_next_attempt(
    on_sqlite: dict[str, Any],
) -> None:
    attempts = stopped(on_sqlite, "first", at_least=12)
    for attempt in attempts:
        assert told(attempt) == ("first", 1, 1, 1, "first")
    # Killed early nothing was promoted, killed late it was: both kinds of death were met.
    assert {attempt["before"] for attempt in attempts} == {0, 1}


def test_a_rollback_killed_between_any_two_steps_is_finished_and_not_made_twice(on_sqlite: dict[str, Any]) -> None:
    attempts = stopped(on_sqlite, "rollback", at_least=4)
    for attempt in attempts:
        assert told(attempt) == ("back", 3, 2, 2, "first")
    assert {attempt["before"] for attempt in attempts} == {2, 3}


def test_an_approval_that_was_killed_is_given_once_by_the_next_attempt(on_sqlite: dict[str, Any]) -> None:
    for attempt in stopped(on_sqlite, "approve", at_least=3):
        assert (attempt["approved"], attempt["not_counted"]) == (["ada"], [])


def stopped(found: dict[str, Any], move: str, at_least: int) -> list[dict[str, Any]]:
    """The attempts at a move, of which all but the last ones were killed."""
    attempts: list[dict[str, Any]] = found["kill"][move]
    killed = [attempt["killed"] for attempt in attempts]
    assert killed == sorted(killed, reverse=True)
    assert at_least <= sum(killed) < len(killed)
    return attempts


def told(attempt: dict[str, Any]) -> tuple[Any, ...]:
    assert attempt["alias_follows"]
    return tuple(attempt[name] for name in ("who", "entries", "versions", "prompts", "prompt"))
