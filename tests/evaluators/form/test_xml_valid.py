"""XML in answers: well-formed, and nothing of it loaded or expanded."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.evaluators.form.xml_valid import XmlValid
from plimsoll.types import Case, Output

CASE = Case(id="c1", inputs={})
LAUGHS = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>'
FILE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'


def score(answer: str, **keys: Any) -> tuple[Any, str | None]:
    scored = XmlValid(**keys).evaluate(CASE, Output(text=answer))
    return scored.value, scored.reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("<a/>", None),
        ('<?xml version="1.0" encoding="latin-1"?>\n<a b="1">é &amp; <c/></a>\n', None),
        ("<p:a xmlns:p='u'/>", None),
        ("<a>" * 20_000 + "</a>" * 20_000, None),
        ("", "the answer is empty"),
        ("hello", "not XML: syntax error at line 1, column 1"),
        ("<a><b></a>", "not XML: mismatched tag at line 1, column 9"),
        ("<a/><b/>", "not XML: junk after document element at line 1, column 5"),
        ("<a/> Done.", "not XML: junk after document element at line 1, column 6"),
        ("<a b='1' b='2'/>", "not XML: duplicate attribute at line 1, column 10"),
        ("<p:a/>", "not XML: unbound prefix at line 1, column 1"),
        ("<a>&nbsp;</a>", "not XML: undefined entity at line 1, column 4"),
        ("<a>\x00</a>", "not XML: not well-formed (invalid token) at line 1, column 4"),
        ("<a>\ud800</a>", "not XML: it has half a character"),
        ("<!DOCTYPE a><a/>", "not XML: it has a document type declaration"),
        (LAUGHS, "not XML: it has a document type declaration"),
        (FILE, "not XML: it has a document type declaration"),
        ("```xml\n<a/>\n```", "the answer is wrapped in a code fence"),
    ],
)
def test_xml_valid(answer: str, reason: str | None) -> None:
    assert score(answer) == (reason is None, reason)


def test_the_outermost_element() -> None:
    assert score("<p:order xmlns:p='u'/>", root="order")[0] is True
    assert score("<a><order/></a>", root="order") == (False, "the outermost element is a, not order")


def test_a_fence_where_it_is_allowed() -> None:
    assert score("```xml\n<a/>\n```", fenced=True)[0] is True


@settings(deadline=None)
@given(st.text())
def test_any_text_is_scored(text: str) -> None:
    assert isinstance(score(text)[0], bool)


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cn", "Co"))))
def test_any_text_inside_an_element_is_xml_once_it_is_escaped(text: str) -> None:
    assert score(f"<a>{escape(text)}</a>") == (True, None)
