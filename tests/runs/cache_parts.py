"""Processes for the cache's tests, and a small disk that can be full or read-only."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WORKER = Path(__file__).with_name("cache_worker.py")


def command(*words: str) -> list[str]:
    """A process that works on a cache, as `cache_worker` knows it."""
    return [sys.executable, str(WORKER), *words]


def on_small_disk(folder: Path, *words: str) -> Any:
    """Let a process work on an empty disk of its own, of 1 MiB; what it says."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare")
    folder.mkdir()
    mount = 'mount -t tmpfs -o size=1m tmpfs "$0" || exit 99; exec "$@"'
    process = [unshare, "-rm", "sh", "-c", mount, str(folder), *command(*words, str(folder))]
    ended = subprocess.run(process, capture_output=True, text=True, check=False, timeout=60)
    if ended.returncode == 99 or "unshare:" in ended.stderr:
        pytest.skip(f"no disk of our own can be mounted here: {ended.stderr.strip()}")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)
