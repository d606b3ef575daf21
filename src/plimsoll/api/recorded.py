"""`--recorded`: what the cell cache holds, and nothing else. For a pull request of a fork, which gets no key.

Neither a model is asked nor a target's code run, no key is needed, nothing is kept, logged or counted, and no verdict
over it decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from msgspec import structs

from plimsoll.api.options import GateOptions, RunOptions
from plimsoll.config import ModelSettings
from plimsoll.errors import FailureKind, UsageError
from plimsoll.models.connection import PLACEHOLDER_KEY
from plimsoll.reports.text import count
from plimsoll.runs.plan import Plan
from plimsoll.types import Decision, Failed, Failure, Report, Verdict

REASON = "only recorded outputs are shown, and nothing is decided"
_FLAG = "--recorded"


def settled(options: RunOptions) -> RunOptions:
    """The options of a run; of a recorded one without what it has no part in: logging, and the age of answers.

    Raises:
        UsageError: they ask for what takes a model.
    """
    if not options.recorded:
        return options
    given = {
        "--no-cache": not options.reuse,
        "--fresh": options.fresh,
        "--resume": options.resume,
        "--only-failed": options.only_failed,
    }
    clash = next((name for name, wanted in given.items() if wanted), None)
    if clash is not None:
        raise UsageError(f"{_FLAG} takes every answer from the cache", remedy=f"leave {clash} out")
    return replace(options, track=False, max_age=None)


def settled_gate(options: GateOptions) -> GateOptions:
    """The same for a gate's.

    Raises:
        UsageError: they ask for what takes a model, or for a verdict.
    """
    if not options.run.recorded:
        return options
    if options.looks is not None or options.run_id is not None:
        flag = "--run" if options.run_id is not None else "--sequential"
        raise UsageError(f"{_FLAG} decides nothing", remedy=f"leave {flag} out")
    return replace(options, run=settled(options.run))


def without_keys(models: Mapping[str, ModelSettings]) -> dict[str, ModelSettings]:
    """Models as they are identified, with nothing that lets anybody in."""
    keyless = {"api_key": PLACEHOLDER_KEY, "auth": "key", "headers": {}}
    return {name: model.model_copy(update=keyless) for name, model in models.items()}


def undecided(verdict: Verdict) -> Verdict:
    """A verdict over recorded outputs: each rule says what it found, and nothing is decided by it.

    Nor does it fail: what the change itself touches is what the cache can't know.
    """
    return structs.replace(verdict, outcome=Decision.INCONCLUSIVE, reasons=(REASON, *verdict.reasons), recorded=True)


def missing_of(plan: Plan, report: Report) -> str | None:
    """What a recorded run could not take from the cache, in words; None where nothing, or it is no recorded run."""
    if not plan.recorded:
        return None
    answers = scores = 0
    for record in report.cells:
        if isinstance(record.outcome, Failure):
            answers += record.outcome.kind is FailureKind.NOT_RECORDED
        else:
            failed = (score.failure.kind for score in record.scores.values() if isinstance(score, Failed))
            scores += any(kind is FailureKind.NOT_RECORDED for kind in failed)
    told = [f"{count(answers, 'answer')} of {plan.size:,}"] if answers else []
    told += [f"scores of {count(scores, 'answer')}"] if scores else []
    return f"not recorded: {' and '.join(told)}; a run with the models' keys records them" if told else None
