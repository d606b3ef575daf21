"""The one model endpoint that code beside us sees: on loopback, in our process, answered by the suite's models.

Flows name OpenAI and Azure OpenAI connections, deployments that nobody has, and the old completions API; promptflow
tries a failed request up to a hundred times. So a flow in its worker gets this address and a throw-away key. Here each
request goes to the suite's model, whatever model the flow named, with that model's own retries, limits, credentials,
proxies and CAs; keys never enter the worker; a failure keeps its kind; and each line's requests and tokens are known.
Evaluators of other libraries ask here too, each call at an address of its own.

Chat completions (several choices, streams, tools and the older `functions`) and completions (as a chat of one user
message) are answered, in OpenAI's and in Azure's form of the paths. Embeddings are not: the suite's models are chat
models.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web  # noqa: TID253  # an adapter: imported when a flow's worker is started

from plimsoll.errors import CellError, FailureKind
from plimsoll.models.contract import ChatModel
from plimsoll.models.dialect import Asked, completion, read_request, stream_events
from plimsoll.types import ChatReply, ChatRequest, Message

LINE_HEADER = "ms-azure-ai-promptflow"
"""promptflow's own header: JSON with the id of the line that asks, as `root_run_id`."""
API_VERSION = "2024-10-21"
_LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One request that a line sent, and what came of it."""

    model: str
    """The suite's name for the model."""
    start: float
    """Seconds since the epoch."""
    seconds: float
    """From its arrival to its answer, with waiting for a permit."""
    messages: tuple[Message, ...]
    replies: tuple[ChatReply, ...] = ()
    failure: CellError | None = None
    number: int = 0
    """Of the failure, by which the flow's error message names it."""


@dataclass(slots=True)
class LineCalls:
    """What one line asked of the models."""

    calls: list[Call] = field(default_factory=list)
    exact: bool = True
    """Every request while the line ran could be told from other lines' requests."""
    _asking: int = 0
    _since: float = 0.0
    _waited: float = 0.0

    def failure_in(self, text: str) -> CellError | None:
        """The model's failure that a flow's error message tells of."""
        return next((c.failure for c in reversed(self.calls) if c.failure and _mark(c.number) in text), None)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around each request."""
        if not self._asking:
            self._since = time.perf_counter()
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1
            if not self._asking:
                self._waited += time.perf_counter() - self._since

    def waited(self) -> float:
        """Seconds until now in which a request of the line was with its model: not the line's own time."""
        return self._waited + (time.perf_counter() - self._since if self._asking else 0.0)


class ModelGateway:
    """Serves while the block runs."""

    def __init__(self, models: Sequence[ChatModel]) -> None:
        """A gateway that is not started; a model's address is by its place in `models`."""
        self.key = secrets.token_hex(24)
        """What a client must send. Good for nothing else, and only while this runs."""
        self._models = tuple(models)
        self._lines: dict[str, LineCalls] = {}
        self._failures = 0
        self._runner: web.AppRunner | None = None
        self._url = ""

    def azure_url(self, index: int) -> str:
        """What an Azure OpenAI client takes as its endpoint."""
        return f"{self._url}/{index}"

    def openai_url(self, index: int) -> str:
        """What an OpenAI client takes as base_url."""
        return f"{self._url}/{index}/v1"

    def line_url(self, index: int, line: str) -> str:
        """The same for one line alone: whatever is asked there is the line's, and nothing is answered after its end."""
        return f"{self.line_azure_url(index, line)}/v1"

    def line_azure_url(self, index: int, line: str) -> str:
        """The same for an Azure OpenAI client."""
        return f"{self._url}/{index}/lines/{line}"

    def open_line(self, line: str) -> LineCalls:
        """Begin to note what a line asks."""
        self._lines[line] = LineCalls()
        return self._lines[line]

    def close_line(self, line: str) -> None:
        """Stop noting it."""
        self._lines.pop(line, None)

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=_LARGEST)
        application.router.add_route("*", "/{index:[0-9]+}/lines/{line:[0-9a-z-]+}/{path:.*}", self._handle)
        application.router.add_route("*", "/{index:[0-9]+}/{path:.*}", self._handle)
        # A worker that is killed takes its requests with it.
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        index = int(request.match_info["index"])
        of_line = request.match_info.get("line")
        ended = of_line is not None and of_line not in self._lines
        if not self._allowed(request) or index >= len(self._models) or ended:
            return _refusal(401, "this address is only for what the harness runs now")
        model = self._models[index]
        path = request.match_info["path"]
        if request.method == "GET" and path.endswith("models"):
            return web.json_response({"object": "list", "data": [{"id": model.name, "object": "model"}]})
        if request.method != "POST" or not path.endswith("completions"):
            return _refusal(404, f"the suite's models answer chat and completion requests; /{path} is neither")
        try:
            asked = read_request(await request.json(), chat=path.endswith("chat/completions"))
        except ValueError as error:
            return _refusal(400, f"the request can't be read: {error}")
        line = self._line(request.headers.get(LINE_HEADER)) if of_line is None else self._lines[of_line]
        with nullcontext() if line is None else line.asking():
            return await self._answer(request, model, asked, line)

    async def _answer(
        self, request: web.Request, model: ChatModel, asked: Asked, line: LineCalls | None
    ) -> web.StreamResponse:
        started, clock = time.time(), time.perf_counter()
        sent = ChatRequest(messages=asked.messages, parameters=dict(asked.parameters))
        given = await asyncio.gather(*(model.chat(sent) for _ in range(asked.choices)), return_exceptions=True)
        replies = tuple(reply for reply in given if isinstance(reply, ChatReply))
        error = next((reply for reply in given if isinstance(reply, BaseException)), None)
        failure = error if error is None or isinstance(error, CellError) else _unexpected(error)
        self._failures += failure is not None
        call = Call(model.name, started, time.perf_counter() - clock, sent.messages, replies, failure, self._failures)
        if line is not None:
            line.calls.append(call)
        if failure is not None:
            # 400, so that neither the client nor promptflow tries again: the model's own retries are used up.
            return _refusal(400, f"{failure.message} {_mark(call.number)}", code=failure.kind)
        if not asked.stream:
            return web.json_response(completion(asked, replies, model.name))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in stream_events(asked, replies, model.name):
            await response.write(event)
        return response

    def _allowed(self, request: web.Request) -> bool:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.headers.get("api-key", "")
        return hmac.compare_digest(shown.encode(), self.key.encode())

    def _line(self, header: str | None) -> LineCalls | None:
        """The line that asks: by promptflow's header, else the only one that runs."""
        named = self._lines.get(_line_id(header))
        if named is not None:
            return named
        if len(self._lines) == 1:
            return next(iter(self._lines.values()))
        for line in self._lines.values():
            line.exact = False
        return None


def _line_id(header: str | None) -> str:
    try:
        found = json.loads(header or "{}")
    except ValueError:
        return ""
    return str(found.get("root_run_id", "")) if isinstance(found, Mapping) else ""


def _mark(number: int) -> str:
    return f"[request {number}]"


def _unexpected(error: BaseException) -> CellError:
    if not isinstance(error, Exception):
        raise error
    return CellError(FailureKind.TARGET, f"the model can't be asked: {type(error).__name__}: {error}")


def _refusal(status: int, message: str, code: str = "refused") -> web.Response:
    body = {"error": {"message": message, "type": code, "code": code}}
    return web.json_response(body, status=status, headers={"x-should-retry": "false"})
