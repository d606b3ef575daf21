import msgspec
from msgspec.structs import replace

from plimsoll.testing.reports import example_report
from plimsoll.types import Failed, Output, Report, Scored, Skipped


def test_the_example_is_the_same_for_the_same_arguments_and_another_for_another_seed():
    assert example_report(40) == example_report(40)
    assert example_report(40) != example_report(40, seed=1)


def test_the_example_can_be_written_and_read_as_json():
    report = example_report(60)
    again = msgspec.json.decode(msgspec.json.encode(report), type=Report)
    assert replace(again, cells=tuple(again.cells)) == report


def test_the_example_holds_everything_that_a_report_can_hold():
    report = example_report()
    scores = {type(score) for cell in report.cells for score in cell.scores.values()}
    assert scores == {Scored, Failed, Skipped}
    assert {type(cell.outcome) for cell in report.cells} > {Output}
    assert any(cell.cached for cell in report.cells)
    assert not report.run.complete


def test_a_flawless_example_lacks_nothing():
    report = example_report(10, repeats=2, flawless=True)
    assert report.run.complete
    assert len(report.cells) == 60
    assert all(isinstance(cell.outcome, Output) and not cell.cached for cell in report.cells)
    assert not any(isinstance(score, Failed) for cell in report.cells for score in cell.scores.values())
