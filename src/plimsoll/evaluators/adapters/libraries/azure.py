"""azure-ai-evaluation: its judges of text and of tool calls, its metrics of text, and callable classes in its form.

Built for 1.18. What it would let pass for a score: groundedness without a context compares the answer with itself,
and an object that was once given a query keeps the other prompt; a score of 50 on its scale of 1 to 5; NaN where the
judge's answer holds no score, or 0; true for 1; a judge that answers «skipped», which may be the judged text's doing.
And it divides its prompts into messages after it filled them in, so that an answer could write messages of its own.
"""

from __future__ import annotations

import inspect
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from plimsoll.evaluators.adapters.support import (
    Described,
    Endpoint,
    MetricEntry,
    Settings,
    as_text,
    check_arguments,
    described,
    is_own,
    numeric,
    own,
    own_metrics,
    parameters_of,
    passages,
    returned_by,
    single,
    unknown,
)


class _Kind(NamedTuple):
    """What is known of one evaluator."""

    metrics: Mapping[str, tuple[float, float]]
    """Name in its result → range."""
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    judged: bool = True


_FIVE = (1.0, 5.0)
_SHARE = (0.0, 1.0)
_SOURCES = {"query": "question", "response": "output", "context": "context", "ground_truth": "expected"}
"""Where a parameter's value is, if not in the field of its own name."""
_TOOLS = ("tool_definitions",)
_STRUCTURED = frozenset({"retrieval_ground_truth", "retrieved_documents", "tool_calls", *_TOOLS})
_CONVERSATIONS = frozenset({"query", "response"})
"""May also be lists of messages."""
_KNOWN: Mapping[str, _Kind] = {
    "BleuScoreEvaluator": _Kind({"bleu_score": _SHARE}, ("response", "ground_truth"), judged=False),
    "CoherenceEvaluator": _Kind({"coherence": _FIVE}, ("query", "response")),
    "DocumentRetrievalEvaluator": _Kind(
        {"document_retrieval": _SHARE}, ("retrieval_ground_truth", "retrieved_documents"), judged=False
    ),
    "F1ScoreEvaluator": _Kind({"f1_score": _SHARE}, ("response", "ground_truth"), judged=False),
    "FluencyEvaluator": _Kind({"fluency": _FIVE}, ("response",)),
    "GleuScoreEvaluator": _Kind({"gleu_score": _SHARE}, ("response", "ground_truth"), judged=False),
    "GroundednessEvaluator": _Kind({"groundedness": _FIVE}, ("response", "context"), ("query",)),
    "IntentResolutionEvaluator": _Kind({"intent_resolution": _FIVE}, ("query", "response"), _TOOLS),
    "MeteorScoreEvaluator": _Kind({"meteor_score": _SHARE}, ("response", "ground_truth"), judged=False),
    "QAEvaluator": _Kind(
        dict.fromkeys(("groundedness", "relevance", "coherence", "fluency", "similarity"), _FIVE)
        | {"f1_score": _SHARE},
        ("query", "response", "context", "ground_truth"),
    ),
    "RelevanceEvaluator": _Kind({"relevance": _FIVE}, ("query", "response")),
    "ResponseCompletenessEvaluator": _Kind({"response_completeness": _FIVE}, ("response", "ground_truth")),
    "RetrievalEvaluator": _Kind({"retrieval": _FIVE}, ("query", "context")),
    "RougeScoreEvaluator": _Kind({"rouge": _SHARE}, ("response", "ground_truth"), judged=False),
    "SimilarityEvaluator": _Kind({"similarity": _FIVE}, ("query", "response", "ground_truth")),
    "TaskAdherenceEvaluator": _Kind({"task_adherence": _SHARE}, ("query", "response"), _TOOLS),
    "ToolCallAccuracyEvaluator": _Kind(
        {"tool_call_accuracy": _FIVE}, ("query", "tool_definitions", "tool_calls"), ("response",)
    ),
}
_SERVICES = frozenset(
    f"{name}Evaluator"
    for name in (
        "CodeVulnerability",
        "ContentSafety",
        "GroundednessPro",
        "HateUnfairness",
        "IndirectAttack",
        "ProtectedMaterial",
        "SelfHarm",
        "Sexual",
        "UngroundedAttributes",
        "Violence",
    )
)
_FETCHED = {
    "BleuScoreEvaluator": ("tokenizers/punkt_tab",),
    "GleuScoreEvaluator": ("tokenizers/punkt_tab",),
    "MeteorScoreEvaluator": ("tokenizers/punkt_tab", "corpora/wordnet.zip"),
}
"""NLTK's data that they would download when it isn't there."""


def load() -> None:
    """See `support`."""
    import azure.ai.evaluation  # noqa: F401  # seconds

    _keep_messages_apart()


def describe(settings: Settings) -> Described:
    """See `support`."""
    name = settings["evaluator"]
    if is_own(name):
        return _describe_own(settings)
    known = _KNOWN.get(name)
    if known is None:
        if name in _SERVICES:
            raise ValueError(f"{name} asks a service of Azure's, not a model, and can't run here")
        raise unknown("evaluator of azure-ai-evaluation", name, _KNOWN)
    if settings["arguments"]:
        import azure.ai.evaluation as library

        check_arguments(getattr(library, name), settings["arguments"], name, filled=("model_config", "credential"))
    _check_data(name)
    fields = {each: _SOURCES.get(each, each) for each in (*known.required, *known.optional)}
    return described(fields, _metrics(known), optional=known.optional, judged=known.judged)


