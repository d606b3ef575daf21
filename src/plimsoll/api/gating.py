"""Gating: the challenger and its baseline run over the same cases, a policy decides, the verdict is sealed.

The attestation and the bundle that it is about lie in the run's folder, beside the cells that they rest on, under
`gate/TARGET`: what is promoted later is exactly what was measured, whatever the workspace holds by then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace
from pydantic import ValidationError

from plimsoll.api.certificates import certificates_for, identified, refuse_uncertified, store_certificates
from plimsoll.api.champions import champion_spec
from plimsoll.api.options import GateOptions, RunOptions
from plimsoll.api.prepare import Prepared, prepare
from plimsoll.api.results import (
    REPORT_FILE,
    SuiteRun,
    interruptible,
    problem_of,
    publish,
)
from plimsoll.api.runs import RUNS, Ran, run_targets, select_targets
from plimsoll.api.targets import CHAMPION_TARGET, TargetSpec
from plimsoll.calibration import Certificates
from plimsoll.canonical import write_atomic
from plimsoll.config import GatePolicy, Workspace, environment
from plimsoll.config.policy import NO_BASELINE
from plimsoll.errors import ExitCode, PlimsollError, UsageError, first_that_applies, near_match
from plimsoll.gates import decide, seal, signing_key, with_baseline
from plimsoll.registry import champion, materialise
from plimsoll.runs.folders import find_run
from plimsoll.runs.join import read_report
from plimsoll.runs.observer import Observer
from plimsoll.runs.plan import Plan, load_plan
from plimsoll.tracking import MlflowWriter, StoredBaseline
from plimsoll.types import Verdict

GATE_FOLDER = "gate"
ATTESTATION_FILE = "attestation.json"
VERDICT_FILE = "verdict.json"
BUNDLE_FOLDER = "bundle"


@dataclass(frozen=True, slots=True)
class GateRun:
    """A gate's decision, and the run that it rests on."""

    run: SuiteRun
    verdict: Verdict
    attestation: Path | None
    """None where the verdict is no evidence; `unsealed` says why."""
    unsealed: str | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The first that applies of the run's and the verdict's."""
        return first_that_applies([self.run.exit_code, self.verdict.outcome.exit_code])


@dataclass(frozen=True, slots=True)
class _Sides:
    """What is compared."""

    challenger: TargetSpec
    baseline: TargetSpec | None = None
    stored: StoredBaseline | None = None
    """The run whose cells are the baseline's."""

    @property
    def baseline_name(self) -> str | None:
        """As in the report."""
        return CHAMPION_TARGET if self.stored else self.baseline.name if self.baseline else None

    @property
    def specs(self) -> dict[str, TargetSpec]:
        """What has to run."""
        return {spec.name: spec for spec in (self.challenger, self.baseline) if spec is not None}


@dataclass(frozen=True, slots=True)
class _Decided:
    """A verdict, with what it was decided by."""

    policy: GatePolicy
    verdict: Verdict
    certificates: Certificates


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
    challenger = _challenger(prepared, policy, options)
    certificates = certificates_for(workspace, policy, datetime.now(UTC))
    refuse_uncertified(prepared, policy, certificates)
    with nullcontext(writer) if writer else MlflowWriter(workspace) as logging:
        if options.run.track:
            logging.start()
        sides = _sides(prepared, policy, challenger, logging, first=options.first)
        ran = (
            _existing(prepared, sides, options)
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
            certificates=certificates,
        )
        decided = _Decided(policy, verdict, certificates)
        return _seal_and_publish(prepared, sides, decided, options=options, ran=ran, writer=logging)


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


def _challenger(prepared: Prepared, policy: GatePolicy, options: GateOptions) -> TargetSpec:
    name = options.target or policy.target
    if name is None:
        if len(prepared.targets) != 1:
            raise UsageError(
                "which target is the challenger?", remedy=f"--target, one of: {', '.join(prepared.targets)}"
            )
        name = next(iter(prepared.targets))
    return select_targets(prepared, [name])[name]


def _sides(
    prepared: Prepared, policy: GatePolicy, challenger: TargetSpec, writer: MlflowWriter, *, first: bool
) -> _Sides:
    if first:
        _refuse_first(prepared, writer)
        return _Sides(challenger)
    if policy.baseline == NO_BASELINE:
        return _Sides(challenger)
    if policy.baseline == CHAMPION_TARGET:
        return _Sides(challenger, champion_spec(prepared, writer.registry()))
    if policy.baseline in prepared.targets:
        if policy.baseline == challenger.name:
            raise UsageError(f"{challenger.name} can't be its own baseline", remedy="name another target, or champion")
        return _Sides(challenger, prepared.targets[policy.baseline])
    try:
        folder = find_run(prepared.workspace.state / RUNS, policy.baseline)
    except UsageError:
        known = [CHAMPION_TARGET, NO_BASELINE, *prepared.targets]
        raise UsageError(
            f"the baseline {policy.baseline!r} is neither champion, none, a target of the suite, nor a run",
            remedy=near_match(policy.baseline, known),
        ) from None
    target = _only_target(challenger.name, load_plan(folder).targets)
    return _Sides(challenger, stored=StoredBaseline(folder=str(folder), target=target))


