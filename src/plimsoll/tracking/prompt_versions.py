"""The prompt half of the `RegistryStore` on MLflow: versions in its prompt registry, where its users look for prompts.

MLflow keeps a prompt as a registered model whose versions carry the text in a tag, which may be rewritten: nothing is
decided on what is read here.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from plimsoll import canonical
from plimsoll.errors import UsageError
from plimsoll.tracking.contract import PROMPT_LIMIT, PromptText, PromptVersion
from plimsoll.tracking.store import AlreadyExistsError, MissingError

MADE_TAG = "plimsoll.prompt"
_IS_PROMPT = "mlflow.prompt.is_prompt"
_TEXT = "mlflow.prompt.text"
_TYPE = "_mlflow_prompt_type"
_CONFIGURATION = "_mlflow_prompt_model_config"
_RESPONSE_FORMAT = "_mlflow_prompt_response_format"
_MLFLOWS = (_IS_PROMPT, _TEXT, _TYPE, _CONFIGURATION, _RESPONSE_FORMAT)


class PromptVersions(ABC):
    """Prompts of a tracking store; `MlflowRegistryStore` has the client and the boundary for its errors."""

    _client: Any

    def create_prompt(self, prompt: str, content: PromptText, tags: Mapping[str, str], message: str = "") -> int:
        """A new version of a prompt; its number."""
        if not self._made(prompt):
            # Of two processes that make it at the same time one is told that it exists.
            with suppress(AlreadyExistsError):
                self._call("making the prompt", self._client.create_prompt, prompt, tags={MADE_TAG: "true"})
            if not self._made(prompt):
                raise _somebody_elses(prompt)
        template = json.loads(content.text) if content.chat else content.text
        made = self._call(
            "making a prompt version",
            self._client.create_prompt_version,
            prompt,
            template,
            description=message or None,
            tags=dict(tags),
            response_format=content.response_format,
            model_config=content.configuration or None,
        )
        return int(made.version)

    def rewrite_prompt(self, prompt: str, number: int, content: PromptText) -> None:
        """Give a version the content that it should have."""
        for key, value in _tags(content).items():
            if value is not None:
                set_tag = self._client.set_prompt_version_tag
                self._call("writing a prompt version", set_tag, prompt, number, key, value)
                continue
            # One that isn't there is no mistake.
            with suppress(MissingError):
                delete_tag = self._client.delete_prompt_version_tag
                self._call("writing a prompt version", delete_tag, prompt, number, key)

    def delete_prompt(self, prompt: str, number: int) -> None:
        """Remove a version of a prompt."""
        with suppress(MissingError):
            self._call("removing a prompt version", self._client.delete_prompt_version, prompt, str(number))

    def prompts(self, prompt: str, tags: Mapping[str, str] | None = None) -> tuple[PromptVersion, ...]:
        """Every version of a prompt, or those with these tags; oldest first."""
        wanted = {_IS_PROMPT: "true", **(tags or {})}
        having = "".join(f" AND tags.`{key}` = '{value}'" for key, value in wanted.items())
        found = self._numbered(f"name='{prompt}'{having}")
        return tuple(
            PromptVersion(number=int(version.version), content=_content(version.tags), tags=_own(version.tags))
            for version in found
        )

    def set_prompt_alias(self, prompt: str, alias: str, number: int | None) -> None:
        """Point a prompt's alias at a version, or take it away."""
        if number is not None:
            self._call(f"setting the alias {alias}", self._client.set_prompt_alias, prompt, alias, number)
        elif self.prompt_alias(prompt, alias) is not None:
            self._call(f"setting the alias {alias}", self._client.delete_prompt_alias, prompt, alias)

    def prompt_alias(self, prompt: str, alias: str) -> int | None:
        """The version that a prompt's alias names."""
        found = self._made(prompt)
        named = found.aliases.get(alias) if found is not None else None
        return int(named) if named is not None else None

    @abstractmethod
    def _call(self, doing: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Call into MLflow; its errors become ours."""

    def _made(self, prompt: str) -> Any:
        """The prompt with its tags and aliases, if it exists; one that is somebody else's is refused."""
        # Not `get_prompt`: it takes every error for a prompt that is not there, and knows no aliases.
        named = f"name='{prompt}' AND tags.`{_IS_PROMPT}` = 'true'"
        found = next(iter(self._call("reading the prompt", self._client.search_registered_models, named)), None)
        if found is not None and MADE_TAG not in found.tags:
            raise _somebody_elses(prompt)
        return found

    def _numbered(self, filter_string: str) -> list[Any]:
        """Versions that the filter finds, oldest first."""
        found: list[Any] = []
        token = None
        while True:
            search = self._client.search_model_versions
            page = self._call("listing versions", search, filter_string, 200, page_token=token)
            found += page
            token = page.token
            if not token:
                return sorted(found, key=lambda version: int(version.version))


def why_too_long(content: PromptText) -> str | None:
    """Which part of a version MLflow would refuse for its length, in words; None where it takes all."""
    names = {_TEXT: "it", _CONFIGURATION: "its model's configuration", _RESPONSE_FORMAT: "its response_format"}
    for key, value in _tags(content).items():
        if value is not None and len(value) > PROMPT_LIMIT:
            return f"{names[key]} has {len(value):,} characters, and MLflow takes {PROMPT_LIMIT:,}"
    return None


def _tags(content: PromptText) -> dict[str, str | None]:
    """The tags in which MLflow keeps a version's content, as it writes them; None is no tag."""
    return {
        # MLflow writes messages with every letter beyond ASCII escaped.
        _TEXT: json.dumps(json.loads(content.text)) if content.chat else content.text,
        _TYPE: "chat" if content.chat else "text",
        _CONFIGURATION: json.dumps(content.configuration) if content.configuration else None,
        _RESPONSE_FORMAT: json.dumps(content.response_format) if content.response_format else None,
    }


def _content(tags: Mapping[str, str]) -> PromptText:
    text, chat = tags.get(_TEXT, ""), tags.get(_TYPE) == "chat"
    if chat:
        with suppress(ValueError):
            # MLflow writes the JSON in its own way.
            text = canonical.dumps(json.loads(text)).decode()
    return PromptText(text, chat, _object(tags.get(_CONFIGURATION)) or {}, _object(tags.get(_RESPONSE_FORMAT)))


def _object(text: str | None) -> dict[str, Any] | None:
    """A JSON object; None where it is none, for anybody may have written it."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in _MLFLOWS}


def _somebody_elses(prompt: str) -> UsageError:
    return UsageError(
        f"MLflow has a prompt or model {prompt!r} that is not of plimsoll's making",
        remedy="rename that one, or give the suite another name",
    )
