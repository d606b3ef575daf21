"""The cell cache keeps answers and scores, never failures, and never a latency."""

import pytest

from plimsoll.errors import FailureKind, InfrastructureError
from plimsoll.runs.cache import CellCache
from plimsoll.types import Failed, Failure, Output, Scored, Skipped

FAILED = Failed(failure=Failure(kind=FailureKind.EVALUATOR, message="x", remedy="y"))


def test_an_output_comes_back_without_its_latency(tmp_path):
    with CellCache(tmp_path / "cache.db") as cache:
        cache.keep_output("k", Output(text="a", latency=1.5))
        assert cache.output("k") == Output(text="a", latency=None)
        assert cache.output("other") is None


def test_scores_come_back_without_the_pass_or_fail_of_an_old_threshold(tmp_path):
    with CellCache(tmp_path / "cache.db") as cache:
        cache.keep_scores("k", {"f1": Scored(value=0.5, passed=True, reason="half")})
        assert cache.scores("k") == {"f1": Scored(value=0.5, reason="half")}


@pytest.mark.parametrize("score", [FAILED, Skipped(reason="cached")])
def test_scores_are_kept_whole_or_not_at_all(tmp_path, score):
    with CellCache(tmp_path / "cache.db") as cache:
        cache.keep_scores("k", {"f1": Scored(value=0.5), "other": score})
        assert cache.scores("k") is None


def test_two_open_caches_see_each_others_cells(tmp_path):
    with CellCache(tmp_path / "cache.db") as one, CellCache(tmp_path / "cache.db") as two:
        one.keep_output("k", Output(text="a"))
        two.keep_output("k2", Output(text="b"))
        assert two.output("k") == Output(text="a")
        assert one.output("k2") == Output(text="b")


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path):
    (tmp_path / "cache.db").write_bytes(b"not a database" * 100)
    with pytest.raises(InfrastructureError, match=r"file is not a database .*deleting the file costs only requests"):
        CellCache(tmp_path / "cache.db").__enter__()
