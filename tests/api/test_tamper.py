"""Nothing that was altered verifies: each byte and field of a signed attestation, each file that it rests on."""

from __future__ import annotations

import base64
import copy
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.api.sealed_runs import COMMIT, POLICY, SealedRun, write_sealed
from tests.calibration.parts import NOON

from plimsoll import canonical
from plimsoll.api.sealing import evidence_files
from plimsoll.api.verifying import Trust, changed_files, refuse_outdated, verify_file, verify_path
from plimsoll.errors import PlimsollError, UsageError
from plimsoll.gates import VerificationError, generate_key, key_id, load_private_key, verify
from plimsoll.types import Decision

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of ed25519's group: a signature is the same equation with it added, and must not be the same signature."""
Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> SealedRun:
    return write_sealed(tmp_path_factory.mktemp("signed") / "run")


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> SealedRun:
    return write_sealed(tmp_path_factory.mktemp("unsigned") / "run", signed=False)


@pytest.fixture(scope="module")
def stranger() -> Ed25519PrivateKey:
    return load_private_key(generate_key()[0].decode())


def test_as_it_was_written_it_verifies_and_says_where_from(signed: SealedRun, unsigned: SealedRun):
    found = verify_file(signed.attestation, signed.trust)
    assert (found.verdict.outcome, found.commit, found.dirty) == (Decision.PASS, COMMIT, False)
    assert found.signed_by == found.claims == (key_id(signed.key.public_key()),)
    assert set(found.files) == {
        "plan.json",
        "cases.jsonl",
        "journal.jsonl",
        "gate/v2/verdict.json",
        "gate/v2/digests.jsonl",
        "gate/v2/bundle/bundle.json",
        "gate/v2/certificates/relevance.json",
    }
    assert verify_file(unsigned.attestation, Trust()).signed_by == ()


def refused(envelope: bytes, run: SealedRun) -> bool:
    try:
        verify(envelope, public_keys=run.trust.keys, require_signature=True)
    except VerificationError as error:
        return bool(error.message)
    return False


def test_no_byte_of_a_signed_envelope_can_be_flipped_inserted_removed_or_cut_off(signed: SealedRun):
    whole = signed.attestation.read_bytes()
    tried = 0
    for place in range(len(whole)):
        before, byte, after = whole[:place], whole[place : place + 1], whole[place + 1 :]
        changes = [before + bytes([byte[0] ^ 1 << place % 8]) + after, before + b"A" + byte + after, before + after]
        if place % 16 == 0:
            changes.append(before)
        for changed in changes:
            assert refused(changed, signed), (place, changed[max(0, place - 20) : place + 20])
        tried += len(changes)
    assert refused(whole + b"\n", signed)
    assert tried == 3 * len(whole) + -(-len(whole) // 16) > 15_000


def test_no_bit_of_a_signature_can_be_flipped_nor_its_number_moved_by_the_groups_order(signed: SealedRun):
    envelope = json.loads(signed.attestation.read_bytes())
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    number = int.from_bytes(signature[32:], "little") + ORDER
    forged = [signature[:32] + number.to_bytes(32, "little"), b"", bytes(64), signature[:32], signature + b"\0"]
    forged += [
        signature[:byte] + bytes([signature[byte] ^ 1 << bit]) + signature[byte + 1 :]
        for byte in range(64)
        for bit in range(8)
    ]
    for each in forged:
        envelope["signatures"][0]["sig"] = base64.b64encode(each).decode()
        assert refused(canonical.dumps(envelope), signed)
    assert len(forged) == 5 + 512


def statement_of(run: SealedRun) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(json.loads(run.attestation.read_bytes())["payload"])))


def leaves(value: Any, place: Place = ()) -> Iterator[Place]:
    """Where each value stands that holds no other; an empty list or mapping is one."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not items or not value:
        yield place
    else:
        for name, item in items:
            yield from leaves(item, (*place, name))


def holders(value: Any, place: Place = ()) -> Iterator[Place]:
    if isinstance(value, dict | list):
        yield place
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from holders(item, (*place, name))


def at(value: Any, place: Place) -> Any:
    for name in place:
        value = value[name]
    return value


def other(value: Any) -> Any:
    """A value of the same kind, and another one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) and value == "2026-01-01T12:00:00Z":
        return "2026-01-01T12:00:01Z"
    if isinstance(value, str):
        # A digest stays one.
        return value[:-1] + ("0" if value[-1] != "0" else "1") if len(value) > 20 else f"{value}0"
    return "0" if value is None else {**value, "0": "0"} if isinstance(value, dict) else [*value, "0"]


