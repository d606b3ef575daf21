"""Attestations: sealed, read back, and refused wherever a byte or a figure differs."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.gates.parts import make_report, policy, truths

from plimsoll import canonical
from plimsoll.errors import UsageError
from plimsoll.gates import (
    KEY_VARIABLE,
    VerificationError,
    decide,
    generate_key,
    key_id,
    load_private_key,
    load_public_key,
    results_digest,
    seal,
    signing_key,
    verify,
)
from plimsoll.types import Decision, Report, Scored

POLICY = policy(
    [{"metric": "correct", "at_least": 0.8}, {"metric": "correct", "not_worse_than": "baseline", "margin": 0.2}]
)
BUNDLE = canonical.digest("v2")
NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


@cache
def keys() -> tuple[bytes, bytes]:
    return generate_key()


@cache
def report() -> Report:
    return make_report({"v2": {"correct": truths(97, 3)}, "champion": {"correct": truths(95, 5)}})


@cache
def sealed(*, signed: bool = True) -> bytes:
    verdict = decide(report(), "v2", "champion", POLICY)
    key = load_private_key(keys()[0].decode()) if signed else None
    return seal(verdict, report(), POLICY, BUNDLE, now=NOON, key=key)


def public() -> list[Any]:
    return [load_public_key(keys()[1].decode())]


def payload(envelope: bytes) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(json.loads(envelope)["payload"])))


def repacked(change: Any) -> bytes:
    """The unsigned envelope with its statement changed, everything else in order."""
    statement = payload(sealed(signed=False))
    change(statement)
    envelope = json.loads(sealed(signed=False))
    envelope["payload"] = base64.b64encode(canonical.dumps(statement)).decode()
    return canonical.dumps(envelope)


def test_a_signed_attestation_verifies_against_the_stored_cells() -> None:
    found = verify(
        sealed(), public_keys=public(), report=report(), policy=POLICY, bundle_digest=BUNDLE, require_signature=True
    )
    assert found.verdict.outcome is Decision.PASS
    assert found.signed_by == (key_id(public()[0]),)
    assert found.bundle == BUNDLE
    assert found.verdict.baseline_digest == report().run.targets["champion"].digest
    assert found.time == "2026-03-14T12:00:00Z"


def test_the_envelope_is_dsse_around_an_in_toto_statement() -> None:
    envelope, statement = json.loads(sealed()), payload(sealed())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert set(envelope["signatures"][0]) == {"keyid", "sig"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": "desk/v2", "digest": {"sha256": BUNDLE.removeprefix("sha256:")}}]
    assert statement["predicateType"].endswith("gate:v1")


def test_the_signature_is_over_the_pre_authentication_encoding() -> None:
    envelope = json.loads(sealed())
    body = base64.b64decode(envelope["payload"])
    message = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(body)).encode() + b" " + body
    public()[0].verify(base64.b64decode(envelope["signatures"][0]["sig"]), message)


def test_an_unsigned_attestation_says_that_nobody_signed_it() -> None:
    assert verify(sealed(signed=False), public_keys=public(), report=report()).signed_by == ()


def test_an_unsigned_attestation_is_refused_where_a_signature_is_required() -> None:
    with pytest.raises(VerificationError, match=r"not signed by a trusted key, and this project requires it"):
        verify(sealed(signed=False), public_keys=public(), require_signature=True)
    with pytest.raises(VerificationError, match=r"not signed by a trusted key"):
        verify(sealed(), require_signature=True)


def test_a_strangers_signature_is_refused() -> None:
    stranger = load_public_key(generate_key()[1].decode())
    with pytest.raises(VerificationError, match=r"which is none of the keys that are trusted"):
        verify(sealed(), public_keys=[stranger])


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_byte_of_a_signed_envelope_can_be_changed(place: int, bit: int) -> None:
    changed = bytearray(sealed())
    changed[place % len(changed)] ^= 1 << bit
    with pytest.raises(VerificationError):
        verify(bytes(changed), public_keys=public(), require_signature=True)


@settings(max_examples=60, deadline=None)
@given(part=st.sampled_from(["payload", "sig"]), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_byte_of_payload_or_signature_can_be_changed(part: str, place: int, bit: int) -> None:
    envelope = json.loads(sealed())
    holder = envelope if part == "payload" else envelope["signatures"][0]
    data = bytearray(base64.b64decode(holder[part]))
    data[place % len(data)] ^= 1 << bit
    holder[part] = base64.b64encode(bytes(data)).decode()
    with pytest.raises(VerificationError, match=r"does not match: the attestation was altered"):
        verify(canonical.dumps(envelope), public_keys=public())


@pytest.mark.parametrize("bad", [b"", b"{}", b"[1]", b'{"payload":"!","payloadType":"x","signatures":[]}', b"\xff"])
def test_what_is_no_envelope_is_refused(bad: bytes) -> None:
    with pytest.raises(VerificationError, match=r"not a DSSE envelope"):
        verify(bad)


def test_white_space_in_the_envelope_is_an_alteration() -> None:
    with pytest.raises(VerificationError, match=r"not in canonical form"):
        verify(sealed() + b"\n")


def test_a_base64_text_with_stray_bits_is_refused() -> None:
    envelope = json.loads(sealed(signed=False))
    envelope["payload"] = "e3=="
    with pytest.raises(VerificationError, match=r"stray bits"):
        verify(canonical.dumps(envelope))


def test_another_payload_type_is_refused() -> None:
    envelope = json.loads(sealed(signed=False)) | {"payloadType": "text/plain"}
    with pytest.raises(VerificationError, match=r"of the type 'text/plain'"):
        verify(canonical.dumps(envelope))


def test_a_statement_about_something_else_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"is no gate verdict"):
        verify(repacked(lambda statement: statement.update(predicateType="https://example.org/other")))


def test_an_unknown_field_in_the_statement_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"can't be read"):
        verify(repacked(lambda statement: statement["predicate"].update(extra=1)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p["verdict"].update(outcome="fail"), "decided again, the verdict is pass, not fail"),
        (lambda p: p["verdict"]["rules"][0].update(low=0.99), r"figures or reasons differ: rules\[0\]\.low$"),
        (lambda p: p["verdict"].update(target_digest="sha256:0"), "contradicts itself: its bundle is .* and sha256:0"),
        (lambda p: p["verdict"].update(target="v9"), "contradicts itself: its subject is desk/v2 and desk/v9"),
        (lambda p: p["verdict"].update(baseline="v9"), "the run has no target named 'v9'"),
        (lambda p: p.update(suite="counter"), "contradicts itself: its subject is desk/v2 and counter/v2"),
        (lambda p: p.update(run="another"), "contradicts itself: its run is another and 20260101-000000-abcdef"),
        (lambda p: p.update(commit="0123abc", dirty=False), "the run was made from another commit than it says"),
        (lambda p: p["digests"].update(results="sha256:0"), "the digest of the results differs"),
        (lambda p: p["digests"].update(cases="sha256:0"), "the digest of the cases differs"),
        (lambda p: p["digests"]["targets"].update(v2="sha256:0"), "the digest of the targets differs"),
        (lambda p: p["digests"].update(policy="sha256:0"), "its policy does not have the digest that it states"),
        (lambda p: p["policy"].update(coverage=0.5), "its policy does not have the digest that it states"),
        (lambda p: p["policy"].update(rules=[]), "its policy can't be read"),
    ],
)
def test_unsigned_a_changed_figure_or_digest_is_found_by_deciding_again(change: Any, said: str) -> None:
    with pytest.raises(VerificationError, match=said):
        verify(repacked(lambda statement: change(statement["predicate"])), report=report())


@pytest.mark.parametrize("place", [0, 50, 150])
def test_a_changed_cell_is_found(place: int) -> None:
    cells = list(report().cells)
    value = cells[place].scores["correct"]
    assert isinstance(value, Scored)
    cells[place] = replace(cells[place], scores={"correct": replace(value, value=not value.value)})
    changed = Report(run=report().run, cases=report().cases, cells=tuple(cells))
    with pytest.raises(VerificationError, match=r"the digest of the results differs"):
        verify(sealed(), public_keys=public(), report=changed)


def test_a_case_that_counts_for_more_is_found() -> None:
    cases = {name: replace(case, weight=2.0 if name == "c000" else 1.0) for name, case in report().cases.items()}
    changed = Report(run=report().run, cases=cases, cells=report().cells)
    with pytest.raises(VerificationError, match=r"the digest of the cases differs"):
        verify(sealed(), public_keys=public(), report=changed)


def test_another_run_record_is_found() -> None:
    changed = Report(run=replace(report().run, dataset_digest="sha256:0"), cases=report().cases, cells=report().cells)
    with pytest.raises(VerificationError, match=r"the digest of the dataset differs; the digest of the run differs"):
        verify(sealed(), public_keys=public(), report=changed)


def test_another_policy_or_bundle_is_found() -> None:
    with pytest.raises(VerificationError, match=r"the policy is another than the one it was decided by"):
        verify(sealed(), policy=policy([{"metric": "correct", "at_least": 0.5}]))
    with pytest.raises(VerificationError, match=r"it is about the bundle sha256:"):
        verify(sealed(), bundle_digest="sha256:0")


def test_a_verdict_that_report_and_policy_do_not_give_is_not_sealed() -> None:
    verdict = replace(decide(report(), "v2", "champion", POLICY), outcome=Decision.FAIL)
    with pytest.raises(VerificationError, match=r"can't be sealed: decided again, the verdict is pass, not fail"):
        seal(verdict, report(), POLICY, BUNDLE, now=NOON)


def test_the_time_is_written_in_utc() -> None:
    verdict = decide(report(), "v2", "champion", POLICY)
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    assert verify(seal(verdict, report(), POLICY, BUNDLE, now=east)).time == "2026-03-14T12:00:00Z"


def test_the_policy_in_an_attestation_keeps_every_digit_of_a_ratio() -> None:
    wanted = policy([{"metric": "latency", "at_most": "1.1000001 × baseline"}])
    again = type(wanted).model_validate(wanted.model_dump(mode="json", exclude_none=True))
    assert again == wanted


def test_cells_from_memory_and_from_the_journal_have_one_digest() -> None:
    stored = msgspec.json.decode(msgspec.json.encode(report()), type=Report)
    whole = make_report({"v2": {"f1": [Scored(value=1), Scored(value=0)]}})
    again = msgspec.json.decode(msgspec.json.encode(whole), type=Report)
    assert results_digest(stored) == results_digest(report())
    assert results_digest(again) == results_digest(whole)


def test_cells_with_a_score_that_is_no_number_are_not_sealed() -> None:
    broken = make_report({"v2": {"f1": [Scored(value=float("nan"))]}})
    with pytest.raises(VerificationError, match=r"the run's cells have no stable form"):
        results_digest(broken)


def test_a_policy_that_does_not_fit_the_run_is_found() -> None:
    other = make_report({"v2": {"correct": truths(97, 3)}, "champion": {"correct": truths(95, 5)}})
    bare = Report(run=replace(other.run, evaluators={}), cases=other.cases, cells=other.cells)
    with pytest.raises(VerificationError, match=r"the policy can't be applied to the run: no evaluator of the suite"):
        verify(sealed(), report=bare)


def test_the_order_of_cells_does_not_change_their_digest() -> None:
    turned = Report(run=report().run, cases=report().cases, cells=report().cells[::-1])
    assert results_digest(turned) == results_digest(report())


def test_a_key_is_read_from_pem_text_from_a_file_and_from_the_environment(tmp_path: Path) -> None:
    private, _ = keys()
    file = tmp_path / "key.pem"
    file.write_bytes(private)
    expected = key_id(load_private_key(private.decode()).public_key())
    for value in (str(file), private.decode()):
        found = signing_key({KEY_VARIABLE: value})
        assert found is not None
        assert key_id(found.public_key()) == expected
    assert signing_key({}) is None
    assert expected.startswith("sha256:")


def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(UsageError, match=r"not an unencrypted ed25519 private key in PEM form"):
        load_private_key(tmp_path / "other.pem")
    with pytest.raises(UsageError, match=r"not an ed25519 public key"):
        load_public_key(keys()[0].decode())
    with pytest.raises(UsageError, match=r"^the key can't be read: No such file or directory$"):
        load_private_key("MC4CAQAwBQYDK2VwBCIEIsecret")
