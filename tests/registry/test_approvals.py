"""Which approvals count: those of a named person's own key, about this attestation and this alias, once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.registry.parts import NOW, SUITE

from plimsoll.canonical import digest_bytes
from plimsoll.gates.envelope import encode
from plimsoll.registry import Approval, count_approvals, keep_approval, sign_approval
from plimsoll.registry.approvals import PAYLOAD_TYPE
from plimsoll.testing.store import MemoryRegistryStore

ADA, BOB, EVE = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
APPROVERS = {"ada": ADA.public_key(), "bob": BOB.public_key()}
ATTESTATION, OTHER = digest_bytes(b"attestation"), digest_bytes(b"another one")


def signed(name: str, key: Ed25519PrivateKey, **changes: str) -> bytes:
    fields = {"attestation": ATTESTATION, "suite": SUITE, "alias": "production", "name": name, "time": NOW}
    return sign_approval(Approval(**(fields | changes)), key)


def count(*envelopes: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    store = MemoryRegistryStore()
    for envelope in envelopes:
        keep_approval(store, SUITE, ATTESTATION, envelope)
    found = count_approvals(store, SUITE, "production", ATTESTATION, APPROVERS)
    assert all(each.digest in {digest_bytes(envelope) for envelope in envelopes} for each in found.approved)
    return found.names, tuple(reason.partition(": ")[2] for reason in found.refused)


def test_each_named_person_counts_once() -> None:
    assert count() == ((), ())
    assert count(signed("bob", BOB), signed("ada", ADA)) == (("ada", "bob"), ())
    assert count(signed("ada", ADA), signed("ada", ADA)) == (("ada",), ())
    later = signed("ada", ADA, time="2026-10-02T12:00:00Z")
    assert count(signed("ada", ADA), later) == (("ada",), ("ada has approved already",))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: signed("eve", EVE), "it is in the name of eve, and not signed by an approver's key"),
        (lambda: signed("ada", EVE), "it is in the name of ada, and not signed by an approver's key"),
        (lambda: signed("ada", BOB), "it is in the name of ada, and signed by bob"),
        (lambda: signed("ada", ADA, attestation=OTHER), "ada approved another attestation"),
        (lambda: signed("ada", ADA, alias="staging"), "ada approved it for staging of support-qa"),
        (lambda: signed("ada", ADA, suite="other"), "ada approved it for production of other"),
        (lambda: b"{}", "it is damaged, or no approval"),
        (lambda: encode(b'{"name":"ada"}', PAYLOAD_TYPE, ADA), "it is damaged, or no approval"),
        (lambda: encode(b"{}", "text/plain", ADA), "it is damaged, or no approval"),
        (
            lambda: encode(
                b'{"alias":"production","attestation":"%b","name":"ada","suite":"support-qa","time":"x"}'
                % ATTESTATION.encode(),
                PAYLOAD_TYPE,
                None,
            ),
            "it is in the name of ada, and not signed by an approver's key",
        ),
    ],
)
def test_what_does_not_count_is_told_and_takes_nobodys_place(make: Callable[[], bytes], told: str) -> None:
    assert count(make(), signed("bob", BOB)) == (("bob",), (told,))


def test_an_approval_of_another_attestation_is_not_even_looked_at() -> None:
    store = MemoryRegistryStore()
    keep_approval(store, SUITE, OTHER, signed("ada", ADA, attestation=OTHER))
    found = count_approvals(store, SUITE, "production", ATTESTATION, APPROVERS)
    assert (found.approved, found.refused) == ((), ())


@given(st.data())
def test_no_changed_byte_of_an_approval_counts(data: st.DataObject) -> None:
    envelope = bytearray(signed("ada", ADA))
    place = data.draw(st.integers(0, len(envelope) - 1))
    envelope[place] = data.draw(st.integers(32, 126).filter(lambda value: value != envelope[place]))
    assert count(bytes(envelope))[0] == ()
