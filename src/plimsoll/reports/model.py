"""The view model: what every renderer shows of a run, once, as frozen values.

Promises that all figures are as the summary and the verdicts gave them (None is unknown, never zero), that every text
is `plain` already (a renderer only escapes its own syntax), and that what is missing is counted wherever a figure
stands. Cases come worst first. Built by `plimsoll.reports.view.build_view`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from plimsoll.errors import ExitCode
from plimsoll.reports.flip_model import FlipRow
from plimsoll.reports.spent import Spent
from plimsoll.types import Decision, MetricKind, rule_name


class Standing(StrEnum):
    """How a case or an answer stands; worst first."""

    ERROR = "error"
    """No answer, or a score that could not be given."""
    FAILED = "did not pass"
    NOT_RUN = "not run"
    """Planned and never finished."""
    UNJUDGED = "no condition"
    """Answered and scored, but no metric says what passes."""
    PASSED = "passed"


class Header(Struct, frozen=True, kw_only=True):
    """What ran, over what, when, and how much of it was finished."""

    suite: str
    run: str
    started: str
    seconds: float
    requests: int
    cost: float | None
    """USD that these requests took; None is unknown."""
    dataset: str
    dataset_digest: str
    """Its first characters."""
    cases: int
    repeats: int
    sample: int | None
    commit: str | None
    """Its first characters."""
    dirty: bool
    complete: bool
    course: str = ""
    """How far a sequential run came: `decided at look 2 of 5, after …`; empty of any other."""
    planned: int
    """Cells: target × case × repeat; of a sequential run that was decided, those that were due."""
    answered: int
    failed: int
    unscored: int
    """Scores that an answered cell was to have and has not."""
    cached: int

    @property
    def not_run(self) -> int:
        """Cells that were planned and never finished."""
        return max(self.planned - self.answered - self.failed, 0)

    @property
    def whole(self) -> bool:
        """Nothing is missing anywhere."""
        return self.complete and not (self.failed or self.not_run or self.unscored)

    @property
    def state(self) -> str:
        """`complete`, `with failures`, `incomplete`."""
        if self.whole:
            return "complete"
        return "with failures" if self.complete and not self.not_run else "incomplete"


class TargetRow(Struct, frozen=True, kw_only=True):
    """One target and what became of its cells."""

    name: str
    kind: str
    model: str | None
    digest: str
    """Its first characters."""
    planned: int
    answered: int
    failed: int
    cached: int
    cut: int
    """Answers cut by the token limit."""
    cost: float | None
    """USD that its answers took; None is unknown."""
    judge_cost: float | None
    """USD that judging them took; None is unknown."""

    @property
    def not_run(self) -> int:
        """Cells that were planned and never finished."""
        return max(self.planned - self.answered - self.failed, 0)


class Figure(Struct, frozen=True, kw_only=True):
    """One metric of one target."""

    target: str
    mean: float | None
    low: float | None
    high: float | None
    n: int
    """Cases that the mean rests on."""
    failed: int
    """Cells whose output or score failed."""
    skipped: int
    """Cells to which the metric does not apply."""
    missing: int
    """Cells that were never run or scored."""
    best: bool = False
    """Better than every other target, by intervals that don't touch, with nothing missing."""
    labels: tuple[tuple[str, int], ...] = ()
    """Of a label metric: label and count, most frequent first."""

    @property
    def lacking(self) -> int:
        """Cells that were to have a value and have none."""
        return self.failed + self.missing


class MetricRow(Struct, frozen=True, kw_only=True):
    """One metric over all targets, in the order of the view's targets."""

    name: str
    kind: MetricKind
    higher_is_better: bool
    unit: str
    judged: bool
    condition: str | None
    """What makes a case pass."""
    derived: bool
    """A percentile of another metric, which tells what is missing."""
    low: float | None
    """Least possible value."""
    high: float | None
    figures: tuple[Figure, ...]


class OverAll(Struct, frozen=True, kw_only=True):
    """One figure of one target over all of its cells; nothing states an interval of it."""

    target: str
    value: float | None
    why: str
    """Why there is no value; empty where there is."""
    applies: bool = True
    """False where the evaluator applies to none of the target's cells: then no value is missing."""
    ok: int
    """Cells with all of the evaluator's scores: with failed and skipped, all of the target's."""
    failed: int
    skipped: int


class AggregateRow(Struct, frozen=True, kw_only=True):
    """One figure of an evaluator's aggregate over all targets, in the order of the view's targets."""

    name: str
    """EVALUATOR.FIGURE; the evaluator's alone where there are no figures at all."""
    figures: tuple[OverAll | None, ...]
    """None where the target was not scored whole, or has no such figure."""


class SliceTable(Struct, frozen=True, kw_only=True):
    """The metrics over one slice of the dataset."""

    name: str
    cases: int
    metrics: tuple[MetricRow, ...]


class FailureGroup(Struct, frozen=True, kw_only=True):
    """Failures of one kind at one place, with what to do about them."""

    kind: str
    of: str
    """`answer`, or the metric that has no value."""
    count: int
    remedy: str
    targets: tuple[tuple[str, int], ...]
    examples: tuple[tuple[str, str], ...]
    """Cell and message, a few of them."""


class ScoreView(Struct, frozen=True, kw_only=True):
    """One score of one answer."""

    metric: str
    state: str
    """`scored`, `failed`, `skipped`."""
    value: str
    """As people read it; empty unless scored."""
    passed: bool | None
    note: str
    """The evaluator's reason, or why there is no value."""


