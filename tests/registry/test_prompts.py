"""The prompt registry follows the ledger: text or messages, once for each bundle, put right where it was rewritten."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.registry.parts import NOW, ONE, SUITE, TWO, Altered, bundle, evidence, move

from plimsoll.config import ModelSettings, TargetSettings, Workspace
from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.registry import Bundle, champion, history, promote, prompt_draft, prompt_name, rollback
from plimsoll.registry.prompts import prompt_text
from plimsoll.testing.store import MemoryRegistryStore
from plimsoll.tracking import MlflowRegistryStore, open_store
from plimsoll.tracking.contract import PromptDraft, PromptText, RegistryStore
from plimsoll.tracking.kept_prompts import KeptPrompt, keep_prompt

NAME = prompt_name(SUITE)
CHAT = "# system:\nBe brief.\n\n# user:\n{{ question }}\n{% if page %}{{ page }}{% endif %}\n"
PROMPTY = f"---\nname: desk\nmodel:\n  api: chat\n---\n{CHAT}"
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "{{ question }}\n{% if page %}{{ page }}{% endif %}"},
]


@pytest.fixture(params=["memory", pytest.param("mlflow", marks=pytest.mark.mlflow)])
def store(request: pytest.FixtureRequest) -> Iterator[RegistryStore]:
    if request.param == "memory":
        yield MemoryRegistryStore()
        return
    workspace: Workspace = request.getfixturevalue("workspace")
    with open_store(None, workspace, dict(os.environ)) as tracking:
        yield MlflowRegistryStore(tracking)


def chat(text: str, name: str = "p.jinja2") -> Bundle:
    settings = TargetSettings(prompt=name, model="main", parameters={"temperature": 0.2})
    models = {"main": ModelSettings(provider="openai", model="m-1", api_key="${OPENAI_API_KEY}")}
    return Bundle.of(settings, models, {name: text.encode()})


def said(store: RegistryStore) -> tuple[list[str], int | None]:
    return [version.content.text for version in store.prompts(NAME)], store.prompt_alias(NAME, "champion")


@pytest.mark.parametrize(
    ("text", "name", "messages"),
    [
        (CHAT, "p.jinja2", MESSAGES),
        (PROMPTY, "p.prompty", MESSAGES),
        ("{#- Told\nbriefly. -#}\n" + CHAT, "p.jinja2", MESSAGES),
        ("{# system:\nnobody #} Hello\n" + CHAT, "p.jinja2", None),
        ("Answer {{ question }}", "p.jinja2", None),
        ("{% for m in messages %}\n{{ m.role }}:\n{{ m.content }}\n{% endfor %}", "p.jinja2", None),
        ("{% if page %}\nsystem:\nUse the page.\n{% endif %}\nuser:\n{{ question }}", "p.jinja2", None),
        ("system:\n{% if page %}\nuser:\n{{ question }}\n{% endif %}", "p.jinja2", None),
        ("user:\n{{ question }}\ntool:\n## tool_call_id:\n1\n", "p.jinja2", None),
    ],
)
def test_messages_are_those_that_stand_by_themselves_and_else_it_is_one_text(
    text: str, name: str, messages: list[dict[str, str]] | None
) -> None:
    found = prompt_text(chat(text, name))
    assert found is not None
    assert found.chat == (messages is not None)
    assert (json.loads(found.text) if found.chat else found.text) == (messages or text)


def test_a_path_that_is_written_otherwise_is_found_and_a_flow_is_no_prompt() -> None:
    written = Bundle.of(TargetSettings(prompt="./a/../p.jinja2"), {}, {"p.jinja2": b"x"})
    assert prompt_text(written) == PromptText("x")
    assert prompt_draft(SUITE, "v", Bundle.of(TargetSettings(flow="f"), {}, {"f/flow.dag.yaml": b"x"})) is None
    assert prompt_text(Bundle.of(TargetSettings(flow="f"), {}, {"f/flow.dag.yaml": b"x"})) is None


def test_a_promoted_prompt_is_a_version_with_its_digest_model_and_commit_and_the_alias_follows(
    store: RegistryStore,
) -> None:
    new = chat(CHAT)
    given = replace(evidence(new, None), commit="abc123")
    promote(store, SUITE, new, given, who="ann", now=NOW, expected_champion=None)
    [version] = store.prompts(NAME)
    assert (version.content.chat, json.loads(version.content.text)) == (True, MESSAGES)
    wanted = {"plimsoll.digest": new.digest, "plimsoll.target": "v", "plimsoll.commit": "abc123"}
    assert wanted.items() <= version.tags.items()
    assert json.loads(version.tags["plimsoll.models"])["main"]["model"] == "m-1"
    assert json.loads(version.tags["plimsoll.parameters"]) == {"temperature": 0.2}
    assert store.prompt_alias(NAME, "champion") == 1


ASKING = """\
---
name: desk
model:
  api: chat
  parameters:
    temperature: 0.5
    max_completion_tokens: 9
    tools: ${file:tools.json}
    user: ${env:DESK_USER}
