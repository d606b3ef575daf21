"""Gating: the challenger and its baseline run over the same cases, a policy decides, the verdict is sealed.

The attestation and the bundle that it is about lie in the run's folder, beside the cells that they rest on, under
`gate/TARGET`: what is promoted later is exactly what was measured, whatever the workspace holds by then.
"""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from plimsoll.api.certificates import certificates_for, refuse_uncertified
from plimsoll.api.existing import existing_run
from plimsoll.api.options import GateOptions, RunOptions
from plimsoll.api.prepare import Prepared, prepare
from plimsoll.api.results import interruptible
from plimsoll.api.runs import Ran, run_targets
from plimsoll.api.sealing import Decided, GateRun, seal_and_publish
from plimsoll.api.sides import challenger_of, choose_sides
from plimsoll.config import GatePolicy, Workspace
from plimsoll.errors import UsageError
from plimsoll.gates import Grounds, decide, with_baseline
from plimsoll.runs.join import read_report
from plimsoll.runs.observer import Observer
from plimsoll.tracking import MlflowWriter


def gate_suite(
    workspace: Workspace, name: str, options: GateOptions, observer: Observer, *, writer: MlflowWriter | None = None
) -> GateRun:
    """Decide whether a suite's target may be promoted; run first what is not cached.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        options: Challenger, baseline, and how to run.
        observer: Hears of each finished cell.
        writer: Reads the registry and logs, now and for gates after it; None is one for this gate alone.

    Raises:
        ConfigError: every mistake in the suite and its files.
        UsageError: the suite has no gate; a target, baseline or champion that is named does not exist; a judge that
            the policy wants certified is not.
        InfrastructureError: the registry that holds the champion can't be read.
        InterruptedRunError: Ctrl-C.
    """
    prepared = prepare(workspace, name)
    policy = _policy(prepared, options)
    _refuse_clash(options)
    challenger = challenger_of(prepared, policy, options)
    certificates = certificates_for(workspace, policy, datetime.now(UTC))
    refuse_uncertified(prepared, policy, certificates)
    with nullcontext(writer) if writer else MlflowWriter(workspace) as logging:
        if options.run.track:
            logging.start()
        sides = choose_sides(prepared, policy, challenger, logging, first=options.first)
        ran = (
            existing_run(prepared, sides, options)
            if options.run_id
            else interruptible(
                partial(run_targets, prepared, sides.specs, options.run),
                observer,
                again=f"plimsoll gate {prepared.suite.name} as before: what was finished is taken from the cache",
            )
        )
        if sides.stored is not None:
            other = read_report(Path(sides.stored.folder))
            ran = Ran(ran.folder, ran.plan, with_baseline(ran.report, other, sides.stored.target), ran.given_up)
        # One time for all that follows: what holds when it is decided holds in the attestation.
        certificates = dataclasses.replace(certificates, at=datetime.now(UTC))
        verdict = decide(
            ran.report,
            sides.challenger.name,
            sides.baseline_name,
            policy,
            first=options.first,
            anchor=sides.anchor_name,
            grounds=Grounds(certificates, at=certificates.at),
        )
        decided = Decided(policy, verdict, certificates)
        return seal_and_publish(prepared, sides, decided, options=options, ran=ran, writer=logging)


def _policy(prepared: Prepared, options: GateOptions) -> GatePolicy:
    policy = prepared.suite.gate
    if policy is None:
        raise UsageError(
            f"suite {prepared.suite.name} has no gate", remedy=f"add `gate:` with its rules to {prepared.path.name}"
        )
    if options.baseline is None:
        return policy
    changed = {**policy.model_dump(exclude_none=True), "baseline": options.baseline}
    try:
        return GatePolicy.model_validate(changed)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"--baseline {options.baseline}: {message}", remedy="name another baseline") from None


def _refuse_clash(options: GateOptions) -> None:
    if options.first and options.baseline is not None:
        raise UsageError("--first compares with nothing", remedy="leave --first or --baseline out")
    asked = dataclasses.replace(options.run, track=True, trigger="") != RunOptions(trigger="")
    if options.run_id is not None and asked:
        raise UsageError(
            "--run decides over a run that exists, and runs nothing", remedy="leave out what says how to run"
        )
