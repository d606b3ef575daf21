"""From figures to a verdict: whether a judge may be believed, check by check, in words.

Three answers, as of a gate: it holds, it does not, or too little was measured to tell. Certified is what holds in
every check.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from plimsoll.calibration.comparison import Task
from plimsoll.calibration.figures import Figure, Figures
from plimsoll.config import CalibrationPolicy
from plimsoll.types import Decision

_WORST_FIRST = (Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS)


class Check(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a judge has to show."""

    what: str
    outcome: Decision
    reason: str
    """In a sentence, with the figures."""


def checks_of(figures: Figures, policy: CalibrationPolicy) -> tuple[Check, ...]:
    """Every check of the policy."""
    return tuple(_checks(figures, policy))


def outcome_of(checks: tuple[Check, ...]) -> Decision:
    """The worst of them."""
    return next(decision for decision in _WORST_FIRST if any(check.outcome is decision for check in checks))


def statement_of(figures: Figures, outcome: Decision, confidence: float) -> str:
    """The whole in one sentence: `agrees with people on 61% of 430 (kappa .12, 95% .03 to .21): not to be believed`."""
    agreement = figures.agreement
    name, principal = _principal(figures)
    told = f"{name} not defined"
    if principal is not None:
        told = f"{name} {shown(principal.value)}{_limits(principal, confidence)}"
    if agreement.accuracy is None:
        said = f"ranks {agreement.compared:,} answers as people do by {told}"
    else:
        said = f"agrees with people on {agreement.accuracy.value:.0%} of {agreement.compared:,} ({told})"
    return f"{said}: {_MEANINGS[outcome]}"


_MEANINGS = {
    Decision.PASS: "may be believed",
    Decision.FAIL: "not to be believed",
    Decision.INCONCLUSIVE: "too little to tell, so not to be believed yet",
}


def shown(value: float) -> str:
    """A figure between −1 and 1 as people write it: .12, −.03, 1."""
    text = f"{abs(value):.2f}"
    if text == "1.00" and abs(value) < 1:
        text = "0.99"
    sign = "−" if value < 0 and text != "0.00" else ""
    return sign + (text[:1] if text.endswith(".00") else text.lstrip("0"))


def _checks(figures: Figures, policy: CalibrationPolicy) -> Iterator[Check]:
    yield _labels(figures, policy)
    yield _scores(figures, policy)
    yield _agrees(figures, policy)
    if figures.agreement.informedness is not None:
        yield _informed(figures.agreement.informedness, policy.confidence)
    yield _canaries(figures, policy)
    yield _stable(figures, policy)


def _labels(figures: Figures, policy: CalibrationPolicy) -> Check:
    agreement = figures.agreement
    classes = agreement.classes or {"compared": agreement.compared}
    wanted = policy.labels if agreement.classes else 2 * policy.labels
    few = [f"{count} {name}" for name, count in classes.items() if count < wanted]
    if not few:
        counts = ", ".join(f"{count:,} {name}" for name, count in classes.items())
        return _check("labels", Decision.PASS, f"{counts} answers, at least {wanted} wanted")
    reason = f"only {' and '.join(few)} answers among the labels, and at least {wanted} are wanted"
    return _check("labels", Decision.INCONCLUSIVE, f"{reason}; label more")


def _scores(figures: Figures, policy: CalibrationPolicy) -> Check:
    lacking = figures.failed + figures.skipped
    said = f"{lacking} of {figures.answers:,} answers got no score ({figures.failed} failed, {figures.skipped} skipped)"
    if lacking <= policy.max_failed * figures.answers:
        return _check("scores", Decision.PASS, f"{said}, at most {policy.max_failed:.0%} allowed")
    return _check("scores", Decision.FAIL, f"{said}, more than {policy.max_failed:.0%}")


def _agrees(figures: Figures, policy: CalibrationPolicy) -> Check:
    name, figure = _principal(figures)
    if figure is None:
        if figures.agreement.constant:
            return _check("agreement", Decision.FAIL, "the judge gave every answer the same value, and people did not")
        return _check("agreement", Decision.INCONCLUSIVE, f"{name} is not defined: people gave every answer the same")
    said = f"{name} {shown(figure.value)}{_limits(figure, policy.confidence)}"
    floor = shown(policy.agreement)
    if figure.low is not None and figure.low >= policy.agreement:
        return _check("agreement", Decision.PASS, f"{said}: the lower limit reaches {floor}")
    if figure.high is not None and figure.high < policy.agreement:
        return _check("agreement", Decision.FAIL, f"{said}: even the upper limit is below {floor}")
    reason = f"{said}: the lower limit does not reach {floor}; more labels would narrow it"
    return _check("agreement", Decision.INCONCLUSIVE, reason)


def _informed(figure: Figure, confidence: float) -> Check:
    said = f"sensitivity + specificity − 1 is {shown(figure.value)}{_limits(figure, confidence)}"
    if figure.low is not None and figure.low > 0:
        return _check("informedness", Decision.PASS, f"{said}: it tells good answers from bad ones")
    if figure.high is not None and figure.high <= 0:
        return _check("informedness", Decision.FAIL, f"{said}: it passes bad answers as readily as good ones")
    reason = f"{said}: it can't be told from a judge that does not look at the answer"
    return _check("informedness", Decision.INCONCLUSIVE, reason)


def _canaries(figures: Figures, policy: CalibrationPolicy) -> Check:
    asked = sum(canary.asked for canary in figures.canaries)
    seen_low = sum(canary.low for canary in figures.canaries)
    if figures.unassessed or not asked:
        reason = "nothing says which values are low; give the judge a range, or a pass_if"
        return _check("canaries", Decision.INCONCLUSIVE, reason if asked else "none was asked")
    said = f"{seen_low} of {asked} canary answers scored low"
    if seen_low >= policy.canaries * asked:
        return _check("canaries", Decision.PASS, said)
    fooled = ", ".join(f"{c.name} ({c.asked - c.low} of {c.asked})" for c in figures.canaries if c.low < c.asked)
    return _check("canaries", Decision.FAIL, f"only {said}; not low: {fooled}")


def _stable(figures: Figures, policy: CalibrationPolicy) -> Check:
    found = figures.stability
    if found.equal is None or found.repeats < 2:
        return _check("stability", Decision.INCONCLUSIVE, "not measured: calibrate with --repeats 2 or more")
    said = f"{found.equal:.0%} of {found.answers} answers judged alike in each of {found.repeats} repeats"
    if found.failed:
        said += f", {found.failed} without a score"
    if found.equal == 1:
        return _check("stability", Decision.PASS, said)
    if found.alpha is None:
        return _check("stability", Decision.INCONCLUSIVE, f"{said}, and the others tell nothing")
    said += f" (alpha {shown(found.alpha.value)})"
    if found.alpha.value >= policy.stability:
        return _check("stability", Decision.PASS, f"{said}, at least {shown(policy.stability)} wanted")
    return _check("stability", Decision.FAIL, f"{said}, and {shown(policy.stability)} is wanted")


def _principal(figures: Figures) -> tuple[str, Figure | None]:
    """The figure of agreement that decides: of a scale Spearman's rho, else kappa."""
    agreement = figures.agreement
    return ("rho", agreement.spearman) if agreement.task is Task.SCALE else ("kappa", agreement.kappa)


def _limits(figure: Figure, confidence: float) -> str:
    if figure.low is None or figure.high is None:
        return ", no limits"
    return f", {100 * confidence:g}% {shown(figure.low)} to {shown(figure.high)}"


def _check(what: str, outcome: Decision, reason: str) -> Check:
    return Check(what=what, outcome=outcome, reason=reason)