def _refuse_first(prepared: Prepared, writer: MlflowWriter) -> None:
    suite = prepared.suite.name
    if champion(writer.registry(), suite) is not None:
        raise UsageError(
            f"{suite} has a champion already, so --first does not apply",
            remedy=f"plimsoll gate {suite}, without --first",
        )


def _existing(prepared: Prepared, sides: _Sides, options: GateOptions) -> Ran:
    """A run that exists, as if it had just ended; its targets must be what the workspace and the registry hold now."""
    assert options.run_id is not None, "asked for a run by its id"
    folder = find_run(prepared.workspace.state / RUNS, options.run_id)
    plan = load_plan(folder)
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
    changed = _changed_since(prepared, plan)
    if changed is not None:
        raise UsageError(
            f"{changed} changed since run {folder.name}", remedy="gate without --run: only changes run again"
        )
    return Ran(folder, plan, read_report(folder), {})


def _changed_since(prepared: Prepared, plan: Plan) -> str | None:
    """What the run was measured with that is another by now, besides its targets."""
    if plan.dataset_digest != prepared.found.digest:
        return "the dataset"
    if plan.evaluators.keys() - prepared.evaluators.keys():
        return "the list of evaluators"
    differing = [name for name, info in plan.evaluators.items() if prepared.evaluators[name] != info]
    # What asks a model has that model in its digest, which a suite that is only read does not know.
    now = identified(prepared) if differing else {}
    if now is None:
        return f"the evaluator {differing[0]}, or the settings of its model, which are not complete here,"
    return next((f"the evaluator {name}" for name in differing if now[name] != plan.evaluators[name]), None)


def _only_target(challenger: str, targets: Mapping[str, object]) -> str:
    if challenger in targets or len(targets) != 1:
        return challenger
    return next(iter(targets))


def _seal_and_publish(
    prepared: Prepared,
    sides: _Sides,
    decided: _Decided,
    *,
    options: GateOptions,
    ran: Ran,
    writer: MlflowWriter,
) -> GateRun:
    verdict, certificates = decided.verdict, decided.certificates
    folder = ran.folder / GATE_FOLDER / sides.challenger.name
    write_atomic(folder / VERDICT_FILE, msgspec.json.format(msgspec.json.encode(verdict), indent=1))
    unsealed = next(_doubts(prepared, sides, ran), None)
    run = publish(
        prepared,
        ran,
        options.run,
        writer,
        verdicts=(verdict,),
        notes=(f"this verdict is no evidence for a promotion: {unsealed}",) if unsealed else (),
        files={VERDICT_FILE: folder / VERDICT_FILE},
        baseline=sides.stored,
    )
    if unsealed is not None:
        # An older gate's over the same run must not stand beside a verdict that is no evidence.
        (folder / ATTESTATION_FILE).unlink(missing_ok=True)
        return GateRun(run, verdict, None, unsealed)
    assert sides.challenger.bundle is not None, "_doubts has looked"
    key = signing_key(environment(prepared.workspace.root))
    bundle = sides.challenger.bundle
    envelope = seal(
        verdict, ran.report, decided.policy, bundle.digest, now=certificates.at, key=key, certificates=certificates
    )
    store_certificates(folder, certificates)
    materialise(bundle, folder / BUNDLE_FOLDER)
    path = folder / ATTESTATION_FILE
    write_atomic(path, envelope)
    if run.logged is not None and run.logged.parent is not None:
        try:
            files = {ATTESTATION_FILE: path, REPORT_FILE: run.html}
            writer.attach(ran.plan.run, files, tags={"plimsoll.verdict": verdict.outcome.value})
        except PlimsollError as error:
            note = f"the attestation is not in MLflow: {error.message}"
            run = dataclasses.replace(run, view=replace(run.view, notes=(*run.view.notes, note)))
    return GateRun(run, verdict, path)


def _doubts(prepared: Prepared, sides: _Sides, ran: Ran) -> Iterator[str]:
    """Why a promotion can't rest on the verdict."""
    problem, record, suite = problem_of(ran, prepared.suite.max_failed), ran.report.run, prepared.suite
    if problem is not None:
        yield problem.message
    if sides.stored is not None:
        other = Path(sides.stored.folder).name
        yield f"the baseline's answers are those of run {other}, not generated beside the challenger's"
    if sides.challenger.bundle is None:
        yield f"{sides.challenger.name} can't be bundled: {sides.challenger.unbundled}"
    if record.filters:
        yield "a filter left cases out"
    if record.repeats < suite.repeats:
        yield f"{record.repeats} answers for each case, and the suite asks for {suite.repeats}"
    if record.sample is not None and (suite.sample is None or record.sample < suite.sample):
        yield f"only {record.sample} cases were drawn, fewer than the suite asks for"
