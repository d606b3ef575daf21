"""`comment`: posts a verdict on the pull request; `main` adds it to the other commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.flags import JsonFlag
from plimsoll.errors import ExitCode

COMMENT_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll gate --markdown verdict.md; plimsoll comment verdict.md\n"
    "  plimsoll comment night.md --key night      a second comment beside it"
)


def comment(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Markdown, as `gate --markdown` writes it.")],
    *,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Which comment, where a pull request has several.")
    ] = None,
    number: Annotated[
        str | None, typer.Option("--pr", metavar="N", help="The pull request, where the job doesn't say.")
    ] = None,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="A job that runs strangers' code wrote the file: say so, mention nobody.")
    ] = False,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Post a file on the CI job's pull or merge request, in one comment that is changed from then on."""
    from plimsoll.api.commenting import Asked, Did, post_comment, read_comment
    from plimsoll.cli.console import print_result, to_stderr, to_stdout
    from plimsoll.reports.markdown import COMMENT_KEY

    done = post_comment(Asked(read_comment(file), key or COMMENT_KEY, number, foreign))
    for note in done.notes:
        to_stderr().print(f"note: {note}", soft_wrap=True)
    if as_json:
        print_result(done)
    elif done.did is not Did.NOTHING:
        place = f": {done.url}" if done.url else ""
        to_stdout().print(f"comment {done.did} on {done.forge}, pull request {done.number}{place}", soft_wrap=True)
    return ExitCode.PASS
