"""The nodes: a suite's file, its targets, their cases, and the gate.

A case that fails tells of its target, an error tells of what answers or scores. Whether a condition that is not met
fails its case is the policy's to say where there is one: then the gate's item decides, unless the cases were asked to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from plimsoll.api.options import RunOptions
from plimsoll.api.picked import Pair
from plimsoll.api.prepare import Prepared, prepare
from plimsoll.api.runs import select_cases
from plimsoll.config import Workspace
from plimsoll.errors import PlimsollError
from plimsoll.pytest_plugin import RUN
from plimsoll.pytest_plugin.bench import Bench, BenchError
from plimsoll.pytest_plugin.texts import CaseTold, told_broken, told_case, told_gate
from plimsoll.reports.text import one_line, plain
from plimsoll.types import Case, Decision

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

SECTION = "plimsoll"
_REASON = 100
"""Characters of a reason that was told in full before."""


class Listed(NamedTuple):
    """What collecting keeps of a case."""

    id: str
    name: str
    line: int
    slices: tuple[str, ...]


class SuiteFile(pytest.File):
    """A suite."""

    workspace: Workspace
    shared: Path | None
    bench: Bench
    prepared: Prepared
    cases: tuple[Listed, ...]
    by_case: bool
    """Whether the conditions of a case's metrics decide over it."""
    reasons: dict[str, str]
    """Why items are errors → the first of them."""

    def collect(self) -> Iterator[pytest.Collector | pytest.Item]:
        """Its targets, and the gate last.

        Raises:
            CollectError: every mistake in the suite and its files, with file and line.
        """
        try:
            self.prepared = prepare(self.workspace, str(self.path))
            self.cases = tuple(map(_listed, select_cases(self.prepared, RunOptions())))
        except PlimsollError as error:
            raise self.CollectError(str(error)) from None
        asked = self.config.getoption("plimsoll_cases") or self.config.getini("plimsoll_cases")
        self.by_case = bool(asked) or self.prepared.suite.gate is None
        baseline = self.config.getoption("plimsoll_baseline")
        self.bench, self.reasons = Bench(self.prepared, self.shared, baseline), {}
        self.extra_keyword_matches.add(self.prepared.suite.name)
        self.add_marker("plimsoll")
        for name in self.prepared.targets:
            yield TargetNode.from_parent(self, name=name)
        if self.prepared.suite.gate is not None:
            yield GateItem.from_parent(self, name="gate")

    def once(self, item: pytest.Item, reason: str, text: str) -> str:
        """What is to be told of an item that is an error; of what went wrong for others alike, one line.

        Args:
            item: Of this suite.
            reason: Why it is one.
            text: All that there is to say of it.
        """
        first = self.reasons.setdefault(reason, item.nodeid)
        return text if first == item.nodeid else f"as {first}: {one_line(reason, _REASON)}"

    def line_of(self, *place: str) -> int:
        """Where something stands in the file, from 0."""
        return (self.prepared.document.where(place).line or 1) - 1


class TargetNode(pytest.Collector):
    """One target of a suite."""

    def collect(self) -> Iterator[pytest.Item]:
        """Its cases, as the suite draws them."""
        suite = self.parent
        assert isinstance(suite, SuiteFile)
        markers = {name: _marker(self.config, name) for case in suite.cases for name in case.slices}
        for case in suite.cases:
            item: CaseItem = CaseItem.from_parent(self, name=case.name)
            item.listed = case
            item.extra_keyword_matches.update(case.slices)
            for marker in dict.fromkeys(markers[name] for name in case.slices):
                item.add_marker(marker)
            yield item


class _Item(pytest.Item):
    """A case or a gate."""

    @property
    def suite(self) -> SuiteFile:
        """Whose it is."""
        suite = self.getparent(SuiteFile)
        assert suite is not None
        return suite

    @property
    def plans_only(self) -> bool:
        """Whether pytest was told to run no test, only to set them up."""
        return bool(self.config.getoption("setuponly", False))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """Of an outcome that was told in words, the words: a traceback would be of this plugin, and slow to make."""
        told = isinstance(excinfo.value, pytest.fail.Exception | pytest.xfail.Exception)
        return super().repr_failure(excinfo, "value" if told else style)

    def tell(self, text: str) -> None:
        """Show with the item's outcome, where pytest shows what was captured of it."""
        self.add_report_section("call", SECTION, text)


