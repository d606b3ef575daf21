"""Progress: what a run's cells add up to, at every width, on a terminal and elsewhere."""

from __future__ import annotations

import io
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from plimsoll.cli.counts import Counts, Pace, total
from plimsoll.cli.latencies import Latencies
from plimsoll.cli.progress import RunProgress
from plimsoll.cli.progress_table import Row, Whole, shown_rows, status_line, table_of
from plimsoll.errors import FailureKind
from plimsoll.runs.plan import Plan
from plimsoll.testing import ManualClock
from plimsoll.types import CellId, CellRecord, Failure, Output, TargetInfo, Usage

FAILURE = Failure(kind=FailureKind.TIMEOUT, message="no answer", remedy="wait")
PRICED = Usage(prompt_tokens=200, completion_tokens=30, requests=1, cost=0.001)
UNPRICED = Usage(prompt_tokens=200, completion_tokens=30, requests=1)


def plan(*targets: str, cases: int = 100, settings: dict[str, float] | None = None) -> Plan:
    return Plan(
        run="20260314-150926000-first-c0de",
        suite="first",
        started="2026-03-14T15:09:26+00:00",
        settings=settings or {},
        dataset="d",
        dataset_digest="",
        cases=cases,
        cases_digest="",
        targets={name: TargetInfo(name=name, kind="prompt", digest="") for name in targets},
        evaluators={},
    )


def record(target: str = "v1", *, latency: float | None = 0.5, cached: bool = False, failed: bool = False):
    output = Output(text="yes", usage=PRICED, latency=None if cached else latency)
    outcome = FAILURE if failed else output
    return CellRecord(cell=CellId(target, "c1"), key="", outcome=outcome, cached=cached)


def counts(done: int, *, failed: int = 0, cached: int = 0, usage: Usage = PRICED, seconds: float = 0.5) -> Counts:
    found = Counts()
    for number in range(done):
        lost, reused = number < failed, failed <= number < failed + cached
        asked = [] if lost or reused else [usage]
        found.add(record(latency=seconds * (1 + number / done), failed=lost, cached=reused), asked)
    return found


def whole(rows: list[Row], **more: float | None) -> Whole:
    summed = total(row.counts for row in rows)
    owed = sum(row.owed or 0 for row in rows)
    figures: dict[str, float | None] = {"rate": 40.0, "elapsed": 9.0, "left": 71.2, "cap": None, **more}
    return Whole(summed, owed, **figures)  # type: ignore[arg-type]  # each is one of its figures


