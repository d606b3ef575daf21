"""What a promotion rests on, as the registry takes it."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.canonical import digest_bytes
from plimsoll.errors import PlimsollError
from plimsoll.registry.ledger import Approved
from plimsoll.types import Decision


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verified attestation, as `gates.verify` read it. Nothing here is believed without that."""

    envelope: bytes | None
    """The attestation as stored; None for a forced promotion without one."""
    subject: str
    """The bundle's digest that the verdict is about."""
    verdict: Decision | None
    run: str
    """The run that was decided over."""
    target: str
    """What the suite calls the target."""
    baseline: str | None
    """The digest of what the target was compared with; None with `--first`."""
    compared: bool = True
    """False where the policy compares with nothing: then any champion may be replaced, the one seen at the start."""
    signed_by: tuple[str, ...] = ()
    """Ids of the trusted keys whose signatures were verified."""
    attempts: int | None = None
    """Which attempt this was, where the attestation counts them."""
    commit: str = ""
    approvals: tuple[Approved, ...] = ()
    """Those that were counted."""
    doubts: tuple[PlimsollError, ...] = ()
    """What else speaks against the promotion, as whoever made this found it: too few approvals."""
    force: bool = False
    """Whatever speaks against it is noted in the entry and does not refuse it."""

    @property
    def digest(self) -> str:
        """Of the envelope's bytes; empty without one."""
        return digest_bytes(self.envelope) if self.envelope is not None else ""
