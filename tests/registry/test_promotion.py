from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.registry.parts import (
    NOW,
    ONE,
    SUITE,
    THREE,
    TWO,
    Altered,
    CrashError,
    CrashingStore,
    bundle,
    evidence,
    move,
)

from plimsoll.canonical import digest_bytes
from plimsoll.errors import ExitCode, InfrastructureError, UsageError
from plimsoll.registry import (
    Champion,
    Entry,
    RefusedVerdictError,
    StaleChampionError,
    TamperedError,
    champion,
    history,
    load_attestation,
    load_bundle,
    promote,
    rollback,
)
from plimsoll.testing.store import MemoryRegistryStore
from plimsoll.tracking.contract import RegistryStore
from plimsoll.types import Decision


@pytest.fixture
def store() -> MemoryRegistryStore:
    return MemoryRegistryStore()


def test_nothing_promoted_is_no_champion_and_an_empty_history(store: MemoryRegistryStore) -> None:
    assert champion(store, SUITE) is None
    assert history(store, SUITE) == ()
    assert store.models() == ()


def test_a_promotion_makes_version_alias_evidence_and_an_entry_that_says_who_when_why(
    store: MemoryRegistryStore,
) -> None:
    first = move(store, ONE, None, reason="the first")
    second = move(store, TWO, ONE)
    assert history(store, SUITE) == (first, second)
    assert (first.seq, first.previous, first.baseline) == (1, None, None)
    assert (second.seq, second.previous, second.baseline) == (2, first.hash, ONE.digest)
    assert (first.who, first.when, first.reason, first.run, first.target) == ("ann", NOW, "the first", "run-0", "v")
    assert champion(store, SUITE) == Champion(second)
    assert store.aliases(SUITE) == {"champion": 2}
    assert load_bundle(store, SUITE, TWO.digest) == TWO
    assert load_attestation(store, SUITE, second.attestation) == evidence(TWO, ONE).envelope


def test_promoting_the_same_again_changes_nothing(store: MemoryRegistryStore) -> None:
    first = move(store, ONE, None)
    assert move(store, ONE, None, who="bob") == first
    assert len(history(store, SUITE)) == len(store.versions(SUITE)) == 1


