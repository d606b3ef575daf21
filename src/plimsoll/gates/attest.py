"""The verdict as evidence: sealed over the digests of all that it rests on, and verified by deciding again.

An in-toto Statement (https://in-toto.io/Statement/v1) in a DSSE envelope. Its subject is the bundle to be promoted.
Signed, nothing in it can be altered unseen by anyone without the key. Unsigned, it shows damage and mistakes, but
anyone can write another: `Attestation.signed_by` is then empty, and whoever relies on it must say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ValidationError

from plimsoll import canonical
from plimsoll.calibration import Certificate, Certificates
from plimsoll.config import GatePolicy
from plimsoll.errors import UsageError
from plimsoll.gates.decide import decide
from plimsoll.gates.envelope import VerificationError, decode, encode
from plimsoll.gates.grounds import NO_CERTIFICATES, Grounds
from plimsoll.types import Case, CellRecord, Report, RunRecord, Verdict
from plimsoll.version import __version__

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:plimsoll:attestation:gate:v1"


class Digests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the verdict rests on, each as a tagged digest."""

    dataset: str
    """Of the dataset as a whole, as the run recorded it."""
    cases: str
    """Of the planned cases with their weights, groups and slices."""
    targets: dict[str, str]
    """Of challenger and baseline, by name."""
    evaluators: dict[str, str]
    results: str
    """Of every cell: identity, key, outcome, scores."""
    run: str
    """Of the run's record: also what its metrics mean, which direction is better, and what passes."""
    policy: str
    certificates: dict[str, str] = {}
    """Of the judges that the rules rest on, by metric, where the policy takes certified ones only."""


class Attestation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An attestation as it was read: the predicate, with the subject and who signed."""

    subject: str
    """Suite and target: what the bundle is called."""
    bundle: str
    """The bundle's tagged digest."""
    suite: str
    run: str
    time: str
    """When it was sealed: ISO 8601, UTC."""
    tool: str
    """Plimsoll's version."""
    digests: Digests
    policy: dict[str, Any]
    """The policy in full, with its defaults."""
    verdict: Verdict
    signed_by: tuple[str, ...] = ()
    """Ids of the trusted keys whose signatures were verified; empty is unsigned, or not checked."""


class _Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    suite: str
    run: str
    time: str
    tool: str
    digests: Digests
    policy: dict[str, Any]
    verdict: Verdict


class _Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    type_: str = msgspec.field(name="_type")
    subject: tuple[_Subject, ...]
    predicate_type: str
    predicate: _Predicate


def seal(
    verdict: Verdict,
    report: Report,
    policy: GatePolicy,
    bundle_digest: str,
    *,
    now: datetime,
    key: Ed25519PrivateKey | None = None,
    certificates: Certificates = NO_CERTIFICATES,
) -> bytes:
    """The verdict's attestation as the bytes of a DSSE envelope.

    Args:
        verdict: What `decide` found over `report` and `policy`.
        report: All that it was decided on.
        policy: By which.
        bundle_digest: The tagged digest of what may be promoted.
        now: The time that it bears.
        key: To sign with; without one the envelope is unsigned.
        certificates: Those that it was decided with.

    Raises:
        VerificationError: the verdict is not the one that report and policy give.
    """
    wrong = _verdict_difference(verdict, report, policy, certificates)
    if wrong:
        raise VerificationError(f"the verdict can't be sealed: {wrong}")
    predicate = _Predicate(
        suite=verdict.suite,
        run=verdict.run,
        time=now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        tool=f"plimsoll {__version__}",
        digests=_digests(verdict, report, policy, certificates),
        policy=_policy_document(policy),
        verdict=verdict,
    )
    algorithm, _, value = bundle_digest.partition(":")
    statement = _Statement(
        type_=STATEMENT_TYPE,
        subject=(_Subject(name=f"{verdict.suite}/{verdict.target}", digest={algorithm: value}),),
        predicate_type=PREDICATE_TYPE,
        predicate=predicate,
    )
    return encode(_canonical(statement), PAYLOAD_TYPE, key)


def verify(
    envelope: bytes,
    *,
    public_keys: Sequence[Ed25519PublicKey] = (),
    report: Report | None = None,
    policy: GatePolicy | None = None,
    bundle_digest: str | None = None,
    require_signature: bool = False,
    certificates: Mapping[str, Certificate] | None = None,
) -> Attestation:
    """Read an attestation, refusing it where anything does not fit.

    Args:
        envelope: As `seal` wrote it.
        public_keys: Whose signatures are trusted.
        report: The stored cells: every digest is computed again from them, and the verdict decided again.
        policy: The one that should have been applied; by default the attestation's own.
        bundle_digest: What is about to be promoted.
        require_signature: Refuse what none of `public_keys` signed.
        certificates: Those of the judges that it rests on, by metric, as they were stored beside it. They have to hold
            at the time that the attestation bears.

    Raises:
        VerificationError: with everything that differs.
    """
    payload, signers = decode(envelope, PAYLOAD_TYPE, public_keys)
    if require_signature and not signers:
        raise VerificationError(
            "the attestation is not signed by a trusted key, and this project requires it",
            remedy="gate again with PLIMSOLL_SIGNING_KEY set, and name its public key",
        )
    attestation = _read(payload, signers)
    differences = []
    if bundle_digest is not None and bundle_digest != attestation.bundle:
        differences.append(f"it is about the bundle {attestation.bundle}, not {bundle_digest}")
    if policy is not None and canonical.digest(_policy_document(policy)) != attestation.digests.policy:
        differences.append("the policy is another than the one it was decided by")
    if canonical.digest(attestation.policy) != attestation.digests.policy:
        differences.append("its policy does not have the digest that it states")
    if report is not None:
        stored = Certificates(certificates or {}, _time_of(attestation))
        differences += _differences(attestation, report, stored)
    if differences:
        raise VerificationError("the attestation does not verify: " + "; ".join(differences))
    return attestation


