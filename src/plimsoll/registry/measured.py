"""The cases that an attestation rests on, kept beside it: so that a case that is dropped later is seen to be gone.

Only ids and digests are kept, as the lines of the gate's listing whose digest the attestation bears.
"""

from __future__ import annotations

from plimsoll.canonical import DIGEST_PREFIX, digest_bytes
from plimsoll.registry.errors import TamperedError
from plimsoll.tracking.contract import RegistryStore

_FILE = "cases.jsonl"


def keep_measured(store: RegistryStore, suite: str, attestation: str, lines: bytes) -> None:
    """Keep the lines of an attestation's cases.

    Args:
        store: Where.
        suite: Whose.
        attestation: The digest of its envelope.
        lines: One for each case.
    """
    store.put_files(suite, _folder(attestation), {_FILE: lines})


def load_measured(store: RegistryStore, suite: str, attestation: str, expected: str) -> bytes | None:
    """The lines of an attestation's cases; None where none were kept.

    Args:
        store: Where.
        suite: Whose.
        attestation: The digest of its envelope.
        expected: The digest that it bears of its cases.

    Raises:
        TamperedError: they are others.
    """
    lines = store.get_files(suite, _folder(attestation)).get(_FILE)
    if lines is not None and digest_bytes(lines) != expected:
        raise TamperedError(f"the list of cases that the attestation {attestation} of {suite} rests on was altered")
    return lines


def _folder(attestation: str) -> str:
    return f"measured/{attestation.removeprefix(DIGEST_PREFIX)}"
