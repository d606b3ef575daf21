"""The whole road: labels and a judge become a certificate, and a gate believes it or does not."""

from __future__ import annotations

import dataclasses
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.calibration.parts import SUITE, Bench, noisy_judge, rows, write_labels

from plimsoll.api import (
    Calibration,
    CalibrationOptions,
    GateOptions,
    RunOptions,
    calibrate,
    check_workspace,
    gate_suite,
    list_certificates,
    verify_suite,
)
from plimsoll.calibration import read_certificate
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, ExitCode, InfrastructureError, UsageError
from plimsoll.gates import VerificationError
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply
from plimsoll.types import Decision

GOOD_ANSWERS, BAD_ANSWERS = 60, 60
TRUTHS = [True] * GOOD_ANSWERS + [False] * BAD_ANSWERS


def run(workspace: Workspace, labels: Path | None = None, **more) -> Calibration:
    options = CalibrationOptions(labels=labels or workspace.root / "labels/kind.jsonl", **more)
    return calibrate(workspace, "kind", options)


def lay(workspace: Workspace, bench: Bench, sensitivity: float, specificity: float, seed: int = 7) -> None:
    bench.scores = noisy_judge(TRUTHS, sensitivity, specificity, seed)
    write_labels(workspace.root / "labels/kind.jsonl", rows(TRUTHS))


def test_a_judge_of_known_sensitivity_and_specificity_is_measured_within_the_intervals(
    workspace: Workspace, bench: Bench
):
    lay(workspace, bench, 0.9, 0.85)
    found = run(workspace)
    agreement = found.certificate.figures.agreement
    for measured, truth in (
        (agreement.sensitivity, 0.9),
        (agreement.specificity, 0.85),
        (agreement.informedness, 0.75),
    ):
        assert measured is not None
        assert measured.low is not None
        assert measured.high is not None
        assert measured.low < truth < measured.high
    assert (found.certificate.certified, found.exit_code) == (True, ExitCode.PASS)
    assert found.certificate.expires - found.certificate.made == timedelta(days=90)
    assert read_certificate(found.file, "x") == found.certificate
    # Each labelled answer once, thirty twice more, the canaries on five cases; an empty answer asks nothing.
    effort = found.certificate.figures.effort
    canaries = sum(canary.asked for canary in found.certificate.figures.canaries)
    assert effort.judgements == 120 + 60 + canaries
    assert len(bench.asked) == effort.requests == effort.judgements - 5


def test_a_judge_that_does_not_look_at_the_answer_is_refused_by_a_gate_that_asks_for_certified_ones(
    workspace: Workspace, bench: Bench
):
    lay(workspace, bench, 0.5, 0.5)
    found = run(workspace)
    assert (found.certificate.certified, found.exit_code) == (False, ExitCode.FAIL)
    assert found.certificate.statement.endswith("not to be believed")
    with pytest.raises(ConfigError) as refused:
        gate(workspace)
    (mistake,) = refused.value.mistakes
    assert str(mistake.where) == "suites/desk.yaml:14"
    assert "the judge of 'kind' is not certified: it agrees with people on" in mistake.message
    with pytest.raises(ConfigError, match="is not certified"):
        check_workspace(workspace)


def gate(workspace: Workspace):
    return gate_suite(workspace, "desk", GateOptions(run=RunOptions(track=False)), Silent())


def test_a_gate_wants_the_very_judge_that_was_certified_and_says_so_before_it_asks_anything(
    workspace: Workspace, bench: Bench
):
    with pytest.raises(ConfigError, match="the judge of 'kind' has no certificate"):
        gate(workspace)
    lay(workspace, bench, 0.95, 0.95)
    run(workspace)
    bench.asked.clear()
    prompt = workspace.root / "evaluators/kind.prompty"
    before = prompt.read_text(encoding="utf-8")
    prompt.write_text(before.replace("how kind", "how very kind"), encoding="utf-8")
    for refusing in (gate, check_workspace):
        with pytest.raises(ConfigError, match="the certificate of 'kind' is for another version of its judge"):
            refusing(workspace)
    (held,) = list_certificates(workspace)
    assert held.standing == "for another version of the judge"
    assert bench.asked == []
    prompt.write_text(before, encoding="utf-8")
    (held,) = list_certificates(workspace)
    assert held.standing == "valid"
    decided = gate(workspace)
    assert decided.verdict.outcome is Decision.FAIL
    assert bench.asked
    assert not any("not certified" in note for note in decided.run.view.notes)
    # What it rests on lies beside the attestation: another certificate in the workspace changes nothing of it.
    assert decided.attestation is not None
    (workspace.root / held.file).unlink()
    verified = verify_suite(workspace, "desk").attestation
    assert held.certificate is not None
    assert verified.digests.certificates == {"kind": held.certificate.digest}
    (decided.attestation.parent / "certificates" / "kind.json").unlink()
    with pytest.raises(VerificationError, match="the digest of the certificates differs"):
        verify_suite(workspace, "desk")


