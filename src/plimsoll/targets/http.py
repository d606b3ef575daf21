"""An HTTP endpoint as a target: the case goes out as JSON, a JSON path names the answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plimsoll.config import HttpSettings
from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.models.network import HttpSessionSettings, http_session_settings
from plimsoll.targets.values import bind, output_of
from plimsoll.types import Case, Output, TargetInfo

if TYPE_CHECKING:
    import aiohttp

_PLACE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """An endpoint that answers one case a request."""

    info: TargetInfo
    settings: HttpSettings
    """With its environment references filled."""
    inputs: Mapping[str, str]
    answer: str | None
    """JSON path of the answer; None takes the whole body."""
    timeout: float
    concurrency: int
    environment: Mapping[str, str]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_OpenHttp]:
        """Open a connection pool of the target's concurrency.

        Raises:
            UsageError: `output` is not a JSON path.
        """
        import aiohttp

        find = None if self.answer is None else _path(self.answer)
        network = http_session_settings(self.environment)
        connector = aiohttp.TCPConnector(limit=self.concurrency, ssl=network.ssl_context())
        limit = aiohttp.ClientTimeout(total=self.timeout)
        async with aiohttp.ClientSession(connector=connector, timeout=limit) as session:
            yield _OpenHttp(self, session, find, network)


@dataclass(frozen=True, slots=True)
class _OpenHttp:
    target: HttpTarget
    session: aiohttp.ClientSession
    find: Any
    network: HttpSessionSettings

    @property
    def info(self) -> TargetInfo:
        return self.target.info

    @property
    def lane(self) -> str:
        return f"target {self.target.info.name}"

    @property
    def concurrency(self) -> int:
        return self.target.concurrency

    def generation(self, case: Case) -> dict[str, Any] | None:  # noqa: ARG002  # the contract's signature
        return None

    async def run(self, case: Case) -> Output:
        import aiohttp

        values = bind(case, self.target.inputs)
        settings = self.target.settings
        body = values if settings.body is None else fill(settings.body, values)
        sent: dict[str, Any] = {"params": body} if settings.method == "GET" else {"json": body}
        started = time.perf_counter()
        try:
            async with self.session.request(
                settings.method,
                settings.url,
                headers=settings.headers,
                proxy=self.network.proxy_for(settings.url),
                **sent,
            ) as response:
                raw = await response.read()
                status, retry_after = response.status, response.headers.get("Retry-After")
        except TimeoutError:
            raise CellError(
                FailureKind.TIMEOUT, f"{settings.url}: no answer within {self.target.timeout:g} s"
            ) from None
        except aiohttp.ClientError as error:
            raise CellError(FailureKind.CONNECTION, f"{settings.url}: {error or type(error).__name__}") from error
        latency = time.perf_counter() - started
        _check_status(settings.url, status, raw, retry_after)
        return output_of(self._answer(raw), latency=latency)

    def _answer(self, raw: bytes) -> Any:
        text = raw.decode("utf-8", errors="replace")
        if self.find is None:
            return text
        try:
            body = json.loads(text)
        except ValueError:
            raise CellError(FailureKind.BAD_RESPONSE, f"not JSON: {text[:_SHOWN]!r}") from None
        found = self.find.find(body).values()
        if not found:
            raise CellError(
                FailureKind.BAD_RESPONSE,
                f"nothing at {self.target.answer} in {text[:_SHOWN]}",
                remedy="mend `output`, the answer's JSON path",
            )
        return found[0]


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """A body's template with `{{ field }}` filled; a string that is one place alone takes the field's own type.

    Raises:
        CellError: a place names a field that the case lacks.
    """
    if isinstance(template, Mapping):
        return {key: fill(item, values) for key, item in template.items()}
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    if not isinstance(template, str):
        return template
    whole = _PLACE.fullmatch(template.strip())
    if whole:
        return _value(whole[1], values)
    return _PLACE.sub(lambda match: _inside(_value(match[1], values)), template)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise CellError(FailureKind.MISSING_FIELD, f"the body names {name!r}; the case has {', '.join(sorted(values))}")
    return values[name]


def _inside(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _check_status(url: str, status: int, raw: bytes, retry_after: str | None) -> None:
    if status < 400:
        return
    kinds = {401: FailureKind.AUTH, 403: FailureKind.AUTH, 404: FailureKind.NOT_FOUND, 429: FailureKind.RATE_LIMIT}
    kind = kinds.get(status, FailureKind.SERVER if status >= 500 else FailureKind.INVALID_REQUEST)
    shown = raw[:_SHOWN].decode("utf-8", errors="replace")
    wait = float(retry_after) if retry_after and retry_after.isdigit() else None
    raise CellError(kind, f"{url}: HTTP {status}: {shown}", retry_after=wait)


def _path(written: str) -> Any:
    import jsonpath

    try:
        return jsonpath.compile(written if written.startswith("$") else f"$.{written}")
    except jsonpath.JSONPathError as error:
        raise UsageError(
            f"output {written!r} is not a JSON path: {error}", remedy="write for example $.answer"
        ) from None