def alterations(statement: dict[str, Any]) -> Iterator[tuple[str, Place, dict[str, Any]]]:
    """Each leaf changed, each removed, and something added to each mapping and list."""
    for place in leaves(statement):
        changed, without = copy.deepcopy(statement), copy.deepcopy(statement)
        at(changed, place[:-1])[place[-1]] = other(at(statement, place))
        yield "changed", place, changed
        del at(without, place[:-1])[place[-1]]
        yield "removed", place, without
    for place in holders(statement):
        longer = copy.deepcopy(statement)
        holder = at(longer, place)
        if isinstance(holder, dict):
            holder["added"] = "0"
        else:
            holder.append(copy.deepcopy(holder[-1]) if holder else "0")
        yield "added", place, longer


def envelope_of(statement: dict[str, Any], signatures: list[dict[str, str]]) -> bytes:
    payload = base64.b64encode(canonical.dumps(statement)).decode()
    kind = "application/vnd.in-toto+json"
    return canonical.dumps({"payload": payload, "payloadType": kind, "signatures": signatures})


def sign(statement: dict[str, Any], key: Ed25519PrivateKey, name: str | None = None) -> dict[str, str]:
    body = canonical.dumps(statement)
    signature = key.sign(b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(body), body))
    return {"keyid": name or key_id(key.public_key()), "sig": base64.b64encode(signature).decode()}


def test_no_field_of_a_signed_statement_can_be_changed_removed_or_added(signed: SealedRun, stranger: Ed25519PrivateKey):
    [signature] = json.loads(signed.attestation.read_bytes())["signatures"]
    statement, tried = statement_of(signed), 0
    assert not refused(envelope_of(statement, [signature]), signed)
    for _, _, changed in alterations(statement):
        foreign = sign(changed, stranger)
        for signatures in (
            [signature],
            [],
            [foreign],
            [{**foreign, "keyid": signature["keyid"]}],
            [{**signature, "keyid": foreign["keyid"]}],
            [signature, foreign],
            [foreign, signature],
        ):
            assert refused(envelope_of(changed, signatures), signed)
            tried += 1
    amount = 2 * len(list(leaves(statement))) + len(list(holders(statement)))
    assert tried == 7 * amount > 1_000


def test_an_unaltered_statement_is_refused_with_any_signature_but_its_own(
    signed: SealedRun, stranger: Ed25519PrivateKey
):
    statement = statement_of(signed)
    own, foreign = sign(statement, signed.key), sign(statement, stranger)
    assert not refused(envelope_of(statement, [own]), signed)
    for signatures in (
        [],
        [foreign],
        [{**own, "keyid": foreign["keyid"]}],
        [{**foreign, "keyid": own["keyid"]}],
        [own, own],
        [own, foreign],
        [foreign, own],
    ):
        assert refused(envelope_of(statement, signatures), signed)


TELLING_NOTHING = {
    ("changed", "predicate.time"),
    ("changed", "predicate.tool"),
    ("changed", "predicate.verdict.attempts.gates"),
    ("changed", "predicate.verdict.attempts.number"),
}
"""Said by whoever sealed it, and by nothing else that is recomputed."""


def test_unsigned_a_changed_field_is_noticed_where_anything_else_says_otherwise(unsigned: SealedRun, tmp_path: Path):
    folder = tmp_path / "run"
    shutil.copytree(unsigned.folder, folder)
    copied = SealedRun(folder, unsigned.key)
    statement = statement_of(copied)
    unnoticed, tried = set(), 0
    for how, place, changed in alterations(statement):
        copied.attestation.write_bytes(envelope_of(changed, []))
        tried += 1
        try:
            verify_file(copied.attestation, Trust())
            unnoticed.add((how, ".".join(map(str, place))))
        except PlimsollError:
            continue
    assert unnoticed == TELLING_NOTHING
    assert tried == 2 * len(list(leaves(statement))) + len(list(holders(statement)))


def test_unsigned_whoever_can_write_every_file_can_write_another(unsigned: SealedRun, tmp_path: Path):
    forged = write_sealed(tmp_path / "run", signed=False, cases=14)
    assert verify_file(forged.attestation, Trust()).verdict.outcome is Decision.PASS
    with pytest.raises(VerificationError, match="not signed by a trusted key"):
        verify_file(forged.attestation, unsigned.trust)


