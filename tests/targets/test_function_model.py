"""A function that asks the suite's model: each request is one case's, and no key enters its process."""

import asyncio
import json
import os

import pytest
from tests.targets.test_function import INFO, ask

from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.targets.function import FunctionTarget
from plimsoll.testing import ScriptedModel
from plimsoll.types import Case, Output

ASKING = """
import json, os, urllib.error, urllib.request

def ask(question):
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json.dumps({"messages": [{"role": "user", "content": question}], "max_tokens": 9}).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as reply:
            return json.load(reply)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()) from None

def answer(question): return ask(question)
def twice(question): return ask(question) + " " + ask("again")
def caught(question):
    try:
        return ask(question)
    except RuntimeError:
        return "no matter"
def silent(question): return "asked nobody"
def environment(question): return json.dumps(dict(os.environ))
def process(question): ask(question); return str(os.getpid())
class Robot: pass
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "bot.py").write_text(ASKING)
    return tmp_path


def asking(root, model, function="answer", **environment):
    return FunctionTarget(
        info=INFO,
        reference=f"bot.py:{function}",
        root=root,
        inputs={},
        pick=None,
        timeout=20.0,
        concurrency=model.concurrency,
        environment={**os.environ, **environment},
        model=model,
    )


def questions(*words):
    return [Case(id=word, inputs={"question": word}) for word in words]


def echo(request):
    return f"reply to {request.messages[-1]['content']}"


def test_each_cases_requests_and_tokens_are_its_own_however_many_run_at_once(root):
    model = ScriptedModel(echo, concurrency=3)
    words = ["one", "one two", "one two three", "four four four four"]
    found = ask(asking(root, model, "twice"), *questions(*words))
    for word, output in zip(words, found, strict=True):
        assert isinstance(output, Output)
        assert output.text == f"reply to {word} reply to again"
        length = len(word.split())
        assert (output.usage.requests, output.usage.prompt_tokens) == (2, length + 1)
        assert output.usage.completion_tokens == length + 2 + 3
        assert [span.kind for span in output.spans] == ["model", "model"]
        assert output.model == "scripted"
        assert output.latency is not None
    assert sorted(len(request.parameters) for request in model.requests) == [1] * 8


def test_no_more_processes_than_the_model_takes_requests(root):
    model = ScriptedModel(echo, concurrency=2)
    found = ask(asking(root, model, "process"), *questions(*"abcdef"))
    assert len({output.text for output in found if isinstance(output, Output)}) <= 2


def test_the_models_failure_keeps_its_kind_and_its_remedy(root):
    def down(request):
        raise CellError(FailureKind.RATE_LIMIT, "429: too many requests", requests=3)

    [failed] = ask(asking(root, ScriptedModel(down)), *questions("one"))
    assert isinstance(failed, CellError)
    assert (failed.kind, failed.message, failed.requests) == (FailureKind.RATE_LIMIT, "429: too many requests", 3)


def test_what_the_function_catches_is_its_own_affair_unless_the_run_has_to_end(root):
    def refused(kind):
        def answer(request):
            raise CellError(kind, "no")

        return ask(asking(root, ScriptedModel(answer), "caught"), *questions("one"))[0]

    caught = refused(FailureKind.TIMEOUT)
    assert isinstance(caught, Output)
    assert (caught.text, caught.usage.requests) == ("no matter", 1)
    ended = refused(FailureKind.SPEND_CAP)
    assert isinstance(ended, CellError)
    assert ended.kind is FailureKind.SPEND_CAP


def test_its_environment_leads_to_the_model_alone(root):
    secret = "planted-0123456789"
    elsewhere = {"OPENAI_API_KEY": secret, "AZURE_OPENAI_API_KEY": secret, "OPENAI_ORG_ID": "other", "MINE": "kept"}
    [output] = ask(asking(root, ScriptedModel(echo), "environment", **elsewhere), *questions("one"))
    assert isinstance(output, Output)
    seen = json.loads(output.text)
    assert secret not in seen.values()
    assert "OPENAI_ORG_ID" not in seen
    assert seen["MINE"] == "kept"
    assert seen["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")
    assert seen["AZURE_OPENAI_ENDPOINT"].startswith("http://127.0.0.1:")
    assert "127.0.0.1" in seen["NO_PROXY"]


def test_one_that_asks_nobody_took_nothing(root):
    [output] = ask(asking(root, ScriptedModel(echo), "silent"), *questions("one"))
    assert isinstance(output, Output)
    assert (output.text, output.usage.requests, output.spans) == ("asked nobody", 0, ())


def test_the_model_is_part_of_what_an_answer_depends_on(root):
    async def generation(name):
        async with asking(root, ScriptedModel(echo, name=name)).open() as opened:
            return opened.generation(questions("one")[0]), opened.lane

    one, other = asyncio.run(generation("one")), asyncio.run(generation("other"))
    assert one[0] != other[0]
    assert (one[1], other[1]) == ("one", "other")


def test_what_can_not_be_loaded_is_refused_before_the_first_case(root):
    with pytest.raises(UsageError, match="Robot is a class"):
        ask(asking(root, ScriptedModel(echo), "Robot"), *questions("one"))
