import pytest

from plimsoll.reports.model import View
from plimsoll.reports.view import build_view
from plimsoll.stats import summarise
from plimsoll.testing.reports import example_report, example_verdict
from plimsoll.types import Report

NOTE = "relevance is judged by so small a model that it judges at chance: kept out of the gate"


@pytest.fixture(scope="session")
def report() -> Report:
    return example_report()


@pytest.fixture(scope="session")
def view(report: Report) -> View:
    return build_view(report, summarise(report), [example_verdict(report)], [NOTE])
