"""`demo`: the whole road on real parts, each step as the command that it is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from plimsoll.api.options import GateOptions, RunOptions
from plimsoll.api.promotion import promote_suite
from plimsoll.api.starting import lay_demo
from plimsoll.cli import decide, evaluate, moves
from plimsoll.cli.console import to_stdout
from plimsoll.cli.verdict_files import Files
from plimsoll.config import Workspace
from plimsoll.config.promotion import CHAMPION
from plimsoll.errors import ExitCode

SUITE = "support-qa"

_OPENING = (
    "Everything below is real: a language model of 135 million parameters runs on this machine, answers a help desk's "
    "questions through two versions of a prompt, a template and two prompt flow flows, is scored, logged to MLflow, "
    "gated and promoted. So small a model is a weak answerer; that is not the point. Nothing is recorded or scripted.\n"
)
# Measured by benchmarks/demo_power.py; docs/benchmarks.md has the table.
_POWER = (
    "What 22 cases can and can't see. Of 200 samples of 22 drawn from all 66 cases, this policy let v2 through in 79% "
    "and left 21% open; it refused brief in 86% and left 14% open; it never decided wrongly. Differences of a few "
    "points are beyond so few cases: each rule above states the smallest that it could have shown.\n"
)


def run(folder: Path) -> ExitCode:
    """Walk the road; the code is that of the first step that did not go as the demo is told."""
    console, started = to_stdout(), time.monotonic()
    lay_demo(folder)
    os.chdir(folder)
    console.print(_OPENING)
    for number, (say, words, step, expected) in enumerate(_STEPS, start=1):
        console.print(f"{number}. {say}", style="bold")
        console.print(f"$ plimsoll {words}\n", style="bold cyan")
        code = step()
        console.print(f"\nexit code {int(code)}: {code.meaning}\n", style="dim")
        if code is not expected:
            _explain(console, number, expected)
            return ExitCode.FAIL if code is ExitCode.PASS else code
    _close(console, folder, time.monotonic() - started)
    return ExitCode.PASS


def _evaluate() -> ExitCode:
    return evaluate.run([SUITE], RunOptions(trigger="demo"), as_json=False)


def _gate(target: str, *, first: bool = False) -> Callable[[], ExitCode]:
    options = GateOptions(run=RunOptions(trigger="demo"), target=target, first=first)
    return lambda: decide.gate([SUITE], options, Files(), as_json=False)


def _promote(reason: str) -> Callable[[], ExitCode]:
    def step() -> ExitCode:
        moves.show_move(promote_suite(Workspace.find(), SUITE, reason=reason, tell=moves.note), as_json=False)
        return ExitCode.PASS

    return step


def _history() -> ExitCode:
    moves.history(SUITE, CHAMPION, as_json=False)
    return ExitCode.PASS


_STEPS: tuple[tuple[str, str, Callable[[], ExitCode], ExitCode], ...] = (
    ("Run every target over a fixed sample of the cases.", f"run {SUITE}", _evaluate, ExitCode.PASS),
    (
        "Is the first prompt good enough to be the first champion? Only absolute rules apply.",
        f"gate {SUITE} --target v1 --first",
        _gate("v1", first=True),
        ExitCode.PASS,
    ),
    ("Make it the champion.", f"promote {SUITE} --reason 'first version'", _promote("first version"), ExitCode.PASS),
    ("Is the second version better than the champion?", f"gate {SUITE} --target v2", _gate("v2"), ExitCode.PASS),
    (
        "Promote it, on the evidence of that gate.",
        f"promote {SUITE} --reason 'answers from the page'",
        _promote("answers from the page"),
        ExitCode.PASS,
    ),
    (
        "A third version saves tokens by sending less of the page. Is it as good? It is refused.",
        f"gate {SUITE} --target brief",
        _gate("brief"),
        ExitCode.FAIL,
    ),
    ("Who promoted what, when, on what evidence.", f"history {SUITE}", _history, ExitCode.PASS),
)


def _explain(console: Console, number: int, expected: ExitCode) -> None:
    console.print(
        f"Step {number} was expected to end with {int(expected)} ({expected.meaning}). The model's answers can differ "
        "between processors; what you see above is what was measured here.",
        style="bold",
    )


def _close(console: Console, folder: Path, seconds: float) -> None:
    console.print(_POWER)
    console.print(f"Done in {seconds:.0f} s. Look further:", style="bold")
    console.print(
        f"  {folder}/.plimsoll/runs/*/report.html    every case, every answer\n"
        f"  mlflow ui --backend-store-uri sqlite:///{folder}/.plimsoll/mlflow.db\n"
        f"  cd {folder} && plimsoll run {SUITE} --sample 0    all cases instead of the sample\n"
        f"  cd {folder} && plimsoll compare v1 dag            any two targets, case by case",
        soft_wrap=True,
    )
