"""deepeval: its metrics of one question and answer, G-Eval, and metrics that a file of the workspace makes.

Built for 4.3, in which every score runs the same way, 1 being the best; before, those of bias, hallucination, misuse
and toxicity ran the other way. What deepeval would let pass for a score and is refused here: fewer verdicts than there
are things to judge (those it can't read it drops, and of none left it makes 1), and a judge that found nothing at all.
Contextual recall lets its judge divide the reference into sentences: how many verdicts are due is not known there.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Mapping
from typing import Any

from plimsoll.evaluators.adapters.support import (
    NOWHERE,
    Described,
    Endpoint,
    Settings,
    as_text,
    described,
    is_own,
    numeric,
    own,
    passages,
    single,
    unknown,
)

_LOWEST = (4, 3)
_SOURCES = {
    "input": "question",
    "actual_output": "output",
    "expected_output": "expected",
    "context": "context",
    "retrieval_context": "context",
}
"""A test case's parts, and where they are in ours."""
_PLAIN = ("ExactMatchMetric", "PatternMatchMetric")
_JUDGED: Mapping[str, str | None] = {
    "AnswerRelevancyMetric": "statements",
    "BiasMetric": "opinions",
    "ContextualPrecisionMetric": None,
    "ContextualRecallMetric": None,
    "ContextualRelevancyMetric": None,
    "FaithfulnessMetric": "claims",
    "GEval": None,
    "HallucinationMetric": None,
    "MisuseMetric": "misuses",
    "NonAdviceMetric": "advices",
    "PIILeakageMetric": "extracted_pii",
    "PromptAlignmentMetric": "prompt_instructions",
    "RoleViolationMetric": "role_violations",
    "SummarizationMetric": None,
    "ToxicityMetric": "opinions",
}
"""Metric → its list of things that get a verdict each, where it keeps one."""
_NEVER_EMPTY = frozenset({"AnswerRelevancyMetric", "FaithfulnessMetric"})
"""Of none they make 1, and nothing was judged. Of what should not be there, none is what is hoped for."""
_OURS = {
    "threshold": "what makes a case pass is said by `pass_if:`",
    "strict_mode": "what makes a case pass is said by `pass_if:`",
    "model": "the suite's model is named by `model:`",
    "system_one_model": "the suite's model is named by `model:`",
    "eval_mode": "the suite's model is the judge",
    "async_mode": "calls run at once anyway",
    "verbose_mode": "nobody reads its output here",
    "flaky": "it changes no score",
}
"""Arguments that the harness decides, with the reason."""


def load() -> None:
    """Import the library, and what it asks a model by."""
    for name in ("deepeval.metrics.g_eval", "openai"):
        importlib.import_module(name)


def describe(settings: Settings) -> Described:
    """What a metric needs and gives.

    Raises:
        ValueError: no such metric, one that needs more than a question and an answer, or arguments that don't fit.
    """
    _check_version()
    name, arguments = settings["evaluator"], settings["arguments"]
    if not is_own(name):
        _check_known(name)
    for argument in arguments:
        if argument in _OURS:
            raise ValueError(f"deepeval's {name}: leave {argument!r} out; {_OURS[argument]}")
    judged = settings["model"] if is_own(name) else name in _JUDGED
    try:
        metric = build(settings, NOWHERE)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"its arguments don't fit: {error}") from error
    fields = {each: _SOURCES[each] for each in _parameters(metric, settings)}
    return described(fields, [numeric("score", 0, 1, judged=judged)], judged=judged)


def build(settings: Settings, endpoint: Endpoint | None) -> Any:
    """The metric, which keeps the last score and reason: one is good for one call."""
    import deepeval.metrics

    name, arguments = settings["evaluator"], dict(settings["arguments"])
    if is_own(name):
        made = own(settings)
        return made(model=_judge(endpoint), **arguments) if settings["model"] else made(**arguments)
    if name == "GEval":
        arguments = _g_eval(arguments)
    if name in _JUDGED:
        arguments["model"] = _judge(endpoint)
        if name != "GEval":
            arguments["eval_mode"] = "llm"
    return getattr(deepeval.metrics, name)(**arguments)


async def evaluate(built: Any, values: dict[str, Any]) -> dict[str, Any]:
    """The score and deepeval's reason for it."""
    from deepeval.test_case import LLMTestCase

    case = LLMTestCase(**{"input": "", **{name: _part(name, value) for name, value in values.items()}})
    try:
        await built.a_measure(case, _show_indicator=False)
    finally:
        if isinstance(getattr(built, "model", None), _model_class()):
            await built.model.model.close()
    if built.error:
        return {"score": {"failed": str(built.error)}}
    problem = _problem(built, values)
    if problem:
        return {"score": {"failed": f"{problem}; deepeval's score was {built.score}"}}
    return {"score": {"value": built.score, "reason": built.reason}}


def _check_version() -> None:
    found = importlib.metadata.version("deepeval")
    if tuple(int(each) for each in found.split(".")[:2]) < _LOWEST:
        wanted = ".".join(map(str, _LOWEST))
        raise ValueError(f"deepeval {wanted} or newer is needed, and {found} is there; install a newer one")


