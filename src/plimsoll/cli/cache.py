"""`cache`: its options; `main` adds it to the other commands."""

from __future__ import annotations

from typing import Annotated

import typer

from plimsoll.cli.flags import JsonFlag
from plimsoll.errors import UsageError


def cache(  # each is a flag
    *,
    explain: Annotated[
        str | None, typer.Option(metavar="SUITE", help="Say of each cell whether it would be reused, and why not.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="With --explain: only this target.")] = None,
    case: Annotated[str | None, typer.Option(metavar="ID", help="With --explain: this case, in full.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Make it smaller; by itself: --older-than 30d.")] = False,
    older_than: Annotated[
        str | None, typer.Option(metavar="30d", help="With --prune: remove what was not used for so long.")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option(metavar="500MB", help="With --prune: remove what was used longest ago beyond this.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the cell cache: what it holds; why a cell is reused or not; make it smaller. Sends nothing."""
    from plimsoll.cli import caching

    if explain is not None and prune:
        raise UsageError("--explain and --prune are two questions", remedy="ask one at a time")
    if explain is None and not (target is None and case is None):
        raise UsageError("--target and --case belong to --explain", remedy="plimsoll cache --explain SUITE --case ID")
    if not prune and not (older_than is None and max_size is None):
        raise UsageError("--older-than and --max-size belong to --prune", remedy="plimsoll cache --prune …")
    if explain is not None:
        caching.explain(explain, target, case, as_json=as_json)
    elif prune:
        caching.prune(older_than, max_size, as_json=as_json)
    else:
        caching.show(as_json=as_json)
