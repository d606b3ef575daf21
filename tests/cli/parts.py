"""Running the command line inside the test's process, and as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.api.parts import Desk

from plimsoll.cli.main import main


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Stdout as the one JSON object that it has to be."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def plimsoll(capsys: pytest.CaptureFixture[str], *words: str) -> Ended:
    """Run a command here: what it imports stays imported, which makes the next one quick."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(words)
    code = ended.value.code
    assert isinstance(code, int)
    return Ended(code, *capsys.readouterr())


def start(*words: str, folder: Path, **more: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own; `more` are environment variables."""
    return subprocess.Popen(
        [sys.executable, "-m", "plimsoll.cli.main", *words],
        cwd=folder,
        env={**os.environ, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], seconds: float = 60) -> Ended:
    """Wait for a process."""
    out, err = process.communicate(timeout=seconds)
    return Ended(process.returncode, out, err)


def wait_for(desk: Desk, requests: int) -> None:
    """Wait until the desk was asked so often."""
    deadline = time.monotonic() + 40
    while desk.requests < requests:
        assert time.monotonic() < deadline, f"{desk.requests} requests"
        time.sleep(0.01)
