"""DSSE envelopes in canonical bytes: a payload, its type, and an ed25519 signature, or none.

https://github.com/secure-systems-lab/dsse/blob/master/protocol.md. What is signed is the pre-authentication encoding of
type and payload. An envelope has one form only (canonical JSON, strict base64): whatever differs from it by a byte is
refused, signed or not.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from plimsoll import canonical
from plimsoll.errors import PlimsollError
from plimsoll.gates.keys import key_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class VerificationError(PlimsollError):
    """An attestation is not what it claims to be; the message says what differs."""


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    payload: str
    payload_type: str
    signatures: tuple[_Signature, ...]


def encode(payload: bytes, payload_type: str, key: Ed25519PrivateKey | None) -> bytes:
    """The envelope's bytes, signed if there is a key."""
    signatures = []
    if key is not None:
        signature = key.sign(_authenticated(payload, payload_type))
        signatures = [{"keyid": key_id(key.public_key()), "sig": _to_text(signature)}]
    return canonical.dumps({"payload": _to_text(payload), "payloadType": payload_type, "signatures": signatures})


def decode(
    envelope: bytes, payload_type: str, public_keys: Sequence[Ed25519PublicKey]
) -> tuple[bytes, tuple[str, ...], tuple[str, ...]]:
    """The payload, the ids of the given keys that signed it, and those that the envelope names.

    With keys given, a signed envelope must bear a valid signature of one of them. Without keys, a signature is not
    looked at and nobody is known to have signed.

    Raises:
        VerificationError: the envelope is malformed, of another type, or not signed as it claims.
    """
    try:
        parsed = msgspec.json.decode(envelope, type=_Envelope)
        payload = _from_text(parsed.payload)
        signatures = [(signature.keyid, _from_text(signature.sig)) for signature in parsed.signatures]
        same = canonical.dumps(msgspec.to_builtins(parsed)) == envelope
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise VerificationError(f"the attestation is not a DSSE envelope: {error}") from None
    if not same:
        raise VerificationError("the attestation's envelope is not in canonical form: it was altered")
    if parsed.payload_type != payload_type:
        raise VerificationError(f"the attestation is of the type {parsed.payload_type!r}, not {payload_type!r}")
    if len(signatures) > 1:
        raise VerificationError(f"the attestation bears {len(signatures)} signatures, and one is ever made")
    claims = tuple(name for name, _ in signatures)
    return payload, _signers(_authenticated(payload, payload_type), signatures, public_keys), claims


def _signers(
    message: bytes, signatures: Sequence[tuple[str, bytes]], public_keys: Sequence[Ed25519PublicKey]
) -> tuple[str, ...]:
    from cryptography.exceptions import InvalidSignature

    known = {key_id(key): key for key in public_keys}
    found = []
    for name, signature in signatures:
        if name not in known:
            continue
        try:
            known[name].verify(signature, message)
        except InvalidSignature:
            raise VerificationError(f"the signature by {name} does not match: the attestation was altered") from None
        found.append(name)
    if known and signatures and not found:
        names = ", ".join(name for name, _ in signatures)
        raise VerificationError(
            f"the attestation is signed by {names}, which is none of the keys that are trusted",
            remedy="give the signer's public key, if you trust it",
        )
    return tuple(found)


def _authenticated(payload: bytes, payload_type: str) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _to_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_text(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    # The last character of a base64 text has bits that say nothing: they must be zero.
    if _to_text(data) != text:
        raise ValueError("base64 with stray bits")
    return data
