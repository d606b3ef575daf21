"""Sentences that more than one renderer says of the view's values, so that they say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from plimsoll.reports.changes import MetricChange, RunChanges
from plimsoll.reports.flip_model import FlippedMetric, FlipRow, Way
from plimsoll.reports.model import CaseRow, Header, OverAll, RuleRow, Standing, VerdictSection
from plimsoll.reports.text import count, interval, number, plain, some
from plimsoll.types import MetricKind, Verdict


class FlipGroup(NamedTuple):
    """Cases that changed the same way."""

    title: str
    rows: tuple[FlipRow, ...]

    @property
    def worse(self) -> bool:
        """Whether they are what a reader has to look at."""
        return self.title != Way.BETTER


BAD = (Standing.ERROR, Standing.FAILED, Standing.NOT_RUN)
"""How a case stands that a reader has to look at."""
FAILING_NAMED = 5


def estimate_text(rule: RuleRow) -> str:
    """`difference −0.120 (−0.180 to −0.060)`, `0.667 (0.467–0.820)`, or that there is none."""
    if rule.estimate is None:
        return "no estimate"
    return f"{'difference ' if rule.relative else ''}{difference_text(rule)}"


def difference_text(rule: RuleRow) -> str:
    """`−0.120 (−0.180 to −0.060)`: the estimate with its interval; where there is none, that."""
    if rule.estimate is None:
        return "no estimate"
    limits = interval(rule.low, rule.high, signed=rule.relative, precise=True)
    return f"{number(rule.estimate, rule.unit, signed=rule.relative, precise=True)} ({limits})"


def attempts_notes(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """From the second attempt on: which one each verdict is of, and what so many mean."""
    for verdict in verdicts:
        found = verdict.attempts
        if found is None or found.number < 2:
            continue
        chance = 1 - (1 - (1 - verdict.confidence) / 2) ** found.number
        against = "" if verdict.baseline is None else f" against this {plain(verdict.baseline)}"
        yield (
            f"the {ordinal(found.number)} challenger on these cases{against}, in {count(found.gates, 'gate')}: of "
            f"{found.number} equal ones, one passes a rule on its line by chance up to {chance:.0%} of the time"
        )


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    tens, ones = divmod(number % 100, 10)
    return f"{number:,}{'th' if tens == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(ones, 'th')}"


def over_all_text(figure: OverAll) -> str:
    """`22 ok, 1 failed, 1 skipped`: what a figure over all cells rests on."""
    return f"{figure.ok:,} ok, {figure.failed:,} failed, {figure.skipped:,} skipped"


def rule_figures(rule: RuleRow) -> tuple[str, ...]:
    """`n 22`, `2 missing`, `detectable 0.110`, `flipped 2 worse, 1 better`."""
    return (f"n {rule.n:,}", f"{rule.missing:,} missing", *_beyond_the_estimate(rule))


def why_texts(section: VerdictSection) -> tuple[str, ...]:
    """Why a verdict is what it is: what stopped its run, then what the rules say."""
    if not section.problem:
        return section.reasons
    return (section.problem, "; ".join([f"by the rules alone it is {section.outcome}", *section.reasons]))


def facts_beside(rule: RuleRow) -> tuple[str, ...]:
    """The figures that a rule's reason does not tell: `2 missing`, `detectable 0.110`, `flipped 2 worse, 1 better`."""
    missing = (f"{rule.missing:,} missing",) if rule.missing else ()
    return (*missing, *_beyond_the_estimate(rule))


def why_text(rule: RuleRow) -> str:
    """Why a rule did not pass, with all that its reason does not tell."""
    return "; ".join(filter(None, [rule.reason, *facts_beside(rule), failing_text(rule)]))


def _beyond_the_estimate(rule: RuleRow) -> tuple[str, ...]:
    parts = []
    if rule.detectable is not None:
        parts.append(f"detectable {number(rule.detectable, rule.unit, precise=True)}")
    if rule.worse or rule.better:
        # Without a condition no case flips from passing to not: its value changed.
        parts.append(f"{'flipped' if rule.conditional else 'changed'} {rule.worse:,} worse, {rule.better:,} better")
    return tuple(parts)


