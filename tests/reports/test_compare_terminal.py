"""A comparison as people see it."""

import math

import pytest
from tests.gates.parts import BROKEN, make_report, truths
from tests.reports.test_terminal import COLOUR, shown

from plimsoll.reports.compare import Margin, build_comparison
from plimsoll.reports.compare_model import Side
from plimsoll.reports.compare_terminal import Shown, render_compare
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report


@pytest.fixture(scope="module")
def large():
    return build_comparison(example_report(120, flawless=True, hostile=False), "v1", "port", margin=Margin(0.1))


@pytest.fixture(scope="module")
def repeated():
    report = example_report(36, targets=("v1", "v2"), repeats=3)
    return build_comparison(report, "v1", "v2", margin=Margin(0.2), notes=["2 cases only in a run: without a pair"])


@pytest.fixture(scope="module")
def sliced():
    """One slice loses while all cases gain."""
    values = [0.7 + 0.05 * math.sin(n) for n in range(48)] + [0.3 + 0.05 * math.sin(n) for n in range(12)]
    slices = {"easy": range(48), "hard": range(48, 60), "few": range(5)}
    report = make_report(
        {
            "v1": {"relevance": [0.5] * 60, "correct": truths(50, 10)},
            "v2": {"relevance": values, "correct": [*truths(57, 0), BROKEN, BROKEN, None]},
        },
        slices=slices,
    )
    return build_comparison(report, "v1", "v2")


def seen(subject, *args, **options):
    return shown(lambda comparison, console: render_compare(comparison, console, *args), subject, **options)


@pytest.mark.parametrize("width", [80, 120])
def test_a_comparison(large, snapshot, width):
    assert seen(large, width=width) == snapshot


def test_a_comparison_with_repeats_and_holes(repeated, snapshot):
    assert seen(repeated) == snapshot


def test_a_slice_that_points_the_other_way(sliced, snapshot):
    assert seen(sliced) == snapshot


def test_a_slice_in_detail(sliced, snapshot):
    assert seen(sliced, Shown(("relevance",), "hard")) == snapshot


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal(large, repeated, sliced, width):
    for comparison in (large, repeated, sliced):
        assert max(map(len, seen(comparison, width=width).split("\n"))) <= width


def test_a_filter_changes_what_is_shown_and_no_figure(large):
    everything, one = seen(large), seen(large, Shown(("token_f1",)))
    row = next(line for line in one.split("\n") if line.startswith("token_f1 "))
    assert row.split() in [line.split() for line in everything.split("\n")]
    assert "exact_match  " not in one
    assert "corrected over 4 metrics" in one


def test_equivalence_is_of_all_cases_also_where_a_slice_is_shown(large):
    assert "Equivalent within ±0.100, over all cases?" in seen(large, Shown(slice="fares"))


def test_it_writes_no_report_and_says_where_the_rest_is(large):
    text = seen(large)
    assert "more cases: `--json` lists all" in text
    assert "HTML" not in text


def test_with_one_answer_a_case_it_says_how_to_tell_noise(large):
    assert "`plimsoll run ferry-desk --repeats 3`" in " ".join(seen(large).split())


def test_colour_only_repeats_what_the_words_say(large):
    coloured = seen(large, colour=True)
    assert coloured != seen(large)
    assert "\n".join(line.rstrip() for line in COLOUR.sub("", coloured).split("\n")) == seen(large)


def test_nothing_of_a_models_text_reaches_the_terminal_as_a_command():
    report = example_report(60, targets=("v1", "v2"))
    name = Side(name="v1 \u27e8U+001B\u27e9", target="v1", run="r", digest="d", repeats=1)
    text = seen(build_comparison(report, "v1", "v2", names=(name, name), notes=HOSTILE_TEXTS))
    assert not {character for character in text if character != "\n" and not character.isprintable()} - {"\t"}
    assert "[red]markup[/red]" in text
