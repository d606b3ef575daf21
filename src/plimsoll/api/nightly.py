"""A suite's night: champion and configured models over all cases with fresh samples, compared with the nights before.

A night is a run whose plan says `nightly`; its figures are kept under `.plimsoll/nights`, and are made again from any
such run, here or on the tracking server. Nights before tonight only inform: what can't be had of them is told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from plimsoll.api.accepted import accepted_moves
from plimsoll.api.champions import entry_spec
from plimsoll.api.circumstances import NIGHTLY, circumstances
from plimsoll.api.fetching import fetch_run
from plimsoll.api.git import subjects_between
from plimsoll.api.noting import note_begun
from plimsoll.api.options import RunOptions
from plimsoll.api.prepare import Prepared, prepare
from plimsoll.api.quarantine import working_entries
from plimsoll.api.reporting import stored_run
from plimsoll.api.results import SuiteRun, interruptible, publish
from plimsoll.api.runs import RUNS, run_targets, select_targets
from plimsoll.api.targets import TargetSpec
from plimsoll.ci.alerts import host_of, post, slack_message
from plimsoll.ci.flaky import flaky_cases
from plimsoll.ci.moves import Rules, look
from plimsoll.ci.night_report import SuiteNight, went_back
from plimsoll.ci.nights import NIGHTS, Night, night_of, one_a_day, save_night, saved_nights
from plimsoll.ci.untold import Untold, unknown, untold
from plimsoll.config import Workspace, environment
from plimsoll.config.promotion import CHAMPION
from plimsoll.errors import ConfigError, ExitCode, InfrastructureError, PlimsollError, UsageError
from plimsoll.models.network import http_session_settings
from plimsoll.registry import TamperedError, champion
from plimsoll.reports.model import Problem
from plimsoll.reports.text import count, some
from plimsoll.runs.folders import is_complete, run_folders
from plimsoll.runs.join import read_report
from plimsoll.runs.observer import Observer
from plimsoll.runs.plan import load_plan
from plimsoll.tracking import MlflowWriter
from plimsoll.tracking.run_search import Wanted
from plimsoll.types import EvaluatorInfo, Part
from plimsoll.version import __version__


@dataclass(frozen=True, slots=True)
class NightOptions:
    """How a night is run."""

    max_cost: float | None = None
    """USD that this suite may still spend."""
    track: bool = True
    """Log to MLflow, ask the registry for the champion, and the server for nights that are not here."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A suite's night."""

    night: SuiteNight
    run: SuiteRun | None = None
    cost: float = 0.0
    """USD that the night took so far, sittings before this one among them."""


def nightly_suite(
    workspace: Workspace, name: str, options: NightOptions, observer: Observer, writer: MlflowWriter
) -> Ended:
    """Run a suite's night, or go on with the one that began today, and compare it.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        options: Budget, and whether the server is asked.
        observer: Hears of each finished cell.
        writer: Reads the registry and earlier runs, and logs.

    Raises:
        ConfigError: every mistake in the suite and its files.
        InfrastructureError: the registry can't be read, or the disk refuses.
        InterruptedRunError: Ctrl-C; the same command goes on.
    """
    prepared = prepare(workspace, name)
    rules = _rules(prepared)
    quarantined = {(entry.case, entry.metric) for entry in working_entries(prepared)}
    if options.track:
        writer.start()
    specs, notes = _who_runs(prepared, options, writer)
    again = _done_today(prepared, specs)
    if again is not None:
        notes = (*notes, f"tonight was measured before, as run {again.name}: nobody was asked again")
    run = stored_run(workspace, again.name) if again else _ran(prepared, specs, options, observer, writer)
    plan = load_plan(run.folder)
    tonight = night_of(run.report, plan, made_by=__version__)
    try:
        save_night(workspace.state, tonight)
    except OSError as error:
        raise InfrastructureError(f"{workspace.state}: {error.strerror}", remedy="check space there") from error
    earlier = _earlier(workspace, tonight, options, writer)
    own = [] if run.problem is None else [Untold(run.problem.exit_code, _words(run, run.problem))]
    before = [night for night in one_a_day(list(earlier.nights.values())) if night.date < tonight.date]
    # Twice as many as are compared: what was found on an earlier night is found as it was then.
    found = compared(workspace, [*before, tonight][-2 * rules.nights :], rules)
    unlogged = run.logged.unsynced if run.logged else None
    late = () if unlogged is None else (f"not everything is in MLflow, plimsoll sync logs it: {unlogged}",)
    told = replace(
        found,
        problems=(*own, *earlier.problems, *(one for one in found.problems if not _is_told(one, own))),
        notes=(*notes, *earlier.notes, *found.notes, *unknown(tonight, rules), *late),
        flaky=tuple(one for one in found.flaky if not quarantined & {(one.case, one.metric), (one.case, None)}),
    )
    return Ended(told, run, run.report.run.cost or 0.0)


