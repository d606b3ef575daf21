"""The suite: what is evaluated, written as YAML. The one declaration of every option that it has."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from plimsoll.config.document import Strict, misplaced
from plimsoll.config.policy import GatePolicy
from plimsoll.config.quantities import Seconds, parse_condition
from plimsoll.errors import near_match

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100)]
EvaluatorEntry = str | dict[str, Any]
"""An evaluator's name, or one key: the name with its settings."""


_ONLY_FOR = {
    "base_url": ("openai",),
    "api_key": ("openai", "azure"),
    "azure_endpoint": ("azure",),
    "api_version": ("azure",),
    "auth": ("azure",),
    "headers": ("openai", "azure"),
    "max_concurrency": ("openai", "azure"),
    "requests_per_minute": ("openai", "azure"),
    "tokens_per_minute": ("openai", "azure"),
    "quota": ("openai", "azure"),
}
"""Setting of a model → the providers to which it means something."""


class PriceSettings(Strict):
    """What a model's tokens cost, in USD per million."""

    input: float = Field(ge=0, allow_inf_nan=False, description="USD per million tokens of prompts.")
    output: float = Field(ge=0, allow_inf_nan=False, description="USD per million tokens of answers.")
    cached_input: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Of prompt tokens that the provider had cached; default: input."
    )


def _free(value: Any) -> Any:
    return {"input": 0, "output": 0} if value == 0 and not isinstance(value, bool) else value


def _share_or_slice(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, float | int | str) or value == "":
        raise ValueError("write a share between 0 and 1, or a slice's name")
    if not isinstance(value, str) and not 0 < value < 1:
        raise ValueError("a share that is held out lies between 0 and 1")
    return value


HeldOut = Annotated[float | str, BeforeValidator(_share_or_slice)]


PriceEntry = Annotated[PriceSettings, BeforeValidator(_free, json_schema_input_type=PriceSettings | Literal[0])]
"""A price; 0 is one that charges nothing."""


class ModelSettings(Strict):
    """A model behind an OpenAI-compatible endpoint. `${NAME}` in a value is read from the environment."""

    provider: Literal["openai", "azure", "embedded"] = Field(
        "openai", description="openai is any OpenAI-compatible endpoint (OpenAI, Ollama, vLLM, llama.cpp, …)."
    )
    model: str | None = Field(None, description="The model's name at the endpoint; with azure, the deployment.")
    base_url: str | None = Field(None, description="Default: OPENAI_BASE_URL, else OpenAI's own address.")
    api_key: str | None = Field(
        None, description="`${NAME}` of an environment variable. Default: OPENAI_API_KEY or AZURE_OPENAI_API_KEY."
    )
    azure_endpoint: str | None = Field(None, description="Default: AZURE_OPENAI_ENDPOINT.")
    api_version: str | None = Field(None, description="Default: AZURE_OPENAI_API_VERSION or OPENAI_API_VERSION.")
    auth: Literal["key", "default_credential"] = Field(
        "key", description="azure only: by key, or by DefaultAzureCredential (needs the extra azure)."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Sent with every request.")
    concurrency: PositiveInt | Literal["adaptive"] | None = Field(
        None,
        description="Requests at once, or adaptive: as many as the endpoint bears, found out as it goes. "
        "Default: the suite's.",
    )
    max_concurrency: PositiveInt | None = Field(
        None, description="With adaptive concurrency: the most requests at once. Default: 64."
    )
    requests_per_minute: PositiveInt | None = Field(
        None, description="Most requests in any minute, those that are sent again too. Default: no limit of ours."
    )
    tokens_per_minute: PositiveInt | None = Field(
        None, description="Most tokens of prompts and answers in any minute. Default: no limit of ours."
    )
    quota: Name | None = Field(
        None,
        description="Models with the same name here share their limits. Default: those of the same address, key and "
        "model do.",
    )
    timeout: Seconds = Field(60.0, description="For one request, in seconds or with a unit.")
    retries: NonNegativeInt = Field(4, description="How often a request that may succeed later is sent again.")
    give_up_after: Seconds = Field(
        180.0,
        description="A request that has taken so long, with waits between attempts, is not sent again; waiting for "
        "limits is not counted. In seconds or with a unit.",
    )
    reasoning: bool | None = Field(
        None,
        description="A reasoning model: max_completion_tokens instead of max_tokens, no temperature. "
        "Default: by the model's name.",
    )
    temperature: float | None = Field(None, ge=0, description="Sent as it is; left out where it is not given.")
    top_p: float | None = Field(None, gt=0, le=1, description="Likewise.")
    max_tokens: PositiveInt | None = Field(None, description="Longest answer; one that it cuts is scored all the same.")
    seed: int | None = Field(None, description="Sent as it is; endpoints may ignore it.")
    stop: str | list[str] | None = Field(None, description="Text that ends the answer.")
    response_format: dict[str, Any] | None = Field(None, description="As in the API: a JSON schema, for example.")
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description="Further fields of the request, sent as they are."
    )
    price: PriceEntry | None = Field(
        None,
        description="USD per million tokens, or 0. Default: the project's for this model, else the provider's list "
        "price where that is known.",
    )

    @field_validator("api_key")
    @classmethod
    def _no_literal_key(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}", value):
            raise ValueError("a key does not belong in a file; write ${NAME} and set the variable NAME")
        return value

    @field_validator(*_ONLY_FOR)
    @classmethod
    def _fits_the_provider(cls, value: Any, info: ValidationInfo) -> Any:
        # A setting that means nothing to the provider would mislead whoever reads the file.
        provider = info.data.get("provider")
        if value and value != "key" and provider is not None and provider not in _ONLY_FOR[str(info.field_name)]:
            raise ValueError(f"has no meaning for the provider {provider}; remove it")
        return value

    @model_validator(mode="after")
    def _concurrency_fits(self) -> ModelSettings:
        if self.max_concurrency is not None and self.concurrency != "adaptive":
            raise ValueError("max_concurrency goes with `concurrency: adaptive` only")
        if self.concurrency == "adaptive" and self.provider == "embedded":
            raise ValueError("the embedded model takes as many requests at once as it has workers, never `adaptive`")
        return self


