"""Collecting what several checks of one file find, so that all of it is told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from plimsoll.config import Document
from plimsoll.config.document import Place
from plimsoll.errors import ConfigError, Mistake, PlimsollError

T = TypeVar("T")


class Mistakes:
    """What the checks of a document have found so far."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: list[Mistake] = []

    def of(self, place: Place, check: Callable[[], T]) -> T | None:
        """What `check` gives, or None where it raised: then its mistakes are kept, at `place` where they have none."""
        try:
            return check()
        except PlimsollError as error:
            for mistake in error.mistakes:
                self.add(mistake, place)
            return None

    def add(self, mistake: Mistake, place: Place = ()) -> None:
        """Keep one; at `place` where it has none of its own, or where its own is a file that isn't there."""
        self._found.append(self._document.placed(mistake, place))

    @property
    def found(self) -> tuple[Mistake, ...]:
        """Each once: two targets may share a broken file."""
        return tuple(dict.fromkeys(self._found))

    def raise_any(self) -> None:
        """Raise what was kept.

        Raises:
            ConfigError: there is any.
        """
        if self._found:
            raise ConfigError(self.found)
