"""Corrections find the rows that they are about, also where these have no ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.api.parts import cases, edit, write_cases

from plimsoll.api import RunOptions, run_suite
from plimsoll.api.curating import CasesFile, curate_cases
from plimsoll.api.opened import now_utc
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError
from plimsoll.labels import LabelStore
from plimsoll.runs.join import read_report
from plimsoll.runs.observer import Silent
from plimsoll.types import EXPECTED, HumanLabel

DATASET = Path("datasets/desk.jsonl")


@pytest.fixture
def corrected(workspace: Workspace) -> Workspace:
    """A workspace whose rows have no ids, with a run in which one answer was corrected."""
    rows = [{name: value for name, value in row.items() if name != "id"} for row in cases(3)]
    write_cases(workspace.root, rows)
    folder = run_suite(workspace, "desk", RunOptions(track=False), Silent()).folder
    [wrong] = [each for each in read_report(folder).of_target("v1") if "1" in each.outcome.whole_text]  # type: ignore[union-attr]
    label = HumanLabel(
        run=folder.name, cell=wrong.cell, name=EXPECTED, value="one", who="ada", at=now_utc(), source="mlflow"
    )
    LabelStore(workspace.state).append([label])
    return workspace


def written(workspace: Workspace) -> tuple[CasesFile, list[dict[str, Any]]]:
    done = curate_cases(workspace, into=workspace.root / DATASET)
    return done, [json.loads(line) for line in (workspace.root / DATASET).read_text(encoding="utf-8").splitlines()]


def test_a_row_without_an_id_is_corrected_once_and_stays_one_row(corrected: Workspace) -> None:
    first, rows = written(corrected)
    assert (len(first.new), len(first.updates)) == (0, 1)
    assert [row["expected"] for row in rows] == ["answer 0", "one", "answer 2"]
    again, same = written(corrected)
    assert (again.new, again.updates, same) == ((), (), rows)


def test_a_row_that_was_corrected_by_hand_gets_no_other_beside_it(corrected: Workspace) -> None:
    edit(corrected.root, str(DATASET), '"answer 1"', '"one"')
    done, rows = written(corrected)
    assert (done.new, done.updates) == ((), ())
    assert [row["expected"] for row in rows] == ["answer 0", "one", "answer 2"]


def test_a_row_without_an_id_that_expects_something_else_by_now_is_a_conflict(corrected: Workspace) -> None:
    edit(corrected.root, str(DATASET), '"answer 1"', '"uno"')
    before = (corrected.root / DATASET).read_bytes()
    with pytest.raises(ConfigError, match="was changed since") as told:
        written(corrected)
    assert [str(each.where) for each in told.value.mistakes] == [f"{DATASET}:2"]
    assert (corrected.root / DATASET).read_bytes() == before


def test_a_question_that_the_dataset_has_no_more_is_a_new_row_once(corrected: Workspace) -> None:
    text = (corrected.root / DATASET).read_text(encoding="utf-8").splitlines(keepends=True)
    (corrected.root / DATASET).write_text(text[0] + text[2], encoding="utf-8")
    first, rows = written(corrected)
    assert (len(first.new), [row["expected"] for row in rows]) == (1, ["answer 0", "answer 2", "one"])
    again, same = written(corrected)
    assert (again.new, again.updates, same) == ((), (), rows)
