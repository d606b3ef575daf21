import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl

import pytest
import trustme
from aiohttp import web
from tests.models.test_network import NAME, proxy

from plimsoll.config import HttpSettings
from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.models import CA_REMEDY
from plimsoll.models.retries import Backoff
from plimsoll.targets.body import fill
from plimsoll.targets.http import HttpTarget
from plimsoll.types import Case, TargetInfo

CASE = Case(
    id="c1",
    inputs={"question": "Capital?", "top": 3, "order": {"items": [{"name": "tea"}]}},
    expected="Paris",
    slices=("s",),
)
QUICK = Backoff(initial=0.001, longest=0.01, jitter=0)


def reply(body="", status=200, **headers):
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/plain" if isinstance(body, str | bytes) else "application/json"
    return web.Response(
        status=status,
        body=content,
        headers={"Content-Type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}},
    )


class Server:
    """An endpoint whose answers are given in order, the last one for ever; it keeps what it was sent."""

    def __init__(self, *answers):
        self.received = []
        self.answers = list(answers)
        self.port = 0

    async def handle(self, request):
        raw = await request.read()
        self.received.append((request.method, request.path_qs, dict(request.headers), json.loads(raw) if raw else None))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        found = answer(request)
        return await found if asyncio.iscoroutine(found) else found


@asynccontextmanager
async def serving(*answers, tls=None):
    server = Server(*answers)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


def target(url, *, environ=None, inputs=None, output=None, timeout=5.0, backoff=QUICK, **settings):
    return HttpTarget(
        info=TargetInfo(name="api", kind="http", digest="sha256:0"),
        settings=HttpSettings(url=url, **settings),
        inputs=inputs or {},
        answer=output,
        timeout=timeout,
        concurrency=4,
        environment=environ or {},
        backoff=backoff,
    )


def ask(*answers, host="127.0.0.1", path="/answer", cases=(CASE,), **changes):
    """The outcomes of cases one after the other, and the server."""

    async def scenario():
        async with serving(*answers) as server:
            url = changes.pop("url", f"http://{host}:{server.port}{path}")
            return await run(target(url, **changes), cases), server

    return asyncio.run(scenario())


async def run(it, cases=(CASE,)):
    found = []
    async with it.open() as opened:
        for case in cases:
            try:
                found.append(await opened.run(case))
            except CellError as error:
                found.append(error)
    return found


def give(*args, **named):
    return lambda request: reply(*args, **named)


def test_the_inputs_go_out_as_json_and_the_answer_is_at_the_json_path():
    answer = {"result": {"answers": [{"text": "Paris"}, {"text": "Lyon"}]}}
    (output,), server = ask(give(answer), output="$.result.answers[*].text")
    assert (output.text, output.value) == ("Paris", None)
    assert 0 < output.latency < 5
    method, path, headers, body = server.received[0]
    assert (method, path, headers["Content-Type"]) == ("POST", "/answer", "application/json")
    assert body == CASE.inputs


def test_a_conversation_goes_with_them():
    talk = ({"role": "system", "content": "s"}, {"role": "user", "content": "Hello"})
    _, server = ask(give("x"), cases=[Case(id="c", inputs={"tone": "calm"}, messages=talk)])
    assert server.received[0][3] == {"tone": "calm", "messages": list(talk), "question": "Hello"}


def test_a_body_is_filled_in_every_place_and_the_reference_answer_only_by_mapping():
    body = {
        "q": "{{ question }}",
        "text": "Q: {{question}} of {{ top }}, {{ order.items }}",
        "deep": [{"k": "{{ top }}", "fixed": 1, "none": None}, "{{ order.items.0.name }}"],
        "key": "${API_KEY}",
    }
    _, server = ask(give("x"), body=body, environ={"API_KEY": "k-123"}, method="PUT")
    assert server.received[0][0] == "PUT"
    assert server.received[0][3] == {
        "q": "Capital?",
        "text": 'Q: Capital? of 3, [{"name": "tea"}]',
        "deep": [{"k": 3, "fixed": 1, "none": None}, "tea"],
        "key": "k-123",
    }
    (error,), server = ask(give("x"), body={"e": "{{ expected }}"})
    assert (error.kind, server.received) == (FailureKind.MISSING_FIELD, [])
    assert error.message == "the body names 'expected'; the case has order, question, top"
    _, server = ask(give("x"), body={"e": "{{ hint }}"}, inputs={"hint": "expected"})
    assert server.received[0][3] == {"e": "Paris"}


@pytest.mark.parametrize(
    "place", ["{{ order.nothing }}", "{{ order.items.1 }}", "{{ top.x }}", "{{ order.items.name }}"]
)
def test_a_place_that_leads_nowhere_is_a_missing_field(place):
    with pytest.raises(CellError) as caught:
        fill({"x": place}, CASE.inputs)
    assert caught.value.kind is FailureKind.MISSING_FIELD


def test_with_get_the_fields_are_the_query():
    _, server = ask(give("x"), method="GET", body={"q": "{{ question }}", "o": "{{ order }}", "yes": True})
    method, path, _, body = server.received[0]
    assert (method, body) == ("GET", None)
    query = {"q": "Capital?", "o": json.dumps(CASE.inputs["order"]), "yes": "true"}
    assert dict(parse_qsl(path.partition("?")[2])) == query


@pytest.mark.parametrize(
    ("answer", "text", "extra"),
    [
        (give("plain text"), "plain text", {}),
        (give("é".encode("latin-1"), Content_Type="text/plain; charset=latin-1"), "é", {}),
        (give({"answer": "Paris"}), "Paris", {}),
        (give(["a", 1]), '["a", 1]', {}),
        (give("é" * 5_000_000), "é" * 5_000_000, {}),
    ],
    ids=["text", "charset", "json", "list", "huge"],
)
def test_without_a_json_path_the_whole_body_is_the_answer(answer, text, extra):
    (output,), _ = ask(answer)
    assert (output.text, output.extra) == (text, extra)


def cut(request):
    async def send():
        response = web.StreamResponse(headers={"Content-Length": "100", "Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"half")
        request.transport.close()
        return response

    return send()


def drop(request):
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "kind", "said", "sent"),
    [
        (give({"error": {"message": "bad key"}}, 401), FailureKind.AUTH, "answered 401: bad key", 1),
        (give("no", 403), FailureKind.AUTH, "answered 403: no", 1),
        (give("gone", 404), FailureKind.NOT_FOUND, "answered 404: gone", 1),
        (give({"detail": "no field q"}, 422), FailureKind.INVALID_REQUEST, "answered 422: no field q", 1),
        (give("slow down", 429), FailureKind.RATE_LIMIT, "answered 429: slow down", 3),
        (give("<html><title>Bad Gateway</title>", 502), FailureKind.SERVER, "a page of HTML titled 'Bad Gateway'", 3),
        (give("", 500), FailureKind.SERVER, "answered 500: no message", 3),
        (cut, FailureKind.CONNECTION, "the answer was cut in the middle of its body", 3),
        (drop, FailureKind.CONNECTION, "closed the connection without an answer", 3),
        (give("", 302, Location="https://sso.example/?secret"), FailureKind.BAD_RESPONSE, "redirects to https:", 1),
        (give(""), FailureKind.EMPTY, "answered with an empty body", 1),
        (give("", 204), FailureKind.EMPTY, "answered with an empty body", 1),
        (give({"answer": ""}), FailureKind.EMPTY, "the answer is empty", 1),
        (give({"answer": None}), FailureKind.EMPTY, "the answer is empty", 1),
        (give({"other": 1}), FailureKind.BAD_RESPONSE, 'nothing at $.answer in the answer: {"other": 1}', 1),
        (give("{torn"), FailureKind.BAD_RESPONSE, "not valid JSON at column 2", 1),
        (give('{"answer": NaN}'), FailureKind.BAD_RESPONSE, "NaN is not JSON", 1),
        (give("<!doctype html><title>Portal</title>"), FailureKind.BAD_RESPONSE, "a page of HTML titled 'Portal'", 1),
        (give(b"\xff"), FailureKind.BAD_RESPONSE, "not valid UTF-8", 1),
    ],
)  # fmt: skip
def test_every_failure_is_classified_and_sent_again_where_it_may_pass(answer, kind, said, sent):
    (error,), server = ask(answer, output="$.answer", retries=2)
    assert error.kind is kind
    assert said in error.message
    assert "secret" not in error.message
    assert "model" not in error.remedy
    assert len(server.received) == sent


def test_a_web_page_is_no_answer_also_where_the_whole_body_is_wanted():
    (error,), _ = ask(give("<html><title>Sign in</title></html>", Content_Type="text/html"))
    assert error.kind is FailureKind.BAD_RESPONSE


def test_what_passes_is_an_answer_with_the_latency_of_its_own_attempt():
    async def late(request):
        await asyncio.sleep(0.3)
        return reply("too slow to be of use", 503)

    (output,), server = ask(late, give("busy", 429), drop, give("Paris"))
    assert output.text == "Paris"
    assert output.latency < 0.25
    assert len(server.received) == 4


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_retry_after_is_waited_for(form):
    def busy(request):
        soon = datetime.now(UTC) + timedelta(seconds=2)
        return reply("busy", 429, Retry_After="1" if form == "seconds" else format_datetime(soon, usegmt=True))

    async def scenario():
        async with serving(busy, give("Paris")) as server:
            began = asyncio.get_running_loop().time()
            (output,) = await run(target(f"http://127.0.0.1:{server.port}/"))
            return output, asyncio.get_running_loop().time() - began

    output, seconds = asyncio.run(scenario())
    assert output.text == "Paris"
    assert seconds > 0.9


def test_a_retry_after_beyond_our_patience_fails_at_once():
    (error,), server = ask(give("busy", 429, Retry_After="3600"))
    assert (error.kind, len(server.received)) == (FailureKind.RATE_LIMIT, 1)


def test_no_answer_in_time_is_a_timeout_and_what_kept_us_from_one_is_told():
    async def never(request):
        await asyncio.sleep(30)

    (error,), _ = ask(never, timeout=0.2)
    assert error.kind is FailureKind.TIMEOUT
    assert error.message.endswith("/answer gave no answer within 0.2 s")
    (error,), _ = ask(give("busy", 503), never, timeout=0.2)
    assert (error.kind, error.message.endswith("answered 503: busy")) == (FailureKind.SERVER, True)


def test_a_server_that_is_not_there_is_a_connection_failure():
    async def scenario():
        async with serving(give("x")) as server:
            port = server.port
        return await run(target(f"http://127.0.0.1:{port}/", retries=1))

    (error,) = asyncio.run(scenario())
    assert error.kind is FailureKind.CONNECTION
    assert "the connection was refused" in error.message
    assert error.remedy == "check the target's `url`, network and proxy"


def test_an_endpoint_that_lets_nobody_in_is_given_up_after_ten_cases():
    outcomes, server = ask(give("no such key", 401), cases=[CASE] * 14)
    assert len(server.received) == 10
    assert [outcome.down for outcome in outcomes] == [False] * 9 + [True] * 5
    assert outcomes[-1].kind is FailureKind.AUTH
    assert "answered 401: no such key; 10 attempts in a row failed, so it counts as down" in outcomes[-1].message
    assert outcomes[-1].remedy == "check the target's `headers` and the variables that they name"


def test_one_case_leaves_no_cookie_for_the_next():
    # By name: a cookie jar keeps nothing for an address.
    _, server = ask(give("x", Set_Cookie="session=1"), host="localhost", cases=[CASE, CASE])
    assert ["Cookie" in headers for _, _, headers, _ in server.received] == [False, False]


def test_headers_are_filled_from_the_environment_and_show_in_no_failure():
    environ = {
        "TOKEN": "tok-99887766",
        "USER_KEY": "user-key-5544",
        "BODY_KEY": "body-key-3322",
        "PATH_KEY": "path-key-778899",
    }

    def echo(request):
        headers = request.headers
        quoted = [headers["Authorization"], headers["X-Key"], "lit-literal", "q-secret-1", *environ.values()]
        return reply(" ".join(quoted), 400)

    (error,), server = ask(
        echo,
        path="/${PATH_KEY}/answer?key=q-secret-1",
        environ=environ,
        headers={
            "Authorization": "Bearer ${TOKEN}",
            "X-Key": "${USER_KEY}",
            "X-Literal": "lit-literal",
            "Accept": "*/*",
        },
        body={"k": "${BODY_KEY}"},
    )
    assert server.received[0][2]["Authorization"] == "Bearer tok-99887766"
    shown = error.message + error.remedy
    for secret in (*environ.values(), "lit-literal", "q-secret-1"):
        assert secret not in shown
    assert "127.0.0.1" in shown


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": "$.["}, "output '$.[' is not a JSON path"),
        ({"url": "example.com/answer"}, "targets.api.http.url is no http:// or https:// address: 'example.com/answer'"),
        ({"url": "http://x/{{q}}"}, "targets.api.http.url has a {{ place }}, and only `body` is filled from the case"),
        ({"headers": {"X": "${NOT_SET}"}}, "targets.api.http.headers.X needs the environment variable NOT_SET"),
        ({"environ": {"HTTPS_PROXY": "socks5://p:1"}}, "the proxy for https is a socks5 proxy, which is not supported"),
    ],
)  # fmt: skip
def test_settings_that_can_not_work_are_refused_before_the_first_case(changes, message):
    with pytest.raises(UsageError) as caught:
        ask(give("x"), **changes)
    assert caught.value.message.startswith(message)


