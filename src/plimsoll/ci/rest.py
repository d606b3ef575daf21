"""One JSON request to a forge, and what came of it: an answer, a refusal, or a failure that may pass.

A token goes to the address that the CI system named and nowhere else: no redirect is followed, and neither proxy nor
trusted CA is read from anything but the environment that is given. No message holds a token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.models.failures import retry_after
from plimsoll.models.network import CA_REMEDY, HttpSessionSettings
from plimsoll.reports.text import one_line

if TYPE_CHECKING:
    import httpx2

_SECONDS = 30.0
_SAID = 200
"""Characters of a server's message that are shown."""


class RefusedError(InfrastructureError):
    """The server answered, and will answer the same again."""


class PassingError(InfrastructureError):
    """The server is overloaded, down, or can't be reached: worth another attempt."""

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message, remedy="try again; the forge's status page may say more")
        self.wait = wait
        """Seconds that it asked for."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A server's JSON API; open one request at a time."""

    name: str
    """As messages name it."""
    base: str
    """Where paths begin, without a slash at the end."""
    headers: Mapping[str, str]
    """With the token: never shown."""
    network: HttpSessionSettings
    refusals: Mapping[int, str]
    """Status → what to do about it."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{self.name}: {self.base!r} is no address of an API", remedy="check the CI's variables")

    def __repr__(self) -> str:
        return f"Rest({self.name} at {self.base})"

    def ask(self, method: str, path: str, body: Any = None, **query: str | int) -> Any:
        """The answer's JSON.

        Args:
            method: The HTTP method.
            path: Below `base`; a whole address of the same server is one too.
            body: Sent as JSON.
            query: Of the address.

        Raises:
            PassingError: no connection, 429, or 5xx.
            RefusedError: any other status but success, or an answer that is no JSON.
        """
        import httpx2

        url = path if "://" in path else f"{self.base}{path}"
        try:
            with self._client(url) as client:
                answer = client.request(method, url, json=body, params=query or None)
        except httpx2.TransportError as error:
            raise self._unreached(error) from None
        return self._read(answer, f"{method} {urlsplit(url).path}")

    def _client(self, url: str) -> httpx2.Client:
        import httpx2

        proxy = self.network.proxy_for(url)
        return httpx2.Client(
            headers=dict(self.headers),
            trust_env=False,
            proxy=httpx2.Proxy(proxy) if proxy else None,
            verify=self.network.ssl_context() if urlsplit(url).scheme == "https" else False,
            timeout=_SECONDS,
        )

    def _unreached(self, error: Exception) -> InfrastructureError:
        said = one_line(str(error) or type(error).__name__, _SAID)
        if "CERTIFICATE_VERIFY_FAILED" in said:
            return RefusedError(f"{self.name}: its certificate can't be verified: {said}", remedy=CA_REMEDY)
        return PassingError(f"{self.name} at {urlsplit(self.base).netloc} can't be reached: {said}")

    def _read(self, answer: httpx2.Response, asked: str) -> Any:
        try:
            told = json.loads(answer.content)
        except ValueError:
            told = None
        status, wait = answer.status_code, retry_after(answer.headers, datetime.now(UTC))
        # 203 and a page to log in is how Azure DevOps answers a token that it does not know.
        if answer.is_success and told is not None:
            return told
        if status == HTTPStatus.NO_CONTENT:
            return None
        said = f"{self.name} answered {status}{_said(told)} to {asked}"
        # GitHub's limits are a 403 too: one says when to come back, the other that nothing is left.
        limited = wait is not None or answer.headers.get("x-ratelimit-remaining") == "0"
        if (
            status == HTTPStatus.TOO_MANY_REQUESTS
            or status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or (status == HTTPStatus.FORBIDDEN and limited)
        ):
            raise PassingError(said, wait=wait)
        known = self.refusals.get(HTTPStatus.UNAUTHORIZED if answer.is_success or answer.is_redirect else status)
        raise RefusedError(said, remedy=known)


def _said(told: Any) -> str:
    if not isinstance(told, dict):
        return ""
    message = told.get("message") or told.get("error_description") or told.get("error")
    return f" ({one_line(str(message), _SAID)})" if message else ""
