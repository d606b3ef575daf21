import io
import re

import pytest
from msgspec.structs import replace
from rich.console import Console

from plimsoll.config.ci_system import CiSystem
from plimsoll.errors import ConfigError, ExitCode, Mistake, UsageError, Where
from plimsoll.reports.annotations import render_annotations
from plimsoll.reports.html import render_html
from plimsoll.reports.markdown import render_comment
from plimsoll.reports.model import WORDS, Problem
from plimsoll.reports.review import Review
from plimsoll.reports.terminal import render_mistakes, render_run, render_verdict
from plimsoll.reports.text import interval, number
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report, example_verdict
from plimsoll.types import Decision

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def shown(render, subject, width=80, *, colour=False):
    written = io.StringIO()
    console = Console(file=written, width=width, force_terminal=colour, color_system="standard" if colour else None)
    render(subject, console)
    # What a terminal shows; rich pads table cells with spaces.
    return "\n".join(line.rstrip() for line in written.getvalue().split("\n"))


def made(report, **options):
    return build_view(report, summarise(report), **options)


@pytest.fixture
def mistakes():
    return ConfigError(
        [
            Mistake("unknown key 'datset'", Where("suites/support-qa.yaml", 3), "did you mean 'dataset'?"),
            Mistake(
                "the target 'v2' names the prompt prompts/support-qa.v2.prompty, which does not exist, "
                "and a long sentence is wrapped with its indent kept",
                Where("suites/support-qa.yaml", 12),
            ),
            Mistake("an answer with \x1b[2J and [red]markup[/red]", Where("datasets/a.jsonl")),
        ]
    )


@pytest.mark.parametrize("width", [80, 120])
def test_a_run(view, snapshot, width):
    assert shown(render_run, view, width) == snapshot


@pytest.mark.parametrize("width", [80, 120])
def test_a_verdict(view, snapshot, width):
    assert shown(render_verdict, view, width) == snapshot


def test_many_slices_of_which_none_stands_out_are_no_table():
    report = example_report(40, targets=("v1",), flawless=True, hostile=False)
    many = {case: replace(row, slices=tuple(f"s{n}" for n in range(9))) for case, row in report.cases.items()}
    assert "By slice: none does worse than the whole" in shown(render_run, made(replace(report, cases=many)))


def test_mistakes_are_listed_with_place_and_remedy(mistakes, snapshot):
    assert shown(render_mistakes, mistakes) == snapshot


def test_a_mistake_without_a_place_is_one_line_and_its_remedy():
    error = UsageError("no suite named 'suport'", remedy="did you mean 'support'?")
    assert shown(render_mistakes, error) == "error: no suite named 'suport'\n  help: did you mean 'support'?\n"


def test_a_place_is_never_wrapped():
    where = Where("a/" * 60 + "suite.yaml", 7)
    assert f"{where}\n" in shown(render_mistakes, ConfigError([Mistake("wrong", where), Mistake("wrong", where)]))


@pytest.mark.parametrize("width", [40, 80, 100, 120])
@pytest.mark.parametrize("targets", [1, 3, 5, 12])
def test_no_line_is_wider_than_the_terminal(width, targets):
    report = example_report(8, targets=[f"target-{n}@some-model" for n in range(targets)])
    view = made(report, verdicts=[example_verdict(report)])
    text = shown(render_run, view, width) + shown(render_verdict, view, width)
    assert max(map(len, text.split("\n"))) <= width


@pytest.mark.parametrize("width", range(60, 130, 7))
def test_no_figure_is_cut_short(width):
    report = example_report(30, targets=("v1", "v2", "support-jinja", "dag", "flex"), hostile=False)
    text = shown(render_run, made(report), width)
    tables = text[: text.index("Failures (")]
    assert "…" not in tables
    for row in made(report).metrics:
        for figure in (figure for figure in row.figures if figure.mean is not None):
            wanted = number(figure.mean, row.unit) if row.derived else interval(figure.low, figure.high)
            assert wanted in tables


@pytest.mark.parametrize("width", [80, 120])
def test_every_target_and_metric_is_shown_whatever_the_width(width):
    report = example_report(8, targets=[f"t{n}" for n in range(9)])
    text = shown(render_run, made(report), width)
    table = text[: text.index("each mean")]
    assert [name for name in report.run.targets if not re.search(rf"\b{name}\b", table)] == []
    assert [name for name in report.metrics if name not in table] == []
    assert table.count("answers") > 1


def test_colour_only_repeats_what_the_words_say(view):
    for render in (render_run, render_verdict):
        coloured = shown(render, view, colour=True)
        assert coloured != shown(render, view)
        plain = "\n".join(line.rstrip() for line in COLOUR.sub("", coloured).split("\n"))
        assert plain == shown(render, view)


def test_nothing_of_a_models_text_reaches_the_terminal_as_a_command():
    report = example_report(60, targets=("v1", "v2"))
    view = made(report, verdicts=[example_verdict(report)], notes=HOSTILE_TEXTS)
    text = shown(render_run, view) + shown(render_verdict, view)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "[red]markup[/red]" in text


