"""`gate`, `promote`, `rollback`, `history`, `verify`: what may be shipped, and what was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from plimsoll.api.gating import gate_suite
from plimsoll.api.options import GateOptions
from plimsoll.api.promotion import history_of, promote_suite, rollback_suite, verify_suite
from plimsoll.api.sealing import GateRun
from plimsoll.canonical import short
from plimsoll.cli.console import print_json, print_place, print_result, to_stderr, to_stdout
from plimsoll.cli.evaluate import each_suite, form_of, suite_names
from plimsoll.cli.progress import RunProgress
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, UsageError
from plimsoll.registry import Entry
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
    ended: list[GateRun] = []
    progress = RunProgress(to_stderr(), cap=options.run.max_cost)
    with MlflowWriter(workspace) as writer:

        def one(name: str) -> ExitCode:
            with progress.running():
                found = gate_suite(workspace, name, options, progress, writer=writer)
            ended.append(found)
            _write(found, files)
            if not as_json:
                show_gate(found, workspace, to_stdout())
            return found.exit_code

        code, mistakes = each_suite(names, one)
    if as_json:
        forms = [
            gate_form(
                form_of(found.run), found.verdict, attestation=str(found.attestation) if found.attestation else None
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


def promote(suite: str, attestation: Path | None, *, reason: str, who: str | None, as_json: bool) -> None:
    """Promote, and show the new entry."""
    entry = promote_suite(Workspace.find(), suite, attestation=attestation, reason=reason, who=who)
    _show_move(entry, as_json=as_json)


def rollback(suite: str, to: str | None, *, reason: str, who: str | None, as_json: bool) -> None:
    """Roll back, and show the new entry."""
    entry = rollback_suite(Workspace.find(), suite, to=to, reason=reason, who=who)
    _show_move(entry, as_json=as_json)


def history(suite: str, *, as_json: bool) -> None:
    """Show every move of the champion, newest last."""
    entries = history_of(Workspace.find(), suite)
    if as_json:
        print_result({"suite": suite, "entries": entries})
        return
    console = to_stdout()
    if not entries:
        console.print(f"{suite} has no champion yet: `plimsoll gate {suite} --first`, then `plimsoll promote {suite}`")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("#", "when", "who", "what", "target", "version", "bundle"):
        table.add_column(name, overflow="fold")
    for entry in entries:
        what = entry.action if not entry.reason else f"{entry.action}: {entry.reason}"
        row = (str(entry.seq), entry.when, entry.who, what, entry.target, str(entry.version), short(entry.bundle, 8))
        table.add_row(*row)
    console.print(table)


def verify(suite: str, attestation: Path | None, *, as_json: bool) -> None:
    """Say that an attestation verifies, and who signed it."""
    workspace = Workspace.find()
    found = verify_suite(workspace, suite, attestation)
    seal = found.attestation
    if as_json:
        print_result({"attestation": str(found.path), "statement": seal})
        return
    console = to_stdout()
    print_place(console, "verifies", workspace.shown(found.path))
    console.print(f"  {seal.subject}, {seal.verdict.outcome.value}, decided {seal.time} over run {seal.run}")
    if seal.signed_by:
        console.print(f"  signed by {', '.join(seal.signed_by)}")
    else:
        console.print("  not signed: damage would show, but anyone could have written it")


def _write(found: GateRun, files: Files) -> None:
    for path, render in ((files.markdown, render_markdown), (files.junit, render_junit)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(found.run.view), encoding="utf-8")


def _show_move(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        print_result(entry)
        return
    verb = "promoted" if entry.action == "promote" else "rolled back to"
    console = to_stdout()
    console.print(
        f"{verb} {entry.suite}/{entry.target}: version {entry.version} is the champion "
        f"(bundle {short(entry.bundle)}, entry #{entry.seq} of the history)"
    )
