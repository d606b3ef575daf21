"""The cell cache keeps answers and scores, never failures, and never a latency; a batch loses nothing."""

import sqlite3
from functools import partial

import pytest
from tests.runs.cache_worker import DAY, PARTS, keep, keep_score, key_of

from plimsoll.errors import FailureKind, InfrastructureError
from plimsoll.runs.cache import CellCache
from plimsoll.types import Failed, Failure, Output, Scored, Skipped

FAILED = Failed(failure=Failure(kind=FailureKind.EVALUATOR, message="x", remedy="y"))


def rows(path, columns="count(*)"):
    database = sqlite3.connect(path)
    try:
        return database.execute(f"SELECT {columns} FROM kept ORDER BY id").fetchall()
    finally:
        database.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.db"


def test_an_output_comes_back_without_its_latency(path):
    with CellCache(path) as cache:
        key = keep(cache, 1)
        assert cache.output(key) == Output(text="a", latency=None)
        assert cache.output(key_of("other")) is None
    with CellCache(path) as cache:
        assert cache.output(key) == Output(text="a", latency=None)


def test_scores_come_back_without_the_pass_or_fail_of_an_old_threshold(path):
    with CellCache(path) as cache:
        cache.keep_scores(key_of(1), {"f1": Scored(value=0.5, passed=True, reason="half")}, "s/t/0/f1/1", PARTS)
    with CellCache(path) as cache:
        assert cache.scores(key_of(1)) == {"f1": Scored(value=0.5, reason="half")}


def test_turns_come_back_without_it_too(path):
    turns = (Scored(value=0.4, passed=False), Skipped(reason="no"), Scored(value=0.6, passed=True))
    with CellCache(path) as cache:
        cache.keep_scores(key_of(1), {"f1": Scored(value=0.5, passed=True, turns=turns)}, "s/t/0/f1/1", PARTS)
        bare = (Scored(value=0.4), Skipped(reason="no"), Scored(value=0.6))
        assert cache.scores(key_of(1)) == {"f1": Scored(value=0.5, turns=bare)}


@pytest.mark.parametrize("score", [FAILED, Skipped(reason="cached")])
def test_scores_are_kept_whole_or_not_at_all(path, score):
    with CellCache(path) as cache:
        cache.keep_scores(key_of(1), {"f1": Scored(value=0.5), "other": score}, "s/t/0/f1/1", PARTS)
        assert cache.scores(key_of(1)) is None
    assert rows(path) == [(0,)]


def test_an_answer_that_was_cut_is_kept_as_it_was(path):
    cut = Output(text="and so", finish="length")
    with CellCache(path) as cache:
        cache.keep_output(key_of(1), cut, "s/t/0//1", PARTS)
    with CellCache(path) as cache:
        assert cache.output(key_of(1)) == cut


def test_a_later_answer_takes_the_place_of_an_earlier_one(path):
    for text in ("old", "new"):
        with CellCache(path) as cache:
            key = keep(cache, 1, text)
    with CellCache(path) as cache:
        assert cache.output(key) == Output(text="new")
    assert rows(path) == [(1,)]


def test_a_batch_is_one_transaction_and_is_read_before_it_is_written(path):
    with CellCache(path, clock=lambda: 0.0) as cache:
        keys = [keep(cache, n) for n in range(255)]
        assert rows(path) == [(0,)]
        assert all(cache.output(key) for key in keys)
        keep(cache, 255)
        assert rows(path) == [(256,)]


