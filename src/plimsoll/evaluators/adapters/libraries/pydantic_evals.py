"""pydantic-evals: its evaluators of one output, its judges, and subclasses of its `Evaluator`.

Built for 2.60. Evaluators that read the spans of a task are not for outputs that are scored after it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from plimsoll.evaluators.adapters.support import (
    Described,
    Endpoint,
    MetricEntry,
    Settings,
    boolean,
    check_arguments,
    described,
    is_own,
    numeric,
    own,
    own_metrics,
    returned_by,
    unknown,
)

_SOURCES = {"output": "output", "expected_output": "expected", "inputs": "question", "metadata": "metadata"}
"""What an evaluator may read of its context, and where that is."""
_PLAIN = ("Contains", "Equals", "EqualsExpected")
_JUDGED = ("GEval", "LLMJudge")
_OF_TASKS = (
    "ArgumentCorrectness",
    "HasMatchingSpan",
    "IsInstance",
    "MaxDuration",
    "MaxModelRequests",
    "MaxToolCalls",
    "ToolCorrectness",
    "TrajectoryMatch",
)


def load() -> None:
    """See `support`."""
    import pydantic_evals.evaluators  # noqa: F401


def describe(settings: Settings) -> Described:
    """See `support`."""
    name, arguments = settings["evaluator"], settings["arguments"]
    if is_own(name):
        return _describe_own(settings)
    if name in _OF_TASKS:
        raise ValueError(f"{name} reads how a task ran, and an evaluator is given its answer")
    if name not in (*_PLAIN, *_JUDGED):
        raise unknown("evaluator of pydantic-evals", name, [*_PLAIN, *_JUDGED])
    from pydantic_evals import evaluators

    made = getattr(evaluators, name)
    check_arguments(made, arguments, name, filled=("model",) if name in _JUDGED else ())
    reads = ["output"]
    reads += ["inputs"] if arguments.get("include_input") else []
    reads += ["expected_output"] if name == "EqualsExpected" or arguments.get("include_expected_output") else []
    fields = {each: _SOURCES[each] for each in reads}
    if name in _JUDGED:
        return described(fields, _judged_metrics(name, made(**arguments)), judged=True)
    return described(fields, [boolean(name)])


def build(settings: Settings, endpoint: Endpoint | None) -> _Made:
    """See `support`."""
    from pydantic_evals import evaluators

    name, arguments = settings["evaluator"], dict(settings["arguments"])
    if is_own(name):
        made = own(settings)
        names = settings["metrics"] or [name.rpartition(":")[2]]
        return _Made(made(**arguments) if inspect.isclass(made) else made, names)
    if endpoint is not None:
        arguments["model"] = _model(endpoint)
    evaluator = getattr(evaluators, name)(**arguments)
    metrics = _judged_metrics(name, evaluator) if name in _JUDGED else [boolean(name)]
    return _Made(evaluator, [each["name"] for each in metrics])


async def evaluate(built: _Made, values: dict[str, Any]) -> dict[str, Any]:
    """See `support`."""
    from pydantic_evals.evaluators import EvaluatorContext
    from pydantic_evals.otel._errors import SpanTreeRecordingError  # its own way to say that there are no spans

    context: Any = EvaluatorContext(
        name=None,
        inputs=values.get("inputs"),
        metadata=values.get("metadata"),
        expected_output=values.get("expected_output"),
        output=values["output"],
        duration=0.0,
        _span_tree=SpanTreeRecordingError("an answer is scored after its task has run, without spans"),
        attributes={},
        metrics={},
    )
    result = await built.evaluator.evaluate_async(context)
    if isinstance(result, Mapping):
        return {name: _entry(each) for name, each in result.items()}
    return {built.metrics[0]: _entry(result)}


class _Made:
    def __init__(self, evaluator: Any, metrics: list[str]) -> None:
        self.evaluator = evaluator
        self.metrics = metrics


def _entry(result: Any) -> dict[str, Any]:
    if hasattr(result, "reason"):
        return {"value": result.value, "reason": result.reason}
    return {"value": result}


def _judged_metrics(name: str, evaluator: Any) -> list[MetricEntry]:
    if name == "GEval":
        low, high = evaluator.score_range
        return [numeric(name, low, high, judged=True)]
    default = evaluator.get_default_evaluation_name()
    both = evaluator.score is not False and evaluator.assertion is not False
    found: list[MetricEntry] = []
    if evaluator.score is not False:
        named = evaluator.score.get("evaluation_name") or (f"{default}_score" if both else default)
        found.append(numeric(named, 0, 1, judged=True))
    if evaluator.assertion is not False:
        named = evaluator.assertion.get("evaluation_name") or (f"{default}_pass" if both else default)
        found.append(boolean(named, judged=True))
    return found


def _model(endpoint: Endpoint) -> Any:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(base_url=endpoint["base_url"], api_key=endpoint["api_key"])
    return OpenAIChatModel(endpoint["model"], provider=provider)


def _describe_own(settings: Settings) -> Described:
    from pydantic_evals.evaluators import Evaluator

    name, made = settings["evaluator"], own(settings)
    if inspect.isclass(made) and issubclass(made, Evaluator):
        check_arguments(made, settings["arguments"], name)
    elif not isinstance(made, Evaluator):
        raise ValueError(f"{name} is no evaluator: it has to be a subclass of pydantic_evals.evaluators.Evaluator")
    metrics = own_metrics(settings, returned_by(made.evaluate), judged=settings["model"])
    others = [each for each in _SOURCES if each != "output"]
    return described(_SOURCES, metrics, optional=others, judged=settings["model"], alone=settings["model"])
