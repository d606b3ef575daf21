import asyncio
import ssl
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.config import ModelSettings
from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.models import CA_REMEDY, http_session_settings, open_models
from plimsoll.models.network import is_loopback, without_credentials
from plimsoll.models.retries import Backoff
from plimsoll.testing import ScriptedEndpoint
from plimsoll.types import ChatRequest

QUESTION = ChatRequest(messages=({"role": "user", "content": "What is the capital of France?"},))
NAME = "llm.example.test"
"""A name that only the proxy can resolve: an answer proves that the request went through it."""


class Proxy:
    """A CONNECT proxy that sends every host to loopback, and may want a password."""

    def __init__(self, credentials=None):
        self.asked = []
        self.tasks = []
        self.port = 0
        self._credentials = credentials

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader, writer):
        self.tasks.append(asyncio.current_task())
        try:
            await self.serve(reader, writer)
        finally:
            writer.close()

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target = head.split()[:2]
        self.asked.append((method, target))
        if self._credentials and f"Basic {self._credentials}" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        if method == "CONNECT":
            there = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            there = await asyncio.open_connection("127.0.0.1", urlsplit(target).port)
            there[1].write(head.encode())
        await asyncio.gather(self.pump(reader, there[1]), self.pump(there[0], writer))

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()


@asynccontextmanager
async def proxy(credentials=None):
    it = Proxy(credentials)
    server = await asyncio.start_server(it.handle, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    async with server:
        yield it
        await asyncio.wait(it.tasks, timeout=2) if it.tasks else None


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def bundle(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "company.pem"
    authority.cert_pem.write_to_path(path)
    return path


async def chat(base_url, environ):
    settings = ModelSettings(model="m", base_url=base_url, retries=1)
    async with open_models({"it": settings}, 1, environ, backoff=Backoff(initial=0.001, jitter=0)) as models:
        try:
            return await models["it"].chat(QUESTION), models["it"].requests
        except CellError as error:
            return error, models["it"].requests


def test_https_goes_through_the_proxy_and_the_private_ca_is_trusted(server_tls, bundle):
    async def scenario():
        async with ScriptedEndpoint(lambda request: "Paris", tls=server_tls) as endpoint, proxy() as between:
            environ = {"HTTPS_PROXY": between.url, "SSL_CERT_FILE": str(bundle)}
            reply, _ = await chat(f"https://{NAME}:{endpoint.port}/v1", environ)
            assert reply.text == "Paris"
            assert between.asked == [("CONNECT", f"{NAME}:{endpoint.port}")]

    asyncio.run(scenario())


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_other_usual_variables_name_the_ca_too(server_tls, bundle, variable):
    async def scenario():
        async with ScriptedEndpoint(lambda request: "Paris", tls=server_tls) as endpoint:
            reply, _ = await chat(endpoint.base_url, {variable: str(bundle)})
            assert reply.text == "Paris"

    asyncio.run(scenario())


def test_a_host_in_no_proxy_is_not_asked_of_the_proxy(server_tls, bundle):
    async def scenario():
        async with ScriptedEndpoint(lambda request: "Paris", tls=server_tls) as endpoint, proxy() as between:
            environ = {"HTTPS_PROXY": between.url, "NO_PROXY": "example.test", "SSL_CERT_FILE": str(bundle)}
            failure, _ = await chat(f"https://{NAME}:{endpoint.port}/v1", environ)
            # Nobody but the proxy knows the name.
            assert "its name can't be resolved" in failure.message
            assert between.asked == []

    asyncio.run(scenario())


def test_loopback_is_reached_directly_whatever_the_proxy(server_tls, bundle):
    async def scenario():
        async with ScriptedEndpoint(lambda request: "Paris", tls=server_tls) as endpoint, proxy() as between:
            environ = {"ALL_PROXY": between.url, "SSL_CERT_FILE": str(bundle)}
            reply, _ = await chat(endpoint.base_url, environ)
            assert reply.text == "Paris"
            assert between.asked == []

    asyncio.run(scenario())


def test_the_proxys_password_is_sent_and_its_lack_explained(server_tls, bundle):
    async def scenario():
        async with (
            ScriptedEndpoint(lambda request: "Paris", tls=server_tls) as endpoint,
            proxy(credentials="bWU6c2VjcmV0LXdvcmQ=") as between,
        ):
            url = f"https://{NAME}:{endpoint.port}/v1"
            ca = {"SSL_CERT_FILE": str(bundle)}
            with_password = between.url.replace("//", "//me:secret-word@")
            reply, _ = await chat(url, {"https_proxy": with_password, **ca})
            assert reply.text == "Paris"
            failure, requests = await chat(url, {"https_proxy": between.url, **ca})
            assert failure.kind is FailureKind.CONNECTION
            assert "the proxy refused the connection: 407" in failure.message
            assert failure.remedy == "give the proxy's user and password in HTTPS_PROXY"
            assert requests == 1

    asyncio.run(scenario())


def test_plain_http_goes_through_the_proxy_with_its_password():
    async def scenario():
        async with (
            ScriptedEndpoint(lambda request: "Paris") as endpoint,
            proxy(credentials="bWU6c2VjcmV0LXdvcmQ=") as between,
        ):
            environ = {"HTTP_PROXY": between.url.replace("//", "//me:secret%2Dword@")}
            reply, _ = await chat(f"http://{NAME}:{endpoint.port}/v1", environ)
            assert reply.text == "Paris"
            assert between.asked == [("POST", f"http://{NAME}:{endpoint.port}/v1/chat/completions")]

    asyncio.run(scenario())


def test_the_same_settings_serve_an_aiohttp_client(server_tls, bundle):
    async def scenario():
        async with (
            ScriptedEndpoint(lambda request: "Paris", tls=server_tls) as endpoint,
            proxy(credentials="bWU6c2VjcmV0LXdvcmQ=") as between,
            aiohttp.ClientSession() as session,
        ):
            environ = {"HTTPS_PROXY": between.url.replace("//", "//me:secret-word@"), "SSL_CERT_FILE": str(bundle)}
            settings = http_session_settings(environ)
            url = f"https://{NAME}:{endpoint.port}/v1/models"
            async with session.get(url, proxy=settings.proxy_for(url), ssl=settings.ssl_context()) as answer:
                assert answer.status == 200
            assert between.asked == [("CONNECT", f"{NAME}:{endpoint.port}")]

    asyncio.run(scenario())


def test_a_proxy_that_is_not_there_is_named_as_the_cause():
    failure, _ = asyncio.run(chat("https://llm.example.test/v1", {"HTTPS_PROXY": "http://127.0.0.1:9"}))
    assert failure.kind is FailureKind.CONNECTION
    assert failure.message == "m at https://llm.example.test/v1: the proxy can't be reached"
    assert failure.remedy == "check HTTPS_PROXY and NO_PROXY"


@pytest.mark.parametrize("through_proxy", [False, True])
def test_a_certificate_of_an_unknown_ca_names_the_remedy_and_is_not_tried_again(server_tls, tmp_path, through_proxy):
    async def scenario():
        other = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(other)
        async with ScriptedEndpoint(lambda request: "Paris", tls=server_tls) as endpoint, proxy() as between:
            environ = {"SSL_CERT_FILE": str(other), **({"HTTPS_PROXY": between.url} if through_proxy else {})}
            host = NAME if through_proxy else "127.0.0.1"
            failure, requests = await chat(f"https://{host}:{endpoint.port}/v1", environ)
            assert failure.kind is FailureKind.CONNECTION
            assert "its certificate can't be verified: unable to get local issuer certificate" in failure.message
            assert failure.remedy == CA_REMEDY
            assert "SSL_CERT_FILE" in failure.remedy
            assert requests == 1
            assert endpoint.requests == []

    asyncio.run(scenario())


def test_without_a_variable_the_systems_cas_are_trusted_and_no_others(server_tls):
    async def scenario():
        async with ScriptedEndpoint(lambda request: "Paris", tls=server_tls) as endpoint:
            failure, _ = await chat(endpoint.base_url, {})
            assert "certificate can't be verified" in failure.message

    asyncio.run(scenario())


@pytest.mark.parametrize("content", [None, "no certificate at all"])
def test_a_ca_bundle_that_cannot_be_read_is_refused_with_its_variable(tmp_path, content):
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=r"REQUESTS_CA_BUNDLE names .*bundle\.pem, from which no CA") as caught:
        asyncio.run(chat("https://llm.example.test/v1", {"REQUESTS_CA_BUNDLE": str(path)}))
    assert caught.value.remedy == "name a file of PEM certificates, or unset the variable"


def test_a_socks_proxy_is_refused_by_name():
    with pytest.raises(UsageError, match="the proxy for https is a socks5 proxy, which is not supported"):
        http_session_settings({"HTTPS_PROXY": "socks5://127.0.0.1:1080"})


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", "https://a.example", True),
        ("example.com", "https://example.com/v1", True),
        ("example.com", "https://API.Example.com", True),
        (".example.com", "https://api.example.com", True),
        ("*.example.com", "https://api.example.com", True),
        ("example.com", "https://notexample.com", False),
        ("other.example, api.example.com", "https://api.example.com", True),
        ("api.example.com:8443", "https://api.example.com:8443", True),
        ("api.example.com:8443", "https://api.example.com", False),
        ("api.example.com:443", "https://api.example.com", True),
        ("10.0.0.0/8", "https://10.1.2.3:8000/v1", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://ten.example", False),
        ("fd00::/8", "https://[fd00::1]:8000/v1", True),
        ("[fd00::1]:8000", "https://[fd00::1]:8000/v1", True),
        ("", "https://a.example", False),
        (",,", "https://a.example", False),
    ],
)
def test_no_proxy_is_read_as_hosts_domains_networks_and_ports(no_proxy, url, direct):
    settings = http_session_settings({"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": no_proxy})
    assert settings.proxy_for(url) == (None if direct else "http://proxy.example:3128")


