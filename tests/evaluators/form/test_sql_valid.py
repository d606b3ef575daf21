"""SQL in answers: what counts as a statement, what only reads, and hostile text."""

from __future__ import annotations

import asyncio
import sqlite3
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


@pytest.mark.parametrize("dialect", ["", "sqlite", "postgres", "mysql", "tsql", "snowflake", "bigquery", "duckdb"])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("UPDATE users", "an UPDATE that sets nothing"),
        ("update the record", "an UPDATE that sets nothing"),
        ("UPDATE t SET a", "an UPDATE that sets nothing"),
        ("INSERT INTO t", "an INSERT of nothing: no VALUES, no SELECT"),
        ("INSERT INTO t (a, b)", "an INSERT of nothing: no VALUES, no SELECT"),
        ("SELECT * FROM orders JOIN users ON", "nothing after ON"),
        ("SELECT * FROM a JOIN b ON WHERE a = 1", "nothing after ON"),
        ("SELECT * FROM a JOIN b USING ()", "nothing after USING"),
        ("SELECT a FROM t GROUP BY", "nothing after GROUP BY"),
        ("SELECT a FROM (SELECT a FROM t GROUP BY) AS u", "nothing after GROUP BY"),
        ("SELECT sum(a) OVER (PARTITION BY) FROM t", "nothing after PARTITION BY"),
        ("CREATE TABLE t", "a CREATE TABLE of nothing"),
        ("CREATE VIEW v AS", "nothing after AS"),
    ],
)
def test_what_breaks_off_is_no_statement_in_any_dialect(answer: str, reason: str, dialect: str) -> None:
    assert score(answer, dialect=dialect) == (False, f"not SQL: {reason}")


@pytest.mark.parametrize("answer", ["Copy that", "Analyze this", "Cache this", "Delete it", "Begin the day"])
def test_prose_that_begins_with_a_keyword_is_no_statement(answer: str) -> None:
    assert score(answer)[0] is False
    assert score(answer, dialect="mysql")[0] is False


@pytest.mark.parametrize(
    ("answer", "dialect"),
    [
        ("DELETE t WHERE a = 1", "tsql"),
        ("ANALYZE t", "postgres"),
        ("ANALYZE TABLE t COMPUTE STATISTICS", ""),
        ("COPY t FROM 'f'", "postgres"),
        ("COPY INTO t FILE_FORMAT = (TYPE = csv)", "snowflake"),
        ("CACHE LAZY TABLE t AS SELECT 1", "spark"),
        ("CREATE TABLE t LIKE u", "mysql"),
        ("CREATE TABLE t", "databricks"),
        ("INSERT INTO t SET a = 1", "mysql"),
        ("INSERT INTO t DEFAULT VALUES", "postgres"),
        ("INSERT OVERWRITE TABLE t TABLE u", "spark"),
        ("SET NOCOUNT ON", "tsql"),
        ("BEGIN ISOLATION LEVEL READ COMMITTED", "postgres"),
        ("SELECT t.on, t.using FROM t JOIN u ON t.on = u.a", "mysql"),
        ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *", "spark"),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", "postgres"),
        ("SELECT a FROM t GROUP BY ALL", "duckdb"),
        ("SELECT a FROM t GROUP BY ROLLUP (a)", "postgres"),
    ],
)
def test_forms_that_a_dialect_has(answer: str, dialect: str) -> None:
    assert score(answer, dialect=dialect) == (True, None)


def test_a_comma_after_the_last_column_where_the_dialect_has_it() -> None:
    for dialect in ("bigquery", "clickhouse", "duckdb", "snowflake"):
        assert score("SELECT a, b, FROM t", dialect=dialect) == (True, None)
    for dialect in ("", "mysql", "postgres", "sqlite", "tsql"):
        assert score("SELECT a, b, FROM t", dialect=dialect) == (False, "not SQL: nothing after a comma")


