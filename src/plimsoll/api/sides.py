"""Who is compared in a gate: the challenger, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.api.champions import champion_spec
from plimsoll.api.options import GateOptions
from plimsoll.api.prepare import Prepared
from plimsoll.api.runs import RUNS, select_targets
from plimsoll.api.targets import CHAMPION_TARGET, TargetSpec
from plimsoll.config import GatePolicy
from plimsoll.config.policy import NO_BASELINE
from plimsoll.errors import UsageError, near_match
from plimsoll.registry import champion
from plimsoll.runs.folders import find_run
from plimsoll.runs.plan import load_plan
from plimsoll.tracking import MlflowWriter, StoredBaseline


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared."""

    challenger: TargetSpec
    baseline: TargetSpec | None = None
    stored: StoredBaseline | None = None
    """The run whose cells are the baseline's."""
    anchor: TargetSpec | None = None
    """A frozen release below which nothing may fall."""

    @property
    def baseline_name(self) -> str | None:
        """As in the report."""
        return CHAMPION_TARGET if self.stored else self.baseline.name if self.baseline else None

    @property
    def specs(self) -> dict[str, TargetSpec]:
        """What has to run."""
        return {spec.name: spec for spec in (self.challenger, self.baseline, self.anchor) if spec is not None}

    @property
    def anchor_name(self) -> str | None:
        """As in the report."""
        return None if self.anchor is None else self.anchor.name


def challenger_of(prepared: Prepared, policy: GatePolicy, options: GateOptions) -> TargetSpec:
    """The target that wants to be promoted.

    Raises:
        UsageError: it can't be told which, or it isn't there.
    """
    name = options.target or policy.target
    if name is None:
        if len(prepared.targets) != 1:
            raise UsageError(
                "which target is the challenger?", remedy=f"--target, one of: {', '.join(prepared.targets)}"
            )
        name = next(iter(prepared.targets))
    return select_targets(prepared, [name])[name]


def choose_sides(
    prepared: Prepared, policy: GatePolicy, challenger: TargetSpec, writer: MlflowWriter, *, first: bool
) -> Sides:
    """The challenger with what the policy holds it against.

    Raises:
        UsageError: there is no such baseline, or a champion though the gate is the first.
        InfrastructureError: the registry can't be read.
    """
    if first:
        _refuse_first(prepared, writer)
        return Sides(challenger)
    if policy.baseline == NO_BASELINE:
        return Sides(challenger)
    if policy.baseline == CHAMPION_TARGET:
        return Sides(challenger, champion_spec(prepared, writer.registry()))
    if policy.baseline in prepared.targets:
        if policy.baseline == challenger.name:
            raise UsageError(f"{challenger.name} can't be its own baseline", remedy="name another target, or champion")
        return Sides(challenger, prepared.targets[policy.baseline])
    try:
        folder = find_run(prepared.workspace.state / RUNS, policy.baseline)
    except UsageError:
        known = [CHAMPION_TARGET, NO_BASELINE, *prepared.targets]
        raise UsageError(
            f"the baseline {policy.baseline!r} is neither champion, none, a target of the suite, nor a run",
            remedy=near_match(policy.baseline, known),
        ) from None
    target = _only_target(challenger.name, load_plan(folder).targets)
    return Sides(challenger, stored=StoredBaseline(folder=str(folder), target=target))


def _refuse_first(prepared: Prepared, writer: MlflowWriter) -> None:
    suite = prepared.suite.name
    if champion(writer.registry(), suite) is not None:
        raise UsageError(
            f"{suite} has a champion already, so --first does not apply",
            remedy=f"plimsoll gate {suite}, without --first",
        )


def _only_target(challenger: str, targets: Mapping[str, object]) -> str:
    if challenger in targets or len(targets) != 1:
        return challenger
    return next(iter(targets))
