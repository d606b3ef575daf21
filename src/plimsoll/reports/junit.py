"""A run and its verdicts as JUnit XML, for whatever shows test results.

Promises names that stay the same from run to run (suite.target, then the case's id; suite.target.gate, then the rule),
so that a case's history can be followed; XML that every parser accepts, whatever a model wrote; and that only what
passed is shown as passed: what has no answer is an error, what has no condition is skipped, an inconclusive rule is
an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from plimsoll.reports.model import AnswerView, CaseRow, RuleRow, Standing, VerdictSection, View
from plimsoll.reports.phrases import estimate_text, failing_text, rule_figures
from plimsoll.reports.text import clip
from plimsoll.types import Decision

_DETAIL_LIMIT = 4000


def render_junit(view: View) -> str:
    """The whole document: a test suite for each target, and one for each gate."""
    root = ET.Element("testsuites", name=view.header.suite)
    for target in view.targets:
        rows = sorted(view.cases, key=lambda row: row.place)
        suite = _suite(root, f"{view.header.suite}.{target.name}", view.header.started)
        for row in rows:
            _case(suite, row, row.of(target.name))
    for section in view.verdicts:
        suite = _suite(root, f"{section.suite}.{section.target}.gate", view.header.started)
        for rule in section.rules:
            _rule(suite, rule)
        if not section.rules or all(rule.outcome is Decision.PASS for rule in section.rules):
            _outcome(suite, section)
    for suite in root:
        _count(suite)
    _count(root)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, name: str, started: str) -> ET.Element:
    return ET.SubElement(root, "testsuite", name=name, timestamp=started.removesuffix("Z"))


def _case(suite: ET.Element, row: CaseRow, answers: Sequence[AnswerView]) -> None:
    spent = sum(answer.latency or 0.0 for answer in answers)
    case = _testcase(suite, row.id, spent)
    details = "\n\n".join(filter(None, (_detail(answer, len(answers) > 1) for answer in answers)))
    standings = {answer.standing for answer in answers} or {Standing.NOT_RUN}
    for standing, tag in _TAGS.items():
        if standing in standings:
            message = _message(standing, [answer for answer in answers if answer.standing is standing])
            _problem(case, tag, message, standing.value, f"{row.short}\n\n{details}")
            return


_TAGS = {
    Standing.ERROR: "error",
    Standing.NOT_RUN: "error",
    Standing.FAILED: "failure",
    Standing.UNJUDGED: "skipped",
}


def _message(standing: Standing, answers: Sequence[AnswerView]) -> str:
    if standing is Standing.NOT_RUN:
        return "planned, and never finished"
    if standing is Standing.UNJUDGED:
        return "no metric has a condition that this case could pass (pass_if)"
    told = [
        f"{answer.kind}: {answer.text}" if answer.kind else "; ".join(_bad_scores(answer, standing))
        for answer in answers
    ]
    return clip(told[0], 300)


def _bad_scores(answer: AnswerView, standing: Standing) -> list[str]:
    if standing is Standing.ERROR:
        return [f"{score.metric}: {score.note}" for score in answer.scores if score.state == "failed"]
    return [
        f"{score.metric} is {score.value}" + (f" ({score.note})" if score.note else "")
        for score in answer.scores
        if score.passed is False
    ]


def _detail(answer: AnswerView, many: bool) -> str:
    head = f"repeat {answer.repeat}: {answer.standing}\n" if many else ""
    scores = [
        f"{score.metric}: {score.value or score.state}" + (f" ({score.note})" if score.note else "")
        for score in answer.scores
    ]
    return head + "\n".join([f"answer: {answer.text}", *scores]) if answer.text or scores else head


def _rule(suite: ET.Element, rule: RuleRow) -> None:
    name = f"{rule.metric}{f' on {rule.slice}' if rule.slice else ''}: {rule.rule}"
    case = _testcase(suite, name, 0.0)
    detail = " · ".join([estimate_text(rule), *rule_figures(rule), *([failing_text(rule)] if rule.failing else [])])
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
    problem.text = clip(detail.strip(), _DETAIL_LIMIT)


def _count(element: ET.Element) -> None:
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", f"{sum(float(case.attrib['time']) for case in cases):.3f}")
