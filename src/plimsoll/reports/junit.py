"""A run and its verdicts as JUnit XML, for whatever shows test results.

Promises names that stay the same from run to run (suite.target, then the case's id; suite.target.gate, then the rule),
so that a case's history can be followed; XML that every parser accepts, whatever a model wrote; and that only what
passed is shown as passed: what has no answer is an error, what has no condition is skipped, an inconclusive rule is
an error.

The tests say what the verdict says: rules fail, and of the challenger's cases those that a rule which failed names.
Another case passes by the metrics that the rules ask for; where it does not, and no rule failed by it, it is skipped:
nothing against the target, and no success. What a case does not pass by a metric that no rule asks for stands in its
output.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from xml.etree import ElementTree as ET

from plimsoll.reports.model import AnswerView, CaseRow, RuleRow, ScoreView, Standing, VerdictSection, View
from plimsoll.reports.phrases import estimate_text, failing_text, rule_figures
from plimsoll.reports.review import UNAFFECTED, Review
from plimsoll.reports.text import clip, plain
from plimsoll.stats import PERCENTILES
from plimsoll.types import Decision

_DETAIL_LIMIT = 4000
_NEVER = "planned, and never finished"


def render_tests(reviews: Sequence[Review], *, nothing: str = UNAFFECTED) -> str:
    """The gates of several suites in one document, and whether each ended as it should.

    Args:
        reviews: One for each suite; where there are none, one test is skipped.
        nothing: Why there are none.
    """
    root = ET.Element("testsuites", name="plimsoll")
    for review in reviews:
        if review.view is not None and review.section is not None:
            _add(root, review.view, review.section)
        _ended(root, review)
    if not reviews:
        _problem(_testcase(_suite(root, "plimsoll"), "affected", 0.0), "skipped", nothing, "", "")
    return _written(root)


def _add(root: ET.Element, view: View, section: VerdictSection) -> None:
    suite = _suite(root, f"{section.suite}.{section.target}", view.header.started)
    for row in sorted(view.cases, key=lambda row: row.place):
        _case(suite, row, row.of(section.target), section.rules)
    suite = _suite(root, f"{section.suite}.{section.target}.gate", view.header.started)
    if section.course:
        told = ET.SubElement(suite, "properties")
        ET.SubElement(told, "property", name="plimsoll.course", value=f"{section.course}; {section.levels}")
    for rule in section.rules:
        _rule(suite, rule)
    if all(rule.outcome is Decision.PASS for rule in section.rules):
        _outcome(suite, section)


def _ended(root: ET.Element, review: Review) -> None:
    """Whether a suite's gate ended as its verdict says: what stopped it is an error, whatever the rules say."""
    case = _testcase(_suite(root, f"{plain(review.suite)}.run"), "run", 0.0)
    if not review.as_decided:
        told = [problem.told for problem in review.problems]
        where = [str(problem.where) for problem in review.problems if problem.where]
        message = told[0] if told else review.code.meaning
        _problem(case, "error", clip(message, 300), f"exit code {int(review.code)}", "\n".join([*told[1:], *where]))


def _written(root: ET.Element) -> str:
    for suite in root:
        _count(suite)
    _count(root)
    # Surefire's schema has none at the root, and a reader that checks it refuses the file.
    del root.attrib["skipped"]
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, name: str, started: str = "") -> ET.Element:
    suite = ET.SubElement(root, "testsuite", name=name)
    if started:
        # Always UTC; strict readers take no offset.
        suite.set("timestamp", started.removesuffix("Z").removesuffix("+00:00"))
    return suite


def _case(suite: ET.Element, row: CaseRow, answers: Sequence[AnswerView], rules: Sequence[RuleRow]) -> None:
    """By the rules: what has no answer, or no value that a rule asks for, is an error; what a failed rule names fails.

    A rule that is inconclusive names no case: it is an error itself.
    """
    case = _testcase(suite, row.id, _spent(answers))
    details = _details(row, answers)
    asked = {
        PERCENTILES.get(rule.metric, (rule.metric,))[0]
        for rule in rules
        if rule.slice is None or rule.slice in row.slices
    }
    missing = _missing(answers, asked)
    blamed = [
        rule for rule in rules if rule.outcome is Decision.FAIL and (row.id in rule.failing or row.id in rule.listed)
    ]
    if missing:
        _problem(case, "error", missing, Standing.ERROR.value, details)
    elif blamed:
        named = "; ".join(f"{rule.name}: {_value(answers, rule.metric)}" for rule in blamed)
        _problem(case, "failure", clip(named, 300), Standing.FAILED.value, details)
    else:
        _aside(case, [score for answer in answers for score in answer.scores if score.metric in asked], details)
    _unasked(case, [score for answer in answers for score in answer.scores if score.metric not in asked])


