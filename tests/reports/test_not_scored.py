"""A score that an answer was to have and nobody gave, as a run leaves it that ends early."""

from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from tests.reports.parts import junit

from plimsoll.reports.cases import NOT_SCORED
from plimsoll.reports.missing import missing_cells
from plimsoll.reports.model import Standing
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import example_report, example_verdict


@pytest.fixture
def unscored():
    """A report in which nobody has scored one answer, a good one, by `token_f1`."""
    report = example_report(12, targets=("v1", "v2"), flawless=True)
    place = next(n for n, cell in enumerate(report.cells) if cell.cell.target == "v2" and all(passing(cell)))
    cell = report.cells[place]
    scores = {name: score for name, score in cell.scores.items() if name != "token_f1"}
    cells = (*report.cells[:place], replace(cell, scores=scores), *report.cells[place + 1 :])
    return replace(report, cells=cells), cell.cell.case


def passing(cell):
    return [getattr(score, "passed", True) is not False for score in cell.scores.values()]


def test_it_keeps_the_answer_from_passing_and_is_among_what_is_missing(unscored):
    report, case = unscored
    view = build_view(report, summarise(report))
    (answer,) = next(row for row in view.cases if row.id == case).of("v2")
    assert answer.standing is Standing.ERROR
    assert [(cell.case, cell.what) for cell in missing_cells(view)] == [(case, f"token_f1: {NOT_SCORED}")]


def test_it_is_an_error_among_the_tests_of_a_gate_that_asks_for_it(unscored):
    report, case = unscored
    verdict = replace(example_verdict(report), target="v2", baseline="v1")
    root = ET.fromstring(junit(build_view(report, summarise(report), (verdict,))).encode())
    (found,) = root.findall(f"testsuite[@name='ferry-desk.v2']/testcase[@name='{case}']")
    assert [error.attrib["message"] for error in found.findall("error")] == [f"token_f1: {NOT_SCORED}"]
