"""`gate`: what may be promoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from plimsoll.api.gating import gate_suite
from plimsoll.api.options import GateOptions
from plimsoll.api.sealing import GateRun
from plimsoll.cli.console import print_json, print_place, to_stderr, to_stdout
from plimsoll.cli.evaluate import each_suite, form_of, suite_names
from plimsoll.cli.progress import RunProgress
from plimsoll.cli.syncing import note_owed
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, UsageError
from plimsoll.reports.jsonform import gate_document, gate_form
from plimsoll.reports.junit import render_junit
from plimsoll.reports.markdown import render_markdown
from plimsoll.reports.terminal import render_verdict
from plimsoll.tracking import MlflowWriter


@dataclass(frozen=True, slots=True)
class Files:
    """Where a gate's verdict is written besides the terminal."""

    markdown: Path | None = None
    junit: Path | None = None


def gate(given: Sequence[str], options: GateOptions, files: Files, *, as_json: bool) -> ExitCode:
    """Gate suites one after the other; the code of the first cause that applies."""
    workspace = Workspace.find()
    names = suite_names(workspace, given)
    if len(names) > 1 and (files.markdown or files.junit or options.run_id or options.target):
        raise UsageError("these options are about one suite", remedy=f"name one of: {', '.join(names)}")
    if options.run.track:
        note_owed(workspace)
    ended: list[GateRun] = []
    console = to_stderr()
    progress = RunProgress(console, cap=options.run.max_cost)
    with MlflowWriter(workspace) as writer:

        def tell(words: str) -> None:
            console.print(f"note: {words}", markup=False, highlight=False)

        def one(name: str) -> ExitCode:
            with progress.running():
                found = gate_suite(workspace, name, options, progress, writer=writer, tell=tell)
            ended.append(found)
            _write(found, files)
            if not as_json:
                show_gate(found, workspace, to_stdout())
            return found.exit_code

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


def show_gate(found: GateRun, workspace: Workspace, console: Console) -> None:
    """A verdict, and where its evidence is."""
    render_verdict(found.run.view, console)
    console.print()
    print_place(console, "report", workspace.shown(found.run.html))
    if found.attestation is not None:
        print_place(console, "attestation", workspace.shown(found.attestation))


def _write(found: GateRun, files: Files) -> None:
    for path, render in ((files.markdown, render_markdown), (files.junit, render_junit)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(found.run.view), encoding="utf-8")
