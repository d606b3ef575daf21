"""Counting a gate among the attempts on its dataset, before it has run anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plimsoll.api.opened import author, now_utc
from plimsoll.api.options import RunOptions
from plimsoll.api.prepare import Prepared
from plimsoll.api.sides import Sides
from plimsoll.api.targets import TargetSpec
from plimsoll.errors import PlimsollError
from plimsoll.registry.attempts import Attempt, count_attempt
from plimsoll.runs.plan import Plan, load_plan
from plimsoll.tracking import MlflowWriter
from plimsoll.types import Attempts


@dataclass(slots=True)
class AttemptCounter:
    """Counts one gate, once its plan is known. Where that can't be done, the verdict says so and stands."""

    prepared: Prepared
    sides: Sides
    options: RunOptions
    writer: MlflowWriter
    found: Attempts | None = None
    """None until it is counted, and where it could not be."""
    notes: tuple[str, ...] = ()
    """Why it was not counted."""

    def count(self, plan: Plan) -> None:
        """Record the gate over a run."""
        if not self.options.track:
            why = "--recorded" if self.options.recorded else "--no-track"
            self.notes = (f"the attempts on this dataset were not counted: {why}",)
            return
        attempt = Attempt(
            bundle=_digest(self.sides.challenger),
            # Answers that are not taken from the cache are drawn anew, as with --fresh.
            epoch=plan.epoch or ("" if self.options.reuse and plan.max_age != 0 else plan.run),
            run=plan.run,
            who=author(self.prepared.workspace),
            when=now_utc(),
        )
        try:
            self.found = count_attempt(
                self.writer.registry(),
                plan.suite,
                attempt,
                dataset=plan.dataset_digest,
                baseline=self._baseline(),
            )
        except PlimsollError as error:
            self.notes = (f"the attempts on this dataset were not counted: {error.message}",)

    def _baseline(self) -> str | None:
        stored = self.sides.stored
        if stored is not None:
            return load_plan(Path(stored.folder)).targets[stored.target].digest
        return None if self.sides.baseline is None else _digest(self.sides.baseline)


def _digest(spec: TargetSpec) -> str:
    return spec.info.digest if spec.bundle is None else spec.bundle.digest
