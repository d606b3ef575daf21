"""Copies of checked datasets: what makes one, what it saves, and what no copy may hide."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from tests.datasets.test_case_digest import ROWS, with_ids

from plimsoll.config import CaseDefaults
from plimsoll.datasets import Dataset, open_dataset
from plimsoll.errors import ConfigError

CARD = "name: x\ndescription: x\nsource: x\nlicence: x\n"
DAY = 24 * 3600.0


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "state" / "datasets"


def dataset(folder: Path, text: str = '{"id": "a", "q": "x"}\n{"id": "b", "q": "y"}\n', name: str = "x.jsonl") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def checked(path: Path, copies: Path, defaults: CaseDefaults | None = None) -> Dataset:
    """Opened and checked, with a copy to show for it."""
    opened = open_dataset(path, path.name, defaults, copies=copies)
    opened.check()
    return opened


def files(copies: Path, suffix: str = ".jsonl") -> set[Path]:
    return {path for path in copies.rglob("*") if path.is_file() and path.suffix == suffix}


def everything(copies: Path) -> set[str]:
    return {path.name for path in copies.rglob("*") if path.is_file()}


@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_a_copy_holds_what_the_file_holds(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    path = write_rows(folder / "x.jsonl", with_ids(rows))
    read = open_dataset(path)
    summary, cases = read.check(), list(read)
    for _ in range(2):
        again = open_dataset(path, copies=folder / "copies")
        assert again.check() == summary
        assert repr(list(again)) == repr(cases)
    assert len(files(folder / "copies")) == 1


@pytest.mark.parametrize(
    ("name", "text"), [("x.jsonl", '{"id": 1, "q": 123456789012345678901234567890}\n'), ("x.csv", "id,q\n1,x\n")]
)
def test_a_dataset_that_was_checked_is_not_read_again(tmp_path: Path, copies: Path, name: str, text: str) -> None:
    path = dataset(tmp_path, text, name)
    opened = checked(path, copies)
    again = open_dataset(path, copies=copies)
    path.unlink()
    assert again.check() == opened.check()
    assert list(again) == list(opened)
    assert [case.id for case in again] == ["1"]


def test_another_content_card_form_or_default_is_another_copy(tmp_path: Path, copies: Path) -> None:
    path = dataset(tmp_path)
    checked(path, copies)
    assert checked(path, copies, CaseDefaults(slices=["s"])).check().slices == {"s": 2}
    (tmp_path / "x.card.yaml").write_text(CARD + "min_cases: 2\n", encoding="utf-8")
    checked(path, copies)
    dataset(tmp_path, '{"id": "a", "q": "z"}\n{"id": "b", "q": "y"}\n')
    assert [case.inputs["q"] for case in checked(path, copies)] == ["z", "y"]
    assert len(files(copies)) == 4
    (tmp_path / "x.card.yaml").write_text(CARD + "min_cases: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="2 cases, but the card asks for at least 3"):
        checked(path, copies)


def test_a_dataset_with_a_mistake_leaves_no_copy(tmp_path: Path, copies: Path) -> None:
    path = dataset(tmp_path, '{"id": "a", "q": "x"}\n{"id": "a", "q": "y"}\n')
    for _ in range(2):
        with pytest.raises(ConfigError, match="the id 'a' is taken"):
            checked(path, copies)
    assert everything(copies) == set()


def _shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _edited(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"x"', b'"z"'))


def _not_json(path: Path) -> None:
    path.write_bytes(b"{")


@pytest.mark.parametrize(
    ("damage", "suffix"),
    [
        (_shorter, ".jsonl"),
        (_edited, ".jsonl"),
        (Path.unlink, ".jsonl"),
        (_not_json, ".json"),
        (Path.unlink, ".json"),
    ],
)
def test_a_damaged_copy_is_noticed_and_made_anew(
    tmp_path: Path, copies: Path, damage: Callable[[Path], None], suffix: str
) -> None:
    path = dataset(tmp_path)
    opened = checked(path, copies)
    right, (copy,) = list(open_dataset(path)), files(copies)
    whole = copy.read_bytes()
    (target,) = files(copies, suffix)
    damage(target)
    assert list(opened) == right
    assert checked(path, copies).check() == open_dataset(path).check()
    assert copy.read_bytes() == whole


def test_where_no_copy_can_be_written_the_dataset_is_read_from_its_file(tmp_path: Path) -> None:
    path = dataset(tmp_path)
    # No folder can be made below a file, whoever asks.
    blocked = tmp_path / "blocked"
    blocked.touch()
    opened = checked(path, blocked / "datasets")
    assert [case.id for case in opened] == ["a", "b"]
    assert opened.check().cases == 2


CHECK_WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from plimsoll.datasets import open_dataset
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
opened = open_dataset(Path(sys.argv[1]), copies=Path(sys.argv[2]))
print(opened.check().cases, len(list(opened)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
@pytest.mark.parametrize("count", [20, 3000], ids=["at the end", "on the way"])
def test_a_disk_without_room_means_no_copy(tmp_path: Path, copies: Path, count: int) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"id": number, "q": "x"} for number in range(count)])
    command = [sys.executable, "-c", CHECK_WITHOUT_ROOM, str(path), str(copies)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{count} {count}\n", "")
    assert everything(copies) == set()


def test_a_file_that_changes_between_two_passes_is_an_error(tmp_path: Path, copies: Path) -> None:
    path = dataset(tmp_path)
    plain, copied = open_dataset(path, "x.jsonl"), open_dataset(path, "x.jsonl", copies=copies)
    dataset(tmp_path, '{"id": "a", "q": "z"}\n')
    for read in (plain.check, copied.check, lambda: list(plain), lambda: list(copied)):
        with pytest.raises(ConfigError, match=r"^x.jsonl: the file changed while it was read \(run the command again"):
            read()
    assert everything(copies) == set()


def test_a_file_that_is_gone_after_it_was_read_is_an_error(tmp_path: Path) -> None:
    path = dataset(tmp_path)
    cases = iter(open_dataset(path, "x.jsonl"))
    next(cases)
    path.unlink()
    with pytest.raises(ConfigError, match=r"x.jsonl: the file changed while it was read"):
        list(cases)


def test_a_run_that_reads_a_copy_is_not_disturbed_by_an_edit_of_the_file(tmp_path: Path, copies: Path) -> None:
    opened = checked(dataset(tmp_path), copies)
    before = list(opened)
    dataset(tmp_path, '{"id": "new", "q": "x"}\n')
    assert list(opened) == before


def test_of_one_dataset_the_copies_used_last_are_kept(tmp_path: Path, copies: Path) -> None:
    paths: list[Path] = []
    for number in range(6):
        checked(dataset(tmp_path, f'{{"q": {number}}}\n'), copies)
        for path in files(copies, ".json") - set(paths):
            paths.append(path)
            # In the order they were made, all long enough ago to tell them apart from the next.
            os.utime(path, (path.stat().st_mtime - 3600 + number, path.stat().st_mtime - 3600 + number))
        if number == 3:
            # Used again: then the second is the oldest.
            checked(dataset(tmp_path, '{"q": 0}\n'), copies)
    assert files(copies, ".json") == {paths[0], *paths[3:]}
    assert {path.stem for path in files(copies)} == {path.stem for path in files(copies, ".json")}


def test_copies_that_no_command_used_for_a_month_go_and_so_does_what_was_left_behind(
    tmp_path: Path, copies: Path
) -> None:
    checked(dataset(tmp_path, name="old.jsonl"), copies)
    checked(dataset(tmp_path, name="kept.jsonl"), copies)
    (old,) = files(copies / "old", ".json")
    leftover, fresh = copies / "kept" / ".new-old", copies / "kept" / ".new-fresh"
    for path, age in ((old, 31 * DAY), (leftover, 2 * DAY), (fresh, 0.0)):
        path.touch()
        os.utime(path, (path.stat().st_mtime - age, path.stat().st_mtime - age))
    checked(dataset(tmp_path, name="other.jsonl"), copies)
    assert not files(copies / "old") | files(copies / "old", ".json")
    assert len(files(copies / "kept")) == 1
    assert fresh.exists()
    assert not leftover.exists()


def test_two_that_check_at_once_leave_one_whole_copy(tmp_path: Path, copies: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"id": number, "q": "x"} for number in range(500)])
    start = threading.Barrier(4)

    def check() -> None:
        start.wait()
        checked(path, copies)

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opened = open_dataset(path, copies=copies)
    path.unlink()
    assert len(list(opened)) == opened.check().cases == 500
    assert len(everything(copies)) == 2
