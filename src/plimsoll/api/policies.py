"""Checking a gate's policy before anything runs: its targets, and every rule against the metrics and slices there are.

The same check as when it decides (`gate.check`), over a report without cells, so that the two can't disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from plimsoll.config import Document, GatePolicy
from plimsoll.config.policy import NO_BASELINE
from plimsoll.errors import Mistake, near_match
from plimsoll.gates import PolicyError
from plimsoll.gates.check import claims_of
from plimsoll.types import Case, EvaluatorInfo, Report, RunRecord, TargetInfo

_CHALLENGER, _BASELINE = "challenger", "baseline"


def target_mistakes(policy: GatePolicy, targets: Iterable[str], document: Document) -> Iterator[Mistake]:
    """What is wrong with the challenger and the baseline that the policy names."""
    names = list(targets)
    if policy.target is not None and policy.target not in names:
        message = f"gate.target names no target: {policy.target!r}"
        yield document.mistake(("gate", "target"), message, near_match(policy.target, names))
    if policy.target == policy.baseline:
        remedy = "name another target, or champion"
        yield document.mistake(("gate", "baseline"), "gate.baseline is the challenger itself", remedy)


def rule_mistakes(
    policy: GatePolicy,
    evaluators: Mapping[str, EvaluatorInfo],
    slices: Iterable[str] | None,
    document: Document,
) -> Iterator[Mistake]:
    """What is wrong with the policy's rules, each at its line.

    Args:
        policy: The rules.
        evaluators: All that the suite and its cases name.
        slices: Those of the dataset; None where they are not known: every slice is then believed.
        document: The suite's file.
    """
    for place, rule in enumerate(policy.rules):
        known = {rule.slice} if slices is None else set(slices)
        report = _without_cells(evaluators, known)
        alone = policy.model_copy(update={"rules": [rule]})
        baseline = None if policy.baseline == NO_BASELINE else _BASELINE
        try:
            claims_of(report, _CHALLENGER, baseline, alone, first=False)
        except PolicyError as error:
            key = "slice" if rule.slice is not None and rule.slice not in known else "metric"
            for mistake in error.mistakes:
                yield document.mistake(("gate", "rules", place, key), mistake.message, mistake.remedy)


def _without_cells(evaluators: Mapping[str, EvaluatorInfo], slices: Iterable[str | None]) -> Report:
    run = RunRecord(
        id="",
        suite="",
        started="",
        dataset="",
        dataset_digest="",
        targets={name: TargetInfo(name=name, kind="", digest="") for name in (_CHALLENGER, _BASELINE)},
        evaluators=dict(evaluators),
    )
    cases = {name: Case(id=name, inputs={}, slices=(name,)) for name in slices if name is not None}
    return Report(run=run, cases=cases, cells=())
