"""From a judge's settings and its prompt to the judge; what doesn't fit together is told here."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from plimsoll import canonical
from plimsoll.config import Document, mistakes_of
from plimsoll.config.suite import NAME_PATTERN
from plimsoll.errors import ConfigError, UsageError, Where, near_match
from plimsoll.evaluators.contract import BuildContext
from plimsoll.evaluators.judges.asking import Asker
from plimsoll.evaluators.judges.canaries import CANARIES
from plimsoll.evaluators.judges.judge import Judge
from plimsoll.evaluators.judges.judgement import Scale
from plimsoll.evaluators.judges.question import GIVEN, Question
from plimsoll.evaluators.judges.settings import Declared, NamedJudgeSettings
from plimsoll.prompts import Prompt, load_prompt

_SHARE = Scale(0, 1, integer=False)
"""What claims and preferences are measured on."""
_MOST_SCORES = 101


def build_judge(settings: NamedJudgeSettings, path: Path, shown: str, context: BuildContext) -> Judge:
    """A judge from its settings and its prompt's file.

    Args:
        settings: The suite's.
        path: The prompty file.
        shown: How messages name it.
        context: The suite's models.

    Raises:
        ConfigError: the prompt can't be read or is wrong.
        UsageError: a setting doesn't fit the prompt; its model isn't there, or several could be meant.
    """
    prompt = load_prompt(path, shown)
    declared = _declared(prompt)
    name = settings.name or path.stem
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError(f"{name!r} can't be a metric's name", remedy="give the judge one: `name: …`")
    _check_fields(settings, prompt)
    _check_against(settings, declared, prompt)
    scale = _scale(settings, declared, prompt)
    fixed = {"lowest": f"{scale.low:g}", "highest": f"{scale.high:g}"}
    if settings.criteria is not None:
        _check_criteria(prompt)
        fixed["criteria"] = settings.criteria
    return Judge(
        name=name,
        settings=settings,
        declared=declared,
        scale=scale,
        question=Question(prompt, settings.fields, fixed),
        digests=tuple(canonical.digest_file(file) for file in prompt.files),
        asker=Asker(
            name=name,
            model=context.model(settings.model, "the judge"),
            parameters={**prompt.parameters, **settings.parameters},
            repeats=settings.repeats,
            probabilities=settings.probabilities,
        ),
    )


def _declared(prompt: Prompt) -> Declared:
    """The front matter's `judge`.

    Raises:
        ConfigError: every mistake in it.
    """
    given = prompt.metadata.get("judge")
    try:
        declared = Declared.model_validate({} if given is None else given)
    except ValidationError as error:
        document = Document(prompt.shown, {"judge": given}, {})
        raise ConfigError(mistakes_of(error, document, Declared, ("judge",))) from None
    unknown = sorted(set(declared.spares) - set(CANARIES))
    if unknown:
        remedy = near_match(unknown[0], CANARIES)
        raise UsageError(f"spares: no canary {unknown[0]!r}", where=Where(prompt.shown), remedy=remedy)
    return declared


def _check_fields(settings: NamedJudgeSettings, prompt: Prompt) -> None:
    taken = sorted(GIVEN & settings.fields.keys())
    if taken:
        raise UsageError(f"fields: {taken[0]!r} is filled by the harness")
    unknown = sorted(settings.fields.keys() - prompt.inputs.keys())
    if unknown:
        remedy = near_match(unknown[0], prompt.inputs)
        raise UsageError(f"fields: {prompt.shown} has no input {unknown[0]!r}", remedy=remedy)


def _check_against(settings: NamedJudgeSettings, declared: Declared, prompt: Prompt) -> None:
    if declared.form == "pair" and settings.against is None:
        raise UsageError(f"{prompt.shown} compares two answers", remedy="name the case's field: `against: FIELD`")
    if declared.form != "pair" and settings.against is not None:
        raise UsageError(f"against: {prompt.shown} judges one answer alone", remedy="use preference to compare two")
    places = {"first", "second"}
    if places & prompt.inputs.keys() != (places if declared.form == "pair" else set()):
        raise UsageError(
            f"{prompt.shown}: the inputs first and second are those of a judge that compares two answers",
            remedy="write `judge: {form: pair}` in its front matter with both inputs, or rename them",
        )


def _check_criteria(prompt: Prompt) -> None:
    if "criteria" not in prompt.inputs:
        raise UsageError(
            f"criteria: {prompt.shown} has no input 'criteria'", remedy="use rubric to judge by criteria of your own"
        )


def _scale(settings: NamedJudgeSettings, declared: Declared, prompt: Prompt) -> Scale:
    """The suite's range over the prompt's, as far as the prompt's words allow."""
    if declared.form != "score":
        if settings.range is not None or settings.integer is not None:
            raise UsageError(f"range, integer: {prompt.shown} gives a share from 0 to 1, whatever the settings")
        return _SHARE
    wanted, anchored = settings.range, declared.range
    if anchored is not None and wanted not in (None, anchored) and not {"lowest", "highest"} & prompt.inputs.keys():
        raise UsageError(
            f"range: {prompt.shown} says in words what each score from {anchored[0]:g} to {anchored[1]:g} means",
            remedy="use rubric for a scale of your own, or write a prompt for it",
        )
    low, high = map(float, wanted or anchored or (1, 5))
    return _checked(Scale(low, high, declared.integer if settings.integer is None else settings.integer))


def _checked(scale: Scale) -> Scale:
    low, high, integer = scale
    if not low < high:
        raise UsageError(f"range: {low:g} is not below {high:g}")
    if integer and (low != int(low) or high != int(high)):
        raise UsageError("range: whole scores need whole ends; or set integer: false")
    if integer and high - low >= _MOST_SCORES:
        raise UsageError(f"range: no judge tells more than {_MOST_SCORES} whole scores apart; set integer: false")
    return scale
