"""The verdict as evidence: sealed over the digests of all that it rests on, and verified by deciding again.

An in-toto Statement (https://in-toto.io/Statement/v1) in a DSSE envelope. Its subject is the bundle to be promoted.
Signed, nothing in it can be altered unseen by anyone without the key. Unsigned, it shows damage and mistakes, but
anyone can write another: `Attestation.signed_by` is then empty, and whoever relies on it must say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
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
from plimsoll.gates.listing import Listing, differing_cases, differing_cells, differing_fields, list_contents
from plimsoll.gates.statement import Attestation, Digests, Predicate, SealedFile, read_statement, write_statement
from plimsoll.types import Report, RunRecord, Verdict
from plimsoll.version import __version__

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies in the run's folder when a verdict over it is sealed."""

    files: Mapping[str, SealedFile] = field(default_factory=dict)
    """Path in the folder → its content."""
    listing: Listing | None = None
    """The report's, where it was made already."""


NOTHING_STORED = Stored()


def seal(
    verdict: Verdict,
    report: Report,
    policy: GatePolicy,
    bundle_digest: str,
    *,
    now: datetime,
    key: Ed25519PrivateKey | None = None,
    certificates: Certificates = NO_CERTIFICATES,
    stored: Stored = NOTHING_STORED,
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
        stored: The files that it is to be verified with.

    Raises:
        VerificationError: the verdict is not the one that report and policy give.
    """
    wrong = _verdict_difference(verdict, report, policy, certificates)
    if wrong:
        raise VerificationError(f"the verdict can't be sealed: {wrong}")
    if bundle_digest != verdict.target_digest:
        raise VerificationError(f"the bundle {bundle_digest} is not what was measured: {verdict.target_digest}")
    predicate = Predicate(
        suite=verdict.suite,
        run=verdict.run,
        time=now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        tool=f"plimsoll {__version__}",
        commit=_commit(report.run),
        dirty=report.run.git_dirty,
        digests=_digests(verdict, report, policy, certificates, stored.listing or list_contents(report)),
        files=dict(stored.files),
        policy=_policy_document(policy),
        verdict=verdict,
    )
    return encode(write_statement(predicate, bundle_digest), PAYLOAD_TYPE, key)


def verify(
    envelope: bytes,
    *,
    public_keys: Sequence[Ed25519PublicKey] = (),
    report: Report | None = None,
    policy: GatePolicy | None = None,
    bundle_digest: str | None = None,
    require_signature: bool = False,
    certificates: Mapping[str, Certificate] | None = None,
    listing: Listing | None = None,
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
        listing: The report's as it was stored beside it: what differs is then named.

    Raises:
        VerificationError: with everything that differs.
    """
    payload, signers, claims = decode(envelope, PAYLOAD_TYPE, public_keys)
    if require_signature and not signers:
        raise VerificationError(
            "the attestation is not signed by a trusted key, and this project requires it",
            remedy="gate again with PLIMSOLL_SIGNING_KEY set, and name its public key",
        )
    attestation = read_statement(payload, signers, claims)
    differences = []
    if bundle_digest is not None and bundle_digest != attestation.bundle:
        differences.append(f"it is about the bundle {attestation.bundle}, not {bundle_digest}")
    if policy is not None and canonical.digest(_policy_document(policy)) != attestation.digests.policy:
        differences.append("the policy is another than the one it was decided by")
    if canonical.digest(attestation.policy) != attestation.digests.policy:
        differences.append("its policy does not have the digest that it states")
    if report is not None:
        at_its_time = Certificates(certificates or {}, time_of(attestation))
        differences += _differences(attestation, report, at_its_time, listing)
    if differences:
        raise VerificationError("the attestation does not verify: " + "; ".join(differences))
    return attestation


def results_digest(report: Report) -> str:
    """The digest of every cell: identity, generation key, outcome and scores, whatever their order.

    Raises:
        VerificationError: a cell could not be read back from a journal, for instance a score that is not finite.
    """
    return list_contents(report).results_digest


def time_of(attestation: Attestation) -> datetime:
    """When it was sealed.

    Raises:
        VerificationError: it bears no time.
    """
    try:
        found = datetime.fromisoformat(attestation.time)
    except ValueError:
        raise VerificationError(f"the attestation bears no time: {attestation.time!r}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _commit(run: RunRecord) -> str | None:
    """The commit that holds what was run; none does where tracked files had been edited since."""
    return run.git_commit if run.git_dirty is False else None


def _differences(
    attestation: Attestation, report: Report, certificates: Certificates, listing: Listing | None
) -> list[str]:
    verdict = attestation.verdict
    try:
        policy = GatePolicy.model_validate(attestation.policy)
    except ValidationError as error:
        return [f"its policy can't be read: {error.error_count()} mistakes"]
    sides = (verdict.target, verdict.baseline, verdict.anchor)
    unknown = [name for name in sides if name and name not in report.run.targets]
    if unknown:
        return [f"the run has no target named {unknown[0]!r}"]
    now = list_contents(report)
    found = _digests(verdict, report, policy, certificates, now)
    differences = [
        f"the digest of the {name} differs{_which(name, listing, now)}"
        for name in Digests.__struct_fields__
        if getattr(found, name) != getattr(attestation.digests, name)
    ]
    if (attestation.commit, attestation.dirty) != (_commit(report.run), report.run.git_dirty):
        differences.append("the run was made from another commit than it says")
    wrong = _verdict_difference(verdict, report, policy, certificates)
    return differences + ([wrong] if wrong else [])


def _which(name: str, sealed: Listing | None, now: Listing) -> str:
    """What of a part differs, where the list of its digests is known."""
    told = {"run": differing_fields, "cases": differing_cases, "results": differing_cells}
    return f" ({told[name](sealed, now)})" if sealed is not None and name in told else ""


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
            grounds=Grounds(
                certificates, verdict.quarantine, certificates.at, verdict.look, verdict.attempts, verdict.gone
            ),
        )
    except UsageError as error:
        return f"the policy can't be applied to the run: {error.message}"
    if _canonical(again) == _canonical(verdict):
        return None
    if again.outcome is not verdict.outcome:
        return f"decided again, the verdict is {again.outcome}, not {verdict.outcome}"
    places = list(islice(_places("", msgspec.to_builtins(verdict), msgspec.to_builtins(again)), 3))
    return f"decided again, the verdict's figures or reasons differ: {', '.join(places)}"


def _places(place: str, said: Any, found: Any) -> Iterator[str]:
    """Where two documents differ: `rules[0].low`."""
    if isinstance(said, dict) and isinstance(found, dict):
        for name in sorted(said.keys() | found.keys()):
            yield from _places(f"{place}.{name}".removeprefix("."), said.get(name), found.get(name))
    elif isinstance(said, list | tuple) and isinstance(found, list | tuple) and len(said) == len(found):
        for number, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from _places(f"{place}[{number}]", one, other)
    elif type(said) is not type(found) or said != found:
        yield place


def _digests(
    verdict: Verdict, report: Report, policy: GatePolicy, certificates: Certificates, listing: Listing
) -> Digests:
    run = report.run
    sides = (verdict.target, verdict.baseline, verdict.anchor)
    return Digests(
        dataset=run.dataset_digest,
        cases=listing.cases_digest,
        targets={name: run.targets[name].digest for name in sides if name is not None},
        evaluators={name: info.digest for name, info in run.evaluators.items()},
        results=listing.results_digest,
        run=listing.run_digest,
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