def test_the_same_bundle_is_one_version_however_often_it_is_promoted(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    again = move(store, ONE, TWO, attempt=1)
    assert again.version == 1
    assert [version.number for version in store.versions(SUITE)] == [1, 2]


def test_a_verdict_measured_against_another_champion_is_refused_with_what_to_do(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    with pytest.raises(StaleChampionError) as raised:
        move(store, THREE, ONE)
    assert "the champion of support-qa is version 2" in str(raised.value)
    assert "entry #2" in str(raised.value)
    assert "run `plimsoll gate support-qa` again" in str(raised.value)
    with pytest.raises(StaleChampionError, match="is version 2"):
        move(store, THREE, None)
    assert champion(store, SUITE) == Champion(history(store, SUITE)[-1])
    assert len(history(store, SUITE)) == 2


def test_a_champion_that_never_was_is_refused_too(store: MemoryRegistryStore) -> None:
    with pytest.raises(StaleChampionError, match="the champion of support-qa is none, not"):
        move(store, TWO, ONE)
    assert store.versions(SUITE) == ()


@pytest.mark.parametrize(
    ("verdict", "code"), [(Decision.FAIL, ExitCode.FAIL), (Decision.INCONCLUSIVE, ExitCode.INCONCLUSIVE)]
)
def test_only_a_pass_is_promoted(store: MemoryRegistryStore, verdict: Decision, code: ExitCode) -> None:
    with pytest.raises(RefusedVerdictError, match=f"verdict is {verdict.value}; only a pass") as raised:
        promote(
            store,
            SUITE,
            ONE,
            replace(evidence(ONE, None), verdict=verdict),
            who="ann",
            now=NOW,
            expected_champion=None,
        )
    assert raised.value.exit_code is code
    assert history(store, SUITE) == ()


def test_evidence_about_another_bundle_is_refused(store: MemoryRegistryStore) -> None:
    with pytest.raises(UsageError, match=r"the attestation is about .*files or settings changed"):
        promote(store, SUITE, TWO, evidence(ONE, None), who="ann", now=NOW, expected_champion=None)


def test_what_was_rolled_back_does_not_come_back_on_its_old_evidence(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    rollback(store, SUITE, who="bob", now=NOW, reason="complaints")
    with pytest.raises(UsageError, match=r"used already, for entry #2.*gate support-qa` again"):
        move(store, TWO, ONE)
    assert move(store, TWO, ONE, attempt=1).seq == 4


def test_a_rollback_goes_back_one_promotion_each_time_and_is_recorded(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    move(store, THREE, TWO)
    back = rollback(store, SUITE, who="bob", now=NOW, reason="slow")
    assert (back.action, back.bundle, back.version, back.restores) == ("rollback", TWO.digest, 2, 2)
    assert (back.who, back.reason, back.previous) == ("bob", "slow", history(store, SUITE)[2].hash)
    assert rollback(store, SUITE, who="bob", now=NOW).bundle == ONE.digest
    assert store.aliases(SUITE) == {"champion": 1}
    with pytest.raises(UsageError, match="version 1 was the first champion of support-qa"):
        rollback(store, SUITE, who="bob", now=NOW)
    assert [entry.seq for entry in history(store, SUITE)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("to", ["1", "v1", "#1", ONE.digest, ONE.digest.removeprefix("sha256:")[:12]])
def test_a_rollback_names_a_version_an_entry_or_a_digest(store: MemoryRegistryStore, to: str) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    move(store, THREE, TWO)
    assert rollback(store, SUITE, to=to, who="bob", now=NOW).bundle == ONE.digest


def test_a_rollback_to_what_never_was_champion_lists_what_was(store: MemoryRegistryStore) -> None:
    with pytest.raises(UsageError, match=r"has no champion yet .*--first"):
        rollback(store, SUITE, who="bob", now=NOW)
    move(store, ONE, None)
    move(store, TWO, ONE)
    for to in ("7", "#9", "deadbeef00", "?"):
        with pytest.raises(UsageError, match=r"never was champion .*#1 \(version 1\), #2 \(version 2\)"):
            rollback(store, SUITE, to=to, who="bob", now=NOW)
    with pytest.raises(UsageError, match="version 2 is the champion already"):
        rollback(store, SUITE, to="2", who="bob", now=NOW)


def test_aliases_have_a_history_each(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    promote(store, SUITE, TWO, evidence(TWO, None), who="a", now=NOW, expected_champion=None, alias="staging")
    assert store.aliases(SUITE) == {"champion": 1, "staging": 2}
    assert [entry.bundle for entry in history(store, SUITE, "staging")] == [TWO.digest]
    assert len(history(store, SUITE)) == 1


def test_an_alias_that_somebody_moved_is_put_right_and_told(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    store.set_alias(SUITE, "champion", 1)
    found = champion(store, SUITE)
    assert found is not None
    assert found.digest == TWO.digest
    assert found.note == "the alias champion pointed at version 1; the ledger says 2, and it was put right"
    assert store.aliases(SUITE) == {"champion": 2}
    assert champion(store, SUITE) == Champion(found.entry)


def test_a_reason_that_does_not_fit_is_refused_and_not_cut(store: MemoryRegistryStore) -> None:
    with pytest.raises(UsageError, match=r"6000 is the limit.*give a shorter reason"):
        move(store, ONE, None, reason="because " * 1000)
    assert history(store, SUITE) == ()


def ledger_of_three() -> Altered:
    store = Altered()
    move(store, ONE, None)
    move(store, TWO, ONE)
    move(store, THREE, TWO)
    return store


def rewrite(records: dict[str, str], key: str, **changes: Any) -> None:
    entry = msgspec.json.decode(records[key], type=Entry)
    records[key] = msgspec.json.encode(msgspec.structs.replace(entry, **changes)).decode()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda records: rewrite(records, "champion.seq0002", who="eve"), "entry 3 does not follow"),
        (lambda records: rewrite(records, "champion.seq0003", who="eve"), "entry 3 differs from its mirror"),
        (lambda records: rewrite(records, "champion.seq0001", suite="other"), "entry 1 is missing or another one"),
        (lambda records: records.pop("champion.seq0003"), "entry 3 is in the mirror only"),
        (lambda records: records.pop("champion.seq0002"), "entry 2 is missing or another one stands in its place"),
        (lambda records: records.update({"champion.seq0002": "{"}), "entry 2 can't be read"),
        (
            lambda records: records.update({"champion.seq0005": records["champion.seq0003"]}),
            "entry 4 is missing or another one",
        ),
    ],
)
def test_an_altered_ledger_is_refused_by_everything_and_says_where(
    change: Callable[[dict[str, str]], object], told: str
) -> None:
    store = ledger_of_three()
    store.alter(change)
    actions: list[Callable[[], object]] = [
        lambda: history(store, SUITE),
        lambda: champion(store, SUITE),
        lambda: move(store, ONE, THREE),
        lambda: rollback(store, SUITE, who="bob", now=NOW),
    ]
    for action in actions:
        with pytest.raises(TamperedError, match="was altered") as raised:
            action()
        assert told in str(raised.value)
        assert raised.value.exit_code is ExitCode.INFRASTRUCTURE


def test_an_altered_bundle_or_attestation_is_neither_loaded_nor_rolled_back_to() -> None:
    store = ledger_of_three()
    store.alter_files(lambda files: files.update({path: b"evil" for path in files if path.endswith("p.jinja2")}))
    with pytest.raises(TamperedError, match=r"differs in p\.jinja2 \(changed\)"):
        load_bundle(store, SUITE, TWO.digest)
    with pytest.raises(TamperedError, match=r"p\.jinja2 \(changed\)"):
        rollback(store, SUITE, who="bob", now=NOW)
    with pytest.raises(TamperedError, match=r"p\.jinja2 \(changed\)"):
        move(store, ONE, THREE, attempt=1)
    attestation = history(store, SUITE)[0].attestation
    store.alter_files(lambda files: files.update({path: b"evil" for path in files if "attestations" in path}))
    with pytest.raises(TamperedError, match=f"is altered: its digest is {digest_bytes(b'evil')}"):
        load_attestation(store, SUITE, attestation)
    with pytest.raises(TamperedError, match="is missing"):
        load_bundle(store, SUITE, bundle("never").digest)


@pytest.mark.parametrize("steps", range(11))
def test_a_crash_before_any_step_leaves_old_or_new_and_the_next_attempt_finishes(steps: int) -> None:
    store = CrashingStore()
    move(store, ONE, None)
    store.left = steps
    crashed = False
    try:
        move(store, TWO, ONE)
    except CrashError:
        crashed = True
    assert crashed == (steps < 10)
    store.left = 1_000
    found = champion(store, SUITE)
    assert found is not None
    assert found.digest == (TWO.digest if steps > 4 else ONE.digest)
    assert store.aliases(SUITE)["champion"] == found.version
    done = move(store, TWO, ONE)
    assert champion(store, SUITE) == Champion(done)
    assert [entry.bundle for entry in history(store, SUITE)] == [ONE.digest, TWO.digest]
    assert len(store.versions(SUITE)) == 2
    assert len([key for key in store.tags(SUITE) if key.startswith("champion.seq")]) == 2
    assert [version.content.text for version in store.prompts(f"{SUITE}.prompt")] == ["one", "two"]
    assert store.prompt_alias(f"{SUITE}.prompt", "champion") == 2


def test_who_may_only_read_still_learns_the_champion() -> None:
    class ReadOnly(MemoryRegistryStore):
        locked = False

        def set_alias(self, *args: Any) -> None:
            if self.locked:
                raise InfrastructureError("permission denied")
            super().set_alias(*args)

    store = ReadOnly()
    move(store, ONE, None)
    move(store, TWO, ONE)
    store.set_alias(SUITE, "champion", 1)
    store.locked = True
    found = champion(store, SUITE)
    assert found is not None
    assert found.digest == TWO.digest
    assert found.note == "the alias champion could not be brought up to date: permission denied"


def race(store: RegistryStore, number: int, expected: str) -> int:
    """How many of six threads win that promote at the same moment."""
    gate, wins = threading.Barrier(6), []

    def run(name: int) -> None:
        mine = bundle(f"{number}/{name}")
        gate.wait()
        with suppress(StaleChampionError):
            promote(store, SUITE, mine, evidence(mine, None), who=str(name), now=NOW, expected_champion=expected)
            wins.append(name)

    threads = [threading.Thread(target=run, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(wins)


def test_of_many_threads_that_promote_at_once_one_wins_each_round(store: MemoryRegistryStore) -> None:
    move(store, ONE, None)
    for number in range(10):
        now = champion(store, SUITE)
        assert now is not None
        assert race(store, number, now.digest) == 1
    assert len(history(store, SUITE)) == 11
