"""Who is compared in a gate: the challenger, what it is held against, and what nothing may fall below."""

from __future__ import annotations

from dataclasses import dataclass, replace

from plimsoll.api.baselines import run_as_baseline
from plimsoll.api.champions import entry_of_alias, entry_of_anchor, entry_spec
from plimsoll.api.git import merge_base
from plimsoll.api.options import GateOptions
from plimsoll.api.prepare import Prepared
from plimsoll.api.refs import SuiteAt, find_suite, snapshot, suite_at, target_at
from plimsoll.api.run_words import Server
from plimsoll.api.runs import select_targets
from plimsoll.api.targets import TargetSpec
from plimsoll.config import GatePolicy
from plimsoll.config.policy import ALIAS_WORD, ANCHOR_TARGET, BASELINE_TARGET, GIT_BASELINE, NO_BASELINE
from plimsoll.errors import UsageError
from plimsoll.registry import Entry, champion
from plimsoll.tracking import StoredBaseline


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared."""

    challenger: TargetSpec
    baseline: TargetSpec | None = None
    stored: StoredBaseline | None = None
    """The run whose cells are the baseline's."""
    anchor: TargetSpec | None = None
    """A frozen release below which nothing may fall."""
    ref: SuiteAt | None = None
    """Where the baseline is a git ref: the suite as it was there."""
    entry: Entry | None = None
    """Where the baseline is what an alias names: the ledger's entry."""
    notes: tuple[str, ...] = ()
    """What a reader must know of where the baseline comes from, in sentences."""

    @property
    def baseline_name(self) -> str | None:
        """As in the report."""
        return BASELINE_TARGET if self.stored else self.baseline.name if self.baseline else None

    @property
    def specs(self) -> dict[str, TargetSpec]:
        """What has to run."""
        return {spec.name: spec for spec in (self.challenger, self.baseline, self.anchor) if spec is not None}

    @property
    def anchor_name(self) -> str | None:
        """As in the report; the baseline's own name where both are the same bundle."""
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
                f"which target of {prepared.suite.name} is the challenger?",
                remedy=f"`target` under `gate`, or --target, is one of: {', '.join(prepared.targets)}",
                where=prepared.document.where(("gate",)),
            )
        name = next(iter(prepared.targets))
    return select_targets(prepared, [name])[name]


def choose_sides(
    prepared: Prepared, policy: GatePolicy, challenger: TargetSpec, server: Server, options: GateOptions
) -> Sides:
    """The challenger with what the policy holds it against.

    Args:
        prepared: The suite.
        policy: Names baseline and anchor.
        challenger: The target that wants to be promoted.
        server: Has the registry, and runs that others logged; asked where one of the two lies there.
        options: Whether there is no champion yet, and which cases are drawn.

    Raises:
        UsageError: there is no such baseline or anchor, or a champion though the gate is the first.
        ConfigError: mistakes in the files of the commit that is the baseline.
        TamperedError: what the server holds is not what was put there.
        InfrastructureError: the server can't be read.
    """
    if options.first:
        _refuse_first(prepared, server)
        return Sides(challenger)
    sides = _with_baseline(prepared, policy, challenger, server, options)
    return sides if policy.anchor is None else _with_anchor(prepared, policy.anchor, sides, server)


def _with_baseline(
    prepared: Prepared, policy: GatePolicy, challenger: TargetSpec, server: Server, options: GateOptions
) -> Sides:
    wanted = policy.baseline
    if wanted == NO_BASELINE:
        return Sides(challenger)
    if wanted.startswith(GIT_BASELINE):
        _refuse_taken(prepared, BASELINE_TARGET, "a baseline out of git")
        ref, _, target = wanted.removeprefix(GIT_BASELINE).partition(":")
        suite = suite_at(snapshot(prepared.workspace, ref), prepared.suite.name)
        spec = target_at(suite, target or challenger.name, BASELINE_TARGET, prepared.suite.models)
        return Sides(challenger, spec, ref=suite)
    if wanted in prepared.targets:
        if wanted == challenger.name:
            raise UsageError(f"{challenger.name} can't be its own baseline", remedy="name another target, or champion")
        return Sides(challenger, prepared.targets[wanted])
    aliases, alias = prepared.workspace.settings.promotion.aliases, wanted.removeprefix(ALIAS_WORD)
    if alias in aliases:
        store = server.registry()
        if options.base is not None and champion(store, prepared.suite.name, alias) is None:
            return _where_it_starts(prepared, challenger, alias, options.base)
        entry = entry_of_alias(prepared, store, alias)
        return Sides(challenger, entry_spec(alias, entry, prepared, store), entry=entry)
    if alias != wanted:
        prepared.workspace.settings.promotion.checked(alias)
    stored, notes = run_as_baseline(prepared, policy, challenger, server, options)
    _refuse_taken(prepared, BASELINE_TARGET, "a baseline out of another run")
    return Sides(challenger, stored=stored, notes=notes)


def _where_it_starts(prepared: Prepared, challenger: TargetSpec, alias: str, base: str) -> Sides:
    """The challenger as it was where the change starts, for an alias that names nothing yet."""
    suite, commit = prepared.suite.name, merge_base(prepared.workspace.root, base)
    found = find_suite(snapshot(prepared.workspace, commit), suite)
    if found is None:
        # Absolute rules alone would let a suite that is renamed lose what it was held against: somebody must ask.
        raise UsageError(
            f"{suite} has no {alias} yet, and where the change starts, at {commit[:12]}, there was no such suite",
            remedy=f"plimsoll gate {suite} --first",
        )
    _refuse_taken(prepared, BASELINE_TARGET, "a baseline out of git")
    spec = target_at(found, challenger.name, BASELINE_TARGET, prepared.suite.models)
    told = f"{suite} has no {alias} yet: the baseline is {challenger.name} where the change starts, at {commit[:12]}"
    return Sides(challenger, spec, ref=found, notes=(told,))


def _with_anchor(prepared: Prepared, anchor: str, sides: Sides, server: Server) -> Sides:
    _refuse_taken(prepared, ANCHOR_TARGET, "a gate's anchor")
    store = server.registry()
    entry = entry_of_anchor(prepared, store, anchor)
    if sides.baseline is not None and sides.baseline.info.digest == entry.bundle:
        # What may not fall below the one may not fall below the other: it is run, and asked, once.
        return replace(sides, anchor=sides.baseline)
    return replace(sides, anchor=entry_spec(ANCHOR_TARGET, entry, prepared, store))


def _refuse_taken(prepared: Prepared, name: str, what: str) -> None:
    if name in prepared.targets:
        raise UsageError(f"the suite has a target named {name!r}, which is what {what} is called", remedy="rename it")


def _refuse_first(prepared: Prepared, server: Server) -> None:
    suite = prepared.suite.name
    if champion(server.registry(), suite) is not None:
        raise UsageError(
            f"{suite} has a champion already, so --first does not apply",
            remedy=f"plimsoll gate {suite}, without --first",
        )
