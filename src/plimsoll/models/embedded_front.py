"""The front of the embedded model: one address, first come first served over the workers' slots.

It passes requests and answers through as they are, streamed ones too. A worker that is found dead is started again
before its next request; the request that it died on is answered 502, which a client may send again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp  # noqa: TID253  # an adapter: imported when the embedded model is opened
from aiohttp import web  # noqa: TID253  # the same

from plimsoll.errors import PlimsollError
from plimsoll.workers import WorkerProcess

_SILENCE = 120.0
"""Seconds without a byte from a worker after which it counts as hung: several times the longest answer."""
_LARGEST = 64 * 1024 * 1024
_PASSED_ON = ("Content-Type",)


class Slot:
    """One worker's place: started, found dead, started again."""

    def __init__(self, start: Callable[[], Awaitable[tuple[WorkerProcess, str]]]) -> None:
        self._start = start
        self._worker: WorkerProcess | None = None
        self.address = ""

    @property
    def worker(self) -> WorkerProcess:
        """The process, once started."""
        assert self._worker is not None, "the slot was not started"
        return self._worker

    async def start(self) -> None:
        """Start the worker if none is alive.

        Raises:
            PlimsollError: it does not start.
        """
        if self._worker is None or not self._worker.alive:
            self._worker, self.address = await self._start()

    async def stop(self) -> None:
        """End the worker."""
        if self._worker is not None:
            await self._worker.stop()


class Front:
    """The server while the block runs."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots = tuple(slots)
        self.base_url = ""
        self._free: asyncio.Queue[Slot] = asyncio.Queue()
        for slot in slots:
            self._free.put_nowait(slot)
        # Cancelled when the client gives up: its slot is free for the next, and the answer no longer computed.
        self._runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # force_close: the native server closes idle connections, and a request may not be lost to that.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        silence = aiohttp.ClientTimeout(total=None, sock_read=_SILENCE)
        self._session = aiohttp.ClientSession(connector=connector, timeout=silence, auto_decompress=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST)
        for path in ("/v1/chat/completions", "/chat/completions", "/v1/completions"):
            application.router.add_post(path, self._pass)
        for path in ("/v1/models", "/models"):
            application.router.add_get(path, self._pass)
        return application

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        slot = await self._free.get()
        try:
            await slot.start()
            return await self._forward(request, body, slot)
        except PlimsollError as error:
            return _error(503, str(error))
        finally:
            self._free.put_nowait(slot)

    async def _forward(self, request: web.Request, body: bytes, slot: Slot) -> web.StreamResponse:
        assert self._session is not None
        response: web.StreamResponse | None = None
        path = request.path if request.path.startswith("/v1") else f"/v1{request.path}"
        try:
            url = f"{slot.address}{path}"
            headers = {"Content-Type": "application/json"}
            async with self._session.request(request.method, url, data=body or None, headers=headers) as answer:
                passed = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
                response = web.StreamResponse(status=answer.status, headers=passed)
                if answer.content_length is not None:
                    response.content_length = answer.content_length
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except (aiohttp.ClientConnectionResetError, ConnectionResetError):
            # Our own client has gone; aiohttp raises the first of them for it.
            if response is not None and slot.worker.alive:
                return response
            return await self._lost(request, response, slot)
        except (aiohttp.ClientError, TimeoutError):
            return await self._lost(request, response, slot)

    async def _lost(self, request: web.Request, response: web.StreamResponse | None, slot: Slot) -> web.StreamResponse:
        """The worker is dead or hangs: end it, so that the slot starts anew, and say so."""
        said = slot.worker.stderr
        await slot.worker.kill()
        if response is None or not response.prepared:
            return _error(502, f"the embedded model's worker died on this request: {said or 'it said nothing'}")
        # The status is sent already; a cut body is what is left to say it with.
        if request.transport is not None:
            request.transport.close()
        return response


def _error(status: int, message: str) -> web.Response:
    body: dict[str, Any] = {"error": {"message": message, "type": "server_error", "code": status}}
    return web.json_response(body, status=status)
