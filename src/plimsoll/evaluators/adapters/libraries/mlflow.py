"""mlflow.genai: its scorers and judges of one answer, `@scorer` functions, and judges that `make_judge` made.

Built for 3.17. Its yes and no become true and false, and nothing else does; a Feedback with an error is a failure.
Scorers that read a trace or a whole session are not for single answers.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from plimsoll.evaluators.adapters.support import (
    Described,
    Endpoint,
    MetricEntry,
    Settings,
    as_text,
    boolean,
    check_arguments,
    described,
    is_own,
    own,
    own_metrics,
    passages,
    returned_by,
    single,
    unknown,
)

_SOURCES: Mapping[str, str | list[str]] = {
    "inputs": ["question"],
    "outputs": "output",
    "expectations": "expected",
    "request": "question",
    "response": "output",
    "content": "output",
    "expected_response": "expected",
}
"""Where a parameter's value is, if not in the field of its own name."""
_SCORERS: Mapping[str, tuple[str, ...]] = {
    "Completeness": ("inputs", "outputs"),
    "Correctness": ("inputs", "outputs", "expectations"),
    "Equivalence": ("outputs", "expectations"),
    "ExpectationsGuidelines": ("inputs", "outputs", "expectations"),
    "Fluency": ("outputs",),
    "Guidelines": ("inputs", "outputs"),
    "PIIDetection": ("outputs",),
    "RegexMatch": ("outputs",),
    "RelevanceToQuery": ("inputs", "outputs"),
    "ResponseLength": ("outputs",),
    "Safety": ("outputs",),
    "Summarization": ("inputs", "outputs"),
}
_PLAIN = frozenset({"PIIDetection", "RegexMatch", "ResponseLength"})
"""Ask no model."""
_CONFIGURED = frozenset({"Guidelines", "RegexMatch", "ResponseLength"})
"""Nothing without arguments."""
_OF_TRACES = ("Conversation", "KnowledgeRetention", "Retrieval", "ToolCall", "UserFrustration")
_JUDGES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "is_context_relevant": (("request", "context"), ()),
    "is_context_sufficient": (("request", "context", "expected_facts"), ("expected_response",)),
    "is_correct": (("request", "response", "expected_response"), ("expected_facts",)),
    "is_grounded": (("request", "response", "context"), ()),
    "is_safe": (("content",), ()),
}
"""Functions of mlflow.genai.judges: what they need, and what they can do without."""


def load() -> None:
    """See `support`."""
    import mlflow.genai.judges
    import mlflow.genai.scorers  # noqa: F401  # seconds


def describe(settings: Settings) -> Described:
    """See `support`."""
    name = settings["evaluator"]
    if is_own(name):
        return _describe_own(settings)
    if name not in _SCORERS and name not in _JUDGES:
        if name.startswith(_OF_TRACES):
            raise ValueError(f"{name} reads a trace or a session, and an evaluator is given one answer")
        raise unknown("scorer or judge of mlflow.genai", name, [*_SCORERS, *_JUDGES])
    if settings["arguments"] or name in _CONFIGURED:
        _check_arguments(name, settings["arguments"])
    if name in _SCORERS:
        fields = {each: _SOURCES[each] for each in _SCORERS[name]}
        if name == "ExpectationsGuidelines":
            fields["expectations"] = ["guidelines"]
        judged = name not in _PLAIN
        return described(fields, [boolean(name, judged=judged)], judged=judged)
    needed, others = _JUDGES[name]
    fields = {each: _SOURCES.get(each, each) for each in (*needed, *others)}
    return described(fields, [boolean(name, judged=True)], optional=others, judged=True)


def build(settings: Settings, endpoint: Endpoint | None) -> Callable[[dict[str, Any]], Any]:
    """See `support`."""
    from mlflow.genai import judges, scorers

    name, arguments = settings["evaluator"], dict(settings["arguments"])
    names = settings["metrics"] or [name.rpartition(":")[2]]
    if is_own(name):
        made: Any = own(settings)
        scorer: Any = made(**arguments) if inspect.isclass(made) else made
        return lambda values: _entries(scorer.run(**_as_scorers_take(values)), names, yes_no=False)
    # Its client takes no address, and the environment's is the same for all calls: the headers tell them apart.
    asked = {"model": f"openai:/{endpoint['model']}", "extra_headers": endpoint["headers"]} if endpoint else {}
    if name in _JUDGES:
        judge = getattr(judges, name)
        return lambda values: _entries(judge(**{**arguments, **asked, **_as_judges_take(values)}), names, yes_no=True)
    scorer = getattr(scorers, name)(**arguments, **asked, timeout=0)
    return lambda values: _entries(scorer.run(**_as_scorers_take(values)), names, yes_no=True)


