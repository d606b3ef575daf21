"""What a journal says of a run that was decided before all of its cells were run."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.runs.folders import is_complete
from plimsoll.runs.join import StoredReport, read_report
from plimsoll.runs.journal import EndLine, Journal, OutputLine, ScoreLine, read_end
from plimsoll.runs.plan import Plan, save_plan
from plimsoll.stats import summarise
from plimsoll.types import Case, CellId, EvaluatorInfo, Look, Metric, Output, Scored, TargetInfo

CASES = [Case(id=name, inputs={"question": name}) for name in ("ape", "bee", "cat", "dog", "elk")]
LOOK = Look(number=2, of=3)
RUN = ("cat", "elk", "ape")
"""Not in the plan's order."""


def written(folder: Path, *, complete: bool = True, due: int | None = 6, run: tuple[str, ...] = RUN) -> StoredReport:
    """A run of five cases and two targets that was decided after three of them."""
    targets = {name: TargetInfo(name=name, kind="prompt", digest=f"sha256:{name}") for name in ("v1", "v2")}
    plan = Plan(
        run="r1",
        suite="desk",
        started="2026-01-01T00:00:00Z",
        settings={},
        dataset="desk",
        dataset_digest="sha256:d",
        cases=len(CASES),
        cases_digest="sha256:c",
        targets=targets,
        evaluators={"f1": EvaluatorInfo(name="f1", digest="sha256:f", metrics=(Metric(name="f1"),))},
        looks=3,
    )
    save_plan(plan, CASES, folder / "r1")
    with Journal(folder / "r1") as journal:
        for cell in (CellId(target, case) for case in run for target in targets):
            journal.append(OutputLine(cell=cell, key="k", outcome=Output(text="yes")))
            journal.append(ScoreLine(cell=cell, evaluator="f1", key="k", scores={"f1": Scored(value=1.0)}))
        journal.append(EndLine(seconds=1.0, requests=6, complete=complete, look=LOOK, due=due))
    return read_report(folder / "r1")


def test_it_is_complete_with_the_cells_that_were_due(tmp_path: Path) -> None:
    report = written(tmp_path)
    assert (report.run.complete, report.run.looks, report.run.look, report.run.saved) == (True, 3, LOOK, 4)
    assert report.run.decided_early
    assert is_complete(tmp_path / "r1")
    end = read_end(tmp_path / "r1" / "journal.jsonl")
    assert end is not None
    assert (end.look, end.due) == (LOOK, 6)
    assert len(report.cases) == 5


def test_what_it_did_not_come_to_is_left_out_of_what_is_due(tmp_path: Path) -> None:
    due = written(tmp_path).due()
    assert list(due.cases) == ["ape", "cat", "elk"]
    assert [case.id for case in due.cases.values()] == ["ape", "cat", "elk"]
    assert (due.cases["cat"].inputs, len(due.cases), "bee" in due.cases) == ({"question": "cat"}, 3, False)
    with pytest.raises(KeyError):
        due.cases["bee"]
    place_of = due.numbering()
    assert [place_of(name) for name in ("ape", "bee", "cat", "dog", "elk", "fox")] == [0, None, 1, None, 2, None]
    assert due.due() is due
    target = summarise(due).targets["v2"]
    assert (target.cells, target.ok, target.missing) == (3, 3, 0)
    assert summarise(due) == summarise(written(tmp_path / "again"))


@pytest.mark.parametrize(("complete", "due", "run"), [(False, None, RUN), (True, 6, RUN[:2]), (True, None, RUN)])
def test_one_that_was_cut_short_or_lacks_a_cell_is_not_decided(
    tmp_path: Path, complete: bool, due: int | None, run: tuple[str, ...]
) -> None:
    report = written(tmp_path, complete=complete, due=due, run=run)
    assert (report.run.complete, report.run.saved, report.run.look) == (False, 0, LOOK)
    assert report.due() is report
    assert summarise(report).targets["v1"].missing == 5 - len(run)
