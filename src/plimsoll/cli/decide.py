"""`gate`: what may be promoted."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from msgspec.structs import replace
from rich.console import Console

from plimsoll.api.affected import DeletedSuiteError
from plimsoll.api.gating import gate_suite
from plimsoll.api.options import GateOptions
from plimsoll.api.reviewing import review_of, review_of_error, suite_title
from plimsoll.api.sealing import GateRun
from plimsoll.cli.affecting import narrowed
from plimsoll.cli.console import print_json, print_place, show_error, to_stderr, to_stdout, without_secrets
from plimsoll.cli.evaluate import each_suite, form_of, suite_names
from plimsoll.cli.progress import RunProgress
from plimsoll.cli.syncing import note_owed
from plimsoll.cli.verdict_files import Files, unfinished
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, PlimsollError, UsageError
from plimsoll.reports.jsonform import gate_document, gate_form
from plimsoll.reports.review import Review
from plimsoll.reports.terminal import render_verdict
from plimsoll.reports.text import one_line
from plimsoll.tracking import MlflowWriter


def gate(
    given: Sequence[str], options: GateOptions, files: Files, *, as_json: bool, affected: bool = False
) -> ExitCode:
    """Gate suites one after the other; the code of the first cause that applies."""
    workspace = Workspace.find()
    names, deleted, options = _chosen(workspace, given, options, files, affected=affected, as_json=as_json)
    if len(names) > 1 and (options.run_id or options.target):
        raise UsageError("these options are about one suite", remedy=f"name one of: {', '.join(names)}")
    reviews = {name: unfinished(suite_title(name)) for name in names}
    files.begin([review.suite for review in reviews.values()])
    if options.run.track and names:
        note_owed(workspace)
    ended: list[GateRun] = []
    console = to_stderr()
    told: set[str] = set()
    progress = RunProgress(console, cap=options.run.max_cost)
    with MlflowWriter(workspace) as writer:

        def tell(words: str) -> None:
            told.add(one_line(words))
            console.print(f"note: {words}", markup=False, highlight=False)

        def one(name: str) -> ExitCode:
            try:
                if name in deleted:
                    raise DeletedSuiteError(name)
                with progress.running():
                    found = gate_suite(workspace, name, options, progress, writer=writer, tell=tell)
                ended.append(found)
                if files.wanted:
                    reviews[name] = review_of(found, options)
            except PlimsollError as error:
                reviews[name] = review_of_error(workspace, name, without_secrets(error), options)
                raise
            if not as_json:
                show_gate(found, workspace, to_stdout(), told)
            return found.exit_code

        with _told_at_the_end(files, reviews, ended, as_json=as_json):
            code, mistakes = each_suite(names, one)
    if as_json:
        forms = [
            gate_form(
                form_of(found.run),
                found.verdict,
                part=found.run.report.run.part,
                cells_saved=found.cells_saved,
                requests_saved=found.requests_saved,
                attestation=str(found.attestation) if found.attestation else None,
            )
            for found in ended
        ]
        print_json(replace(gate_document(forms, code), mistakes=mistakes))
    return code


def _chosen(
    workspace: Workspace, given: Sequence[str], options: GateOptions, files: Files, *, affected: bool, as_json: bool
) -> tuple[list[str], tuple[str, ...], GateOptions]:
    """The suites that there is a verdict on, those of them that the change deletes, and how they are gated."""
    names = suite_names(workspace, given)
    if not affected:
        return names, (), options
    files.begin([suite_title(name) for name in names])
    left = narrowed(workspace, names, options.base, given=bool(given), quietly=as_json)
    # What the change starts from is what it is held against too, however that was found.
    return [*left.names, *left.deleted], left.deleted, dataclasses.replace(options, base=left.base)


def show_gate(found: GateRun, workspace: Workspace, console: Console, told: Collection[str] = ()) -> None:
    """A verdict, and where its evidence is; of its notes those that were not told before anything ran."""
    view = found.run.view
    render_verdict(replace(view, notes=tuple(note for note in view.notes if note not in told)), console)
    console.print()
    print_place(console, "report", workspace.shown(found.run.html))
    if found.attestation is not None:
        print_place(console, "attestation", workspace.shown(found.attestation))


@contextmanager
def _told_at_the_end(
    files: Files, reviews: Mapping[str, Review], ended: Sequence[GateRun], *, as_json: bool
) -> Iterator[None]:
    """Write the files however it ends: of a suite that raised, and of those never come to, they say so."""
    try:
        yield
    except BaseException:
        # What ended the command is what it tells; a file that can't be written comes second.
        try:
            files.finish(list(reviews.values()), as_json=as_json)
        except PlimsollError as error:
            show_error(without_secrets(error))
        raise
    runs = [found.run.report.run for found in ended]
    again = "; ".join(f"`plimsoll gate {run.suite} --run {run.id}`" for run in runs[:3])
    remedy = f"the verdict is kept; {again} decides again, and runs nothing" if runs else None
    files.finish(list(reviews.values()), remedy=remedy, as_json=as_json)
