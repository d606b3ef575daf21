"""What a suite may say about a judge, and what a judge's own prompt says about it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator

from plimsoll.config import Strict
from plimsoll.evaluators.base import EvaluatorSettings
from plimsoll.evaluators.text.abstention import not_blank


class NamedJudgeSettings(EvaluatorSettings):
    """Settings of a judge that the suite names by its own name."""

    model: str | None = Field(None, description="A name under models; may be left out where there is only one.")
    range: tuple[float, float] | None = Field(
        None, description="Least and greatest score. Default: the prompt's, else 1 to 5."
    )
    integer: bool | None = Field(None, description="Whole scores only. Default: the prompt's, else true.")
    criteria: str | None = Field(None, min_length=1, description="What a prompt with the input `criteria` judges by.")
    against: str | None = Field(
        None, min_length=1, description="preference: the case's field with the answer to compare with."
    )
    repeats: PositiveInt = Field(
        1, le=100, description="How often it is asked where token probabilities don't give the expected score."
    )
    probabilities: Literal["auto", "off"] = Field(
        "auto", description="auto: the expected score over token probabilities, where the endpoint tells them."
    )
    phrases: tuple[str, ...] = Field(
        (), description="groundedness: further phrases by which an answer abstains, as they stand."
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="Request parameters, over the prompt's own.")
    sample: PositiveInt | None = Field(None, description="Judge only this many cases, by the hash of seed and id.")
    fields: dict[str, str] = Field(
        default_factory=dict, description="The prompt's input → a case's field, or `output` for the answer."
    )

    _checked = field_validator("phrases")(staticmethod(not_blank))

    def of_identity(self) -> dict[str, Any]:
        """What a score depends on and nothing else of the judge's identity holds.

        Not the model's name and the prompt's path, which are known by what they stand for; not the scale, which may be
        the prompt's as well; not which cases are scored; and no input that is mapped to the field of its own name.
        """
        left_out = {"pass_if", "model", "prompt", "range", "integer", "optional", "sample"}
        kept = self.model_dump(mode="json", exclude=left_out)
        return {**kept, "fields": {name: source for name, source in self.fields.items() if name != source}}


class JudgeSettings(NamedJudgeSettings):
    """Settings of a judge that the suite names by its prompt's file."""

    shorthand: ClassVar[str | None] = "prompt"

    prompt: str = Field(min_length=1, description="A *.prompty file of the workspace.")


class Declared(Strict):
    """The key `judge` in a prompt's front matter: what is asked for, so that a suite need not say it."""

    form: Literal["score", "claims", "pair"] = "score"
    """One score; each claim of the answer supported or not; which of two answers is better."""
    range: tuple[float, float] | None = None
    integer: bool = True
    spares: tuple[str, ...] = ()
    """Canaries that the judge may rightly score high."""
