"""An HTTP endpoint as a target: the case goes out as JSON, a JSON path names the answer.

Each case is a request of its own: no cookies are kept and no redirect is followed, since a login page is no answer.
What may pass is sent again, by the rule that models have. No key shows in a failure.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from plimsoll import canonical
from plimsoll.config import HttpSettings, substitute
from plimsoll.datasets.values import parse_json
from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.models.network import HttpSessionSettings, http_session_settings, split_login, without_credentials
from plimsoll.models.replies import excerpt, is_html
from plimsoll.models.retries import Backoff
from plimsoll.targets.body import as_text, fill
from plimsoll.targets.values import bind_conversation, output_of
from plimsoll.types import Case, Output, TargetInfo

if TYPE_CHECKING:
    import aiohttp

    from plimsoll.models.calling import Caller
    from plimsoll.models.failures import Secrets

_HARMLESS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
"""Headers that hold no secret."""
_TOKEN_LENGTH = 12
_REMEDIES = {
    FailureKind.AUTH: "check the target's `headers` and the variables that they name",
    FailureKind.NOT_FOUND: "check the target's `url` and `method`",
    FailureKind.INVALID_REQUEST: "the endpoint refused the request as it stands; check the target's `body`",
    FailureKind.RATE_LIMIT: "lower the suite's `concurrency`, or ask for a higher limit",
    FailureKind.SERVER: "the endpoint failed; later, run it again: what was answered is taken from the cache",
    FailureKind.CONNECTION: "check the target's `url`, network and proxy",
    FailureKind.BAD_RESPONSE: "the answer is not what the target's settings say; check `url` and `output`",
}
"""In place of those that speak of models."""


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """An endpoint that answers one case a request."""

    info: TargetInfo
    settings: HttpSettings
    """As written: references to the environment are filled when it is opened."""
    inputs: Mapping[str, str]
    """A name in the body → the case's field."""
    answer: str | None
    """JSON path of the answer; None takes the whole body."""
    timeout: float
    """Seconds for one case, with what is sent again."""
    concurrency: int
    environment: Mapping[str, str]
    backoff: Backoff = field(default_factory=Backoff)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_OpenHttp]:
        """Open a connection pool of the target's concurrency. Nothing is sent.

        Raises:
            UsageError: a variable is not set, `url` is no HTTP address, or `output` is not a JSON path.
        """
        import aiohttp

        from plimsoll.models.breaker import Breaker
        from plimsoll.models.calling import Caller
        from plimsoll.models.concurrency import FixedConcurrency
        from plimsoll.models.limits import Limiter

        settings = self._filled()
        find = None if self.answer is None else _path(self.answer)
        network = http_session_settings(self.environment)
        connector = aiohttp.TCPConnector(limit=self.concurrency, ssl=network.ssl_context())
        # Our own limit covers all attempts; the client's would call some of them a failed connection.
        no_limit = aiohttp.ClientTimeout(total=None, sock_connect=None)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, timeout=no_limit, cookie_jar=jar) as session:
            secrets = _secrets(self.settings, settings, self.environment, network)
            caller = Caller(
                at=without_credentials(settings.url),
                limiter=Limiter(FixedConcurrency(self.concurrency)),
                breaker=Breaker(self.backoff),
                timeout=self.timeout,
                retries=settings.retries,
                give_up_after=self.timeout,
                backoff=self.backoff,
            )
            yield _OpenHttp(self, settings, session, find, network, secrets, caller)

    def _filled(self) -> HttpSettings:
        at = f"targets.{self.info.name}.http"
        filled = substitute(self.settings.model_dump(exclude_none=True), self.environment, at)
        url = filled["url"]
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            shown = without_credentials(url)
            raise UsageError(f"{at}.url is no http:// or https:// address: {shown!r}", remedy="write the whole address")
        if "{{" in url:
            remedy = "with method: GET the body's fields become the query"
            raise UsageError(f"{at}.url has a {{{{ place }}}}, and only `body` is filled from the case", remedy=remedy)
        return HttpSettings.model_validate(filled)