def _check_known(name: str) -> None:
    import deepeval.metrics

    if name in _JUDGED or name in _PLAIN:
        return
    if name in deepeval.metrics.__all__:
        raise ValueError(
            f"deepeval's {name} judges more than one question and answer (a conversation, a trace, tools, a picture, "
            f"or a graph made in code); one that you make yourself goes with `evaluator: FILE.py:FUNCTION`"
        )
    raise unknown("deepeval metric", name, [*_JUDGED, *_PLAIN])


def _parameters(metric: Any, settings: Settings) -> list[str]:
    wanted = getattr(metric, "evaluation_params", None) or getattr(metric, "_required_params", None)
    names = [each.value for each in wanted] if isinstance(wanted, list) else ["input", "actual_output"]
    if is_own(settings["evaluator"]):
        names += [each for each in settings["fields"] if each not in names]
    for name in names:
        if name not in _SOURCES:
            raise ValueError(f"deepeval's {name!r} is no part of our cases; they have {', '.join(_SOURCES)}")
    return names


def _g_eval(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """G-Eval's arguments with deepeval's own types in place of names and tables."""
    from deepeval.metrics.g_eval import Rubric
    from deepeval.test_case import SingleTurnParams

    if not arguments.get("criteria") and not arguments.get("evaluation_steps"):
        raise ValueError("GEval needs `evaluation_steps` or `criteria` under `arguments:`")
    given = {"name": "score", "evaluation_params": ["input", "actual_output"], **arguments}
    for each in given["evaluation_params"]:
        if each not in _SOURCES:
            raise unknown("evaluation_params", str(each), _SOURCES)
    given["evaluation_params"] = [SingleTurnParams(each) for each in given["evaluation_params"]]
    if "rubric" in given:
        given["rubric"] = [
            Rubric(score_range=tuple(each["score_range"]), expected_outcome=each["expected_outcome"])
            for each in given["rubric"]
        ]
    return given


def _part(name: str, value: Any) -> Any:
    if name in ("context", "retrieval_context"):
        return passages(value)
    return single(value, name) if name == "expected_output" else as_text(value)


def _judge(endpoint: Endpoint | None) -> Any:
    return _model_class()(endpoint)


@functools.cache
def _model_class() -> Any:
    """Made once, since deepeval instruments every class that is made."""
    import openai
    from deepeval.models import DeepEvalBaseLLM

    class SuiteModel(DeepEvalBaseLLM):  # type: ignore[misc,no-any-unimported,unused-ignore]
        """The suite's model, whose answer is parsed whole: deepeval's own look for braces in it."""

        def __init__(self, endpoint: Endpoint) -> None:
            self._endpoint = endpoint
            super().__init__(endpoint["model"])

        def load_model(self) -> Any:
            return openai.AsyncOpenAI(
                base_url=self._endpoint["base_url"], api_key=self._endpoint["api_key"], max_retries=0, timeout=None
            )

        def get_model_name(self) -> str:
            return self._endpoint["model"]

        def generate(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError("deepeval is called by its asynchronous methods")

        async def a_generate(self, prompt: str, schema: Any = None) -> Any:
            answered = await self.model.chat.completions.create(
                model=self._endpoint["model"], messages=[{"role": "user", "content": prompt}]
            )
            text = answered.choices[0].message.content or ""
            return text if schema is None else _fitting(text, schema)

    return SuiteModel


def _fitting(text: str, schema: Any) -> Any:
    bare = text.strip()
    if bare.startswith("```") and bare.endswith("```"):
        bare = bare.removeprefix("```").removeprefix("json").removesuffix("```")
    try:
        return schema.model_validate_json(bare, strict=True)
    except ValueError as error:
        raise ValueError(f"the judge's answer is not the JSON that it was asked for: {error}") from error


def _problem(metric: Any, values: Mapping[str, Any]) -> str | None:
    """Why the judge's answers can't have been what the score means; None where they can."""
    name = type(metric).__name__
    if name == "SummarizationMetric":
        return _summary_problem(metric)
    verdicts = _verdicts(metric)
    if name == "ContextualRecallMetric":
        return None if verdicts else "the judge gave no verdict"
    if name == "ContextualRelevancyMetric":
        without = sum(not each.verdicts for each in metric.verdicts_list)
        return f"the judge gave no verdict on {without} of {len(metric.verdicts_list)} passages" if without else None
    items = _JUDGED.get(name)
    if items is not None:
        wanted = len(getattr(metric, items))
        if wanted == 0 and name in _NEVER_EMPTY:
            return f"the judge found no {items} in the answer"
    elif name == "HallucinationMetric":
        wanted = len(passages(values["context"]))
    elif name == "ContextualPrecisionMetric":
        wanted = len(passages(values["retrieval_context"]))
    else:
        return None
    return None if len(verdicts) == wanted else f"the judge gave {len(verdicts)} verdicts where {wanted} were due"


def _verdicts(metric: Any) -> list[Any]:
    return [each for each in getattr(metric, "verdicts", None) or () if each is not None]


def _summary_problem(metric: Any) -> str | None:
    if not metric.claims:
        return "the judge found no claim in the summary"
    if len(metric.alignment_verdicts) != len(metric.claims):
        return f"the judge gave {len(metric.alignment_verdicts)} verdicts where {len(metric.claims)} were due"
    answered = [each.original_verdict.strip().lower() for each in metric.coverage_verdicts or ()]
    if len(answered) != len(metric.assessment_questions or ()):
        return f"the judge answered {len(answered)} of {len(metric.assessment_questions or ())} questions"
    return None if "yes" in answered else "the judge found no question that the text answers"