def evaluate(built: Callable[[dict[str, Any]], Any], values: dict[str, Any]) -> Any:
    """See `support`."""
    return built(values)


def _check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    from mlflow.genai import judges, scorers

    if name in _SCORERS:
        made: Any = getattr(scorers, name)
        check_arguments(made, arguments, name, filled=("name", "model", "extra_headers", "timeout"))
        # Some want one of several.
        made(**arguments)
    else:
        needed, others = _JUDGES[name]
        filled = (*needed, *others, "name", "model", "extra_headers")
        check_arguments(getattr(judges, name), arguments, name, filled=filled)


def _as_scorers_take(values: Mapping[str, Any]) -> dict[str, Any]:
    """What scorers want as objects, as objects: a plain text is the question, or the expected response."""
    found = dict(values)
    if "inputs" in found and not isinstance(found["inputs"], Mapping):
        found["inputs"] = {"question": found["inputs"]}
    if "expectations" in found and not isinstance(found["expectations"], Mapping):
        found["expectations"] = {"expected_response": single(found["expectations"], "expectations")}
    return found


def _as_judges_take(values: Mapping[str, Any]) -> dict[str, Any]:
    """Texts, but for lists of facts: their prompts would show Python's form of all else."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name == "context":
            found[name] = "\n".join(passages(value))
        elif name == "expected_facts":
            found[name] = passages(value)
        else:
            found[name] = single(value, name) if name == "expected_response" else as_text(value)
    return found


def _entries(result: Any, names: list[str], *, yes_no: bool) -> dict[str, Any]:
    if isinstance(result, list):
        times = Counter(each.name for each in result)
        return {
            each.name: _entry(each, yes_no=yes_no)
            if times[each.name] == 1
            else {"failed": f"the scorer gave {each.name!r} {times[each.name]} times"}
            for each in result
        }
    return {names[0]: _entry(result, yes_no=yes_no)}


def _entry(result: Any, *, yes_no: bool) -> dict[str, Any]:
    if not hasattr(result, "rationale"):
        return {"value": result}
    if getattr(result, "error", None) is not None:
        return {"failed": getattr(result.error, "error_message", None) or str(result.error)}
    value = result.value
    if not yes_no:
        return {"value": value, "reason": result.rationale}
    said = {"yes": True, "no": False}.get(str(getattr(value, "value", value)))
    if said is None:
        return {"failed": f"the judge answered {value!r}, neither yes nor no"}
    return {"value": said, "reason": result.rationale}


def _describe_own(settings: Settings) -> Described:
    from mlflow.genai.judges.base import Judge
    from mlflow.genai.scorers import Scorer

    name = settings["evaluator"]
    made: Any = own(settings)
    if inspect.isclass(made) and issubclass(made, Scorer):
        check_arguments(made, settings["arguments"], name)
        made = made(**settings["arguments"])
    if not isinstance(made, Scorer):
        remedy = "put @scorer on the function, or make a judge with make_judge"
        raise ValueError(f"{name} is no scorer: {remedy}")  # noqa: TRY004  # the protocol's one error
    judge = isinstance(made, Judge)
    judged = judge or settings["model"]
    parameters = inspect.signature(made.__call__).parameters
    read = [each.name for each in made.get_input_fields()] if isinstance(made, Judge) else list(parameters)
    if {"trace", "session"} & set(read):
        raise ValueError(f"{name} reads a trace or a session, and an evaluator is given one answer")
    returned = getattr(made, "feedback_value_type", None) if judge else returned_by(_function(made))
    fields = {each: _SOURCES[each] for each in read if each in _SOURCES}
    metrics: list[MetricEntry] = own_metrics(settings, returned, judged=judged)
    return described(fields, metrics, judged=judged, alone=judged)


def _function(scorer: Any) -> Any:
    return getattr(scorer, "_original_func", None) or scorer.__call__
