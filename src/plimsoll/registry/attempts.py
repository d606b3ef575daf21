"""Attempts: how often something was held against one baseline on one dataset, so that trying until green shows.

Each gate is a create-once record in the store that all machines share, made before its first cell is run: a gate that
is given up for what it shows was an attempt too. A record is about 300 bytes and every reading of the ledger brings it
along, so of one baseline on one dataset `MOST` are kept; beyond it the figures are the least that is known.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from plimsoll.canonical import short
from plimsoll.tracking.contract import RegistryStore
from plimsoll.types import Attempts

MOST = 1000
"""Records of one baseline on one dataset. Long before, one challenger that is worth nothing has passed by chance."""
_SHOWN = 8
_NAME = 100
"""Characters of a name that a record keeps."""


class Attempt(Struct, frozen=True, kw_only=True):
    """One gate, before anything is known of its outcome."""

    bundle: str
    """The digest of what wants to be promoted."""
    epoch: str
    """Which drawing of its answers; empty where what is cached was taken."""
    run: str
    who: str
    when: str
    """ISO 8601, UTC."""


def count_attempt(
    store: RegistryStore, suite: str, attempt: Attempt, *, dataset: str, baseline: str | None
) -> Attempts:
    """Record a gate, and count those on the same dataset against the same baseline up to it.

    A gate that decides once more over a run that was counted makes no record: nothing was drawn.

    Args:
        store: The registry.
        suite: Whose ledger.
        attempt: The gate.
        dataset: The digest of the whole dataset.
        baseline: The digest of what it is held against; None where it is held against nothing.

    Raises:
        InfrastructureError: the store can't be read or written.
    """
    prefix = f"attempt.{short(dataset, _SHOWN)}.{'none' if baseline is None else short(baseline, _SHOWN)}."
    text = _text(attempt)
    while True:
        known = _numbered(store.records(suite), prefix)
        again = next((number for number, found in known.items() if _same_run(found, attempt)), None)
        if again is not None:
            return _counted([found for number, found in known.items() if number <= again])
        number = max(known, default=0) + 1
        if number > MOST or store.create_record(suite, f"{prefix}{number:04d}", text) == text:
            return _counted([*known.values(), text])
        # Somebody else's record has that number by now: theirs counts before ours.


def _counted(texts: list[str]) -> Attempts:
    return Attempts(number=len({_challenger(text) for text in texts}), gates=len(texts))


def _challenger(text: str) -> tuple[str, str]:
    found = _read(text)
    # What can't be read was an attempt all the same.
    return (text, "") if found is None else (found.bundle, found.epoch)


def _same_run(text: str, attempt: Attempt) -> bool:
    found = _read(text)
    return found is not None and (found.run, found.bundle) == (attempt.run, attempt.bundle)


def _read(text: str) -> Attempt | None:
    try:
        return msgspec.json.decode(text, type=Attempt)
    except msgspec.MsgspecError:
        return None


def _text(attempt: Attempt) -> str:
    return msgspec.json.encode(msgspec.structs.replace(attempt, who=attempt.who[:_NAME])).decode()


def _numbered(records: dict[str, str], prefix: str) -> dict[int, str]:
    """By their numbers, in order."""
    found = {key.removeprefix(prefix): text for key, text in records.items() if key.startswith(prefix)}
    return dict(sorted((int(number), text) for number, text in found.items() if number.isdecimal()))
