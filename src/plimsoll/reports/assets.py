"""What every HTML page is made of: the templates' environment, and the one style and script with their hashes.

A page's content security policy allows exactly these two, by hash: even a slip in escaping would run nothing.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from plimsoll.reports.text import count, interval, number, seconds


def page_environment() -> Environment:
    """Templates of this package: everything that is filled in is escaped, and nothing may be missing."""
    environment = Environment(
        loader=PackageLoader("plimsoll.reports", "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters.update(number=number, interval=interval, seconds=seconds, count=count)
    return environment


def page_assets() -> dict[str, str]:
    """Script and style, and what the policy says of them: the values that a page's head needs."""
    script, style = _asset("report.js"), _asset("report.css")
    return {
        "script": Markup(script),  # noqa: S704  # our own file, which the policy's hash is over
        "style": Markup(style),  # noqa: S704  # the same
        "script_hash": _hash(script),
        "style_hash": _hash(style),
    }


def _asset(name: str) -> str:
    return (files("plimsoll.reports") / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
