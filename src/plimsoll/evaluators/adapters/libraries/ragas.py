"""ragas: its metrics of one question and answer, and judges whose prompt is in the suite.

Built for 0.4. What ragas would let pass for a score and is refused here: an answer without a claim in it (it calls that
a perfect match, or 0), a verdict that is neither 0 nor 1, the rating of one of two judges where the other gave none,
and BLEU of several sentences, which it takes for as many references.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plimsoll.evaluators.adapters.support import (
    NOWHERE,
    Described,
    Endpoint,
    MetricEntry,
    Settings,
    as_text,
    described,
    label,
    numeric,
    passages,
    single,
    unknown,
)

_LOWEST = (0, 4)
_EMBEDDINGS = "it needs embeddings, and a suite's models are chat models"
_TURNS = "it judges a whole conversation with its tool calls"
_PICTURES = "it judges pictures, and a case holds text"
_REFUSED = {
    "AgentGoalAccuracy": _TURNS,
    "AgentGoalAccuracyWithReference": _TURNS,
    "AgentGoalAccuracyWithoutReference": _TURNS,
    "AnswerRelevancy": _EMBEDDINGS,
    "AspectCritic": "ragas left it for DiscreteMetric, whose prompt and labels you write under `arguments:`",
    "MultiModalFaithfulness": _PICTURES,
    "MultiModalRelevance": _PICTURES,
    "ResponseRelevancy": _EMBEDDINGS,
    "RubricsScore": "ragas left it for RubricsScoreWithReference and RubricsScoreWithoutReference",
    "SemanticSimilarity": _EMBEDDINGS,
    "ToolCallAccuracy": _TURNS,
    "ToolCallF1": _TURNS,
    "TopicAdherence": _TURNS,
}
_OWN_PROMPT = ("DiscreteMetric", "NumericMetric")
_LISTS = frozenset({"reference_contexts", "retrieved_contexts"})
_SOURCES = {
    "user_input": "question",
    "response": "output",
    "reference": "expected",
    "retrieved_contexts": "context",
    "reference_contexts": "context",
}
"""ragas' parameters, and where they are in a case if not under their own names."""
_LOWER = frozenset({"NoiseSensitivity"})
_OURS = ("llm", "embeddings", "name")
"""Arguments that only say whom to ask, or how a result is called."""
_RATINGS = {
    "AnswerAccuracyOutput": (0, 2, 4),
    "ContextRelevanceOutput": (0, 1, 2),
    "ResponseGroundednessOutput": (0, 1, 2),
}
"""What may be in a `rating`. Of two judges, ragas goes by the other alone where one's is none of these."""
_BINARY = frozenset({"attributed", "verdict"})
_NEVER_EMPTY = frozenset({"answers", "claims", "classifications", "keyphrases", "questions", "statements"})


@dataclass(frozen=True)
class Built:
    """A metric, and what its judge is asked by."""

    metric: Any
    judge: Any
    """None where it asks nobody."""
    given: dict[str, Any] = field(default_factory=dict)
    """What its method takes beside the case's values."""


def load() -> None:
    """Import the library, and what it asks a model by."""
    for name in ("ragas.metrics.collections", "openai"):
        importlib.import_module(name)


def describe(settings: Settings) -> Described:
    """What a metric needs and gives.

    Raises:
        ValueError: no such metric, one that can't be used here, or arguments that don't fit.
    """
    _check_version()
    name, arguments = settings["evaluator"], settings["arguments"]
    if name in _REFUSED:
        raise ValueError(f"ragas' {name} can't be used: {_REFUSED[name]}")
    _kind(name)
    for argument in _OURS:
        if argument in arguments:
            raise ValueError(f"ragas' {name}: {argument!r} is not for the suite; its model is named by `model:`")
    try:
        built = build(settings, NOWHERE)
    except (TypeError, AttributeError, ImportError) as error:
        raise ValueError(f"ragas' {name} can't be made: {error}") from error
    judged = built.judge is not None
    needed, others = _parameters(built)
    fields = {each: _SOURCES.get(each, each) for each in [*needed, *others]}
    return described(fields, [_metric(settings, built.metric, judged=judged)], optional=others, judged=judged)


