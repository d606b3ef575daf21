"""The gate: a report and a policy become a verdict, sealed as an attestation."""

from plimsoll.gates.attest import Stored, results_digest, seal, time_of, verify
from plimsoll.gates.baseline import with_baseline
from plimsoll.gates.check import PolicyError
from plimsoll.gates.decide import decide
from plimsoll.gates.envelope import VerificationError
from plimsoll.gates.grounds import Grounds
from plimsoll.gates.infrastructure import infrastructure_failure
from plimsoll.gates.keys import KEY_VARIABLE, generate_key, key_id, load_private_key, load_public_key, signing_key
from plimsoll.gates.listing import Listing, list_contents, parse_listing
from plimsoll.gates.looks import blocks_of, look_of
from plimsoll.gates.statement import Attestation, Digests, SealedFile

__all__ = [
    "KEY_VARIABLE",
    "Attestation",
    "Digests",
    "Grounds",
    "Listing",
    "PolicyError",
    "SealedFile",
    "Stored",
    "VerificationError",
    "blocks_of",
    "decide",
    "generate_key",
    "infrastructure_failure",
    "key_id",
    "list_contents",
    "load_private_key",
    "load_public_key",
    "look_of",
    "parse_listing",
    "results_digest",
    "seal",
    "signing_key",
    "time_of",
    "verify",
    "with_baseline",
]
