"""Gating: the challenger and its baseline run over the same cases, a policy decides, the verdict is sealed.

The attestation and the bundle that it is about lie in the run's folder, beside the cells that they rest on, under
`gate/TARGET`: what is promoted later is exactly what was measured, whatever the workspace holds by then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from contextlib import nullcontext

from plimsoll.api.ages import with_ages
from plimsoll.api.attempts import AttemptCounter
from plimsoll.api.drawing import undrawn
from plimsoll.api.existing import existing_run
from plimsoll.api.noting import note_begun, note_down
from plimsoll.api.options import GateOptions, RunOptions
from plimsoll.api.outlook import outlooks
from plimsoll.api.prepare import Prepared, prepare
from plimsoll.api.questions import Question, challenge_of, open_question
from plimsoll.api.recorded import settled_gate, undecided
from plimsoll.api.results import interruptible, keeping_cells
from plimsoll.api.runs import Ran, run_targets
from plimsoll.api.sealing import Decided, GateRun, seal_and_publish
from plimsoll.api.sequential import Sequential, check_looks
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.runs.observer import Observer
from plimsoll.runs.plan import Plan
from plimsoll.tracking import MlflowWriter, RegistryStore


def gate_suite(
    workspace: Workspace,
    name: str,
    options: GateOptions,
    observer: Observer,
    *,
    writer: MlflowWriter | None = None,
    tell: Callable[[str], object] | None = None,
) -> GateRun:
    """Decide whether a suite's target may be promoted; run first what is not cached.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        options: Challenger, baseline, and how to run.
        observer: Hears of each finished cell.
        writer: Reads the registry and logs, now and for gates after it; None is one for this gate alone.
        tell: Told of each rule that the cases can hardly decide, before anything runs.

    Raises:
        ConfigError: every mistake in the suite and its files.
        UsageError: the suite has no gate; a target, baseline or champion that is named does not exist; a judge that
            the policy wants certified is not.
        InfrastructureError: the registry that holds the champion can't be read.
        InterruptedRunError: Ctrl-C.
    """
    options = settled_gate(options)
    _refuse_clash(options)
    prepared = prepare(workspace, name)
    challenge = challenge_of(prepared, options)
    if options.run_id is None:
        target = challenge.challenger.name
        _warn(outlooks(prepared, challenge.policy, options.run, target=target, first=options.first), tell)
    with nullcontext(writer) if writer else MlflowWriter(workspace) as logging:
        if options.run.track:
            logging.start()
        question = open_question(prepared, challenge, options, logging)
        sides = question.sides
        _warn(sides.notes, tell)
        attempts = AttemptCounter(prepared, sides, options.run, logging)
        if options.run_id:
            ran = existing_run(prepared, sides, options)
        else:
            ran = _run(prepared, question, attempts, options, observer)
        with keeping_cells(ran.plan.run, "decided", f"plimsoll gate {prepared.suite.name} --run {ran.plan.run}"):
            if options.run_id:
                attempts.count(ran.plan)
            else:
                # First of all, as of any run that has ended: it is to be logged, whatever ends this process.
                note_down(prepared, ran, options.run, baseline=sides.stored)
            ran = dataclasses.replace(ran, report=question.joined(ran.report))
            store = None if sides.entry is None else logging.registry()
            decided = _decided(prepared, question, attempts, options=options, ran=ran, store=store)
            return seal_and_publish(prepared, sides, decided, options=options, ran=ran, writer=logging)


def _run(
    prepared: Prepared, question: Question, attempts: AttemptCounter, options: GateOptions, observer: Observer
) -> Ran:
    """Both sides over the held-out cases; the attempt is counted before the first is asked."""
    sides = question.sides

    def began(plan: Plan) -> None:
        attempts.count(plan)
        note_begun(prepared, sides.specs, options.run, plan, baseline=sides.stored)

    return interruptible(
        lambda told: run_targets(
            prepared,
            sides.specs,
            with_ages(options.run, question.policy, prepared.evaluators),
            told,
            held_out=True,
            began=began,
            course=_course(question, options, told),
        ),
        observer,
        again=f"plimsoll gate {prepared.suite.name} as before: what was finished is taken from the cache",
    )


def _decided(
    prepared: Prepared,
    question: Question,
    attempts: AttemptCounter,
    *,
    options: GateOptions,
    ran: Ran,
    store: RegistryStore | None,
) -> Decided:
    """The verdict over a run that has ended, its report joined."""
    policy = question.policy
    question = dataclasses.replace(question.now(), attempts=attempts.found)
    verdict = question.decided(ran.report)
    verdict = undecided(verdict) if ran.plan.recorded else verdict
    notes = (*attempts.notes, *question.notes(verdict, ran, existing=options.run_id is not None))
    left_out = (
        undrawn(prepared, question.sides, store, base=options.base, ran=ran, gone=question.grounding.gone)
        if policy.dataset_changes == "count"
        else ()
    )
    return Decided(policy, verdict, question.certificates, notes, tuple(left_out))


def _warn(words: Iterable[str], tell: Callable[[str], object] | None) -> None:
    if tell is not None:
        for each in words:
            tell(each)


def _course(question: Question, options: GateOptions, observer: Observer) -> Sequential | None:
    if options.looks is None:
        return None
    return Sequential(options.looks, question.policy, question.joined, question.decided, observer)


def _refuse_clash(options: GateOptions) -> None:
    if options.looks is not None:
        check_looks(options.looks)
        if options.run_id is not None:
            raise UsageError(
                "--run decides over a run that exists, so there is nothing to stop early",
                remedy="leave --run out; a run that was sequential is decided at its look in any case",
            )
    for name in ("baseline", "anchor"):
        if options.first and getattr(options, name) is not None:
            raise UsageError("--first compares with nothing", remedy=f"leave --first or --{name} out")
    asked = dataclasses.replace(options.run, track=True, trigger=None) != RunOptions()
    if options.run_id is not None and asked:
        raise UsageError(
            "--run decides over a run that exists, and runs nothing", remedy="leave out what says how to run"
        )
