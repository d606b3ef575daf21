"""The ledger: every move of an alias as a hash-chained entry, of which each can be made once.

Promises: of two that append at the same place exactly one succeeds; `history` gives a chain in which each entry names
the hash of the one before it, or raises. The chain is written twice, as records (which can't change) and as tags of the
model (a mirror), so that a ledger whose end was cut off is seen too.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from plimsoll.canonical import digest
from plimsoll.errors import UsageError
from plimsoll.registry.errors import TamperedError
from plimsoll.tracking.contract import RECORD_LIMIT, RegistryStore

CHAMPION = "champion"


class Entry(Struct, frozen=True, kw_only=True):
    """One move of an alias."""

    suite: str
    alias: str
    seq: int
    """1 for the first."""
    previous: str | None
    """The hash of the entry before it; None for the first."""
    action: Literal["promote", "rollback"]
    bundle: str
    """The digest of the bundle that the alias names from now on."""
    version: int
    """The registered model's version that holds it."""
    target: str
    """What the suite called the target."""
    run: str
    """The run that the gate decided over."""
    attestation: str
    """The digest of the attestation envelope's bytes."""
    who: str
    when: str
    """ISO 8601, UTC."""
    reason: str = ""
    baseline: str | None = None
    """The bundle that was champion when the gate measured; None for the first champion."""
    restores: int | None = None
    """Of a rollback: the `seq` of the promotion that it brings back."""

    @property
    def hash(self) -> str:
        """What the next entry names."""
        return digest(msgspec.to_builtins(self))


def history(store: RegistryStore, suite: str, alias: str = CHAMPION) -> tuple[Entry, ...]:
    """Every move of the alias, oldest first, verified.

    Raises:
        TamperedError: an entry is missing, unreadable, out of its place, or not what its successor or the mirror says.
        InfrastructureError: the store can't be read.
    """
    # The mirror first: an entry made between the two reads is then in the ledger and not yet in the mirror, never
    # the other way round.
    mirror = _numbered(store.tags(suite), alias)
    records = _numbered(store.records(suite), alias)
    problems = [f"entry {seq} is in the mirror only" for seq in mirror if seq not in records]
    entries: list[Entry] = []
    for expected, (seq, text) in enumerate(sorted(records.items()), start=1):
        try:
            entry = msgspec.json.decode(text, type=Entry, strict=True)
        except msgspec.DecodeError as error:
            problems.append(f"entry {seq} can't be read: {error}")
            break
        before = entries[-1].hash if entries else None
        if (entry.suite, entry.alias, entry.seq, seq) != (suite, alias, expected, expected):
            problems.append(f"entry {expected} is missing or another one stands in its place")
        if entry.previous != before:
            problems.append(f"entry {seq} does not follow from the one before it")
        if mirror.get(seq, text) != text:
            problems.append(f"entry {seq} differs from its mirror")
        entries.append(entry)
    if problems:
        raise TamperedError(
            f"the ledger of {suite} ({alias}) was altered: " + "; ".join(problems),
            remedy="restore the tracking store from a backup; nothing is promoted or served from an altered ledger",
        )
    return tuple(entries)


def append(store: RegistryStore, entry: Entry) -> bool:
    """Write the entry at its place; False if another one stands there already.

    Raises:
        UsageError: the entry is too long to be a record.
        InfrastructureError: the store can't be written.
    """
    text = _text(entry)
    if len(text) > RECORD_LIMIT:
        raise UsageError(
            f"the ledger's entry has {len(text)} characters, and {RECORD_LIMIT} is the limit",
            remedy="give a shorter reason",
        )
    return store.create_record(entry.suite, _key(entry.alias, entry.seq), text) == text


def mirror_entries(store: RegistryStore, suite: str, entries: tuple[Entry, ...], alias: str = CHAMPION) -> None:
    """Write to the mirror what it lacks: an entry whose writer died before this step."""
    known = _numbered(store.tags(suite), alias)
    for entry in entries:
        if entry.seq not in known:
            store.set_tag(suite, _key(alias, entry.seq), _text(entry))


def _text(entry: Entry) -> str:
    return msgspec.json.encode(entry).decode()


def _key(alias: str, seq: int) -> str:
    return f"{alias}.seq{seq:04d}"


def _numbered(values: dict[str, str], alias: str) -> dict[int, str]:
    prefix = f"{alias}.seq"
    found = {key.removeprefix(prefix): text for key, text in values.items() if key.startswith(prefix)}
    return {int(number): text for number, text in found.items() if number.isdecimal()}
