"""`gate`: what may be promoted."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace
from rich.console import Console

from plimsoll.api.affected import DeletedSuiteError
from plimsoll.api.gating import gate_suite
from plimsoll.api.options import GateOptions
from plimsoll.api.reviewing import review_of, review_of_error, suite_title
from plimsoll.api.sealing import GateRun
from plimsoll.cli.console import fault_of, print_json, print_place, show_error, to_stderr, to_stdout, without_secrets
from plimsoll.cli.evaluate import each_suite, form_of, suite_names
from plimsoll.cli.narrowing import narrowed
from plimsoll.cli.progress import RunProgress
from plimsoll.cli.syncing import note_owed
from plimsoll.cli.verdict_files import Files, unfinished
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, Mistake, PlimsollError, UsageError
from plimsoll.reports.jsonform import GateDocument, GateForm, gate_document, gate_form
from plimsoll.reports.review import Review
from plimsoll.reports.terminal import render_verdict
from plimsoll.reports.text import one_line
from plimsoll.tracking import MlflowWriter


def gate(
    given: Sequence[str], options: GateOptions, files: Files, *, as_json: bool, affected: bool = False
) -> ExitCode:
    """Gate suites one after the other; the code of the first cause that applies."""
    try:
        workspace = Workspace.find()
        names = suite_names(workspace, given)
    except PlimsollError as error:
        _write_unread(files, given, without_secrets(error), as_json=as_json)
        raise
    gates = _Gates(workspace, names, options, files, as_json)
    with ExitStack() as stack:
        # Left last: the files are written before anybody waits for what is still to be logged.
        writer = stack.enter_context(MlflowWriter(workspace))
        stack.enter_context(gates.told_at_the_end())
        if affected:
            gates.narrow(given=bool(given))
        gates.begin()
        code, mistakes = each_suite(gates.names, lambda name: gates.gate(name, writer))
    if as_json:
        print_json(replace(gates.document(code), mistakes=mistakes))
    return code


@dataclass(slots=True)
class _Gates:
    """The gates of one command, and what there is to say of them."""

    workspace: Workspace
    names: list[str]
    """The suites that there is a verdict on."""
    options: GateOptions
    files: Files
    as_json: bool
    deleted: tuple[str, ...] = ()
    """Those of them that the change takes away."""
    ended: list[GateRun] = field(default_factory=list)
    reviews: dict[str, Review] = field(default_factory=dict)
    """Of the suites whose gate has come to an end, or raised."""
    notes: set[str] = field(default_factory=set)
    """What was told before anything ran."""
    console: Console = field(default_factory=to_stderr)
    progress: RunProgress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = RunProgress(self.console, cap=self.options.run.max_cost)

    def narrow(self, *, given: bool) -> None:
        """Leave the suites that the change affects, or deletes."""
        files = self.files
        left = narrowed(
            self.workspace,
            self.names,
            self.options.base,
            given=given,
            quietly=self.as_json,
            outputs=(files.markdown, files.junit, files.sarif),
        )
        self.names, self.deleted = [*left.names, *left.deleted], left.deleted
        # What the change starts from is what it is held against too, however that was found.
        self.options = dataclasses.replace(self.options, base=left.base)

    def begin(self) -> None:
        """Look whether the options go with the suites; tell what is owed."""
        if len(self.names) > 1 and (self.options.run_id or self.options.target):
            raise UsageError("these options are about one suite", remedy=f"name one of: {', '.join(self.names)}")
        if self.options.run.track and self.names:
            note_owed(self.workspace)

    def gate(self, name: str, writer: MlflowWriter) -> ExitCode:
        """Gate one suite, and show the verdict."""
        try:
            if name in self.deleted:
                raise DeletedSuiteError(name)
            with self.progress.running():
                found = gate_suite(self.workspace, name, self.options, self.progress, writer=writer, tell=self._tell)
            self.ended.append(found)
            if self.files.wanted:
                self.reviews[name] = review_of(found, self.options)
        except PlimsollError as error:
            self._blame(error, [name])
            raise
        if not self.as_json:
            show_gate(found, self.workspace, to_stdout(), self.notes)
        return found.exit_code

    def document(self, code: ExitCode) -> GateDocument:
        """The verdicts as `--json` prints them."""
        return gate_document([_form(found) for found in self.ended], code)

    @contextmanager
    def told_at_the_end(self) -> Iterator[None]:
        """Write the files however it ends: of a suite that raised, and of those never come to, they say so."""
        self.files.begin([suite_title(name) for name in self.names])
        try:
            yield
        except BaseException as error:
            problem = fault_of(error) if _is_fault(error) else error
            if isinstance(problem, PlimsollError):
                self._blame(problem, [name for name in self.names if name not in self.reviews])
            with _second():
                self._finish()
            if problem is error:
                raise
            raise problem from error
        runs = [found.run.report.run for found in self.ended]
        again = "; ".join(f"`plimsoll gate {run.suite} --run {run.id}`" for run in runs[:3])
        self._finish(f"the verdict is kept; {again} decides again, and runs nothing" if runs else None)

    def _finish(self, remedy: str | None = None) -> None:
        reviews = [self.reviews.get(name) or unfinished(suite_title(name)) for name in self.names]
        self.files.finish(reviews, remedy=remedy, as_json=self.as_json)

    def _blame(self, error: PlimsollError, names: Sequence[str]) -> None:
        told = without_secrets(error)
        for name in names:
            self.reviews[name] = review_of_error(self.workspace, name, told, self.options)

    def _tell(self, words: str) -> None:
        self.notes.add(one_line(words))
        self.console.print(f"note: {words}", markup=False, highlight=False)


@contextmanager
def _second() -> Iterator[None]:
    """What ended the command is what it tells; a file that can't be written comes second."""
    try:
        yield
    except PlimsollError as error:
        show_error(without_secrets(error))


def _write_unread(files: Files, given: Sequence[str], error: PlimsollError, *, as_json: bool) -> None:
    """Files that say why not even the workspace could be read."""
    problems = tuple(
        Mistake(one_line(mistake.message), mistake.where, one_line(mistake.remedy) if mistake.remedy else None)
        for mistake in error.mistakes
    )
    reviews = [Review(suite_title(name), error.exit_code, problems=problems) for name in given or ("plimsoll",)]
    with _second():
        files.finish(reviews, as_json=as_json)


def _is_fault(error: BaseException) -> bool:
    """Whether nobody foresaw it; a reader of stdout who left is none."""
    return isinstance(error, Exception) and not isinstance(error, PlimsollError | BrokenPipeError)


def _form(found: GateRun) -> GateForm:
    return gate_form(
        form_of(found.run),
        found.verdict,
        part=found.run.report.run.part,
        cells_saved=found.cells_saved,
        requests_saved=found.requests_saved,
        attestation=str(found.attestation) if found.attestation else None,
        problem=found.run.problem,
    )


def show_gate(found: GateRun, workspace: Workspace, console: Console, told: Collection[str] = ()) -> None:
    """A verdict, and where its evidence is; of its notes those that were not told before anything ran."""
    view = found.run.view
    render_verdict(replace(view, notes=tuple(note for note in view.notes if note not in told)), console)
    console.print()
    print_place(console, "report", workspace.shown(found.run.html))
    if found.attestation is not None:
        print_place(console, "attestation", workspace.shown(found.attestation))
