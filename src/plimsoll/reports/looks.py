"""How far a sequential run came, in words: said once, so that what was not run is missing nowhere else."""

from __future__ import annotations

from plimsoll.gates.words import percent
from plimsoll.reports.text import count
from plimsoll.types import Look, Report, Verdict


def course_text(report: Report) -> str:
    """`decided at look 2 of 5, after 160 of 400 cases: 480 cells were not run`; empty of any other run.

    Args:
        report: The run with all its planned cases.
    """
    run, look = report.run, report.run.look
    if look is None:
        return "cut short before it was decided" if run.looks and not run.complete else ""
    if not run.complete:
        return f"cut short on the way to look {look.number} of {look.of}"
    place = f"look {look.number} of {look.of}"
    if not run.saved:
        return f"every case was run: {place}"
    cases = f"{len(report.due().cases):,} of {count(len(report.cases), 'case')}"
    requests = requests_saved(report)
    about = f", about {count(requests, 'request')}" if requests else ""
    return f"decided at {place}, after {cases}: {count(run.saved, 'cell')} were not run{about}"


def requests_saved(report: Report) -> int | None:
    """About how many requests were not sent, by what the cells that were run took.

    None where that is not known: something came from the cache, or the run is not decided.
    """
    cells = sum(1 for _ in report.cells)
    if not report.run.saved or not cells or any(record.cached for record in report.cells):
        return None
    return round(report.run.saved * report.run.requests / cells)


def level_text(verdict: Verdict) -> str:
    """`95% intervals`; at a look that many are above the policy's: `98.7% intervals, which keeps 95% over 5 looks`."""
    overall = percent(verdict.confidence)
    levels = sorted({rule.confidence for rule in verdict.rules if rule.confidence is not None})
    if verdict.look is None or not levels:
        return f"{overall} intervals"
    least, most = percent(levels[0]), percent(levels[-1])
    shown = least if least == most else f"{least} to {most}"
    return f"{shown} intervals, which keeps {overall} over {_looks(verdict.look)}"


def _looks(look: Look) -> str:
    return count(look.of, "look")