class TurnView(Struct, frozen=True, kw_only=True):
    """One turn of a conversation."""

    user: str
    text: str
    """The answer."""
    expected: str | None
    scores: tuple[ScoreView, ...]
    """Of the metrics that were scored turn by turn."""


class AnswerView(Struct, frozen=True, kw_only=True):
    """What one target gave for one case, in one repeat."""

    target: str
    repeat: int
    standing: Standing
    text: str
    """The answer; the failure's message where there is none; empty where it was never run."""
    finish: str
    cached: bool
    kind: str
    """The failure's kind; empty where there is an answer."""
    latency: float | None
    scores: tuple[ScoreView, ...]
    turns: tuple[TurnView, ...] = ()
    """Of a conversation: then the text is all its answers."""


class CaseRow(Struct, frozen=True, kw_only=True):
    """One case with the answers of every target."""

    id: str
    place: int
    """1-based, in the dataset's order."""
    inputs: tuple[tuple[str, str], ...]
    """Field and text."""
    short: str
    """The most telling input on one line."""
    expected: str | None
    slices: tuple[str, ...]
    group: str | None
    standing: Standing
    """The worst of its answers."""
    answers: tuple[AnswerView, ...]

    def of(self, target: str) -> tuple[AnswerView, ...]:
        """One target's answers, by repeat."""
        return tuple(answer for answer in self.answers if answer.target == target)


class RuleRow(Struct, frozen=True, kw_only=True):
    """One rule of a gate and what it found."""

    metric: str
    slice: str | None
    rule: str
    outcome: Decision
    relative: bool
    """The estimate is a difference from the baseline."""
    higher_is_better: bool
    unit: str
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    missing: int
    detectable: float | None
    reason: str
    conditional: bool
    """Something says what passes: `worse` and `better` are flips; without it they are whatever changed."""
    worse: int
    """Cases that flipped or changed for the worse."""
    better: int
    failing: tuple[str, ...]
    """Of an all_pass rule: the cases that don't pass."""
    listed: tuple[str, ...]
    """The cases for the worse that are listed with both answers: every flip, or the worst few of what changed."""
    before: Figure | None = None
    """The metric of the baseline, or of the anchor, over its own cases; None where there is none."""
    after: Figure | None = None
    """The challenger's."""

    @property
    def name(self) -> str:
        """What the rule is called, the same from run to run."""
        return rule_name(self.metric, self.slice, self.rule)


class Problem(Struct, frozen=True):
    """Why a run does not end as done."""

    message: str
    exit_code: ExitCode


WORDS = {
    ExitCode.PASS: "PASS",
    ExitCode.FAIL: "FAIL",
    ExitCode.INCONCLUSIVE: "INCONCLUSIVE",
    ExitCode.USAGE: "ERROR",
    ExitCode.INFRASTRUCTURE: "ERROR",
    ExitCode.INTERRUPTED: "INTERRUPTED",
}
"""How a gate ended, in a word."""


class VerdictSection(Struct, frozen=True, kw_only=True):
    """A gate's decision, ready to be shown."""

    outcome: Decision
    """By the rules alone."""
    code: ExitCode
    """What the gate ends with: the outcome's, or where the run did not end as done, what goes before it."""
    problem: str = ""
    """Why the code is not the outcome's; empty where it is."""
    suite: str
    run: str
    target: str
    baseline: str | None
    """The target compared with, as people say it: of another run's, which run."""
    baseline_digest: str | None
    """Its first characters."""
    first: bool
    """The first champion: there was none to compare with."""
    confidence: float
    levels: str
    """Of the intervals, in words: at a look of a sequential run they are wider."""
    course: str
    """How far a sequential run came; empty of any other."""
    headline: str
    """Whether the target may be promoted, in words."""
    reasons: tuple[str, ...]
    """Which rules decided, by name; their figures stand with the rules."""
    rules: tuple[RuleRow, ...]
    """In the policy's order."""
    flips: tuple[FlipRow, ...]
    """For the worse before for the better, by the rules that decided first; of rules without a condition only the worst
    changes, where they did not pass."""
    not_applied: tuple[str, ...]
    """Rules of the policy that need a baseline, where there is none."""
    spent: tuple[Spent, ...] = ()
    """The baseline's, where there is one, and the challenger's."""
    gone: tuple[str, ...] = ()
    """Cases that the baseline's evidence has and this dataset lacks, or has with other content: they count as
    missing."""
    quarantined: tuple[str, ...] = ()
    """Cases that were not counted."""

    @property
    def word(self) -> str:
        """What the verdict is headed by, wherever it is shown."""
        return WORDS[self.code]

    @property
    def telling(self) -> tuple[RuleRow, ...]:
        """The rules that did not pass, but for those that can't tell because the run was stopped: that is told once."""
        silent = {Decision.PASS, *([Decision.INCONCLUSIVE] if self.problem else [])}
        return tuple(rule for rule in self.rules if rule.outcome not in silent)


class View(Struct, frozen=True, kw_only=True):
    """A run as it is shown."""

    header: Header
    confidence: float
    targets: tuple[TargetRow, ...]
    metrics: tuple[MetricRow, ...]
    slices: tuple[SliceTable, ...]
    failures: tuple[FailureGroup, ...]
    cases: Sequence[CaseRow]
    """Worst first. May be made as they are asked for."""
    standings: dict[Standing, int]
    """How many cases stand how."""
    notes: tuple[str, ...]
    verdicts: tuple[VerdictSection, ...]
    commands: tuple[str, ...]
    """What to type to measure the same again."""
    evaluators: tuple[tuple[str, str], ...]
    """Name and digest's first characters."""
    aggregates: tuple[AggregateRow, ...] = ()
