"""The runs of all contenders as ratios to Plimsoll's, each taken within one round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from operator import attrgetter
from statistics import median

from benchmarks.common.results import Finding, Section, Table, machine, today
from benchmarks.common.results import versions as installed
from benchmarks.peers.contenders import CONTENDERS, PLIMSOLL, UNTRACKED
from benchmarks.peers.installing import versions as pinned
from benchmarks.peers.measuring import Measured, Setting

Runs = Mapping[str, Sequence[Measured | None]]
"""Contender → what each round measured; None of a round in which it failed."""

_seconds, _span, _cpu, _peak = (attrgetter(name) for name in ("seconds", "span", "cpu", "peak"))


def section(runs: Runs, failures: Mapping[str, str], setting: Setting) -> Section:
    """All of it, ready to be kept."""
    return Section(
        name="peers",
        command=f"python -m benchmarks.peers --rows {setting.rows} --rounds {setting.rounds}",
        date=today(),
        machine=machine(),
        versions=installed("plimsoll-llm", "openai", "aiohttp", "mlflow"),
        findings=tuple(findings(runs, failures, setting)),
        tables=(_figures(runs, setting), _settings(failures)),
    )


def findings(runs: Runs, failures: Mapping[str, str], setting: Setting) -> Iterator[Finding]:
    """Whether Plimsoll, logging to MLflow, is faster than each peer."""
    for contender in CONTENDERS:
        if not contender.peer or contender.name not in runs:
            continue
        ratio = _ratio(runs, contender.name, _seconds)
        rows = max(1, round(setting.rows * contender.share))
        notes = []
        untracked = _ratio(runs, contender.name, _seconds, base=UNTRACKED)
        if untracked is not None:
            notes.append(f"{untracked:.2f} × Plimsoll's without MLflow")
        if contender.share < 1:
            notes.append(f"measured with {rows:,} rows, the time from first request to last answer scaled up")
        if contender.name in failures:
            notes.append(failures[contender.name])
        yield Finding(
            key=contender.name,
            what=f"{contender.title}: whole process, over Plimsoll's with MLflow",
            measured=ratio,
            unit="×",
            goal="> 1",
            reached=None if ratio is None else ratio > 1,
            note="; ".join(notes),
            details={"runs": [asdict(one) for one in runs[contender.name] if one is not None]},
        )
    for name in (one.name for one in CONTENDERS if not one.peer and one.name in runs):
        yield Finding(
            key=name,
            what=f"{_title(name)}: whole process, over the floor (rows × latency ÷ concurrency)",
            measured=_median(runs[name], lambda one: one.seconds / _floor(setting)),
            unit="×",
            goal="",
            reached=None,
            note=failures.get(name, ""),
            details={"runs": [asdict(one) for one in runs[name] if one is not None]},
        )


def _figures(runs: Runs, setting: Setting) -> Table:
    measures = (_seconds, _span, _cpu, _peak)
    rows = []
    for contender in CONTENDERS:
        if contender.name not in runs:
            continue
        ratios = (_ratio(runs, contender.name, of) for of in measures)
        seconds, span = (_median(runs[contender.name], of) for of in (_seconds, _span))
        texts = [*map(_times, ratios), _number(seconds), _number(span)]
        rows.append((contender.title, *texts))
    return Table(
        key="figures",
        caption=f"{setting.rows:,} rows, {1000 * setting.latency:.0f} ms, {setting.concurrency} at once: each figure "
        f"over Plimsoll's with MLflow, of the same round; the median of {setting.rounds} rounds in which all ran by "
        f"turns. The floor is {_floor(setting):.2f} s. Memory is that of the largest process.",
        columns=(
            "",
            "whole process",
            "first request to last answer",
            "processor",
            "memory",
            "process, s",
            "requests, s",
        ),
        rows=tuple(rows),
    )


def _settings(failures: Mapping[str, str]) -> Table:
    rows = []
    for contender in CONTENDERS:
        versions = (
            ", ".join(f"{name} {one}" for name, one in pinned(contender.name).items()) if contender.installed else ""
        )
        failed = f"; failed: {failures[contender.name]}" if contender.name in failures else ""
        rows.append((contender.title, versions or "–", contender.settings + failed))
    return Table(key="settings", caption="How each was set:", columns=("", "versions", "settings"), rows=tuple(rows))


def _ratio(runs: Runs, name: str, of: Callable[[Measured], float], *, base: str = PLIMSOLL) -> float | None:
    pairs = zip(runs.get(name, ()), runs.get(base, ()), strict=False)
    ratios = [of(one) / of(other) for one, other in pairs if one is not None and other is not None]
    return median(ratios) if ratios else None


def _median(measured: Sequence[Measured | None], of: Callable[[Measured], float]) -> float | None:
    values = [of(one) for one in measured if one is not None]
    return median(values) if values else None


def _floor(setting: Setting) -> float:
    return setting.rows * setting.latency / setting.concurrency


def _title(name: str) -> str:
    return next(one.title for one in CONTENDERS if one.name == name)


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f} ×"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
