"""What a gate decides: the policy that holds, the sides that it compares, and the verdict on a report of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
from pydantic import ValidationError

from plimsoll.api.grounding import Grounding
from plimsoll.api.options import GateOptions
from plimsoll.api.prepare import Prepared
from plimsoll.api.sides import Sides
from plimsoll.calibration import Certificates
from plimsoll.config import GatePolicy
from plimsoll.config.policy import NO_BASELINE
from plimsoll.errors import UsageError
from plimsoll.gates import Grounds, decide, look_of, with_baseline
from plimsoll.runs.join import read_report
from plimsoll.types import Attempts, Report, Verdict


@dataclass(frozen=True, slots=True)
class Question:
    """What is decided, at whichever time."""

    sides: Sides
    policy: GatePolicy
    first: bool
    certificates: Certificates
    grounding: Grounding
    attempts: Attempts | None = None

    def joined(self, report: Report) -> Report:
        """A run's report with the cells of a baseline that lies in another run."""
        stored = self.sides.stored
        return report if stored is None else with_baseline(report, read_report(Path(stored.folder)), stored.target)

    def decided(self, joined: Report) -> Verdict:
        """The verdict on such a report."""
        stored = self.sides.stored
        verdict = decide(
            joined,
            self.sides.challenger.name,
            self.sides.baseline_name,
            self.policy,
            first=self.first,
            anchor=self.sides.anchor_name,
            grounds=Grounds(
                self.certificates,
                self.grounding.quarantine,
                self.certificates.at,
                look_of(joined),
                self.attempts,
                self.grounding.gone,
            ),
        )
        if stored is None:
            return verdict
        return replace(verdict, baseline_run=Path(stored.folder).name, baseline_target=stored.target)


def policy_of(prepared: Prepared, options: GateOptions) -> GatePolicy:
    """The suite's policy, with the baseline and the anchor that the caller names over it.

    Raises:
        UsageError: the suite has no gate, or what is named does not fit its policy.
    """
    policy = prepared.suite.gate
    if policy is None:
        raise UsageError(
            f"suite {prepared.suite.name} has no gate", remedy=f"add `gate:` with its rules to {prepared.path.name}"
        )
    asked = {name: value for name in ("baseline", "anchor") if (value := getattr(options, name)) is not None}
    if not asked:
        return policy
    changed = {**policy.model_dump(exclude_none=True), **asked}
    if options.anchor == NO_BASELINE:
        del changed["anchor"]
    try:
        return GatePolicy.model_validate(changed)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        flags = " ".join(f"--{name} {value}" for name, value in asked.items())
        remedy = f"name another {' or '.join(asked)}"
        if options.baseline == NO_BASELINE:
            remedy += "; where there is no champion yet, --first leaves such rules out"
        raise UsageError(f"{flags}: {message}", remedy=remedy) from None
