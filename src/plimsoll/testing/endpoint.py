"""A real OpenAI-compatible server on loopback whose answers a function gives: for tests of whatever calls a model.

    async with ScriptedEndpoint(lambda request: "Paris") as endpoint:
        ...  # endpoint.base_url, endpoint.requests

`with` instead of `async with` runs it in a thread, for code without an event loop of its own. It serves chat
completions (streamed too), the list of models, and Azure's form of the same paths.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

if TYPE_CHECKING:
    from aiohttp import web

COUNTED: Mapping[str, int] = {}
"""A reply's `usage` that stands for: words counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the endpoint answers. The defaults are a well-formed completion with `text`."""

    text: str | None = ""
    finish_reason: str | None = "stop"
    tool_calls: Sequence[Mapping[str, Any]] = ()
    refusal: str | None = None
    logprobs: Any = None
    usage: Mapping[str, Any] | None = field(default_factory=lambda: COUNTED)
    """None leaves it out; the default counts words."""
    model: str | None = None
    """None echoes the request's."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes | Mapping[str, Any] | None = None
    """Sent instead of a completion: text, or an object as JSON."""
    delay: float = 0.0
    """Seconds before anything is sent."""
    cut: int | None = None
    """Close the connection after this many bytes of the body; 0 sends not even the headers."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    json: Any
    """The body; None where there was none."""


Script: TypeAlias = Callable[[dict[str, Any]], "str | Reply | Awaitable[str | Reply]"]
"""From a request's JSON to its answer. It may raise: the caller sees a 500, and `errors` holds it."""


class ScriptedEndpoint:
    """The server; open it with `async with`, or with `with` in a thread of its own."""

    def __init__(
        self, script: Script, *, models: Sequence[str] = ("scripted",), tls: ssl.SSLContext | None = None
    ) -> None:
        """A server that is not started.

        Args:
            script: gives each answer.
            models: what its list of models holds.
            tls: serve HTTPS with this server context.
        """
        self.requests: list[Received] = []
        """Every request so far, in order of arrival."""
        self.errors: list[BaseException] = []
        """What the script raised."""
        self.port = 0
        self._script = script
        self._models = tuple(models)
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._thread: _Thread | None = None

    @property
    def url(self) -> str:
        """The server's root, which is what Azure calls the endpoint."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as base_url."""
        return f"{self.url}/v1"

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        from aiohttp import web

        application = web.Application(client_max_size=256 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._handle)
        # A client that gives up frees its connection at once, as it would a real server's.
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every connection."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._thread = _Thread(self)
        self._thread.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        self._thread.end()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        received = await _received(request)
        self.requests.append(received)
        if received.path.endswith("/models"):
            return _json(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self._models]})
        if request.method != "POST" or not received.path.endswith("/chat/completions"):
            return _json(404, {"error": {"message": f"no such path: {received.path}", "code": "not_found"}})
        if not isinstance(received.json, dict):
            return _json(400, {"error": {"message": "the body is no JSON object", "code": "invalid_request"}})
        reply = await self._reply(received.json)
        await asyncio.sleep(reply.delay)
        return await _send(request, received.json, reply)

    async def _reply(self, body: dict[str, Any]) -> Reply:
        try:
            answer = self._script(body)
            if inspect.isawaitable(answer):
                answer = await answer
        except Exception as error:  # noqa: BLE001  # the script is a test's code: its failure is shown to the test
            self.errors.append(error)
            return Reply(status=500, body={"error": {"message": f"the script raised {error!r}"}})
        return Reply(text=answer) if isinstance(answer, str) else answer


class _Thread:
    """An event loop in a thread that serves until it is told to end."""

    def __init__(self, endpoint: ScriptedEndpoint) -> None:
        self._endpoint = endpoint
        self._started = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="scripted-endpoint", daemon=True)

    def begin(self) -> None:
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # handed to the thread that waits for the start
            self._error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._endpoint:
            self._started.set()
            await self._stop.wait()


async def _received(request: web.Request) -> Received:
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = raw.decode("utf-8", errors="replace")
    return Received(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers={key.lower(): value for key, value in request.headers.items()},
        json=body,
    )


async def _send(request: web.Request, body: Mapping[str, Any], reply: Reply) -> web.StreamResponse:
    from aiohttp import web

    streamed = bool(body.get("stream")) and reply.status == 200 and reply.body is None
    content, kind = _stream(body, reply) if streamed else _content(body, reply)
    headers = {"Content-Type": kind, **reply.headers}
    if reply.cut is None:
        return web.Response(status=reply.status, body=content, headers=headers)
    assert request.transport is not None
    if reply.cut == 0:
        request.transport.close()
        return web.Response()
    response = web.StreamResponse(status=reply.status, headers={**headers, "Content-Length": str(len(content))})
    await response.prepare(request)
    await response.write(content[: reply.cut])
    request.transport.close()
    return response


def _content(body: Mapping[str, Any], reply: Reply) -> tuple[bytes, str]:
    if isinstance(reply.body, bytes):
        return reply.body, "application/octet-stream"
    if isinstance(reply.body, str):
        return reply.body.encode(), "text/html" if reply.body.lstrip().startswith("<") else "text/plain"
    whole = reply.body if reply.body is not None else _completion(body, reply)
    return json.dumps(whole).encode(), "application/json"


def _completion(body: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.tool_calls:
        message["tool_calls"] = [dict(call) for call in reply.tool_calls]
    if reply.refusal is not None:
        message["refusal"] = reply.refusal
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    if reply.logprobs is not None:
        choice["logprobs"] = reply.logprobs
    return {**_head(body, reply, "chat.completion"), "choices": [choice], **_usage(body, reply)}


def _stream(body: Mapping[str, Any], reply: Reply) -> tuple[bytes, str]:
    head = _head(body, reply, "chat.completion.chunk")
    text = reply.text or ""
    pieces: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        *({"content": piece} for piece in _pieces(text)),
    ]
    if reply.tool_calls:
        pieces.append({"tool_calls": [{"index": n, **call} for n, call in enumerate(reply.tool_calls)]})
    chunks = [{**head, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**head, "choices": [], **_usage(body, reply)})
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*events, "data: [DONE]\n\n"]).encode(), "text/event-stream"


def _pieces(text: str) -> list[str]:
    return [text[start : start + 8] for start in range(0, len(text), 8)]


def _head(body: Mapping[str, Any], reply: Reply, kind: str) -> dict[str, Any]:
    return {"id": "scripted", "object": kind, "created": 0, "model": reply.model or body.get("model", "scripted")}


def _usage(body: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    if reply.usage is None:
        return {}
    if reply.usage is not COUNTED:
        return {"usage": dict(reply.usage)}
    prompt = sum(len(str(message.get("content") or "").split()) for message in body.get("messages", ()))
    answer = len((reply.text or "").split())
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}}


def _json(status: int, body: Mapping[str, Any]) -> web.Response:
    from aiohttp import web

    return web.json_response(body, status=status)
