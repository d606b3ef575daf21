"""One suite in one run of pytest: what was picked of it is run once, by whoever needs it first.

With xdist every worker has the whole collection and runs a part of it. The first that comes to an item of the suite
runs all that was picked, in whichever worker; the others wait at a lock and then read that run's folder.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock
from msgspec import Struct

from plimsoll.api.picked import (
    DecidedGate,
    OpenGate,
    Pair,
    Picking,
    decide_picked,
    open_gate,
    owes,
    refuse_unrunnable,
    reread,
    run_picked,
    write_picked,
)
from plimsoll.api.prepare import Prepared
from plimsoll.api.runs import RUNS, Ran
from plimsoll.canonical import digest, write_atomic
from plimsoll.errors import PlimsollError, UsageError
from plimsoll.reports.cases import CaseRows
from plimsoll.reports.model import CaseRow


class BenchError(Exception):
    """Nothing can be told of an item: the suite could not be run."""


class _Told(Struct, frozen=True, kw_only=True):
    """What one worker leaves for the others."""

    run: str = ""
    given_up: dict[str, str] = {}
    trouble: str = ""
    """Why there is no run."""


class Bench:
    """Runs a suite's cells for its items."""

    def __init__(self, prepared: Prepared, shared: Path | None, baseline: str | None) -> None:
        """A suite of which nothing is picked yet.

        Args:
            prepared: The suite.
            shared: The folder that this process shares with others of the same run of pytest; None where there are
                none.
            baseline: What the gate compares with, over its policy's.
        """
        self._prepared = prepared
        self._baseline = baseline
        self._files = None if shared is None else shared / digest(str(prepared.path)).rpartition(":")[2]
        self._pairs: frozenset[Pair] = frozenset()
        self._decides = False
        self._gate: OpenGate | None = None
        self._refused: PlimsollError | None = None
        """Why there is no gate."""
        self._ran: Ran | None = None
        self._rows: CaseRows | None = None
        self._trouble = ""
        """Why there is no run."""

    def pick(self, pairs: Sequence[Pair], *, gate: bool) -> None:
        """What is to be run.

        Args:
            pairs: The cells with an item.
            gate: Whether the gate has one: then all that it compares is run, whatever was deselected of it.
        """
        self._pairs, self._decides = frozenset(pairs), gate

    def row(self, pair: Pair, *, again: bool) -> tuple[Ran, CaseRow]:
        """What became of a cell.

        Args:
            pair: Which.
            again: It was looked at before: what had failed of it is asked for once more.

        Raises:
            BenchError: the suite could not be run.
        """
        if again and self._ran is not None:
            self._resume(self._ran, frozenset({pair}), frozenset())
        ran = self._run(again=again)
        if self._rows is None:
            self._rows = CaseRows(ran.report)
        return ran, self._rows.row(place_of(ran, pair[1]))

    def decide(self, *, again: bool) -> DecidedGate:
        """The gate's verdict, on the cells as they are by now.

        Args:
            again: It was decided before: what had failed of what it compares is asked for once more.

        Raises:
            BenchError: the suite could not be run, or there is nothing to compare with.
        """
        if again:
            self._refused = None
        before = self._ran
        # What keeps the whole suite from being run is told before what is wrong with its gate.
        ran = self._run(again=again)
        try:
            gate = self._opened_gate()
            if again and before is not None:
                ran = self._resume(before, frozenset(), frozenset(gate.specs))
            with self._alone():
                whole = Picking(gate.specs, frozenset(), options=gate.options)
                ran = dataclasses.replace(reread(whole, ran.folder, ran.given_up), too_old=ran.too_old)
                return decide_picked(self._prepared, gate, ran)
        except PlimsollError as error:
            raise BenchError(str(error)) from None

    def _run(self, *, again: bool) -> Ran:
        """The suite's run; where there could be none, it is tried once more only for who is looked at `again`."""
        if self._ran is None and (again or not self._trouble):
            with self._alone():
                if not self._found(again=again):
                    self._ask()
        if self._ran is None:
            raise BenchError(self._trouble)
        return self._ran

    def _resume(self, ran: Ran, pairs: frozenset[Pair], whole: frozenset[str]) -> Ran:
        """The run, with what of these cells was missing or had failed run again."""
        try:
            with self._alone():
                picking = dataclasses.replace(self._picking(), pairs=pairs, whole=whole)
                before = reread(picking, ran.folder, ran.given_up)
                self._take(before)
                if not owes(picking, before):
                    return before
                after = run_picked(self._prepared, picking, resumed=before.folder)
                after = dataclasses.replace(after, given_up={**before.given_up, **after.given_up})
                self._take(after)
                return after
        except PlimsollError as error:
            raise BenchError(str(error)) from None

    def _ask(self) -> None:
        """Run all that was picked."""
        self._trouble = ""
        try:
            # First of all: to open the gate may take seconds.
            refuse_unrunnable(self._prepared, [*self._own().specs, *self._challenger()])
            picking = self._picking()
            if self._refused is not None and not picking.specs:
                raise self._refused
            ran = run_picked(self._prepared, picking)
            write_picked(self._prepared, picking, ran)
            self._take(ran)
            told = _Told(run=ran.folder.name, given_up=dict(ran.given_up))
        except PlimsollError as error:
            self._trouble = str(error)
            told = _Told(trouble=self._trouble)
        if self._files is not None:
            write_atomic(self._files.with_suffix(".json"), msgspec.json.encode(told))

    def _found(self, *, again: bool) -> bool:
        """Whether another worker has run it; or, but for who tries `again`, could not."""
        if self._files is None or not self._files.with_suffix(".json").is_file():
            return False
        told = msgspec.json.decode(self._files.with_suffix(".json").read_bytes(), type=_Told)
        self._trouble = told.trouble
        if told.run:
            folder = self._prepared.workspace.state / RUNS / told.run
            try:
                self._take(reread(self._own(), folder, told.given_up))
            except PlimsollError as error:
                self._trouble = str(error)
        return self._ran is not None or not again

    def _take(self, ran: Ran) -> None:
        self._ran, self._rows = ran, None

    def _own(self) -> Picking:
        """The cells with an item, and the targets that they are compared with."""
        targets = {target for target, _ in self._pairs}
        targets |= self._prepared.compared_with if targets else set()
        specs = {name: spec for name, spec in self._prepared.targets.items() if name in targets}
        return Picking(specs, self._pairs)

    def _challenger(self) -> list[str]:
        """The target that the gate is about, where it is to decide and names one."""
        gate = self._prepared.suite.gate if self._decides else None
        return [name for name in self._prepared.targets if gate is not None and name == gate.target]

    def _picking(self) -> Picking:
        """The same with what the gate needs, where it is to decide."""
        own = self._own()
        if not self._decides:
            return own
        try:
            gate = self._opened_gate()
        except PlimsollError:
            # The cases can be run without it; the gate's item tells.
            return own
        return Picking({**own.specs, **gate.specs}, own.pairs, frozenset(gate.specs), gate.options)

    def _opened_gate(self) -> OpenGate:
        if self._refused is not None:
            raise self._refused
        if self._gate is None:
            try:
                self._gate = open_gate(self._prepared, self._baseline)
            except PlimsollError as error:
                self._refused = self._with_a_way_out(error)
                raise self._refused from None
        return self._gate

    def _with_a_way_out(self, error: PlimsollError) -> PlimsollError:
        """Where a policy's baseline is not to be had, as the champion in a fresh clone, another can be named."""
        if not isinstance(error, UsageError) or error.where is not None or self._baseline is not None:
            return error
        way = "or compare with a target or a commit: --plimsoll-baseline NAME, --plimsoll-baseline git:REF"
        return UsageError(error.message, remedy=f"{error.remedy}; {way}" if error.remedy else way)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._files is None:
            yield
            return
        self._files.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._files.with_suffix(".lock")):
            yield


def place_of(ran: Ran, case: str) -> int:
    """A case's place in the run's plan, from 0."""
    place = ran.report.numbering()(case)
    assert place is not None, "the plan is of all open cases"
    return place
