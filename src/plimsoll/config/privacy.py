"""What of the cases and answers must not leave the machine for a tracking server."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from plimsoll.config.document import Strict, misplaced

OUTPUT, REASON, MESSAGES, TURNS, EXPECTED, GROUP = "output", "reason", "messages", "turns", "expected", "group"
RESERVED = (OUTPUT, REASON, MESSAGES, TURNS, EXPECTED, GROUP)
"""What any case, or what came of it, may have."""
_KEPT = {
    "id": "a case is found by it; a pattern may redact what an id holds",
    "slices": "figures are named by them; a pattern may redact what a slice's name holds",
    "weight": "figures rest on it",
    "pass_if": "figures rest on it",
    "evaluators": "figures rest on them; a pattern may redact what their settings hold",
}
_PATTERN_NAME = re.compile(r"[A-Za-z][\w -]*")


class PrivacyPolicy(Strict):
    """What is redacted before anything is sent to a tracking server. Files of a run on this disk keep it."""

    redact: list[str] = Field(
        default_factory=list,
        description="Fields of a case whose values are redacted wherever they stand in it, its messages and answers: "
        "customer, customer.email; also expected, messages, turns, group, and of what came of it output, reason.",
    )
    patterns: dict[str, str] = Field(
        default_factory=dict, description="Name → regular expression; what it finds is replaced by [NAME redacted]."
    )
    held_out: bool = Field(True, description="The contents of held-out cases, and answers to them, are redacted.")

    @field_validator("redact")
    @classmethod
    def _can_be_redacted(cls, value: list[str]) -> list[str]:
        for path in value:
            if not all(step.strip() for step in path.split(".")):
                message = f"privacy.redact: {path!r} names no field; write customer, or customer.email"
                raise misplaced((), message)
            if path in _KEPT:
                message = f"privacy.redact: {path} is no field that can be redacted: {_KEPT[path]}"
                raise misplaced((), message)
        return value

    @field_validator("patterns")
    @classmethod
    def _can_be_found(cls, value: dict[str, str]) -> dict[str, str]:
        # A file without patterns need not pay for its import.
        if value:
            import regex

            for name, pattern in value.items():
                place = (name,)
                if not _PATTERN_NAME.fullmatch(name):
                    message = (
                        f"privacy.patterns: {name!r} is no name for a pattern: write letters, digits, spaces, _ and -"
                    )
                    raise misplaced(place, message)
                try:
                    empty = regex.compile(pattern).fullmatch("", timeout=1.0) is not None
                except (regex.error, TimeoutError) as error:
                    message = f"privacy.patterns.{name}: not a regular expression: {error}"
                    raise misplaced(place, message) from None
                if empty:
                    raise misplaced(place, f"privacy.patterns.{name}: it finds the empty text, which is everywhere")
        return value

    @property
    def is_empty(self) -> bool:
        """Whether nothing is redacted but held-out cases."""
        return not self.redact and not self.patterns
