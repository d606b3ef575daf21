"""A run as a gate's baseline: which can serve, and what a reader must know of the one that does.

Its cells are held against the challenger's case by case. What it lacks, or has of other cases or by other evaluators,
counts as missing (`gates.with_baseline`): nothing unequal is compared, and nothing is passed over. So a run that lacks
cases can decide little, and where any run of a branch or tag will do, one that lacks none is taken.

Nor is it one that a gate refused, or a pull request's: what was never good enough, or came from anybody, would become
what the next change is held against. By its id any run may be named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from plimsoll.api.fetching import Fit, NamedRun, NoRunError, named_run
from plimsoll.api.git import git_state
from plimsoll.api.options import GateOptions
from plimsoll.api.prepare import Prepared
from plimsoll.api.run_words import Server, Word, run_word
from plimsoll.api.targets import TargetSpec
from plimsoll.config import GatePolicy
from plimsoll.config.policy import NO_BASELINE
from plimsoll.errors import near_match
from plimsoll.reports.text import count
from plimsoll.tracking import StoredBaseline
from plimsoll.tracking.run_search import FoundRun
from plimsoll.tracking.stored_runs import Stored
from plimsoll.types import Decision, Part

_MEASURED_THERE = ("latency",)
"""How metrics begin whose values depend on the machine and the hour."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the gate runs."""

    sample: int | None
    seed: int
    repeats: int
    filters: tuple[tuple[str, str], ...]
    part: Part
    challenger: TargetSpec
    commit: str | None
    """That the workspace stands at."""


def run_as_baseline(
    prepared: Prepared, policy: GatePolicy, challenger: TargetSpec, server: Server, options: GateOptions
) -> tuple[StoredBaseline, tuple[str, ...]]:
    """The target of a run that a gate's challenger is held against, and what is to be said of it.

    Args:
        prepared: The suite.
        policy: Names the run.
        challenger: The target that wants to be promoted; of a run with several, the one of that name is taken.
        server: Has runs that are not on this disk.
        options: Which cases the gate draws.

    Raises:
        UsageError: there is no such run, or it can't be a baseline of this gate.
        TamperedError: what the server has is not what was logged.
        InfrastructureError: the server can't be asked.
    """
    asked = _asked(prepared, challenger, options)
    word = run_word(policy.baseline) or Word("run", policy.baseline, plain=True)

    def refuse(stored: Stored) -> str | None:
        if options.run_id is not None and options.run_id in stored.run:
            return "is the one that is gated"
        return _unfit(stored, asked, _target(word, stored, challenger.name))

    def pass_over(stored: Stored, outcomes: Mapping[str, Decision]) -> str | None:
        if word.by == "branch" and stored.of_request:
            return "was made for " + ("a pull request" if stored.pr is None else f"pull request {stored.pr}")
        return _unpassed(stored, _target(word, stored, challenger.name), outcomes) or next(_lacks(stored, asked), None)

    def doubt(stored: Stored, found: Sequence[FoundRun]) -> str | None:
        return _doubt(stored, _target(word, stored, challenger.name), asked, found)

    fit = Fit(refuse, pass_over, doubt)
    try:
        named = named_run(prepared.workspace, word, server.stored_runs, suite=prepared.suite.name, fit=fit)
    except NoRunError as error:
        if not word.plain:
            raise
        known = [*prepared.workspace.settings.promotion.aliases, NO_BASELINE, *prepared.targets]
        message = f"the baseline {word.value!r} is neither an alias, none, a target of the suite, a run, nor git:REF"
        raise NoRunError(message, remedy=f"{near_match(word.value, known)}; {error.remedy}") from None
    target = _target(word, named.stored, challenger.name)
    return StoredBaseline(folder=str(named.folder), target=target), tuple(_notes(named, target, asked, policy))


def _asked(prepared: Prepared, challenger: TargetSpec, options: GateOptions) -> _Asked:
    suite, run = prepared.suite, options.run
    return _Asked(
        (suite.sample if run.sample is None else run.sample) or None,
        suite.seed,
        run.repeats or suite.repeats,
        run.filters,
        Part.WHOLE if suite.held_out is None else Part.HELD_OUT,
        challenger,
        git_state(prepared.workspace.root).commit,
    )