def build(settings: Settings, endpoint: Endpoint | None) -> Built:
    """The metric with its judge."""
    name, arguments = settings["evaluator"], dict(settings["arguments"])
    kind = _kind(name)
    if name in _OWN_PROMPT:
        judge = _judge(endpoint)
        return Built(_own_prompt(name, kind, arguments), judge, {"llm": judge})
    if "distance_measure" in arguments:
        arguments["distance_measure"] = _measure(arguments["distance_measure"])
    if "llm" not in inspect.signature(kind.__init__).parameters:
        return Built(kind(**arguments), None)
    judge = _judge(endpoint)
    return Built(kind(llm=judge, **arguments), judge)


async def evaluate(built: Built, values: dict[str, Any]) -> dict[str, Any]:
    """The score, with ragas' reason where it gives one."""
    parts = {name: _part(name, value) for name, value in values.items()}
    if type(built.metric).__name__ == "BleuScore" and any(". " in str(part) for part in parts.values()):
        return {"score": {"failed": "ragas' BLEU takes sentences for references; use `bleu` for more than one"}}
    try:
        found = await built.metric.ascore(**parts, **built.given)
    finally:
        if built.judge is not None:
            await built.judge.client.close()
    problem = None if built.judge is None else built.judge.problem(type(built.metric).__name__)
    if problem is not None:
        return {"score": {"failed": f"{problem}; ragas' score was {found.value}"}}
    return {"score": {"value": found.value, "reason": found.reason}}


def _check_version() -> None:
    found = importlib.metadata.version("ragas")
    if tuple(int(each) for each in found.split(".")[:2]) < _LOWEST:
        wanted = ".".join(map(str, _LOWEST))
        raise ValueError(f"ragas {wanted} or newer is needed, and {found} is there; it needs an environment of its own")


def _kind(name: str) -> Any:
    import ragas.metrics
    from ragas.metrics import collections

    if name in _OWN_PROMPT:
        return getattr(ragas.metrics, name)
    found = getattr(collections, name, None)
    if name == "BaseMetric" or not hasattr(found, "ascore"):
        known = [each for each in collections.__all__ if hasattr(getattr(collections, each), "ascore")]
        raise unknown("ragas metric", name, {*known, *_OWN_PROMPT} - {*_REFUSED, "BaseMetric"})
    return found


def _own_prompt(name: str, kind: Any, arguments: dict[str, Any]) -> Any:
    if not arguments.get("prompt"):
        raise ValueError(f"ragas' {name} needs `prompt` under `arguments:`, a text with {{response}} in it")
    allowed = arguments.get("allowed_values")
    if name == "NumericMetric" and allowed is not None:
        arguments["allowed_values"] = tuple(float(each) for each in allowed)
    return kind(name="score", **arguments)


def _measure(name: str) -> Any:
    from ragas.metrics.collections import DistanceMeasure

    try:
        return DistanceMeasure(name)
    except ValueError:
        raise unknown("distance_measure", str(name), [each.value for each in DistanceMeasure]) from None


def _parameters(built: Built) -> tuple[list[str], list[str]]:
    if "llm" in built.given:
        # get_variables says the same, but not that a brace was left open.
        prompt = built.metric.prompt
        text = getattr(prompt, "instruction", prompt)
        return sorted({each for _, each, _, _ in string.Formatter().parse(text) if each}), []
    signature = list(inspect.signature(built.metric.ascore).parameters.values())
    needed = [each.name for each in signature if each.default is each.empty]
    others = [each.name for each in signature if each.default is not each.empty]
    if type(built.metric).__name__.startswith(("DomainSpecificRubrics", "RubricsScore", "InstanceSpecificRubrics")):
        # All are optional to ragas; a rubric for an answer without question and answer judges nothing.
        reference = ["reference"] if getattr(built.metric, "with_reference", False) else []
        needed = [*needed, "user_input", "response", *reference]
        others = [each for each in others if each not in needed]
    return needed, others


def _metric(settings: Settings, metric: Any, *, judged: bool) -> MetricEntry:
    name, allowed = settings["evaluator"], metric.allowed_values
    if name == "DiscreteMetric":
        return label("score", allowed, judged=judged)
    low, high = (float(each) for each in allowed)
    rubrics = getattr(metric, "rubrics", None)
    if rubrics:
        high = float(len(rubrics))
    return numeric("score", low, high, direction="lower" if name in _LOWER else "higher", judged=judged)


