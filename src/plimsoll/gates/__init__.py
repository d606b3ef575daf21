"""The gate: a report and a policy become a verdict, sealed as an attestation."""

from plimsoll.gates.attest import Attestation, Digests, results_digest, seal, verify
from plimsoll.gates.baseline import with_baseline
from plimsoll.gates.check import PolicyError
from plimsoll.gates.decide import decide
from plimsoll.gates.envelope import VerificationError
from plimsoll.gates.grounds import Grounds
from plimsoll.gates.infrastructure import infrastructure_failure
from plimsoll.gates.keys import KEY_VARIABLE, generate_key, key_id, load_private_key, load_public_key, signing_key

__all__ = [
    "KEY_VARIABLE",
    "Attestation",
    "Digests",
    "Grounds",
    "PolicyError",
    "VerificationError",
    "decide",
    "generate_key",
    "infrastructure_failure",
    "key_id",
    "load_private_key",
    "load_public_key",
    "results_digest",
    "seal",
    "signing_key",
    "verify",
    "with_baseline",
]
