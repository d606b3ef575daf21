"""autoevals: its heuristics, its judges by choice, its judges of retrieval, and classifiers written in the suite.

Built for 0.4. What autoevals would let pass for a score and is refused here: a verdict that is neither 0 nor 1, another
number of verdicts than of statements, quotes longer than the text that they are from, a missing variable of a prompt.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from plimsoll.evaluators.adapters.support import (
    NOWHERE,
    Described,
    Endpoint,
    MetricEntry,
    Settings,
    as_text,
    described,
    numeric,
    passages,
    single,
    unknown,
)

_EMBEDDINGS = "it needs embeddings, and a suite's models are chat models"
_REFUSED = {
    "AnswerRelevancy": _EMBEDDINGS,
    "AnswerSimilarity": _EMBEDDINGS,
    "EmbeddingSimilarity": _EMBEDDINGS,
    "Moderation": "it needs a moderation endpoint, and a suite's models are chat models",
}
_SOURCES = {"input": "question", "instructions": "question"}
"""Where a variable's value is in a case, if not under its own name."""
_HEURISTICS: Mapping[str, tuple[str, ...]] = {
    "ExactMatch": ("output", "expected"),
    "JSONDiff": ("output", "expected"),
    "Levenshtein": ("output", "expected"),
    "ListContains": ("output", "expected"),
    "NumericDiff": ("output", "expected"),
    "ValidJSON": ("output",),
}
_RETRIEVAL: Mapping[str, tuple[str, ...]] = {
    "AnswerCorrectness": ("input", "output", "expected"),
    "ContextEntityRecall": ("expected", "context"),
    "ContextPrecision": ("input", "expected", "context"),
    "ContextRecall": ("input", "expected", "context"),
    "ContextRelevancy": ("input", "context"),
    "Faithfulness": ("input", "output", "context"),
}
_OURS = ("client", "model", "api_key", "base_url", "engine", "use_responses_api")
"""Arguments that only say whom to ask: the suite's model."""


@dataclass(frozen=True)
class Built:
    """A scorer as a function of the values, and the client that it asks by."""

    score: Callable[[dict[str, Any]], Any]
    client: Any = None


def load() -> None:
    """Import the library, and what it asks a model by."""
    for name in ("autoevals.oai", "openai"):
        importlib.import_module(name)


def describe(settings: Settings) -> Described:
    """What a scorer needs and gives; a prompt's variables are its fields, unless `arguments` fixes them.

    Raises:
        ValueError: no such scorer, one that can't ask a chat model, or arguments that it does not take.
    """
    name, arguments = settings["evaluator"], settings["arguments"]
    if name in _REFUSED:
        raise ValueError(f"autoevals' {name} can't be used: {_REFUSED[name]}")
    for argument in _OURS:
        if argument in arguments:
            raise ValueError(f"autoevals' {name}: {argument!r} is the suite's to say, under `model:`")
    if name in _HEURISTICS:
        _check_constructor(lambda: _heuristic(settings))
        return described(_fields(_HEURISTICS[name]), [numeric("score", 0, 1)])
    if name in _RETRIEVAL:
        if name == "AnswerCorrectness" and arguments.get("answer_similarity_weight") != 0:
            raise ValueError(
                f"autoevals' AnswerCorrectness: {_EMBEDDINGS}; leave them out with `answer_similarity_weight: 0`"
            )
        _check_constructor(lambda: _retrieval(settings, NOWHERE))
        return described(_fields(_RETRIEVAL[name]), [numeric("score", 0, 1, judged=True)], judged=True)
    if name != "LLMClassifier" and name not in _judges():
        raise unknown("autoevals scorer", name, [*_HEURISTICS, *_RETRIEVAL, *_judges(), "LLMClassifier"])
    classifier = _check_constructor(lambda: _classifier(settings, NOWHERE))
    variables = [each for each in _variables(classifier) if each not in arguments]
    return described(_fields(variables), [_range(classifier.choice_scores)], judged=True)


def build(settings: Settings, endpoint: Endpoint | None) -> Built:
    """The scorer."""
    name, arguments = settings["evaluator"], settings["arguments"]
    if name in _HEURISTICS:
        heuristic = _heuristic(settings)
        return Built(lambda values: heuristic.eval(**_compared(name, arguments, values)))
    if name in _RETRIEVAL:
        scorer = _retrieval(settings, endpoint)
        return Built(lambda values: _judged(name, scorer, values), scorer.client.openai)
    classifier = _classifier(settings, endpoint)
    fixed = {key: value for key, value in arguments.items() if key in _variables(classifier)}
    return Built(lambda values: _chosen(classifier, {**fixed, **_texts(values)}), classifier.client.openai)


def evaluate(built: Built, values: dict[str, Any]) -> dict[str, Any]:
    """The score, with the judge's rationale where it gives one."""
    try:
        score = built.score(values)
    finally:
        if built.client is not None:
            built.client.close()
    return {"score": {"value": score.score, "reason": (score.metadata or {}).get("rationale")}}


def _fields(parameters: Any) -> dict[str, str]:
    return {each: _SOURCES.get(each, each) for each in parameters}