def test_an_expired_certificate_is_refused(workspace: Workspace, bench: Bench):
    lay(workspace, bench, 0.95, 0.95)
    run(workspace, valid_days=1)
    (warned,) = check_workspace(workspace)
    assert any("the certificate of kind expires on" in warning for warning in warned.warnings)
    later = datetime.now(UTC) + timedelta(days=2)
    (held,) = list_certificates(workspace, at=later)
    assert held.standing == "expired"


def test_a_stricter_project_takes_back_what_it_believed(workspace: Workspace, bench: Bench):
    lay(workspace, bench, 0.9, 0.9)
    assert run(workspace).certificate.certified
    (workspace.root / "pyproject.toml").write_text("[tool.plimsoll.calibration]\nagreement = 0.95\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"does not meet \[tool.plimsoll.calibration\]: kappa"):
        gate(Workspace.find(workspace.root))


def test_failed_judgements_count_as_the_worst_that_the_judge_could_have_said(workspace: Workspace, bench: Bench):
    lay(workspace, bench, 1.0, 1.0)
    bench.replies = {n: Reply(text="I would rather not say.") for n in (0, 1, 2, 100)}
    found = run(workspace, repeats=1).certificate.figures
    assert (found.answers, found.scored, found.failed) == (120, 116, 4)
    agreement = found.agreement
    assert agreement.sensitivity is not None
    assert agreement.specificity is not None
    assert agreement.accuracy is not None
    assert agreement.sensitivity.value == pytest.approx(57 / 60)
    assert agreement.specificity.value == pytest.approx(59 / 60, abs=1e-6)
    assert agreement.accuracy.n == 120
    assert {(cell.people, cell.judge): cell.answers for cell in agreement.confusion} == {
        ("good", "good"): 57,
        ("good", "(no score)"): 3,
        ("bad", "bad"): 59,
        ("bad", "(no score)"): 1,
    }


def test_failures_of_the_endpoint_make_no_certificate_and_what_was_answered_is_not_paid_for_again(
    workspace: Workspace, bench: Bench
):
    lay(workspace, bench, 1.0, 1.0)
    bench.replies = {n: Reply(status=503, body={"error": {"message": "busy"}}) for n in range(0, 120, 10)}
    with pytest.raises(InfrastructureError, match=r"12 of \d+ judgements of kind failed because of its model"):
        run(workspace, repeats=1)
    assert list_certificates(workspace) == ()
    bench.replies.clear()
    bench.asked.clear()
    found = run(workspace, repeats=1)
    assert len(bench.asked) == 12
    requests = found.certificate.figures.effort.requests
    # Finished, a calibration is over: the next one tells how the judge is then.
    bench.asked.clear()
    again = run(workspace, repeats=1)
    assert len(bench.asked) == again.certificate.figures.effort.requests == requests
    assert again.certificate.figures.agreement == found.certificate.figures.agreement


def test_a_judge_that_likes_a_canary_is_not_certified(workspace: Workspace, bench: Bench):
    lay(workspace, bench, 1.0, 1.0)
    bench.fooled = True
    found = run(workspace).certificate
    assert not found.certified
    assert found.reasons == ("only 40 of 45 canary answers scored low; not low: praise (5 of 5)",)


def test_a_judge_that_changes_its_mind_is_not_certified(workspace: Workspace, bench: Bench):
    lay(workspace, bench, 1.0, 1.0)
    bench.again = {n: (bench.scores[n], 5, 1) for n in range(120)}
    found = run(workspace).certificate
    stability = found.figures.stability
    assert (stability.answers, stability.repeats, stability.equal) == (30, 3, 0.0)
    (reason,) = found.reasons
    assert reason.startswith("0% of 30 answers judged alike in each of 3 repeats")


def test_too_few_labels_are_too_little_to_tell(workspace: Workspace, bench: Bench):
    truths = [True] * 40 + [False] * 20
    bench.scores = noisy_judge(truths, 1.0, 1.0, 1)
    found = run(workspace, write_labels(workspace.root / "few.jsonl", rows(truths)))
    assert (found.certificate.certified, found.outcome) == (False, Decision.INCONCLUSIVE)
    assert found.exit_code is ExitCode.INCONCLUSIVE
    assert found.certificate.reasons == (
        "only 40 good and 20 bad answers among the labels, and at least 50 are wanted; label more",
    )


def test_a_scale_is_held_against_peoples_numbers_by_rank_and_by_weighted_kappa(workspace: Workspace, bench: Bench):
    draw = random.Random(3)
    labels = [draw.randint(1, 5) for _ in range(150)]
    bench.scores = {n: min(5, max(1, label + draw.choice((-1, 0, 0, 1)))) for n, label in enumerate(labels)}
    found = run(workspace, write_labels(workspace.root / "scale.jsonl", rows(labels)))
    agreement = found.certificate.figures.agreement
    assert agreement.spearman is not None
    assert agreement.kappa is not None
    assert agreement.linear_kappa is not None
    assert agreement.spearman.value > 0.8
    assert agreement.kappa.value > agreement.linear_kappa.value > 0.6
    assert agreement.classes == {"good": sum(label >= 4 for label in labels), "bad": sum(label < 4 for label in labels)}
    assert found.certificate.certified


def test_several_peoples_labels_give_the_ceiling_and_a_tie_is_left_out(workspace: Workspace, bench: Bench):
    labels = [[truth, truth, not truth if n % 10 == 0 else truth] for n, truth in enumerate(TRUTHS)]
    labels[3] = [True, False]
    bench.scores = noisy_judge(TRUTHS, 1.0, 1.0, 1)
    found = run(workspace, write_labels(workspace.root / "people.jsonl", rows(labels, "labels"))).certificate
    people = found.figures.people
    assert (people.most, people.split) == (3, 1)
    assert people.alpha is not None
    assert 0.8 < people.alpha.value < 0.95
    assert found.figures.agreement.compared == 119


def test_the_judge_reads_neither_the_label_nor_the_answer_as_a_field(workspace: Workspace, bench: Bench):
    prompt = workspace.root / "evaluators/kind.prompty"
    text = prompt.read_text(encoding="utf-8").replace("inputs:\n", "inputs:\n  label: {type: string}\n")
    prompt.write_text(text.replace("{{question}}", "{{question}} {{label}}"), encoding="utf-8")
    lay(workspace, bench, 1.0, 1.0)
    with pytest.raises(ConfigError, match="kind reads 'label', which the row lacks"):
        run(workspace)
    assert bench.asked == []


def test_what_is_wrong_is_told_before_anything_is_asked(workspace: Workspace, bench: Bench):
    lay(workspace, bench, 1.0, 1.0)
    with pytest.raises(UsageError, match=r"no judge named 'kindd' \(did you mean 'kind'\?\)"):
        calibrate(workspace, "kindd", CalibrationOptions(labels=workspace.root / "labels/kind.jsonl"))
    plain = SUITE.replace(', pass_if: ">= 4"', "")
    (workspace.root / "suites/desk.yaml").write_text(plain, encoding="utf-8")
    with pytest.raises(UsageError, match="nothing says which values of kind are good"):
        run(workspace)
    assert run(workspace, threshold=">= 4", repeats=1).certificate.threshold == ">= 4.0"
    bench.asked.clear()
    (workspace.root / "suites/other.yaml").write_text(
        SUITE.replace("name: desk", "name: other").replace("scripted", "other-model"), encoding="utf-8"
    )
    with pytest.raises(UsageError, match=r"the suites differ in their judge kind \(--suite, one of: desk, other\)"):
        run(workspace)
    assert run(workspace, threshold=">= 4", suite="desk", repeats=1).certificate.models == ("scripted",)


def test_an_edited_figure_is_noticed(workspace: Workspace, bench: Bench):
    lay(workspace, bench, 0.5, 0.5)
    found = run(workspace, repeats=1)
    data = json.loads(found.file.read_bytes())
    data["certified"] = True
    found.file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ConfigError, match="was changed since it was written: its digest does not fit its content"):
        gate(workspace)
    (held,) = list_certificates(workspace)
    assert held.standing.startswith("damaged: ")


def test_the_page_shows_the_disagreements_worst_first_and_escapes_what_it_shows(workspace: Workspace, bench: Bench):
    truths = [True] * 60 + [False] * 60
    given = rows(truths)
    bench.scores = {n: 5 if truth else 1 for n, truth in enumerate(truths)} | {3: 1, 70: 4}
    bench.replies = {80: Reply(text="no")}
    given[3]["output"] += " <script>alert(1)</script>"
    found = run(workspace, write_labels(workspace.root / "page.jsonl", given), repeats=1)
    page = found.report.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    places = [page.index(f'data-place="{line}"') for line in (81, 4, 71)]
    assert places == sorted(places)
    assert 'data-place="1"' not in page


def test_options_are_a_frozen_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CalibrationOptions(labels=Path("x")).repeats = 4  # type: ignore[misc]  # that is the point
