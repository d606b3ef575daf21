"""Something slow to make, made when it is first asked for, once, whichever threads ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Calls a function once and keeps what it returned; one that raised is called again."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Remembers what to call."""
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        """What was made."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]
