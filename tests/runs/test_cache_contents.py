"""What a cache holds is counted, and pruning takes what was used longest ago, and no more than it must."""

from functools import partial

import pytest
from tests.runs.cache_worker import DAY, keep, keep_score, key_of

from plimsoll.runs.cache import CellCache
from plimsoll.runs.cache_contents import Contents, Share, contents, prune
from plimsoll.runs.cache_file import CacheFile


@pytest.fixture
def path(tmp_path):
    """Two suites: three old cells, of which one was used again, and two new ones."""
    path = tmp_path / "cache.db"
    with CellCache(path, clock=partial(float, 10 * DAY)) as cache:
        keep(cache, 1, suite="first")
        keep(cache, 2, suite="first")
        keep_score(cache, 1, suite="first")
    with CellCache(path, clock=partial(float, 40 * DAY + 3600)) as cache:
        assert cache.output(key_of(2))
        keep(cache, 3, suite="second")
        keep_score(cache, 3, suite="second")
    return path


def left(path):
    with CellCache(path) as cache:
        outputs = {number for number in range(1, 400) if cache.output(key_of(number))}
        return outputs, {number for number in range(1, 400) if cache.scores(key_of(f"score {number}"))}


def test_contents_are_counted_by_suite_with_their_times(path):
    with CacheFile(path, wait=1) as file:
        found = contents(file)
    assert found == Contents(
        size=found.size,
        held=Share(outputs=3, scores=2),
        oldest="1970-01-11T00:00:00+00:00",
        newest="1970-02-10T01:00:00+00:00",
        used="1970-02-10",
        suites={"first": Share(outputs=2, scores=1), "second": Share(outputs=1, scores=1)},
    )
    assert found.size == path.stat().st_size


def test_what_was_not_used_for_long_is_removed(path):
    with CacheFile(path, wait=1) as file:
        done = prune(file, unused_since=40)
    assert done.removed == Share(outputs=1, scores=1)
    assert left(path) == ({2, 3}, {3})


def test_beyond_a_size_what_was_used_longest_ago_is_removed(tmp_path):
    path = tmp_path / "cache.db"
    for day in range(1, 301):
        with CellCache(path, clock=partial(float, day * DAY)) as cache:
            keep(cache, day, "x" * 1000)
            if day == 300:
                assert cache.output(key_of(7))
    with CacheFile(path, wait=1) as file:
        done = prune(file, most=100_000)
        assert file.size == done.after <= 100_000 < done.before
    outputs, _ = left(path)
    newest = outputs - {7}
    assert 7 in outputs
    assert newest == set(range(min(newest), 301))
    assert len(outputs) == 300 - done.removed.outputs
    assert done.after > 70_000


def test_a_cache_that_is_small_enough_loses_nothing(path):
    with CacheFile(path, wait=1) as file:
        assert prune(file, unused_since=5, most=10**9).removed == Share()


def test_a_size_that_nothing_fits_into_empties_the_cache(path):
    with CacheFile(path, wait=1) as file:
        assert prune(file, most=1).removed == Share(outputs=3, scores=2)
        assert contents(file).held == Share()


def test_a_cache_in_use_can_be_pruned(path):
    with CellCache(path) as running:
        assert running.output(key_of(1))
        with CacheFile(path, wait=1) as file:
            prune(file, unused_since=10**6)
        assert running.output(key_of(1)) is None
        key = keep(running, 5)
    with CellCache(path) as cache:
        assert cache.output(key)
