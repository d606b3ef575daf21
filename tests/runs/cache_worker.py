"""Cells for the cache's tests, and what processes do with them: `cache_worker.py WHAT …` says what it found as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plimsoll import canonical
from plimsoll.errors import InfrastructureError
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


def say(what: Any) -> None:
    """Print it, for the test."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def fill(folder: str) -> None:
    """Write until the disk is full; then look whether what was written before is still there."""
    path, told = Path(folder) / "cache.db", None
    keys: list[str] = []
    try:
        with CellCache(path) as cache:
            keys += [keep(cache, number, "x" * 2000) for number in range(50)]
            cache.flush()
            for number in range(50, 2000):
                keep(cache, number, "x" * 2000)
    except InfrastructureError as error:
        told = [error.message, error.remedy]
    with CellCache(path) as cache:
        say({"told": told, "readable": [cache.output(key) is not None for key in keys]})


def write_protected(state: str, folder: str) -> None:
    """Write where nothing can be written: a disk that is read-only, with a cache on it or without."""
    path = Path(folder) / "cache.db"
    if state == "there":
        with CellCache(path) as cache:
            keep(cache, 1)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    try:
        with CellCache(path) as cache:
            keep(cache, 2)
    except InfrastructureError as error:
        say([error.message, error.remedy])


def share(path: str, name: str, others: str) -> None:
    """Keep cells, its own and some that every process keeps, and go on until those of all others can be read."""
    sys.stdin.readline()
    with CellCache(Path(path)) as cache:
        for number in range(400):
            keep(cache, f"{name} {number}", name)
            keep(cache, f"common {number}", "common")
            keep_score(cache, f"{name} {number}")
        cache.flush()
        missing = {key_of(f"{other} {number}") for other in others.split(",") for number in range(400)}
        while missing:
            missing = {key for key in missing if cache.output(key) is None}
    say("done")


def write_on(path: str) -> None:
    """Write until it is killed; say so when the first batches are in the file."""
    with CellCache(Path(path)) as cache:
        number = 0
        while True:
            keep(cache, f"killed {number}")
            number += 1
            if number == 1000:
                say("going")


if __name__ == "__main__":
    works: dict[str, Callable[..., None]] = {
        "fill": fill,
        "write_protected": write_protected,
        "share": share,
        "write_on": write_on,
    }
    works[sys.argv[1]](*sys.argv[2:])