AS_SQLITE = [
    *("UPDATE users", "UPDATE t SET a", "UPDATE t SET a =", "UPDATE t SET a = 1,", "UPDATE t SET a = 1 WHERE"),
    *("UPDATE t SET a = 1", "UPDATE t SET (a, b) = (1, 2)", "UPDATE t SET a = u.a FROM u WHERE t.b = u.b"),
    *("INSERT INTO t", "INSERT INTO t (a)", "INSERT INTO t VALUES", "INSERT INTO t VALUES (1,)"),
    *("INSERT INTO t VALUES (1), (2)", "INSERT INTO t DEFAULT VALUES", "INSERT INTO t SELECT * FROM u"),
    *("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "INSERT INTO t VALUES (1) RETURNING a"),
    *("DELETE", "Delete it", "DELETE FROM t WHERE", "DELETE FROM t", "DELETE FROM t WHERE a IN (1, 2)"),
    *("SELECT", "SELECT a,", "SELECT a, FROM t", "SELECT a FROM", "SELECT a FROM t,", "SELECT f(a,) FROM t"),
    *("SELECT a FROM t AS", "SELECT a AS FROM t", "SELECT * FROM t JOIN", "SELECT * FROM t JOIN u ON"),
    *("SELECT * FROM t JOIN u ON WHERE a", "SELECT * FROM t JOIN u USING", "SELECT * FROM t JOIN u USING ()"),
    *("SELECT * FROM t JOIN u", "SELECT * FROM t JOIN u ON t.a = u.a", "SELECT * FROM t JOIN u USING (a)"),
    *("SELECT a FROM t WHERE", "SELECT a FROM t WHERE a =", "SELECT a FROM t WHERE a IN (1,)"),
    *("SELECT a FROM t GROUP BY", "SELECT a FROM t GROUP BY a,", "SELECT a FROM t GROUP BY a HAVING"),
    *("SELECT a FROM t ORDER BY", "SELECT a FROM t ORDER BY a,", "SELECT a FROM t LIMIT", "SELECT a FROM t UNION"),
    *("SELECT a FROM t GROUP BY a HAVING count(*) > 1 ORDER BY a DESC LIMIT 5 OFFSET 2", "SELECT a FROM (SELECT 1"),
    *("SELECT sum(a) OVER (PARTITION BY) FROM t", "SELECT sum(a) OVER (PARTITION BY b ORDER BY c) FROM t"),
    *("WITH x AS (SELECT 1)", "WITH x AS () SELECT 1", "WITH x AS (SELECT 1) SELECT * FROM x"),
    *("CREATE TABLE t", "CREATE TABLE t (a INT,)", "CREATE TABLE t AS", "CREATE VIEW v", "CREATE INDEX i"),
    *("CREATE TABLE t (a INT PRIMARY KEY, b TEXT)", "CREATE TABLE t AS SELECT 1", "CREATE INDEX i ON t (a)"),
    *("DROP TABLE", "DROP TABLE t", "Drop it", "ALTER TABLE t ADD COLUMN a INT", "CASE", "hello", "1 + 1"),
    *("Copy that", "Cache this", "Use it", "Describe it", "Set the table", "Show me the money", "Begin now"),
    *("update the record", "Create a table", "Truncate the text", "Grant me a wish", "Merge it", "KILL 5"),
    *("SET x = 1", "TRUNCATE TABLE t", "COPY t FROM 'f'", "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE"),
    *("Analyze this", "ANALYZE", "PRAGMA x", "BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"),
]


@pytest.mark.parametrize("answer", AS_SQLITE)
def test_sqlite_says_the_same(answer: str) -> None:
    said = ""
    try:
        sqlite3.connect(":memory:").execute(f"EXPLAIN {answer}")
    except sqlite3.Error as error:
        said = str(error)
    assert score(answer, dialect="sqlite")[0] is not ("syntax error" in said or "incomplete input" in said)


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
