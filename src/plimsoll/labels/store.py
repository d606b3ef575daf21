"""The workspace's labels: one file, a line for each, only appended to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from plimsoll.errors import ConfigError, InfrastructureError, Mistake, Where, unwritable
from plimsoll.types import HumanLabel

LABELS_FILE = "labels.jsonl"
"""In the state folder."""
_PATIENCE = 10.0
"""Seconds to wait for another process that appends."""


class LabelStore:
    """Every label that was given in this workspace. Safe for several processes and threads at once."""

    def __init__(self, state: Path) -> None:
        self.path = state / LABELS_FILE

    def append(self, labels: Iterable[HumanLabel]) -> None:
        """Add labels: all of them, or an error.

        Raises:
            InfrastructureError: the file can't be written.
        """
        data = b"".join(msgspec.json.encode(label) + b"\n" for label in labels)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=_PATIENCE), self.path.open("ab") as file:
                # A line that was cut by a crash must not swallow the next one.
                file.write(data if self._ends_whole() else b"\n" + data)
        except Timeout:
            raise InfrastructureError(
                f"{self.path} is held by another process", remedy="wait for it, or end it"
            ) from None
        except OSError as error:
            raise unwritable(error, self.path) from error

    def __iter__(self) -> Iterator[HumanLabel]:
        """Every label in force, in the order in which they were last given; what was taken back is left out.

        Raises:
            ConfigError: a line is damaged.
        """
        found: dict[tuple[object, ...], HumanLabel] = {}
        for label in self._lines():
            key = (label.run, label.cell, label.name, label.who, label.source)
            found.pop(key, None)
            if label.value is not None:
                found[key] = label
        yield from found.values()

    def _lines(self) -> Iterator[HumanLabel]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    yield msgspec.json.decode(line, type=HumanLabel)
                except msgspec.DecodeError as error:
                    mistake = Mistake(f"damaged label: {error}", Where(self.path, number), "take the line out")
                    raise ConfigError([mistake]) from None

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            if not file.seek(0, 2):
                return True
            file.seek(-1, 2)
            return file.read(1) == b"\n"
