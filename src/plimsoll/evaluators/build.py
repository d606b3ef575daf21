"""From what a suite or a case writes under `evaluators` to evaluators, with every mistake listed at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from plimsoll.config import Document, Strict, mistakes_of, parse_condition
from plimsoll.config.document import Place
from plimsoll.errors import ConfigError, Mistake, PlimsollError, near_match
from plimsoll.evaluators.base import EvaluatorSettings, misfit
from plimsoll.evaluators.contract import BuildContext, Evaluator, Factory
from plimsoll.evaluators.turns import WithTurns
from plimsoll.plugins import Registry


def build_evaluators(
    entries: Sequence[str | Mapping[str, Any]],
    registry: Registry[Factory],
    context: BuildContext,
    document: Document,
    at: Place = ("evaluators",),
    *,
    taken: Iterable[str] = (),
) -> tuple[Evaluator, ...]:
    """The evaluators that the entries name, in their order.

    Args:
        entries: Each a name, or one key: the name with its settings, or with the value of the settings' main key.
        registry: What names mean: `discover(root)`.
        context: Workspace and models.
        document: Where the entries were written: the suite's document, or `Document(file, None, {(): line})` for a
            case of a dataset.
        at: The entries' place in it.
        taken: Metrics that others give already: the suite's, when a case's own evaluators are built.

    Raises:
        ConfigError: every unknown name, wrong setting, file or function that can't be used, and metric that two
            evaluators give; each with its place.
    """
    evaluators: list[Evaluator] = []
    mistakes: list[Mistake] = []
    metrics = dict.fromkeys(taken, "the suite")
    for index, entry in enumerate(entries):
        place = (*at, index)
        try:
            evaluator = _build(entry, registry, context, document, place)
        except ConfigError as error:
            mistakes += error.mistakes
            continue
        mistakes += _metric_mistakes(evaluator, metrics, document, place)
        evaluators.append(evaluator)
    if mistakes:
        raise ConfigError(mistakes)
    return tuple(evaluators)


def _build(
    entry: str | Mapping[str, Any],
    registry: Registry[Factory],
    context: BuildContext,
    document: Document,
    place: Place,
) -> Evaluator:
    name, given = _name_and_settings(entry, document, place)
    if name not in registry:
        remedy = near_match(name, registry)
        if name.endswith(".prompty"):
            remedy = f"write judge: {name}"
        raise ConfigError([document.mistake(place, f"no evaluator named {name!r}", remedy)])
    inside = place if isinstance(entry, str) else (*place, name)
    try:
        factory = registry[name]
        settings = _settings(given, name, factory.settings(), document, inside)
        evaluator = factory.build(settings, context)
    except PlimsollError as error:
        raise ConfigError([document.placed(mistake, inside) for mistake in error.mistakes]) from error
    if isinstance(settings, EvaluatorSettings) and "turns" in settings.model_fields_set:
        return WithTurns(evaluator, settings.turns)
    return evaluator


def _name_and_settings(entry: Any, document: Document, place: Place) -> tuple[str, Any]:
    if isinstance(entry, str):
        return entry, None
    if isinstance(entry, Mapping) and len(entry) == 1:
        name, given = next(iter(entry.items()))
        return str(name), given
    found = f"found {', '.join(str(key) for key in entry)}" if isinstance(entry, Mapping) else f"found {entry!r}"
    raise ConfigError(
        [document.mistake(place, f"an evaluator is a name, or one key: the name with its settings; {found}")]
    )


def _settings(given: Any, name: str, model: type[Strict], document: Document, place: Place) -> Strict:
    data = {} if given is None else given
    if not isinstance(data, Mapping):
        key = getattr(model, "shorthand", None)
        if key is None:
            raise ConfigError([document.mistake(place, f"{name} takes settings as keys, not {given!r}")])
        data = {key: given}
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_named(error, document, model, place, name)) from None


def _named(
    error: ValidationError, document: Document, model: type[BaseModel], place: Place, name: str
) -> list[Mistake]:
    found = mistakes_of(error, document, model, place)
    return [Mistake(f"{name}: {mistake.message}", mistake.where, mistake.remedy) for mistake in found]


def _metric_mistakes(
    evaluator: Evaluator, metrics: dict[str, str], document: Document, place: Place
) -> Iterable[Mistake]:
    for metric in evaluator.metrics:
        if metric.name in metrics:
            yield document.mistake(
                place,
                f"a second metric named {metric.name!r}; the first is of {metrics[metric.name]}",
                "give this one another name: `name: …`",
            )
        metrics.setdefault(metric.name, f"evaluator {evaluator.name}")
        unfit = misfit(metric, parse_condition(metric.pass_if)) if metric.pass_if is not None else None
        if unfit:
            yield document.mistake(place, unfit)
