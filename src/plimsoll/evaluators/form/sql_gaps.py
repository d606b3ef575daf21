"""What the parser lets pass though no database does: statements that break off, and prose that begins with a keyword.

The parser is built to translate what a database has already accepted, so it forgives a list that ends in a comma, a
join without its condition, and an UPDATE of nothing. Most of that shows in its tree; what the tree drops shows in the
words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import Token
    from sqlglot.expressions import Expr

# What must have something after it, and what can't be that something. Names of kinds of tokens.
_OPEN = {
    "COMMA": "a comma",
    "ON": "ON",
    "USING": "USING",
    "ALIAS": "AS",
    "GROUP_BY": "GROUP BY",
    "ORDER_BY": "ORDER BY",
    "PARTITION_BY": "PARTITION BY",
}
_CLOSING = frozenset(
    (
        *("SEMICOLON", "R_PAREN", "R_BRACKET", "FROM", "WHERE", "GROUP_BY", "ORDER_BY", "HAVING"),
        *("UNION", "EXCEPT", "INTERSECT", "JOIN", "INNER"),
    )
)
# After these a keyword is a name or a value.
_NAMING = ("DOT", "EQ")
# Those that document a comma after the last item, in the list of a SELECT at least.
_LAST_COMMA = frozenset(("bigquery", "clickhouse", "duckdb", "snowflake"))
_DELETE_ALONE = frozenset(("bigquery", "fabric", "oracle", "redshift", "tsql"))
_ANALYZE_ALONE = frozenset(("athena", "duckdb", "dune", "postgres", "presto", "redshift", "sqlite", "trino"))
_CREATE_ALONE = frozenset(("databricks", "hive", "spark", "spark2"))
# What the parser reads in every dialect. Measured for SQLite; of other databases nothing is said.
_LACKING = {
    "sqlite": "Cache Comment Copy Describe Grant Kill LoadData Merge Refresh Revoke Set Show TruncateTable Uncache Use",
}
_MODES = re.compile(
    r"(?:read|write|only|isolation|level|serializable|repeatable|committed|uncommitted|snapshot|deferrable|not|with|"
    r"consistent|\s)+",
    re.IGNORECASE,
)


def open_end(tokens: Sequence[Token], dialect: str) -> str | None:
    """What the words lack, such as `nothing after ON`; None where they lack nothing."""
    kinds = [token.token_type.name for token in tokens]
    joined = False
    for place, kind in enumerate(kinds):
        before = kinds[place - 1] if place else "SEMICOLON"
        joined = kind == "JOIN" or (joined and kind != "SEMICOLON")
        after = kinds[place + 1 : place + 3]
        if kind == "CACHE" and before == "SEMICOLON" and "TABLE" not in after:
            return "a CACHE without TABLE"
        # Outside joins ON is a value: SET NOCOUNT ON.
        passes = (kind == "COMMA" and dialect in _LAST_COMMA) or (kind == "ON" and not joined)
        if kind not in _OPEN or before in _NAMING or passes:
            continue
        if not after or after[0] in _CLOSING or (kind == "USING" and after == ["L_PAREN", "R_PAREN"]):
            return f"nothing after {_OPEN[kind]}"
    return None


def gap(statement: Expr, dialect: str) -> str | None:
    """What a statement lacks, such as `an UPDATE that sets nothing`; None where it lacks nothing."""
    if type(statement).__name__ in _LACKING.get(dialect, "").split():
        return f"{dialect} has no {_shown(statement)}"
    return next(_gaps(statement, dialect), None)


def _gaps(statement: Expr, dialect: str) -> Iterator[str]:
    from sqlglot import exp

    for node in statement.walk():
        # In a MERGE both have forms of their own: UPDATE *, INSERT ROW.
        merged = isinstance(node.parent, exp.When)
        if isinstance(node, exp.Update) and not merged:
            if not all(isinstance(each, exp.EQ) for each in node.expressions or [None]):
                yield "an UPDATE that sets nothing"
        elif isinstance(node, exp.Insert) and not merged:
            if not any(node.args.get(part) for part in ("expression", "source", "default")):
                yield "an INSERT of nothing: no VALUES, no SELECT"
        elif isinstance(node, exp.Select) and not node.expressions:
            yield "a SELECT of nothing"
        elif isinstance(node, exp.Group) and not any(node.args.values()):
            yield "nothing after GROUP BY"
    yield from _gaps_of_commands(statement, dialect)


def _gaps_of_commands(statement: Expr, dialect: str) -> Iterator[str]:
    from sqlglot import exp

    args = statement.args
    if isinstance(statement, exp.Delete) and not statement.this and dialect not in _DELETE_ALONE:
        yield "a DELETE without FROM"
    elif isinstance(statement, exp.Copy) and not (args.get("files") or args.get("params")):
        yield "a COPY from nowhere: no FROM, no TO"
    elif isinstance(statement, exp.Analyze) and not args.get("kind") and dialect not in _ANALYZE_ALONE:
        yield "an ANALYZE without TABLE"
    elif isinstance(statement, exp.Transaction):
        if not all(_MODES.fullmatch(str(each)) for each in args.get("modes") or ()):
            yield "a transaction of no known mode"
    elif isinstance(statement, exp.Create) and args.get("kind") in ("TABLE", "VIEW"):
        parts = ("expression", "properties", "clone")
        bare = isinstance(statement.this, exp.Table) and not any(args.get(part) for part in parts)
        if bare and dialect not in _CREATE_ALONE:
            yield f"a {_shown(statement)} of nothing"


def _shown(statement: Expr) -> str:
    kind = statement.args.get("kind")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(statement).__name__).upper()
    return f"{words} {kind}" if words == "CREATE" else words