def _target(word: Word, stored: Stored, challenger: str) -> str:
    return word.target or only_target(challenger, dict.fromkeys(stored.targets))


def only_target(challenger: str, targets: Mapping[str, object]) -> str:
    """The target of a run that a challenger is held against: the one of its name, or the only one."""
    if challenger in targets or len(targets) != 1:
        return challenger
    return next(iter(targets))


def _unfit(stored: Stored, asked: _Asked, target: str) -> str | None:
    """Why nothing can be decided against a run."""
    if not stored.complete:
        return "is not complete, and a baseline has to be"
    if stored.part is not asked.part:
        seen = {Part.WHOLE: "is over the whole dataset", Part.OPEN: "saw the open cases"}
        decides = "the held-out ones" if asked.part is Part.HELD_OUT else "all cases"
        return f"{seen.get(stored.part, 'saw the held-out cases')}, and the gate decides on {decides}"
    if target not in stored.targets:
        return f"has no target named {target!r}: {', '.join(stored.targets)}"
    return None


def _unpassed(stored: Stored, target: str, outcomes: Mapping[str, Decision]) -> str | None:
    """Why a run's target was not found good enough by those who looked."""
    outcome = outcomes.get(target, Decision.PASS)
    if outcome is not Decision.PASS:
        return f"did not pass its gate ({target}: {outcome.value})"
    if stored.gate and not outcomes:
        return "was made by a gate, and what that decided is not known"
    return None


def _doubt(stored: Stored, target: str, asked: _Asked, found: Sequence[FoundRun]) -> str | None:
    """Why against a run's target, which is the challenger itself, a regression of it would not be seen.

    Of another commit it may well be the challenger: a change of something else leaves it as it was there.
    """
    name, digest = asked.challenger.name, asked.challenger.info.digest
    if not stored.ran(target, digest):
        return None
    if stored.dirty or stored.commit == asked.commit:
        return _the_same(name)
    for each in found:
        outcome = each.outcomes.get(name)
        if each.state.ran(name, digest) and outcome in (Decision.PASS, Decision.FAIL):
            # The last word counts: what passed later is what it is to be.
            return f"ran the very {name} that failed in run {each.state.run}" if outcome is Decision.FAIL else None
    return None


def _the_same(challenger: str) -> str:
    return f"ran the very {challenger} that is gated"


def _lacks(stored: Stored, asked: _Asked) -> Iterator[str]:
    """What a run lacks that this gate asks for."""
    if stored.filters != asked.filters and stored.filters:
        yield "was filtered"
    if stored.sample is not None and (
        asked.sample is None or stored.sample < asked.sample or stored.seed != asked.seed
    ):
        yield f"drew {count(stored.sample, 'case')}, and others than this gate does"
    if stored.early:
        yield "was decided before all of its cases were run"
    if stored.repeats < asked.repeats:
        yield f"has {count(stored.repeats, 'answer')} to each case, and this gate asks for {asked.repeats}"


def _notes(named: NamedRun, target: str, asked: _Asked, policy: GatePolicy) -> Iterator[str]:
    yield f"the baseline is {target} of {named.told}"
    unpassed = _unpassed(named.stored, target, named.outcomes)
    if unpassed is not None:
        yield f"run {named.stored.run} {unpassed}"
    challenger = asked.challenger
    if named.stored.ran(target, challenger.info.digest):
        yield f"run {named.stored.run} {named.doubt or _the_same(challenger.name)}: against itself nothing gets worse"
    for why in _lacks(named.stored, asked):
        yield f"run {named.stored.run} {why}: what it lacks counts as missing"
    fewer = asked.sample is not None and (named.stored.sample is None or named.stored.sample > asked.sample)
    if fewer or (asked.filters and named.stored.filters != asked.filters):
        yield f"run {named.stored.run} has cases that this gate leaves out: they count as missing"
    timed = sorted({rule.metric for rule in policy.rules if rule.relative and rule.metric.startswith(_MEASURED_THERE)})
    if timed:
        yield f"{', '.join(timed)}: measured where and when run {named.stored.run} ran, not beside the challenger"
