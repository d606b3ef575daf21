"""`promote`, `approve`, `rollback`, `history`, `verify`: their options; `main` adds them to the other commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.flags import JsonFlag, ReasonOption, SuiteArgument, WhoOption

# `config.promotion` has these words too; importing it would take pydantic, and `--help` is quick.
CHAMPION, ALL = "champion", "all"

AliasOption = Annotated[
    str, typer.Option(metavar="NAME", help="champion, challenger, or one of the project's environments.")
]


def promote(  # each is a flag
    suite: SuiteArgument,
    *,
    attestation: Annotated[
        str | None,
        typer.Option(
            help="The evidence: a file, or run:ID[:TARGET] of the server; default: the newest passing one here."
        ),
    ] = None,
    alias: AliasOption = CHAMPION,
    force: Annotated[
        bool, typer.Option("--force", help="Whatever speaks against it. Needs --reason, and shows forever.")
    ] = False,
    target: Annotated[
        str | None, typer.Option(help="With --force, without an attestation: the workspace's target as it is.")
    ] = None,
    reason: ReasonOption = "",
    who: WhoOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make what a passing gate decided over the champion. Without an attestation that verifies, nothing moves."""
    from plimsoll.api.promotion import promote_suite
    from plimsoll.cli import moves
    from plimsoll.config import Workspace

    entry = promote_suite(
        Workspace.find(),
        suite,
        attestation=attestation,
        reason=reason,
        who=who,
        alias=alias,
        force=force,
        target=target,
        tell=moves.note,
    )
    moves.show_move(entry, as_json=as_json)


def approve(
    suite: SuiteArgument,
    *,
    attestation: Annotated[
        Path | None, typer.Option(help="What is approved; default is the suite's newest passing attestation.")
    ] = None,
    alias: AliasOption = CHAMPION,
    as_json: JsonFlag = False,
) -> None:
    """Sign, with the key in PLIMSOLL_SIGNING_KEY, that what an attestation is about may be promoted."""
    from plimsoll.cli import moves

    moves.approve(suite, attestation, alias, as_json=as_json)


def rollback(
    suite: SuiteArgument,
    *,
    to: Annotated[
        str | None, typer.Option(help="A version (3), an entry (#2) or a digest; default: the one before.")
    ] = None,
    alias: AliasOption = CHAMPION,
    reason: ReasonOption = "",
    who: WhoOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring back an earlier champion."""
    from plimsoll.api.promotion import rollback_suite
    from plimsoll.cli import moves
    from plimsoll.config import Workspace

    entry = rollback_suite(Workspace.find(), suite, to=to, reason=reason, who=who, alias=alias, tell=moves.note)
    moves.show_move(entry, as_json=as_json)


def history(
    suite: SuiteArgument,
    *,
    alias: Annotated[str, typer.Option(metavar="NAME", help=f"Of which alias; {ALL}: of each.")] = CHAMPION,
    as_json: JsonFlag = False,
) -> None:
    """Show every promotion and rollback: who, when, on what evidence, approved by whom, and what was forced."""
    from plimsoll.cli import moves

    moves.history(suite, alias, as_json=as_json)


def verify(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE|PATH", help="A suite, or an attestation, a run's folder, a copy of one.")
    ],
    *,
    attestation: Annotated[Path | None, typer.Option(help="Default: the newest here, or the champion's.")] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(metavar="PUB.pem", help="Trust this public key alone, and require its signature. Repeatable."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute a verdict from the stored cells, and check every digest and the signature of its attestation.

    Needs nothing but the run's folder. Of a suite not gated here, the champion's comes from the tracking server.
    """
    from plimsoll.cli import moves

    moves.verify(suite, attestation, key or (), as_json=as_json)


COMMANDS = (promote, approve, rollback, history, verify)
"""In the order of the help."""