def _part(name: str, value: Any) -> Any:
    if name in _LISTS:
        return passages(value)
    if name == "rubrics":
        return value
    return single(value, name) if name == "reference" else as_text(value)


def _judge(endpoint: Endpoint | None) -> Any:
    import openai
    from ragas.llms import llm_factory
    from ragas.llms.base import InstructorBaseRagasLLM

    assert endpoint is not None
    client = openai.AsyncOpenAI(base_url=endpoint["base_url"], api_key=endpoint["api_key"], max_retries=0, timeout=None)
    asked = llm_factory(endpoint["model"], client=client)
    # ragas' own temperature and token limit would go over those of the suite's model.
    asked.model_args.clear()

    class Judge(InstructorBaseRagasLLM):  # type: ignore[misc,no-any-unimported,unused-ignore]
        """ragas' own, whose answers are looked at before they are made into a score."""

        def __init__(self) -> None:
            self.client = client
            self.counts: list[tuple[str, int]] = []
            self.unusable: dict[str, str] = {}
            self.failure: Exception | None = None

        def generate(self, prompt: str, response_model: Any) -> Any:
            raise NotImplementedError("ragas is called by its asynchronous methods")

        async def agenerate(self, prompt: str, response_model: Any) -> Any:
            if self.failure is not None:
                # ragas asks ten times; whoever answers for the model has tried again already.
                raise self.failure
            try:
                answer = await asked.agenerate(prompt, response_model)
            except Exception as error:
                came_of = list(_chain(error))
                if any(isinstance(each, openai.APIError) for each in came_of):
                    self.failure = error
                    raise
                self.unusable[prompt] = f"the judge's answer is not what it was asked for: {came_of[-1]}"
                raise ValueError(self.unusable[prompt]) from error
            misfit = _misfit(type(answer).__name__, answer.model_dump())
            if misfit:
                self.unusable[prompt] = misfit
                raise ValueError(misfit)
            self.unusable.pop(prompt, None)
            self.counts += [(key, len(each)) for key, each in answer.model_dump().items() if isinstance(each, list)]
            return answer

        def problem(self, metric: str) -> str | None:
            """Why the answers can't have been what the score means; None where they can."""
            if self.failure is not None:
                raise self.failure
            return next(iter(self.unusable.values()), None) or _miscounted(metric, self.counts)

    return Judge()


def _chain(error: BaseException) -> Iterable[BaseException]:
    """The error, and those of which it came."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _misfit(model: str, said: Mapping[str, Any]) -> str | None:
    """Why an answer is no use, though it is of the form that was asked for."""
    ratings = _RATINGS.get(model)
    if ratings is not None and said["rating"] not in ratings:
        return f"the judge's rating is {said['rating']!r}, none of {ratings}"
    for key, value in said.items():
        if key in _NEVER_EMPTY and not value:
            return f"the judge found no {key}"
    if "TP" in said and not (said["TP"] or said["FP"] or said["FN"]):
        return "the judge classed no statement"
    for key, value in _leaves(said):
        if key in _BINARY and value not in (0, 1):
            return f"the judge's {key!r} is {value!r}, not 0 or 1"
    return None


def _leaves(value: Any) -> Iterable[tuple[str, Any]]:
    for key, each in value.items():
        for item in each if isinstance(each, list) else [each]:
            if isinstance(item, Mapping):
                yield from _leaves(item)
            else:
                yield key, item


def _miscounted(metric: str, counts: list[tuple[str, int]]) -> str | None:
    """Where each answer judges the list that the one before it gave, both are of one length."""
    if metric == "ContextEntityRecall" and counts[:1] == [("entities", 0)]:
        return "the judge found nothing to look for in the reference"
    if metric not in {"Faithfulness", "FactualCorrectness", "SummaryScore"}:
        return None
    pairs = counts[1:] if metric == "SummaryScore" else counts  # key phrases first, which are not judged
    for (_, due), (_, given) in zip(pairs[::2], pairs[1::2], strict=False):
        if due != given:
            return f"the judge gave {given} verdicts where {due} were due"
    return None
