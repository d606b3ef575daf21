"""From a judge's settings and its prompt to the judge; what doesn't fit together is told here."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from plimsoll import canonical
from plimsoll.config import Document, mistakes_of, parse_yaml, read_text
from plimsoll.errors import ConfigError, UsageError, near_match
from plimsoll.evaluators.contract import BuildContext
from plimsoll.evaluators.fields import CONVERSATION
from plimsoll.evaluators.judges.asking import Asker
from plimsoll.evaluators.judges.canaries import CANARIES
from plimsoll.evaluators.judges.judge import Judge
from plimsoll.evaluators.judges.judgement import Scale
from plimsoll.evaluators.judges.question import GIVEN, Question
from plimsoll.evaluators.judges.settings import Declared, NamedJudgeSettings
from plimsoll.evaluators.parts import metric_name
from plimsoll.prompts import Prompt, load_prompt
from plimsoll.prompts.front_matter import split

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
    name = metric_name(settings.name or path.stem, "judge")
    _check_fields(settings, prompt)
    _check_against(settings, declared, prompt)
    if settings.phrases and declared.form != "claims":
        raise UsageError(f"phrases: {prompt.shown} does not ask whether the answer abstains")
    scale = _scale(settings, declared, prompt)
    fixed = {"lowest": f"{scale.low:g}", "highest": f"{scale.high:g}"}
    if settings.criteria is not None:
        _check_criteria(settings, prompt)
        fixed["criteria"] = settings.criteria
    question = Question(prompt, settings.fields, fixed)
    _check_sees_the_answer(settings, declared, question)
    return Judge(
        name=name,
        settings=settings,
        declared=declared,
        scale=scale,
        question=question,
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
        raise ConfigError(mistakes_of(error, _front_matter(prompt), Declared, ("judge",))) from None
    unknown = sorted(set(declared.spares) - set(CANARIES))
    if unknown:
        remedy = near_match(unknown[0], CANARIES)
        where = _front_matter(prompt).where(("judge", "spares"))
        raise UsageError(f"spares: no canary {unknown[0]!r}", where=where, remedy=remedy)
    return declared


def _front_matter(prompt: Prompt) -> Document:
    """The front matter with its lines, read once more: only a mistake needs them."""
    parts = split(read_text(prompt.path, prompt.shown), prompt.shown)
    return parse_yaml(parts.yaml, prompt.shown, first_line=parts.yaml_line)


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


def _check_sees_the_answer(settings: NamedJudgeSettings, declared: Declared, question: Question) -> None:
    """A judge of something else would score all answers alike; one that knows which of two is ours is no judge."""
    shown, judged, used = question.prompt.shown, sorted(question.judged), question.prompt.template.variables.used
    if settings.turns == "conversation":
        said = (CONVERSATION, "messages")
        judged += sorted(name for name, source in question.sources.items() if name in used and source in said)
    if declared.form == "pair":
        if judged:
            raise UsageError(
                f"{shown} reads {judged[0]!r}: its judge would know which of the two answers is the judged one",
                remedy="let it read first and second only",
            )
        if not {"first", "second"} <= used:
            raise UsageError(f"{shown} never shows both answers", remedy="write {{first}} and {{second}} in it")
    elif not judged:
        raise UsageError(
            f"{shown} never shows the answer that it judges",
            remedy="write {{output}} in it, or map the input that stands for the answer: `fields: {INPUT: output}`",
        )


def _check_criteria(settings: NamedJudgeSettings, prompt: Prompt) -> None:
    if "criteria" in settings.fields:
        raise UsageError("criteria: both a text and a field are given for it", remedy="keep one of the two")
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
