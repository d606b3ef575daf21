"""Suites are refused at load: every mistake, with its line and a near match."""

import textwrap

import pytest

from plimsoll.config import Suite, parse_yaml, validate
from plimsoll.errors import ConfigError

KINDS = "prompt, flow, function, http, recorded"
GOOD = """\
name: support
dataset: datasets/support.jsonl
models:
  local: {provider: embedded}
targets:
  v1: {prompt: prompts/a.prompty, model: local}
evaluators:
  - exact_match
"""


def load(text):
    return validate(parse_yaml(textwrap.dedent(text), "suites/s.yaml"), Suite)


def mistakes(text):
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_good_suite_loads_with_its_defaults():
    suite = load(GOOD)
    assert suite.targets["v1"].kind == "prompt"
    assert (suite.repeats, suite.max_failed, suite.gate) == (1, 0.05, None)


def test_every_mistake_is_listed_at_once_in_the_order_of_the_file():
    found = mistakes(
        """\
        name: support
        dataset: datasets/support.jsonl
        modles: {}
        targets:
          v1: {promt: prompts/a.prompty}
          v2: {prompt: a.jinja2, flow: flows/b}
        evaluators: []
        gate:
          rules:
            - metric: token_f1
              at_leest: 0.8
            - metric: token_f1
              at_least: 0.8
              margin: 0.1
        """
    )
    assert found == [
        "suites/s.yaml:3: unknown key 'modles' (did you mean 'models'?)",
        "suites/s.yaml:5: unknown key 'promt' (did you mean 'prompt'?)",
        f"suites/s.yaml:6: targets.v2: needs exactly one of {KINDS}; found prompt and flow",
        "suites/s.yaml:7: evaluators: List should have at least 1 item after validation, not 0",
        "suites/s.yaml:11: unknown key 'at_leest' (did you mean 'at_least'?)",
        "suites/s.yaml:12: gate.rules.1: only not_worse_than has a margin",
    ]


def test_a_missing_key_is_named():
    assert "suites/s.yaml:1: missing key 'dataset'" in mistakes("name: x\ntargets: {a: {prompt: a.jinja2}}\n")


def test_a_target_that_names_an_unknown_model_is_refused():
    found = mistakes(GOOD.replace("model: local}", "model: locl}"))
    assert found == ["suites/s.yaml:6: no model named 'locl' (did you mean 'local'?)"]


def test_a_literal_key_is_refused_and_not_repeated_in_the_message():
    found = mistakes(GOOD.replace("{provider: embedded}", "{api_key: sk-secret}"))
    assert len(found) == 1
    assert "a key does not belong in a file" in found[0]
    assert "sk-secret" not in found[0]


def test_settings_that_mean_nothing_to_the_provider_are_refused_each_with_its_line():
    written = """{provider: embedded,
    base_url: "http://127.0.0.1:1/v1",
    auth: default_credential}"""
    assert mistakes(GOOD.replace("{provider: embedded}", written)) == [
        "suites/s.yaml:5: models.local.base_url: has no meaning for the provider embedded; remove it",
        "suites/s.yaml:6: models.local.auth: has no meaning for the provider embedded; remove it",
    ]


@pytest.mark.parametrize(
    ("provider", "key", "value"),
    [
        ("openai", "azure_endpoint", "https://x"),
        ("openai", "api_version", "2024-10-21"),
        ("openai", "auth", "default_credential"),
        ("azure", "base_url", "http://127.0.0.1:1/v1"),
        ("embedded", "api_key", "${KEY}"),
        ("embedded", "headers", "{a: b}"),
        ("embedded", "quota", "team"),
    ],
)
def test_each_provider_refuses_what_belongs_to_another(provider, key, value):
    written = f"{{provider: {provider}, {key}: {value if value.startswith('{') else repr(value)}}}"
    [found] = mistakes(GOOD.replace("{provider: embedded}", written))
    assert f"models.local.{key}: has no meaning for the provider {provider}; remove it" in found


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{model: m, max_concurrency: 8}", "max_concurrency goes with `concurrency: adaptive` only"),
        ("{model: m, concurrency: 4, max_concurrency: 8}", "max_concurrency goes with `concurrency: adaptive` only"),
        ("{provider: embedded, concurrency: adaptive}", "the embedded model takes as many requests at once as"),
        ("{model: m, concurrency: fast}", "'adaptive'"),
        ("{model: m, requests_per_minute: 0}", "greater than 0"),
    ],
)
def test_limits_that_can_not_be_meant_are_refused(written, message):
    assert message in "\n".join(mistakes(GOOD.replace("{provider: embedded}", written)))


def test_a_key_that_occurs_twice_is_a_mistake():
    assert mistakes("name: a\nname: b\n")[0].startswith("suites/s.yaml:2: not valid YAML: found duplicate key")


def test_broken_yaml_names_its_line():
    assert mistakes("name: a\ntargets: {a: [}\n")[0].startswith("suites/s.yaml:2: not valid YAML")


def test_an_option_of_another_kind_of_target_is_refused():
    found = mistakes(GOOD.replace("model: local}", "model: local, variant: a.b}"))
    assert found == ["suites/s.yaml:6: targets.v1: 'variant' belongs to flow, not to a prompt target"]


def test_a_transform_with_a_broken_regular_expression_is_refused():
    found = mistakes(GOOD + "transform: {regex: '('}\n")
    assert found[0].startswith("suites/s.yaml:9: transform: not a regular expression")


@pytest.mark.parametrize("bad", ["-1 s", "0", "fast", ".inf"])
def test_a_duration_that_is_none_is_refused(bad):
    found = mistakes(GOOD.replace("{provider: embedded}", f"{{provider: embedded, timeout: {bad}}}"))
    assert len(found) == 1
    assert "duration" in found[0]
