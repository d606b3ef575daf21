"""The workspace's certificates of judges: read for a gate and checked before it costs anything, and listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from plimsoll.api.judges import SuiteJudge, all_judges
from plimsoll.api.prepare import Prepared
from plimsoll.api.scorers import build_scorers, particular_cases
from plimsoll.calibration import (
    FOLDER,
    Certificate,
    Certificates,
    Standing,
    certificate_bytes,
    certificate_file,
    checks_of,
    outcome_of,
    read_certificate,
    standing_of,
)
from plimsoll.canonical import write_atomic
from plimsoll.config import CalibrationPolicy, GatePolicy, Workspace, environment
from plimsoll.errors import ConfigError, Mistake, PlimsollError, UsageError, near_match
from plimsoll.evaluators import evaluator_info
from plimsoll.gates.check import certificate_mistake
from plimsoll.models.identity import identify_models
from plimsoll.types import Decision, EvaluatorInfo, Report, RunRecord

CERTIFIED = "certified"
STORED = "certificates"
"""Beside an attestation: the certificates that it rests on."""


def certificates_for(workspace: Workspace, policy: GatePolicy, at: datetime) -> Certificates:
    """The certificates that a policy's rules may rest on.

    Args:
        workspace: Where they lie.
        policy: Names the metrics.
        at: When it is decided.

    Raises:
        ConfigError: one can't be read, or was changed since it was written.
    """
    found: dict[str, Certificate] = {}
    if policy.judges == CERTIFIED:
        for metric in {rule.metric for rule in policy.rules}:
            path = certificate_file(workspace.root, metric)
            if path.is_file():
                found[metric] = read_certificate(path, workspace.shown(path))
    return Certificates(found, at)


def refuse_uncertified(prepared: Prepared, policy: GatePolicy, certificates: Certificates) -> None:
    """Tell before a run what its gate would refuse after it: judges that are not certified.

    Raises:
        ConfigError: each of them, at its rule's line.
    """
    mistakes = list(certificate_mistakes(prepared, policy, certificates))
    if mistakes:
        raise ConfigError(list(dict.fromkeys(mistakes)))


def certificate_mistakes(prepared: Prepared, policy: GatePolicy, certificates: Certificates) -> Iterator[Mistake]:
    """Why judges of the policy's rules are not to be believed, each at its line.

    A judge whose model is not known here, for want of a variable, is not compared with its certificate's.
    """
    if policy.judges != CERTIFIED:
        return
    known = identified(prepared)
    report = _without_cells(known or prepared.evaluators)
    for place, rule in enumerate(policy.rules):
        mistake = certificate_mistake(report, rule, policy, certificates, known=known is not None)
        if mistake is None and rule.metric in certificates.by_metric:
            mistake = _below(certificates.by_metric[rule.metric], prepared.workspace.settings.calibration)
        if mistake is not None:
            yield prepared.document.mistake(("gate", "rules", place, "metric"), mistake.message, mistake.remedy)


def believed(workspace: Workspace, evaluators: Mapping[str, EvaluatorInfo], at: datetime) -> frozenset[str]:
    """The judged metrics that a certificate vouches for.

    Args:
        workspace: Where the certificates lie.
        evaluators: Of a run.
        at: When.
    """
    found = set()
    for info in evaluators.values():
        for metric in info.metrics:
            path = certificate_file(workspace.root, metric.name)
            if metric.judged and path.is_file():
                try:
                    certificate = read_certificate(path, path)
                except ConfigError:
                    continue
                if standing_of(certificate, info.digest, at) is Standing.VALID:
                    found.add(metric.name)
    return frozenset(found)


def store_certificates(folder: Path, certificates: Certificates) -> None:
    """Keep the certificates that a verdict rests on beside its attestation: the workspace's may be others by then."""
    for metric, certificate in certificates.by_metric.items():
        write_atomic(folder / STORED / f"{metric}.json", certificate_bytes(certificate))