@dataclass(frozen=True, slots=True)
class _OpenHttp:
    target: HttpTarget
    settings: HttpSettings
    """With its references filled."""
    session: aiohttp.ClientSession
    find: Any
    network: HttpSessionSettings
    secrets: Secrets
    caller: Caller

    @property
    def info(self) -> TargetInfo:
        return self.target.info

    @property
    def lane(self) -> str:
        return f"target {self.target.info.name}"

    @property
    def concurrency(self) -> int:
        return self.target.concurrency

    @property
    def shown(self) -> str:
        return self.caller.at

    def generation(self, case: Case) -> dict[str, Any] | None:  # noqa: ARG002  # the contract's signature
        return None

    async def run(self, case: Case) -> Output:
        values = bind_conversation(case, self.target.inputs)
        body = values if self.settings.body is None else fill(self.settings.body, values)
        try:
            output, _ = await self.caller.call(lambda _permit: self._once(body))
        except CellError as error:
            raise self._told(error) from None
        return output

    async def _once(self, body: Mapping[str, Any]) -> Output:
        import aiohttp

        from plimsoll.models.failures import status_failure
        from plimsoll.models.transport import transport_failure

        started = time.perf_counter()
        try:
            async with self.session.request(
                self.settings.method, self.settings.url, allow_redirects=False, **self._sent(body)
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise transport_failure(error, at=self.shown, timeout=self.target.timeout) from error
        latency = time.perf_counter() - started
        if 300 <= response.status < 400:
            there = without_credentials(response.headers.get("Location", "nowhere"))
            raise CellError(
                FailureKind.BAD_RESPONSE,
                f"{self.shown} answered {response.status}: it redirects to {there}",
                remedy="if the answer is there, write that address as `url`; else log in by `headers`",
            )
        text = _decoded(raw, response.charset)
        if not response.ok:
            now = datetime.now(UTC)
            raise status_failure(response.status, text, response.headers, at=self.shown, now=now)
        return output_of(self._answer(text, response.content_type), latency=latency)

    def _sent(self, body: Mapping[str, Any]) -> dict[str, Any]:
        sent: dict[str, Any] = {"headers": self.settings.headers}
        if self.settings.method == "GET":
            sent["params"] = {name: as_text(value) for name, value in body.items()}
        else:
            sent["json"] = body
        proxy = self.network.proxy_for(self.settings.url)
        if proxy is not None:
            sent["proxy"], sent["proxy_headers"] = split_login(proxy)
        return sent

    def _answer(self, text: str, content_type: str) -> Any:
        if not text.strip():
            raise CellError(FailureKind.EMPTY, f"{self.shown} answered with an empty body")
        is_json = content_type == "application/json" or content_type.endswith("+json")
        if self.find is None and not is_json:
            if is_html(text):
                raise CellError(FailureKind.BAD_RESPONSE, f"{self.shown} answered with {excerpt(text)}")
            return text
        try:
            body = parse_json(text)
        except ValueError as error:
            message = f"{self.shown}: the answer is {error}: {excerpt(text)}"
            raise CellError(FailureKind.BAD_RESPONSE, message) from None
        if self.find is None:
            return body
        found = self.find.findall(body)
        if not found:
            raise CellError(
                FailureKind.BAD_RESPONSE,
                f"{self.shown}: nothing at {self.target.answer} in the answer: {excerpt(text)}",
                remedy="mend `output`, the answer's JSON path",
            )
        return found[0]

    def _told(self, error: CellError) -> CellError:
        """The failure without secrets, and with a remedy that speaks of this target's settings."""
        general = error.remedy == error.kind.remedy
        remedy = _REMEDIES.get(error.kind, error.remedy) if general else error.remedy
        message = self.secrets.scrub(error.message)
        return CellError(error.kind, message, remedy=self.secrets.scrub(remedy), down=error.down)


def _decoded(raw: bytes, charset: str | None) -> str:
    try:
        return raw.decode(charset or "utf-8")
    except (UnicodeDecodeError, LookupError):
        message = f"the answer is not valid {charset or 'UTF-8'}: {raw[:40]!r}"
        raise CellError(FailureKind.BAD_RESPONSE, message) from None


def _secrets(
    written: HttpSettings, filled: HttpSettings, environ: Mapping[str, str], network: HttpSessionSettings
) -> Secrets:
    """What must not show: variables' values in headers, body and path, headers, the query, passwords."""
    from plimsoll.models.failures import Secrets

    url = urlsplit(filled.url)
    named = _named_in([written.headers, written.body], environ)
    # An address is no secret, but some endpoints take a token as a part of their path.
    named += [value for value in _named_in(written.url, environ) if value in url.path and len(value) >= _TOKEN_LENGTH]
    headers = [value for name, value in filled.headers.items() if name.lower() not in _HARMLESS]
    # An endpoint may quote a token without the scheme before it.
    tokens = [value.split()[-1] for value in headers if value.split()]
    query = [value for _, value in parse_qsl(url.query)]
    proxy = urlsplit(network.proxy_for(filled.url) or "")
    passwords = [unquote(part.password) for part in (url, proxy) if part.password]
    return Secrets([*named, *headers, *tokens, *query, *passwords])


def _named_in(template: Any, environ: Mapping[str, str]) -> list[str]:
    """The values of the variables that a template refers to."""
    text = canonical.dumps(template).decode()
    return [value for name, value in environ.items() if f"${{{name}}}" in text or f"${{{name}:-" in text]


def _path(written: str) -> Any:
    import jsonpath

    try:
        return jsonpath.compile(written if written.startswith("$") else f"$.{written}")
    except jsonpath.JSONPathError as error:
        raise UsageError(
            f"output {written!r} is not a JSON path: {error}", remedy="write for example $.answer"
        ) from None
