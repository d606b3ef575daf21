"""From a row to a `Case`: fields read, the suite's defaults applied, the content digested.

A row gives a case or a list of everything wrong with it, never half of each.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from plimsoll import canonical
from plimsoll.config import CaseDefaults
from plimsoll.datasets.card import RESERVED, Card
from plimsoll.datasets.fields import Findings, header_problems, read_fields
from plimsoll.datasets.reserved import ReservedFields, condition_text
from plimsoll.datasets.source import Header, Row
from plimsoll.datasets.values import clipped, problems, shown_name, text_problems
from plimsoll.errors import ConfigError, Mistake
from plimsoll.types import Case

_CONTENT_ID_LENGTH = 16
# Their own readers tell what is wrong inside these.
_CHECKED_WHEN_READ = frozenset({"id", "group", "weight"})
_HAVE_READERS = RESERVED - {"id", "expected"}
"""The reserved fields that `ReservedFields` reads for the draft of a case; most rows have none."""


class Reading(Struct, frozen=True):
    """What a row gave."""

    case: Case | None
    """None where there are mistakes."""
    mistakes: tuple[Mistake, ...]
    id: str | None = None
    """The row's own id, where it could be read."""
    slices: tuple[str, ...] = ()
    """The case's slices, where they could be read."""

    @property
    def identity(self) -> str | None:
        """What the case is called: by its row's id, or by its content."""
        return self.id if self.case is None else self.case.id


@dataclass(frozen=True)
class CaseReader:
    """Reads the rows of one dataset."""

    shown: Path | str
    card: Card | None = None
    defaults: CaseDefaults = field(default_factory=CaseDefaults)

    def __post_init__(self) -> None:
        mistakes = [
            Mistake(f"defaults.inputs names the reserved field {name!r}", None, "inputs are the fields of your own")
            for name in sorted(RESERVED & set(self.defaults.inputs))
        ]
        mistakes += [Mistake(problem) for problem in problems(self.defaults.inputs, "defaults.inputs")]
        if mistakes:
            raise ConfigError(mistakes)

    def header(self, header: Header) -> tuple[frozenset[str], list[Mistake]]:
        """What a wrong header says once (for `read`'s `told`), and its mistakes."""
        findings = Findings(self.shown, header.line)
        return header_problems(header, self.card, findings), findings.mistakes

    def read(self, row: Row, told: Collection[str] = ()) -> Reading:
        """The row's case, or every mistake in it. `told` are columns and fields that the header's mistakes name."""
        if row.values is None:
            return Reading(None, row.mistakes)
        findings = Findings(self.shown, row.line, list(row.mistakes))
        fields = read_fields(row.values, self.card, findings, text=row.text, told=told)
        reserved = ReservedFields(fields, findings, row.text)
        given_id = reserved.name("id")
        draft = self._draft(fields, reserved, row.line)
        _check_inputs(fields, findings)
        data = _content_bytes(draft, fields, findings)
        if findings.mistakes:
            return Reading(None, tuple(findings.mistakes), given_id, draft.slices)
        digest = canonical.digest_bytes(data)
        identity = given_id or canonical.short(digest, _CONTENT_ID_LENGTH)
        case = msgspec.structs.replace(draft, id=identity, digest=digest)
        return Reading(case, (), given_id, case.slices)

    def _draft(self, fields: dict[str, Any], reserved: ReservedFields, line: int) -> Case:
        absent = self._defaults
        inputs = {name: value for name, value in fields.items() if name not in RESERVED}
        if absent.inputs:
            inputs = {**absent.inputs, **inputs}
        if fields.keys().isdisjoint(_HAVE_READERS):
            return msgspec.structs.replace(absent, inputs=inputs, expected=fields.get("expected"), line=line)
        slices, evaluators, weight = reserved.slices(), reserved.evaluators(), reserved.weight()
        messages = reserved.messages()
        return Case(
            id="",
            inputs=inputs,
            messages=messages,
            turns=reserved.turns(messages, self.card),
            expected=fields.get("expected"),
            group=reserved.name("group"),
            slices=absent.slices if slices is None else slices,
            weight=absent.weight if weight is None else weight,
            evaluators=absent.evaluators if evaluators is None else evaluators,
            pass_if={**absent.pass_if, **reserved.pass_if()},
            line=line,
        )

    @cached_property
    def _defaults(self) -> Case:
        """What a row without any field would give."""
        return Case(
            id="",
            inputs=self.defaults.inputs,
            slices=tuple(dict.fromkeys(self.defaults.slices)),
            weight=self.defaults.weight,
            evaluators=tuple(self.defaults.evaluators),
            pass_if={metric: condition_text(value) for metric, value in self.defaults.pass_if.items()},
        )


def content_of(case: Case) -> dict[str, Any]:
    """What a case's digest is over: everything but its id and line.

    What is at its default is left out, so that a field added to `Case` later changes no digest. Slices are a set:
    their order is not content.
    """
    content: dict[str, Any] = {"inputs": case.inputs}
    if case.messages:
        content["messages"] = case.messages
    if case.turns:
        content["turns"] = [turn.row() for turn in case.turns]
    if case.expected is not None:
        content["expected"] = case.expected
    if case.group is not None:
        content["group"] = case.group
    if case.slices:
        content["slices"] = sorted(case.slices)
    if case.weight != 1.0:
        content["weight"] = case.weight
    if case.evaluators:
        content["evaluators"] = case.evaluators
    if case.pass_if:
        content["pass_if"] = case.pass_if
    return content


def _check_inputs(fields: dict[str, Any], findings: Findings) -> None:
    """A case needs something of its own to ask; what a suite's defaults add is the same for all."""
    if findings.mistakes or "messages" in fields or "turns" in fields:
        return
    given = False
    for name, value in fields.items():
        if name not in RESERVED:
            if not isinstance(value, str) or value.strip():
                return
            given = True
    findings.add("every input is blank" if given else "the row has no inputs, no messages and no turns")


def _content_bytes(draft: Case, fields: dict[str, Any], findings: Findings) -> bytes:
    """The canonical bytes of the content. Where there are none, the findings say which fields are at fault."""
    data, failure = b"", None
    if not findings.mistakes:
        try:
            data = canonical.dumps(content_of(draft))
        except (TypeError, ValueError) as error:
            failure = f"can't be written as JSON: {error}"
        except RecursionError:
            failure = "nested too deeply"
    if failure or findings.mistakes or rb"\u0000" in data:
        told = len(findings.mistakes)
        _find_unwritable(fields, findings)
        if failure and len(findings.mistakes) == told:
            findings.add(failure)
    return data


def _find_unwritable(fields: dict[str, Any], findings: Findings) -> None:
    try:
        for name, value in fields.items():
            if name not in _CHECKED_WHEN_READ:
                for problem in text_problems(name):
                    findings.add(f"the field name {clipped(name)} {problem}")
                for problem in problems(value, shown_name(name)):
                    findings.add(problem)
    except RecursionError:
        findings.add("nested too deeply")
