"""What a caller may ask of a run or a gate, declared once: the command line's flags and the API's arguments."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a suite, over what the suite itself says."""

    sample: int | None = None
    """Draw this many cases; 0 takes all of them; None leaves it to the suite."""
    filters: tuple[tuple[str, str], ...] = ()
    """FIELD, VALUE: only cases that satisfy every pair."""
    repeats: int | None = None
    targets: tuple[str, ...] = ()
    """Only these; empty is all."""
    reuse: bool = True
    """Take what has not changed from the cell cache."""
    fresh: bool = False
    """Draw new samples, and keep them apart from older ones."""
    max_age: float | None = None
    """Seconds: an answer that was kept for longer is generated again; 0 takes none; None takes it however old."""
    resume: bool = False
    """Go on with the newest run of the suite that is not complete."""
    only_failed: bool = False
    """Work only on the failed cells of the newest run of the suite."""
    max_cost: float | None = None
    """USD that the run may spend on models; then it stops. None leaves it to the suite."""
    recorded: bool = False
    """Ask no model and run no target: take answers and judgements from the cell cache alone, and record nothing."""
    track: bool = True
    """Log to MLflow."""
    trigger: str | None = None
    """Why it runs, as a tag: local, pr, nightly, …; None reads it from the CI system's variables, else local."""


@dataclass(frozen=True, slots=True)
class GateOptions:
    """How to gate a suite, over what its policy says."""

    run: RunOptions = field(default_factory=RunOptions)
    target: str | None = None
    """The challenger."""
    baseline: str | None = None
    """Over the policy's."""
    anchor: str | None = None
    """Over the policy's; `none` is no anchor."""
    base: str | None = None
    """The git ref that the change starts from: its quarantine holds, and the cases of its dataset are asked for."""
    first: bool = False
    """There is no champion yet: absolute rules only."""
    looks: int | None = None
    """Sequential: draw the cases into so many random blocks, 2 to 20, and stop after the one that decides. None runs
    all of them at once."""
    run_id: str | None = None
    """Decide over a run that exists; run nothing."""