def test_an_incomplete_run_says_so_on_its_second_line(view):
    assert (
        shown(render_run, view).split("\n")[1]
        == "INCOMPLETE: 68 of 72 cells answered, 3 failed, 1 not run, 3 scores missing"
    )


def test_a_whole_run_says_so_on_its_second_line():
    view = made(example_report(flawless=True, hostile=False))
    assert shown(render_run, view).split("\n")[1] == "complete: 72 of 72 cells answered"


def test_a_run_whose_every_cell_is_answered_but_not_scored_is_not_called_complete():
    report = example_report(flawless=True, hostile=False)
    first = report.cells[0]
    cells = (replace(first, scores={name: s for name, s in first.scores.items() if name != "tone"}), *report.cells[1:])
    view = made(replace(report, cells=cells))
    assert shown(render_run, view).split("\n")[1] == "WITH FAILURES: 72 of 72 cells answered, 1 score missing"


@pytest.mark.parametrize("outcome", list(Decision))
def test_the_first_word_of_a_verdict_is_its_outcome(report, outcome):
    text = shown(render_verdict, made(report, verdicts=[example_verdict(report, outcome)]))
    assert text.split()[0] == outcome.upper()
    assert ("may be promoted" in text) is (outcome is Decision.PASS)


@pytest.mark.parametrize("code", [ExitCode.INFRASTRUCTURE, ExitCode.INCONCLUSIVE])
def test_a_run_that_stopped_heads_its_verdict_with_why_in_every_form(report, code):
    """By the rules alone it may be anything; no form says better, or other, than the exit code."""
    problem = Problem("gave up before all cells were run: the endpoint is down", code)
    verdict = replace(example_verdict(report, Decision.PASS), unsealed=problem.message)
    view = made(report, verdicts=[verdict], problem=problem)
    text, page = shown(render_verdict, view), render_html(view)
    assert text.startswith(f"{WORDS[code]} ")
    assert "port may not be promoted: the run did not end as it should" in text
    assert " ".join(text.split()).count(problem.message) == page.count(problem.message) == 1
    assert "by the rules alone it is pass" in " ".join(text.split())
    assert f'<span class="mark">{WORDS[code]}</span>' in page


def test_what_stopped_a_run_is_not_told_again_by_each_rule_that_can_not_tell_for_it(report):
    """An outage is one sentence, in the terminal, in the comment, and among the findings."""
    problem = Problem("gave up: the endpoint is down", ExitCode.INFRASTRUCTURE)
    verdict = example_verdict(report, Decision.INCONCLUSIVE)
    reason = verdict.rules[1].reason
    view = made(report, verdicts=[verdict], problem=problem)
    review = Review("ferry-desk", ExitCode.INFRASTRUCTURE, view, (Mistake(problem.message),))
    told = [shown(render_verdict, view, 200), render_comment([review]), render_annotations([review], CiSystem.GITHUB)]
    assert [(text.count(problem.message), reason in text) for text in told] == [(1, False)] * 3
    assert "**inconclusive** |" in told[1]
    failed = made(report, verdicts=[example_verdict(report)], problem=problem)
    assert example_verdict(report).rules[1].reason in shown(render_verdict, failed, 200)


def test_where_the_verdict_alone_decides_a_note_tells_the_problem(report):
    problem = Problem("the spend cap was reached", ExitCode.INCONCLUSIVE)
    view = made(report, verdicts=[example_verdict(report)], problem=problem)
    assert shown(render_verdict, view).startswith("FAIL ")
    assert problem.message in view.notes


def test_a_verdict_tells_each_reason_once(report):
    for outcome in (Decision.FAIL, Decision.INCONCLUSIVE):
        verdict = example_verdict(report, outcome)
        text = shown(render_verdict, made(report, verdicts=[verdict]), 200)
        assert text.count(verdict.rules[1].reason) == 1


def test_panels_hold_about_as_many_targets_each():
    report = example_report(8, targets=[f"t{n}" for n in range(6)], hostile=False)
    heads = [line.split() for line in shown(render_run, made(report)).split("\n") if re.match(r" +t\d", line)]
    assert heads[:2] == [["t0", "t1", "t2"], ["t3", "t4", "t5"]]


def test_of_many_slices_those_that_do_worse_than_the_whole_are_shown():
    report = example_report(60, targets=("v1",), flawless=True, hostile=False)
    worst = [case for case in report.cases if not right(report, case)]
    cases = {
        name: replace(case, slices=(*case.slices, f"part-{place % 6}", *(["wrong"] if name in worst else [])))
        for place, (name, case) in enumerate(report.cases.items())
    }
    text = shown(render_run, made(replace(report, cases=cases)))
    section = text[text.index("By slice, where a target does worse than on the whole") :]
    assert section.split("\n")[3].split() == ["wrong:", "exact_match", "0"]
    assert "more rows in the HTML report" in section


def right(report, case):
    (cell,) = (cell for cell in report.cells if cell.cell.case == case)
    return getattr(cell.scores["exact_match"], "value", True)
