"""openevals: its prompts as judges, a prompt of the suite's own, and its comparisons of text and JSON.

Built for 0.2. openevals takes whatever the judge writes for a score; here an answer has to fit the schema that it was
asked for, each key of it.
"""

from __future__ import annotations

import importlib
import json
import string
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from plimsoll.evaluators.adapters.support import (
    NOWHERE,
    Described,
    Endpoint,
    MetricEntry,
    Settings,
    as_text,
    boolean,
    described,
    numeric,
    own_metrics,
    passages,
    single,
    unknown,
)

_JUDGE = "llm_as_judge"
_COMPARISONS = ("exact_match", "levenshtein_distance", "json_match")
_SOURCES = {"inputs": "question", "outputs": "output", "reference_outputs": "expected"}
"""Where a variable's value is in a case, if not under its own name."""
_TRUE_IS_BAD = frozenset(
    {
        "CODE_INJECTION_PROMPT",
        "FAIRNESS_PROMPT",
        "LAZINESS_PROMPT",
        "PERCEIVED_ERROR_PROMPT",
        "PII_LEAKAGE_PROMPT",
        "PROMPT_INJECTION_PROMPT",
        "TOXICITY_PROMPT",
    }
)
"""Prompts that ask whether something bad is there."""
_NO_VERDICT = frozenset({"LANGUAGE_DETECTION_PROMPT", "SUPPORT_INTENT_PROMPT"})
"""Prompts that ask for a word, which only a schema of the suite's has a place for."""
_OURS = ("judge", "model", "feedback_key", "structured_output_kwargs")
"""Arguments that only say whom to ask, or how a result is called."""


def load() -> None:
    """Import the library, and what it asks a model by."""
    for name in ("openevals.json", "openevals.prompts", "openai"):
        importlib.import_module(name)


def describe(settings: Settings) -> Described:
    """What an evaluator needs and gives; a prompt's variables are its fields.

    Raises:
        ValueError: no such evaluator or prompt, or arguments that it does not take.
    """
    name, arguments = settings["evaluator"], settings["arguments"]
    for argument in _OURS:
        if argument in arguments:
            raise ValueError(f"openevals' {name}: {argument!r} is not for the suite; its model is named by `model:`")
    if name in _COMPARISONS:
        return _compares(settings)
    prompt = _prompt(settings)
    try:
        variables = sorted({each.partition(".")[0] for _, each, _, _ in string.Formatter().parse(prompt) if each})
    except ValueError as error:
        raise ValueError(f"the prompt's braces don't fit ({error}); a brace that is meant is written twice") from error
    if "attachments" in variables:
        raise ValueError(f"openevals' {name} judges pictures or sound, and a case holds text")
    if name in _NO_VERDICT and "output_schema" not in arguments:
        raise ValueError(f"openevals' {name} asks for a word: give `output_schema` for it, and declare `metrics:`")
    fields = {each: _SOURCES.get(each, each) for each in variables}
    _made(lambda: _judge(settings, NOWHERE))
    return described(fields, _metrics(settings), judged=True)


def build(settings: Settings, endpoint: Endpoint | None) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The evaluator, as a function of the values."""
    name = settings["evaluator"]
    if name == "json_match":
        match = _json_match(settings, endpoint)
        excluded = settings["arguments"].get("exclude_keys", ())
        return lambda values: _one(match(**_as_json(values, excluded))[0])
    if name in _COMPARISONS:
        compare = _comparison(name)
        return lambda values: _one(compare(**_as_texts(values)))
    ask = _judge(settings, endpoint)
    if "output_schema" in settings["arguments"]:
        return lambda values: _several(settings["metrics"], ask(**_shown(values)))
    return lambda values: _one(ask(**_shown(values)))


def evaluate(built: Callable[[dict[str, Any]], dict[str, Any]], values: dict[str, Any]) -> dict[str, Any]:
    """The score or scores, with the judge's reasoning."""
    return built(values)


def _made(make: Callable[[], Any]) -> None:
    try:
        make()
    except TypeError as error:
        raise ValueError(f"its arguments don't fit: {error}") from error


def _prompt(settings: Settings) -> str:
    from openevals import prompts

    name, arguments = settings["evaluator"], settings["arguments"]
    if name == _JUDGE:
        if not isinstance(arguments.get("prompt"), str):
            raise ValueError(f"openevals' {_JUDGE} needs `prompt` under `arguments:`, a text with {{outputs}} in it")
        return str(arguments["prompt"])
    if "prompt" in arguments:
        raise ValueError(f"{name} is a prompt already; one of your own goes with `evaluator: {_JUDGE}`")
    if name not in prompts.__all__:
        whole = f"{name.upper()}_PROMPT"
        if whole in prompts.__all__:
            raise ValueError(f"no openevals evaluator named {name!r}; did you mean {whole!r}?")
        raise unknown("openevals evaluator", name, [*_COMPARISONS, _JUDGE, *prompts.__all__])
    return str(getattr(prompts, name))


def _metrics(settings: Settings) -> list[MetricEntry]:
    arguments = settings["arguments"]
    if "output_schema" in arguments:
        properties = arguments["output_schema"].get("properties", {})
        if not settings["metrics"]:
            raise ValueError(f"declare under `metrics:` which of {', '.join(properties)} are scores, and what each is")
        for name in settings["metrics"]:
            if name not in properties:
                raise unknown("property of output_schema", name, properties)
        return own_metrics(settings, judged=True)
    if arguments.get("choices"):
        choices = [float(each) for each in arguments["choices"]]
        return [numeric("score", min(choices), max(choices), direction=_direction(settings), judged=True)]
    if arguments.get("continuous"):
        return [numeric("score", 0, 1, direction=_direction(settings), judged=True)]
    return [boolean("score", direction=_direction(settings), judged=True)]


