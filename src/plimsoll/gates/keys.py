"""Signing keys: ed25519, as PEM, from a file or the environment. A key's id is the digest of its public half."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.canonical import digest_bytes
from plimsoll.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_VARIABLE = "PLIMSOLL_SIGNING_KEY"
"""Holds the private key as PEM, or the path of a file that does."""


def generate_key() -> tuple[bytes, bytes]:
    """A new key pair as PEM: private (keep it secret, unencrypted PKCS 8) and public."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public


def signing_key(environ: Mapping[str, str]) -> Ed25519PrivateKey | None:
    """The key that the environment names; None where it names none.

    Raises:
        UsageError: it names one that can't be read.
    """
    value = environ.get(KEY_VARIABLE, "").strip()
    return load_private_key(value) if value else None


def load_private_key(source: str | Path) -> Ed25519PrivateKey:
    """A private key from PEM text, or from the file at a path.

    Raises:
        UsageError: there is no such file, or it holds no unencrypted ed25519 key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_pem(source), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            "the signing key is not an unencrypted ed25519 private key in PEM form",
            remedy="make one: openssl genpkey -algorithm ed25519 -out signing-key.pem",
        )
    return key


def load_public_key(source: str | Path) -> Ed25519PublicKey:
    """A public key from PEM text, or from the file at a path.

    Raises:
        UsageError: there is no such file, or it holds no ed25519 public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_pem(source))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(
            "not an ed25519 public key in PEM form",
            remedy="take it from the private one: openssl pkey -in signing-key.pem -pubout",
        )
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """The tagged digest of the key's DER form: how an envelope says who signed it."""
    from cryptography.hazmat.primitives import serialization

    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return digest_bytes(der)


def _pem(source: str | Path) -> bytes:
    if isinstance(source, str) and "-----BEGIN" in source:
        return source.encode()
    try:
        return Path(source).expanduser().read_bytes()
    except OSError as error:
        # The source may be key material that lost its first line: never shown.
        raise UsageError(f"the key can't be read: {error.strerror or 'no such file'}") from None
