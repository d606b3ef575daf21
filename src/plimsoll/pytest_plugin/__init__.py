"""Suites as pytest items: `pytest --plimsoll`; and the fixture `plimsoll` for evaluations written as tests.

Every pytest in an environment with Plimsoll imports this module. So it imports nothing but pytest, and without the
flag or the ini option it collects nothing and asks nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.pytest_plugin.evals import Evals

__all__ = ["RUN", "plimsoll", "pytest_addoption", "pytest_configure", "pytest_terminal_summary"]

RUN = "plimsoll.run"
"""The user property that names an item's run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flags, and the ini options that set them for good."""
    group = parser.getgroup("plimsoll", "evaluation of prompts and flows (Plimsoll)")
    group.addoption(
        "--plimsoll", action="store_true", default=False, help="run the workspace's suites/: this asks models"
    )
    group.addoption(
        "--plimsoll-cases",
        action="store_true",
        default=False,
        help="a case fails by its own conditions (pass_if), also where the suite's gate decides",
    )
    group.addoption(
        "--plimsoll-baseline", metavar="BASELINE", default=None, help="what gates compare with, over their policy's"
    )
    group.addoption(
        "--plimsoll-workspace", metavar="FOLDER", default=None, help="the workspace, for tests that lie elsewhere"
    )
    parser.addini("plimsoll", "as --plimsoll, for every run of pytest", type="bool", default=False)
    parser.addini("plimsoll_cases", "as --plimsoll-cases", type="bool", default=False)
    parser.addini("plimsoll_workspace", "as --plimsoll-workspace; relative to pytest's rootdir", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Where it is asked for, what collects suites is loaded."""
    config.addinivalue_line("markers", "plimsoll: asks models: a suite's case or gate, or a test with the fixture")
    if is_asked_for(config):
        from plimsoll.pytest_plugin.collecting import Suites

        config.pluginmanager.register(Suites(config), "plimsoll-suites")


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Without the flag a suite is a file that pytest finds nothing in: who names one is told of the flag."""
    if exitstatus != pytest.ExitCode.USAGE_ERROR or is_asked_for(config):
        return
    named = [config.invocation_params.dir / arg.split("::")[0] for arg in config.args]
    if any(path.suffix in (".yaml", ".yml") and "suites" in path.parts for path in named):
        from plimsoll.pytest_plugin.collecting import is_suite

        if any(map(is_suite, named)):
            terminalreporter.write_line("suites are run by the flag: pytest --plimsoll", yellow=True)


def is_asked_for(config: pytest.Config) -> bool:
    """Whether this run of pytest may ask models."""
    return bool(config.getoption("plimsoll") or config.getini("plimsoll"))


def workspace_of(config: pytest.Config) -> Path | None:
    """The workspace that is named for this run of pytest; None where none is."""
    asked, settled = config.getoption("plimsoll_workspace"), config.getini("plimsoll_workspace")
    if not (asked or settled):
        return None
    base: Path = config.invocation_params.dir if asked else config.rootpath
    return base / str(asked or settled)


@pytest.fixture
def plimsoll(request: pytest.FixtureRequest) -> Evals:
    """Asks targets and scores answers, in a test of one's own; skips the test where models may not be asked."""
    if not is_asked_for(request.config):
        pytest.skip("asks models: pytest --plimsoll")
    from plimsoll.pytest_plugin.evals import Evals

    return Evals(request.path.parent, workspace_of(request.config))
