"""The ledger: every move of an alias as a hash-chained entry, of which each can be made once.

Promises: of two that append at the same place exactly one succeeds; `history` gives a chain in which each entry names
the hash of the one before it, or raises. The chain is written twice, as records (which can't change) and as tags of the
model (a mirror), so that a ledger whose end was cut off is seen too.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec
from msgspec import Struct

from plimsoll.canonical import digest
from plimsoll.config.promotion import BUILT_IN, CHAMPION
from plimsoll.errors import UsageError
from plimsoll.registry.errors import TamperedError
from plimsoll.tracking.contract import RECORD_LIMIT, RegistryStore

__all__ = ["CHAMPION", "Approved", "Entry", "aliases_of", "append", "called", "history", "mirror_entries"]


class Approved(Struct, frozen=True):
    """One person's approval, as an entry names it."""

    name: str
    digest: str
    """Of the approval's envelope, which the store keeps as a record."""


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
    """The digest of the attestation envelope's bytes; empty where it was forced without one."""
    who: str
    when: str
    """ISO 8601, UTC."""
    reason: str = ""
    baseline: str | None = None
    """The bundle that was champion when the gate measured; None for the first champion."""
    restores: int | None = None
    """Of a rollback: the `seq` of the promotion that it brings back."""
    verdict: str = "pass"
    """The attestation's; empty where there was none."""
    signed_by: tuple[str, ...] | None = None
    """Ids of the trusted keys that signed the attestation; None where the entry is older than this field."""
    attempts: int | None = None
    """Which attempt at this dataset passed, where the attestation counts them."""
    commit: str = ""
    """The git commit that the run was made at."""
    approvals: tuple[Approved, ...] = ()
    forced: tuple[str, ...] = ()
    """What `--force` overrode; a rollback has it from the promotion that it brings back."""

    @property
    def hash(self) -> str:
        """What the next entry names."""
        return digest(self.form)

    @property
    def form(self) -> dict[str, Any]:
        """As it is hashed and stored: a field that came later is in it only where it says something."""
        form: dict[str, Any] = msgspec.to_builtins(self)
        return {key: value for key, value in form.items() if key not in _LATER or value != _LATER[key]}


_LATER: dict[str, Any] = {
    "verdict": "pass",
    "signed_by": None,
    "attempts": None,
    "commit": "",
    "approvals": (),
    "forced": (),
}
"""Fields that entries of the first version lack, with what they stand for there."""


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


def called(alias: str) -> str:
    """An alias in a sentence: the champion, the challenger, staging."""
    return f"the {alias}" if alias in BUILT_IN else alias


def aliases_of(store: RegistryStore, suite: str) -> tuple[str, ...]:
    """Every alias that has a history, sorted.

    Raises:
        InfrastructureError: the store can't be read.
    """
    return tuple(sorted({key.rpartition(".seq")[0] for key in store.records(suite) if _PLACE.fullmatch(key)}))


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
    return msgspec.json.encode(entry.form).decode()


_PLACE = re.compile(r"[^.]+\.seq\d+")


def _key(alias: str, seq: int) -> str:
    return f"{alias}.seq{seq:04d}"


def _numbered(values: dict[str, str], alias: str) -> dict[int, str]:
    prefix = f"{alias}.seq"
    found = {key.removeprefix(prefix): text for key, text in values.items() if key.startswith(prefix)}
    return {int(number): text for number, text in found.items() if number.isdecimal()}
