"""Several processes use one cache at once: nothing is lost, nothing raises, and a killed one harms nobody."""

import subprocess

from tests.runs.cache_parts import command
from tests.runs.cache_worker import key_of

from plimsoll.runs.cache import CellCache
from plimsoll.types import Output, Scored


def start(*words):
    process = subprocess.Popen(
        command(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    return process


def test_processes_that_make_and_fill_a_cache_at_once_lose_nothing(tmp_path):
    path, names = tmp_path / "cache.db", ["a", "b", "c"]
    processes = [start("share", str(path), name, ",".join(names)) for name in names]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    assert ended == [('"done"\n', "", 0)] * 3
    with CellCache(path) as cache:
        for number in range(400):
            assert cache.output(key_of(f"common {number}")) == Output(text="common")
            for name in names:
                assert cache.output(key_of(f"{name} {number}")) == Output(text=name)
                assert cache.scores(key_of(f"score {name} {number}")) == {"f1": Scored(value=0.5)}


def test_a_writer_that_is_killed_leaves_a_cache_with_its_written_batches(tmp_path):
    path = tmp_path / "cache.db"
    with start("write_on", str(path)) as process:
        assert process.stdout.readline() == '"going"\n'
        process.kill()
    with CellCache(path) as cache:
        assert all(cache.output(key_of(f"killed {number}")) for number in range(768))
