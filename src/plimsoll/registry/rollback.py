"""Rollback: an earlier version becomes again what an alias names. It needs no new verdict, it had one."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from plimsoll.canonical import DIGEST_PREFIX, short
from plimsoll.errors import UsageError
from plimsoll.registry.errors import StaleChampionError
from plimsoll.registry.ledger import CHAMPION, Entry, append, called, history
from plimsoll.registry.projection import project
from plimsoll.registry.versions import restore_bundle
from plimsoll.tracking.contract import RegistryStore

_SHORTEST_DIGEST = 8
"""Characters of a digest that are enough to name a bundle, and more than a version's number has."""


def rollback(
    store: RegistryStore,
    suite: str,
    *,
    who: str,
    now: str,
    to: str | None = None,
    reason: str = "",
    alias: str = CHAMPION,
    tell: Callable[[str], object] = lambda _: None,
) -> Entry:
    """Bring back what an alias named earlier.

    Args:
        store: where the registry is kept.
        suite: its name is the registered model's.
        who: who decides.
        now: ISO 8601, UTC.
        to: a version's number (`3`), an entry of the history (`#2`), or the start of a bundle's digest; None is the
            one that the present one replaced.
        reason: why.
        alias: which alias.
        tell: hears what could not be brought up to date.

    Raises:
        UsageError: the alias never named that.
        StaleChampionError: the alias moved in the meantime.
        TamperedError: what is stored was altered.
        InfrastructureError: the store can't be reached.
    """
    entries = history(store, suite, alias)
    if not entries:
        raise UsageError(f"{suite} has no {alias} yet", remedy=_first(suite, alias))
    wanted = _promotion_before(entries) if to is None else entry_named(entries, to)
    if wanted.bundle == entries[-1].bundle:
        raise UsageError(f"version {wanted.version} is {called(alias)} already")
    version = restore_bundle(store, suite, wanted.bundle)
    # All that it rests on stays the restored promotion's own: also that it was forced.
    entry = replace(
        wanted,
        seq=len(entries) + 1,
        previous=entries[-1].hash,
        action="rollback",
        version=version,
        who=who,
        when=now,
        reason=reason,
        restores=wanted.seq,
    )
    if not append(store, entry):
        raise StaleChampionError(
            f"{called(alias)} of {suite} moved while it was rolled back",
            remedy=f"look at `plimsoll history {suite}`, and decide again",
        )
    _, note = project(store, suite, (*entries, entry), alias)
    if note:
        tell(note)
    return entry


def _first(suite: str, alias: str) -> str:
    if alias == CHAMPION:
        return f"`plimsoll gate {suite} --first`, then promote"
    return f"`plimsoll promote {suite} --alias {alias}`"


def _promotion_before(entries: tuple[Entry, ...]) -> Entry:
    """The promotion that the present one replaced. A second rollback goes further back, never forth again."""
    by_seq = {entry.seq: entry for entry in entries}
    present = entries[-1]
    origin = by_seq[present.restores] if present.restores else present
    before = by_seq.get(origin.seq - 1)
    if before is None:
        raise UsageError(
            f"version {present.version} was the first {present.alias} of {present.suite}: nothing is before it",
            remedy="name the version that is wanted, or promote another one",
        )
    return by_seq[before.restores] if before.restores else before


def entry_named(entries: tuple[Entry, ...], to: str) -> Entry:
    """The newest promotion of the bundle that `to` names.

    Args:
        entries: An alias's history; not empty.
        to: A version's number (`3`, `v3`), an entry (`#2`), or the start of a bundle's digest.

    Raises:
        UsageError: the alias never named that, or more than one bundle is meant.
    """
    digest_start = to.removeprefix(DIGEST_PREFIX)
    if to.startswith("#"):
        bundles = {entry.bundle for entry in entries if f"#{entry.seq}" == to}
    elif to.removeprefix("v").isdecimal() and len(to) < _SHORTEST_DIGEST:
        bundles = {entry.bundle for entry in entries if to.removeprefix("v") == str(entry.version)}
    elif len(digest_start) >= _SHORTEST_DIGEST:
        bundles = {entry.bundle for entry in entries if short(entry.bundle, 64).startswith(digest_start)}
    else:
        bundles = set()
    if len(bundles) > 1:
        raise UsageError(f"more than one champion's digest starts with {to!r}", remedy="write more of it")
    if not bundles:
        known = ", ".join(f"#{entry.seq} (version {entry.version})" for entry in entries)
        raise UsageError(f"{to!r} never was {entries[-1].alias} of {entries[-1].suite}", remedy=f"these were: {known}")
    return next(entry for entry in reversed(entries) if entry.bundle in bundles and entry.action == "promote")
