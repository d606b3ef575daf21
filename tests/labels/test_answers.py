"""Labels beside their answers: a word on a failure is none on the answer that came after it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.viewer.parts import RUN, append, telling_report, write_run

from plimsoll.errors import FailureKind
from plimsoll.labels import join
from plimsoll.types import EXPECTED, CellRecord, Failure, HumanLabel

STARTED = 1_773_500_966.2504
"""2026-03-14T15:09:26.250Z, and a bit."""
BEFORE, AFTER = "2026-03-14T15:09:26.249Z", "2026-03-14T15:09:26.250Z"
REPORT = telling_report(1, ("v1",))


@pytest.fixture(params=["UTC", "Pacific/Kiritimati", "America/New_York"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock is shown in some time zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


def resumed(state: Path, started: float | None, *, cached: bool = False) -> CellRecord:
    """A run whose only cell failed, was asked again, and answered then."""
    [record] = REPORT.cells
    down = Failure(kind=FailureKind.SERVER, message="down", remedy="wait")
    failed = replace(record, outcome=down, scores={}, started=STARTED - 60)
    folder = write_run(state, replace(REPORT, cells=(failed,)))
    answered = replace(record, started=started, cached=cached)
    append(folder, replace(REPORT, cells=(answered,)))
    return answered


def joined(state: Path, at: str, name: str = "tone") -> tuple[list[str | None], tuple[str, ...]]:
    """What is said of the answer by somebody who said it at a time, and what is told."""
    label = HumanLabel(run=RUN, cell=REPORT.cells[0].cell, name=name, value="curt", who="Ada", at=at, source="mlflow")
    found = join([label], lambda run: state / "runs" / run)
    return [each.output.text if each.output else None for each in found.answers], found.told


@pytest.mark.usefixtures("_zone")
def test_a_label_that_is_older_than_the_answer_is_none_of_it(tmp_path: Path) -> None:
    cell = resumed(tmp_path, STARTED).cell
    told = (f"Ada on {cell} of {RUN}: the cell was run again since, so label it again",)
    # MLflow's, to the millisecond; the viewer's, to the second; a day before and after.
    for at in (BEFORE, "2026-03-14T15:09:25Z", "2026-03-13T20:00:00.000Z"):
        assert joined(tmp_path, at) == ([], told)
    for at in (AFTER, "2026-03-14T15:09:26Z", "2026-03-14T15:09:27Z", "2026-03-15T01:00:00.000Z"):
        assert joined(tmp_path, at) == (["answer number 0"], ())


def test_what_an_answer_should_have_been_counts_whatever_was_answered_then(tmp_path: Path) -> None:
    resumed(tmp_path, STARTED)
    assert joined(tmp_path, BEFORE, EXPECTED) == (["answer number 0"], ())


def test_of_an_answer_from_the_cache_nobody_knows_since_when_it_stands(tmp_path: Path) -> None:
    resumed(tmp_path, None, cached=True)
    assert joined(tmp_path, BEFORE) == (["answer number 0"], ())