def test_no_byte_of_a_file_that_it_rests_on_can_be_flipped(signed: SealedRun, tmp_path: Path):
    folder = tmp_path / "run"
    shutil.copytree(signed.folder, folder)
    gate = folder / "gate" / "v2"
    sealed = verify_file(gate / "attestation.json", signed.trust)
    files = evidence_files(gate)
    tried = 0
    for name, path in files.items():
        whole = path.read_bytes()
        with path.open("r+b", buffering=0) as file:
            for place in range(0, len(whole), 1 if len(whole) < 3_000 else 19):
                file.seek(place)
                file.write(bytes([whole[place] ^ 1 << place % 8]))
                assert list(changed_files(gate, sealed)) == [f"{name} is not, byte for byte, what was sealed"]
                file.seek(place)
                file.write(whole[place : place + 1])
                tried += 1
    assert verify_file(gate / "attestation.json", signed.trust) == sealed
    sizes = [path.stat().st_size for path in files.values()]
    assert tried == sum(size if size < 3_000 else -(-size // 19) for size in sizes) > 5_000


def line_by_line(whole: bytes) -> Iterator[bytes]:
    """Each line with a bit flipped; each third left out, said twice, and behind the next; then one more."""
    lines = whole.splitlines(keepends=True)
    for place, line in enumerate(lines):
        before, after, middle = lines[:place], lines[place + 1 :], len(line) // 2
        yield b"".join([*before, line[:middle] + bytes([line[middle] ^ 1]) + line[middle + 1 :], *after])
        if place % 3:
            continue
        yield b"".join([*before, *after])
        yield b"".join([*before, line, line, *after])
        yield b"".join([*before, *after[:1], line, *after[1:]]) if after else line + whole
    yield whole + lines[0]
    yield whole + lines[-1]
    yield whole + b"\n"
    yield whole[:-1]
    yield b""


@pytest.mark.parametrize("name", ["journal.jsonl", "cases.jsonl"])
def test_no_line_can_be_altered_left_out_repeated_moved_or_added(signed: SealedRun, tmp_path: Path, name: str):
    folder = tmp_path / "run"
    shutil.copytree(signed.folder, folder)
    attestation, path = folder / "gate" / "v2" / "attestation.json", folder / name
    whole = path.read_bytes()
    tried = 0
    for changed in line_by_line(whole):
        path.write_bytes(changed)
        with pytest.raises(PlimsollError) as caught:
            verify_file(attestation, signed.trust)
        assert name in str(caught.value)
        tried += 1
    lines = len(whole.splitlines())
    assert tried == lines + 3 * -(-lines // 3) + 5


def altered(run: SealedRun, tmp_path: Path, name: str, old: bytes, new: bytes) -> str:
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    path = folder / name
    whole = path.read_bytes()
    assert old in whole
    path.write_bytes(whole.replace(old, new, 1))
    with pytest.raises(PlimsollError) as caught:
        verify_file(folder / "gate" / "v2" / "attestation.json", run.trust)
    return str(caught.value)


ALTERED = "is not, byte for byte, what was sealed"


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("journal.jsonl", b'"text":"answer"', b'"text":"Answer"', "differs (the answer of v2/c000)"),
        ("journal.jsonl", b'"cached":false', b'"cached":true', "differs (the answer of v2/c000)"),
        ("journal.jsonl", b'"value":true', b'"value":false', "differs (the scores of v2/c000); decided again"),
        ("journal.jsonl", b'{"kind":"output"', b'{ "kind":"output"', f"journal.jsonl {ALTERED} ("),
        ("journal.jsonl", b'"seconds":2.5', b'"seconds":2.6', "the digest of the run differs (its seconds)"),
        ("plan.json", b'"seed": 0', b'"seed": 1', "the digest of the run differs (its seed)"),
        ("plan.json", COMMIT[:6].encode(), b"abcdef", "the run was made from another commit than it says"),
        ("plan.json", b'"v1": {}', b'"v1": {"x": 1}', f"plan.json {ALTERED} ("),
        ("cases.jsonl", b'"question 3"', b'"question 4"', "the digest of the cases differs (case c003)"),
        ("gate/v2/verdict.json", b'"pass"', b'"fail"', f"gate/v2/verdict.json {ALTERED} ("),
        ("gate/v2/digests.jsonl", b'"c003"', b'"c004"', f"gate/v2/digests.jsonl {ALTERED} ("),
        ("gate/v2/bundle/bundle.json", b"{", b"{ ", f"gate/v2/bundle/bundle.json {ALTERED} ("),
        ("gate/v2/bundle/prompts/v2.jinja2", b"Answer", b"answer", "it differs in prompts/v2.jinja2 (changed)"),
        ("gate/v2/certificates/relevance.json", b"{", b"{ ", f"certificates/relevance.json {ALTERED} ("),
        ("gate/v2/certificates/relevance.json", b"scripted", b"another", "was changed since it was written"),
    ],
)
def test_what_was_altered_is_named(signed: SealedRun, tmp_path: Path, name: str, old: bytes, new: bytes, told: str):
    assert told in altered(signed, tmp_path, name, old, new)


def test_of_many_altered_cells_five_are_named(signed: SealedRun, tmp_path: Path):
    folder = tmp_path / "run"
    shutil.copytree(signed.folder, folder)
    journal = folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"text":"answer"', b'"text":"Answer"'))
    with pytest.raises(VerificationError, match=r"the answer of v1/c004, and 15 more\)"):
        verify_file(folder / "gate" / "v2" / "attestation.json", signed.trust)


def test_a_run_that_went_on_is_to_be_gated_again(signed: SealedRun, tmp_path: Path):
    folder = tmp_path / "run"
    shutil.copytree(signed.folder, folder)
    journal = folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"kind":"end","seconds":1.0,"requests":0,"complete":true}\n')
    with pytest.raises(VerificationError, match=r"the run has gone on since it was sealed .* \(plimsoll gate desk\)"):
        verify_file(folder / "gate" / "v2" / "attestation.json", signed.trust)