@pytest.fixture(scope="module")
def tls():
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, "127.0.0.1").configure_cert(context)
    return authority, context


@pytest.mark.parametrize("login", ["", "me:p%40ss-1234@"])
def test_https_goes_through_the_proxy_of_the_environment_and_trusts_its_private_ca(tls, tmp_path, login):
    authority, context = tls
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def scenario():
        wanted = "bWU6cEBzcy0xMjM0" if login else None
        async with serving(give("Paris"), tls=context) as server, proxy(wanted) as between:
            environ = {
                "HTTPS_PROXY": between.url.replace("//", f"//{login}"),
                "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
            }
            outcomes = await run(target(f"https://{NAME}:{server.port}/", environ=environ), (CASE, CASE))
            return [each.text for each in outcomes], {method for method, _ in between.asked}

    assert asyncio.run(scenario()) == (["Paris", "Paris"], {"CONNECT"})


def test_a_proxy_that_refuses_and_a_certificate_that_nobody_vouches_for_are_told_and_not_tried_again(tls):
    _, context = tls

    async def scenario():
        async with serving(give("Paris"), tls=context) as server, proxy("bm90aGluZw==") as between:
            environ = {"HTTPS_PROXY": between.url.replace("//", "//me:hidden-word@")}
            (refused,) = await run(target(f"https://{NAME}:{server.port}/", environ=environ))
            (unknown,) = await run(target(f"https://127.0.0.1:{server.port}/"))
            return refused, unknown, len(between.asked), server.received

    refused, unknown, asked, received = asyncio.run(scenario())
    assert refused.kind is unknown.kind is FailureKind.CONNECTION
    assert "the proxy refused the connection: 407" in refused.message
    assert "hidden-word" not in refused.message + refused.remedy
    assert unknown.remedy == CA_REMEDY
    assert (asked, received) == (1, [])


def test_an_endpoints_answers_are_never_reused():
    async def scenario():
        async with target("http://127.0.0.1:1/").open() as opened:
            return opened.generation(CASE), opened.lane, opened.concurrency

    assert asyncio.run(scenario()) == (None, "target api", 4)
