"""Checking a workspace without running it, and telling what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from plimsoll.api.accepted import accepted_mistakes
from plimsoll.api.certificates import certificates_for, refuse_uncertified
from plimsoll.api.options import RunOptions
from plimsoll.api.outlook import outlooks
from plimsoll.api.prepare import Prepared, prepare, self_judged
from plimsoll.api.quarantine import quarantine_mistakes, quarantine_warnings
from plimsoll.api.runs import RUNS
from plimsoll.calibration import Certificates
from plimsoll.calibration.certificate import day
from plimsoll.config import Workspace
from plimsoll.config.nightly import FOLDER as NIGHTS
from plimsoll.config.nightly import accepted_path
from plimsoll.config.quarantine import FOLDER as QUARANTINES
from plimsoll.config.quarantine import quarantine_path
from plimsoll.errors import ConfigError, Mistake, PlimsollError, Where, near_match
from plimsoll.evaluators import discover
from plimsoll.runs.folders import is_complete, run_folders
from plimsoll.runs.plan import load_plan
from plimsoll.tracking.private_rows import Rules

_RUNS_LISTED = 10
_SOON = timedelta(days=14)


class Checked(Struct, frozen=True, kw_only=True):
    """A suite without mistakes."""

    suite: str
    file: str
    cases: int
    conversations: int
    """Of the cases, those that are answered turn by turn."""
    slices: dict[str, int]
    groups: int
    targets: tuple[str, ...]
    warnings: tuple[str, ...] = ()


class Held(Struct, frozen=True, kw_only=True):
    """What a workspace holds."""

    root: str
    suites: tuple[HeldSuite, ...]
    evaluators: dict[str, str]
    """Name → one line."""
    runs: tuple[HeldRun, ...]
    """The newest ones, newest first."""


class HeldSuite(Struct, frozen=True, kw_only=True):
    """A suite file."""

    file: str
    name: str | None = None
    """None where the file can't be read."""
    targets: tuple[str, ...] = ()
    dataset: str = ""
    gate: bool = False
    mistakes: int = 0


class HeldRun(Struct, frozen=True, kw_only=True):
    """A run on disk."""

    id: str
    suite: str
    started: str
    cells: int
    complete: bool


def check_workspace(workspace: Workspace, names: Sequence[str] = ()) -> tuple[Checked, ...]:
    """Check the named suites, or all, with every file that they name.

    Raises:
        ConfigError: every mistake in all of them.
        UsageError: there is no suite.
    """
    files = [workspace.find_suite(name) for name in names] or list(workspace.suite_files())
    if not files:
        raise ConfigError([Mistake("the workspace has no suite", remedy="write suites/NAME.yaml, or `plimsoll init`")])
    checked: list[Checked] = []
    today = datetime.now(UTC).date()
    mistakes: list[Mistake] = []
    named: dict[str, str] = {}
    redacted = Rules.of(workspace.settings.privacy, closed=False)
    for file in files:
        try:
            prepared = prepare(workspace, str(file))
            beside = [*quarantine_mistakes(prepared, today), *accepted_mistakes(prepared)]
            if beside:
                raise ConfigError(beside)
            found = _checked(prepared, today)
            redacted.look_through(prepared.dataset)
        except PlimsollError as error:
            mistakes += error.mistakes
            continue
        if found.suite in named:
            message = f"the name {found.suite!r} is taken by {named[found.suite]}: they would share one champion"
            mistakes.append(Mistake(message, Where(found.file), "give each suite a name of its own"))
        named[found.suite] = found.file
        checked.append(found)
    if not names and not mistakes:
        mistakes += _stray_files(workspace, named)
        mistakes += _misspelt(redacted, workspace)
    if mistakes:
        raise ConfigError(list(dict.fromkeys(mistakes)))
    return tuple(checked)


