"""A sequential gate stops when it is decided, and what it did not come to is neither missing nor failed."""

from __future__ import annotations

import base64
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.api.parts import SUITE, Desk, cases, edit, write_cases

from plimsoll import canonical
from plimsoll.api import GateOptions, GateRun, RunOptions, gate_suite, run_suite, verify_suite
from plimsoll.api.reporting import stored_run
from plimsoll.api.reviewing import review_of
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, PlimsollError, UsageError
from plimsoll.gates import blocks_of
from plimsoll.reports.junit import render_tests
from plimsoll.reports.markdown import render_comment
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply
from plimsoll.tracking import open_store
from plimsoll.types import Decision, Look

SIZE, BLOCK = 60, 12
NOT_WORSE = "{metric: exact_match, not_worse_than: baseline, margin: 0.4}"
ALL = set(range(SIZE))


@pytest.fixture
def many(workspace: Workspace) -> Workspace:
    """Sixty cases, so five blocks of twelve, and a baseline beside the challenger."""
    write_cases(workspace.root, cases(SIZE))
    rules(workspace, NOT_WORSE)
    return workspace


def rules(workspace: Workspace, *written: str) -> None:
    lines = "".join(f"    - {rule}\n" for rule in written)
    gate = f"gate:\n  target: v1\n  baseline: v2\n  rules:\n{lines}"
    (workspace.root / "suites" / "desk.yaml").write_text(SUITE[: SUITE.index("gate:")] + gate, encoding="utf-8")


def gate(workspace: Workspace, *, looks: int | None = 5, **options: Any) -> GateRun:
    of_gate = {name: options.pop(name) for name in ("baseline", "run_id", "target") if name in options}
    chosen = GateOptions(run=RunOptions(track=False, **options), looks=looks, **of_gate)
    return gate_suite(workspace, "desk", chosen, Silent())


def answered(found: GateRun) -> Counter[str]:
    """Case → cells that were run."""
    return Counter(record.cell.case for record in found.run.report.cells)


def test_equal_sides_pass_at_an_early_look_and_the_rest_is_not_asked(many: Workspace, desk: Desk) -> None:
    found = gate(many)
    assert (found.exit_code, found.look) == (ExitCode.PASS, Look(number=2, of=5))
    assert (desk.requests, len(found.run.report.cells)) == (48, 48)
    assert (found.cells_saved, found.requests_saved) == (72, 72)
    blocks = blocks_of(found.run.report.cases, 5, seed=0)
    assert answered(found) == dict.fromkeys([*blocks[0], *blocks[1]], 2)
    [rule] = found.verdict.rules
    assert (rule.n, rule.missing) == (24, 0)
    assert rule.confidence is not None
    assert rule.confidence > 0.999
    assert verify_suite(many, "desk").attestation.verdict == found.verdict


def test_what_was_not_run_is_told_once_and_is_missing_nowhere(many: Workspace, desk: Desk) -> None:
    found = gate(many)
    review = review_of(found, GateOptions())
    told = "decided at look 2 of 5, after 24 of 60 cases: 72 cells were not run, about 72 requests"
    assert found.run.view.header.whole
    assert found.run.view.verdicts[0].course == told
    assert {figure.lacking for row in found.run.view.metrics for figure in row.figures} == {0}
    assert len(found.run.view.cases) == 24
    assert render_comment([review]).count(told) == 1
    tree = ET.fromstring(render_tests([review]))
    assert tree.attrib["errors"] == "0"
    [named] = tree.iter("property")
    assert named.attrib["value"] == f"{told}; 99.9% intervals, which keeps 95% over 5 looks"
    again = stored_run(many)
    assert (again.problem, again.view.header) == (None, found.run.view.header)
    assert found.run.html.read_text(encoding="utf-8").count("72 cells were not run") == 1
    target = again.summary.targets["v1"]
    assert (target.cells, target.ok, target.missing) == (24, 24, 0)


def test_a_run_that_was_decided_is_not_resumed_and_decided_over_again_says_the_same(
    many: Workspace, desk: Desk
) -> None:
    found = gate(many)
    # A run that is evidence is not even looked at.
    assert found.attestation is not None
    found.attestation.unlink()
    for options in (RunOptions(track=False, resume=True), RunOptions(track=False, only_failed=True)):
        with pytest.raises(UsageError, match="was decided: what it did not come to is not owed"):
            run_suite(many, "desk", options, Silent())
    again = gate(many, looks=None, run_id=found.verdict.run)
    assert again.verdict == found.verdict
    assert desk.requests == 48


def test_a_bad_challenger_fails_at_an_early_look(many: Workspace, desk: Desk) -> None:
    desk.wrong["one"] = ALL
    found = gate(many)
    assert (found.exit_code, found.look, desk.requests) == (ExitCode.FAIL, Look(number=2, of=5), 48)
    assert "99.9% interval" in found.verdict.reasons[0]