def _is_told(problem: Untold, own: Sequence[Untold]) -> bool:
    """Whether the run's own problem tells of the same cells, and why."""
    return problem.lost and any(problem.code is one.code for one in own)


def _words(run: SuiteRun, problem: Problem) -> str:
    """Why the night does not end as done, with what goes on with it."""
    stopped = run.report.run.stopped
    if stopped is not None:
        return f"{stopped}; today a higher --max-cost goes on with the night"
    again = f"plimsoll nightly {run.report.run.suite}"
    if problem.exit_code is not ExitCode.INFRASTRUCTURE or again in problem.message:
        return problem.message
    return f"{problem.message}; today {again} asks again for what failed"


def compared(workspace: Workspace, nights: Sequence[Night], rules: Rules) -> SuiteNight:
    """What is to be said of the last night, beside those before it.

    Args:
        workspace: Whose git history is asked for the commits between.
        nights: Of one suite, oldest first, one a day.
        rules: What is watched.
    """
    tonight = nights[-1]
    watched = look(nights, rules)
    back = went_back(look(nights[:-1], rules), watched, tonight) if len(nights) > 1 else ()
    commits = {
        (one.target, one.metric.name): subjects_between(workspace.root, last, first)
        for one in watched
        if one.move is not None and (last := one.move.surely_before.commit) and (first := one.move.surely_after.commit)
    }
    flaky = flaky_cases(nights[-rules.nights :], rules.max_failed, {one.metric.name for one in watched})
    # What flips there may be what the alarm is about, by whichever target: a quarantine holds for all.
    worse = {one.metric.name for one in watched if one.move is not None and one.move.worse}
    held = sorted({one.metric for one in flaky} & worse)
    return SuiteNight(
        suite=tonight.suite,
        tonight=tonight,
        watched=watched,
        flaky=tuple(one for one in flaky if one.metric not in worse),
        notes=(f"flaky cases are not proposed while the metric is worse: {', '.join(held)}",) if held else (),
        commits=commits,
        back=back,
        problems=tuple(untold(watched, nights, rules)),
    )


def _rules(prepared: Prepared) -> Rules:
    policy = prepared.workspace.settings.nightly
    accepted = accepted_moves(prepared)
    return Rules(policy.false_alarms, tuple(policy.metrics), prepared.suite.max_failed, policy.nights, accepted)


def _who_runs(
    prepared: Prepared, options: NightOptions, writer: MlflowWriter
) -> tuple[dict[str, TargetSpec], tuple[str, ...]]:
    """The champion where there is one, and the targets that are configured."""
    configured = prepared.workspace.settings.nightly.targets
    asked = [name for name in configured if name in prepared.targets]
    notes = (f"no target of this suite: {some(configured, 3)}; the gate's runs",) if configured and not asked else ()
    gate = prepared.suite.gate
    if not asked and gate is not None and gate.target is not None:
        asked = [gate.target]
    specs = select_targets(prepared, asked)
    if not options.track:
        return specs, (*notes, "the registry was not asked for a champion")
    store = writer.registry()
    now = champion(store, prepared.suite.name, CHAMPION)
    if now is None:
        return specs, (*notes, "there is no champion yet")
    return {CHAMPION: entry_spec(CHAMPION, now.entry, prepared, store), **specs}, notes


def _ran(
    prepared: Prepared,
    specs: dict[str, TargetSpec],
    options: NightOptions,
    observer: Observer,
    writer: MlflowWriter,
) -> SuiteRun:
    """Tonight's run: the one of today where it goes on; else a new one."""
    caps = [cap for cap in (options.max_cost, prepared.suite.max_cost) if cap is not None]
    cap = min(caps, default=None)
    running = RunOptions(fresh=True, sample=0, max_cost=cap, track=options.track, trigger=NIGHTLY)
    folder = _of_today(prepared, specs)
    ran = interruptible(
        lambda told: run_targets(
            prepared, specs, running, told, resumed=folder, began=partial(note_begun, prepared, specs, running)
        ),
        observer,
        again=f"plimsoll nightly {prepared.suite.name}: today it goes on with this run",
    )
    return publish(prepared, ran, running, writer)


def _done_today(prepared: Prepared, specs: Mapping[str, TargetSpec]) -> Path | None:
    """The run of today where nothing of it is left to do."""
    folder = _of_today(prepared, specs)
    done = folder is not None and is_complete(folder) and not any(read_report(folder).failed())
    return folder if done else None


