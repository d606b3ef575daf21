"""The server: on loopback alone, and every answer with the headers that keep others out.

What it promises against pages of other sites, which any browser on this machine may show: a name that is not ours in
the request's Host is refused (so that no foreign name can be bound to this address); whatever changes something needs a
token that only our own pages hold, and must not come from elsewhere; our pages may not be framed, and run no script and
load nothing but our own files.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from aiohttp import web  # noqa: TID253  # an adapter: imported when the viewer is started

from plimsoll.errors import InfrastructureError, PlimsollError
from plimsoll.viewer.contract import Desk, Refused
from plimsoll.viewer.labelling import Labelling, Overtaken
from plimsoll.viewer.pages import Pages
from plimsoll.viewer.shelf import Shelf
from plimsoll.viewer.site import STATIC, fill, static

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Our own forms must still say where they come from.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "plimsoll",
}
_LARGEST = 256 * 1024
"""Bytes that a request may send."""

# What is no HTTP is refused by aiohttp itself, which would tell the terminal of each; our own faults are printed here.
_SILENT = logging.getLogger("plimsoll.viewer.http")
_SILENT.setLevel(logging.CRITICAL)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ViewServer:
    """The viewer over HTTP. An async context manager: it listens inside the block."""

    def __init__(self, desk: Desk, port: int = 0) -> None:
        """A server that is not started.

        Args:
            desk: Where it works, and for whom.
            port: On loopback; 0 is a free one.
        """
        self.desk, self.port = desk, port
        self._token = secrets.token_urlsafe(32)
        shelf = Shelf(desk)
        self._pages = Pages(shelf)
        self._labelling = Labelling(shelf, secrets.token_bytes(32))
        # One thread: open runs are not for several, and the loop stays free to answer.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plimsoll-view")
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            InfrastructureError: the port is taken, or may not be used.
        """
        application = web.Application(client_max_size=_LARGEST, middlewares=[self._guarded])
        application.router.add_get("/", self._runs)
        application.router.add_get("/runs/{run}", self._run)
        application.router.add_get("/runs/{run}/state", self._state)
        application.router.add_get("/runs/{run}/cases", self._cases)
        application.router.add_get(r"/runs/{run}/cases/{place:[1-9]\d{0,8}}", self._case)
        application.router.add_get("/runs/{run}/label", self._setup)
        application.router.add_get("/runs/{run}/label/answers", self._answer)
        application.router.add_post("/runs/{run}/label/answers", self._take)
        application.router.add_get("/static/{name}", self._static)
        self._runner = web.AppRunner(application, access_log=None, logger=_SILENT, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            taken = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
            raise InfrastructureError(
                f"{HOST}:{self.port} can't be opened: {taken}", remedy="choose another --port, or none"
            ) from error
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        self._thread.shutdown(wait=False, cancel_futures=True)

    @web.middleware
    async def _guarded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            self._check(request)
            response = await handler(request)
        except Refused as refused:
            response = self._refusal(refused.status, refused.message, refused.remedy)
        except PlimsollError as error:
            mistakes = "; ".join(str(mistake) for mistake in error.mistakes[:3])
            response = self._refusal(500, mistakes, "")
        except web.HTTPException as error:
            response = self._refusal(error.status, error.reason, "")
        except Exception:  # noqa: BLE001  # the last boundary: a fault of ours is told, and the viewer goes on
            traceback.print_exc()
            response = self._refusal(500, "a fault in plimsoll itself", "the terminal says more; please report it")
        response.headers.update(_HEADERS)
        return response

    def _check(self, request: web.Request) -> None:
        """Refuse what no page of ours sends."""
        if request.headers.getall("Host", []) not in [[f"{name}:{self.port}"] for name in _NAMES]:
            raise Refused(421, "this address is for this machine alone", f"open {self.url}")
        if request.method in ("GET", "HEAD"):
            return
        origin = request.headers.get("Origin")
        if origin is not None and origin not in [f"http://{name}:{self.port}" for name in _NAMES]:
            raise Refused(403, "a page of another site sent this")
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise Refused(403, "a page of another site sent this")

    def _refusal(self, status: int, message: str, remedy: str) -> web.Response:
        page = fill("refused.html.jinja2", desk=self.desk, status=status, message=message, remedy=remedy)
        return _html(page, status)

    async def _page(self, make: Callable[[], str]) -> web.Response:
        return _html(await self._off_loop(make))

    async def _off_loop(self, work: Callable[[], str]) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _runs(self, request: web.Request) -> web.Response:
        return await self._page(lambda: self._pages.runs(_query(request)))

    async def _run(self, request: web.Request) -> web.Response:
        return await self._page(lambda: self._pages.run(request.match_info["run"]))

    async def _state(self, request: web.Request) -> web.Response:
        found = await self._off_loop(lambda: json.dumps(self._pages.state(request.match_info["run"])))
        return web.Response(text=found, content_type="application/json")

    async def _cases(self, request: web.Request) -> web.Response:
        return await self._page(lambda: self._pages.cases(request.match_info["run"], _query(request)))

    async def _case(self, request: web.Request) -> web.Response:
        run, place = request.match_info["run"], int(request.match_info["place"])
        return await self._page(lambda: self._pages.case(run, place, _query(request)))

    async def _setup(self, request: web.Request) -> web.Response:
        return await self._page(lambda: self._labelling.setup(request.match_info["run"], _query(request)))

    async def _answer(self, request: web.Request) -> web.Response:
        run, query = request.match_info["run"], _query(request)
        try:
            return await self._page(lambda: self._labelling.answer(run, query, token=self._token))
        except Refused as refused:
            if refused.status != 400:
                raise
            problem = _told(refused)
            return _html(await self._off_loop(lambda: self._labelling.setup(run, query, problem=problem)), 400)

    async def _take(self, request: web.Request) -> web.Response:
        run, query = request.match_info["run"], _query(request)
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        if not secrets.compare_digest(form.get("token", "").encode(), self._token.encode()):
            raise Refused(403, "this page is from an earlier viewer", "reload it, and give the label again")
        try:
            then = await self._off_loop(lambda: self._labelling.take(run, query, form))
        except Refused as refused:
            if refused.status != 400 and not isinstance(refused, Overtaken):
                raise
            problem = _told(refused)
            again = {**query, "at": form.get("answer", "")}
            page = await self._off_loop(
                lambda: self._labelling.answer(run, again, token=self._token, problem=problem, sent=form)
            )
            return _html(page, refused.status)
        # Seen by path and query alone: nothing that was sent decides where it goes.
        return web.Response(status=303, headers={"Location": f"{request.rel_url.raw_path}?{then}"})

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in STATIC:
            raise Refused(404, "there is no such file")
        return web.Response(body=static(name), content_type=STATIC[name][1], charset="utf-8")


def _told(refused: Refused) -> str:
    return refused.message + (f": {refused.remedy}" if refused.remedy else "")


def _query(request: web.Request) -> Mapping[str, str]:
    return dict(request.query)


def _html(page: str, status: int = 200) -> web.Response:
    return web.Response(text=page, status=status, content_type="text/html")
