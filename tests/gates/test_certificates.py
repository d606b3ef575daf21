"""A gate that takes certified judges only, and what its attestation says of them."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest
from tests.calibration.parts import NOON, certificate, figure, figures
from tests.gates.parts import make_report, policy

from plimsoll.calibration import Certificate, Certificates
from plimsoll.canonical import digest
from plimsoll.gates import Grounds, PolicyError, VerificationError, decide, seal, verify
from plimsoll.types import Decision

JUDGE = digest("relevance")
BUNDLE = digest("v2")
RULES = policy([{"metric": "relevance", "at_least": 0.5}], baseline="none", judges="certified")
REPORT = make_report({"v2": {"relevance": [0.9, 0.8, 0.95, 0.85] * 10}})


def held(**changed: object) -> Certificate:
    return certificate("relevance", JUDGE, **changed)


def test_a_certified_judge_decides() -> None:
    verdict = decide(REPORT, "v2", None, RULES, grounds=Grounds(Certificates({"relevance": held()}, NOON)))
    assert verdict.outcome is Decision.PASS


POOR = msgspec.structs.replace(figures().agreement, kappa=figure(0.1, 0.0, 0.2))


@pytest.mark.parametrize(
    ("certificates", "said"),
    [
        (Certificates({}, NOON), "has no certificate"),
        (Certificates({"f1": certificate("f1", JUDGE)}, NOON), "has no certificate"),
        (Certificates({"relevance": held(figures=figures(agreement=POOR))}, NOON), "is not certified: it agrees with"),
        (
            Certificates({"relevance": certificate("relevance", "sha256:other")}, NOON),
            "for another version of its judge",
        ),
        (Certificates({"relevance": held()}, NOON + timedelta(days=90)), "expired on 2026-04-01"),
        (Certificates({"relevance": held()}, NOON - timedelta(days=1)), "expired on"),
    ],
)
def test_without_a_certificate_that_holds_nothing_is_decided(certificates: Certificates, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        decide(REPORT, "v2", None, RULES, grounds=Grounds(certificates))


def test_without_any_being_passed_none_is_believed() -> None:
    with pytest.raises(PolicyError, match="has no certificate"):
        decide(REPORT, "v2", None, RULES)


def test_what_no_model_judged_needs_no_certificate() -> None:
    report = make_report({"v2": {"f1": [0.9, 0.8, 0.95, 0.85] * 10}})
    rules = policy([{"metric": "f1", "at_least": 0.5}], baseline="none", judges="certified")
    assert decide(report, "v2", None, rules).outcome is Decision.PASS


def sealed(certificates: Certificates) -> bytes:
    verdict = decide(REPORT, "v2", None, RULES, grounds=Grounds(certificates))
    return seal(verdict, REPORT, RULES, BUNDLE, now=certificates.at, certificates=certificates)


def test_the_attestation_names_the_certificates_and_verifies_with_them_alone() -> None:
    kept = held()
    envelope = sealed(Certificates({"relevance": kept, "f1": certificate("f1")}, NOON))
    found = verify(envelope, report=REPORT, certificates={"relevance": kept})
    # Only the judges that the rules rest on.
    assert found.digests.certificates == {"relevance": kept.digest}
    for others in ({}, {"relevance": held(models=("another",))}):
        with pytest.raises(VerificationError, match="the digest of the certificates differs"):
            verify(envelope, report=REPORT, certificates=others)


def test_it_verifies_long_after_the_certificate_expired_but_not_with_a_time_after_that() -> None:
    kept = held(expires=NOON + timedelta(hours=1))
    envelope = sealed(Certificates({"relevance": kept}, NOON))
    assert verify(envelope, report=REPORT, certificates={"relevance": kept}).verdict.outcome is Decision.PASS
    with pytest.raises(PolicyError, match="expired"):
        sealed(Certificates({"relevance": kept}, NOON + timedelta(hours=2)))


def test_an_attestation_that_rests_on_no_certificate_says_nothing_of_them() -> None:
    import base64

    report = make_report({"v2": {"f1": [0.9, 0.8, 0.95, 0.85] * 10}})
    rules = policy([{"metric": "f1", "at_least": 0.5}], baseline="none")
    verdict = decide(report, "v2", None, rules)
    envelope = json.loads(seal(verdict, report, rules, BUNDLE, now=NOON))
    digests = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["digests"]
    assert "certificates" not in digests