def _of_today(prepared: Prepared, specs: Mapping[str, TargetSpec]) -> Path | None:
    """The newest run that was begun as tonight's, of the very targets, cases and evaluators; None if there is none."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for folder in run_folders(prepared.workspace.state / RUNS, prepared.suite.name):
        plan = load_plan(folder)
        if not plan.started.startswith(today):
            return None
        same = (
            plan.trigger == NIGHTLY
            and {name: info.digest for name, info in plan.targets.items()}
            == {name: spec.info.digest for name, spec in specs.items()}
            and plan.dataset_digest == prepared.found.digest
            and plan.repeats == prepared.suite.repeats
            and _unjudged(plan.evaluators) == _unjudged(prepared.evaluators)
        )
        if same:
            return folder
    return None


def _unjudged(evaluators: Mapping[str, EvaluatorInfo]) -> dict[str, str]:
    """By digest, but for judges: which model they ask is known only when they run."""
    return {
        name: "" if any(metric.judged for metric in info.metrics) else info.digest for name, info in evaluators.items()
    }


@dataclass(slots=True)
class _Earlier:
    """Nights before tonight, and what there is to say of those that can't be had."""

    nights: dict[str, Night] = field(default_factory=dict)
    """By run."""
    notes: list[str] = field(default_factory=list)
    problems: list[Untold] = field(default_factory=list)


def _earlier(workspace: Workspace, tonight: Night, options: NightOptions, writer: MlflowWriter) -> _Earlier:
    """The nights before tonight of the same branch: written down here, made from runs here, brought from the server."""
    found, most = _Earlier(), workspace.settings.nightly.nights
    written = {path.stem for path in (workspace.state / NIGHTS / tonight.suite).glob("*.json")}
    found.nights = {night.run: night for night in saved_nights(workspace.state, tonight.suite)}
    for folder in run_folders(workspace.state / RUNS, tonight.suite):
        if sum(night.branch == tonight.branch for night in found.nights.values()) > 2 * most:
            break
        if folder.name not in found.nights:
            _add(workspace, folder, found)
    if options.track:
        try:
            _bring(workspace, tonight, writer, most, found)
        except PlimsollError as error:
            words = f"nights that only the tracking server has can't be read: {error.message}"
            found.problems.append(Untold(ExitCode.INFRASTRUCTURE, words))
    else:
        found.notes.append("the tracking server was not asked for earlier nights")
    lost = written - found.nights.keys()
    if lost:
        found.notes.append(f"{count(len(lost), 'night')} can't be read, nor the run again: {some(sorted(lost), 3)}")
    found.nights.pop(tonight.run, None)
    others = [run for run, night in found.nights.items() if night.branch != tonight.branch]
    for run in others:
        del found.nights[run]
    if others:
        found.notes.append(f"{count(len(others), 'night')} of other branches left out")
    return found


def _add(workspace: Workspace, folder: Path, found: _Earlier) -> None:
    """Take in a run, if it is a night's."""
    try:
        plan = load_plan(folder)
        if plan.trigger != NIGHTLY or plan.part is Part.HELD_OUT:
            return
        night = night_of(read_report(folder), plan)
        save_night(workspace.state, night)
    except (ConfigError, OSError) as error:
        found.notes.append(f"run {folder.name} is left out, it can't be read: {error}")
        return
    found.nights[night.run] = night


def _bring(workspace: Workspace, tonight: Night, writer: MlflowWriter, most: int, found: _Earlier) -> None:
    runs = writer.stored_runs()
    there = runs.find(Wanted(by="tag", value=f"trigger={NIGHTLY}", suite=tonight.suite))
    for one in there[: most + 1]:
        if one.state.run in found.nights or one.state.run == tonight.run:
            continue
        try:
            folder = fetch_run(workspace, runs, one)
        except TamperedError as error:
            found.notes.append(f"left out: {error.message}")
            continue
        _add(workspace, folder, found)


def webhook_address(workspace: Workspace) -> str | None:
    """Where the project's webhook is, a secret; None where it has none.

    Raises:
        UsageError: the variable with its address is not set, or holds none: nobody would hear of an alarm.
    """
    written = workspace.settings.nightly.webhook
    if written is None:
        return None
    name = written[2:-1]
    # Secrets that are read from files end with a line break; CI systems give one that nobody set as an empty text.
    address = environment(workspace.root).get(name, "").strip()
    remedy = f"give the job the secret as {name}, write it into .env, or take out webhook: nobody would be told"
    if not address:
        raise UsageError(f"nightly.webhook needs the environment variable {name}, which is not set", remedy=remedy)
    try:
        host_of(address)
    except UsageError as error:
        raise UsageError(f"nightly.webhook: {name} holds no http address", remedy=remedy) from error
    return address


def tell_webhook(workspace: Workspace, address: str, nights: Sequence[SuiteNight]) -> None:
    """Post what is new of a night, where something is.

    Raises:
        InfrastructureError: it was not taken.
    """
    if any(night.news for night in nights):
        environ = environment(workspace.root)
        job = circumstances(workspace.root, os.environ).ci_url
        post(address, slack_message(nights, job), http_session_settings(environ))
