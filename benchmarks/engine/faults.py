"""A run against an endpoint of which 30% of the answers are faults, and one without: does every row end, and when.

The ideal is the time that the requests alone need when no place stands empty:

    ideal = Σ over rows, Σ over the row's attempts of t(attempt) ÷ concurrency; at least the longest row's Σ
    t = the latency of an answer, a 429, a 500 or a cut; the model's timeout for a hang

with the attempts of each row known from the endpoint's seed: until its first answer, at most retries + 1. Waits before
an attempt are left out: another row can have the place meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.common.processes import CommandError, plimsoll
from benchmarks.common.results import Finding, at_most
from benchmarks.engine.endpoint import ANSWER, Endpoint, fate
from benchmarks.engine.setting import Setting
from benchmarks.engine.workspace import Workspace, finished, scored, write_workspace

SHARE = 0.3
SEED = 3
RETRIES = 4
TIMEOUT = 2.0
"""Seconds, of the model."""
GOAL = 1.5
_MISSING, _UNSCORED = "missing", "unscored"


@dataclass(frozen=True, slots=True)
class _Ran:
    wall: float
    """Seconds from the first request to the last that ended."""
    ideal: float
    """What the module's formula gives."""
    workspace: Workspace
    requests: Counter[str]
    """What the endpoint gave: an answer, or which fault."""

    @property
    def ratio(self) -> float:
        return self.wall / self.ideal


def faults(setting: Setting) -> Iterator[Finding]:
    """First without faults, then with them, then with a Retry-After in each 429."""
    clean = _run(setting, "clean", share=0.0)
    faulty = _run(setting, "faulty")
    yield _ended(setting, faulty)
    yield Finding(
        key="faults-wall",
        what="the same: first request to last answer, over the ideal for that fault rate",
        measured=faulty.ratio,
        unit="×",
        goal=f"≤ {GOAL:g}",
        reached=at_most(GOAL, faulty.ratio),
        note=f"{faulty.wall:.1f} s of {faulty.ideal:.1f} s; the same rows without faults {clean.ratio:.2f} × their "
        f"ideal. The ideal: Σ attempts ({1000 * setting.latency:.0f} ms each, a hang the timeout of {TIMEOUT:g} s) ÷ "
        f"{setting.concurrency}. No 429 has a Retry-After.",
        details={"wall": faulty.wall, "ideal": faulty.ideal, "clean wall": clean.wall, "clean ideal": clean.ideal},
    )
    asked_to_wait = _run(replace(setting, fault_rows=setting.fault_rows // 4), "retry-after", retry_after=1)
    yield Finding(
        key="faults-retry-after",
        what="the same with `Retry-After: 1` in each 429, a quarter of the rows",
        measured=asked_to_wait.ratio,
        unit="×",
        goal="reported",
        reached=None,
        note="A Retry-After holds back every request to the endpoint, as a quota that is used up would; the ideal is "
        "that of an endpoint that did not mean it.",
    )


def _ended(setting: Setting, ran: _Ran) -> Finding:
    run = ran.workspace.newest_run()
    assert run is not None
    outcomes, scores = finished(run), scored(run)
    rows = range(setting.fault_rows)
    ended = Counter("scored" if _scored(scores.get(row)) else _kind(outcomes.get(row)) for row in rows)
    open_ = ended[_MISSING] + ended[_UNSCORED]
    return Finding(
        key="faults-ended",
        what=f"{SHARE:.0%} of answers 429, 500, cut or hanging: rows that ended neither scored nor classified",
        measured=open_,
        unit="",
        goal="0",
        reached=open_ == 0,
        note=f"{len(rows):,} rows: {_listed(ended)}; {sum(ran.requests.values()):,} requests: {_listed(ran.requests)}.",
    )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} × {name}" for name, count in sorted(counts.items()))


def _run(setting: Setting, name: str, *, share: float = SHARE, retry_after: int = 0) -> _Ran:
    log = setting.folder / f"{name}.log"
    with Endpoint(log, latency=setting.latency, faults=share, seed=SEED, retry_after=retry_after) as endpoint:
        model = {"retries": RETRIES, "timeout": TIMEOUT}
        workspace = write_workspace(
            setting.folder / name, endpoint.base_url, setting.fault_rows, concurrency=setting.concurrency, model=model
        )
        workspace.fresh()
        # 4: more rows failed for good than `max_failed` allows.
        ended = plimsoll("run", "bench", "--no-track", cwd=workspace.root, codes=(0, 4))
        asked = endpoint.asked()
    if not asked:
        raise CommandError(f"nothing was asked: {ended.err[-2000:]}")
    began = min(one.began for one in asked)
    # A hang ends when its client gives it up.
    over = max(one.ended or one.began + TIMEOUT for one in asked)
    return _Ran(over - began, _ideal(setting, share), workspace, Counter(one.what for one in asked))


def _attempts(row: int, share: float) -> Iterator[str]:
    for attempt in range(RETRIES + 1):
        what = fate(SEED, share, row, attempt)
        yield what
        if what == ANSWER:
            return


def _seconds(what: str, setting: Setting) -> float:
    return TIMEOUT if what == "hang" else setting.latency


def _ideal(setting: Setting, share: float) -> float:
    rows = range(setting.fault_rows)
    seconds = [sum(_seconds(what, setting) for what in _attempts(row, share)) for row in rows]
    return max(sum(seconds) / setting.concurrency, *seconds)


def _scored(scores: dict[str, Any] | None) -> bool:
    return scores is not None and [one["status"] for one in scores.values()] == ["ok"]


def _kind(outcome: dict[str, Any] | None) -> str:
    if outcome is None:
        return _MISSING
    return f"failed: {outcome['kind']}" if outcome["type"] == "failure" else _UNSCORED
