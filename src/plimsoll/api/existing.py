"""A run that exists, gated as if it had just ended: what it was measured with must be what there is now."""

from __future__ import annotations

from plimsoll.api.certificates import identified
from plimsoll.api.options import GateOptions
from plimsoll.api.own_state import refuse_committed_state
from plimsoll.api.prepare import Prepared
from plimsoll.api.runs import RUNS, Ran
from plimsoll.api.sides import Sides
from plimsoll.errors import UsageError, near_match
from plimsoll.runs.folders import find_run
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import Plan, load_plan
from plimsoll.types import Part


def existing_run(prepared: Prepared, sides: Sides, options: GateOptions) -> Ran:
    """A run that exists, as if it had just ended; its targets must be what the workspace and the registry hold now."""
    assert options.run_id is not None, "asked for a run by its id"
    refuse_committed_state(prepared.workspace)
    folder = find_run(prepared.workspace.state / RUNS, options.run_id)
    plan = load_plan(folder)
    if plan.recorded:
        message = f"run {folder.name} asked nobody: what it shows was recorded, and decides nothing"
        raise UsageError(message, remedy=f"plimsoll gate {plan.suite}, without --run")
    if plan.suite != prepared.suite.name:
        raise UsageError(f"run {folder.name} is one of {plan.suite}", remedy=f"plimsoll gate {plan.suite} --run …")
    for name, spec in sides.specs.items():
        info = plan.targets.get(name)
        if info is None:
            raise UsageError(f"run {folder.name} has no target {name!r}", remedy=near_match(name, plan.targets))
        if info.digest != spec.info.digest:
            raise UsageError(
                f"{name} is another one now than in run {folder.name}",
                remedy="gate without --run: only changes run again",
            )
    if plan.part is Part.OPEN:
        raise UsageError(
            f"run {folder.name} saw the open cases, and the gate decides on the held-out ones",
            remedy=f"plimsoll gate {plan.suite}, without --run",
        )
    changed = _changed_since(prepared, plan)
    if changed is not None:
        raise UsageError(
            f"{changed} changed since run {folder.name}", remedy="gate without --run: only changes run again"
        )
    return Ran(folder, plan, read_report(folder), {}, specs=sides.specs)


def _changed_since(prepared: Prepared, plan: Plan) -> str | None:
    """What the run was measured with that is another by now, besides its targets."""
    if plan.dataset_digest != prepared.found.digest:
        return "the dataset"
    suite, then = prepared.suite, plan.settings
    drawn = {
        "what is held out": then.get("held_out") != suite.held_out,
        "the seed": plan.seed != suite.seed,
        "the sample": then.get("sample") != suite.sample,
    }
    if any(drawn.values()):
        return next(name for name, differs in drawn.items() if differs)
    if plan.evaluators.keys() - prepared.evaluators.keys():
        return "the list of evaluators"
    differing = [name for name, info in plan.evaluators.items() if prepared.evaluators[name] != info]
    # What asks a model has that model in its digest, which a suite that is only read does not know.
    now = identified(prepared) if differing else {}
    if now is None:
        return f"the evaluator {differing[0]}, or the settings of its model, which are not complete here,"
    return next((f"the evaluator {name}" for name in differing if now[name] != plan.evaluators[name]), None)
