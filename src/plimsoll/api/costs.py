"""A run's ledger: the cap that holds for it, what earlier sessions spent of it, and what it can't see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from plimsoll.api.mistakes import Mistakes
from plimsoll.api.options import RunOptions
from plimsoll.api.prepare import Prepared
from plimsoll.config import ModelSettings
from plimsoll.errors import Mistake, UsageError
from plimsoll.models.connection import resolve_connections
from plimsoll.models.spending import Spend, open_meter
from plimsoll.runs.journal import EndLine, OutputLine, ScoreLine, read_end, read_journal
from plimsoll.runs.plan import JOURNAL_FILE, Plan
from plimsoll.types import Failed, Output, Scored

_UNSEEN = ("function", "http")
"""Kinds of targets that ask models, if any, by themselves."""


def cap_of(prepared: Prepared, options: RunOptions) -> float | None:
    """What a run may spend, in USD: as the caller says, else as the suite says; None is no limit.

    Raises:
        UsageError: it is no amount.
    """
    return checked_cap(prepared.suite.max_cost if options.max_cost is None else options.max_cost)


def checked_cap(cap: float | None) -> float | None:
    """A spend cap in USD as it is; None is no limit.

    Raises:
        UsageError: it is no amount.
    """
    if cap is not None and not (math.isfinite(cap) and cap > 0):
        raise UsageError(f"--max-cost {cap:g} is no amount to spend", remedy="give USD, for example --max-cost 2.50")
    return cap


def open_ledger(prepared: Prepared, options: RunOptions, resumed: Path | None) -> Spend:
    """The ledger of a session of a run.

    Args:
        prepared: The suite.
        options: With the cap.
        resumed: The folder of the run that it goes on with.

    Raises:
        UsageError: the cap is no amount.
    """
    cap = cap_of(prepared, options)
    if resumed is None:
        return Spend(cap)
    journal = resumed / JOURNAL_FILE
    before = 0.0 if cap is None else _spent_before(journal)
    return Spend(cap, before, killed_before=read_end(journal) is None)


def refuse_unpriced(
    prepared: Prepared, models: Mapping[str, ModelSettings], environ: Mapping[str, str], spend: Spend
) -> None:
    """Under a cap, tell of each model without a known price, before anything is sent.

    Raises:
        ConfigError: there is any.
    """
    if spend.cap is None:
        return
    mistakes = Mistakes(prepared.document)
    connections = resolve_connections(models, environ)
    for name, settings in models.items():
        if open_meter(spend, settings, connections.get(name), prepared.workspace.settings.prices).unpriced:
            told = f"models.{name}: the price of {connections[name].model} is not known, and a spend cap needs it"
            remedy = "give it: `price: {input: …, output: …}`, in USD per million tokens, or `price: 0`"
            mistakes.add(Mistake(told, remedy=remedy), ("models", name))
    mistakes.raise_any()


def unseen_spending(plan: Plan, cap: float | None) -> str | None:
    """What a cap can't count, in a sentence; None where it counts all."""
    names = [name for name, info in plan.targets.items() if info.kind in _UNSEEN]
    if cap is None or not names:
        return None
    return f"what {', '.join(names)} may spend on models can't be seen, and is not counted against the spend cap"


def _spent_before(journal: Path) -> float:
    """What the sessions so far spent: as they said when they ended, and of one that was killed what its cells took."""
    spent, seen = 0.0, 0.0
    for line in read_journal(journal):
        match line:
            case EndLine(cost=cost):
                spent += seen if cost is None else cost
                seen = 0.0
            case OutputLine(outcome=Output(usage=usage), cached=False):
                seen += usage.cost or 0.0
            case ScoreLine(scores=scores, cached=False):
                judged = [score.usage for score in scores.values() if isinstance(score, Scored | Failed)]
                seen += sum(usage.cost or 0.0 for usage in judged)
            case _:
                pass
    return spent + seen
