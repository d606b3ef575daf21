"""`plimsoll view`: runs in a browser, on this machine alone."""

from __future__ import annotations

from typing import Annotated

import typer


def view(
    what: Annotated[
        str | None, typer.Argument(metavar="SUITE|RUN", help="Whose runs, or which run; default all.")
    ] = None,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 is a free one.")] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
    who: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who labels. Default: git's user, else the login name.")
    ] = None,
) -> None:
    """Read runs in the browser, compare cases, label answers by hand. Ctrl-C ends it."""
    import threading
    import webbrowser

    from plimsoll.api.viewing import first_page, open_desk
    from plimsoll.api.viewing import view as serve
    from plimsoll.cli.console import to_stdout
    from plimsoll.config import Workspace

    workspace = Workspace.find()
    desk, path, console = open_desk(workspace, who), first_page(workspace, what), to_stdout()

    def opened(url: str) -> None:
        console.print(f"{url}{path}", soft_wrap=True)
        console.print(f"labels are given as {desk.who}; Ctrl-C ends the viewer", soft_wrap=True)
        console.file.flush()
        if not no_open:
            # Some browsers take the terminal, and return when they are left.
            threading.Thread(target=webbrowser.open, args=(url + path,), daemon=True).start()

    try:
        serve(desk, port, opened)
    except KeyboardInterrupt:
        # How it is meant to be ended.
        console.print()


VIEW_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll view                       every run of the workspace\n"
    "  plimsoll view support-qa            a suite's\n"
    "  plimsoll view 81ad --as Ada         one run; labels are given as Ada"
)
