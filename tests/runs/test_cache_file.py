"""Every way in which the cache's file can fail names the file and says what to do; what was written before stays."""

import os
import sqlite3

import pytest
from tests.runs.cache_parts import on_small_disk
from tests.runs.cache_worker import keep

from plimsoll.errors import InfrastructureError
from plimsoll.runs.cache import CellCache
from plimsoll.runs.cache_file import LAYOUT


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.db"


def told_by_opening(path, wait=1.0):
    with pytest.raises(InfrastructureError) as caught, CellCache(path, wait=wait):
        pass
    assert caught.value.message.startswith(f"cell cache {path}: ")
    return caught.value.message.removeprefix(f"cell cache {path}: "), caught.value.remedy or ""


def test_a_file_that_is_no_database_is_told_and_left_as_it_is(path):
    path.write_bytes(b"not a database" * 100)
    message, remedy = told_by_opening(path)
    assert (message, remedy) == ("file is not a database", "delete it: that costs requests, nothing else")
    assert path.read_bytes() == b"not a database" * 100


def test_a_damaged_database_is_told(path):
    with CellCache(path) as cache:
        for number in range(300):
            key = keep(cache, number, "x" * 500)
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    with CellCache(path) as cache, pytest.raises(InfrastructureError, match="malformed") as caught:
        cache.output(key)
    assert caught.value.remedy == "delete it: that costs requests, nothing else"


def test_a_file_of_a_newer_version_is_told_and_left_as_it_is(path):
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version={LAYOUT + 1}")
    database.close()
    before = path.read_bytes()
    message, remedy = told_by_opening(path)
    assert message == f"a newer version of plimsoll wrote it (layout {LAYOUT + 1}; this one knows {LAYOUT})"
    assert remedy == "update plimsoll, or delete it: that costs requests, nothing else"
    assert path.read_bytes() == before


def test_a_file_of_an_older_layout_is_begun_anew(path):
    database = sqlite3.connect(path)
    database.executescript("CREATE TABLE cells (kind, key, value); INSERT INTO cells VALUES ('output', 'k', x'00')")
    database.close()
    with CellCache(path) as cache:
        key = keep(cache, 1)
    database = sqlite3.connect(path)
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    database.close()
    assert tables == [("kept",)]
    with CellCache(path) as cache:
        assert cache.output(key)


def test_a_database_that_another_program_keeps_locked_is_told(path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    message, remedy = told_by_opening(path, wait=0.05)
    assert message == "database is locked"
    assert remedy.startswith("another program holds it")
    other.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "state").write_text("a file")
    message, remedy = told_by_opening(tmp_path / "state" / "deep" / "cache.db")
    assert message == "Not a directory"
    assert remedy == "make its folder writable"


def test_a_folder_in_the_place_of_the_file_is_told(path):
    path.mkdir()
    message, remedy = told_by_opening(path)
    assert message == "unable to open database file"
    assert remedy == "make the file and its folder readable and writable"


def test_a_full_disk_is_told_and_what_was_written_before_stays(tmp_path):
    found = on_small_disk(tmp_path / "disk", "fill")
    message, remedy = found["told"]
    assert message == f"cell cache {tmp_path / 'disk' / 'cache.db'}: database or disk is full"
    assert remedy.startswith("free some space, then go on with --resume")
    assert found["readable"] == [True] * 50


@pytest.mark.parametrize("state", ["absent", "there"])
def test_a_read_only_disk_is_told(tmp_path, state):
    message, remedy = on_small_disk(tmp_path / "disk", "write_protected", state)
    assert message == f"cell cache {tmp_path / 'disk' / 'cache.db'}: unable to open database file"
    assert remedy == "make the file and its folder readable and writable"
