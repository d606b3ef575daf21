"""The plan: what a run is to do, resolved and digested before the first request.

A run's folder holds the plan (`plan.json`), the planned cases as they were (`cases.jsonl`), and the journal. Together
they are the run: its dataset may change or vanish afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from plimsoll import canonical
from plimsoll.errors import ConfigError, Mistake, UsageError, Where, unwritable
from plimsoll.types import Case, EvaluatorInfo, Part, TargetInfo

PLAN_FILE = "plan.json"
CASES_FILE = "cases.jsonl"
JOURNAL_FILE = "journal.jsonl"


class Plan(Struct, frozen=True, kw_only=True):
    """Everything that a run's cells depend on. The cells owed are targets × cases × repeats, or until it is decided."""

    run: str
    suite: str
    started: str
    """ISO 8601, UTC."""
    settings: dict[str, Any]
    """The resolved suite, without secrets."""
    dataset: str
    dataset_digest: str
    cases: int
    """How many are planned."""
    cases_digest: str
    """Over ids and contents of the planned cases (`datasets.digest_cases`)."""
    targets: dict[str, TargetInfo]
    evaluators: dict[str, EvaluatorInfo]
    repeats: int = 1
    seed: int = 0
    epoch: str = ""
    """Names the drawing of samples: another epoch reuses no generation."""
    max_age: float | None = None
    """Seconds: answers that were kept for longer are generated again; 0 takes none; None takes them however old."""
    sample: int | None = None
    filters: tuple[tuple[str, str], ...] = ()
    part: Part = Part.WHOLE
    """Of the dataset; sample and filters are within it."""
    looks: int = 0
    """Of a sequential run: into how many blocks its cases are drawn, to be decided after any of them; 0 is none."""
    git_commit: str | None = None
    git_dirty: bool | None = None
    git_branch: str | None = None
    """The branch that it was made on; in a CI job the one that the job works for, `OWNER:NAME` of a fork."""
    pr: str | None = None
    """The pull or merge request that it was made for."""
    trigger: str | None = None
    """Why it was made: `local`, `ci`, `pr`, `schedule`, or what the caller said."""
    gate: bool = False
    """A gate made it, to decide over it."""
    recorded: bool = False
    """Nobody was asked: what the cell cache lacked has failed."""

    @property
    def size(self) -> int:
        """How many cells it owes."""
        return self.cases * len(self.targets) * self.repeats


def save_plan(plan: Plan, cases: Iterable[Case], folder: Path) -> None:
    """Make a run's folder, with its cases and its plan; the plan last, so that half a folder is no run.

    Raises:
        InfrastructureError: the folder can't be written.
    """
    encoder = msgspec.json.Encoder()
    try:
        folder.mkdir(parents=True)
        with (folder / CASES_FILE).open("wb") as file:
            for case in cases:
                file.write(encoder.encode(case) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        canonical.write_atomic(folder / PLAN_FILE, msgspec.json.format(encoder.encode(plan), indent=1))
    except OSError as error:
        raise unwritable(error, folder) from error


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
    if before.cases_digest != now.cases_digest:
        found.append(f"the cases changed ({before.cases} then, {now.cases} now)")
    old_parts = {**_digests("target", before.targets), **_digests("evaluator", before.evaluators)}
    new_parts = {**_digests("target", now.targets), **_digests("evaluator", now.evaluators)}
    for part in sorted({*old_parts, *new_parts}):
        if part not in new_parts:
            found.append(f"{part} is gone")
        elif part not in old_parts:
            found.append(f"{part} is new")
        elif old_parts[part] != new_parts[part]:
            found.append(f"{part} changed")
    found += [
        f"{what} was {getattr(before, what)!r}, is {getattr(now, what)!r}"
        for what in ("repeats", "seed")
        if getattr(before, what) != getattr(now, what)
    ]
    return tuple(found)


def _digests(what: str, parts: dict[str, TargetInfo] | dict[str, EvaluatorInfo]) -> dict[str, str]:
    return {f"{what} {name}": info.digest for name, info in parts.items()}


def refuse_changes(before: Plan, now: Plan) -> None:
    """Say so where a run can't be resumed with today's files.

    Raises:
        UsageError: the suite is not the one that the run was planned with.
    """
    found = changes(before, now)
    if found:
        raise UsageError(
            f"run {before.run} can't be resumed: {'; '.join(found)}",
            remedy="start a new run: what has not changed is taken from the cache",
        )