def test_what_stays_open_is_run_to_the_end_at_a_wider_level(many: Workspace, desk: Desk) -> None:
    desk.wrong["one"] = set(range(0, SIZE, 5)) | set(range(1, SIZE, 5))
    found = gate(many)
    assert (found.exit_code, found.look) == (ExitCode.INCONCLUSIVE, Look(number=5, of=5))
    assert (desk.requests, found.cells_saved, found.requests_saved) == (120, 0, None)
    confidence = found.verdict.rules[0].confidence
    assert confidence is not None
    assert 0.95 < confidence < 0.96
    assert found.run.view.verdicts[0].course == "every case was run: look 5 of 5"
    assert "more cases alone will hardly decide" in found.verdict.reasons[0]


def test_one_case_that_fails_a_rule_on_every_case_ends_it_at_once(many: Workspace, desk: Desk) -> None:
    rules(many, "{metric: exact_match, all_pass: true}", NOT_WORSE)
    desk.wrong["one"] = {int(blocks_of(gate(many, looks=2).run.report.cases, 5, seed=0)[0][3].removeprefix("c"))}
    before = desk.requests
    found = gate(many, fresh=True)
    assert (found.exit_code, found.look) == (ExitCode.FAIL, Look(number=1, of=5))
    assert desk.requests - before == 2 * BLOCK
    everyone, interval = found.verdict.rules
    assert "1 of 12 cases did not pass" in everyone.reason
    assert interval.reason.endswith("of it at this look") or interval.outcome is Decision.INCONCLUSIVE


def test_what_every_case_of_a_slice_must_pass_is_all_that_is_run_once_the_rest_is_decided(
    many: Workspace, desk: Desk
) -> None:
    rules(many, "{metric: exact_match, all_pass: true, slice: even}", NOT_WORSE)
    found = gate(many)
    assert (found.exit_code, found.look) == (ExitCode.PASS, Look(number=2, of=5))
    early = {case for block in blocks_of(found.run.report.cases, 5, seed=0)[:2] for case in block}
    even = {case for case, row in found.run.report.cases.items() if "even" in row.slices}
    assert answered(found) == dict.fromkeys(early | even, 2)
    assert desk.requests == 2 * len(early | even) < 2 * SIZE
    everyone, interval = found.verdict.rules
    assert (everyone.n, interval.n) == (30, 24)
    assert verify_suite(many, "desk").attestation.verdict == found.verdict


def test_a_group_is_run_whole_or_not_at_all(many: Workspace, desk: Desk) -> None:
    write_cases(many.root, [{**row, "group": f"g{place // 2}"} for place, row in enumerate(cases(SIZE))])
    found = gate(many)
    assert found.cells_saved > 0
    run = answered(found).keys()
    assert all((f"c{place}" in run) == (f"c{place + 1}" in run) for place in range(0, SIZE, 2))


def test_a_baseline_from_the_cache_is_not_asked_again(many: Workspace, desk: Desk) -> None:
    run_suite(many, "desk", RunOptions(track=False, targets=("v2",)), Silent())
    assert desk.requests == SIZE
    found = gate(many)
    assert (found.exit_code, desk.requests) == (ExitCode.PASS, SIZE + 24)
    assert (found.cells_saved, found.requests_saved) == (72, None)


def test_a_run_that_exists_serves_as_the_baseline(many: Workspace, desk: Desk) -> None:
    other = run_suite(many, "desk", RunOptions(track=False, targets=("v2",)), Silent())
    found = gate(many, baseline=other.report.run.id)
    assert (found.verdict.outcome, found.look) == (Decision.PASS, Look(number=2, of=5))
    assert (desk.requests, found.cells_saved) == (SIZE + 24, 36)
    assert len(found.run.view.cases) == 24


def test_cases_that_only_the_baseline_has_never_let_it_pass(many: Workspace, desk: Desk) -> None:
    other = run_suite(many, "desk", RunOptions(track=False, targets=("v2",)), Silent())
    write_cases(many.root, cases(SIZE)[: SIZE - 6])
    found = gate(many, baseline=other.report.run.id)
    assert found.verdict.outcome is Decision.INCONCLUSIVE
    assert "without a value" in found.verdict.reasons[0]


def test_failed_cells_are_held_against_those_that_were_due(many: Workspace, desk: Desk) -> None:
    rules(many, "{metric: exact_match, all_pass: true}")
    edit(many.root, "suites/desk.yaml", "gate:", "max_failed: 0.1\ngate:")
    first = [int(case.removeprefix("c")) for case in blocks_of(stored_cases(many), 5, seed=0)[0]]
    desk.wrong["one"] = set(first)
    desk.replies = dict.fromkeys(first[:2], Reply(status=400, body={"error": {"message": "refused"}}))
    before = desk.requests
    found = gate(many, fresh=True)
    assert desk.requests - before == 2 * BLOCK
    assert found.exit_code == ExitCode.INFRASTRUCTURE
    assert "2 of 12 cells of v1 failed, more than 10%" in (found.unsealed or "")


