import asyncio
import subprocess
import sys

import pytest

from plimsoll.config import ModelSettings
from plimsoll.errors import CellError, ConfigError, FailureKind
from plimsoll.models import ChatModel, Connection, open_models, probe
from plimsoll.models.connection import PLACEHOLDER_KEY, resolve_connections
from plimsoll.models.retries import Backoff
from plimsoll.models.weights import SMOLLM2
from plimsoll.testing import Reply, ScriptedEndpoint
from plimsoll.types import ChatRequest

QUESTION = ChatRequest(messages=({"role": "user", "content": "What is the capital of France?"},))
QUICK = Backoff(initial=0.001, jitter=0)


def resolve(environ=None, **settings):
    return resolve_connections({"it": ModelSettings(**settings)}, environ or {})["it"]


def mistakes(environ=None, **settings):
    with pytest.raises(ConfigError) as caught:
        resolve(environ, **settings)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_the_usual_variables_complete_the_settings():
    environ = {"OPENAI_API_KEY": "k-env", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OTHER": "k-other"}
    assert resolve(environ, model="m") == Connection("openai", "http://127.0.0.1:1/v1", "m", "k-env")
    given = resolve(environ, model="m", base_url="${OPENAI_BASE_URL}/x", api_key="${OTHER}")
    assert given == Connection("openai", "http://127.0.0.1:1/v1/x", "m", "k-other")


def test_without_base_url_it_is_openais_own_and_needs_a_key():
    assert resolve({"OPENAI_API_KEY": "k"}, model="m").base_url == "https://api.openai.com/v1"
    assert mistakes(model="m") == [
        "models.it: needs an API key (set OPENAI_API_KEY, or base_url to a server that needs none)"
    ]


def test_another_server_without_a_key_gets_a_placeholder():
    assert resolve(model="m", base_url="http://127.0.0.1:11434/v1").api_key == PLACEHOLDER_KEY


def test_azure_is_completed_from_its_own_variables():
    environ = {
        "AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com",
        "AZURE_OPENAI_API_KEY": "k-azure",
        "OPENAI_API_VERSION": "2024-10-21",
        "OPENAI_API_KEY": "not this",
    }
    assert resolve(environ, provider="azure", model="d") == Connection(
        "azure", "https://r.openai.azure.com", "d", "k-azure", "2024-10-21"
    )
    by_credential = resolve(environ, provider="azure", model="d", auth="default_credential")
    assert (by_credential.api_key, by_credential.auth) == ("", "default_credential")


def test_every_mistake_of_every_model_is_told_at_once():
    settings = {
        "a": ModelSettings(provider="azure"),
        "b": ModelSettings(model="m", base_url="${NOWHERE}", api_key="${NO_KEY}", headers={"X": "${NO_HEADER}"}),
        "c": ModelSettings(model="m", base_url="localhost:8000"),
        "d": ModelSettings(provider="embedded"),
        "e": ModelSettings(base_url="http://127.0.0.1:1"),
    }
    with pytest.raises(ConfigError) as caught:
        resolve_connections(settings, {})
    assert str(caught.value).splitlines() == [
        "models.a: needs azure_endpoint (set it, or AZURE_OPENAI_ENDPOINT, to https://RESOURCE.openai.azure.com)",
        "models.a: needs api_version (set it, or AZURE_OPENAI_API_VERSION, e.g. to 2024-10-21)",
        "models.a: needs an API key (set AZURE_OPENAI_API_KEY, or auth: default_credential)",
        "models.a: needs `model` (give the deployment's name)",
        (
            "models.b.base_url needs the environment variable NOWHERE, which is not set "
            "(export NOWHERE=…, write it into .env, or give a default: ${NOWHERE:-default})"
        ),
        (
            "models.b.api_key needs the environment variable NO_KEY, which is not set "
            "(export NO_KEY=…, write it into .env, or give a default: ${NO_KEY:-default})"
        ),
        (
            "models.b.headers.X needs the environment variable NO_HEADER, which is not set "
            "(export NO_HEADER=…, write it into .env, or give a default: ${NO_HEADER:-default})"
        ),
        "models.c: base_url is no http:// or https:// address: 'localhost:8000' (e.g. http://127.0.0.1:11434/v1)",
        "models.e: needs `model` (give the model's name at the endpoint)",
    ]


def test_a_model_without_an_address_is_shown_by_its_name():
    assert Connection(kind="openai", base_url="", model="small").shown == "small"
    assert Connection(kind="openai", base_url="http://127.0.0.1:1/v1", model="m").shown == "m at http://127.0.0.1:1/v1"


def test_a_connections_repr_and_identity_hold_no_key():
    connection = resolve({"K": "secret-key"}, model="m", base_url="http://u:secret-pw@127.0.0.1:1/v1", api_key="${K}")
    assert "secret-key" not in repr(connection)
    assert connection.shown_url == "http://127.0.0.1:1/v1"
    assert set(connection.secrets) == {"secret-key", "secret-pw"}


def test_opening_imports_no_client_before_the_first_request():
    script = (
        "import asyncio, sys; from plimsoll.config import ModelSettings; from plimsoll.models import open_models\n"
        "async def main():\n"
        "    hosted = ModelSettings(model='m', base_url='http://127.0.0.1:9/v1')\n"
        "    async with open_models({'h': hosted, 'e': ModelSettings(provider='embedded')}, 4, {}) as models:\n"
        "        print([models[name].identity()['model'] for name in 'he'])\n"
        "        print([name for name in ('openai', 'httpx2') if name in sys.modules])\n"
        "asyncio.run(main())"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [f"['m', '{SMOLLM2.model}']", "[]"]


def test_models_of_one_endpoint_have_each_its_identity():
    async def scenario():
        async with ScriptedEndpoint(lambda request: request["model"]) as endpoint:
            one = ModelSettings(model="one", base_url=endpoint.base_url, temperature=0)
            two = ModelSettings(model="two", base_url=endpoint.base_url, concurrency=2)
            async with open_models({"a": one, "b": two}, 7, {}) as models:
                first: ChatModel = models["a"]
                assert (first.name, first.concurrency, models["b"].concurrency) == ("a", 7, 2)
                assert [(await models[name].chat(QUESTION)).text for name in "ab"] == ["one", "two"]
                assert models["a"].identity() == {
                    "provider": "openai",
                    "base_url": endpoint.base_url,
                    "model": "one",
                    "parameters": {"temperature": 0.0},
                }
                assert models["b"].connection == Connection("openai", endpoint.base_url, "two", PLACEHOLDER_KEY)

    asyncio.run(scenario())


def test_the_workspaces_mapping_decides_not_the_processs_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/wrong")
    monkeypatch.setenv("OPENAI_API_KEY", "wrong-key")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async def scenario():
        async with ScriptedEndpoint(lambda request: "Paris") as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url)
            async with open_models({"it": settings}, 1, {"OPENAI_API_KEY": "from-dot-env"}) as models:
                assert (await models["it"].chat(QUESTION)).text == "Paris"
            assert endpoint.requests[0].headers["authorization"] == "Bearer from-dot-env"

    asyncio.run(scenario())


def test_neither_import_nor_opening_nothing_loads_a_client():
    code = (
        "import asyncio, sys, plimsoll.models as m, plimsoll.testing\n"
        "async def f():\n"
        "    async with m.open_models({}, 1, {}) as models: assert models == {}\n"
        "asyncio.run(f())\n"
        "print([n for n in ('openai', 'aiohttp', 'httpx2', 'azure', 'xllamacpp') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def probed(script, *, models=("m",), model="m"):
    async def scenario():
        async with ScriptedEndpoint(script, models=models) as endpoint:
            settings = ModelSettings(model=model, base_url=endpoint.base_url, retries=0)
            async with open_models({"it": settings}, 1, {}, backoff=QUICK) as opened:
                return await probe(opened["it"]), endpoint

    return asyncio.run(scenario())


def test_probe_finds_the_model_in_the_endpoints_list():
    found, endpoint = probed(lambda request: "Paris", models=("a", "m"))
    assert found.ok
    assert found.message == f"m at {endpoint.base_url} answers and lists 2 models"
    assert found.offered == ("a", "m")


def test_probe_tells_what_is_offered_instead_of_a_missing_model():
    found, endpoint = probed(lambda request: "Paris", models=("gpt-4o-mini", "x"), model="gpt4o-mini")
    assert not found.ok
    assert found.message == f"{endpoint.base_url} answers, but does not list the model 'gpt4o-mini'"
    assert found.remedy == "did you mean 'gpt-4o-mini'?"


class NoList(ScriptedEndpoint):
    """A server that knows chat completions only."""

    async def _handle(self, request):
        from aiohttp import web

        if request.path.endswith("/models"):
            return web.Response(status=404)
        return await super()._handle(request)


@pytest.mark.parametrize(
    ("answer", "ok", "message"),
    [
        ("Paris", True, "answers; it has no list of models"),
        (Reply(text="", finish_reason="length"), True, "answers; it has no list of models"),
        (Reply(status=404, body="<html><title>Not here</title></html>"), False, "answered 404: a page of HTML"),
    ],
)
def test_probe_asks_a_server_without_a_list_for_one_answer(answer, ok, message):
    async def scenario():
        async with NoList(lambda request: answer) as endpoint:
            settings = ModelSettings(model="m", base_url=endpoint.base_url, retries=0)
            async with open_models({"it": settings}, 1, {}) as opened:
                return await probe(opened["it"])

    found = asyncio.run(scenario())
    assert found.ok is ok
    assert message in found.message


def test_probe_explains_a_server_that_is_not_there():
    async def scenario():
        settings = ModelSettings(model="m", base_url="http://127.0.0.1:9/v1")
        async with open_models({"it": settings}, 1, {}) as opened:
            return await probe(opened["it"])

    found = asyncio.run(scenario())
    assert not found.ok
    assert "the connection was refused" in found.message
    assert found.remedy


class Token:
    """What a credential gives, in azure-core's form."""

    def __init__(self, token, expires_on):
        self.token = token
        self.expires_on = expires_on
        self.refresh_on = None


class Credential:
    """An async Azure credential whose tokens live for a given number of seconds."""

    def __init__(self, lifetime):
        self.given = 0
        self.scopes = []
        self.closed = False
        self._lifetime = lifetime

    async def get_token(self, *scopes, **options):
        import time

        self.given += 1
        self.scopes.append(scopes)
        return Token(f"token-number-{self.given}", int(time.time() + self._lifetime))

    async def close(self):
        self.closed = True


AZURE = {"provider": "azure", "model": "my-deployment", "api_version": "2024-10-21"}


def test_azure_by_key_uses_the_deployments_path_the_version_and_the_key_header():
    async def scenario():
        async with ScriptedEndpoint(lambda request: "Paris") as endpoint:
            settings = ModelSettings(azure_endpoint=endpoint.url, **AZURE)
            async with open_models({"it": settings}, 1, {"AZURE_OPENAI_API_KEY": "azure-key-1"}) as models:
                assert (await models["it"].chat(QUESTION)).text == "Paris"
                assert models["it"].identity() == {
                    "provider": "azure",
                    "base_url": endpoint.url,
                    "api_version": "2024-10-21",
                    "model": "my-deployment",
                    "parameters": {},
                }
                found = await probe(models["it"])
            chat, listing = endpoint.requests
        assert chat.path == "/openai/deployments/my-deployment/chat/completions"
        assert chat.query == {"api-version": "2024-10-21"}
        assert chat.headers["api-key"] == "azure-key-1"
        assert "authorization" not in chat.headers
        assert listing.path == "/openai/models"
        assert found.ok

    asyncio.run(scenario())


def azure_by_credential(credential, script, calls):
    async def scenario():
        async with ScriptedEndpoint(script) as endpoint:
            settings = ModelSettings(azure_endpoint=endpoint.url, auth="default_credential", retries=0, **AZURE)
            async with open_models({"it": settings}, 1, {}, azure_credential=credential) as models:
                for _ in range(calls):
                    await models["it"].chat(QUESTION)
            return [request.headers.get("authorization") for request in endpoint.requests]

    return asyncio.run(scenario())


def test_azure_by_credential_sends_one_token_while_it_is_valid():
    credential = Credential(lifetime=3600)
    assert azure_by_credential(credential, lambda request: "Paris", 3) == ["Bearer token-number-1"] * 3
    assert credential.scopes == [("https://cognitiveservices.azure.com/.default",)]
    assert not credential.closed


def test_azure_by_credential_fetches_a_new_token_before_the_old_one_ends():
    credential = Credential(lifetime=60)
    sent = azure_by_credential(credential, lambda request: "Paris", 2)
    assert sent == ["Bearer token-number-1", "Bearer token-number-2"]


def test_a_token_does_not_appear_in_an_error():
    leak = Reply(status=401, body={"error": {"message": "token-number-1 is not accepted"}})
    with pytest.raises(CellError, match=r"answered 401: \*\*\* is not accepted"):
        azure_by_credential(Credential(3600), lambda request: leak, 1)


class NoCredential:
    async def get_token(self, *scopes, **options):
        raise RuntimeError("no managed identity, no environment, no login")

    async def close(self):
        pass


def test_a_credential_that_gives_no_token_is_an_auth_failure_with_its_words():
    with pytest.raises(CellError, match="no token for Azure OpenAI: RuntimeError: no managed identity") as caught:
        azure_by_credential(NoCredential(), lambda request: "Paris", 1)
    assert caught.value.kind is FailureKind.AUTH


def test_without_azure_identity_the_extra_is_named(tmp_path):
    # A package of that name without the module stands for one that is not installed.
    (tmp_path / "azure").mkdir()
    (tmp_path / "azure" / "__init__.py").write_text("")
    code = (
        "import asyncio\n"
        "from plimsoll.config import ModelSettings\n"
        "from plimsoll.models import open_models\n"
        "s = ModelSettings(provider='azure', model='d', azure_endpoint='https://x.example', api_version='v', "
        "auth='default_credential')\n"
        "async def f():\n"
        "    async with open_models({'it': s}, 1, {}): pass\n"
        "try: asyncio.run(f())\n"
        "except Exception as e: print(type(e).__name__, e)\n"
    )
    env = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == (
        "MissingExtraError auth: default_credential needs packages that are not installed "
        "(pip install 'plimsoll-llm[azure]')\n"
    )
