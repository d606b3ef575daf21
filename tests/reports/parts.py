"""What users get of a view with a verdict, as one text."""

from __future__ import annotations

from plimsoll.reports.junit import render_tests
from plimsoll.reports.markdown import render_comment
from plimsoll.reports.model import View
from plimsoll.reports.review import Review


def review_of_view(view: View) -> Review:
    """As it is told of a gate without places, differences and a way back."""
    [section] = view.verdicts
    return Review(section.suite, section.code, view)


def comment(view: View) -> str:
    """The comment over it."""
    return render_comment([review_of_view(view)])


def junit(view: View) -> str:
    """The JUnit file over it."""
    return render_tests([review_of_view(view)])
