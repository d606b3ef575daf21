"""What one pass over a whole dataset finds: its counts and digest, or every mistake in it.

Per row only two short hashes are kept (its id's, and its share in the digest), so a large file needs no more
memory than that: about 45 bytes a row.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from plimsoll.datasets.cases import CaseReader, Reading
from plimsoll.datasets.digests import Hashes, Leaves, leaf
from plimsoll.datasets.source import Header, RowSource
from plimsoll.errors import ConfigError, Mistake, Where, near_match
from plimsoll.types import Case

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
    """Field (inputs, and `expected`, `messages`, `turns`) → how many cases have it, in the order first seen."""
    digest: str
    """Over ids and contents of all cases, with the suite's defaults, whatever their order."""
    particular: int = 0
    """Cases with evaluators or conditions of their own, those of the suite's defaults among them."""

    @property
    def conversations(self) -> int:
        """Cases that are answered turn by turn."""
        return self.fields.get("turns", 0)


@dataclass(slots=True)
class _Told:
    """Mistakes by line, as many as are listed; the others are counted."""

    by_line: list[tuple[int, Mistake]] = field(default_factory=list)
    count: int = 0

    def tell(self, line: int, mistake: Mistake) -> None:
        self.count += 1
        if len(self.by_line) < MISTAKES_LISTED:
            self.by_line.append((line, mistake))


@dataclass(slots=True)
class _Tally:
    """Counts of one pass."""

    told: _Told = field(default_factory=_Told)
    rows: int = 0
    unreadable: int = 0
    """Rows of which not even the fields are known."""
    slices: Counter[str] = field(default_factory=Counter)
    fields: dict[str, int] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    particular: int = 0
    ids: Hashes = field(default_factory=lambda: Hashes(_ID_BYTES))
    leaves: Leaves = field(default_factory=Leaves)

    def add(self, line: int, reading: Reading) -> None:
        self.rows += 1
        for mistake in reading.mistakes:
            self.told.tell(line, mistake)
        if reading.slices:
            self.slices.update(reading.slices)
        identity = reading.identity
        if identity is not None:
            self.ids.add(_id_hash(identity))
        case = reading.case
        if case is not None:
            self._count_fields(case)
            self.leaves.add(leaf(case))
            self.particular += bool(case.evaluators or case.pass_if)
            if case.group is not None:
                self.groups.add(case.group)

    def _count_fields(self, case: Case) -> None:
        fields = self.fields
        for name in case.inputs:
            fields[name] = fields.get(name, 0) + 1
        if case.expected is not None:
            fields["expected"] = fields.get("expected", 0) + 1
        if case.messages:
            fields["messages"] = fields.get("messages", 0) + 1
        if case.turns:
            fields["turns"] = fields.get("turns", 0) + 1


_ID_BYTES = 8
"""Of an id's hash. Two ids that share one cost a second pass, no more: there ids are compared themselves."""


def _id_hash(identity: str) -> bytes:
    return hashlib.blake2b(identity.encode(), digest_size=_ID_BYTES).digest()


def check_rows(
    name: str, source: RowSource, reader: CaseReader, keep: Callable[[Case], object] | None = None
) -> Summary:
    """Read every row and check it, alone and against the others. `keep` is given each case that is right by itself.

    Raises:
        ConfigError: every mistake, in the order of the file; the first hundred listed, the rest counted.
    """
    tally = _Tally()
    for line, reading in _readings(source, reader, tally):
        tally.add(line, reading)
        if keep is not None and reading.case is not None:
            keep(reading.case)
    repeated = tally.ids.repeated()
    taken = _taken(source, reader, repeated) if repeated else _Told()
    whole = list(_whole_mistakes(tally, reader))
    count = tally.told.count + taken.count
    if count or whole:
        # Sorting keeps the order within a line: what is wrong with the row itself, then that its id is taken.
        by_line = sorted([*tally.told.by_line, *taken.by_line], key=lambda entry: entry[0])
        listed = [mistake for _, mistake in by_line[:MISTAKES_LISTED]]
        unlisted = count - len(listed)
        more = f"and {unlisted} more mistake{'s' if unlisted > 1 else ''}"
        uncounted = [Mistake(more, Where(reader.shown))] if unlisted else []
        raise ConfigError([*listed, *uncounted, *whole])
    return Summary(
        name=name,
        cases=tally.rows,
        slices=dict(sorted(tally.slices.items())),
        groups=len(tally.groups),
        fields=tally.fields,
        digest=tally.leaves.digest(),
        particular=tally.particular,
    )


def _readings(source: RowSource, reader: CaseReader, tally: _Tally) -> Iterator[tuple[int, Reading]]:
    """Each row's line and what it gave. A wrong header and unreadable rows go to the tally."""
    told: frozenset[str] = frozenset()
    for item in source.rows():
        if isinstance(item, Header):
            told, mistakes = reader.header(item)
            for mistake in mistakes:
                tally.told.tell(0, mistake)
            continue
        tally.unreadable += item.values is None
        yield item.line, reader.read(item, told)


def _taken(source: RowSource, reader: CaseReader, repeated: frozenset[bytes]) -> _Told:
    """A second pass, over the rows whose ids may be taken: which row has each first."""
    told = _Told()
    first_lines: dict[str, int] = {}
    for line, reading in _readings(source, reader, _Tally()):
        identity = reading.identity
        if identity is None or _id_hash(identity) not in repeated:
            continue
        first = first_lines.setdefault(identity, line)
        if first != line:
            told.tell(line, _taken_by(identity, Where(reader.shown, first), Where(reader.shown, line), reading))
    return told


def _taken_by(identity: str, first: Where, where: Where, reading: Reading) -> Mistake:
    if reading.id is not None:
        return Mistake(f"the id {identity!r} is taken by {first}", where)
    remedy = "drop one of the two, or give each an id"
    return Mistake(f"the same content as {first}, and no id", where, remedy)


def _whole_mistakes(tally: _Tally, reader: CaseReader) -> Iterator[Mistake]:
    """What only the whole dataset shows."""
    where, card = Where(reader.shown), reader.card
    if not tally.rows:
        yield Mistake("no cases: the dataset has no rows", where)
        return
    if card is None:
        return
    # A row that could not be read may hold what seems to be missing.
    readable = " that could be read" if tally.unreadable else ""
    for name in card.slices.required:
        if name not in tally.slices:
            near = near_match(name, tally.slices) or ""
            remedy = f"{near} Or restore" if near.endswith("?") else "restore"
            message = f"no case{readable} is in the slice {name!r}, which the card requires"
            yield Mistake(message, where, f"{remedy} its cases, or edit slices.required in the card")
    if card.min_cases is not None and tally.rows < card.min_cases:
        counted = "1 case" if tally.rows == 1 else f"{tally.rows} cases"
        yield Mistake(f"{counted}, but the card asks for at least {card.min_cases}", where)
