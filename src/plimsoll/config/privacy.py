"""What of the cases and answers must not leave the machine for a tracking server."""

from __future__ import annotations

from pydantic import Field

from plimsoll.config.document import Strict


class PrivacyPolicy(Strict):
    """What is redacted before anything is sent to a tracking server. Files of a run on this disk keep it."""

    redact: list[str] = Field(
        default_factory=list,
        description="Fields of a case whose values are redacted wherever they stand in it, its messages and answers: "
        "customer, customer.email; also expected, messages, output.",
    )
    patterns: dict[str, str] = Field(
        default_factory=dict, description="Name → regular expression; what it finds is replaced by [NAME redacted]."
    )
    held_out: bool = Field(True, description="The contents of held-out cases, and answers to them, are redacted.")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is redacted but held-out cases."""
        return not self.redact and not self.patterns
