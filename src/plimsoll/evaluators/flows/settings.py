"""The settings of a flow that scores."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import Field, PositiveInt, field_validator

from plimsoll.config.quantities import Seconds
from plimsoll.evaluators.adapters.wrap import MetricSettings
from plimsoll.evaluators.parts import PartsSettings

_REFERENCE = re.compile(r"\$\{(data|run\.inputs|run\.outputs)\.([A-Za-z0-9_.]+)\}")


class FlowSettings(PartsSettings):
    """Settings of an evaluation flow."""

    shorthand: ClassVar[str | None] = "flow"

    flow: str = Field(min_length=1, description="The flow's folder or YAML.")
    inputs: dict[str, str] = Field(
        default_factory=dict,
        description="The flow's input → a case's field, or output, value, output.NAME of the answer; others go by "
        "their own name.",
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="Fixed values for inputs of the flow.")
    metrics: dict[str, MetricSettings] = Field(
        default_factory=dict, description="The outputs that are metrics, and what they are; OUTPUT.KEY inside one."
    )
    reason: str | None = Field(None, description="The output that says why.")
    model: str | None = Field(None, description="A name under models, for every connection; none for a flow without.")
    connections: dict[str, str] = Field(
        default_factory=dict, description="Connection name → a name under models; `model` is the default."
    )
    variant: str | None = Field(None, description="NODE.VARIANT to run instead of the default variant.")
    init: dict[str, Any] = Field(default_factory=dict, description="Arguments of a flex class's __init__.")
    environment: dict[str, str] = Field(
        default_factory=dict, description="Further environment variables; `${NAME}` is read from ours."
    )
    timeout: Seconds = Field(300.0, description="For one answer, and for the aggregation, in seconds or with a unit.")
    sample: PositiveInt | None = Field(None, description="Score only this many cases, by the hash of seed and id.")

    @field_validator("inputs")
    @classmethod
    def _in_our_words(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: _in_our_words(source) for name, source in value.items()}

    def of_identity(self) -> dict[str, Any]:
        """Without what a score does not depend on, and without models, whose identity is told beside."""
        return self.model_dump(mode="json", exclude={"pass_if", "timeout", "sample", "model", "connections"})


def _in_our_words(source: str) -> str:
    """Read `${data.x}` and `${run.outputs.x}`, as promptflow writes them, as `x` and `output.x`.

    Raises:
        ValueError: another of its expressions.
    """
    if not source.startswith("${"):
        return source
    found = _REFERENCE.fullmatch(source)
    if found is None:
        raise ValueError(f"{source!r}: only ${{data.NAME}}, ${{run.inputs.NAME}} and ${{run.outputs.NAME}} are known")
    return f"output.{found[2]}" if found[1] == "run.outputs" else found[2]
