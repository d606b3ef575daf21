"""Attempts: every gate counts once, wherever it was made, and the same challenger is one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from plimsoll.config import Workspace
from plimsoll.registry import attempts
from plimsoll.registry.attempts import Attempt, count_attempt
from plimsoll.testing.store import MemoryRegistryStore

DATASET, CHAMPION = "sha256:" + "d" * 64, "sha256:" + "c" * 64


def attempt(bundle: str, run: str, epoch: str = "") -> Attempt:
    return Attempt(bundle=bundle, epoch=epoch, run=run, who="ada", when="2026-10-01T12:00:00Z")


def count(store: Any, found: Attempt, dataset: str = DATASET, baseline: str | None = CHAMPION) -> tuple[int, int]:
    counted = count_attempt(store, "desk", found, dataset=dataset, baseline=baseline)
    return counted.number, counted.gates


def test_another_challenger_or_another_drawing_of_its_answers_is_another_attempt() -> None:
    store = MemoryRegistryStore()
    assert count(store, attempt("a", "1")) == (1, 1)
    assert count(store, attempt("b", "2")) == (2, 2)
    assert count(store, attempt("a", "3")) == (2, 3)
    assert count(store, attempt("a", "4", epoch="fresh")) == (3, 4)


def test_another_dataset_and_another_champion_begin_anew() -> None:
    store = MemoryRegistryStore()
    assert count(store, attempt("a", "1")) == (1, 1)
    assert count(store, attempt("b", "2"), dataset="sha256:" + "e" * 64) == (1, 1)
    assert count(store, attempt("b", "3"), baseline="sha256:" + "f" * 64) == (1, 1)
    assert count(store, attempt("b", "4"), baseline=None) == (1, 1)
    assert count(store, attempt("b", "5")) == (2, 2)


def test_a_run_that_is_decided_on_again_is_no_further_gate() -> None:
    store = MemoryRegistryStore()
    count(store, attempt("a", "1"))
    count(store, attempt("b", "2"))
    assert count(store, attempt("a", "1")) == (1, 1)
    assert len(store.records("desk")) == 2


def test_what_can_not_be_read_was_an_attempt_all_the_same() -> None:
    store = MemoryRegistryStore()
    store.create_record("desk", f"attempt.{'d' * 8}.{'c' * 8}.0001", "?")
    assert count(store, attempt("a", "1")) == (2, 2)


def test_beyond_the_bound_nothing_is_recorded_and_the_figures_are_the_least() -> None:
    store = MemoryRegistryStore()
    for number in range(1, attempts.MOST + 1):
        key = f"attempt.{'d' * 8}.{'c' * 8}.{number:04d}"
        store.create_record("desk", key, f'{{"bundle":"{number}","epoch":"","run":"{number}","who":"","when":""}}')
    assert count(store, attempt("new", "x")) == (attempts.MOST + 1, attempts.MOST + 1)
    assert len(store.records("desk")) == attempts.MOST


def test_of_threads_that_count_at_once_each_gets_a_number_of_its_own() -> None:
    store, found = MemoryRegistryStore(), []
    threads = [
        threading.Thread(target=lambda name: found.append(count(store, attempt(name, name))), args=(str(n),))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(n, n) for n in range(1, 13)]


@pytest.mark.long
@pytest.mark.mlflow
@pytest.mark.skipif(sys.platform == "win32", reason="the racers fork, to import MLflow only once")
def test_two_processes_that_race_on_a_real_store_are_both_counted(workspace: Workspace) -> None:
    script = Path(__file__).with_name("attempt_racers.py")
    done = subprocess.run(
        [sys.executable, str(script), str(workspace.root), "4"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == [[n, n] for n in range(1, 9)]
