"""Whether an answer is SQL that a dialect's grammar accepts. What it names need not exist; nothing is executed."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.form.answers import EMPTY, FENCED, clipped, is_fenced, unfenced
from plimsoll.evaluators.form.sql_gaps import gap, open_end
from plimsoll.targets.calling import in_thread
from plimsoll.types import Case, Metric, MetricKind, Output, Scored

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

# A word or a sum is an expression of SQL and no statement. Of a Command the parser knows nothing but its first word.
_STATEMENTS = (
    "Query Insert Update Delete Merge Create Drop Alter TruncateTable Set Use Transaction Commit Rollback Describe "
    "Pragma Grant Revoke Show Comment Copy LoadData Analyze Cache Uncache Refresh Attach Detach Kill Values"
)
_WRITES = "Insert Update Delete Merge Create Drop Alter TruncateTable Into Lock Copy"


class SqlValid(SettingsEvaluator):
    """The answer is SQL by the grammar of a dialect: one statement, unless more are allowed.

    Says nothing of whether tables and columns exist. A statement that breaks off is false. Some things pass that a
    database refuses: the grammar is wider than any one database's.
    """

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    version: ClassVar[str] = "2"
    shorthand: ClassVar[str | None] = "dialect"
    libraries: ClassVar[tuple[str, ...]] = ("sqlglot",)

    name: str = "sql_valid"
    dialect: str = Field("", description="sqlite, postgres, mysql, tsql, bigquery, snowflake, …; default: any SQL.")
    statements: int = Field(1, ge=1, description="How many statements there may be.")
    read_only: bool = Field(False, description="Queries alone: nothing in them writes, locks or defines.")
    fenced: bool = Field(False, description="Accept a code fence around the whole answer.")

    @field_validator("dialect")
    @classmethod
    def _known(cls, value: str) -> str:
        from sqlglot.dialects.dialect import Dialect

        Dialect.get_or_raise(value or None)
        return value

    async def evaluate(self, case: Case, output: Output) -> Scored:  # noqa: ARG002  # the contract's signature
        """Score the answer, in a thread: a long one takes a while to parse."""
        scored: Scored = await in_thread(partial(self._score, output.text))
        return scored

    def _score(self, answer: str) -> Scored:
        text = unfenced(answer) if self.fenced else answer
        wrong = self._wrong(text)
        if wrong and is_fenced(text):
            wrong = FENCED
        return Scored(value=wrong is None, reason=wrong)

    def _wrong(self, text: str) -> str | None:
        if not text.strip():
            return EMPTY
        try:
            found = _parse(text, self.dialect)
            wrong = next((wrong for each in found if (wrong := self._wrong_with(each))), None)
        except ValueError as error:
            return f"not SQL: {error}"
        except RecursionError:
            return "not SQL: nested too deeply"
        if not found:
            return "there is no statement"
        if len(found) > self.statements:
            return f"{len(found)} statements, and at most {self.statements} allowed"
        return wrong

    def _wrong_with(self, statement: Expr) -> str | None:
        from sqlglot import exp

        kind = type(statement).__name__
        if not isinstance(statement, _classes(_STATEMENTS)):
            if isinstance(statement, exp.Command):
                return f"a statement that can't be checked: {clipped(str(statement.this))}"
            return "an expression, not a statement"
        if lacking := gap(statement, _name(self.dialect)):
            return f"not SQL: {lacking}"
        if not self.read_only:
            return None
        if not isinstance(statement, exp.Query | exp.Values):
            return f"not read-only: {kind.upper()}"
        writing = statement.find(*_classes(_WRITES))
        return f"not read-only: it has {type(writing).__name__.upper()} inside" if writing else None


def _classes(names: str) -> tuple[type[Expr], ...]:
    from sqlglot import exp

    return tuple(getattr(exp, name) for name in names.split())


def _name(dialect: str) -> str:
    """In lower case and without options; `dialect` where none is chosen."""
    from sqlglot.dialects.dialect import Dialect

    return type(Dialect.get_or_raise(dialect or None)).__name__.lower()


def _parse(text: str, dialect: str) -> list[Expr]:
    """The statements.

    Raises:
        ValueError: the text is not SQL; says where.
    """
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import ParseError, SqlglotError

    # It would print each statement that it can't check, which is said in the reason.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    grammar = Dialect.get_or_raise(dialect or None)
    try:
        tokens = grammar.tokenize(text)
        found = [each for each in grammar.parser().parse(tokens, text) if each is not None]
    except ParseError as error:
        first = (error.errors or [{}])[0]
        place = f" at line {first['line']}, column {first['col']}" if first.get("line") else ""
        said = str(first.get("description", "syntax error")).partition(" but got <Token")[0]
        raise ValueError(f"{clipped(said)}{place}") from None
    except SqlglotError:
        raise ValueError("a quote or comment is not closed, or a character has no meaning") from None
    if lacking := open_end(tokens, _name(dialect)):
        raise ValueError(lacking)
    return found
