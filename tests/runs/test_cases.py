"""A run's cases, looked up and read from its folder."""

import tracemalloc
from itertools import islice

import msgspec
import pytest

from plimsoll.errors import ConfigError
from plimsoll.runs.cases import StoredCases
from plimsoll.types import Case


def numbered(count, filler=""):
    return [Case(id=f"case {number}", inputs={"q": f"é{number} {filler}"}, line=number + 1) for number in range(count)]


def write(path, cases):
    path.write_bytes(b"".join(msgspec.json.encode(case) + b"\n" for case in cases))
    return path


def test_each_case_is_found_by_its_id_and_in_the_files_order(tmp_path):
    cases = numbered(300)[::-1]
    stored = StoredCases(write(tmp_path / "cases.jsonl", cases))
    assert len(stored) == 300
    assert list(stored) == list(stored.keys()) == [case.id for case in cases]
    assert list(stored.values()) == list(stored.values()) == cases
    assert list(stored.items()) == [(case.id, case) for case in cases]
    assert [stored[case.id] for case in sorted(cases, key=lambda case: case.id)] == sorted(
        cases, key=lambda case: case.id
    )
    assert [stored.ordinal(case.id) for case in cases] == list(range(300))
    assert stored == {case.id: case for case in cases}


def test_a_case_asked_for_again_is_the_same_value(tmp_path):
    cases = numbered(100)
    stored = StoredCases(write(tmp_path / "cases.jsonl", cases))
    first = stored["case 0"]
    assert stored["case 0"] is first
    for case in cases:
        assert stored[case.id] == case
    assert stored["case 0"] == first


@pytest.mark.parametrize("case", ["case 3", ""])
def test_a_case_that_is_not_planned_is_no_key(tmp_path, case):
    stored = StoredCases(write(tmp_path / "cases.jsonl", numbered(3)))
    assert case not in stored
    with pytest.raises(KeyError):
        stored.ordinal(case)
    with pytest.raises(KeyError):
        stored[case]


def test_two_readers_do_not_disturb_each_other(tmp_path):
    cases = numbered(2000)
    stored = StoredCases(write(tmp_path / "cases.jsonl", cases))
    one = iter(stored.values())
    assert list(islice(one, 3)) == cases[:3]
    assert stored["case 1999"] == cases[1999]
    assert list(islice(stored.values(), 2)) == cases[:2]
    assert list(one) == cases[3:]


def test_a_file_without_cases_has_none(tmp_path):
    stored = StoredCases(write(tmp_path / "cases.jsonl", []))
    assert (len(stored), list(stored), "x" in stored) == (0, [], False)


def test_missing_cases_are_told(tmp_path):
    with pytest.raises(ConfigError, match=r"cases.jsonl: the run has no cases \(start a new run\)"):
        StoredCases(tmp_path / "cases.jsonl")


def test_cases_that_can_not_be_read_are_told(tmp_path):
    (tmp_path / "cases.jsonl").mkdir()
    with pytest.raises(ConfigError, match=r"cases.jsonl: can't be read: Is a directory"):
        StoredCases(tmp_path / "cases.jsonl")


@pytest.mark.parametrize("line", [b"", b"{", b'{"id": 1}', b'{"inputs": {}}', b"\xff"])
def test_a_damaged_line_is_told_with_its_number(tmp_path, line):
    path = tmp_path / "cases.jsonl"
    path.write_bytes(msgspec.json.encode(Case(id="a", inputs={})) + b"\n" + line + b"\n")
    with pytest.raises(ConfigError, match=r"cases.jsonl:2: damaged case: .* \(start a new run\)"):
        StoredCases(path)


def test_a_line_that_only_names_a_case_is_told_when_the_case_is_read(tmp_path):
    path = tmp_path / "cases.jsonl"
    path.write_bytes(msgspec.json.encode(Case(id="a", inputs={})) + b'\n{"id": "b", "inputs": 5}\n')
    stored = StoredCases(path)
    assert stored["a"].id == "a"
    for read in (lambda: stored["b"], lambda: list(stored.values())):
        with pytest.raises(ConfigError, match=r"cases.jsonl:2: damaged case: .*inputs"):
            read()


def test_memory_holds_places_not_cases(tmp_path):
    path = write(tmp_path / "cases.jsonl", numbered(10_000, "x" * 500))
    tracemalloc.start()
    stored = StoredCases(path)
    for case in islice(stored, 200):
        assert stored[case].id == case
    assert sum(1 for _ in stored.values()) == 10_000
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The file holds 6 MB. 24 bytes a row stay, and sixty-four cases.
    assert now < 500_000
    assert peak < 2_000_000
