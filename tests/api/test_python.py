"""Plimsoll from Python: functions and DataFrames, a workspace's suites, and notebooks with a running loop."""

import asyncio
import threading
from pathlib import Path

import pandas as pd
import pytest
from tests.api.parts import SUITE, Desk, edit
from tests.api.test_gating import WITHOUT_BASELINE

import plimsoll
from plimsoll.api.loop import run_blocking
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, UsageError
from plimsoll.types import Decision

FRAME = pd.DataFrame(
    {"id": [f"c{n}" for n in range(4)], "n": range(4), "expected": [f"{n} squared is {n * n}" for n in range(4)]}
)


def square(n: int) -> str:
    if n == 3:
        raise ValueError("three is too many")
    return f"{n} squared is {n * n}"


async def wrong(n: int) -> str:
    await asyncio.sleep(0)
    return f"{n}?"


def test_functions_are_evaluated_over_a_frame_and_give_frames():
    found = plimsoll.evaluate(
        FRAME, {"good": square, "bad": wrong}, ["exact_match", {"contains": {"ignore_case": True}}]
    )
    means = {(row["target"], row["metric"]): row for row in found.metrics.to_dict("records")}
    assert [means["good", "exact_match"][name] for name in ("mean", "n", "failed")] == [1.0, 3, 1]
    assert means["bad", "exact_match"]["mean"] == 0.0
    cells = {(row["target"], row["case"]): row for row in found.cells.to_dict("records")}
    assert cells["good", "c2"]["output"] == "2 squared is 4"
    assert "ValueError: three is too many" in cells["good", "c3"]["failure"]
    assert cells["good", "c3"]["output"] is None


def test_rows_and_files_are_data_too_and_inputs_map_columns(tmp_path: Path):
    rows = [{"number": 2, "expected": "2 squared is 4"}]
    found = plimsoll.evaluate(rows, square, ["exact_match"], inputs={"n": "number"}, repeats=2)
    assert found.summary.targets["square"].metrics["exact_match"].mean == 1
    assert len(found.report.cells) == 2
    path = tmp_path / "cases.csv"
    path.write_text("text,expected\na,a\n", encoding="utf-8")
    assert plimsoll.evaluate(path, lambda text: text, ["exact_match"]).metrics["mean"].tolist() == [1.0]


def test_mistakes_in_data_and_evaluators_are_told():
    with pytest.raises(ConfigError, match=r"evaluators.*no evaluator named 'exact_mach' \(did you mean 'exact_match'"):
        plimsoll.evaluate(FRAME, square, ["exact_mach"])
    with pytest.raises(ConfigError, match="no cases: the dataset has no rows"):
        plimsoll.evaluate([], square, ["exact_match"])
    with pytest.raises(UsageError, match="there is no target to evaluate"):
        plimsoll.evaluate(FRAME, {}, ["exact_match"])


def test_a_suite_is_run_gated_and_promoted_from_a_notebooks_running_loop(tracked: Workspace, desk: Desk):
    async def notebook() -> None:
        ran = plimsoll.run("desk", workspace=tracked.root, track=False)
        assert (ran.exit_code, desk.requests) == (0, 24)
        decided = plimsoll.gate("desk", first=True, workspace=tracked.root, track=False)
        assert decided.verdict.outcome is Decision.PASS
        entry = plimsoll.promote("desk", reason="from a notebook", who="somebody", workspace=tracked.root)
        assert (entry.version, entry.target) == (1, "v1")
        found = plimsoll.evaluate(FRAME, square, ["exact_match"])
        assert found.metrics["n"].tolist() == [3]

    asyncio.run(notebook())
    with pytest.raises(TypeError, match="unexpected keyword argument 'smaple'"):
        plimsoll.run("desk", workspace=tracked.root, smaple=3)


def test_a_verdict_that_is_not_a_pass_is_no_exception(workspace: Workspace, desk: Desk):
    (workspace.root / "suites" / "desk.yaml").write_text(WITHOUT_BASELINE, encoding="utf-8")
    desk.wrong["one"] = set(range(12))
    decided = plimsoll.gate("desk", track=False)
    assert (decided.verdict.outcome, decided.exit_code) == (Decision.FAIL, 1)


def test_a_suite_is_found_by_its_own_name_too(workspace: Workspace):
    (workspace.root / "suites" / "desk.yaml").rename(workspace.root / "suites" / "renamed.yaml")
    assert plimsoll.run("desk", track=False, sample=1).report.run.suite == "desk"
    with pytest.raises(UsageError, match=r"no suite named 'dsk' \(did you mean 'desk'\?\)"):
        plimsoll.run("dsk")
    assert SUITE.startswith("name: desk")
    edit(workspace.root, "suites/renamed.yaml", "name: desk", "name: counter")
    assert plimsoll.run("renamed", track=False, sample=1).report.run.suite == "counter"


def test_work_inside_a_running_loop_has_a_loop_of_its_own_and_its_errors_come_out():
    async def work() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    async def fail() -> None:
        raise UsageError("as it was")

    async def notebook() -> None:
        assert run_blocking(work()) != threading.get_ident()
        with pytest.raises(UsageError, match="as it was"):
            run_blocking(fail())

    asyncio.run(notebook())
    assert run_blocking(work()) == threading.get_ident()
