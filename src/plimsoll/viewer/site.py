"""What the pages are made of: templates, which are the report's and the viewer's own, and the files that they load."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader

from plimsoll.reports.html import report_environment
from plimsoll.reports.text import plain

STATIC: Mapping[str, tuple[str, str]] = {
    "report.css": ("plimsoll.reports", "text/css"),
    "viewer.css": ("plimsoll.viewer", "text/css"),
    "viewer.js": ("plimsoll.viewer", "text/javascript"),
    "icon.svg": ("plimsoll.viewer", "image/svg+xml"),
}
"""Name → the package that it lies in, and what it is."""


def fill(template: str, **values: Any) -> str:
    """A page: every value in it is escaped."""
    return _environment().get_template(template).render(**values)


@cache
def static(name: str) -> bytes:
    """One of the `STATIC` files."""
    return (files(STATIC[name][0]) / "templates" / name).read_bytes()


@cache
def _environment() -> Environment:
    own = PackageLoader("plimsoll.viewer", "templates")
    report = report_environment()
    assert report.loader is not None
    environment = report.overlay(loader=ChoiceLoader([own, report.loader]), finalize=_finalize)
    environment.filters["segment"] = _segment
    return environment


def _finalize(value: Any) -> Any:
    """Names are shown as they are in the run's files: what acts in them is made visible here, whoever forgot it."""
    return plain(value) if type(value) is str else value


def _segment(text: str) -> str:
    """Text as one part of an address's path."""
    return quote(text, safe="")
