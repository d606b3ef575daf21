"""What one pass over a whole dataset finds: its counts and digest, or every mistake in it.

Per row only two short hashes are kept (its id's, and its share in the digest), so a large file needs no more
memory than that.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Struct

from plimsoll.datasets.card import Card
from plimsoll.datasets.cases import CaseReader, Reading, combine_leaves, leaf
from plimsoll.datasets.source import Header, RowSource
from plimsoll.errors import ConfigError, Mistake, Where, near_match

MISTAKES_LISTED = 100
"""More are counted, not listed."""


class Summary(Struct, frozen=True, kw_only=True):
    """A dataset that was checked and found without a mistake."""

    name: str
    cases: int
    slices: dict[str, int]
    """Slice → how many cases are in it, by name."""
    groups: int
    """Distinct groups; 0 where no case has one."""
    fields: dict[str, int]
    """Field (inputs, and `expected`, `messages`) → how many cases have it, in the order first seen."""
    digest: str
    """Over ids and contents of all cases, with the suite's defaults, whatever their order."""
    particular: int = 0
    """Cases with evaluators or conditions of their own, those of the suite's defaults among them."""


@dataclass(slots=True)
class _Tally:
    """Counts of one pass."""

    shown: Path | str
    mistakes: list[Mistake] = field(default_factory=list)
    unlisted: int = 0
    rows: int = 0
    unreadable: int = 0
    """Rows of which not even the fields are known."""
    slices: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    groups: set[str] = field(default_factory=set)
    particular: int = 0
    first_lines: dict[bytes, int] = field(default_factory=dict)
    leaves: list[bytes] = field(default_factory=list)

    def tell(self, mistake: Mistake) -> None:
        if len(self.mistakes) < MISTAKES_LISTED:
            self.mistakes.append(mistake)
        else:
            self.unlisted += 1

    def add(self, line: int, reading: Reading) -> None:
        self.rows += 1
        for mistake in reading.mistakes:
            self.tell(mistake)
        self.slices.update(reading.slices)
        case = reading.case
        identity = case.id if case else reading.id
        if identity is not None:
            self._note_id(identity, line, own=reading.id is not None)
        if case is not None:
            self.fields.update(case.fields().keys())
            self.leaves.append(leaf(case))
            self.particular += bool(case.evaluators or case.pass_if)
            if case.group is not None:
                self.groups.add(case.group)

    def _note_id(self, identity: str, line: int, *, own: bool) -> None:
        key = hashlib.blake2b(identity.encode(), digest_size=16).digest()
        first = self.first_lines.setdefault(key, line)
        if first == line:
            return
        before = str(Where(self.shown, first))
        if own:
            self.tell(Mistake(f"the id {identity!r} is taken by {before}", Where(self.shown, line)))
        else:
            message = f"the same content as {before}, and no id"
            self.tell(Mistake(message, Where(self.shown, line), "drop one of the two, or give each an id"))


def check_rows(name: str, source: RowSource, reader: CaseReader) -> Summary:
    """Read every row and check it, alone and against the others.

    Raises:
        ConfigError: every mistake, in the order of the file; the first hundred listed, the rest counted.
    """
    tally = _Tally(reader.shown)
    told: frozenset[str] = frozenset()
    for item in source.rows():
        if isinstance(item, Header):
            told, mistakes = reader.header(item)
            for mistake in mistakes:
                tally.tell(mistake)
            continue
        tally.unreadable += item.values is None
        tally.add(item.line, reader.read(item, told))
    whole = list(_whole_mistakes(tally, reader.card))
    if tally.mistakes or whole:
        more = f"and {tally.unlisted} more mistake{'s' if tally.unlisted > 1 else ''}"
        uncounted = [Mistake(more, Where(reader.shown))] if tally.unlisted else []
        raise ConfigError([*tally.mistakes, *uncounted, *whole])
    return Summary(
        name=name,
        cases=tally.rows,
        slices=dict(sorted(tally.slices.items())),
        groups=len(tally.groups),
        fields=dict(tally.fields),
        digest=combine_leaves(tally.leaves),
        particular=tally.particular,
    )


def _whole_mistakes(tally: _Tally, card: Card | None) -> Iterator[Mistake]:
    """What only the whole dataset shows."""
    where = Where(tally.shown)
    if not tally.rows:
        yield Mistake("no cases: the dataset has no rows", where)
        return
    if card is None:
        return
    # A row that could not be read may hold what seems to be missing.
    readable = " that could be read" if tally.unreadable else ""
    for name in card.slices.required:
        if name not in tally.slices:
            remedy = near_match(name, tally.slices) if tally.slices else None
            yield Mistake(f"no case{readable} is in the slice {name!r}, which the card requires", where, remedy)
    if card.min_cases is not None and tally.rows < card.min_cases:
        counted = "1 case" if tally.rows == 1 else f"{tally.rows} cases"
        yield Mistake(f"{counted}, but the card asks for at least {card.min_cases}", where)