def test_a_scheme_has_its_own_proxy_lower_case_first_and_all_proxy_is_for_the_rest():
    environ = {"http_proxy": "http://low:1", "HTTP_PROXY": "http://high:1", "ALL_PROXY": "http://all:1"}
    settings = http_session_settings(environ)
    assert settings.proxy_for("http://a.example") == "http://low:1"
    assert settings.proxy_for("https://a.example") == "http://all:1"
    assert http_session_settings({}).proxy_for("https://a.example") is None


@given(st.text(max_size=30), st.from_regex(r"[a-z0-9.:\[\]-]{1,20}", fullmatch=True))
def test_no_value_of_no_proxy_makes_the_choice_fail(no_proxy, entry):
    settings = http_session_settings({"HTTPS_PROXY": "http://p:1", "NO_PROXY": f"{no_proxy},{entry}"})
    assert settings.proxy_for("https://api.example.com/v1") in (None, "http://p:1")


def test_a_proxys_password_is_not_shown():
    assert "secret" not in repr(http_session_settings({"HTTPS_PROXY": "http://me:secret@p:1"}))
    assert without_credentials("https://me:secret@host:1/v1?key=secret") == "https://host:1/v1"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:80", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80/v1", True),
        ("http://localhost/v1", True),
        ("http://a.localhost", True),
        ("http://localhost.example", False),
        ("http://10.0.0.1", False),
    ],
)
def test_loopback_is_known_by_name_and_address(url, loopback):
    assert is_loopback(url) is loopback
