"""Reports of held-out cases and of the second attempt on: what is said, and what never is."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console
from syrupy.assertion import SnapshotAssertion
from tests.reports.parts import comment, junit

from plimsoll.errors import FailureKind
from plimsoll.reports.closed import shown
from plimsoll.reports.html import render_html
from plimsoll.reports.model import View
from plimsoll.reports.phrases import ordinal
from plimsoll.reports.terminal import render_run, render_verdict
from plimsoll.reports.view import build_view
from plimsoll.stats import Reading, readings, summarise
from plimsoll.testing.reports import example_report, example_verdict
from plimsoll.types import (
    Aggregate,
    Attempts,
    Case,
    EvaluatorInfo,
    Failure,
    Message,
    Metric,
    MetricKind,
    Output,
    Part,
    Report,
    Scored,
    Turn,
    Verdict,
)


def closed(report: Report) -> Report:
    return replace(report, run=replace(report.run, part=Part.HELD_OUT))


def made(report: Report, verdict: Verdict) -> View:
    return build_view(report, summarise(report), [verdict])


def terminal(view: View) -> str:
    written = io.StringIO()
    console = Console(file=written, width=100)
    render_run(view, console)
    render_verdict(view, console)
    return "\n".join(line.rstrip() for line in written.getvalue().split("\n"))


def documents(view: View) -> dict[str, str]:
    found = {"html": render_html(view), "terminal": terminal(view)}
    return {**found, "comment": comment(view), "junit": junit(view)} if view.verdicts else found


@pytest.fixture
def report() -> Report:
    return closed(example_report(hostile=False, flawless=True))


def test_no_form_shows_a_text_of_a_held_out_case_and_all_show_its_id(report: Report) -> None:
    view = made(report, example_verdict(report))
    texts = {str(value) for case in report.cases.values() for value in case.inputs.values()}
    texts |= {str(case.expected) for case in report.cases.values() if case.expected}
    texts |= {record.output.text for record in report.cells if record.output}
    flipped = {flip.case for rule in example_verdict(report).rules for flip in rule.flipped}
    for form, text in documents(view).items():
        assert not [each for each in texts if each in text], form
        assert [case for case in flipped if case in text], form


def test_the_figures_are_those_of_the_open_report(report: Report) -> None:
    opened = replace(report, run=replace(report.run, part=Part.WHOLE))
    told, before = made(report, example_verdict(report)), made(opened, example_verdict(opened))
    assert (told.metrics, told.slices, told.standings, told.targets) == (
        before.metrics,
        before.slices,
        before.standings,
        before.targets,
    )
    assert [case.id for case in told.cases] == [case.id for case in before.cases]
    assert [answer.standing for case in told.cases for answer in case.answers] == [
        answer.standing for case in before.cases for answer in case.answers
    ]


def test_conversations_reasons_and_traces_are_closed_too(report: Report) -> None:
    said: Message = {"role": "user", "content": "secret"}
    name = next(iter(report.cases))
    case = Case(id=name, inputs={"a": "secret"}, messages=(said,), turns=(Turn(user="secret"),), expected="secret")
    record = report.cells[0]
    output = Output(
        text="secret", value="secret", extra={"a": "secret"}, messages=(said,), turns=(Output(text="secret"),)
    )
    score = Scored(value=0.5, reason="secret", detail="secret", turns=(Scored(value=0.5, reason="secret"),))
    cells = (replace(record, outcome=output, scores={"token_f1": score}),)
    found = shown(replace(report, cases={name: case}, cells=cells))
    assert "secret" not in str([*found.cases.values(), *found.cells, *found.of_target(record.cell.target)])
    assert "secret" not in str([found.cells[0], found.cells[:1], found.finder()(record.cell), list(found.failed())])
    assert found.numbering()(name) == 0
    assert shown(found) is found


def test_labels_are_counted_by_name_only_where_their_metric_lists_them(report: Report) -> None:
    metrics = (
        Metric(name="tone", kind=MetricKind.LABEL, labels=("warm", "cold")),
        Metric(name="said", kind=MetricKind.LABEL),
    )
    scores = {"tone": Scored(value="warm", passed=True), "said": Scored(value="secret", passed=True)}
    refused = Failure(kind=FailureKind.SERVER, message="secret", remedy="secret")
    report = replace(
        report,
        run=replace(report.run, evaluators={"e": EvaluatorInfo(name="e", digest="", metrics=metrics)}),
        cells=tuple(replace(record, scores=scores) for record in report.cells),
        aggregates={next(iter(report.run.targets)): {"e": Aggregate(figures={"f": refused}, failure=refused)}},
    )
    found = next(iter(summarise(report).targets.values())).metrics
    assert set(found["tone"].labels) == {"warm"}
    assert set(found["said"].labels) == {"held out"}
    assert (found["said"].mean, found["said"].n) == (found["tone"].mean, found["tone"].n)
    for form, text in documents(build_view(report, summarise(report), [])).items():
        assert "secret" not in text, form
    # A gate reads them in another way.
    cells = readings(report, next(iter(report.run.targets)), metrics[1]).values()
    assert {each.label for cell in cells for each in cell if isinstance(each, Reading)} == {"held out"}


def test_what_is_not_held_out_is_as_it_was(report: Report) -> None:
    for part in (Part.WHOLE, Part.OPEN):
        opened = replace(report, run=replace(report.run, part=part))
        assert shown(opened) is opened


def test_a_held_out_gate_that_is_not_the_first_attempt(snapshot: SnapshotAssertion) -> None:
    report = closed(example_report(hostile=False))
    view = made(report, replace(example_verdict(report), attempts=Attempts(number=7, gates=9)))
    assert comment(view) == snapshot
    assert terminal(view) == snapshot


@pytest.mark.parametrize("attempts", [None, Attempts(number=1, gates=4)])
def test_the_first_attempt_is_not_spoken_of(report: Report, attempts: Attempts | None) -> None:
    view = made(report, replace(example_verdict(report), attempts=attempts))
    assert not [note for note in view.notes if "challenger on these cases" in note]


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 1113)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "1,113th"]
    )
