"""Cells for the cache's tests, and a small disk that can be full or read-only."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll import canonical
from plimsoll.runs.cache import CellCache
from plimsoll.types import Output, Scored

DAY = 86400.0
PARTS = {"model.model": '"m"'}


def key_of(name: object) -> str:
    """A digest as keys are."""
    return canonical.digest(str(name))


def keep(cache: CellCache, name: object, text: str = "a", *, suite: str = "s") -> str:
    """Keep an output; its key."""
    key = key_of(name)
    cache.keep_output(key, Output(text=text, latency=1.5), f"{suite}/t/0//{name}", PARTS)
    return key


def keep_score(cache: CellCache, name: object, *, suite: str = "s") -> str:
    """Keep an evaluator's scores; their key."""
    key = key_of(f"score {name}")
    cache.keep_scores(key, {"f1": Scored(value=0.5)}, f"{suite}/t/0/f1/{name}", PARTS)
    return key


def on_small_disk(script: str, folder: Path, size: str = "1m") -> str:
    """Run a script whose argument is an empty disk of its own; what it prints."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare")
    folder.mkdir()
    mount = f'mount -t tmpfs -o size={size} tmpfs "$1" || exit 99; exec "$2" -c "$3" "$1"'
    words = [unshare, "-rm", "sh", "-c", mount, "sh", str(folder), sys.executable, script]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    if ended.returncode == 99 or "unshare" in ended.stderr:
        pytest.skip(f"no disk of our own can be mounted here: {ended.stderr.strip()}")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
