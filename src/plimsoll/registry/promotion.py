"""Promotion: a compare-and-set of an alias, on evidence.

Promises: of two promotions gated against the same champion exactly one succeeds, whatever the processes and machines;
what was promoted has a passing verdict over exactly this bundle, measured against exactly the champion that it
replaces, or says forever against what it was forced; each attestation moves an alias at most once; repeating a
promotion changes nothing; a crash between any two steps leaves the champion either the old one or the new one, and the
next command finishes what is missing.

The order of the steps is what makes that so: bundle, version, attestation, then the ledger's entry (the one moment that
counts), then mirror, alias and prompt, which are projections of the ledger and repaired whenever they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from plimsoll.canonical import short
from plimsoll.errors import PlimsollError, UsageError
from plimsoll.registry.bundle import Bundle
from plimsoll.registry.errors import RefusedVerdictError, StaleChampionError
from plimsoll.registry.evidence import Evidence
from plimsoll.registry.ledger import CHAMPION, Entry, append, called, history
from plimsoll.registry.projection import champion, project
from plimsoll.registry.versions import keep_attestation, keep_bundle
from plimsoll.tracking.contract import RegistryStore
from plimsoll.types import Decision


def expected_bundle(store: RegistryStore, suite: str, alias: str, evidence: Evidence) -> str | None:
    """What the alias must name for the evidence to hold; None where it must name nothing yet.

    That is what the gate measured against. An alias that names nothing yet takes what is champion today, what was
    measured against today's champion, and, where there is no champion either, what was gated as the first.

    Raises:
        StaleChampionError: the alias names nothing yet, and the gate measured against another champion than today's.
        TamperedError: the ledger was altered.
        InfrastructureError: the store can't be read.
    """
    entries = history(store, suite, alias)
    if not evidence.compared:
        return entries[-1].bundle if entries else None
    if entries or alias == CHAMPION:
        return evidence.baseline
    now = champion(store, suite)
    today = now.digest if now else None
    if today not in (evidence.baseline, evidence.subject):
        measured = f"not {short(evidence.baseline)}" if evidence.baseline else "and this was gated as the first"
        champion_now = short(today) if today else "none"
        raise StaleChampionError(
            f"{alias} of {suite} names nothing yet, and the champion is {champion_now}, {measured}",
            remedy=f"run `plimsoll gate {suite}` again, so that it measures against today's champion",
        )
    return None


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
    tell: Callable[[str], object] = lambda _: None,
) -> Entry:
    """Make the bundle what the alias names.

    Args:
        store: where the registry is kept.
        suite: its name is the registered model's.
        bundle: what is promoted.
        evidence: the verified attestation of its passing verdict; or what stands in its place by force.
        who: who promotes.
        now: ISO 8601, UTC.
        expected_champion: the digest of what the alias has to name now, as `expected_bundle` says; by force, what it
            named when the command began. None is nothing.
        reason: why, in the promoter's words.
        alias: which alias.
        tell: hears what could not be brought up to date.

    Raises:
        RefusedVerdictError: the verdict is not a pass.
        UsageError: the evidence is about another bundle, or was used already.
        StaleChampionError: the champion is another one by now.
        TamperedError: what is stored was altered.
        InfrastructureError: the store can't be reached.
    """
    if evidence.subject != bundle.digest:
        raise UsageError(
            f"the attestation is about {short(evidence.subject)}, and this target is {short(bundle.digest)} now",
            remedy=f"run `plimsoll gate {suite}` again: files or settings changed since",
        )
    entries = history(store, suite, alias)
    if _stands(entries, bundle, evidence):
        return _followed(store, entries, entries[-1], tell)
    against = _against(suite, alias, entries, evidence, expected_champion)
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
        attestation=keep_attestation(store, suite, evidence.envelope) if evidence.envelope is not None else "",
        who=who,
        when=now,
        reason=reason,
        baseline=evidence.baseline,
        verdict=evidence.verdict.value if evidence.verdict else "",
        signed_by=evidence.signed_by,
        attempts=evidence.attempts,
        commit=evidence.commit,
        approvals=evidence.approvals,
        forced=against,
    )
    if not append(store, entry):
        entries = history(store, suite, alias)
        if not _stands(entries, bundle, evidence):
            raise _moved(suite, alias, entries, expected_champion, forced=evidence.force)
        entry = entries[-1]
    return _followed(store, (*entries[: entry.seq - 1], entry), entry, tell)


def _followed(store: RegistryStore, entries: tuple[Entry, ...], entry: Entry, tell: Callable[[str], object]) -> Entry:
    _, note = project(store, entry.suite, entries, entry.alias)
    if note:
        tell(note)
    return entry


def _stands(entries: tuple[Entry, ...], bundle: Bundle, evidence: Evidence) -> bool:
    """Whether this very promotion is the newest entry."""
    if not entries or entries[-1].action != "promote":
        return False
    return (entries[-1].bundle, entries[-1].attestation) == (bundle.digest, evidence.digest)


def _against(
    suite: str, alias: str, entries: tuple[Entry, ...], evidence: Evidence, expected: str | None
) -> tuple[str, ...]:
    """What speaks against the promotion, where it is forced; else the first of it is raised."""
    found = list(_objections(suite, entries, evidence))
    if found and not evidence.force:
        raise found[0]
    if (entries[-1].bundle if entries else None) != expected:
        raise _moved(suite, alias, entries, expected, forced=evidence.force)
    if evidence.doubts and not evidence.force:
        raise evidence.doubts[0]
    if evidence.force and not (found or evidence.doubts):
        raise UsageError(
            "there is nothing to force: evidence, approvals and champion are in order", remedy="leave --force out"
        )
    return tuple(error.message for error in (*evidence.doubts, *found))


def _objections(suite: str, entries: tuple[Entry, ...], evidence: Evidence) -> Iterator[PlimsollError]:
    if evidence.verdict not in (None, Decision.PASS):
        yield RefusedVerdictError(evidence.verdict, "make the gate pass; `plimsoll gate` says what decided")
    used = next((entry for entry in entries if evidence.digest and entry.attestation == evidence.digest), None)
    if used is not None:
        # After a rollback, a CI job that is run again would otherwise promote what was just taken back.
        yield UsageError(
            f"this attestation was used already, for entry #{used.seq} of the history",
            remedy=f"run `plimsoll gate {suite}` again",
        )


def _moved(
    suite: str, alias: str, entries: tuple[Entry, ...], expected: str | None = None, *, forced: bool
) -> StaleChampionError:
    now = entries[-1] if entries else None
    found = f"version {now.version} ({short(now.bundle)}, entry #{now.seq})" if now else "none"
    other = f", not {short(expected)}" if expected else ""
    if forced:
        return StaleChampionError(
            f"{called(alias)} of {suite} is {found}{other}: it moved while this was forced",
            remedy=f"look at `plimsoll history {suite} --alias {alias}`, and decide again",
        )
    again = f"`plimsoll gate {suite}`" if alias == CHAMPION else f"`plimsoll gate {suite} --baseline {alias}`"
    return StaleChampionError(
        f"{called(alias)} of {suite} is {found}{other}: the gate measured against another one",
        remedy=f"run {again} again, so that it measures against today's",
    )