def build(settings: Settings, endpoint: Endpoint | None) -> _Made:
    """See `support`."""
    import azure.ai.evaluation as library

    name = settings["evaluator"]
    arguments: dict[str, Any] = dict(settings["arguments"])
    if is_own(name):
        made: Any = own(settings)
        names = tuple(settings["metrics"]) or (name.rpartition(":")[2],)
        if not inspect.isclass(made):
            return _Made(made, names)
        if endpoint is not None and "model_config" in inspect.signature(made).parameters:
            arguments["model_config"] = _config(endpoint)
        instance: Any = made(**arguments)
        return _Made(instance, names)
    known = _KNOWN[name]
    if endpoint is not None:
        arguments["model_config"] = _config(endpoint)
    return _Made(getattr(library, name)(**arguments), tuple(known.metrics), known)


def evaluate(built: _Made, values: dict[str, Any]) -> dict[str, Any]:
    """See `support`."""
    given = {name: _value(name, value) for name, value in values.items()} if built.known else values
    result = built.call(**given)
    if not isinstance(result, Mapping):
        return {name: {"value": result} for name in built.metrics[:1]}
    return {name: _entry(result, name, built.known) for name in built.metrics}


class _Made(NamedTuple):
    call: Callable[..., Any]
    metrics: tuple[str, ...]
    known: _Kind | None = None
    """None for the user's own, which takes values as they are."""


def _value(name: str, value: Any) -> Any:
    """What the library takes: text where it wants text, since its prompts would show Python's form of all else."""
    if name in _STRUCTURED or (name in _CONVERSATIONS and _is_conversation(value)):
        return value
    if name == "context":
        return "\n".join(passages(value))
    return single(value, name) if name == "ground_truth" else as_text(value)


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) and "role" in each for each in value)


def _entry(result: Mapping[str, Any], name: str, known: _Kind | None) -> dict[str, Any]:
    reason = result.get(f"{name}_reason")
    if result.get(f"{name}_status") == "skipped":
        return {"failed": f"it was not judged: {reason or 'no reason is given'}"}
    if known is not None and known.judged:
        said = _said(result, name)
        if said is not None and (said.get("score") is None or isinstance(said["score"], bool)):
            return {"value": None, "reason": f"the judge's score is {json.dumps(said.get('score'))}, not a number"}
    return {"value": result.get(name), "reason": reason}


def _said(result: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The judge's own words: azure makes 1 of true, and 0 of no score. None where they are no JSON object."""
    properties = result.get(f"{name}_properties") or {}
    try:
        (message,) = json.loads(properties.get("sample_output") or "[]")
        said = json.loads(message["content"])
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _keep_messages_apart() -> None:
    """Have azure divide its prompts into messages before it fills them in, as far as roles and pictures go.

    Its own way takes a line `system:` in an answer, a question or a context for the start of a message, and a Markdown
    image in them for a picture that the model's provider fetches from whatever address it names.

    Raises:
        ValueError: this version divides its prompts elsewhere.
    """
    try:
        from azure.ai.evaluation._legacy.prompty import _prompty, _utils

        library: Any = _prompty
        roles, render = _utils.PROMPTY_ROLE_SEPARATOR_PATTERN, _utils.render_jinja_template
        _ = library.build_messages  # there, or nothing would call what stands in for it
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"this azure-ai-evaluation is not known to keep an answer's text out of its prompts' messages ({error}); "
            f"install one of 1.18"
        ) from error

    def build_messages(*, prompt: str, working_dir: Any, **inputs: Any) -> list[dict[str, str]]:
        del working_dir  # of the pictures that a prompt itself has, and none has one
        mark = secrets.token_hex(16)  # which no text that is judged can know
        marked = roles.sub(lambda line: f"\n{mark}{line[1].lower()}\n", prompt)
        start, *parts = render(marked, **inputs).split(mark)
        if start.strip():
            raise ValueError("the prompt has text before its first role")
        divided = (part.partition("\n") for part in parts)
        return [{"role": role, "content": content.strip()} for role, _, content in divided]

    library.build_messages = build_messages


def _config(endpoint: Endpoint) -> dict[str, str]:
    return {
        "type": "openai",
        "base_url": endpoint["base_url"],
        "api_key": endpoint["api_key"],
        "model": endpoint["model"],
    }


def _metrics(known: _Kind) -> list[MetricEntry]:
    return [
        numeric(name, low, high, judged=known.judged and name != "f1_score")
        for name, (low, high) in known.metrics.items()
    ]


def _describe_own(settings: Settings) -> Described:
    made = own(settings)
    if not callable(made):
        raise ValueError(f"{settings['evaluator']} can't be called")  # noqa: TRY004  # the protocol's one error
    call: Any = made.__call__ if inspect.isclass(made) else made
    if inspect.isclass(made):
        check_arguments(made, settings["arguments"], settings["evaluator"], filled=("model_config",))
    needed, others = parameters_of(call)
    fields = {name: _SOURCES.get(name, name) for name in (*needed, *others)}
    metrics = own_metrics(settings, returned_by(call), judged=settings["model"])
    return described(fields, metrics, optional=others, judged=settings["model"], alone=settings["model"])


def _check_data(name: str) -> None:
    for each in _FETCHED.get(name, ()):
        import nltk

        try:
            nltk.data.find(each)
        except LookupError:
            raise ValueError(
                f"{name} needs NLTK's {each}, which is not here; set NLTK_DATA to a folder with it"
            ) from None