def _check_constructor(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (TypeError, AttributeError) as error:
        raise ValueError(f"its arguments don't fit: {error}") from error


def _judges() -> dict[str, Any]:
    import autoevals
    from autoevals.llm import SpecFileClassifier

    return {
        name: each
        for name, each in vars(autoevals).items()
        if isinstance(each, type) and issubclass(each, SpecFileClassifier) and each is not SpecFileClassifier
    }


def _heuristic(settings: Settings) -> Any:
    import autoevals

    own = {key: value for key, value in settings["arguments"].items() if key != "schema"}
    return getattr(autoevals, settings["evaluator"])(**own)


def _compared(name: str, arguments: Mapping[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    if name == "ValidJSON":
        # What other scorers expect is the schema here; the one that its constructor takes is never looked at.
        return {"output": values["output"], "expected": arguments.get("schema")}
    output, expected = values["output"], values["expected"]
    if name == "NumericDiff":
        return {"output": _number(output, "answer"), "expected": _number(expected, "expected value")}
    if name == "ListContains":
        # Text would be taken for a list of letters.
        return {"output": _list(output, "answer"), "expected": _list(expected, "expected value")}
    if name == "JSONDiff":
        return {"output": output, "expected": expected}
    return {"output": as_text(output), "expected": single(expected, "expected")}


def _number(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"NumericDiff compares numbers; the {what} is {value!r}")
    return number


def _list(value: Any, what: str) -> list[str]:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if found is None or not isinstance(found, list):
        raise ValueError(f"ListContains compares lists; the {what} is none, and no JSON array either")
    return [as_text(each) for each in found]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: "\n".join(passages(value)) if name == "context" else as_text(value) for name, value in values.items()}


def _client(endpoint: Endpoint) -> Any:
    """Chat completions only: autoevals would ask gpt-5 by another API, and wait for hours on a full rate limit."""
    import openai
    from autoevals.oai import LLMClient

    class NeverRaised(Exception):  # noqa: N818  # it is none
        pass

    client = openai.OpenAI(base_url=endpoint["base_url"], api_key=endpoint["api_key"], max_retries=0, timeout=None)
    asked = LLMClient(openai=client, is_async=False)
    asked.complete = client.chat.completions.create
    asked.embed = asked.moderation = _no_chat
    asked.RateLimitError = NeverRaised
    return asked


def _no_chat(**_: Any) -> NoReturn:
    raise ValueError("it needs more than chat completions, which is all that a suite's models have")


def _asking(endpoint: Endpoint | None) -> dict[str, Any]:
    assert endpoint is not None
    return {"client": _client(endpoint), "model": endpoint["model"]}


def _retrieval(settings: Settings, endpoint: Endpoint | None) -> Any:
    import autoevals

    arguments = dict(settings["arguments"])
    if settings["evaluator"] == "ContextEntityRecall":
        # Its own choice needs embeddings.
        arguments.setdefault("pairwise_scorer", autoevals.Levenshtein())
    return getattr(autoevals, settings["evaluator"])(**_asking(endpoint), **arguments)


def _classifier(settings: Settings, endpoint: Endpoint | None) -> Any:
    from autoevals import LLMClassifier

    name, arguments = settings["evaluator"], dict(settings["arguments"])
    if name == "LLMClassifier":
        for key in ("prompt_template", "choice_scores"):
            if not arguments.get(key):
                raise ValueError(f"autoevals' LLMClassifier needs `{key}` under `arguments:`")
        return LLMClassifier(**{"name": "score", **arguments}, **_asking(endpoint))
    plain = _judges()[name]()
    fixed = _variables(plain)
    return _judges()[name](**{key: value for key, value in arguments.items() if key not in fixed}, **_asking(endpoint))


def _variables(classifier: Any) -> list[str]:
    """What a classifier's prompt has places for."""
    from chevron.tokenizer import tokenize

    found = {
        key.partition(".")[0]
        for message in classifier.messages
        for kind, key in tokenize(message["content"])
        if kind in ("variable", "no escape", "section", "inverted section") and key != "."
    }
    return sorted(found - {"__choices"} - set(classifier.render_args))


def _range(choices: Mapping[str, Any]) -> MetricEntry:
    if not all(type(worth) in (int, float) and 0 <= worth <= 1 for worth in choices.values()):
        raise ValueError("autoevals' choice_scores give each choice a number between 0 and 1")
    return numeric("score", 0, 1, judged=True)


def _chosen(classifier: Any, values: dict[str, Any]) -> Any:
    try:
        return classifier.eval(**{"output": "", **values})
    except KeyError as error:
        choices = ", ".join(classifier.choice_scores)
        raise ValueError(f"the judge's choice is none of {choices}, or it made none: {error}") from error
    except (TypeError, IndexError) as error:
        raise ValueError(f"the judge did not answer by the function it was given: {error}") from error


def _judged(name: str, scorer: Any, values: Mapping[str, Any]) -> Any:
    """The score, if the judge's answer that it was computed from is one."""
    score = scorer.eval(**{"output": "", **_texts(values)})
    said = score.metadata
    if name == "Faithfulness":
        _verdicts([each["verdict"] for each in said["faithfulness"]], len(said["statements"]))
    elif name == "ContextRecall":
        attributed = [each["attributed"] for each in said["statements"]["statements"]]
        _verdicts(attributed, max(len(attributed), 1))
    elif name == "ContextPrecision":
        _verdicts([said["precision"]["verdict"]], 1)
    elif name == "ContextRelevancy":
        quoted = sum(len(each["sentence"]) for each in said["relevant_sentences"])
        if quoted > len("\n".join(passages(values["context"]))):
            raise ValueError("what the judge quotes from the context is longer than the context")
    elif name == "ContextEntityRecall" and not said["expected_entities"]:
        raise ValueError("the judge found nothing to look for in the reference")
    return score


def _verdicts(given: list[Any], wanted: int) -> None:
    if len(given) != wanted:
        raise ValueError(f"the judge gave {len(given)} verdicts, not {wanted}")
    for each in given:
        if each not in (0, 1):
            raise ValueError(f"the judge's verdict is {each!r}, not 0 or 1")
