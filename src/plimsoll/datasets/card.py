"""A dataset's card: what its fields are, where it comes from, what it must hold. `NAME.card.yaml` beside the file.

A dataset may do without one. A card that exists is enforced, so that a renamed column or a lost slice stops the
run instead of changing what is measured.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import Field, PositiveInt, field_validator

from plimsoll.config import Strict, read_yaml, validate
from plimsoll.datasets.values import FieldType
from plimsoll.errors import ConfigError, Mistake, Where

RESERVED_TYPES: dict[str, tuple[FieldType, ...]] = {
    "id": ("string", "integer"),
    "messages": ("list",),
    "turns": ("list",),
    "expected": ("string", "number", "integer", "boolean", "list", "object"),
    "group": ("string", "integer"),
    "slices": ("list",),
    "weight": ("number", "integer"),
    "evaluators": ("list",),
    "pass_if": ("object",),
}
"""The fields with a meaning of their own, and the types a card may give them."""

RESERVED = frozenset(RESERVED_TYPES)


class FieldCard(Strict):
    """One field of the dataset."""

    type: FieldType | None = Field(None, description="Default: any; a CSV cell without a type stays text.")
    required: bool = Field(False, description="Every row has it, and as a string it is not blank.")
    description: str = Field("", description="What it holds, for people.")
    column: str | None = Field(None, min_length=1, description="The file's name for it, where that differs.")


class SlicesCard(Strict):
    """The slices that the dataset promises."""

    required: list[str] = Field(default_factory=list, description="Each occurs in at least one case.")
    descriptions: dict[str, str] = Field(default_factory=dict, description="Slice → what its cases are.")


class Card(Strict):
    """What a dataset is and what every row of it holds."""

    name: str = Field(min_length=1, description="The dataset's name, in reports and in MLflow.")
    description: str = Field(min_length=1, description="What the cases are, for people.")
    source: str = Field(min_length=1, description="Where the cases come from.")
    licence: str = Field(min_length=1, description="An SPDX identifier, or words.")
    language: str | None = Field(None, description="A BCP 47 tag: en, pt-BR.")
    fields: dict[str, FieldCard] = Field(
        default_factory=dict, description="Every input of the rows; without any, fields are not checked."
    )
    slices: SlicesCard = Field(default_factory=SlicesCard, description="What slices there must be.")
    min_cases: PositiveInt | None = Field(None, description="Fewer are a mistake.")

    @field_validator("fields")
    @classmethod
    def _types_fit(cls, value: dict[str, FieldCard]) -> dict[str, FieldCard]:
        for name, field in value.items():
            allowed = RESERVED_TYPES.get(name)
            if allowed and field.type and field.type not in allowed:
                raise ValueError(f"{name} has a meaning of its own and is {' or '.join(allowed)}, not {field.type}")
        readers: dict[str, str] = {}
        for name, field in value.items():
            other = readers.setdefault(field.column or name, name)
            if other != name:
                raise ValueError(f"{other} and {name} both read the column {field.column or name!r}")
        return value

    @cached_property
    def field_of_column(self) -> dict[str, str]:
        """The file's column → the field that it is read as, for every field of the card."""
        return {field.column or name: name for name, field in self.fields.items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The fields that every row has."""
        return tuple(name for name, field in self.fields.items() if field.required)


def read_card(dataset: Path, shown: Path | str) -> Card | None:
    """The card beside a dataset's file; None where there is none. `shown` is how messages name the dataset.

    Raises:
        ConfigError: every mistake in the card, or a card under a name that would not be read.
    """
    path = dataset.with_name(f"{dataset.stem}.card.yaml")
    shown_card = Path(shown).with_name(path.name)
    if not path.is_file():
        for other in (path.with_suffix(".yml"), dataset.with_name(f"{dataset.name}.card.yaml")):
            if other.is_file():
                message = f"{other.name} is not read as the card of {dataset.name}"
                raise ConfigError([Mistake(message, Where(shown_card.with_name(other.name)), f"name it {path.name}")])
        return None
    document = read_yaml(path, shown_card)
    if not isinstance(document.data, dict):
        needed = "a card is a mapping with name, description, source, licence"
        raise ConfigError([Mistake(needed, Where(shown_card))])
    return validate(document, Card)
