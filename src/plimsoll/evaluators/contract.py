"""What an evaluator is: a small typed value with declared metrics, required fields, and one method."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from plimsoll.config import Strict
from plimsoll.errors import UsageError, near_match
from plimsoll.models.contract import ChatModel
from plimsoll.types import Case, Metric, Output, Score, ScoreValue

Returned: TypeAlias = (
    ScoreValue | Score | Sequence[ScoreValue | Score | None] | Mapping[str, ScoreValue | Score | None] | None
)
"""A plain value or a Score for the only metric, or one for each metric: by name, or in a list as they are declared.

None is «does not apply».
"""


class Evaluator(Protocol):
    """Scores one output of one case. Never sees the target's name, other cases, or the threshold.

    What it may have beside this: `plimsoll.evaluators.traits`.
    """

    @property
    def name(self) -> str:
        """Unique in the suite."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric that it gives."""
        ...

    @property
    def requires(self) -> frozenset[str]:
        """The case fields that it reads: checked before the call, and part of the score's identity.

        A name that starts with `output.` is a further named output of the target instead.
        """
        ...

    @property
    def reusable(self) -> bool:
        """Whether an equal output scores the same: false where the score is about this run, like its latency."""
        ...

    def identity(self) -> dict[str, Any]:
        """Kind, version, settings, code or prompt digest, model: what the score depends on beside its inputs."""
        ...

    def evaluate(self, case: Case, output: Output) -> Returned | Awaitable[Returned]:
        """The value or values. Plain exceptions are the evaluator's failure on this cell.

        A plain (not async) one is called on the event loop, and has to be quick.
        """
        ...


BUILT_IN = "built in"
BROUGHT = "brought in by its settings"
"""Source of the sorts that take what a user has: a function, a prompty, a flow, another library's evaluator."""
FREE = "none"


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What an evaluator may be built from beside its settings."""

    root: Path
    """The workspace's root: paths in settings are relative to it."""
    models: Mapping[str, ChatModel] = field(default_factory=dict)
    """The suite's models by name; they need not be open yet."""
    environments: Mapping[str, str] = field(default_factory=dict)
    """Library of an adapter → the environment or Python that it is installed in, as the project says."""
    state: Path | None = None
    """Where what is dear to find out is kept; None is nowhere."""
    shared: dict[object, Any] = field(default_factory=dict)
    """What evaluators that are built together have in common, such as the process of a library."""

    def model(self, named: str | None, what: str) -> ChatModel:
        """The model of the suite that an evaluator asks: the one named, else the only one.

        Args:
            named: By the evaluator's settings.
            what: Who needs it, as messages say it.

        Raises:
            UsageError: it isn't there, or several could be meant.
        """
        if named is not None:
            if named not in self.models:
                remedy = near_match(named, self.models) or "add it under models"
                raise UsageError(f"the model {named!r} is not among the suite's models", remedy=remedy)
            return self.models[named]
        if len(self.models) != 1:
            found = f"the suite has {', '.join(sorted(self.models))}" if self.models else "the suite has no models"
            raise UsageError(f"{what} needs a model", remedy=f"add `model: NAME`; {found}")
        return next(iter(self.models.values()))


@dataclass(frozen=True, slots=True)
class About:
    """One sort of evaluator, in the words of lists and of the documentation."""

    summary: str
    """One line."""
    needs: tuple[str, ...] = ()
    """The fields of a case that it reads with its default settings."""
    gives: str = "by its settings"
    """The values of its metric, such as `0 to 1`, or the names of several."""
    source: str = BUILT_IN
    """Where it comes from: built in, the workspace's file, or a package."""
    judged: bool = False
    """A model gives the value."""
    cost: str = FREE
    """Of one score, in requests to models."""
    extra: str = ""
    """The extra that has to be installed for it; empty where none has."""


class Factory(Protocol):
    """One sort of evaluator as a suite names it: its settings, and how they become an evaluator."""

    @property
    def about(self) -> About:
        """What lists and documentation say of it; runs none of its code."""
        ...

    def settings(self) -> type[Strict]:
        """The model of its settings; may load code to know it."""
        ...

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """The evaluator.

        Args:
            settings: An instance of `settings()`.
            context: Workspace and models.

        Raises:
            PlimsollError: a file, function or model that the settings name isn't there or is wrong.
        """
        ...