def test_verify_works_on_a_copy_of_a_runs_folder_and_on_nothing_less(signed: SealedRun, tmp_path: Path):
    shutil.copytree(signed.folder, tmp_path / "copy")
    for place in ("copy", "copy/gate/v2", "copy/gate/v2/attestation.json"):
        path, found = verify_path(tmp_path / place, signed.trust)
        assert (path.name, found.signed_by) == ("attestation.json", found.claims)
    shutil.copy(signed.attestation, tmp_path / "alone.json")
    with pytest.raises(UsageError, match=r"alone\.json does not lie in a run's folder"):
        verify_path(tmp_path / "alone.json", signed.trust)
    with pytest.raises(UsageError, match="has to hold one attestation, and holds none"):
        verify_path(tmp_path / "copy" / "gate" / "v2" / "bundle", signed.trust)
    shutil.copytree(signed.folder / "gate" / "v2", tmp_path / "copy" / "gate" / "v3")
    with pytest.raises(UsageError, match=r"v2/attestation\.json, .*v3/attestation\.json \(name the file\)"):
        verify_path(tmp_path / "copy", signed.trust)


def test_what_has_expired_or_lost_its_policy_is_not_promoted_on(signed: SealedRun):
    found, sealed_at = verify_file(signed.attestation, signed.trust), NOON
    day = timedelta(days=1)
    refuse_outdated(found, POLICY, 30 * 86400.0, sealed_at + 30 * day)
    refuse_outdated(found, POLICY, "none", sealed_at + 9_999 * day)
    with pytest.raises(VerificationError, match="it was sealed 31 days ago, and attestation_max_age is 30 d"):
        refuse_outdated(found, POLICY, 30 * 86400.0, sealed_at + 31 * day)
    with pytest.raises(VerificationError, match="desk has no gate any more"):
        refuse_outdated(found, None, "none", sealed_at)


def test_files_that_are_gone_or_new_are_told(signed: SealedRun, tmp_path: Path):
    for name in evidence_files(signed.attestation.parent):
        folder = tmp_path / name.replace("/", "-")
        shutil.copytree(signed.folder, folder)
        (folder / name).unlink()
        with pytest.raises(PlimsollError) as caught:
            verify_file(folder / "gate" / "v2" / "attestation.json", signed.trust)
        assert Path(name).name in str(caught.value)
    folder = tmp_path / "more"
    shutil.copytree(signed.folder, folder)
    shutil.copy(folder / "plan.json", folder / "gate" / "v2" / "certificates" / "other.txt")
    with pytest.raises(VerificationError, match=r"certificates/other\.txt was not there when it was sealed"):
        verify_file(folder / "gate" / "v2" / "attestation.json", signed.trust)
