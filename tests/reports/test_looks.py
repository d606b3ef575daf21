"""How far a sequential run came, in words."""

from __future__ import annotations

from msgspec.structs import replace

from plimsoll.reports.looks import course_text, level_text, requests_saved
from plimsoll.testing.reports import example_report, example_verdict
from plimsoll.types import Look, Report


def decided(*, look: Look | None, complete: bool = True, run: int = 10, cached: bool = False) -> Report:
    """A run of 24 cases and three targets that came to the first ones."""
    whole = example_report(flawless=True)
    come_to = list(whole.cases)[:run]
    cells = tuple(replace(cell, cached=cached) for cell in whole.cells if cell.cell.case in come_to)
    saved = len(whole.cells) - len(cells) if complete else 0
    record = replace(whole.run, looks=5, look=look, complete=complete, saved=saved, requests=60)
    return replace(whole, run=record, cells=cells)


def test_of_any_other_run_nothing_is_said() -> None:
    assert course_text(example_report()) == ""
    assert level_text(example_verdict(example_report())) == "95% intervals"


def test_a_decided_run_names_its_look_and_what_was_saved() -> None:
    report = decided(look=Look(number=2, of=5))
    told = "decided at look 2 of 5, after 10 of 24 cases: 42 cells were not run"
    assert course_text(report) == f"{told}, about 84 requests"
    reused = decided(look=Look(number=2, of=5), cached=True)
    assert (course_text(reused), requests_saved(reused)) == (told, None)


def test_a_run_without_a_decision_says_how_far_it_came() -> None:
    assert course_text(decided(look=Look(number=5, of=5), run=24)) == "every case was run: look 5 of 5"
    cut = decided(look=Look(number=3, of=5), complete=False)
    assert course_text(cut) == "cut short on the way to look 3 of 5"
    assert course_text(decided(look=None, complete=False)) == "cut short before it was decided"
    assert requests_saved(cut) is None


def test_levels_are_told_beside_the_policys() -> None:
    verdict = replace(example_verdict(example_report()), look=Look(number=2, of=5))
    first, second = verdict.rules
    same = replace(verdict, rules=(replace(first, confidence=0.992), second))
    assert level_text(same) == "99.2% intervals, which keeps 95% over 5 looks"
    two = replace(verdict, rules=(replace(first, confidence=0.992), replace(second, confidence=0.9999997)))
    assert level_text(two) == "99.2% to under 100% intervals, which keeps 95% over 5 looks"
