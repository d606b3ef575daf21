"""What collects suites: `suites/desk.yaml` → targets → cases, and the gate. Nothing is asked of a model here.

The rest of Plimsoll is imported when the first suite is found: the process that starts xdist's workers finds none.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.pytest_plugin import RUN, workspace_of

if TYPE_CHECKING:
    from plimsoll.config import Workspace
    from plimsoll.pytest_plugin.items import CaseItem, GateItem, SuiteFile

_SHARED = "plimsoll_shared"
"""In what xdist gives its workers: the folder by which those of one test run share what was run."""
_FOUND = "plimsoll_found"
"""In what workers give back: whether they collected anything that evaluates."""
_NOTHING = """\
nothing was evaluated: no suite and no test that uses the fixture was collected
name the suites: pytest --plimsoll FOLDER/suites"""


class Suites:
    """The hooks of a run of pytest that was asked to evaluate."""

    def __init__(self, config: pytest.Config) -> None:
        self._made: Path | None = None
        self._workspaces: dict[Path, Workspace | None] = {}
        self._suites: list[SuiteFile] = []
        self._found = False
        self._expects = _expects_suites(config)
        given = getattr(config, "workerinput", {}).get(_SHARED)
        self.shared = None if given is None else Path(given)
        self._add_suites(config)

    def _add_suites(self, config: pytest.Config) -> None:
        """Where pytest looks at `testpaths`, the suites are among them."""
        suites = (workspace_of(config) or config.rootpath) / "suites"
        if config.args_source is not pytest.Config.ArgsSource.TESTPATHS or not suites.is_dir():
            return
        if not any(suites.is_relative_to((config.rootpath / arg).resolve()) for arg in config.args):
            config.args.append(str(suites))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """xdist's, in the process that starts workers: the folder that they share."""
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix="plimsoll-pytest-"))
        node.workerinput[_SHARED] = str(self._made)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """xdist's, in the process that started a worker: it collects nothing itself."""
        self._found |= getattr(node, "workeroutput", {}).get(_FOUND, False)

    def pytest_unconfigure(self) -> None:
        """What the workers shared is of this run only."""
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
        """A YAML file below a workspace's `suites/`."""
        if file_path.suffix not in (".yaml", ".yml") or "suites" not in file_path.parts[:-1]:
            return None
        workspace = self._workspace(file_path.parent)
        # A workspace's root is without symbolic links; a suite's own file may be one.
        folder = file_path.parent.resolve()
        if workspace is None or not folder.is_relative_to(workspace.root / "suites"):
            return None
        from plimsoll.pytest_plugin.items import SuiteFile

        suite: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
        suite.workspace, suite.shared = workspace, self.shared
        self._suites.append(suite)
        return suite

    def _workspace(self, folder: Path) -> Workspace | None:
        if folder not in self._workspaces:
            from plimsoll.config import Workspace
            from plimsoll.errors import PlimsollError

            try:
                self._workspaces[folder] = Workspace.find(folder)
            except PlimsollError as error:
                if error.where is not None:
                    raise pytest.UsageError(str(error)) from None
                self._workspaces[folder] = None
        return self._workspaces[folder]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Tests that use the fixture are `-m plimsoll` too."""
        asking = [item for item in items if "plimsoll" in getattr(item, "fixturenames", ())]
        for item in asking:
            item.add_marker("plimsoll")
        # --lf may have passed over the files in which there are more.
        self._found = bool(self._suites or asking or config.getoption("lf", False))
        getattr(config, "workeroutput", {})[_FOUND] = self._found

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What is left when all were deselected that are to be: nothing else is asked for."""
        if not self._suites:
            return
        from plimsoll.pytest_plugin.items import CaseItem, GateItem

        picked: dict[SuiteFile, list[CaseItem | GateItem]] = {}
        for item in session.items:
            if isinstance(item, CaseItem | GateItem):
                picked.setdefault(item.suite, []).append(item)
        for suite, items in picked.items():
            cases = [item.pair for item in items if isinstance(item, CaseItem)]
            suite.bench.pick(cases, gate=len(cases) < len(items))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Where suites were to be run and there are none, other tests that pass are no success."""
        if self._lacks and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    @property
    def _lacks(self) -> bool:
        return self._expects and not self._found

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Where the reports of the runs are."""
        if self._lacks:
            terminalreporter.section("plimsoll")
            terminalreporter.write_line(_NOTHING, red=True)
        runs = dict(_runs(report for reports in terminalreporter.stats.values() for report in reports))
        if runs:
            terminalreporter.section("plimsoll")
        for run, suite in sorted(runs.items()):
            terminalreporter.write_line(f"{suite}: plimsoll report {run}")


def is_suite(path: Path) -> bool:
    """Whether a file can be read as a suite of a workspace."""
    from plimsoll.config import Workspace
    from plimsoll.errors import PlimsollError

    try:
        Workspace.find(path.parent).load_suite(path)
    except PlimsollError:
        return False
    return True


def _expects_suites(config: pytest.Config) -> bool:
    """Whether this run of pytest is to evaluate something: by the flag as it was typed, or as a run of the project."""
    of_project = config.args_source is not config.ArgsSource.ARGS and config.invocation_params.dir == config.rootpath
    return of_project or "--plimsoll" in config.invocation_params.args


def _runs(reports: Iterable[Any]) -> Iterable[tuple[str, str]]:
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name == RUN:
                suite = report.nodeid.split("::")[0]
                yield value, suite
