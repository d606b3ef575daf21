"""Whether a gate drew the cases that it had to: of what its baseline was measured on, and of what the suite asks for.

A sample, its seed, and the part that is held out say which cases a gate sees. Another draw may leave out every case
that got worse, though none is gone from the dataset.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator

from plimsoll.api.gone import lines_of_gate
from plimsoll.api.prepare import Prepared
from plimsoll.api.refs import SuiteAt, find_suite, snapshot
from plimsoll.api.runs import Ran
from plimsoll.api.sides import Sides
from plimsoll.config import Suite
from plimsoll.datasets import Split, select
from plimsoll.gates import VerificationError
from plimsoll.gates.listing import case_line
from plimsoll.runs.plan import Plan
from plimsoll.tracking import RegistryStore
from plimsoll.types import Part


def undrawn(
    prepared: Prepared,
    sides: Sides,
    store: RegistryStore | None,
    *,
    base: str | None,
    ran: Ran,
    gone: Collection[str],
) -> Iterator[str]:
    """Why the run's sample is no evidence: whose cases it left out, and how many.

    Args:
        prepared: The suite.
        sides: What was compared.
        store: The registry; needed where the baseline is what an alias names.
        base: The git ref that the change starts from.
        ran: The run.
        gone: Ids of cases that are not in the dataset any more: they count as missing already.

    Raises:
        ConfigError: mistakes in the files of that commit.
        TamperedError: what the registry holds was altered.
    """
    if ran.plan.sample is None:
        return
    drawn = {case_line(case) for case in ran.report.cases.values()}
    for whose, lines in _measured(prepared, sides, store, base):
        measured = list(lines)
        left_out = sum(line not in drawn and json.loads(line)[1] not in gone for line in measured)
        if left_out:
            yield (
                f"{whose} was measured on {len(measured)} cases, and the {len(drawn)} that this run drew leave "
                f"{left_out} of them out (gate with --sample 0, or a larger sample)"
            )


def refuse_other_draw(plan: Plan, suite: Suite) -> None:
    """Refuse to promote on a run that drew its cases, or repeated them, otherwise than the suite asks for today.

    Raises:
        VerificationError: naming the setting.
    """
    fewer = plan.sample is not None and (suite.sample is None or plan.sample < suite.sample)
    differing = {
        "sample": fewer,
        "seed": plan.seed != suite.seed,
        "repeats": plan.repeats < suite.repeats,
        "held_out": plan.settings.get("held_out") != suite.held_out,
    }
    changed = next((name for name, differs in differing.items() if differs), None)
    if changed is not None:
        raise VerificationError(
            f"run {plan.run} was made with another {changed} than the suite asks for now",
            remedy=f"plimsoll gate {suite.name} again",
        )


def _measured(
    prepared: Prepared, sides: Sides, store: RegistryStore | None, base: str | None
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Whose evidence it is, with the lines of its cases."""
    name = prepared.suite.name
    here = None if base is None else find_suite(snapshot(prepared.workspace, base), name)
    for suite in (here, sides.ref):
        # Of one sample with one seed nothing is left out but for what is new.
        if suite is not None and _draw(suite.suite) != _draw(prepared.suite):
            yield f"the suite at {suite.files.words}", _lines_at(suite)
    if sides.entry is not None and store is not None:
        yield f"the {sides.entry.alias}", lines_of_gate(name, store, sides.entry)


def _draw(suite: Suite) -> tuple[object, ...]:
    return suite.sample, suite.seed, suite.held_out


def _lines_at(then: SuiteAt) -> Iterator[bytes]:
    """Of the cases that a gate would have drawn at the commit."""
    suite, dataset = then.suite, then.dataset()
    split = None if suite.held_out is None else Split(suite.held_out, suite.seed, Part.HELD_OUT)
    drawn = select(dataset, dataset.check(), sample=suite.sample, seed=suite.seed, split=split)
    return (case_line(case) for case in drawn)
