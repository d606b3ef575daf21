"""Approvals: what a named person signs about one attestation and one alias, and which of them count.

An approval is a DSSE envelope signed with the person's ed25519 key over the attestation's digest, the suite, the alias,
the name and the time. The store keeps it as a record under its own digest: it can't be changed, and nobody can take the
place of another's. What is counted is decided when it is read, against the keys that the project names then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from plimsoll.canonical import DIGEST_PREFIX, digest_bytes, dumps, short
from plimsoll.errors import UsageError
from plimsoll.gates.envelope import VerificationError, decode, encode
from plimsoll.gates.keys import key_id
from plimsoll.registry.ledger import Approved
from plimsoll.tracking.contract import RegistryStore

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.plimsoll.approval.v1+json"


class ApprovalsMissingError(UsageError):
    """Fewer people have approved than the project asks for."""


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person signs."""

    attestation: str
    """The digest of the attestation envelope's bytes."""
    suite: str
    alias: str
    name: str
    """As the project's settings name the holder of the key."""
    time: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The approvals of one attestation for one alias."""

    approved: tuple[Approved, ...]
    """One for each person, by name."""
    refused: tuple[str, ...]
    """What was found and does not count, and why."""

    @property
    def names(self) -> tuple[str, ...]:
        """Who approved."""
        return tuple(each.name for each in self.approved)


def sign_approval(approval: Approval, key: Ed25519PrivateKey) -> bytes:
    """The approval as the bytes of a signed envelope."""
    return encode(dumps(msgspec.to_builtins(approval)), PAYLOAD_TYPE, key)


def keep_approval(store: RegistryStore, suite: str, attestation: str, envelope: bytes) -> str:
    """Store an approval's envelope; its digest. Storing it again changes nothing."""
    digest = digest_bytes(envelope)
    store.create_record(suite, _prefix(attestation) + digest.removeprefix(DIGEST_PREFIX), envelope.decode())
    return digest


def count_approvals(
    store: RegistryStore, suite: str, alias: str, attestation: str, approvers: Mapping[str, Ed25519PublicKey]
) -> Counted:
    """Which stored approvals of the attestation count for the alias.

    Args:
        store: where the registry is kept.
        suite: its name is the registered model's.
        alias: where the promotion goes.
        attestation: the digest of the attestation envelope's bytes.
        approvers: who may approve, name → key.

    Raises:
        InfrastructureError: the store can't be read.
    """
    wanted = Approval(attestation=attestation, suite=suite, alias=alias, name="", time="")
    approved: dict[str, str] = {}
    refused = []
    for key, text in sorted(store.records(suite).items()):
        if not key.startswith(_prefix(attestation)):
            continue
        digest = digest_bytes(text.encode())
        found = _read(text.encode(), wanted, approvers)
        if isinstance(found, str):
            refused.append(f"approval {short(digest, 8)}: {found}")
        elif found.name in approved:
            refused.append(f"approval {short(digest, 8)}: {found.name} has approved already")
        else:
            approved[found.name] = digest
    return Counted(tuple(Approved(*each) for each in sorted(approved.items())), tuple(refused))


def _read(envelope: bytes, wanted: Approval, approvers: Mapping[str, Ed25519PublicKey]) -> Approval | str:
    """The approval, or why it does not count."""
    try:
        payload = decode(envelope, PAYLOAD_TYPE, ())[0]
        approval = msgspec.json.decode(payload, type=Approval)
    except (VerificationError, msgspec.MsgspecError, ValueError):
        return "it is damaged, or no approval"
    names = {key_id(key): name for name, key in approvers.items()}
    try:
        signers = decode(envelope, PAYLOAD_TYPE, tuple(approvers.values()))[1]
    except VerificationError:
        signers = ()
    if not signers:
        return f"it is in the name of {approval.name}, and not signed by an approver's key"
    if approval.name not in {names[signer] for signer in signers}:
        return f"it is in the name of {approval.name}, and signed by {names[signers[0]]}"
    if approval.attestation != wanted.attestation:
        return f"{approval.name} approved another attestation"
    if (approval.suite, approval.alias) != (wanted.suite, wanted.alias):
        return f"{approval.name} approved it for {approval.alias} of {approval.suite}"
    return approval


def _prefix(attestation: str) -> str:
    return f"approval.{attestation.removeprefix(DIGEST_PREFIX)}."