def _aside(case: ET.Element, asked: Sequence[ScoreView], details: str) -> None:
    """A case that no failed rule names passes by what the rules ask for, or it is skipped."""
    lacking = [score for score in asked if score.passed is False]
    if lacking:
        told = "; ".join(_told(score) for score in lacking)
        _problem(
            case, "skipped", clip(f"not held against the target by any rule that failed: {told}", 300), "", details
        )
    elif all(score.passed is None for score in asked):
        _problem(case, "skipped", "no rule asks for a metric that this case could pass (pass_if)", "", details)


def _unasked(case: ET.Element, scores: Sequence[ScoreView]) -> None:
    """What does not pass by metrics that no rule asks for: it decides nothing, and is not kept silent."""
    lacking = [_told(score) for score in scores if score.passed is False]
    if lacking:
        told = f"no rule asks for it, and it does not pass: {'; '.join(lacking)}"
        ET.SubElement(case, "system-out").text = clip(told, _DETAIL_LIMIT)


def _missing(answers: Sequence[AnswerView], asked: Collection[str]) -> str:
    """What keeps the case from being decided on; empty where nothing does."""
    for answer in answers:
        if answer.kind:
            return clip(f"{answer.kind}: {answer.text}", 300)
        if answer.standing is Standing.NOT_RUN:
            return _NEVER
    failed = [score for answer in answers for score in answer.scores if score.state == "failed"]
    told = [f"{score.metric}: {score.note}" for score in failed if score.metric in asked]
    return clip("; ".join(told), 300) if answers else _NEVER


def _value(answers: Sequence[AnswerView], metric: str) -> str:
    base = PERCENTILES.get(metric, (metric,))[0]
    found = [score.value for answer in answers for score in answer.scores if score.metric == base and score.value]
    return f"{base} is {', '.join(found)}" if found else f"{base} has no value"


def _spent(answers: Sequence[AnswerView]) -> float:
    return sum(answer.latency or 0.0 for answer in answers)


def _details(row: CaseRow, answers: Sequence[AnswerView]) -> str:
    told = filter(None, (_detail(answer, len(answers) > 1) for answer in answers))
    return "\n\n".join([row.short, *told])


def _told(score: ScoreView) -> str:
    return f"{score.metric} is {score.value}" + (f" ({score.note})" if score.note else "")


def _detail(answer: AnswerView, many: bool) -> str:
    head = f"repeat {answer.repeat}: {answer.standing}\n" if many else ""
    scores = [
        f"{score.metric}: {score.value or score.state}" + (f" ({score.note})" if score.note else "")
        for score in answer.scores
    ]
    return head + "\n".join([f"answer: {answer.text}", *scores]) if answer.text or scores else head


def _rule(suite: ET.Element, rule: RuleRow) -> None:
    case = _testcase(suite, rule.name, 0.0)
    detail = " · ".join(filter(None, [estimate_text(rule), *rule_figures(rule), failing_text(rule)]))
    if rule.outcome is not Decision.PASS:
        tag = "failure" if rule.outcome is Decision.FAIL else "error"
        _problem(case, tag, rule.reason, rule.outcome.value, detail)


def _outcome(suite: ET.Element, section: VerdictSection) -> None:
    """The decision itself, where no rule tells it: rules may pass and coverage still decide otherwise."""
    case = _testcase(suite, "verdict", 0.0)
    if section.outcome is not Decision.PASS:
        tag = "failure" if section.outcome is Decision.FAIL else "error"
        _problem(case, tag, "; ".join(section.reasons) or section.headline, section.outcome.value, section.headline)


def _testcase(suite: ET.Element, name: str, spent: float) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=suite.attrib["name"], name=name, time=f"{spent:.3f}")


def _problem(case: ET.Element, tag: str, message: str, kind: str, detail: str) -> None:
    problem = ET.SubElement(case, tag, message=message)
    if tag != "skipped":
        problem.set("type", kind)
    # Not every reader shows the attribute: GitLab shows the content alone.
    problem.text = clip(f"{message}\n{detail}".strip(), _DETAIL_LIMIT)


def _count(element: ET.Element) -> None:
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", f"{sum(float(case.attrib['time']) for case in cases):.3f}")