def test_a_batch_that_is_old_is_written_with_the_next_cell(path):
    now = [0.0]
    with CellCache(path, clock=lambda: now[0]) as cache:
        keep(cache, 1)
        now[0] = 0.3
        keep(cache, 2)
        assert rows(path) == [(2,)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_kept_is_written_also_when_the_work_is_broken_off(path, error):
    def interrupted():
        with CellCache(path) as cache:
            keep(cache, 1)
            raise error

    with pytest.raises(error):
        interrupted()
    assert rows(path) == [(1,)]


def test_two_open_caches_see_each_others_cells(path):
    with CellCache(path) as one, CellCache(path) as two:
        first, second = keep(one, 1), keep(two, 2, "b")
        one.flush()
        two.flush()
        assert two.output(first) == Output(text="a")
        assert one.output(second) == Output(text="b")


def test_the_day_of_use_is_written_once_a_day(path):
    with CellCache(path, clock=lambda: 10 * DAY) as cache:
        key, scores = keep(cache, 1), keep_score(cache, 1)
    for time in (11 * DAY, 11.5 * DAY):
        with CellCache(path, clock=partial(float, time)) as cache:
            assert cache.output(key)
        assert rows(path, "used") == [(11,), (10,)]
    with CellCache(path, clock=lambda: 12 * DAY) as cache:
        assert cache.scores(scores)
    assert rows(path, "used") == [(11,), (12,)]
    assert rows(path, "created") == [(10 * DAY,), (10 * DAY,)]


def test_cells_do_not_wait_for_another_writer_and_are_written_after_it(path):
    other = sqlite3.connect(path, isolation_level=None)
    with CellCache(path, wait=0.01) as cache:
        other.execute("BEGIN IMMEDIATE")
        keys = [keep(cache, n) for n in range(600)]
        assert all(cache.output(key) for key in keys)
        other.execute("COMMIT")
        keep(cache, 600)
        cache.flush()
    other.close()
    assert rows(path) == [(601,)]


def test_a_writer_that_never_ends_is_an_error_and_nothing_is_lost_when_it_does(path):
    other = sqlite3.connect(path, isolation_level=None)
    with CellCache(path, wait=0.01) as cache:
        other.execute("BEGIN EXCLUSIVE")
        key = keep(cache, 1)
        with pytest.raises(InfrastructureError, match=r"cache\.db: database is locked") as caught:
            cache.flush()
        assert "another program holds it" in (caught.value.remedy or "")
        assert cache.output(key) == Output(text="a")
        other.execute("ROLLBACK")
    other.close()
    assert rows(path) == [(1,)]


def test_a_row_that_was_damaged_is_as_if_it_were_not_there(path):
    with CellCache(path) as cache:
        keep(cache, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("UPDATE kept SET value = ?", (b'{"text":',))
    other.close()
    with CellCache(path) as cache:
        assert cache.output(key_of(1)) is None


def test_what_waits_for_another_writer_has_a_limit(path):
    def fill():
        for number in range(10_000):
            keep(cache, number)

    other = sqlite3.connect(path, isolation_level=None)
    with CellCache(path, wait=0.01) as cache:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InfrastructureError, match="locked"):
            fill()
        other.execute("COMMIT")
    other.close()
    assert 1000 < rows(path)[0][0] < 10_000


def test_an_error_on_its_way_is_not_hidden_by_a_cache_that_cannot_be_written(path):
    def broken_off(other):
        with CellCache(path, wait=0.01) as cache:
            other.execute("BEGIN IMMEDIATE")
            keep(cache, 1)
            raise KeyboardInterrupt

    other = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(KeyboardInterrupt):
        broken_off(other)
    other.close()


def test_an_output_older_than_asked_for_is_not_given_and_is_counted(path):
    now = 1000.5 * DAY
    with CellCache(path, clock=lambda: now) as cache:
        key = keep(cache, 1)
        assert cache.output(key, now - 1) == Output(text="a")
        assert cache.output(key, now + 1) is None
        assert cache.output(key_of("other"), now + 1) is None
        assert cache.too_old == 1


def test_an_output_from_the_future_has_no_age(path):
    now = 1000.5 * DAY
    for ahead, given in ((0.9, True), (1.1, False)):
        with CellCache(path, clock=partial(float, now + ahead * DAY)) as cache:
            key = keep(cache, 1)
        with CellCache(path, clock=lambda: now) as cache:
            assert (cache.output(key, now - 7 * DAY) is not None) is given
            assert cache.too_old == (not given)
            assert cache.output(key) is not None
