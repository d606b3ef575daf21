"""`nightly`: suites one after the other within one budget, what is to be said of each, and who else is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from plimsoll.api.costs import checked_cap
from plimsoll.api.night_outside import outside_night
from plimsoll.api.nightly import NightOptions, nightly_suite, tell_webhook, webhook_address
from plimsoll.api.reviewing import suite_title
from plimsoll.ci.flaky import quarantine_text
from plimsoll.ci.night_form import night_document
from plimsoll.ci.night_report import SuiteNight, issue_body, terminal_lines
from plimsoll.ci.untold import Untold
from plimsoll.cli.console import print_json, print_place, show_error, to_stderr, to_stdout, without_secrets
from plimsoll.cli.evaluate import each_suite, suite_names
from plimsoll.cli.outputs import check_outputs, write_output
from plimsoll.cli.progress import RunProgress
from plimsoll.cli.syncing import note_owed
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, PlimsollError, UsageError, first_that_applies, near_match
from plimsoll.reports.jsonform import error_document
from plimsoll.reports.printing import hanging
from plimsoll.tracking import MlflowWriter
from plimsoll.types import CellRecord, Usage


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
    cap = checked_cap(workspace.settings.nightly.max_cost if max_cost is None else max_cost)
    night = _Night(workspace, files, cap, webhook_address(workspace), track=track, as_json=as_json)
    if track:
        note_owed(workspace)
    with ExitStack() as stack:
        # Left last: people are told before anybody waits for what is still to be logged.
        writer = stack.enter_context(MlflowWriter(workspace))
        stack.enter_context(night.told_at_the_end())
        code, mistakes = each_suite(names, lambda name: night.of_suite(name, writer))
    unknown = None if given else _unknown(workspace, night.ended)
    if unknown is not None:
        show_error(unknown)
        code = first_that_applies([code, unknown.exit_code])
        mistakes += error_document(unknown).mistakes
    if night.untaken is not None:
        code = night.untaken.exit_code if code is ExitCode.PASS else code
        mistakes += error_document(night.untaken).mistakes
    if as_json:
        print_json(night_document(night.ended, code, mistakes))
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


class _Spending(RunProgress):
    """Progress that knows what a suite spent so far, also where it ends with an error."""

    spent = 0.0
    """USD."""

    def finished(self, record: CellRecord, asked: Sequence[Usage]) -> None:
        """Count a cell, and what was asked for it."""
        self.spent += sum(usage.cost or 0.0 for usage in asked)
        super().finished(record, asked)


@dataclass(slots=True)
class _Night:
    """All suites of one command."""

    workspace: Workspace
    files: Files
    cap: float | None
    """USD for all suites."""
    address: str | None
    """Of the webhook, a secret."""
    track: bool
    as_json: bool
    ended: list[SuiteNight] = field(default_factory=list)
    """Also those that raised, or were not reached."""
    outside: list[SuiteNight] = field(default_factory=list)
    """The same, as they may be told outside."""
    untaken: PlimsollError | None = None
    """Why the webhook did not take the message."""
    spent: float = 0.0

    def of_suite(self, name: str, writer: MlflowWriter) -> ExitCode:
        """A suite's night; one that raises is told with the others."""
        left = None if self.cap is None else self.cap - self.spent
        if left is not None and left <= 0:
            words = f"not run: the night's {self.cap:g} USD are spent; --max-cost gives more"
            self.ended.append(SuiteNight(suite_title(name), problems=(Untold(ExitCode.INCONCLUSIVE, words),)))
        else:
            progress = _Spending(to_stderr(), cap=left)
            try:
                with progress.running():
                    found = nightly_suite(self.workspace, name, NightOptions(left, self.track), progress, writer)
            except BaseException as problem:
                self.spent += progress.spent
                self._blame(name, problem)
                raise
            self.spent += found.cost
            self.ended.append(found.night)
        if not self.as_json:
            for line, style in terminal_lines(self.ended[-1]):
                _print(line, style)
        return self.ended[-1].exit_code

    @contextmanager
    def told_at_the_end(self) -> Iterator[None]:
        """Write the files and post, however it ends: what was found before an interruption is told."""
        try:
            yield
        except BaseException:
            try:
                self._tell()
            except PlimsollError as second:
                show_error(without_secrets(second))
            raise
        self._tell()

    def _blame(self, name: str, problem: BaseException) -> None:
        if isinstance(problem, PlimsollError):
            error = without_secrets(problem)
            told = Untold(error.exit_code, f"not finished: {error.mistakes[0]}")
        elif isinstance(problem, KeyboardInterrupt):
            told = Untold(ExitCode.INTERRUPTED, "not finished: interrupted")
        else:
            told = Untold(ExitCode.INFRASTRUCTURE, "not finished: a fault in plimsoll itself")
        self.ended.append(SuiteNight(suite_title(name), problems=(told,)))

    def _tell(self) -> None:
        if self.files.issue is not None or self.address is not None:
            self.outside = [outside_night(self.workspace, night) for night in self.ended]
        try:
            self._write()
        finally:
            self._post()

    def _post(self) -> None:
        if self.address is None:
            return
        try:
            tell_webhook(self.workspace, self.address, self.outside)
        except PlimsollError as problem:
            self.untaken = without_secrets(problem)
            show_error(self.untaken)

    def _write(self) -> None:
        files, nights = self.files, self.ended
        if files.issue is not None and any(night.news for night in nights):
            write_output(files.issue, issue_body(self.outside))
            self._place("issue", files.issue)
        proposed = [night for night in nights if night.flaky]
        if files.propose is not None and proposed:
            today = datetime.now(UTC).date()
            parts = [
                (f"# quarantine/{night.suite}.yaml\n" if len(nights) > 1 else "") + quarantine_text(night.flaky, today)
                for night in proposed
            ]
            write_output(files.propose, "---\n".join(parts))
            self._place("proposed", files.propose)

    def _place(self, what: str, path: Path) -> None:
        if not self.as_json:
            print_place(to_stdout(), what, path)


def _print(line: str, style: str) -> None:
    """A line, wrapped beside its mark: `-`, or a word with a colon."""
    words = line.lstrip()
    indent = line[: len(line) - len(words)]
    mark, space, rest = words.partition(" ")
    if space and (mark == "-" or mark.endswith(":")):
        to_stdout().print(hanging(indent + mark, Text(rest)), style=style)
    else:
        to_stdout().print(hanging(indent[1:], Text(words)) if indent else Text(words), style=style)
