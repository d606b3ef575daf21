"""The environment: `${NAME}` in settings, and a workspace's `.env` that never overrides what is set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from plimsoll.errors import UsageError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def environment(root: Path | None) -> dict[str, str]:
    """The process's environment, completed from `root`/.env for names that it lacks."""
    from dotenv import dotenv_values  # a few ms that `--help` need not pay

    file = {} if root is None else dotenv_values(root / ".env")
    return {**{name: value for name, value in file.items() if value is not None}, **os.environ}


def substitute(value: Any, environ: Mapping[str, str], at: str) -> Any:
    """`value` with every `${NAME}` and `${NAME:-default}` in its strings filled.

    Raises:
        UsageError: a variable is not set and has no default; `at` says where it was written.
    """
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _lookup(match, environ, at), value)
    if isinstance(value, Mapping):
        return {key: substitute(item, environ, f"{at}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [substitute(item, environ, at) for item in value]
    return value


def named_variables(value: Any) -> Iterator[str]:
    """The variables that the strings in `value` refer to, as `substitute` would fill them."""
    if isinstance(value, str):
        yield from (match[1] for match in _REFERENCE.finditer(value))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from named_variables(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from named_variables(item)


def _lookup(match: re.Match[str], environ: Mapping[str, str], at: str) -> str:
    name, default = match[1], match[2]
    found = environ.get(name, default)
    if found is None:
        raise UsageError(
            f"{at} needs the environment variable {name}, which is not set",
            remedy=f"export {name}=…, write it into .env, or give a default: ${{{name}:-default}}",
        )
    return found
