"""`sync`: its options; `main` adds it to the other commands."""

from __future__ import annotations

from typing import Annotated

import typer

from plimsoll.cli.flags import JsonFlag
from plimsoll.errors import ExitCode

# `api.syncing` has this too; importing it takes a quarter of a second, and `--help` is quick.
LONGEST = 3600.0


def sync(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...", help="Ids or parts of them; all that are not in MLflow where none is given."
        ),
    ] = None,
    *,
    to: Annotated[
        str | None, typer.Option(metavar="URI", help="The tracking store; over MLFLOW_TRACKING_URI and the settings.")
    ] = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=1.0, help="Longest for one run.")] = LONGEST,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Log to MLflow what runs still owe: the server was slow or down, the command was killed. Twice does no harm."""
    from plimsoll.cli import syncing

    return syncing.sync(runs or (), to=to, wait=wait, as_json=as_json)
