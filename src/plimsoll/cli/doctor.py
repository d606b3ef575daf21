"""`doctor`: what is installed, configured, reachable."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from rich.text import Text

from plimsoll.api.doctoring import Finding, State, diagnose, fetch_model
from plimsoll.cli.console import print_json, redactor_here, to_stderr, to_stdout
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, UsageError

_STYLES = {State.GOOD: "green", State.ABSENT: "yellow", State.BAD: "bold red"}


def run(*, fetch: bool, as_json: bool) -> ExitCode:
    """Show every finding; the code is 4 where there is a problem."""
    if fetch:
        path = fetch_model()
        to_stderr().print(f"fetched {path}", soft_wrap=True)
    try:
        workspace = Workspace.find()
    except UsageError:
        workspace = None
    text = redactor_here().text
    findings = [_told(finding, text) for finding in diagnose(workspace)]
    bad = any(finding.state is State.BAD for finding in findings)
    code = ExitCode.INFRASTRUCTURE if bad else ExitCode.PASS
    if as_json:
        print_json({"exit_code": int(code), "findings": findings})
    else:
        console = to_stdout()
        for finding in findings:
            mark = Text.assemble(
                (f"{finding.state.value:<8}", _STYLES[finding.state]), f"{finding.what}: {finding.detail}"
            )
            console.print(mark, soft_wrap=True)
            if finding.remedy and finding.state is not State.GOOD:
                console.print(f"        → {finding.remedy}", soft_wrap=True)
    return code


def _told(finding: Finding, text: Callable[[str], str]) -> Finding:
    """A finding without keys: an endpoint's address may have one in it."""
    remedy = None if finding.remedy is None else text(finding.remedy)
    return replace(finding, detail=text(finding.detail), remedy=remedy)