class HttpSettings(Strict):
    """An HTTP endpoint as a target."""

    url: str = Field(description="Its address; `${NAME}` is read from the environment.")
    method: Literal["POST", "GET", "PUT"] = Field("POST", description="GET sends the fields as the query.")
    headers: dict[str, str] = Field(default_factory=dict, description="`${NAME}` is read from the environment.")
    body: dict[str, Any] | None = Field(
        None, description="The JSON body; `{{ field }}` in its strings is filled from the case. Default: the inputs."
    )
    retries: NonNegativeInt = Field(4, description="How often a request that may succeed later is sent again.")


class TransformStep(Strict):
    """One change of an output's text before it is scored. Exactly one key."""

    strip: Literal[True] | None = Field(None, description="Cut white space at both ends.")
    json_path: str | None = Field(None, description="Parse as JSON and take the first match, e.g. $.answer.")
    regex: str | None = Field(None, description="Keep the first match (its first group where it has one).")
    function: str | None = Field(None, description="file.py:name or package.module:name, called with the text.")

    @model_validator(mode="after")
    def _one_key(self) -> TransformStep:
        _exactly_one(self, ("strip", "json_path", "regex", "function"))
        if self.regex is not None:
            try:
                re.compile(self.regex)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return self


class TargetSettings(Strict):
    """What is evaluated: exactly one of prompt, flow, function, http, recorded."""

    prompt: str | None = Field(None, description="A *.prompty or *.jinja2 file.")
    flow: str | None = Field(None, description="A promptflow flow: its folder, or its flow.dag.yaml / flow.flex.yaml.")
    function: str | None = Field(None, description="A Python function, sync or async: file.py:name or module:name.")
    http: HttpSettings | None = Field(None, description="An HTTP endpoint: see below.")
    recorded: str | None = Field(None, description="A file of answers: case id and output, one a line.")
    model: str | list[str] | None = Field(
        None,
        description="A name under models; a list makes a matrix NAME@MODEL. A function that has one reaches it as "
        "OPENAI_BASE_URL.",
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="Request parameters, over the model's own.")
    inputs: dict[str, str] = Field(
        default_factory=dict, description="The target's input → the case's field; others go by their own name."
    )
    output: str | None = Field(
        None, description="flow, function: the output that is the answer; http: its JSON path; recorded: the column."
    )
    variant: str | None = Field(None, description="flow: NODE.VARIANT to run instead of the default variant.")
    connections: dict[str, str] = Field(
        default_factory=dict, description="flow: connection name → a name under models; `model` is the default."
    )
    init: dict[str, Any] = Field(default_factory=dict, description="flow: arguments of a flex class's __init__.")
    environment: dict[str, str] = Field(
        default_factory=dict, description="flow: further environment variables; `${NAME}` is read from ours."
    )
    timeout: Seconds = Field(300.0, description="For one case, in seconds or with a unit.")
    transform: TransformStep | list[TransformStep] | None = Field(None, description="Over the suite's.")

    @property
    def kind(self) -> Literal["prompt", "flow", "function", "http", "recorded"]:
        """Which of the five it is."""
        for kind in ("prompt", "flow", "function", "http"):
            if getattr(self, kind) is not None:
                return kind
        return "recorded"

    @model_validator(mode="after")
    def _one_kind(self) -> TargetSettings:
        _exactly_one(self, ("prompt", "flow", "function", "http", "recorded"))
        only_for = {
            "variant": ("flow",),
            "connections": ("flow",),
            "init": ("flow",),
            "environment": ("flow",),
            "parameters": ("prompt",),
            "output": ("flow", "function", "http", "recorded"),
            "model": ("prompt", "flow", "function"),
            "inputs": ("prompt", "flow", "function", "http"),
        }
        for key, kinds in only_for.items():
            if getattr(self, key) and self.kind not in kinds:
                raise ValueError(f"{key!r} belongs to {' or '.join(kinds)}, not to a {self.kind} target")
        return self


