"""An evaluator that never comes back costs its own score, and holds up neither the run nor its end."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.runs.test_engine import CASES, Exact, Target, job_of

from plimsoll.errors import FailureKind
from plimsoll.runs.engine import Tally, execute
from plimsoll.runs.join import read_report
from plimsoll.targets.calling import in_thread
from plimsoll.types import Failed, Metric, MetricKind, Scored


class Hanging(Exact):
    """Waits for what never comes, of the first three cases."""

    metrics = (Metric(name="hanging", kind=MetricKind.BOOL),)
    timeout: float = 0.05

    async def evaluate(self, case, output):
        if case.inputs["n"] < 3:
            await self.wait()
        return True

    async def wait(self):
        await asyncio.Event().wait()


class HangingThread(Hanging):
    """The same in a thread, which nobody can stop."""

    async def wait(self):
        await in_thread(threading.Event().wait)


@pytest.mark.parametrize("kind", [Hanging, HangingThread])
def test_an_evaluator_that_hangs_is_a_timeout_on_its_cells_and_the_others_are_scored(tmp_path, kind):
    hanging, tally = kind(name="hanging"), Tally()
    with job_of(tmp_path, [Target()], [Exact(), hanging]) as job:
        asyncio.run(execute(job, tally))
    assert tally.complete
    report = read_report(tmp_path / "r1")
    scores = {record.cell.case: record.scores for record in report.cells}
    assert len(scores) == len(CASES)
    assert all(found["exact"] == Scored(value=True, passed=True) for found in scores.values())
    given_up = {case for case, found in scores.items() if isinstance(found["hanging"], Failed)}
    assert given_up == {"c0", "c1", "c2"}
    failed = scores["c0"]["hanging"]
    assert isinstance(failed, Failed)
    assert failed.failure.kind is FailureKind.TIMEOUT
    assert "hanging: no score within 0.05 s" in failed.failure.message
