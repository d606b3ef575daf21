"""What a gate decides: the policy that holds, the sides that it compares, and the verdict on a report of both."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace
from pydantic import ValidationError

from plimsoll.api.ages import age_notes
from plimsoll.api.certificates import certificates_for, refuse_uncertified
from plimsoll.api.grounding import Grounding, grounding_of
from plimsoll.api.options import GateOptions
from plimsoll.api.prepare import Prepared
from plimsoll.api.quarantine import told_applied
from plimsoll.api.run_words import Server
from plimsoll.api.runs import Ran
from plimsoll.api.sides import Sides, challenger_of, choose_sides
from plimsoll.api.targets import TargetSpec
from plimsoll.calibration import Certificates
from plimsoll.config import GatePolicy
from plimsoll.config.policy import NO_BASELINE
from plimsoll.errors import UsageError
from plimsoll.gates import Grounds, decide, look_of, with_baseline
from plimsoll.runs.join import read_report
from plimsoll.types import Attempts, Report, Verdict


@dataclass(frozen=True, slots=True)
class Challenge:
    """What wants to be promoted, and by which policy: all that is known before a server is asked."""

    policy: GatePolicy
    challenger: TargetSpec
    certificates: Certificates


@dataclass(frozen=True, slots=True)
class Question:
    """What is decided, at whichever time."""

    sides: Sides
    policy: GatePolicy
    first: bool
    certificates: Certificates
    grounding: Grounding
    attempts: Attempts | None = None

    def now(self) -> Question:
        """The same at this time: what holds when it is decided holds in whatever is kept of it."""
        return dataclasses.replace(self, certificates=dataclasses.replace(self.certificates, at=datetime.now(UTC)))

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

    def notes(self, verdict: Verdict, ran: Ran, *, existing: bool = False) -> tuple[str, ...]:
        """What a reader of the verdict must know of what it rests on, in sentences.

        Args:
            verdict: On the run.
            ran: The run.
            existing: It was there before it was to be decided over.
        """
        return (
            *self.sides.notes,
            *self.grounding.notes,
            *told_applied(verdict.quarantine),
            *age_notes(self.policy, ran, existing=existing),
        )


def challenge_of(prepared: Prepared, options: GateOptions) -> Challenge:
    """What a suite's gate is to decide over.

    Raises:
        ConfigError: a judge that the policy wants certified is not.
        UsageError: the suite has no gate, or no such challenger.
    """
    policy = policy_of(prepared, options)
    challenger = challenger_of(prepared, policy, options)
    certificates = certificates_for(prepared.workspace, policy, datetime.now(UTC))
    refuse_uncertified(prepared, policy, certificates)
    return Challenge(policy, challenger, certificates)


def open_question(prepared: Prepared, challenge: Challenge, options: GateOptions, server: Server) -> Question:
    """The challenge with what it is held against.

    Args:
        prepared: The suite.
        challenge: Who wants to be promoted.
        options: Whether there is no champion yet, and where a change starts.
        server: Has the registry, and runs that others logged; asked where the baseline lies there.

    Raises:
        ConfigError: mistakes in the files of the commit that is the baseline.
        UsageError: there is no such baseline, anchor or champion.
        InfrastructureError: the server can't be read.
    """
    policy = challenge.policy
    sides = choose_sides(prepared, policy, challenge.challenger, server, options)
    store = None if sides.entry is None else server.registry()
    grounding = grounding_of(prepared, policy, sides, store, base=options.base, at=datetime.now(UTC))
    return Question(sides, policy, options.first, challenge.certificates, grounding)


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
