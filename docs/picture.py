"""Draws the README's picture of the terminal from a run that exists.

python docs/picture.py RUN TARGET docs/images/gate.svg     # in the workspace that holds the run
"""

import io
import re
import sys
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from plimsoll.api.reporting import stored_run
from plimsoll.config import Workspace
from plimsoll.reports.terminal import render_verdict

FLIPS = 3


def main(run: str, target: str, output: str) -> None:
    """Write the verdict on TARGET of RUN as an SVG without anything from outside."""
    view = stored_run(Workspace.find(), run).view
    sections = tuple(section for section in view.verdicts if section.target == target)
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True, highlight=False)
    render_verdict(replace(view, verdicts=sections, notes=()), console)
    drawn = console.export_svg(title=f"plimsoll gate {view.header.suite} --target {target}")
    # The fonts that rich names lie on somebody's server: the reader's own monospace font does.
    drawn = re.sub(r"@font-face\s*{[^}]*}", "", drawn).replace("Fira Code", "ui-monospace, Menlo, Consolas")
    Path(output).write_text(re.sub(r"[ \t]+\n", "\n", drawn), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