def _direction(settings: Settings) -> str:
    return "lower" if settings["evaluator"] in _TRUE_IS_BAD else "higher"


def _judge(settings: Settings, endpoint: Endpoint | None) -> Any:
    from openevals.llm import create_llm_as_judge

    assert endpoint is not None
    arguments = {**settings["arguments"], "prompt": _prompt(settings)}
    return create_llm_as_judge(judge=_Asked(endpoint), model=endpoint["model"], **arguments)


def _compares(settings: Settings) -> Described:
    name, arguments = settings["evaluator"], settings["arguments"]
    fields = {"outputs": "output", "reference_outputs": "expected"}
    if name != "json_match":
        if arguments:
            raise ValueError(f"openevals' {name} takes no arguments")
        return described(fields, [boolean("score") if name == "exact_match" else numeric("score", 0, 1)])
    if arguments.get("aggregator") not in ("average", "all"):
        raise ValueError("openevals' json_match needs `aggregator: average` or `aggregator: all` under `arguments:`")
    _made(lambda: _json_match(settings, NOWHERE))
    judged = bool(arguments.get("rubric"))
    return described(fields, [numeric("score", 0, 1, judged=judged)], judged=judged)


def _comparison(name: str) -> Any:
    from openevals.exact import exact_match
    from openevals.string import levenshtein

    return exact_match if name == "exact_match" else levenshtein.levenshtein_distance


def _json_match(settings: Settings, endpoint: Endpoint | None) -> Any:
    from openevals.json import create_json_match_evaluator

    arguments = dict(settings["arguments"])
    if arguments.get("rubric"):
        assert endpoint is not None
        arguments |= {"judge": _Asked(endpoint, every=True), "model": endpoint["model"]}
    return create_json_match_evaluator(**arguments)


def _as_texts(values: Mapping[str, Any]) -> dict[str, Any]:
    outputs, wanted = values["outputs"], values["reference_outputs"]
    return {
        "outputs": outputs,
        "reference_outputs": single(wanted, "reference_outputs") if isinstance(outputs, str) else wanted,
    }


def _as_json(values: Mapping[str, Any], excluded: Any) -> dict[str, Any]:
    found = {name: _parsed(values[name], name) for name in ("outputs", "reference_outputs")}
    keys = {key for each in found.values() for record in (each if isinstance(each, list) else [each]) for key in record}
    if not keys - set(excluded):
        # It would be 0, as if all of it were wrong.
        raise ValueError("json_match has nothing to compare: no key is left")
    return found


def _parsed(value: Any, name: str) -> Any:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    records = found if isinstance(found, list) else [found]
    if not all(isinstance(each, dict) for each in records):
        raise ValueError(f"json_match compares objects, or lists of them; {name!r} is no such JSON")
    return found


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """As the prompt shows it: text as it is, passages one after the other."""
    return {
        name: "\n\n".join(passages(value)) if name == "context" else as_text(value) for name, value in values.items()
    }


def _one(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"score": {"value": result["score"], "reason": result.get("comment")}}


def _several(metrics: list[str], result: Mapping[str, Any]) -> dict[str, Any]:
    reason = result.get("reasoning")
    return {name: {"value": result[name], "reason": reason if isinstance(reason, str) else None} for name in metrics}


class _Asked:
    """What openevals takes for an OpenAI client: an answer that does not fit the schema gets no further."""

    def __init__(self, endpoint: Endpoint, *, every: bool = False) -> None:
        self._endpoint = endpoint
        self._every = every  # json_match asks for keys without requiring one, and averages over those that come
        self.chat = SimpleNamespace(completions=self)

    def create(self, **request: Any) -> Any:
        import openai

        url, key = self._endpoint["base_url"], self._endpoint["api_key"]
        with openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=None) as client:
            response = client.chat.completions.create(**request)
        try:
            answer = json.loads(response.choices[0].message.content or "")
        except ValueError as error:
            raise ValueError(f"the judge's answer is no JSON: {error}") from error
        schema = request["response_format"]["json_schema"]["schema"]
        if self._every:
            schema = {**schema, "required": list(schema["properties"])}
        misfit = _misfit(answer, schema, "its answer")
        if misfit:
            raise ValueError(f"the judge did not keep to its schema: {misfit}")
        return response


_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def _misfit(value: Any, schema: Mapping[str, Any], where: str) -> str | None:
    """Why a value is not what the schema wants; None where it is. The keywords that openevals writes."""
    wanted = schema.get("type")
    fits = _TYPES.get(wanted, (object,)) if isinstance(wanted, str) else (object,)
    if not isinstance(value, fits) or (isinstance(value, bool) and bool not in fits and object not in fits):
        return f"{where} is {value!r}, no {wanted}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} is {value!r}, none of {schema['enum']}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        absent = [name for name in schema.get("required", ()) if name not in value]
        if absent:
            return f"{where} has no {absent[0]!r}"
        for name, each in value.items():
            if name not in properties and properties:
                return f"{where} has {name!r}, which was not asked for"
            found = _misfit(each, properties.get(name, {}), repr(name))
            if found:
                return found
    return None
