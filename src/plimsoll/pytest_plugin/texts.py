"""What an item says of itself: the case, the answer, each score with reason and rule; of a gate, what decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from plimsoll.api.picked import DecidedGate, Pair, why_missing
from plimsoll.api.prepare import Prepared
from plimsoll.api.runs import Ran
from plimsoll.errors import FailureKind
from plimsoll.reports.cases import NOT_SCORED
from plimsoll.reports.model import AnswerView, CaseRow, ScoreView, Standing, VerdictSection
from plimsoll.reports.phrases import flip_groups, flip_text
from plimsoll.reports.text import excerpt, one_line
from plimsoll.types import Case, Decision, Direction, Metric, MetricKind

_ANSWER = 2000
_HEADLINE = 300
_FLIPS = 10
_AGAIN = "note: to go on, run the tests again: what was answered is taken from the cache"
_WIDTH = 10
"""Of the names before the texts."""


@dataclass(frozen=True, slots=True)
class CaseTold:
    """A case's outcome, and how to tell it."""

    error: str = ""
    """Why nothing can be said of the target; empty where something can."""
    failure: str = ""
    """Why the target gave no answer."""
    unmet: str = ""
    """The conditions that are not met."""
    conditional: bool = False
    """Whether any metric had a condition."""
    scores: tuple[tuple[str, str], ...] = ()
    """Metric and value, as user properties."""
    details: tuple[str, ...] = ()
    """Lines."""

    def text(self, headline: str) -> str:
        """The headline and what it rests on."""
        return "\n".join([headline, *self.details])


def told_case(prepared: Prepared, ran: Ran, row: CaseRow, pair: Pair, line: int) -> CaseTold:
    """What became of one target's answers to one case.

    Args:
        prepared: The suite.
        ran: The run.
        row: The case as reports show it.
        pair: Target and case.
        line: The case's in its dataset.
    """
    answers, case = row.of(pair[0]), ran.report.cases[pair[1]]
    scores = [score for answer in answers for score in answer.scores]
    unmet = [_short(score) for score in scores if score.passed is False]
    rules = {name: rule for name, metric in ran.report.metrics.items() if (rule := rule_of(metric, case))}
    where = f"{prepared.suite.dataset}:{line}" if line else prepared.suite.dataset
    about = f"{row.id} ({where})" + (f", slices: {', '.join(row.slices)}" if row.slices else "")
    return CaseTold(
        error=_headline(_errors(answers, ran)),
        failure=_headline(f"no answer: {answer.kind}: {answer.text}" for answer in answers if answer.kind),
        unmet=_headline(dict.fromkeys(unmet)),
        conditional=any(score.passed is not None for score in scores),
        scores=tuple(_properties(answers)),
        details=(
            *_lines("case", about),
            *_lines("input", row.short),
            *_lines("expected", row.expected or ""),
            *(text for answer in answers for text in _answer(answer, rules, many=len(answers) > 1)),
            *_lines("run", f"plimsoll report {ran.folder.name}"),
        ),
    )


def _errors(answers: Sequence[AnswerView], ran: Ran) -> Iterator[str]:
    """What tells of the endpoint, of a judge or of an evaluator, not of the target."""
    for answer in answers:
        if answer.standing is Standing.NOT_RUN:
            yield f"not run: {why_missing(ran)}"
        elif answer.kind and (FailureKind(answer.kind).of_provider or answer.kind == FailureKind.SPEND_CAP):
            yield f"{answer.kind}: {answer.text}"
        for score in answer.scores:
            if score.state == "failed":
                why = f": {why_missing(ran)}" if score.note == NOT_SCORED else ""
                yield f"{score.metric}: {score.note}{why}"


def _headline(texts: Sequence[str] | Iterator[str] | dict[str, None]) -> str:
    return one_line("; ".join(dict.fromkeys(texts)), _HEADLINE)


def _short(score: ScoreView) -> str:
    return f"{score.metric} is {score.value}" + (f" ({score.note})" if score.note else "")


def _properties(answers: Sequence[AnswerView]) -> Iterator[tuple[str, str]]:
    for answer in answers:
        number = f" #{answer.repeat + 1}" if len(answers) > 1 else ""
        yield from ((f"{score.metric}{number}", score.value or score.state) for score in answer.scores)


def _answer(answer: AnswerView, rules: dict[str, str], *, many: bool) -> Iterator[str]:
    number = f" {answer.repeat + 1}" if many else ""
    if answer.text and not answer.kind:
        yield from _lines(f"answer{number}", excerpt(answer.text, _ANSWER))
    for score in answer.scores:
        standing = standing_of(score.passed, rules.get(score.metric, ""))
        value = f"{score.value}, {standing}" if score.state == "scored" else score.state
        yield from _lines("score", f"{score.metric}: {value}" + (f": {score.note}" if score.note else ""))


def standing_of(passed: bool | None, rule: str) -> str:
    """How a score stands, and by what; `rule` is as `rule_of` gives it."""
    if passed is None:
        return "no condition"
    return ("passes" if passed else "does not pass") + (f" ({rule})" if rule else "")


def rule_of(metric: Metric, case: Case) -> str:
    """What makes a case pass by a metric, in words; empty where nothing does."""
    own = case.pass_if.get(metric.name)
    if own is not None:
        return f"this case's pass_if: {own}"
    if metric.pass_if is not None:
        return f"pass_if: {metric.pass_if}"
    if metric.kind is not MetricKind.BOOL:
        return ""
    return "passes if yes" if metric.direction is Direction.HIGHER else "passes if no"


def _lines(name: str, text: str) -> Iterator[str]:
    """A text beside its name, all of its lines below each other; nothing where there is none."""
    for number, line in enumerate(text.splitlines()):
        yield f"{name if number == 0 else '':<{_WIDTH}} {line}".rstrip()


@dataclass(frozen=True, slots=True)
class GateTold:
    """A gate's outcome in words."""

    text: str
    rules: tuple[tuple[str, str], ...] = field(default=())
    """Each rule and its outcome, as user properties."""


def told_broken(broken: str) -> str:
    """What kept a gate from a verdict, and how to go on."""
    return f"nothing was decided: {broken}\n{_AGAIN}"


def told_gate(decided: DecidedGate) -> GateTold:
    """A verdict with its reasons, and the cases that flipped."""
    verdict, (section,) = decided.verdict, decided.run.view.verdicts
    against = f" against {section.baseline}" if section.baseline else ""
    reasons = verdict.reasons
    if verdict.outcome is Decision.PASS and decided.run.problem is not None:
        reasons = (decided.run.problem.message,)
    word = {Decision.PASS: "passed", Decision.FAIL: "failed"}.get(decided.outcome, "inconclusive")
    lines = [
        f"{word}: {section.target}{against}: {one_line(reasons[0])}",
        *(f"- {one_line(reason)}" for reason in reasons[1:]),
        *_flips(section),
        *(f"note: {note}" for note in decided.run.view.notes),
        *([] if decided.run.problem is None else [_AGAIN]),
        f"plimsoll report {decided.ran.folder.name}",
    ]
    rules = tuple((rule.name, rule.outcome.value) for rule in section.rules)
    return GateTold("\n".join(lines), (("plimsoll.gate", decided.outcome.value), *rules))


def _flips(section: VerdictSection) -> Iterator[str]:
    for group in flip_groups(section.flips):
        yield f"{group.title}: {len(group.rows)}"
        for row in group.rows[:_FLIPS]:
            yield f"  {row.case}: {flip_text(row)}"
            if group.worse:
                yield f"    before  {one_line(row.before or '–', 200)}"
                yield f"    after   {one_line(row.after or '–', 200)}"