class CaseItem(_Item):
    """One target's answers to one case, all repeats of it."""

    listed: Listed
    told: CaseTold | None = None
    """What became of it, once it was set up."""

    @property
    def pair(self) -> Pair:
        """Target and case."""
        assert self.parent is not None
        return (self.parent.name, self.listed.id)

    def setup(self) -> None:
        """The cell, run with all others that were picked if it was not yet. What can't be judged is an error."""
        if self.plans_only:
            return
        bench, again, self.told = self.suite.bench, self.told is not None, None
        try:
            ran, row = bench.row(self.pair, again=again)
        except BenchError as error:
            self.told = CaseTold(error=str(error))
            raise pytest.fail.Exception(self.suite.once(self, str(error), str(error)), pytrace=False) from None
        self.told = told_case(self.suite.prepared, ran, row, self.pair, self.listed.line)
        self.user_properties[:] = [(RUN, ran.folder.name), *self.told.scores]
        if self.told.error:
            text = self.told.text(self.told.error)
            pytest.fail(self.suite.once(self, self.told.error, text), pytrace=False)

    def runtest(self) -> None:
        """Without an answer of its target's own fault it fails; by its conditions only where they decide."""
        told = self.told
        assert told is not None, "it was set up"
        if told.failure:
            pytest.fail(told.text(told.failure), pytrace=False)
        if told.unmet and self.suite.by_case:
            pytest.fail(told.text(told.unmet), pytrace=False)
        self.tell(told.text(told.unmet or "every condition is met"))
        if told.unmet:
            # Raised, not called: under --runxfail the call does nothing, and the case would pass.
            raise pytest.xfail.Exception(f"{told.unmet}; the suite's gate decides")
        if not told.conditional and self.suite.by_case:
            raise pytest.skip.Exception(
                "no metric has a condition (pass_if): nothing was tested", _use_item_location=True
            )

    def reportinfo(self) -> tuple[Path, int, str]:
        """The target's line in the suite, and a title."""
        target, case = self.pair
        line = self.suite.line_of("targets", target.partition("@")[0])
        return self.path, line, f"{self.suite.prepared.suite.name}: {target}, case {case}"


class GateItem(_Item):
    """The suite's policy, over all open cases of what it compares."""

    was_set_up = False
    """It was decided before, or could not be."""

    def setup(self) -> None:
        """The verdict. What keeps it from being one is an error."""
        if self.plans_only:
            return
        again, self.was_set_up = self.was_set_up, True
        try:
            self.decided = self.suite.bench.decide(again=again)
        except BenchError as error:
            raise pytest.fail.Exception(self.suite.once(self, str(error), str(error)), pytrace=False) from None
        self.told = told_gate(self.decided)
        self.user_properties[:] = [(RUN, self.decided.ran.folder.name), *self.told.rules]
        if self.decided.broken:
            pytest.fail(told_broken(self.decided.broken), pytrace=False)

    def runtest(self) -> None:
        """Only a verdict that passes passes."""
        if self.decided.outcome is not Decision.PASS:
            pytest.fail(self.told.text, pytrace=False)
        self.tell(self.told.text)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The gate's line in the suite, and a title."""
        return self.path, self.suite.line_of("gate"), f"{self.suite.prepared.suite.name}: gate"


def _listed(case: Case) -> Listed:
    # `::` separates the parts of an item's name; a name is printed as it is, also into the log of a CI job.
    return Listed(case.id, plain(case.id.replace("::", "%3A%3A")), case.line, case.slices)


def _marker(config: pytest.Config, name: str) -> str:
    """A slice's marker, registered: its name, each sign that is no letter, digit or underscore made an underscore.

    With `slice_` before it where it would begin with an underscore, or be a marker or a word that means something.
    """
    ours = config.stash.setdefault(_OURS, set())
    marker = re.sub(r"\W", "_", name)
    known = {line.split(":")[0].split("(")[0].strip() for line in config.getini("markers")} - ours
    if marker in known or marker in _WORDS or not marker[:1].isalnum():
        marker = f"slice_{marker}"
    if marker not in ours and marker not in known:
        ours.add(marker)
        config.addinivalue_line("markers", f"{marker}: a slice of a suite's dataset")
    return marker


_OURS = pytest.StashKey[set[str]]()
_WORDS = frozenset({"and", "or", "not", "parameterize", "parametrise", "parameterise"})
