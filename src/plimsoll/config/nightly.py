"""What runs at night, what is watched over nights, and who is told; and the moves of a metric that were accepted.

What was accepted lies in `nightly/SUITE.yaml`, under version control: who reads a chart later learns why it has a step.
"""

from __future__ import annotations

import re
from datetime import date

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from plimsoll.config.document import Document, Strict, validate
from plimsoll.errors import ConfigError

FOLDER = "nightly"
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


class NightlyPolicy(Strict):
    """`[tool.plimsoll.nightly]`."""

    targets: list[str] = Field(
        default_factory=list,
        description="Targets that run beside the champion, of every suite that has one of them. Default: the gate's "
        "target, and every target where the gate names none.",
    )
    metrics: list[str] = Field(
        default_factory=list, description="Metrics that are watched. Default: all but latency, cost and the like."
    )
    nights: PositiveInt = Field(30, ge=7, le=365, description="How many nights are compared at most.")
    false_alarms: float = Field(
        0.05, gt=0, lt=1, description="Chance of any alarm of a suite in 30 nights in which nothing moves."
    )
    max_cost: PositiveFloat | None = Field(
        None, allow_inf_nan=False, description="USD that a night may spend on models, over all suites."
    )
    webhook: str | None = Field(
        None, description="`${NAME}` of an environment variable: an address that takes Slack's JSON."
    )

    @field_validator("webhook")
    @classmethod
    def _no_literal_address(cls, value: str | None) -> str | None:
        if value is not None and _VARIABLE.fullmatch(value) is None:
            raise ValueError("who has a webhook's address may post to it; write ${NAME} and set the variable NAME")
        return value


class AcceptedMove(Strict):
    """A move of a metric that is as it should be: nights before it are not compared with any more."""

    target: str = Field(min_length=1, description="The target, or champion.")
    metric: str = Field(min_length=1, description="The metric.")
    since: date = Field(description="The first night that counts, UTC: YYYY-MM-DD.")
    reason: str = Field(min_length=1, description="Why it is accepted.")


class AcceptedFile(Strict):
    """`nightly/SUITE.yaml`."""

    accepted: list[AcceptedMove] = Field(description="The newest of a target's metric counts.")


def accepted_path(suite: str) -> str:
    """Where a suite's accepted moves lie, relative to the workspace."""
    return f"{FOLDER}/{suite}.yaml"


def read_accepted(document: Document, today: date) -> dict[tuple[str, str], str]:
    """(Target, metric) → the first day that counts.

    Raises:
        ConfigError: every mistake in the file; a day that is still to come, until when nothing would be watched.
    """
    found: dict[tuple[str, str], str] = {}
    mistakes = []
    for place, entry in enumerate(validate(document, AcceptedFile).accepted):
        key = entry.target, entry.metric
        found[key] = max(found.get(key, ""), entry.since.isoformat())
        if entry.since > today:
            told = f"{entry.since} is still to come: until then {entry.metric} would not be watched"
            remedy = f"since is the first night that counts, {today} (UTC) at the latest"
            mistakes.append(document.mistake(("accepted", place, "since"), told, remedy))
    if mistakes:
        raise ConfigError(mistakes)
    return found
