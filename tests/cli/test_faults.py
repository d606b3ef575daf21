"""Whatever an endpoint or an evaluator does, each row ends scored or classified, and the run goes on."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from tests.api.parts import SUITE, Desk, cases, edit, write_cases, write_workspace
from tests.cli.parts import plimsoll

from plimsoll.config import Workspace
from plimsoll.errors import FailureKind
from plimsoll.runs.folders import run_folders
from plimsoll.runs.join import read_report
from plimsoll.testing import Reply, ScriptedEndpoint
from plimsoll.types import Failed, Failure, Output, Scored

RUN = ("run", "desk", "--no-track")
CASES, RETRIES, SHARE, SEED = 100, 2, 0.3, 3
FAULTS = {
    "429": Reply(status=429, headers={"retry-after-ms": "1"}, body={"error": {"message": "slow down"}}),
    "500": Reply(status=500, body={"error": {"message": "broken"}}),
    "cut": Reply(text="an answer of some length", cut=60),
    "hang": Reply(delay=600),
}
SEEN = {
    "429": FailureKind.RATE_LIMIT,
    "500": FailureKind.SERVER,
    "cut": FailureKind.CONNECTION,
    "hang": FailureKind.TIMEOUT,
}


def fate(number: int, attempt: int) -> str | None:
    """Which fault a row's request gets: the same in each run of this test."""
    draw = random.Random(f"{SEED}:{number}:{attempt}")
    return draw.choice(list(FAULTS)) if draw.random() < SHARE else None


class Troubled(Desk):
    """A desk of which 30% of the answers are faults."""

    async def __call__(self, request: dict[str, Any]) -> str | Reply:
        answer = await super().__call__(request)
        number = int(request["messages"][-1]["content"].split()[-1])
        fault = fate(number, self.asked["one", number] - 1)
        return answer if fault is None else FAULTS[fault]


@pytest.mark.long
def test_with_faults_in_30_percent_of_the_answers_every_row_ends_scored_or_classified(tmp_path, monkeypatch, capsys):
    desk = Troubled()
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = f"retries: {RETRIES}, timeout: 2, concurrency: 64"
    suite = SUITE.replace("retries: 0, concurrency: 4", settings).replace("gate:", "max_failed: 0.5\ngate:")
    with ScriptedEndpoint(desk) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        workspace = write_workspace(tmp_path / "desk", suite, amount=CASES)
        monkeypatch.chdir(workspace.root)
        ended = plimsoll(capsys, *RUN, "--target", "v1")
        assert not server.errors
    assert ended.code == 0
    records = list(read_report(next(run_folders(workspace.state / "runs"))).cells)
    assert len(records) == CASES
    for record in records:
        number = int(record.cell.case.removeprefix("c"))
        met = [fate(number, attempt) for attempt in range(RETRIES + 1)]
        if isinstance(record.outcome, Output):
            assert all(isinstance(score, Scored) for score in record.scores.values())
            assert None in met
        else:
            assert all(isinstance(score, Failed) for score in record.scores.values())
            assert met[-1] is not None
            assert record.outcome.kind is SEEN[met[-1]]
            assert record.outcome.remedy
    kinds = Counter(type(record.outcome) for record in records)
    assert 0 < kinds[Failure] < 10


def test_a_dead_endpoint_is_given_up_long_before_its_cells_and_their_retries_are_through(
    workspace: Workspace, monkeypatch, capsys
):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    edit(workspace.root, "suites/desk.yaml", "retries: 0, concurrency: 4", "concurrency: 16")
    write_cases(workspace.root, cases(2000))
    ended = plimsoll(capsys, *RUN)
    assert ended.code == 4
    said = " ".join(ended.out.split())
    assert "gave up before all cells were run" in said
    assert "the connection was refused; is the server running?" in said
    report = read_report(next(run_folders(workspace.state / "runs")))
    assert len(list(report.cells)) < 100
    assert not report.run.complete


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("raises", "raise KeyError('no such word')", "KeyError"),
        ("not_finite", "return float('nan')", "not_finite is not finite: nan"),
        ("wrong_kind", "return 'high'", "wrong_kind is a number, not 'high'"),
    ],
)
def test_an_evaluator_that_breaks_costs_its_own_scores_and_nothing_else(
    name: str, body: str, told: str, workspace: Workspace, desk: Desk, capsys
):
    code = f'def {name}(output: str) -> float:\n    """Broken."""\n    {body}\n'
    (workspace.root / "evaluators" / f"{name}.py").write_text(code, encoding="utf-8")
    edit(workspace.root, "suites/desk.yaml", "  - short\n", f"  - {name}\n")
    ended = plimsoll(capsys, *RUN)
    assert "24 of 24 cells answered, 24 scores missing" in ended.out
    records = list(read_report(next(run_folders(workspace.state / "runs"))).cells)
    assert len(records) == desk.requests == 24
    for record in records:
        assert record.scores["exact_match"] == Scored(value=True, passed=True)
        broken = record.scores[name]
        assert isinstance(broken, Failed)
        assert told in broken.failure.message
    assert told in " ".join(ended.out.split())