def _stray_files(workspace: Workspace, suites: Iterable[str]) -> Iterator[Mistake]:
    """A mistake for each file beside the suites' own that is no suite's: it would say nothing to anybody."""
    names = sorted(suites)
    for folder, path_of, what in (
        (QUARANTINES, quarantine_path, "quarantine"),
        (NIGHTS, accepted_path, "file of accepted moves"),
    ):
        known, place = {path_of(name) for name in names}, workspace.root / folder
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            shown = workspace.shown(path).as_posix()
            if shown not in known and path.suffix in (".yaml", ".yml"):
                yield Mistake(f"is no suite's {what}", Where(shown), near_match(path.stem, names))


def _misspelt(redacted: Rules, workspace: Workspace) -> Iterator[Mistake]:
    for path in redacted.unseen:
        message = f"[tool.plimsoll.privacy] redact: no case of any suite has {path}: nothing would be redacted"
        yield Mistake(message, workspace.setting("privacy", "redact"), near_match(path, redacted.fields))


def _checked(prepared: Prepared, today: date) -> Checked:
    certificates: Certificates | None = None
    undecided: tuple[str, ...] = ()
    if prepared.suite.gate is not None:
        certificates = certificates_for(prepared.workspace, prepared.suite.gate, datetime.now(UTC))
        refuse_uncertified(prepared, prepared.suite.gate, certificates)
        undecided = outlooks(prepared, prepared.suite.gate, RunOptions())
    return Checked(
        suite=prepared.suite.name,
        file=str(prepared.workspace.shown(prepared.path)),
        cases=prepared.found.cases,
        conversations=prepared.found.conversations,
        slices=prepared.found.slices,
        groups=prepared.found.groups,
        targets=tuple(prepared.targets),
        warnings=(
            *_warnings(prepared),
            *undecided,
            *(_expiring(certificates) if certificates else ()),
            *quarantine_warnings(prepared, today),
        ),
    )


def _expiring(certificates: Certificates) -> Iterator[str]:
    for metric, certificate in sorted(certificates.by_metric.items()):
        if certificate.expires - certificates.at < _SOON:
            yield f"the certificate of {metric} expires on {day(certificate.expires)}; then the gate refuses its judge"


def _warnings(prepared: Prepared) -> tuple[str, ...]:
    found = [*self_judged(prepared), *prepared.notes]
    found += [
        f"target {name} can be run but not promoted: {spec.unbundled}"
        for name, spec in prepared.targets.items()
        if spec.bundle is None
    ]
    if prepared.found.conversations:
        found += [
            f"target {name} reads `question` but neither chat_history nor messages: it answers each turn of a "
            "conversation without those before"
            for name, spec in prepared.targets.items()
            if spec.prompt is not None and spec.prompt.forgets
        ]
    return tuple(found)


def list_workspace(workspace: Workspace) -> Held:
    """What the workspace holds: suites, evaluators that suites may name, and the newest runs."""
    runs = list(run_folders(workspace.state / RUNS))[:_RUNS_LISTED]
    return Held(
        root=str(workspace.root),
        suites=tuple(_held(workspace, file) for file in workspace.suite_files()),
        evaluators={name: factory.about.summary for name, factory in sorted(discover(workspace.root).items())},
        runs=tuple(_held_run(folder) for folder in runs),
    )


def _held(workspace: Workspace, file: Path) -> HeldSuite:
    shown = str(workspace.shown(file))
    try:
        suite, _ = workspace.load_suite(file)
    except ConfigError as error:
        return HeldSuite(file=shown, mistakes=len(error.mistakes))
    return HeldSuite(
        file=shown, name=suite.name, targets=tuple(suite.targets), dataset=suite.dataset, gate=suite.gate is not None
    )


def _held_run(folder: Path) -> HeldRun:
    try:
        plan = load_plan(folder)
    except ConfigError:
        return HeldRun(id=folder.name, suite="", started="", cells=0, complete=False)
    return HeldRun(id=plan.run, suite=plan.suite, started=plan.started, cells=plan.size, complete=is_complete(folder))
