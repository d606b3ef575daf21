"""Workers beside each other, items that are run again, and the end by Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from tests.api.parts import Desk, cases, write_cases
from tests.pytest_plugin.parts import NO_GATE, RELATIVE, Bed

from plimsoll.testing import Reply

RERUNS = ("-p", "pytest_rerunfailures", "--reruns", "1")


def suite(bed: Bed, text: str) -> None:
    (bed.root / "suites" / "desk.yaml").write_text(text, encoding="utf-8")


@pytest.mark.long
def test_the_workers_of_xdist_ask_for_each_cell_once(bed: Bed, desk: Desk) -> None:
    suite(bed, RELATIVE)
    desk.delay = 0.02
    result = bed.outcomes("-p", "xdist", "-n", "2", "-v", passed=25)
    # Both had items of it, so both came to need it.
    assert {line[:5] for line in result.outlines if line.startswith("[gw")} == {"[gw0]", "[gw1]"}
    assert desk.requests == 24
    assert set(desk.asked.values()) == {1}
    # One run, whose report the gate has written.
    (report,) = bed.reports()
    assert "no evidence for a promotion" in report.read_text(encoding="utf-8")


@pytest.mark.long
def test_what_workers_collected_is_known_to_the_process_that_started_them(bed: Bed) -> None:
    write_cases(bed.root, cases(1))
    bed.pytester.makepyfile(test_it="def test_other(): pass")
    assert bed.run("--plimsoll", "-p", "xdist", "-n", "1", "test_it.py").ret == pytest.ExitCode.USAGE_ERROR
    assert bed.run("--plimsoll", "-p", "xdist", "-n", "1", "-k", "v1").ret == pytest.ExitCode.OK


def test_an_item_that_is_run_again_asks_for_what_failed_and_for_nothing_else(bed: Bed, desk: Desk) -> None:
    suite(bed, NO_GATE)
    answers = iter([Reply(status=500, body="boom"), "answer 5"])
    desk.replies = Flaky({5: answers})
    desk.wrong = {"one": {7}}
    bed.run("--plimsoll", *RERUNS, "-k", "v1").assert_outcomes(passed=11, failed=1, deselected=12)
    # A wrong answer stays the same answer.
    assert desk.asked["one", 7] == 1
    assert desk.asked["one", 5] == 2
    assert desk.requests == 13


def test_a_gate_decides_on_what_was_mended(bed: Bed, desk: Desk) -> None:
    desk.replies = Flaky({5: iter([Reply(status=500, body="boom"), "answer 5"])})
    bed.run("--plimsoll", *RERUNS, "-k", "v1 or gate").assert_outcomes(passed=13, deselected=12)
    assert desk.requests == 13


def test_a_gate_that_is_decided_again_asks_for_what_had_failed(bed: Bed, desk: Desk) -> None:
    desk.replies = Flaky({5: iter([Reply(status=500, body="boom"), "answer 5"])})
    bed.outcomes(*RERUNS, "suites/desk.yaml::gate", passed=1)
    assert desk.requests == 13


class Flaky(dict[int, Any]):
    """Replies that change from one request to the next; the last stays."""

    def get(self, number, default=None):
        return next(self[number], default) if number in self else default


@pytest.mark.long
def test_ctrl_c_ends_the_run_and_what_was_answered_is_not_asked_again(bed: Bed, desk: Desk) -> None:
    suite(bed, NO_GATE)
    desk.delay = 0.1
    words = [sys.executable, "-m", "pytest", "-p", "plimsoll.pytest_plugin", "--plimsoll"]
    with subprocess.Popen(words, cwd=bed.root, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while desk.requests < 8:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert re.search("!+ KeyboardInterrupt !+", out)
    asked, desk.delay = desk.requests, 0.0
    bed.outcomes(passed=24)
    # Four are under way at once; they were not answered.
    assert desk.requests <= 24 + 4 + 1
    assert asked < 24
