"""Files that a command writes where the user says: looked at before the work starts, and never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

from plimsoll.errors import InfrastructureError, UsageError, unwritable


def check_outputs(*paths: Path | None) -> None:
    """Refuse, before anything is measured, a file that can't be written.

    Raises:
        UsageError: one is a folder, or lies below a file.
        InfrastructureError: one may not be written.
    """
    for path in paths:
        if path is None:
            continue
        if path.is_dir():
            raise UsageError(f"{path} is a folder", remedy="name a file in it")
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir():
            raise UsageError(f"{path}: {above} is no folder", remedy="name another file")
        if not os.access(path if path.exists() else above, os.W_OK):
            raise InfrastructureError(f"{path} may not be written", remedy="check permissions there")


def write_output(path: Path, text: str, *, remedy: str | None = None) -> None:
    """Write a file that the user named, with the folders above it.

    Args:
        path: Where.
        text: The whole of it.
        remedy: What to do where it can't be written; None is to look at the place.

    Raises:
        InfrastructureError: it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(error, path, remedy) from error
