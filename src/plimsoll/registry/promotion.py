"""Promotion: a compare-and-set of the champion, on evidence; rollback; and what is champion now.

Promises: of two promotions gated against the same champion exactly one succeeds, whatever the processes and machines;
what was promoted has a passing verdict over exactly this bundle, measured against exactly the champion that it
replaces; each attestation moves an alias at most once; repeating a promotion changes nothing; a crash between any two
steps leaves the champion either the old one or the new one, and the next command finishes what is missing.

The order of the steps is what makes that so: bundle, version, attestation, then the ledger's entry (the one moment that
counts), then mirror and alias, which are projections of the ledger and repaired whenever they are read.
"""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.canonical import DIGEST_PREFIX, digest_bytes, short
from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.registry.bundle import Bundle
from plimsoll.registry.errors import RefusedVerdictError, StaleChampionError, TamperedError
from plimsoll.registry.ledger import CHAMPION, Entry, append, history, mirror_entries
from plimsoll.registry.versions import keep_attestation, keep_bundle, load_bundle
from plimsoll.tracking.contract import RegistryStore
from plimsoll.types import Decision

_ATTEMPTS = 8
"""Times that an alias is set again when the ledger moved meanwhile, before others are left to finish it."""
_SHORTEST_DIGEST = 8
"""Characters of a digest that are enough to name a bundle, and more than a version's number has."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verified attestation, as `gate.verify` read it. Nothing here is believed without that."""

    envelope: bytes
    """The attestation as stored."""
    subject: str
    """The bundle's digest that the verdict is about."""
    verdict: Decision
    run: str
    """The run that was decided over."""
    target: str
    """What the suite calls the target."""
    baseline: str | None
    """The digest of what the target was compared with; None with `--first`."""

    @property
    def digest(self) -> str:
        """Of the envelope's bytes."""
        return digest_bytes(self.envelope)


@dataclass(frozen=True, slots=True)
class Champion:
    """What an alias names now, by the ledger."""

    entry: Entry
    note: str | None = None
    """That the store's alias pointed elsewhere, and whether it could be put right."""

    @property
    def digest(self) -> str:
        """The bundle's."""
        return self.entry.bundle

    @property
    def version(self) -> int:
        """The registered model's."""
        return self.entry.version


def champion(store: RegistryStore, suite: str, alias: str = CHAMPION) -> Champion | None:
    """What the alias names by the verified ledger; None where nothing was promoted yet. Repairs the projections.

    Raises:
        TamperedError: the ledger was altered.
        InfrastructureError: the store can't be read.
    """
    entries = history(store, suite, alias)
    if not entries:
        return None
    if store.aliases(suite).get(alias) == entries[-1].version:
        return Champion(entries[-1])
    entries, note = _project(store, suite, entries, alias)
    return Champion(entries[-1], note)


def promote(
    store: RegistryStore,
    suite: str,
    bundle: Bundle,
    evidence: Evidence,
    *,
    who: str,
    now: str,
    expected_champion: str | None,
    reason: str = "",
    alias: str = CHAMPION,
) -> Entry:
    """Make the bundle what the alias names.

    Args:
        store: where the registry is kept.
        suite: its name is the registered model's.
        bundle: what is promoted.
        evidence: the verified attestation of its passing verdict.
        who: who promotes.
        now: ISO 8601, UTC.
        expected_champion: the digest of the champion that the gate was measured against; None says that there was none.
        reason: why, in the promoter's words.
        alias: which alias.

    Raises:
        RefusedVerdictError: the verdict is not a pass.
        UsageError: the evidence is about another bundle, or was used already.
        StaleChampionError: the champion is another one by now.
        TamperedError: what is stored was altered.
        InfrastructureError: the store can't be reached.
    """
    if evidence.verdict is not Decision.PASS:
        raise RefusedVerdictError(evidence.verdict, "make the gate pass; `plimsoll gate` says what decided")
    if evidence.subject != bundle.digest:
        raise UsageError(
            f"the attestation is about {short(evidence.subject)}, and this target is {short(bundle.digest)} now",
            remedy=f"run `plimsoll gate {suite}` again: files or settings changed since",
        )
    entries = history(store, suite, alias)
    if _stands(entries, bundle, evidence):
        _project(store, suite, entries, alias)
        return entries[-1]
    _check_champion(suite, entries, evidence, expected_champion)
    entry = Entry(
        suite=suite,
        alias=alias,
        seq=len(entries) + 1,
        previous=entries[-1].hash if entries else None,
        action="promote",
        bundle=bundle.digest,
        version=keep_bundle(store, suite, bundle),
        target=evidence.target,
        run=evidence.run,
        attestation=keep_attestation(store, suite, evidence.envelope),
        who=who,
        when=now,
        reason=reason,
        baseline=evidence.baseline,
    )
    if not append(store, entry):
        entries = history(store, suite, alias)
        if not _stands(entries, bundle, evidence):
            _check_champion(suite, entries, evidence, expected_champion)
            raise _moved(suite, entries[-1] if entries else None)
        entry = entries[-1]
    _project(store, suite, (*entries[: entry.seq - 1], entry), alias)
    return entry