def stored_certificates(folder: Path) -> dict[str, Certificate]:
    """Those that lie beside an attestation.

    Raises:
        ConfigError: one can't be read.
    """
    found = (read_certificate(path, path) for path in sorted((folder / STORED).glob("*.json")))
    return {certificate.metric: certificate for certificate in found}


class HeldCertificate(Struct, frozen=True, kw_only=True):
    """A certificate of the workspace, and what it is worth now."""

    metric: str
    file: str
    standing: str
    """`valid`, `expired`, `not certified`, `for another version of the judge`, or why it can't be told."""
    certificate: Certificate | None
    """None where it can't be read."""


@dataclass(frozen=True, slots=True)
class _Shown:
    workspace: Workspace
    judges: Mapping[str, list[SuiteJudge]]
    at: datetime

    def of(self, path: Path) -> HeldCertificate:
        shown = str(self.workspace.shown(path))
        try:
            found = read_certificate(path, shown)
        except ConfigError as error:
            return HeldCertificate(metric=path.stem, file=shown, standing=f"damaged: {error.message}", certificate=None)
        return HeldCertificate(metric=found.metric, file=shown, standing=self._standing(found, path), certificate=found)

    def _standing(self, found: Certificate, path: Path) -> str:
        if found.metric != path.stem:
            return f"misnamed: it is about {found.metric}"
        judges = self.judges.get(found.metric, [])
        if not judges:
            return "of a judge that no suite has"
        digests = {judge.digest_if_known() for judge in judges}
        known = found.judge_digest if found.judge_digest in digests else next(iter(digests))
        return standing_of(found, known, self.at).value


def list_certificates(
    workspace: Workspace, name: str | None = None, at: datetime | None = None
) -> tuple[HeldCertificate, ...]:
    """The workspace's certificates, by metric.

    Args:
        workspace: Where.
        name: Only this metric's.
        at: When; default now.

    Raises:
        UsageError: there is none of that name.
    """
    paths = sorted((workspace.root / FOLDER).glob("*.json"))
    if name is not None:
        chosen = [path for path in paths if path.stem == name]
        if not chosen:
            remedy = near_match(name, [path.stem for path in paths]) or f"plimsoll judge calibrate {name} --labels FILE"
            raise UsageError(f"{name} has no certificate", remedy=remedy)
        paths = chosen
    judges: dict[str, list[SuiteJudge]] = {}
    for judge in all_judges(workspace):
        judges.setdefault(judge.metric.name, []).append(judge)
    shown = _Shown(workspace, judges, at or datetime.now(UTC))
    return tuple(shown.of(path) for path in paths)


def _below(certificate: Certificate, policy: CalibrationPolicy) -> Mistake | None:
    """Where the project asks for more by now than the certificate was held against."""
    checks = checks_of(certificate.figures, policy)
    if outcome_of(checks) is Decision.PASS:
        return None
    worst = next(check for check in checks if check.outcome is not Decision.PASS)
    message = f"the certificate of {certificate.metric!r} does not meet [tool.plimsoll.calibration]: {worst.reason}"
    return Mistake(message, remedy=f"plimsoll judge calibrate {certificate.metric} --labels FILE")


def identified(prepared: Prepared) -> dict[str, EvaluatorInfo] | None:
    """The evaluators with the digests that a run would give them; None where a model's settings are not complete."""
    settings = {name: prepared.suite.models[name] for name in prepared.judges}
    try:
        models = identify_models(settings, environment(prepared.workspace.root))
    except PlimsollError:
        return None
    own = particular_cases(prepared.dataset, prepared.found)
    scorers = build_scorers(prepared.suite, prepared.document, prepared.workspace, (), own=own, models=models)
    return {scorer.evaluator.name: evaluator_info(scorer.evaluator) for scorer in scorers}


def _without_cells(evaluators: Mapping[str, EvaluatorInfo]) -> Report:
    run = RunRecord(id="", suite="", started="", dataset="", dataset_digest="", targets={}, evaluators=dict(evaluators))
    return Report(run=run, cases={}, cells=())
