"""The plan: what a run is to do, resolved and digested before the first request, and kept as `plan.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from plimsoll import canonical
from plimsoll.errors import ConfigError, Mistake, UsageError, Where
from plimsoll.types import EvaluatorInfo, TargetInfo

PLAN_FILE = "plan.json"


class Plan(Struct, frozen=True, kw_only=True):
    """Everything that a run's cells depend on. The cells owed are targets × cases × repeats."""

    run: str
    suite: str
    started: str
    """ISO 8601, UTC."""
    settings: dict[str, Any]
    """The resolved suite, without secrets."""
    dataset: str
    dataset_digest: str
    cases: dict[str, str]
    """Id → digest of each planned case, in the dataset's order."""
    targets: dict[str, TargetInfo]
    evaluators: dict[str, EvaluatorInfo]
    repeats: int = 1
    seed: int = 0
    epoch: str = ""
    """Names the drawing of samples: another epoch reuses no generation."""
    sample: int | None = None
    filters: dict[str, list[str]] = field(default_factory=dict)
    git_commit: str | None = None
    git_dirty: bool | None = None

    @property
    def size(self) -> int:
        """How many cells it owes."""
        return len(self.cases) * len(self.targets) * self.repeats


def save_plan(plan: Plan, folder: Path) -> None:
    """Write the plan into a run's folder."""
    canonical.write_atomic(folder / PLAN_FILE, msgspec.json.format(msgspec.json.encode(plan), indent=1))


def load_plan(folder: Path) -> Plan:
    """The plan of a run's folder.

    Raises:
        ConfigError: it is missing or damaged.
    """
    path = folder / PLAN_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        raise ConfigError([Mistake("the run has no plan", Where(path), "start a new run")]) from None
    except msgspec.DecodeError as error:
        raise ConfigError([Mistake(f"damaged plan: {error}", Where(path), "start a new run")]) from None


def changes(before: Plan, now: Plan) -> tuple[str, ...]:
    """What differs between two plans of one suite, in words; empty if a resume may go on."""
    found = []
    if before.dataset_digest != now.dataset_digest or before.cases != now.cases:
        found.append(_case_changes(before.cases, now.cases))
    for what, old, new in (
        ("target", before.targets, now.targets),
        ("evaluator", before.evaluators, now.evaluators),
    ):
        for name in sorted({*old, *new}):
            if name not in new:
                found.append(f"{what} {name} is gone")
            elif name not in old:
                found.append(f"{what} {name} is new")
            elif old[name].digest != new[name].digest:  # type: ignore[attr-defined]  # both kinds of info have one
                found.append(f"{what} {name} changed")
    for what in ("repeats", "seed", "epoch"):
        if getattr(before, what) != getattr(now, what):
            found.append(f"{what} was {getattr(before, what)!r}, is {getattr(now, what)!r}")
    return tuple(found)


def _case_changes(before: dict[str, str], now: dict[str, str]) -> str:
    added = len(now.keys() - before.keys())
    gone = len(before.keys() - now.keys())
    edited = sum(1 for case, digest in now.items() if case in before and before[case] != digest)
    return f"the cases changed ({added} new, {gone} gone, {edited} edited)"


def refuse_changes(before: Plan, now: Plan) -> None:
    """Raises:
    UsageError: the suite is not the one that the run was planned with.
    """
    found = changes(before, now)
    if found:
        raise UsageError(
            f"run {before.run} can't be resumed: {'; '.join(found)}",
            remedy="start a new run: what has not changed is taken from the cache",
        )