def rollback(
    store: RegistryStore,
    suite: str,
    *,
    who: str,
    now: str,
    to: str | None = None,
    reason: str = "",
    alias: str = CHAMPION,
) -> Entry:
    """Bring back an earlier champion. Needs no new verdict: it had one.

    Args:
        store: where the registry is kept.
        suite: its name is the registered model's.
        who: who decides.
        now: ISO 8601, UTC.
        to: a version's number (`3`), an entry of the history (`#2`), or the start of a bundle's digest; None is the
            champion before the present one.
        reason: why.
        alias: which alias.

    Raises:
        UsageError: there is no such earlier champion.
        StaleChampionError: the champion moved in the meantime.
        TamperedError: what is stored was altered.
        InfrastructureError: the store can't be reached.
    """
    entries = history(store, suite, alias)
    if not entries:
        raise UsageError(f"{suite} has no {alias} yet", remedy=f"`plimsoll gate {suite} --first`, then promote")
    wanted = _promotion_before(entries) if to is None else _find(entries, to)
    if wanted.bundle == entries[-1].bundle:
        raise UsageError(f"version {wanted.version} is the {alias} already")
    load_bundle(store, suite, wanted.bundle)
    entry = Entry(
        suite=suite,
        alias=alias,
        seq=len(entries) + 1,
        previous=entries[-1].hash,
        action="rollback",
        bundle=wanted.bundle,
        version=wanted.version,
        target=wanted.target,
        run=wanted.run,
        attestation=wanted.attestation,
        who=who,
        when=now,
        reason=reason,
        baseline=wanted.baseline,
        restores=wanted.seq,
    )
    if not append(store, entry):
        raise StaleChampionError(
            f"the {alias} of {suite} moved while it was rolled back",
            remedy=f"look at `plimsoll history {suite}`, and decide again",
        )
    _project(store, suite, (*entries, entry), alias)
    return entry


def _stands(entries: tuple[Entry, ...], bundle: Bundle, evidence: Evidence) -> bool:
    """Whether this very promotion is the newest entry."""
    if not entries or entries[-1].action != "promote":
        return False
    return (entries[-1].bundle, entries[-1].attestation) == (bundle.digest, evidence.digest)


def _check_champion(suite: str, entries: tuple[Entry, ...], evidence: Evidence, expected: str | None) -> None:
    used = next((entry for entry in entries if entry.attestation == evidence.digest), None)
    if used is not None:
        # After a rollback, a CI job that is run again would otherwise promote what was just taken back.
        raise UsageError(
            f"this attestation was used already, for entry #{used.seq} of the history",
            remedy=f"run `plimsoll gate {suite}` again",
        )
    if (entries[-1].bundle if entries else None) != expected:
        raise _moved(suite, entries[-1] if entries else None, expected)


def _moved(suite: str, now: Entry | None, expected: str | None = None) -> StaleChampionError:
    found = f"version {now.version} ({short(now.bundle)}, entry #{now.seq})" if now else "none"
    measured = f", not {short(expected)}" if expected else ""
    return StaleChampionError(
        f"the champion of {suite} is {found}{measured}: the gate measured against another one",
        remedy=f"run `plimsoll gate {suite}` again, so that it measures against today's champion",
    )


def _promotion_before(entries: tuple[Entry, ...]) -> Entry:
    """The promotion that the present champion replaced. A second rollback goes further back, never forth again."""
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


def _find(entries: tuple[Entry, ...], to: str) -> Entry:
    """The newest promotion of the bundle that `to` names."""
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


def _project(
    store: RegistryStore, suite: str, entries: tuple[Entry, ...], alias: str
) -> tuple[tuple[Entry, ...], str | None]:
    """Make mirror and alias follow the ledger; the ledger as it is then, and a note if anything had to be said.

    A store that can't be written is only noted: the ledger has decided already, and who may not write may still read.
    """
    try:
        for _ in range(_ATTEMPTS):
            mirror_entries(store, suite, entries, alias)
            head = entries[-1]
            before = store.aliases(suite).get(alias)
            if before != head.version:
                store.set_alias(suite, alias, head.version)
            # Another process may have moved the ledger between our reading and our setting the alias.
            entries = history(store, suite, alias)
            if entries[-1].seq == head.seq:
                return entries, _note(alias, before, head)
    except TamperedError:
        raise
    except InfrastructureError as error:
        return entries, f"the alias {alias} could not be brought up to date: {error.message}"
    return entries, f"the alias {alias} moves faster than it can be followed"


def _note(alias: str, before: int | None, head: Entry) -> str | None:
    if before in (None, head.version):
        return None
    return f"the alias {alias} pointed at version {before}; the ledger says {head.version}, and it was put right"
