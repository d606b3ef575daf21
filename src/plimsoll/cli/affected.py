"""`affected`: which suites a change affects. What `--affected` of `run` and `gate` does is in `narrowing`."""

from __future__ import annotations

from typing import Annotated

import typer

from plimsoll.cli.flags import AffectedBaseOption, JsonFlag

AFFECTED_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll affected --base origin/main            one suite on each line\n"
    "  plimsoll affected --base origin/main --explain  and why\n"
    "  plimsoll gate --affected --base origin/main     gate these alone"
)


def affected(
    *,
    base: AffectedBaseOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why, on stderr.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the suites that a change affects: since it left REF, with what is not committed yet. Runs nothing."""
    import os

    from plimsoll.api.affected import affected_suites
    from plimsoll.ci.affected_form import affected_document
    from plimsoll.ci.affected_words import explained, in_short
    from plimsoll.cli.console import print_json, to_stderr
    from plimsoll.cli.narrowing import written_to
    from plimsoll.config import Workspace

    told = affected_suites(Workspace.find(), base, os.environ, written_to())
    console = to_stderr()
    for line in explained(told.found, console.width) if explain else ():
        console.print(line, soft_wrap=True)
    console.print(in_short(told.found, told.base, told.merge_base), soft_wrap=True)
    if as_json:
        print_json(affected_document(told.found, told.base, told.merge_base))
        return
    for name in told.found.names:
        # A path may be no text at all.
        typer.echo(os.fsencode(name))
