"""What leaves for a tracking server loses its secrets, as everywhere, and what a database refuses."""

from __future__ import annotations

from plimsoll.config.secrets import Redactor


def without_nul(text: str) -> str:
    """The text with the character for what is none in place of NUL."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


class TrackingRedactor(Redactor):
    """Also replaces the one character that a PostgreSQL database refuses in a text, and with it the whole trace."""

    def text(self, text: str) -> str:
        """The text without secrets and without NUL."""
        return without_nul(super().text(text))