def results_digest(report: Report) -> str:
    """The digest of every cell: identity, generation key, outcome and scores, whatever their order.

    Raises:
        VerificationError: a cell could not be read back from a journal, for instance a score that is not finite.
    """
    # Once through JSON and its types, so that cells from memory and from the journal agree: 1 and 1.0, tuple and list.
    try:
        cells = msgspec.json.decode(msgspec.json.encode(tuple(report.cells)), type=tuple[CellRecord, ...])
    except msgspec.ValidationError as error:
        raise VerificationError(f"the run's cells have no stable form: {error}") from None
    return canonical.digest(
        [
            msgspec.to_builtins({"cell": c.cell, "key": c.key, "outcome": c.outcome, "scores": c.scores})
            for c in sorted(cells, key=lambda record: record.cell)
        ]
    )


def _read(payload: bytes, signers: tuple[str, ...]) -> Attestation:
    try:
        statement = msgspec.json.decode(payload, type=_Statement)
        same = _canonical(statement) == payload
    except (msgspec.MsgspecError, ValueError) as error:
        raise VerificationError(f"the attestation's statement can't be read: {error}") from None
    if statement.type_ != STATEMENT_TYPE or statement.predicate_type != PREDICATE_TYPE:
        raise VerificationError(f"the attestation is no gate verdict: {statement.predicate_type}")
    if not same:
        raise VerificationError("the attestation's statement is not in canonical form: it was altered")
    if len(statement.subject) != 1 or len(statement.subject[0].digest) != 1:
        raise VerificationError("the attestation needs exactly one subject with one digest")
    subject, predicate = statement.subject[0], statement.predicate
    [(algorithm, value)] = subject.digest.items()
    return Attestation(
        subject=subject.name,
        bundle=f"{algorithm}:{value}",
        suite=predicate.suite,
        run=predicate.run,
        time=predicate.time,
        tool=predicate.tool,
        digests=predicate.digests,
        policy=predicate.policy,
        verdict=predicate.verdict,
        signed_by=signers,
    )


def _time_of(attestation: Attestation) -> datetime:
    try:
        found = datetime.fromisoformat(attestation.time)
    except ValueError:
        raise VerificationError(f"the attestation bears no time: {attestation.time!r}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _differences(attestation: Attestation, report: Report, certificates: Certificates) -> list[str]:
    verdict = attestation.verdict
    try:
        policy = GatePolicy.model_validate(attestation.policy)
    except ValidationError as error:
        return [f"its policy can't be read: {error.error_count()} mistakes"]
    sides = (verdict.target, verdict.baseline, verdict.anchor)
    unknown = [name for name in sides if name and name not in report.run.targets]
    if unknown:
        return [f"the run has no target named {unknown[0]!r}"]
    found = _digests(verdict, report, policy, certificates)
    differences = [
        f"the digest of the {field} differs"
        for field in Digests.__struct_fields__
        if getattr(found, field) != getattr(attestation.digests, field)
    ]
    wrong = _verdict_difference(verdict, report, policy, certificates)
    return differences + ([wrong] if wrong else [])


def _verdict_difference(verdict: Verdict, report: Report, policy: GatePolicy, certificates: Certificates) -> str | None:
    """What the verdict says otherwise than report and policy do."""
    try:
        again = decide(
            report,
            verdict.target,
            verdict.baseline,
            policy,
            first=verdict.first,
            anchor=verdict.anchor,
            grounds=Grounds(certificates, verdict.quarantine, certificates.at, verdict.look, verdict.attempts),
        )
    except UsageError as error:
        return f"the policy can't be applied to the run: {error.message}"
    if _canonical(again) == _canonical(verdict):
        return None
    if again.outcome is not verdict.outcome:
        return f"decided again, the verdict is {again.outcome}, not {verdict.outcome}"
    return "decided again, the verdict's figures or reasons differ"


def _digests(verdict: Verdict, report: Report, policy: GatePolicy, certificates: Certificates) -> Digests:
    run = msgspec.json.decode(msgspec.json.encode(report.run), type=RunRecord)
    cases = msgspec.json.decode(msgspec.json.encode(dict(report.cases)), type=dict[str, Case])
    sides = (verdict.target, verdict.baseline, verdict.anchor)
    return Digests(
        dataset=run.dataset_digest,
        cases=canonical.digest([{**msgspec.to_builtins(case), "line": 0} for case in cases.values()]),
        targets={name: run.targets[name].digest for name in sides if name is not None},
        evaluators={name: info.digest for name, info in run.evaluators.items()},
        results=results_digest(report),
        run=canonical.digest(msgspec.to_builtins(run)),
        policy=canonical.digest(_policy_document(policy)),
        certificates=_certificate_digests(report, policy, certificates),
    )


def _certificate_digests(report: Report, policy: GatePolicy, certificates: Certificates) -> dict[str, str]:
    """Of the certificates that the policy's rules rest on."""
    if policy.judges != "certified":
        return {}
    judged = {rule.metric for rule in policy.rules if (metric := report.metrics.get(rule.metric)) and metric.judged}
    return {name: found.digest for name, found in sorted(certificates.by_metric.items()) if name in judged}


def _policy_document(policy: GatePolicy) -> dict[str, Any]:
    return policy.model_dump(mode="json", exclude_none=True)


def _canonical(value: Any) -> bytes:
    return canonical.dumps(msgspec.to_builtins(value))