def printed(*parts: object, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    for part in parts:
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def drawn(rows: list[Row], width: int, height: int = 24, **more: float | None) -> str:
    sums = whole(rows, **more)
    return printed(table_of(shown_rows(rows, sums, height), width), status_line(sums, width), width=width)


TWO = [
    Row("v1", counts(1204, failed=3), 2000, rate=31.0),
    Row("v2@hosted", counts(310, cached=210, seconds=2.0), 2000, rate=9.0),
]


def test_each_target_has_a_line_and_the_run_one_below_them():
    assert drawn(TWO, 80, cap=5.0).splitlines() == [
        "target           cells  failed  cached    rate     p50     p95  tokens  spend",
        "v1         1,204/2,000       3          31.0/s  0.76 s  0.98 s  276.2k  $1.20",
        "v2@hosted    310/2,000             210  9.00/s  3.67 s  3.97 s   23.0k  $0.10",
        "all        1,514/4,000       3     210  40.0/s                  299.2k  $1.30",
        "━━━━━━━━━━━━━╸                        37%  after 0:09  1:11 left  $1.30 of $5.00",
    ]


def test_what_has_no_room_is_left_out_the_least_telling_first():
    assert drawn(TWO, 60).splitlines() == [
        "target           cells  failed    rate     p95  spend",
        "v1         1,204/2,000       3  31.0/s  0.98 s  $1.20",
        "v2@hosted    310/2,000          9.00/s  3.97 s  $0.10",
        "all        1,514/4,000       3  40.0/s          $1.30",
        "━━━━━━━━━━━━                      37%  after 0:09  1:11 left",
    ]


MANY = [Row(f"prompt-{n}@a-model-with-a-long-名前-{n:02}", counts(9, failed=1), 10, rate=1.0) for n in range(30)]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("rows", [TWO, MANY, TWO[:1]])
def test_no_line_is_wider_than_the_terminal_and_no_frame_higher(rows: list[Row], width: int):
    for height in (10, 24):
        lines = drawn(rows, width, height, cap=5.0).splitlines()
        assert max(map(cell_len, lines)) <= width
        assert len(lines) < height


def test_targets_that_have_no_line_are_told_as_one_and_names_stay_apart():
    lines = drawn(MANY, 80, height=10).splitlines()
    assert len({line.split()[0] for line in lines[1:6]}) == 5
    assert lines[6].startswith("25 more")
    assert "225/250" in lines[6]
    assert lines[7].startswith("all")
    assert "270/300" in lines[7]


def test_an_unknown_price_makes_the_spend_unknown_and_reused_cells_cost_nothing():
    paid = counts(4, cached=1)
    paid.add(record(), [UNPRICED])
    assert (paid.spend, paid.tokens) == (None, 4 * 230)
    rows = [Row("v1", paid, 5, rate=1.0), Row("v2", counts(5), 5, rate=1.0)]
    lines = drawn(rows, 80).splitlines()
    assert [line.split()[-1] for line in lines[1:4]] == ["unknown", "$0.0050", "unknown"]
    reused = Row("v1", counts(5, cached=5), 5, rate=1.0)
    assert "spend" not in drawn([reused], 80)
    assert "$" not in drawn([reused], 80)


def test_judges_count_towards_tokens_and_spend():
    judged = Counts()
    judged.add(record(), [PRICED, PRICED])
    judged.add(record(cached=True), [PRICED])
    assert judged.tokens == 3 * 230
    assert judged.spend == pytest.approx(0.003)
    unknown = Counts()
    unknown.add(record(), [PRICED, Usage(requests=1, cost=0.001)])
    assert unknown.tokens is None
    assert unknown.spend == pytest.approx(0.002)


def test_latencies_are_those_of_answers_generated_now():
    found = Counts()
    for latency in (1.0, 2.0, 3.0):
        found.add(record(latency=latency), [])
    found.add(record(cached=True), [])
    found.add(record(failed=True), [])
    assert found.latencies.amount == 3
    assert list(found.latencies.percentiles((0.5,))) == pytest.approx([2.0], rel=0.01)


@given(st.lists(st.floats(min_value=1e-4, max_value=86_400), min_size=1, max_size=200), st.floats(0, 1))
def test_a_percentile_is_within_a_hundredth_of_the_latency_of_its_rank(values: list[float], share: float):
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    exact = sorted(values)[max(math.ceil(share * len(values)), 1) - 1]
    assert latencies.percentiles((share,))[0] == pytest.approx(exact, rel=0.0101)


def test_latencies_out_of_range_are_counted_and_none_has_no_percentile():
    latencies = Latencies()
    assert latencies.percentiles((0.5, 0.95)) == ()
    latencies.add(0.0)
    latencies.add(1e9)
    assert list(latencies.percentiles((0.1, 0.9))) == pytest.approx([1e-4, 86_400], rel=0.02)


def test_the_rate_is_that_of_the_last_ten_seconds_and_of_slow_cells_the_last_twenty():
    pace, done = Pace(0.0), 0
    for tick in range(1, 401):
        done += 10 if tick <= 200 else 1
        pace.mark(tick / 10, done)
    assert pace.rate(40.0, done) == pytest.approx(10.0, rel=0.1)
    slow = Pace(0.0)
    for number in range(1, 41):
        slow.mark(30.0 * number, number)
    assert slow.rate(1200.0, 40) == pytest.approx(1 / 30)
    assert Pace(0.0).rate(5.0, 0) is None


def elsewhere(clock: ManualClock, cap: float | None = None) -> tuple[RunProgress, io.StringIO]:
    file = io.StringIO()
    return RunProgress(Console(file=file, width=80), cap=cap, clock=lambda: clock.seconds), file


def test_elsewhere_than_on_a_terminal_there_is_a_line_every_ten_seconds_and_a_last_one():
    clock = ManualClock()
    progress, file = elsewhere(clock)
    with progress.running():
        progress.planned(plan("v1", "v2", cases=50), 100)
        for number in range(100):
            clock.advance(0.25)
            progress.finished(record("v1" if number % 2 else "v2", failed=number == 7), [PRICED])
    assert file.getvalue().splitlines() == [
        "first: 2 targets × 50 cases  (run 20260314-150926000-first-c0de)",
        "first: 40 of 100 cells, 1 failed, 4.00/s, 9.2k tokens, $0.04, 0:15 left",
        "first: 80 of 100 cells, 1 failed, 4.00/s, 18.4k tokens, $0.08, 0:05 left",
        "first: 100 of 100 cells, 1 failed, 23.0k tokens, $0.10, in 25 s",
    ]


@pytest.mark.parametrize(("cap", "suites", "shown"), [(0.5, None, "0.50"), (None, 2, "2.00"), (0.5, 2, "0.50")])
def test_a_spend_cap_stands_beside_the_spend(cap: float | None, suites: float | None, shown: str):
    clock = ManualClock()
    progress, file = elsewhere(clock, cap)
    settings = {} if suites is None else {"max_cost": suites}
    with progress.running():
        progress.planned(plan("v1", settings=settings), 100)
        progress.finished(record(), [Usage(requests=1, cost=0.31)])
    assert f"$0.31 of ${shown}" in file.getvalue()


def test_a_resumed_run_counts_what_it_still_owes():
    clock = ManualClock()
    progress, file = elsewhere(clock)
    with progress.running():
        progress.planned(plan("v1", "v2", cases=50), 12)
        for _ in range(6):
            clock.advance(2.0)
            progress.finished(record("v2"), [])
    lines = file.getvalue().splitlines()
    assert ", 12 cells left  (run " in lines[0]
    assert lines[1] == "first: 5 of 12 cells, 30.0/min, 0:14 left"
    assert lines[2].startswith("first: 6 of 12 cells, in 12 s")


def terminal(file: io.StringIO, **environ: str) -> Console:
    return Console(file=file, force_terminal=True, width=80, height=24, _environ=environ)


def show(console: Console) -> None:
    progress = RunProgress(console)
    with progress.running():
        progress.planned(plan("v1", "v2", cases=2), 4)
        for target in ("v1", "v2", "v1"):
            progress.finished(record(target), [PRICED])
        progress.finished(record("v2", failed=True), [])


def test_on_a_terminal_the_table_is_drawn_and_cleared_away():
    file = io.StringIO()
    show(terminal(file, TERM="xterm-256color"))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())
    [last] = re.findall(r"all +4/4 +1 .*", text)[-1:]
    assert last.split()[-1] == "$0.0030"
    assert max(map(cell_len, text.replace("\r", "\n").splitlines())) <= 80
    # Each of its five lines is erased again.
    assert file.getvalue().rpartition("all")[2].count("\x1b[2K") >= 5


def test_a_dumb_terminal_gets_plain_lines_and_no_color_no_colour():
    dumb, plain = io.StringIO(), io.StringIO()
    show(terminal(dumb, TERM="dumb"))
    assert "\x1b" not in dumb.getvalue()
    assert len(dumb.getvalue().splitlines()) == 2
    show(terminal(plain, TERM="xterm-256color", NO_COLOR="1"))
    assert "all" in plain.getvalue()
    assert re.findall(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)[;m]", plain.getvalue()) == []
