"""SQL in answers: what counts as a statement, what only reads, and hostile text."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.evaluators.form.sql_valid import SqlValid
from plimsoll.types import Case, Output

CASE = Case(id="c1", inputs={})


def score(answer: str, **keys: Any) -> tuple[Any, str | None]:
    scored = asyncio.run(SqlValid(**keys).evaluate(CASE, Output(text=answer)))
    return scored.value, scored.reason


@pytest.mark.parametrize(
    "answer",
    [
        "SELECT a, COUNT(*) FROM t GROUP BY a",
        "SELECT 1;",
        "SELECT 1 -- one\n;",
        "(SELECT 1) UNION SELECT 2",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "INSERT INTO t VALUES (1)",
        "DELETE FROM t WHERE a = 1",
        "CREATE TABLE t (a INT)",
        "VALUES (1)",
    ],
)
def test_a_statement(answer: str) -> None:
    assert score(answer) == (True, None)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "the answer is empty"),
        ("-- nothing", "there is no statement"),
        ("hello", "an expression, not a statement"),
        ("Here is the query", "an expression, not a statement"),
        ("1 + 1", "an expression, not a statement"),
        ("SELECT", "not SQL: a SELECT of nothing"),
        ("SELECT * FROM", "not SQL: Expected table name at line 1, column 13"),
        ("SELECT a b c FROM t", "not SQL: Invalid expression / Unexpected token at line 1, column 12"),
        ("SELECT 'a", "not SQL: a quote or comment is not closed, or a character has no meaning"),
        ("SELECT 1; SELECT 2", "2 statements, and at most 1 allowed"),
        ("EXPLAIN SELECT 1", "a statement that can't be checked: EXPLAIN"),
        ("SHOW me the money", "a statement that can't be checked: SHOW"),
        ("```sql\nSELECT 1\n```", "the answer is wrapped in a code fence"),
        ("SELECT " + "(" * 5000, "not SQL: nested too deeply"),
    ],
)
def test_what_is_no_statement(answer: str, reason: str) -> None:
    assert score(answer) == (False, reason)


def test_nothing_is_printed_of_a_statement_that_cannot_be_checked(capfd: pytest.CaptureFixture[str]) -> None:
    score("CALL secret()")
    assert capfd.readouterr() == ("", "")


def test_the_dialect_counts() -> None:
    assert score("SELECT TOP 5 a FROM t", dialect="tsql")[0] is True
    assert score("SELECT `a` FROM t", dialect="mysql")[0] is True
    assert score("SELECT `a` FROM t", dialect="postgres")[0] is False
    with pytest.raises(ValidationError, match="Unknown dialect 'postgre'"):
        SqlValid(dialect="postgre")


def test_several_statements_and_a_fence_where_they_are_allowed() -> None:
    assert score("SELECT 1; SELECT 2", statements=2)[0] is True
    assert score("SELECT 1; SELEC 2 3", statements=2)[0] is False
    assert score("```sql\nSELECT 1\n```", fenced=True) == (True, None)
    assert score("So:\n```sql\nSELECT 1\n```", fenced=True)[0] is False


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("SELECT 1 UNION SELECT 2", None),
        ("DROP TABLE t", "not read-only: DROP"),
        ("INSERT INTO t SELECT 1", "not read-only: INSERT"),
        ("PRAGMA x", "not read-only: PRAGMA"),
        ("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "not read-only: it has DELETE inside"),
        ("SELECT * INTO x FROM t", "not read-only: it has INTO inside"),
        ("SELECT a FROM t FOR UPDATE", "not read-only: it has LOCK inside"),
    ],
)
def test_read_only(answer: str, reason: str | None) -> None:
    assert score(answer, dialect="postgres", read_only=True) == (reason is None, reason)


def test_the_parser_is_part_of_the_identity() -> None:
    assert "sqlglot" in SqlValid().identity()


words = st.sampled_from(
    ["SELECT", "FROM", "(", ")", ",", "a", "'", '"', "*", "WITH", "AS", ";", "1", "--", "/*", "CASE"]
)


@settings(deadline=None, max_examples=100)
@given(st.text() | st.lists(words, max_size=30).map(" ".join))
def test_any_text_is_scored(text: str) -> None:
    value, reason = score(text)
    assert value is (reason is None)
