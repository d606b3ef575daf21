"""A sequential run's blocks, the levels of its looks, and what is concluded at them."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.gates.parts import make_report, policy, rule, truths

from plimsoll.config.policy import Rule
from plimsoll.errors import UsageError
from plimsoll.gates import blocks_of, decide, look_of
from plimsoll.gates.check import Claim
from plimsoll.gates.figures import Line
from plimsoll.gates.grounds import Grounds
from plimsoll.gates.looks import Drawn
from plimsoll.stats import Range, mean_interval
from plimsoll.types import Case, CellId, CellRecord, Decision, Look, Metric, Output, Report, Scored, Verdict

NOT_WORSE = rule(metric="correct", not_worse_than="baseline", margin=0.2)
CLAIM = Claim(Rule(metric="score", not_worse_than="baseline", margin=0.1), Metric(name="score"))


def rows(size: int, *, group: int = 0, weight: float = 1.0) -> dict[str, Case]:
    """So many cases; `group` of them share one."""
    names = {f"c{place}": f"g{place // group}" if group else None for place in range(size)}
    return {name: Case(id=name, inputs={}, group=unit, weight=weight) for name, unit in names.items()}


def run_to(report: Report, number: int, of: int = 5) -> Report:
    """The report as a sequential run leaves it that was decided at this look."""
    run = replace(report.run, looks=of, look=Look(number=number, of=of))
    blocks = blocks_of(report.cases, of, run.seed)
    come_to = {case for block in blocks[:number] for case in block}
    cells = tuple(record for record in report.cells if record.cell.case in come_to)
    return replace(report, run=replace(run, saved=len(report.cells) - len(cells)), cells=cells)


def decided(report: Report, wanted: object = NOT_WORSE, look: Look | None = None) -> Verdict:
    return decide(report, "v2", "v1", wanted, grounds=Grounds(look=look or look_of(report)))  # type: ignore[arg-type]


@given(st.integers(1, 60), st.integers(1, 7), st.integers(2, 20), st.integers(0, 5))
def test_blocks_share_out_every_case_once_with_groups_whole_and_none_empty(
    size: int, group: int, looks: int, seed: int
) -> None:
    cases = rows(size, group=group)
    blocks = blocks_of(cases, looks, seed)
    assert Counter(case for block in blocks for case in block) == dict.fromkeys(cases, 1)
    assert all(blocks)
    assert len(blocks) <= looks
    place = {case: number for number, block in enumerate(blocks) for case in block}
    assert len({(row.unit, place[case]) for case, row in cases.items()}) == len({row.unit for row in cases.values()})
    assert blocks_of(cases, looks, seed) == blocks_of(cases, len(blocks), seed) == blocks


def test_blocks_are_of_equal_size_and_another_seed_draws_others() -> None:
    blocks = blocks_of(rows(103), 5, 0)
    assert {len(block) for block in blocks} <= {20, 21}
    assert blocks_of(rows(103), 5, 1) != blocks


def levels(cases: dict[str, Case], looks: int = 5, claim: Claim = CLAIM) -> list[float]:
    blocks = blocks_of(cases, looks, 0)
    every = (Look(number=number, of=len(blocks)) for number in range(1, len(blocks) + 1))
    return [Drawn(look, blocks, cases).confidence(0.95, claim) for look in every]


def test_the_level_falls_from_look_to_look_to_a_little_above_the_policys() -> None:
    found = levels(rows(100))
    # O'Brien and Fleming's bounds by Lan and DeMets' spending, one side: 4.88, 3.36, 2.68, 2.29, 2.03.
    assert found == pytest.approx([0.9999989, 0.999212, 0.992634, 0.977984, 0.957643], abs=5e-4)
    assert found == sorted(found, reverse=True)


def test_groups_and_weights_of_one_size_change_no_level() -> None:
    assert levels(rows(100, group=2)) == pytest.approx(levels(rows(100)))
    assert levels(rows(100, weight=3.0)) == pytest.approx(levels(rows(100)))


def test_a_look_that_brings_a_rule_no_case_concludes_what_the_one_before_did() -> None:
    cases = rows(100)
    second = set(blocks_of(cases, 5, 0)[1])
    cases = {name: replace(row, slices=() if name in second else ("few",)) for name, row in cases.items()}
    claim = Claim(Rule(metric="score", at_least=0.5, slice="few"), Metric(name="score"))
    found = levels(cases, claim=claim)
    assert found[0] == found[1] > found[2]
    only = {name: replace(row, slices=("few",) if name in second else ()) for name, row in cases.items()}
    assert levels(only, claim=claim) == pytest.approx([1.0, 0.95, 0.95, 0.95, 0.95])


def test_looks_that_are_very_near_to_each_other_can_be_computed() -> None:
    cases = rows(200)
    heavy = blocks_of(cases, 20, 0)[9][0]
    found = levels({**cases, heavy: replace(cases[heavy], weight=1e4)}, looks=20)
    assert found[0] > 0.999999
    assert all(0.95 < level < 0.999 for level in found[9:])


def test_a_good_challenger_passes_and_a_bad_one_fails_before_the_end() -> None:
    good = make_report({"v2": {"correct": truths(100, 0)}, "v1": {"correct": truths(100, 0)}})
    found = decided(run_to(good, 3))
    assert (found.outcome, found.look, found.rules[0].n) == (Decision.PASS, Look(number=3, of=5), 60)
    assert "99.3% interval" in decided(run_to(good, 3), rule(metric="correct", at_least=0.99)).reasons[0]
    bad = make_report({"v2": {"correct": truths(0, 100)}, "v1": {"correct": truths(100, 0)}})
    assert decided(run_to(bad, 3)).outcome is Decision.FAIL


def test_at_a_look_that_may_conclude_nothing_yet_it_says_so_and_asks_for_no_range() -> None:
    report = make_report({"v2": {"correct": truths(200, 0)}, "v1": {"correct": truths(200, 0)}})
    found = decided(run_to(report, 1, of=20))
    assert found.outcome is Decision.INCONCLUSIVE
    assert found.reasons[0].endswith("too few of its cases had been run to conclude anything at this look")


def test_a_look_that_is_not_the_runs_own_is_refused() -> None:
    report = run_to(make_report({"v2": {"correct": truths(100, 0)}, "v1": {"correct": truths(100, 0)}}), 3)
    for number, of, told in (
        (4, 5, "the run came to look 3 of 5, not to look 4 of 5"),
        (6, 5, "no look 6 of 5"),
        (0, 5, "no look 0 of 5"),
        (3, 10, "no look 3 of 10: it was planned with 5"),
        (1, 1, "no look 1 of 1"),
    ):
        with pytest.raises(UsageError, match=told):
            decided(report, look=Look(number=number, of=of))
    with pytest.raises(UsageError, match="no look is named"):
        decide(report, "v2", "v1", NOT_WORSE)
    plain = make_report({"v2": {"correct": truths(100, 0)}, "v1": {"correct": truths(100, 0)}})
    with pytest.raises(UsageError, match="it was planned with 0"):
        decided(plain, look=Look(number=2, of=5))


def test_a_cell_that_is_missing_in_a_block_that_was_run_hinders_it() -> None:
    report = run_to(make_report({"v2": {"correct": truths(100, 0)}, "v1": {"correct": truths(100, 0)}}), 3)
    for name in ("v1", "v2"):
        dropped = next(record for record in report.cells if record.cell.target == name)
        cells = tuple(record for record in report.cells if record is not dropped)
        found = decided(replace(report, cells=cells))
        assert found.outcome is Decision.INCONCLUSIVE
        assert "1 case without a value" in found.reasons[0]


def test_cells_of_a_case_that_the_plan_does_not_know_hinder_it() -> None:
    report = run_to(make_report({"v2": {"correct": truths(100, 0)}, "v1": {"correct": truths(100, 0)}}), 3)
    stray = CellRecord(
        cell=CellId("v1", "stray"), key="k", outcome=Output(text="a"), scores={"correct": Scored(value=True)}
    )
    assert decided(replace(report, cells=(*report.cells, stray))).outcome is Decision.INCONCLUSIVE


def test_an_anchors_cells_are_asked_for_too() -> None:
    whole = make_report({name: {"correct": truths(100, 0)} for name in ("v2", "v1", "old")})
    report = run_to(whole, 3)
    look = report.run.look
    found = decide(report, "v2", "v1", NOT_WORSE, anchor="old", grounds=Grounds(look=look))
    assert found.outcome is Decision.PASS
    cells = tuple(record for record in report.cells if record.cell.target != "old")
    found = decide(replace(report, cells=cells), "v2", "v1", NOT_WORSE, anchor="old", grounds=Grounds(look=look))
    assert found.outcome is Decision.INCONCLUSIVE


def test_a_run_that_was_cut_short_decides_nothing() -> None:
    whole = make_report({"v2": {"correct": truths(100, 0)}, "v1": {"correct": truths(100, 0)}})
    report = run_to(whole, 3)
    for look, told in (
        (report.run.look, "the run was cut short before it was decided"),
        (None, "40 on v2: the cell was not run"),
    ):
        found = decided(replace(report, run=replace(report.run, complete=False, look=look, saved=0)))
        assert found.outcome is Decision.INCONCLUSIVE
        assert told in found.reasons[0]


def test_what_every_case_must_pass_waits_for_all_of_them_and_fails_on_one() -> None:
    every = policy([{"metric": "correct", "all_pass": True, "slice": "critical"}])
    chosen = {"critical": range(0, 100, 10)}
    good = make_report({"v2": {"correct": truths(100, 0)}, "v1": {"correct": truths(100, 0)}}, slices=chosen)
    early = run_to(good, 3)
    [found] = decided(early, every).rules
    waiting = sum(place % 10 == 0 for place in range(100)) - found.n
    assert 0 < waiting < 10
    assert (found.outcome, found.missing) == (Decision.INCONCLUSIVE, 0)
    assert found.reason.startswith(f"{waiting} case")
    assert found.reason.endswith("of it had not been run when the run was decided")
    beyond = {f"c{place:03d}" for place in chosen["critical"]} - {record.cell.case for record in early.cells}
    more = tuple(record for record in good.cells if record.cell.case in beyond)
    assert decided(replace(early, cells=(*early.cells, *more)), every).outcome is Decision.PASS
    bad = replace(more[0], cell=replace(more[0].cell, target="v2"), scores={"correct": Scored(value=False)})
    assert decided(replace(early, cells=(*early.cells, bad)), every).outcome is Decision.FAIL


ROUNDS, SIZE, MARGIN, CHANGED = 2000, 100, 0.1, 0.2


@cache
def passes(better: int, worse: int, cases: int, level: float) -> bool:
    changes = [1.0] * better + [-1.0] * worse + [0.0] * (cases - better - worse)
    return Line(-MARGIN, above=True).good(mean_interval(changes, level, span=Range(-1, 1), truth=True))


@pytest.mark.long
def test_stopping_early_lets_no_more_through_than_the_policy_allows() -> None:
    """A true difference on the margin itself: at most 2.5%, where five looks at 95% would let more than 4% through."""
    generator = np.random.default_rng(7)
    shares = [(CHANGED - MARGIN) / 2, (CHANGED + MARGIN) / 2, 1 - CHANGED]
    values = generator.choice([1, -1, 0], size=(ROUNDS, SIZE), p=shares)
    ends = np.cumsum([len(block) for block in blocks_of(rows(SIZE), 5, 0)])
    better, worse = (np.cumsum(values == sign, axis=1)[:, ends - 1] for sign in (1, -1))

    def let_through(at: list[float]) -> float:
        looks = [(*counts, at) for counts in zip(better.tolist(), worse.tolist(), strict=True)]
        found = sum(any(map(passes, ups, downs, ends.tolist(), given)) for ups, downs, given in looks)
        return found / ROUNDS

    error = (0.025 * 0.975 / ROUNDS) ** 0.5
    assert let_through(levels(rows(SIZE))) < 0.025 + 3 * error
    assert let_through([0.95] * 5) > 0.04
