"""A gate's answer: three-valued, with the reasons and figures of each rule."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from plimsoll.errors import ExitCode


class Decision(StrEnum):
    """Of a rule, and of the gate."""

    PASS = "pass"  # noqa: S105  # a verdict, no secret
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that says this."""
        return {
            Decision.PASS: ExitCode.PASS,
            Decision.FAIL: ExitCode.FAIL,
            Decision.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
        }[self]


class Flip(Struct, frozen=True, kw_only=True):
    """A case whose score differs between baseline and challenger, for the worse or the better."""

    case: str
    baseline: float
    challenger: float

    @property
    def change(self) -> float:
        """Challenger minus baseline."""
        return self.challenger - self.baseline


class Quarantined(Struct, frozen=True, kw_only=True):
    """A case that is known to be flaky and is not counted: for a reason, by somebody, for a time."""

    case: str
    reason: str
    owner: str
    expires: str
    """The last day on which it holds, UTC: `2026-12-31`."""
    metric: str | None = None
    """The only metric that it is about; None is every one."""


class Look(Struct, frozen=True, kw_only=True):
    """How far a sequential run had come when it was decided on: after so many of its equal random blocks of cases."""

    number: int
    """Blocks that had been run, from 1."""
    of: int
    """Blocks that were planned; at the last nothing is left out."""


class Attempts(Struct, frozen=True, kw_only=True):
    """How often something was held against the same champion on the same cases: a try until it passes would show."""

    number: int
    """Different challengers, or drawings of their answers, so far; this one counted."""
    gates: int
    """Gates so far, also those that decided over the same challenger again."""


class RuleResult(Struct, frozen=True, kw_only=True):
    """What one rule of the policy found."""

    metric: str
    rule: str
    """The rule in words: `at least 0.80`, `not worse than baseline by more than 0.05`."""
    outcome: Decision
    reason: str
    """Why, in a sentence that names the figures."""
    estimate: float | None = None
    """The metric itself for an absolute rule, the paired difference (challenger − baseline) for a relative one."""
    low: float | None = None
    high: float | None = None
    """Confidence limits of the estimate at the policy's confidence."""
    n: int = 0
    """Cases (pairs) that the estimate rests on."""
    missing: int = 0
    """Planned cases without a usable score on one side or the other."""
    detectable: float | None = None
    """The smallest difference that this many cases could have shown with 80% power."""
    slice: str | None = None
    against: str | None = None
    """What it was compared with, by its name in the report; None for an absolute rule."""
    confidence: float | None = None
    """Of the limits, two-sided; higher than the policy's at an early look of a sequential run."""
    measured: float | None = None
    """The estimate as the judge gave it, where `estimate` and limits are corrected for the judge's errors."""
    flipped: tuple[Flip, ...] = ()
    """Cases that changed, worst first: from passing to not and back where a condition says what passes, else every case
    whose value changed."""
    failing: tuple[str, ...] = ()
    """Of an all_pass rule: the cases that do not pass."""

    @property
    def name(self) -> str:
        """What it is called: see `rule_name`."""
        return rule_name(self.metric, self.slice, self.rule)


def rule_name(metric: str, part: str | None, words: str) -> str:
    """`token_f1 on fares, not worse than baseline`: what a rule is called everywhere, the same from run to run."""
    return f"{metric}{'' if part is None else f' on {part}'}, {words}"


class Verdict(Struct, frozen=True, kw_only=True):
    """The gate's decision over one challenger."""

    outcome: Decision
    suite: str
    run: str
    target: str
    baseline: str | None
    """The name, in the report, of the target compared with; None with `--first`, or where the policy compares with
    none."""
    rules: tuple[RuleResult, ...]
    reasons: tuple[str, ...]
    """What decided, worst first, in plain words."""
    target_digest: str = ""
    """The challenger's digest."""
    baseline_digest: str | None = None
    """The baseline's digest: a promotion is valid only while this is the champion's."""
    confidence: float = 0.95
    """Of every interval, two-sided: an error towards passing has half of the rest, 2.5% at 0.95."""
    first: bool = False
    """Gated with `--first`: there was no champion to compare with."""
    anchor: str | None = None
    """The name, in the report, of the frozen release below which nothing may fall."""
    anchor_digest: str | None = None
    quarantine: tuple[Quarantined, ...] = ()
    """Cases that were not counted."""
    gone: tuple[str, ...] = ()
    """Cases that the baseline's evidence has and this dataset lacks, or has with other content: they count as
    missing."""
    look: Look | None = None
    """Of a sequential run: where it was decided; None of any other, which runs every case."""
    attempts: Attempts | None = None
    """None where they were not counted."""
    not_applied: tuple[str, ...] = ()
    """With `--first`: the policy's rules that need a baseline, in words."""
    baseline_run: str | None = None
    """Where the baseline's answers are those of another run, that run; None where they were generated beside the
    challenger's."""
    baseline_target: str | None = None
    """What that run calls it."""
    unsealed: str | None = None
    """Why it is no evidence, so that no promotion can rest on it; None where it is sealed."""
    recorded: bool = False
    """Over outputs of the cell cache alone: nobody was asked, and nothing is decided."""

    @property
    def baseline_words(self) -> str | None:
        """The baseline as people say it: `champion`, `v2 of run 20261123-…`; None where there is none."""
        if self.baseline_run is None:
            return self.baseline
        return f"{self.baseline_target} of run {self.baseline_run}"