def stored_cases(workspace: Workspace) -> Any:
    """The planned cases of a run over the whole dataset."""
    return gate(workspace, looks=None).run.report.cases


def test_figures_over_all_cells_are_not_made_of_some(many: Workspace, desk: Desk) -> None:
    words = "\n\n@aggregate(lambda scores: {'n': len(scores)})\ndef short("
    source = (many.root / "evaluators" / "short.py").read_text(encoding="utf-8")
    source = "from plimsoll.evaluators import aggregate\n" + source.replace("def short(", words.lstrip("\n"), 1)
    (many.root / "evaluators" / "short.py").write_text(source, encoding="utf-8")
    found = gate(many)
    assert found.run.report.aggregates == {}
    assert any("no figures over all cells were made" in note for note in found.run.view.notes)
    assert set(gate(many, looks=None).run.report.aggregates) == {"v1", "v2"}


@pytest.mark.parametrize("look", [{"number": 3, "of": 5}, {"number": 1, "of": 1}, {"number": 4, "of": 10}, None])
def test_another_look_than_the_run_was_decided_at_is_refused(
    many: Workspace, desk: Desk, look: dict[str, int] | None
) -> None:
    path = gate(many).attestation
    assert path is not None
    envelope = json.loads(path.read_bytes())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["predicate"]["verdict"]["look"] == {"number": 2, "of": 5}
    statement["predicate"]["verdict"]["look"] = look
    envelope["payload"] = base64.b64encode(canonical.dumps(statement)).decode()
    path.write_bytes(canonical.dumps(envelope))
    with pytest.raises(PlimsollError, match="look"):
        verify_suite(many, "desk")


def test_a_journal_without_one_of_its_cells_is_not_a_decided_run(many: Workspace, desk: Desk) -> None:
    found = gate(many)
    path = found.run.folder / "journal.jsonl"
    _drop_a_cell(path)
    assert not stored_run(many).report.run.complete
    with pytest.raises(PlimsollError, match=r"the digest of the results differs"):
        verify_suite(many, "desk")


def _drop_a_cell(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if b'"output"' in line)
    cell = json.loads(lines[place])["cell"]
    journal.write_bytes(b"".join(line for line in lines if json.loads(line).get("cell") != cell))


def test_a_run_that_reached_its_spend_cap_in_a_block_decides_nothing(many: Workspace, desk: Desk) -> None:
    priced = "concurrency: 4, max_tokens: 1, price: {input: 1000, output: 1000}}"
    edit(many.root, "suites/desk.yaml", "concurrency: 4}", priced)
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    desk.replies = {number: Reply(text=f"answer {number}", usage=usage) for number in range(SIZE)}
    # A hundredth of a dollar each: room for the first block, and some of the second.
    found = gate(many, max_cost=0.4)
    assert (found.exit_code, found.verdict.outcome) == (ExitCode.INCONCLUSIVE, Decision.INCONCLUSIVE)
    assert found.look == Look(number=2, of=5)
    assert 24 < desk.requests < 48
    assert found.run.view.verdicts[0].course == "cut short on the way to look 2 of 5"
    assert found.run.view.header.not_run > 0
    assert found.attestation is None
    assert "plimsoll gate desk with a higher --max-cost" in (found.unsealed or "")
    before = desk.requests
    again = gate(many)
    assert (again.exit_code, again.look) == (ExitCode.PASS, Look(number=2, of=5))
    assert desk.requests == 48 > before


@pytest.mark.mlflow
def test_in_mlflow_a_run_that_was_decided_is_finished_and_has_no_holes(tracked: Workspace, desk: Desk) -> None:
    write_cases(tracked.root, cases(SIZE))
    rules(tracked, NOT_WORSE)
    found = gate_suite(tracked, "desk", GateOptions(looks=5), Silent())
    assert found.run.logged is not None
    assert found.run.logged.unsynced is None
    with open_store(None, tracked, dict(os.environ)) as store:
        run = store.client.get_run(found.run.logged.targets["v1"])
    assert run.info.status == "FINISHED"
    assert (run.data.metrics["run/cells"], run.data.metrics["run/missing"]) == (24, 0)
    assert (run.data.tags["plimsoll.look"], run.data.tags["plimsoll.complete"]) == ("2 of 5", "true")


def test_what_can_not_be_sequential_is_refused_with_a_remedy(many: Workspace, desk: Desk) -> None:
    with pytest.raises(UsageError, match="nothing to stop early"):
        gate(many, run_id="any")
    for looks in (1, 21):
        with pytest.raises(UsageError, match=f"--looks {looks} is not from 2 to 20"):
            gate(many, looks=looks)
    assert desk.requests == 0
