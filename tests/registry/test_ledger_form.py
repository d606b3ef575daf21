"""Entries of the first version stay what they were, byte for byte, whatever fields came later."""

from __future__ import annotations

from typing import Any

import msgspec

from plimsoll.registry import Approved, Entry, champion, history
from plimsoll.testing.store import MemoryRegistryStore

SUITE = "support-qa"
BUNDLES = {"v1": "sha256:" + "3" * 64, "v2": "sha256:" + "1" * 64}
# As the first version wrote them.
OLD = {
    "champion.seq0001": '{"suite":"support-qa","alias":"champion","seq":1,"previous":null,"action":"promote",'
    f'"bundle":"{BUNDLES["v1"]}","version":1,"target":"v1","run":"run-1","attestation":"sha256:{"4" * 64}",'
    '"who":"Ann","when":"2026-11-22T20:33:35Z","reason":"","baseline":null,"restores":null}',
    "champion.seq0002": '{"suite":"support-qa","alias":"champion","seq":2,"previous":"FIRST","action":"promote",'
    f'"bundle":"{BUNDLES["v2"]}","version":2,"target":"v2","run":"run-2","attestation":"sha256:{"2" * 64}",'
    f'"who":"Ann","when":"2026-11-22T20:33:59Z","reason":"clearer","baseline":"{BUNDLES["v1"]}","restores":null}}',
}
FIRST_HASH = "sha256:ff83c2ecc049276fe92a59f92f36abdbae9635b97c6f82b8c4a7cfcf66c518b3"


def old_store() -> MemoryRegistryStore:
    store = MemoryRegistryStore()
    for folder in ("a", "b"):
        store.create_version(SUITE, folder, {})
    for key, text in OLD.items():
        written = text.replace("FIRST", FIRST_HASH)
        store.create_record(SUITE, key, written)
        store.set_tag(SUITE, key, written)
    store.set_alias(SUITE, "champion", 2)
    return store


def test_a_ledger_of_the_first_version_verifies_and_says_nothing_that_was_not_said_then() -> None:
    store = old_store()
    first, second = history(store, SUITE)
    assert first.hash == FIRST_HASH == second.previous
    assert (second.verdict, second.signed_by, second.approvals, second.forced) == ("pass", None, (), ())
    found = champion(store, SUITE)
    assert found is not None
    assert (found.entry, found.forced) == (second, None)


def test_the_form_of_an_old_entry_is_the_record_itself() -> None:
    for key, entry in zip(OLD, history(old_store(), SUITE), strict=True):
        assert msgspec.json.encode(entry.form).decode() == old_store().records(SUITE)[key]


def test_a_later_field_is_in_the_hash_where_it_says_something() -> None:
    entry = history(old_store(), SUITE)[1]
    changes: list[dict[str, Any]] = [
        {"verdict": "fail"},
        {"signed_by": ()},
        {"attempts": 3},
        {"commit": "abc"},
        {"approvals": (Approved("ada", "sha256:1"),)},
        {"forced": ("the verdict is fail",)},
    ]
    changed = [msgspec.structs.replace(entry, **change) for change in changes]
    assert len({entry.hash, *(each.hash for each in changed)}) == len(changes) + 1
    for each in changed:
        assert msgspec.json.decode(msgspec.json.encode(each.form), type=Entry) == each


def test_a_mirror_that_lacks_an_old_entry_is_completed_with_the_record_itself() -> None:
    store = old_store()
    store.set_alias(SUITE, "champion", 1)
    store._models[SUITE].tags.pop("champion.seq0002")
    assert champion(store, SUITE) is not None
    assert store.tags(SUITE)["champion.seq0002"] == store.records(SUITE)["champion.seq0002"]
    assert len(history(store, SUITE)) == 2
