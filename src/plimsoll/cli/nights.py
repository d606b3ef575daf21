"""`nightly`: suites one after the other within one budget, what is to be said of each, and who else is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from plimsoll.api.nightly import Ended, NightOptions, nightly_suite, tell_webhook
from plimsoll.ci.flaky import quarantine_text
from plimsoll.ci.night_form import night_document
from plimsoll.ci.night_report import SuiteNight, issue_body, terminal_lines
from plimsoll.cli.console import print_json, print_place, show_error, to_stderr, to_stdout, without_secrets
from plimsoll.cli.evaluate import suite_names
from plimsoll.cli.outputs import check_outputs, write_output
from plimsoll.cli.progress import RunProgress
from plimsoll.cli.syncing import note_owed
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, InterruptedRunError, PlimsollError, UsageError, first_that_applies, near_match
from plimsoll.tracking import MlflowWriter


@dataclass(frozen=True, slots=True)
class Files:
    """Where a night is written besides the terminal."""

    issue: Path | None = None
    propose: Path | None = None


def nightly(given: Sequence[str], files: Files, *, max_cost: float | None, track: bool, as_json: bool) -> ExitCode:
    """Run the night of each suite; the code of the first cause that applies."""
    workspace = Workspace.find()
    names = suite_names(workspace, given)
    check_outputs(files.issue, files.propose)
    cap = workspace.settings.nightly.max_cost if max_cost is None else max_cost
    if cap is not None and not cap > 0:
        raise UsageError(f"--max-cost {cap:g} is no amount to spend", remedy="give USD, for example --max-cost 2.50")
    if track:
        note_owed(workspace)
    nights = _all(workspace, names, cap, track=track, as_json=as_json)
    _write(nights, files, as_json=as_json)
    code = first_that_applies(night.exit_code for night in nights)
    unknown = None if given else _unknown(workspace, nights)
    if unknown is not None:
        show_error(unknown)
        code = first_that_applies([code, unknown.exit_code])
    try:
        tell_webhook(workspace, nights)
    except PlimsollError as problem:
        error = without_secrets(problem)
        show_error(error)
        code = error.exit_code if code is ExitCode.PASS else code
    if as_json:
        print_json(night_document(nights, code))
    return code


def _unknown(workspace: Workspace, nights: Sequence[SuiteNight]) -> UsageError | None:
    """What the project names for its nights and no suite has: a misspelt metric would never be watched."""
    found = [night.tonight for night in nights if night.tonight is not None]
    if len(found) < len(nights):
        return None
    policy = workspace.settings.nightly
    metrics = {name for night in found for name in night.metrics}
    targets = {name for night in found for name in night.targets}
    for what, named, known in (("metrics", policy.metrics, metrics), ("targets", policy.targets, targets)):
        missing = [name for name in named if name not in known]
        if missing:
            return UsageError(
                f"[tool.plimsoll.nightly] {what}: no suite has {missing[0]!r}", remedy=near_match(missing[0], known)
            )
    return None


def _all(
    workspace: Workspace, names: Sequence[str], cap: float | None, *, track: bool, as_json: bool
) -> list[SuiteNight]:
    progress, nights = RunProgress(to_stderr(), cap=cap), []
    left = cap
    with MlflowWriter(workspace) as writer:
        for name in names:
            if left is not None and left <= 0:
                words = f"not run: the night's {cap:g} USD are spent; --max-cost gives more"
                nights.append(SuiteNight(Path(name).stem, problems=((ExitCode.INCONCLUSIVE, words),)))
            else:
                ended = _one(workspace, name, NightOptions(left, track), progress, writer)
                left = None if left is None else left - ended.cost
                nights.append(ended.night)
            if not as_json:
                for line, style in terminal_lines(nights[-1]):
                    to_stdout().print(Text(line, style=style))
    return nights


def _one(workspace: Workspace, name: str, options: NightOptions, progress: RunProgress, writer: MlflowWriter) -> Ended:
    """A suite's night; one that can't be run does not keep the others from it, and is told with them."""
    try:
        with progress.running():
            return nightly_suite(workspace, name, options, progress, writer)
    except InterruptedRunError:
        raise
    except PlimsollError as problem:
        error = without_secrets(problem)
        show_error(error)
        told = SuiteNight(Path(name).stem, problems=((error.exit_code, f"not run: {error.mistakes[0]}"),))
        return Ended(told)


def _write(nights: Sequence[SuiteNight], files: Files, *, as_json: bool) -> None:
    if files.issue is not None and any(night.news for night in nights):
        write_output(files.issue, issue_body(nights))
        if not as_json:
            print_place(to_stdout(), "issue", files.issue)
    flaky = [one for night in nights for one in night.flaky]
    if files.propose is not None and flaky:
        today = datetime.now(UTC).date()
        parts = [
            (f"# quarantine/{night.suite}.yaml\n" if len(nights) > 1 else "") + quarantine_text(night.flaky, today)
            for night in nights
            if night.flaky
        ]
        write_output(files.propose, "---\n".join(parts))
        if not as_json:
            print_place(to_stdout(), "proposed", files.propose)
