"""Checking a gate's policy before anything runs: its targets, and every rule against the metrics and slices there are.

The same check as when it decides (`gate.check`), over a report without cells, so that the two can't disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from plimsoll.config import Document, GatePolicy, Suite
from plimsoll.config.policy import (
    ANCHOR_TARGET,
    BASELINE_TARGET,
    BRANCH_WORD,
    GIT_BASELINE,
    NO_BASELINE,
    RUN_WORD,
    TAG_WORD,
)
from plimsoll.errors import Mistake, near_match
from plimsoll.gates import PolicyError
from plimsoll.gates.check import claims_of
from plimsoll.types import Case, EvaluatorInfo, Report, RunRecord, TargetInfo

CHALLENGER, BASELINE = "challenger", "baseline"
_BROUGHT = (GIT_BASELINE, RUN_WORD, BRANCH_WORD, TAG_WORD)
"""How a baseline begins that is no target of the suite: beside those it has a name of its own."""


def target_mistakes(policy: GatePolicy, targets: Iterable[str], document: Document) -> Iterator[Mistake]:
    """What is wrong with the challenger and the baseline that the policy names."""
    names = list(targets)
    if policy.target is not None and policy.target not in names:
        message = f"gate.target names no target: {policy.target!r}"
        yield document.mistake(("gate", "target"), message, near_match(policy.target, names))
    for name, wanted in ((BASELINE_TARGET, policy.baseline.startswith(_BROUGHT)), (ANCHOR_TARGET, policy.anchor)):
        if wanted and name in names:
            message = f"{name!r} is what the gate calls its {name}; name the target otherwise"
            yield document.mistake(("targets", name), message)
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
        report = without_cells(evaluators, known)
        alone = policy.model_copy(update={"rules": [rule], "anchor": None})
        baseline = None if policy.baseline == NO_BASELINE else BASELINE
        try:
            claims_of(report, CHALLENGER, baseline, alone, first=False)
        except PolicyError as error:
            key = "slice" if rule.slice is not None and rule.slice not in known else "metric"
            for mistake in error.mistakes:
                yield document.mistake(("gate", "rules", place, key), mistake.message, mistake.remedy)


def held_out_mistakes(suite: Suite, slices: Iterable[str], document: Document) -> Iterator[Mistake]:
    """A slice that is to be held out and is not there."""
    if isinstance(suite.held_out, str) and suite.held_out not in (known := set(slices)):
        yield document.mistake(
            ("held_out",), f"no case is in the slice {suite.held_out!r}", near_match(suite.held_out, known)
        )


def without_cells(evaluators: Mapping[str, EvaluatorInfo], slices: Iterable[str | None]) -> Report:
    """A report of `CHALLENGER` and `BASELINE` that holds a case of each slice and no cell: to ask rules about."""
    run = RunRecord(
        id="",
        suite="",
        started="",
        dataset="",
        dataset_digest="",
        targets={name: TargetInfo(name=name, kind="", digest="") for name in (CHALLENGER, BASELINE)},
        evaluators=dict(evaluators),
    )
    cases = {name: Case(id=name, inputs={}, slices=(name,)) for name in slices if name is not None}
    return Report(run=run, cases=cases, cells=())