---
user:
{{ question }}
"""


def draft(made: Bundle, **options: str) -> PromptDraft:
    found = prompt_draft(SUITE, "v", made, **options)
    assert found is not None
    return found


def asked(parameters: dict[str, Any], text: str = "x", **model: Any) -> PromptText:
    settings = TargetSettings(prompt="p.prompty" if text is ASKING else "p.jinja2", model="m", parameters=parameters)
    made = Bundle.of(settings, {"m": ModelSettings(model="m-1", **model)}, {settings.prompt or "": text.encode()})
    return draft(made).content


def test_what_a_prompt_is_asked_with_has_mlflows_names_and_the_nearest_setting_goes_over_the_others() -> None:
    form = {"type": "json_object"}
    found = asked({"temperature": 0.9}, ASKING, temperature=0.1, top_p=0.8, stop="END", seed=7, response_format=form)
    assert found.configuration == {
        "provider": "openai",
        "model_name": "m-1",
        "temperature": 0.9,
        "max_tokens": 9,
        "top_p": 0.8,
        "stop_sequences": ["END"],
        "seed": 7,
        # As they are written: what a variable holds may be a secret.
        "tools": "${file:tools.json}",
        "user": "${env:DESK_USER}",
    }
    assert found.response_format == form


def test_a_parameter_that_mlflow_refuses_keeps_no_version_out(store: RegistryStore) -> None:
    odd = {"temperature": "hot", "top_p": 3, "max_tokens": 1.5, "stop": [1], "extra_params": {}, "top_k": -1}
    content = asked({**odd, "seed": 1})
    assert content.configuration == {"provider": "openai", "model_name": "m-1", "seed": 1}
    store.create_prompt(NAME, content, {})
    assert store.prompts(NAME)[0].content == content


def test_a_prompt_that_ran_and_is_promoted_then_is_one_version(store: RegistryStore) -> None:
    new = chat(CHAT)
    first = keep_prompt(store, draft(new, commit="abc-dirty", message="Shorter"))
    assert first == KeptPrompt(NAME, 1) == keep_prompt(store, draft(new))
    assert store.records(SUITE) == {}, "a run makes no registered model"
    assert said(store)[1] is None
    move(store, new, None)
    assert keep_prompt(store, draft(new)) == first
    [version] = store.prompts(NAME)
    assert (version.tags["plimsoll.commit"], store.prompt_alias(NAME, "champion")) == ("abc-dirty", 1)


def test_the_same_text_asked_of_another_model_is_another_version(store: RegistryStore) -> None:
    settings = TargetSettings(prompt="p.jinja2", model="m")
    for model in ("small", "large"):
        made = Bundle.of(settings, {"m": ModelSettings(model=model)}, {"p.jinja2": b"x"})
        keep_prompt(store, draft(made))
    assert [each.content.configuration["model_name"] for each in store.prompts(NAME)] == ["small", "large"]


def test_a_run_puts_right_what_was_rewritten_and_says_so_of_the_words(store: RegistryStore) -> None:
    wanted = draft(chat(CHAT))
    keep_prompt(store, wanted)
    store.rewrite_prompt(NAME, 1, PromptText("evil"))
    found = keep_prompt(store, wanted)
    assert found.note == f"version 1 of the prompt {NAME} had been rewritten, and was put right"
    assert store.prompts(NAME)[0].content == wanted.content
    store.rewrite_prompt(NAME, 1, PromptText(wanted.content.text, chat=True, configuration={"temperature": 2.0}))
    assert keep_prompt(store, wanted) == KeptPrompt(NAME, 1)
    assert store.prompts(NAME)[0].content == wanted.content


class Overtaken(MemoryRegistryStore):
    """Another process makes the same version between our looking and our making."""

    others = True

    def create_prompt(self, *args: Any) -> int:
        if self.others:
            self.others = False
            super().create_prompt(*args)
        return super().create_prompt(*args)


def test_of_two_that_log_at_once_both_get_the_one_version() -> None:
    store = Overtaken()
    assert keep_prompt(store, draft(chat(CHAT))) == KeptPrompt(NAME, 1)
    assert [version.number for version in store.prompts(NAME)] == [1]


def test_it_is_no_new_version_when_nothing_changed_and_a_rollback_moves_the_alias_back(store: RegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    rollback(store, SUITE, who="bob", now=NOW)
    assert said(store) == (["one", "two"], 1)
    move(store, TWO, ONE, attempt=1)
    assert said(store) == (["one", "two"], 2)


def test_what_somebody_rewrote_deleted_or_moved_is_put_right_when_it_is_read(store: RegistryStore) -> None:
    move(store, ONE, None)
    move(store, TWO, ONE)
    store.rewrite_prompt(NAME, 2, PromptText("evil"))
    found = champion(store, SUITE)
    assert found is not None
    assert found.note == f"version 2 of the prompt {NAME} had been rewritten, and was put right"
    assert said(store) == (["one", "two"], 2)
    store.set_prompt_alias(NAME, "champion", 1)
    assert champion(store, SUITE).note is None  # type: ignore[union-attr]
    assert said(store) == (["one", "two"], 2)
    store.delete_prompt(NAME, 2)
    assert champion(store, SUITE) is not None
    first, again = store.prompts(NAME)
    assert (first.number, again.content) == (1, PromptText("two"))
    assert store.prompt_alias(NAME, "champion") == again.number


def test_a_champion_that_is_no_prompt_has_no_alias_there() -> None:
    store = MemoryRegistryStore()
    move(store, ONE, None)
    flow = Bundle.of(TargetSettings(flow="f"), {}, {"f/flow.dag.yaml": b"x"})
    move(store, flow, ONE)
    assert said(store) == (["one"], None)
    rollback(store, SUITE, who="bob", now=NOW)
    assert said(store) == (["one"], 1)


class Refusing(MemoryRegistryStore):
    """A server whose prompt registry does not work."""

    error: Exception = InfrastructureError("out of order")

    def create_prompt(self, *args: Any) -> int:
        raise self.error


@pytest.mark.parametrize("error", [InfrastructureError("out of order"), UsageError("somebody else's")])
def test_a_prompt_registry_that_fails_stops_no_promotion_and_is_told(error: Exception) -> None:
    store = Refusing()
    notes: list[str] = []
    store.error = error
    move(store, ONE, None, tell=notes.append)
    assert notes == [f"the prompt registry could not be brought up to date: {error}"]
    found = champion(store, SUITE)
    assert found is not None
    assert (found.digest, found.note, len(history(store, SUITE))) == (ONE.digest, notes[0], 1)


def test_a_prompt_is_put_right_from_the_bundle_alone_and_never_from_an_altered_one() -> None:
    store = Altered()
    move(store, ONE, None)
    store.rewrite_prompt(NAME, 1, PromptText("evil"))
    store.alter_files(lambda files: files.update({path: b"evil" for path in files if path.endswith("p.jinja2")}))
    found = champion(store, SUITE)
    assert found is not None
    assert "could not be brought up to date: the stored bundle" in str(found.note)
    assert bundle("one") == ONE


def test_nul_is_replaced_as_in_all_that_is_logged(store: RegistryStore) -> None:
    wanted = draft(chat("a\0b {{ question }}"))
    assert wanted.content.text == "a\ufffdb {{ question }}"
    assert keep_prompt(store, wanted) == KeptPrompt(NAME, 1) == keep_prompt(store, wanted)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (chat("x" * 100_001), "it has 100,001 characters, and MLflow takes 100,000"),
        # As MLflow writes it, with letters escaped.
        (chat("user:\n" + "\u00fc" * 20_000), r"it has 120,\d{3} characters"),
    ],
)
def test_a_prompt_that_is_too_long_for_mlflow_is_refused_before_anything_is_made(made: Bundle, words: str) -> None:
    store = MemoryRegistryStore()
    with pytest.raises(UsageError, match=words):
        keep_prompt(store, draft(made))
    assert store.prompts(NAME) == ()
    # It stops no promotion.
    notes: list[str] = []
    move(store, made, None, tell=notes.append)
    assert len(notes) == 1
    assert "characters, and MLflow takes" in notes[0]
    assert store.aliases(SUITE) == {"champion": 1}