class CaseDefaults(Strict):
    """What each case has where its row says nothing."""

    inputs: dict[str, Any] = Field(default_factory=dict, description="Field → value, each for rows that lack it.")
    slices: list[str] = Field(default_factory=list, description="For rows without `slices`.")
    weight: PositiveFloat = Field(1.0, description="For rows without `weight`.")
    evaluators: list[EvaluatorEntry] = Field(
        default_factory=list, description="Beside the suite's, for rows without `evaluators`."
    )
    pass_if: dict[str, str | float | bool] = Field(
        default_factory=dict, description="Metric → condition, each for rows that give none for it."
    )

    @field_validator("pass_if")
    @classmethod
    def _conditions(cls, value: dict[str, Any]) -> dict[str, Any]:
        for condition in value.values():
            parse_condition(condition)
        return value


class Suite(Strict):
    """A dataset, the targets that run over it, the evaluators that score them, and the gate that decides."""

    name: Name = Field(description="In reports, in MLflow, and of the registered model.")
    description: str = Field("", description="For people.")
    dataset: str = Field(description="A *.jsonl, *.csv or *.parquet file; its card lies beside it as NAME.card.yaml.")
    models: dict[Name, ModelSettings] = Field(default_factory=dict, description="Models by name: see below.")
    targets: dict[Name, TargetSettings] = Field(min_length=1, description="What is evaluated, by name: see below.")
    evaluators: list[EvaluatorEntry] = Field(
        min_length=1, description="Names, or names with settings, of what scores each answer."
    )
    defaults: CaseDefaults = Field(default_factory=CaseDefaults, description="What a row says nothing about.")
    transform: TransformStep | list[TransformStep] | None = Field(
        None, description="Changes of an answer's text before it is scored; one, or several in turn."
    )
    sample: PositiveInt | None = Field(None, description="Draw this many cases, by the hash of seed and case id.")
    held_out: HeldOut | None = Field(
        None,
        description="A share of the cases (0.3; groups stay whole), or a slice, that only `plimsoll gate` opens and "
        "decides on; everything else sees the others.",
    )
    seed: int = Field(0, description="Of every sample that is drawn, and of the share that is held out.")
    repeats: PositiveInt = Field(1, description="Answers for each case and target.")
    concurrency: PositiveInt = Field(16, description="Requests at once, for a model that doesn't say.")
    max_failed: float = Field(0.05, ge=0, le=1, description="Share of failed cells above which a run exits 4.")
    max_cost: PositiveFloat | None = Field(
        None, allow_inf_nan=False, description="USD that a run may spend on models; then it stops, to be resumed."
    )
    gate: GatePolicy | None = Field(None, description="What a target must show to be promoted.")

    @field_validator("targets")
    @classmethod
    def _plain_target_names(cls, value: dict[str, TargetSettings]) -> dict[str, TargetSettings]:
        # "champion" is how the baseline's cells are named beside the challenger's.
        if "champion" in value:
            raise ValueError("'champion' is the registry's alias; name the target otherwise")
        return value

    @model_validator(mode="after")
    def _models_exist(self) -> Suite:
        for name, target in self.targets.items():
            wanted = target.model if isinstance(target.model, list) else [target.model] if target.model else []
            for model in [*wanted, *target.connections.values()]:
                if model not in self.models:
                    remedy = near_match(model, self.models) or "there is none under `models`"
                    raise misplaced(("targets", name), f"no model named {model!r}", remedy)
        return self


def _exactly_one(settings: Strict, keys: tuple[str, ...]) -> None:
    given = [key for key in keys if getattr(settings, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise ValueError(f"needs exactly one of {', '.join(keys)}; found {found}")
