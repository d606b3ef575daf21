"""What an alias names, by the ledger; and what follows the ledger: mirror, alias, prompt.

The ledger decides. The others are what people and other programs look at; they may lag by a crash or be moved by
anybody, and are put right whenever the champion is read.
"""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.errors import InfrastructureError, PlimsollError
from plimsoll.registry.errors import TamperedError
from plimsoll.registry.ledger import CHAMPION, Entry, history, mirror_entries
from plimsoll.registry.prompts import follow_prompt
from plimsoll.registry.versions import is_there, restore_bundle, version_of
from plimsoll.tracking.contract import RegistryStore

_ATTEMPTS = 8
"""Times that an alias is set again when the ledger moved meanwhile, before others are left to finish it."""


@dataclass(frozen=True, slots=True)
class Champion:
    """What an alias names now, by the ledger."""

    entry: Entry
    note: str | None = None
    """That something which follows the ledger was found elsewhere, and whether it could be put right."""

    @property
    def digest(self) -> str:
        """The bundle's."""
        return self.entry.bundle

    @property
    def version(self) -> int:
        """The registered model's, by the entry; the alias names a later one where that was deleted in MLflow."""
        return self.entry.version

    @property
    def forced(self) -> str | None:
        """In words, that it was promoted against the evidence; None where it was not."""
        if not self.entry.forced:
            return None
        of = f"entry #{self.entry.restores or self.entry.seq}"
        return f"the {self.entry.alias} was promoted by force ({of}), against: {'; '.join(self.entry.forced)}"


def champion(store: RegistryStore, suite: str, alias: str = CHAMPION) -> Champion | None:
    """What the alias names by the verified ledger; None where nothing was promoted yet. Repairs the projections.

    Raises:
        TamperedError: the ledger was altered.
        InfrastructureError: the store can't be read.
    """
    entries = history(store, suite, alias)
    if not entries:
        return None
    known = version_of(store, suite, entries[-1].bundle)
    if known is not None and store.aliases(suite).get(alias) == known:
        return Champion(entries[-1], _follow_prompt(store, suite, entries[-1], alias))
    entries, note = project(store, suite, entries, alias, repairing=True)
    return Champion(entries[-1], note)


def project(
    store: RegistryStore, suite: str, entries: tuple[Entry, ...], alias: str, *, repairing: bool = False
) -> tuple[tuple[Entry, ...], str | None]:
    """Make mirror, alias and prompt follow the ledger; the ledger as it is then, and a note if there is one to make.

    `repairing` says that the ledger did not move just now, so that an alias which points elsewhere is worth a note. A
    store that can't be written is only noted: the ledger has decided already, and who may not write may still read.
    """
    for _ in range(_ATTEMPTS):
        head = entries[-1]
        notes = (
            _follow_alias(store, suite, entries, alias, repairing=repairing),
            # In any case: which of the two fails says nothing about the other.
            _follow_prompt(store, suite, head, alias),
        )
        try:
            # Another process may have moved the ledger between our reading and our setting the alias.
            entries = history(store, suite, alias)
        except TamperedError:
            raise
        except InfrastructureError as error:
            return entries, _joined(*notes, _behind(alias, error))
        if entries[-1].seq == head.seq:
            return entries, _joined(*notes)
    return entries, f"the alias {alias} moves faster than it can be followed"


def _follow_alias(
    store: RegistryStore, suite: str, entries: tuple[Entry, ...], alias: str, *, repairing: bool
) -> str | None:
    head = entries[-1]
    try:
        mirror_entries(store, suite, entries, alias)
        before, known = store.aliases(suite).get(alias), version_of(store, suite, head.bundle)
        if known is not None and before == known:
            return None
        gone = known is None or not is_there(store, suite, head.bundle, known)
        number = restore_bundle(store, suite, head.bundle) if gone or known is None else known
        store.set_alias(suite, alias, number)
    except InfrastructureError as error:
        return _behind(alias, error)
    return _joined(
        f"version {known} was deleted in MLflow; what it held is version {number} now" if gone else None,
        _put_right(alias, before, number) if repairing and before is not None else None,
    )


def _behind(alias: str, error: InfrastructureError) -> str:
    return f"the alias {alias} could not be brought up to date: {error.message}"


def _follow_prompt(store: RegistryStore, suite: str, head: Entry, alias: str) -> str | None:
    try:
        return follow_prompt(store, suite, alias, head)
    except PlimsollError as error:
        return f"the prompt registry could not be brought up to date: {error.message}"


def _put_right(alias: str, before: int, number: int) -> str:
    return f"the alias {alias} pointed at version {before}; the ledger says {number}, and it was put right"


def _joined(*notes: str | None) -> str | None:
    return "; ".join(note for note in notes if note) or None
