"""A run's folder with a signed attestation, made without a model: for tests that alter it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from tests.calibration.parts import NOON, certificate
from tests.gates.parts import Value, make_report, policy, truths

from plimsoll.api.sealing import VERDICT_FILE, Decided, write_evidence
from plimsoll.api.verifying import Trust
from plimsoll.calibration import Certificates
from plimsoll.canonical import digest, write_atomic
from plimsoll.config import TargetSettings
from plimsoll.datasets import digest_cases
from plimsoll.gates import Grounds, decide, generate_key, load_private_key
from plimsoll.registry import Bundle
from plimsoll.runs.join import read_report
from plimsoll.runs.journal import EndLine, Journal, OutputLine, ScoreLine
from plimsoll.runs.plan import PLAN_FILE, Plan, save_plan
from plimsoll.types import Attempts, Report

POLICY = policy(
    [
        {"metric": "correct", "at_least": 0.3},
        {"metric": "correct", "not_worse_than": "baseline", "margin": 0.9},
        {"metric": "relevance", "at_least": 0.1},
    ],
    baseline="v1",
    judges="certified",
)
LATER = {"pr", "trigger", "gate"}
"""What plans did not always have."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class SealedRun:
    """Where it lies, and whose signature counts."""

    folder: Path
    key: Ed25519PrivateKey

    @property
    def attestation(self) -> Path:
        return self.folder / "gate" / "v2" / "attestation.json"

    @property
    def trust(self) -> Trust:
        return Trust((self.key.public_key(),), required=True)


def write_run(folder: Path, report: Report, *, older: bool = False) -> None:
    """A finished run's plan, cases and journal, as the engine would have left them; or an `older` one."""
    run, cases = report.run, list(report.cases.values())
    plan = Plan(
        run=run.id,
        suite=run.suite,
        started=run.started,
        settings={"targets": {name: {} for name in run.targets}},
        dataset=run.dataset,
        dataset_digest=run.dataset_digest,
        cases=len(cases),
        cases_digest=digest_cases(cases),
        targets=run.targets,
        evaluators={name: info for name, info in run.evaluators.items() if name in {"correct", "relevance"}},
        repeats=run.repeats,
        git_commit=COMMIT,
        git_dirty=False,
    )
    save_plan(plan, cases, folder)
    if older:
        path = folder / PLAN_FILE
        facts = msgspec.json.decode(path.read_bytes())
        path.write_bytes(msgspec.json.encode({name: facts[name] for name in facts.keys() - LATER}))
    with Journal(folder) as journal:
        for record in report.cells:
            journal.append(OutputLine(cell=record.cell, key=record.key, outcome=record.outcome))
            for name, score in record.scores.items():
                journal.append(
                    ScoreLine(
                        cell=record.cell, evaluator=name, key=digest([name, str(record.cell)]), scores={name: score}
                    )
                )
        journal.append(EndLine(seconds=2.5, requests=24, complete=True))


def write_sealed(folder: Path, *, signed: bool = True, cases: int = 10, older: bool = False) -> SealedRun:
    """A run of two targets that a policy with a certified judge has passed; `older` as for `write_run`."""
    good: dict[str, list[Value]] = {
        "correct": truths(cases, 0),
        "relevance": [0.75 + place / 100 for place in range(cases)],
    }
    settings = TargetSettings.model_validate({"prompt": "prompts/v2.jinja2"})
    bundle = Bundle.of(settings, {}, {"prompts/v2.jinja2": b"Answer: {{ question }}"})
    made = make_report({"v2": good, "v1": good})
    targets = {**made.run.targets, "v2": replace(made.run.targets["v2"], digest=bundle.digest)}
    write_run(folder, replace(made, run=replace(made.run, targets=targets)), older=older)
    key = load_private_key(generate_key()[0].decode())
    report = read_report(folder)
    judge = report.run.evaluators["relevance"].digest
    certificates = Certificates({"relevance": certificate("relevance", judge)}, NOON)
    grounds = Grounds(certificates, at=NOON, attempts=Attempts(number=2, gates=3))
    verdict = decide(report, "v2", "v1", POLICY, grounds=grounds)
    gate = folder / "gate" / "v2"
    write_atomic(gate / VERDICT_FILE, msgspec.json.format(msgspec.json.encode(verdict), indent=1))
    decided = Decided(POLICY, verdict, certificates)
    write_evidence(gate, decided, report, bundle, key if signed else None)
    return SealedRun(folder, key)