def flip_groups(flips: Sequence[FlipRow]) -> tuple[FlipGroup, ...]:
    """The cases that changed under the titles they are shown with."""
    groups = (FlipGroup(way, tuple(row for row in flips if row.way is way)) for way in Way)
    return tuple(group for group in groups if group.rows)


def flip_text(row: FlipRow) -> str:
    """`token_f1 0.91 to 0.12, contains yes to no; better: is_brief no to yes`; first what the case stands under."""
    for_better = row.way is Way.BETTER
    same = ", ".join(_change(metric) for metric in row.metrics if metric.worse is not for_better)
    other = ", ".join(_change(metric) for metric in row.metrics if metric.worse is for_better)
    return same + (f"; {'worse' if for_better else 'better'}: {other}" if other else "")


def _change(metric: FlippedMetric) -> str:
    values = (metric.baseline, metric.challenger)
    if metric.kind is MetricKind.BOOL and all(value in (0, 1) for value in values):
        before, after = ("yes" if value else "no" for value in values)
    else:
        unit = "" if metric.unit == metric.metric else metric.unit
        before, after = number(metric.baseline, "USD" if unit == "USD" else ""), number(metric.challenger, unit)
    return f"{metric.metric} {before} to {after}"


def change_text(change: MetricChange) -> str:
    """`exact_match 0.83 → 0.92`, `exact_match 0.83` where it stayed."""
    unit = "" if change.unit == change.metric else change.unit
    after = number(change.after, unit)
    if change.before == change.after:
        return f"{change.metric} {after}"
    return f"{change.metric} {number(change.before, 'USD' if unit == 'USD' else '')} → {after}"


def compare_command(changes: RunChanges, target: str) -> str:
    """What to type for all that changed of a target."""
    # The end of a run's id is its random part.
    before, after = (f"{run.rpartition('-')[2]}:{target}" for run in (changes.before, changes.after))
    return f"plimsoll compare {before} {after} --json"


def failing_text(rule: RuleRow) -> str:
    """Which cases of an all_pass rule don't pass: a few by name, the others by number.

    Empty where none, and where the rule's reason names them already.
    """
    if all(name in rule.reason for name in rule.failing[:FAILING_NAMED]):
        return ""
    return f"does not pass: {some(rule.failing, FAILING_NAMED)}"


def baseline_text(section: VerdictSection) -> str:
    """`baseline v1 (5b31c119509a)`, or why there is none."""
    if section.baseline is None:
        return "no baseline: the first champion" if section.first else "no baseline"
    # What is out of git, or of another run, bears no other name.
    named = "baseline" if section.baseline == "baseline" else f"baseline {section.baseline}"
    return named + (f" ({section.baseline_digest})" if section.baseline_digest else "")


def coverage_text(header: Header) -> str:
    """`68 of 72 cells answered, 3 failed, 1 not run, 2 scores missing`; of a sequential run how far it came, too."""
    parts = [f"{header.answered:,} of {header.planned:,} cells answered"]
    parts += [f"{header.failed:,} failed"] if header.failed else []
    parts += [f"{header.not_run:,} not run"] if header.not_run else []
    parts += [f"{count(header.unscored, 'score')} missing"] if header.unscored else []
    return ", ".join(parts) + (f"; {header.course}" if header.course else "")


def who(case: CaseRow) -> str:
    """Which targets failed the case, and at what: `error: port; did not pass: v1 (exact_match)`."""
    found: dict[Standing, dict[str, dict[str, None]]] = {standing: {} for standing in BAD}
    for answer in case.answers:
        if answer.standing in BAD:
            metrics = found[answer.standing].setdefault(answer.target, {})
            metrics |= dict.fromkeys(score.metric for score in answer.scores if score.passed is False)
    return "; ".join(f"{standing}: {_by_metrics(targets)}" for standing, targets in found.items() if targets)


def _by_metrics(targets: Mapping[str, Mapping[str, None]]) -> str:
    """`v1, brief (token_f1, contains) · v2 (token_f1)`: targets that failed at the same are told together."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name, metrics in targets.items():
        grouped.setdefault(tuple(metrics), []).append(name)
    return " · ".join(
        ", ".join(names) + (f" ({', '.join(metrics)})" if metrics else "") for metrics, names in grouped.items()
    )
