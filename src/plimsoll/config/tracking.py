"""What of a run goes to the tracking server, and how long a command may wait for it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field, PositiveInt

from plimsoll.config.document import Strict
from plimsoll.config.quantities import Seconds

Traces: TypeAlias = Literal["all", "failures", "none"]


class TrackingPolicy(Strict):
    """How runs are logged to MLflow."""

    traces: Traces = Field(
        "failures",
        description="Cells that leave a trace: all; failures (no output, a failed score, below pass_if, and both sides "
        "of what flipped); none.",
    )
    traces_limit: PositiveInt = Field(500, description="Traces of one target at most; further cells are in its table.")
    wait: Seconds = Field(
        180.0, description="Longest that the end of a run waits for the server; `plimsoll sync` logs the rest later."
    )
    prompts: bool = Field(True, description="Keep each prompt that runs as a version in MLflow's prompt registry.")
