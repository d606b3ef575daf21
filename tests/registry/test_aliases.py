"""Environments beside the champion, and promotions by force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.registry.parts import NOW, ONE, SUITE, THREE, TWO, bundle, evidence, move

from plimsoll.errors import UsageError
from plimsoll.registry import (
    Bundle,
    Entry,
    Evidence,
    StaleChampionError,
    aliases_of,
    champion,
    expected_bundle,
    history,
    load_attestation,
    promote,
    rollback,
)
from plimsoll.testing.store import MemoryRegistryStore
from plimsoll.types import Decision


@pytest.fixture
def store() -> MemoryRegistryStore:
    return MemoryRegistryStore()


def to(store: MemoryRegistryStore, alias: str, new: Bundle, given: Evidence) -> Entry:
    expected = expected_bundle(store, SUITE, alias, given)
    return promote(store, SUITE, new, given, who="ann", now=NOW, expected_champion=expected, alias=alias)


def test_an_environment_that_names_nothing_takes_the_champion_and_what_was_measured_against_it(
    store: MemoryRegistryStore,
) -> None:
    move(store, ONE, None)
    assert to(store, "production", ONE, evidence(ONE, None)).seq == 1
    assert to(store, "staging", TWO, evidence(TWO, ONE)).seq == 1
    assert store.aliases(SUITE) == {"champion": 1, "production": 1, "staging": 2}
    assert aliases_of(store, SUITE) == ("champion", "production", "staging")


def test_an_environment_may_come_before_any_champion(store: MemoryRegistryStore) -> None:
    assert to(store, "staging", ONE, evidence(ONE, None)).alias == "staging"
    assert champion(store, SUITE) is None


def test_an_environment_that_names_nothing_refuses_what_says_nothing_about_todays_champion(
    store: MemoryRegistryStore,
) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    with pytest.raises(StaleChampionError, match="staging of support-qa names nothing yet, and the champion is"):
        to(store, "staging", THREE, evidence(THREE, ONE))
    with pytest.raises(StaleChampionError, match="and this was gated as the first"):
        to(store, "staging", THREE, evidence(THREE, None))
    assert to(store, "staging", THREE, replace(evidence(THREE, None), compared=False)).seq == 1


def test_an_environment_moves_only_from_what_the_gate_measured_against(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    to(store, "staging", ONE, evidence(ONE, None))
    move(store, TWO, ONE)
    with pytest.raises(StaleChampionError, match=r"staging of support-qa is version 1 .*--baseline staging` again"):
        to(store, "staging", THREE, evidence(THREE, TWO))
    assert to(store, "staging", TWO, evidence(TWO, ONE)).seq == 2
    # The same attestation has moved the champion: once for each alias.
    assert [entry.attestation for entry in history(store, SUITE, "staging")][1] == history(store, SUITE)[1].attestation
    back = rollback(store, SUITE, who="bob", now=NOW, alias="staging")
    assert (back.alias, back.version, back.restores) == ("staging", 1, 1)
    assert store.aliases(SUITE) == {"champion": 2, "staging": 1}
    with pytest.raises(UsageError, match="used already, for entry #2"):
        to(store, "staging", TWO, evidence(TWO, ONE))


def test_a_rollback_of_an_environment_that_names_nothing_says_how_it_begins(store: MemoryRegistryStore) -> None:
    with pytest.raises(UsageError, match=r"has no staging yet \(`plimsoll promote support-qa --alias staging`\)"):
        rollback(store, SUITE, who="bob", now=NOW, alias="staging")


def force(store: MemoryRegistryStore, new: Bundle, seen: Bundle | None, **changes: Any) -> Entry:
    given = replace(evidence(new, seen), force=True, **changes)
    expected = seen.digest if seen else None
    return promote(store, SUITE, new, given, who="eve", now=NOW, expected_champion=expected, reason="an outage")


def test_what_was_forced_is_in_the_entry_in_the_champion_and_in_what_restores_it(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    doubts = (UsageError("1 of 2 approvals"),)
    forced = force(store, TWO, ONE, verdict=Decision.FAIL, doubts=doubts)
    assert forced.forced == ("1 of 2 approvals", "the gate's verdict is fail; only a pass is promoted")
    assert (forced.verdict, forced.reason) == ("fail", "an outage")
    assert load_attestation(store, SUITE, forced.attestation) == evidence(TWO, ONE).envelope
    now = champion(store, SUITE)
    assert now is not None
    assert now.forced == (
        "the champion was promoted by force (entry #2), against: 1 of 2 approvals; "
        "the gate's verdict is fail; only a pass is promoted"
    )
    move(store, THREE, TWO)
    assert champion(store, SUITE).forced is None  # type: ignore[union-attr]
    rollback(store, SUITE, who="bob", now=NOW)
    again = champion(store, SUITE)
    assert again is not None
    assert (again.entry.forced, "entry #2" in str(again.forced)) == (forced.forced, True)


def test_force_needs_something_to_override(store: MemoryRegistryStore) -> None:
    with pytest.raises(UsageError, match=r"there is nothing to force.*leave --force out"):
        force(store, ONE, None)
    assert history(store, SUITE) == ()


def test_force_overrides_neither_another_champion_nor_another_bundle(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    with pytest.raises(StaleChampionError, match=r"is version 2 .* moved while this was forced"):
        force(store, THREE, ONE, verdict=Decision.FAIL)
    with pytest.raises(UsageError, match="the attestation is about"):
        force(store, THREE, TWO, subject=ONE.digest)
    assert len(history(store, SUITE)) == 2


def test_without_any_attestation_it_is_forced_once(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    bare = {"envelope": None, "verdict": None, "run": "", "doubts": (UsageError("there is no attestation"),)}
    entry = force(store, TWO, ONE, **bare)
    assert (entry.attestation, entry.verdict, entry.run, entry.forced) == ("", "", "", ("there is no attestation",))
    assert force(store, TWO, ONE, **bare) == entry
    other = force(store, bundle("four"), TWO, **bare)
    assert (other.seq, other.forced) == (3, ("there is no attestation",))


def test_a_used_attestation_moves_the_alias_again_only_by_force(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    rollback(store, SUITE, who="bob", now=NOW)
    entry = force(store, TWO, ONE)
    assert entry.forced == ("this attestation was used already, for entry #2 of the history",)
