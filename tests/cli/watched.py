"""`plimsoll run --watch` as a process of its own, and what it shows as it comes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.cli.sessions import SECONDS, Sessions

WAITING = "Ctrl-C leaves"


class Watching:
    """The process, with both of its streams as one text. A context manager: at its end the process is gone."""

    def __init__(self, sessions: Sessions, folder: Path) -> None:
        self._sessions = sessions
        self._shown, written = os.pipe()
        streams = (written, written)
        sessions.start("run", "desk", "--watch", folder=folder, streams=streams, COLUMNS="80")
        os.close(written)
        self._text = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._waits = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._sessions.stop()
        self._reader.join(SECONDS)
        os.close(self._shown)

    @property
    def text(self) -> str:
        return self._text

    def _read(self) -> None:
        while chunk := os.read(self._shown, 65536):
            with self._news:
                self._text += chunk.decode()
                self._news.notify_all()
        with self._news:
            self._text += "\n(closed)\n"
            self._news.notify_all()

    def until(self, reached: Callable[[str], bool]) -> None:
        with self._news:
            self._news.wait_for(lambda: reached(self._text) or "(closed)" in self._text, SECONDS)
            assert reached(self._text), self._text

    def rest(self) -> str:
        """What was shown since the last time, once it waits for the next save."""
        self._waits += 1
        self.until(lambda text: text.count(WAITING) >= self._waits)
        return self._text.split(WAITING)[self._waits - 1]

    def interrupt(self) -> int:
        """Ctrl-C; its exit code, once every process that shares its output is gone."""
        self._sessions.send(signal.SIGINT)
        code = self._sessions.code()
        self._reader.join(SECONDS)
        assert not self._reader.is_alive(), "a process was left behind"
        return code
