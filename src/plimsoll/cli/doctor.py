"""`doctor`: what is installed, configured, reachable."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable

from msgspec.structs import replace
from rich.text import Text

from plimsoll.api.doctoring import Finding, State, diagnose, fetch_model
from plimsoll.cli.console import print_json, redactor_here, to_stderr, to_stdout
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, UsageError

_STYLES = {State.GOOD: "green", State.ABSENT: "yellow", State.BAD: "bold red"}
_INDENT = 8
_COMMAND = re.compile(r"`[^`\n]+`")
_HELD = "\0"


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
            mark = (f"{finding.state.value:<{_INDENT}}", _STYLES[finding.state])
            told = _wrapped(f"{finding.what}: {finding.detail}", console.width)
            console.print(Text.assemble(mark, told), soft_wrap=True)
            if finding.remedy and finding.state is not State.GOOD:
                remedy = _wrapped(f"→ {finding.remedy}", console.width)
                console.print(f"{'':{_INDENT}}{remedy}", soft_wrap=True)
    return code


def _wrapped(text: str, width: int) -> str:
    """The text in lines that stand below each other behind the mark. No path and no command in quotes is broken."""
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _HELD), text)
    lines = [
        line
        for part in whole.splitlines()
        for line in textwrap.wrap(part, max(width - _INDENT, 20), break_long_words=False, break_on_hyphens=False)
    ]
    return f"\n{'':{_INDENT}}".join(lines).replace(_HELD, " ")


def _told(finding: Finding, text: Callable[[str], str]) -> Finding:
    """A finding without keys: an endpoint's address may have one in it."""
    remedy = None if finding.remedy is None else text(finding.remedy)
    return replace(finding, detail=text(finding.detail), remedy=remedy)
