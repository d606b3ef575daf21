"""Promotion from real processes on a real SQLite store: races, and kill -9 between the steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plimsoll.testing.mlflow_template import workspace_with_store

pytestmark = [
    pytest.mark.mlflow,
    pytest.mark.skipif(sys.platform == "win32", reason="the racers fork, to import MLflow only once"),
]


@pytest.fixture(scope="module")
def outcomes(database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Races and deaths in one go: importing MLflow is most of what they cost."""
    roots = [tmp_path_factory.mktemp(name) for name in ("race", "kill")]
    for root in roots:
        workspace_with_store(root, database)
    script = Path(__file__).with_name("racers.py")
    done = subprocess.run(
        [sys.executable, str(script), *map(str, roots), "4", "4", "16"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_of_four_processes_that_promote_at_once_exactly_one_wins_each_round(outcomes: dict[str, Any]) -> None:
    found = outcomes["race"]
    assert found["winners"] == [1, 1, 1, 1]
    assert [who.split("/")[0] for who in found["history"]] == ["0", "1", "2", "3"]
    assert found["alias"] == found["champion"]
    assert found["exits"] == [0, 0, 0, 0]


def test_a_promotion_killed_between_any_two_steps_is_finished_by_the_next_attempt(
    outcomes: dict[str, Any],
) -> None:
    attempts = outcomes["kill"]
    assert [attempt["killed"] for attempt in attempts] == [True] * (len(attempts) - 1) + [False]
    assert len(attempts) >= 8
    for attempt in attempts:
        assert attempt["before"] in (None, "first")
        assert attempt["won"]
        assert (attempt["after"], attempt["alias"], attempt["entries"], attempt["versions"]) == (
            "first",
            {"champion": 1},
            1,
            1,
        )
    # Killed early nothing was promoted, killed late it was: both kinds of death were met.
    assert {attempt["before"] for attempt in attempts} == {None, "first"}
