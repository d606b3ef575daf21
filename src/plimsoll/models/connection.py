"""From a model's settings to where it is and how to get in; everything that is missing is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from plimsoll.config import ModelSettings, substitute
from plimsoll.errors import ConfigError, Mistake, UsageError
from plimsoll.models.network import without_credentials

OPENAI_URL = "https://api.openai.com/v1"
PLACEHOLDER_KEY = "no-key"
"""Sent where a server that is not OpenAI's was given no key: the client insists on one, local servers ignore it."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a client other than ours (a flow's connection) needs to reach the same model."""

    kind: Literal["openai", "azure"]
    base_url: str
    """openai: up to and with `/v1`. azure: the resource's endpoint."""
    model: str
    """The model's name at the endpoint; with azure, the deployment."""
    api_key: str = field(default="", repr=False)
    """Empty where `auth` is `default_credential`."""
    api_version: str | None = None
    """azure only."""
    auth: Literal["key", "default_credential"] = "key"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request; may hold secrets."""

    @property
    def shown_url(self) -> str:
        """The address as it may be shown and stored."""
        return without_credentials(self.base_url).rstrip("/")

    @property
    def shown(self) -> str:
        """The model and its address, as messages name it; the embedded one has none that means anything."""
        return f"{self.model} at {self.shown_url}" if self.base_url else self.model

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any text."""
        password = urlsplit(self.base_url).password
        keys = (self.api_key, password or "", *self.headers.values())
        return tuple(key for key in keys if key and key != PLACEHOLDER_KEY)


def resolve_connections(settings: Mapping[str, ModelSettings], environ: Mapping[str, str]) -> dict[str, Connection]:
    """The connection of every model that is not embedded, by its name.

    Raises:
        ConfigError: every setting and variable that is missing or wrong, of all models.
    """
    found: dict[str, Connection] = {}
    mistakes: list[Mistake] = []
    for name, model in settings.items():
        reader = _Reader(name, model, environ)
        if model.provider != "embedded":
            found[name] = reader.azure() if model.provider == "azure" else reader.openai()
        mistakes += reader.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    return found


class _Reader:
    """Reads one model's settings and collects what is wrong with them."""

    def __init__(self, name: str, settings: ModelSettings, environ: Mapping[str, str]) -> None:
        self.mistakes: list[Mistake] = []
        self._name = name
        self._settings = settings
        self._environ = environ

    def openai(self) -> Connection:
        base_url = self._value("base_url", "OPENAI_BASE_URL", default=OPENAI_URL)
        official = (urlsplit(base_url).hostname or "").endswith("openai.com")
        key = self._value("api_key", "OPENAI_API_KEY", default="" if official else PLACEHOLDER_KEY)
        if not key:
            self._add("needs an API key", "set OPENAI_API_KEY, or base_url to a server that needs none")
        return Connection(
            kind="openai",
            base_url=self._checked(base_url, "base_url"),
            model=self._model("the model's name at the endpoint"),
            api_key=key,
            headers=self._filled("headers") or {},
        )

    def azure(self) -> Connection:
        endpoint = self._value("azure_endpoint", "AZURE_OPENAI_ENDPOINT")
        if not endpoint:
            self._add("needs azure_endpoint", "set it, or AZURE_OPENAI_ENDPOINT, to https://RESOURCE.openai.azure.com")
        version = self._value("api_version", "AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION")
        if not version:
            self._add("needs api_version", "set it, or AZURE_OPENAI_API_VERSION, e.g. to 2024-10-21")
        by_key = self._settings.auth == "key"
        key = self._value("api_key", "AZURE_OPENAI_API_KEY") if by_key else ""
        if by_key and not key:
            self._add("needs an API key", "set AZURE_OPENAI_API_KEY, or auth: default_credential")
        return Connection(
            kind="azure",
            base_url=self._checked(endpoint, "azure_endpoint") if endpoint else "",
            model=self._model("the deployment's name"),
            api_key=key,
            api_version=version,
            auth=self._settings.auth,
            headers=self._filled("headers") or {},
        )

    def _model(self, what: str) -> str:
        model = self._filled("model") or ""
        if not model:
            self._add("needs `model`", f"give {what}")
        return str(model)

    def _value(self, key: str, *variables: str, default: str = "") -> str:
        """The setting, else the first of the variables that is set and not empty, else the default."""
        written = self._filled(key)
        return str(written or next((self._environ[name] for name in variables if self._environ.get(name)), default))

    def _filled(self, key: str) -> Any:
        try:
            return substitute(getattr(self._settings, key), self._environ, f"models.{self._name}.{key}")
        except UsageError as error:
            self.mistakes += error.mistakes
            # Not empty, so that nothing else is reported for the same gap.
            return {} if key == "headers" else "unset:" if key == "api_key" else "http://unset"

    def _checked(self, url: str, key: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self._add(
                f"{key} is no http:// or https:// address: {without_credentials(url)!r}",
                "e.g. http://127.0.0.1:11434/v1",
            )
        return url

    def _add(self, message: str, remedy: str) -> None:
        self.mistakes.append(Mistake(f"models.{self._name}: {message}", remedy=remedy))
