"""What a comparison finds: figures against ones computed by hand, corrections, flips, slices, equivalence."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.gates.parts import BROKEN, METRICS, make_report, truths

from plimsoll.reports.compare import Margin, build_comparison
from plimsoll.reports.compare_model import Answers, Likeness, Measure, Signal, likeness_of
from plimsoll.types import Skipped

SKIPPED = Skipped(reason="does not apply")


def compared(before, after, *, margin=None, **shape):
    report = make_report({"v1": before, "v2": after}, **shape)
    return build_comparison(report, "v1", "v2", margin=margin)


def of(found, metric, slice_=None):
    return next(row for row in (found.of_slice(slice_) if slice_ else found.rows) if row.metric == metric)


def spread(values):
    return [round(0.5 + value, 6) for value in values]


def test_truth_values_are_held_by_the_score_test_and_their_flips_by_mcnemars():
    # 5 lost and 1 gained of 20: the statistic is 4/√6, on 20/2 degrees of freedom (scipy: 2 stdtr(10, −1.632993)), and
    # McNemar's exact p is 2 (C(6,0) + C(6,1)) / 2⁶.
    row = of(compared({"correct": truths(15, 5)}, {"correct": [*truths(0, 5), *truths(11, 4)]}), "correct")
    assert (row.before, row.after, row.difference, row.pairs, row.changed) == (0.75, 0.55, -0.2, 20, 6)
    assert row.p_value == pytest.approx(0.133520, abs=1e-6)
    assert row.flips is not None
    assert (row.flips.lost, row.flips.gained, row.flips.p_value) == (5, 1, pytest.approx(14 / 64))
    assert (row.signal, row.measure, row.why) == (Signal.NONE, Measure.MEAN, "")


def test_numbers_are_held_by_students_test():
    # Six differences of 0.1 and six of 0.2: mean 0.15, s = 0.05 √(12/11), t(11; 0.975) = 2.200985.
    row = of(compared({"relevance": [0.2] * 12}, {"relevance": [0.3, 0.4] * 6}), "relevance")
    half = 2.200985 * 0.05 * math.sqrt(12 / 11) / math.sqrt(12)
    assert (row.difference, row.low, row.high) == pytest.approx((0.15, 0.15 - half, 0.15 + half), abs=1e-6)
    assert (row.before, row.after, row.signal) == (pytest.approx(0.2), pytest.approx(0.35), Signal.BETTER)
    assert row.flips is None


def test_lower_is_better_where_the_metric_says_so():
    assert of(compared({"length": [0.5, 0.6] * 10}, {"length": [0.2, 0.4] * 10}), "length").signal is Signal.BETTER


def test_what_is_signal_alone_is_none_beside_another_metric():
    # t(39) = 2.3: p = 0.027 alone, and twice that beside a second metric.
    wave = [math.sin(place) for place in range(40)]
    mean = sum(wave) / 40
    error = math.sqrt(sum((value - mean) ** 2 for value in wave) / 39 / 40)
    before, after = [0.5] * 40, [0.5 + 0.1 * (value - mean + 2.3 * error) for value in wave]
    alone = of(compared({"relevance": before}, {"relevance": after}), "relevance")
    assert (alone.p_value, alone.adjusted) == pytest.approx((0.02689, 0.02689), abs=1e-5)
    assert alone.signal is Signal.BETTER
    both = compared({"relevance": before, "tone": ["kind"] * 40}, {"relevance": after, "tone": ["kind"] * 40})
    row = of(both, "relevance")
    assert sum(row.tested for row in both.rows) == 2
    assert (row.adjusted, row.signal) == (pytest.approx(2 * 0.02689, abs=2e-5), Signal.NONE)


def test_a_label_is_compared_by_what_passes_or_else_by_what_changed():
    found = compared(
        {"tone": ["curt"] * 12 + ["kind"] * 8, "mood": ["calm"] * 20},
        {"tone": ["kind"] * 20, "mood": ["calm"] * 17 + ["glad"] * 3},
    )
    tone, mood = of(found, "tone"), of(found, "mood")
    assert (tone.measure, tone.before, tone.after, tone.signal) == (Measure.PASSES, 0.4, 1.0, Signal.BETTER)
    assert tone.flips is not None
    assert tone.flips.gained == 12
    assert (mood.measure, mood.before, mood.changed, mood.difference) == (Measure.LABELS, None, 3, pytest.approx(0.15))
    assert (mood.signal, mood.why) == (
        Signal.UNKNOWN,
        "nothing says which label is better: give its evaluator a pass_if",
    )


def test_what_is_missing_on_either_side_is_counted_and_makes_nothing_equivalent():
    before = [*truths(30, 0), None, BROKEN, SKIPPED, True]
    after = [*truths(30, 0), True, True, SKIPPED, BROKEN]
    row = of(compared({"correct": before}, {"correct": after}, margin=Margin(0.5)), "correct")
    assert (row.pairs, row.missing) == (30, 3)
    told = {(it.side, it.kind, it.cells) for it in row.lacking}
    assert told == {
        ("before", "missing", 1),
        ("before", "failed", 1),
        ("after", "failed", 1),
    }
    assert row.equivalence is not None
    assert (row.equivalence.outcome, row.equivalence.why) == (
        Likeness.UNDECIDED,
        "3 of 33 cases have no whole pair of values",
    )


def test_nothing_measured_on_one_side_says_nothing():
    row = of(compared({"correct": [BROKEN] * 12}, {"correct": truths(12, 0)}, margin=Margin(0.5)), "correct")
    assert (row.pairs, row.missing, row.difference, row.signal) == (0, 12, None, Signal.UNKNOWN)
    assert row.why == "no case has a value on both sides"
    assert row.equivalence is not None
    assert row.equivalence.outcome is Likeness.UNDECIDED


def test_fewer_than_ten_pairs_tell_nothing():
    row = of(compared({"correct": truths(9, 0)}, {"correct": truths(0, 9)}), "correct")
    assert (row.signal, row.p_value, row.why) == (Signal.UNKNOWN, None, "9 pairs, and fewer than 10 tell nothing")


def test_with_repeats_a_flip_is_steady_where_all_repeats_of_either_side_agree():
    steady, noisy, back = [True] * 3, [True, False, True], [False] * 3
    before = [*steady, *steady, *noisy, *back] * 3
    after = [*back, *noisy, *steady, *noisy] * 3
    found = compared({"correct": before}, {"correct": after}, repeats=3)
    row = of(found, "correct")
    # Case 1 of four is lost in every repeat; 2 is lost in some; 3 gains what it passed in some; 4 never passes whole.
    assert row.flips is not None
    assert (row.flips.lost, row.flips.gained) == (6, 3)
    assert (row.flips.steady_lost, row.flips.steady_gained) == (3, 0)
    assert [(case.row.case, case.noisy) for case in found.flips[:3]] == [
        ("c000", False),
        ("c004", False),
        ("c008", False),
    ]
    assert all(case.noisy for case in found.flips[3:])


def test_with_one_answer_a_case_nobody_knows_which_flips_are_steady():
    found = compared({"correct": truths(12, 0)}, {"correct": truths(11, 1)})
    flips = of(found, "correct").flips
    assert flips is not None
    assert (flips.lost, flips.steady_lost) == (1, None)
    assert found.flips[0].steady == ()


def test_cases_of_one_group_count_once_in_the_test_of_the_flips():
    # 12 groups of 3: two lose all their cases, one gains one; 2 against 1 is no news, 6 against 1 nearly were.
    before, after = [True] * 36, [False] * 6 + [True] * 30
    before[35] = False
    flips = of(compared({"correct": before}, {"correct": after}, groups=3), "correct").flips
    assert flips is not None
    assert (flips.lost, flips.gained, flips.p_value) == (6, 1, pytest.approx(1.0))


def test_a_flip_goes_the_way_of_its_condition_whatever_the_value_does():
    report = make_report({"v1": {"f1": [0.9] * 12}, "v2": {"f1": [0.7] * 12}})
    report = replace(
        report,
        cells=tuple(
            replace(
                record,
                scores={"f1": replace(record.scores["f1"], passed=record.cell.target == "v2")},
            )
            for record in report.cells
        ),
    )
    found = build_comparison(report, "v1", "v2")
    flips = of(found, "f1").flips
    assert flips is not None
    assert (flips.gained, flips.lost) == (12, 0)
    assert {case.row.way.value for case in found.flips} == {"flipped for the better"}


def test_slices_are_corrected_over_all_of_them_and_told_where_they_point_the_other_way():
    # All cases gain but those of one slice, which lose.
    before = [0.5] * 60
    after = spread([0.2 + 0.05 * math.sin(n) for n in range(48)] + [-0.2 + 0.05 * math.sin(n) for n in range(12)])
    slices = {"easy": range(48), "hard": range(48, 60), "few": range(5)}
    found = compared({"relevance": before}, {"relevance": after}, slices=slices)
    assert of(found, "relevance").signal is Signal.BETTER
    hard, easy, few = (of(found, "relevance", name) for name in ("hard", "easy", "few"))
    assert (hard.signal, hard.opposite) == (Signal.WORSE, True)
    assert (easy.signal, easy.opposite) == (Signal.BETTER, False)
    assert (few.signal, few.adjusted, few.opposite) == (Signal.UNKNOWN, None, False)
    assert hard.adjusted == pytest.approx(max(hard.p_value, min(2 * easy.p_value, 1)))
    assert {row.slice for row in found.telling} == {"easy", "hard"}


@pytest.mark.parametrize(
    ("pairs", "outcome", "more"),
    [(29, Likeness.EQUIVALENT, None), (28, Likeness.UNDECIDED, 1), (20, Likeness.UNDECIDED, 9)],
)
def test_equal_truth_values_are_equivalent_once_there_are_enough(pairs, outcome, more):
    # None of n differs: at most 1 − 0.05^(1/n) may, which falls below 0.1 at n = 29.
    same = {"correct": truths(pairs - 5, 5)}
    found = compared(same, same, margin=Margin(0.1, ("correct",)))
    row = of(found, "correct").equivalence
    assert row is not None
    assert (row.outcome, row.more) == (outcome, more)
    assert row.high == pytest.approx(1 - 0.05 ** (1 / pairs))
    assert likeness_of([found]) is outcome


def test_a_difference_beyond_the_margin_is_different_and_outweighs_the_rest():
    before = {"correct": truths(40, 0), "relevance": [0.5] * 40}
    after = {"correct": truths(40, 0), "relevance": spread([0.2, 0.3] * 20)}
    found = compared(before, after, margin=Margin(0.1))
    told = {row.metric: row.equivalence.outcome for row in found.rows if row.equivalence is not None and row.pairs}
    assert told == {"correct": Likeness.EQUIVALENT, "relevance": Likeness.DIFFERENT}
    assert likeness_of([found]) is Likeness.DIFFERENT


def test_what_applies_to_no_case_is_asked_only_where_it_is_named():
    values = {metric.name: [SKIPPED] * 40 for metric in METRICS} | {"correct": truths(40, 0)}
    found = compared(values, values, margin=Margin(0.1))
    assert likeness_of([found]) is Likeness.EQUIVALENT
    assert "equivalence is not asked of f1, length, latency, tone, relevance: it applies to no case" in found.notes
    named = compared(values, values, margin=Margin(0.1, ("correct", "relevance")))
    assert likeness_of([named]) is Likeness.UNDECIDED


def test_equivalence_is_asked_of_shares_unless_metrics_are_named():
    values = {"correct": truths(40, 0), "latency": [1.0, 2.0] * 20, "mood": ["calm"] * 40}
    found = compared(values, values, margin=Margin(0.1))
    asked = {row.metric for row in found.rows if row.equivalence is not None}
    assert asked == {metric.name for metric in METRICS} - {"latency", "mood"}
    assert found.notes[0].startswith("equivalence is not asked of latency: not on a scale from 0 to 1; ask for one by")
    named = compared(values, values, margin=Margin(0.1, ("latency",)))
    assert [row.metric for row in named.rows if row.equivalence is not None] == ["latency"]


def test_the_same_answers_are_counted():
    assert compared({"correct": truths(12, 0)}, {"correct": truths(12, 0)}).answers == Answers(same=12, cells=12)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=10, max_size=40))
def test_the_other_way_round_everything_is_mirrored(pairs):
    before, after = [one for one, _ in pairs], [other for _, other in pairs]
    forth = of(compared({"correct": before}, {"correct": after}), "correct")
    back = of(compared({"correct": after}, {"correct": before}), "correct")
    assert forth.difference == pytest.approx(-back.difference)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert forth.p_value == pytest.approx(back.p_value)
    turned = {Signal.BETTER: Signal.WORSE, Signal.WORSE: Signal.BETTER}
    assert turned.get(forth.signal, forth.signal) is back.signal
    assert forth.flips is not None
    assert back.flips is not None
    assert (forth.flips.gained, forth.flips.lost) == (back.flips.lost, back.flips.gained)
