"""What went wrong between us and an endpoint, classified once: what it answered. What the network raises: `transport`.

Pure functions over what arrived. The messages name the endpoint, never a key: `Secrets.scrub` goes over all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from plimsoll.errors import CellError, FailureKind
from plimsoll.models.replies import excerpt, is_html
from plimsoll.models.retries import OverloadError, PermanentError

_KEY_SHAPES = re.compile(r"\b(sk-[A-Za-z0-9_-]{8,}|Bearer\s+[A-Za-z0-9._~+/=-]{8,})")
_TOO_LONG = re.compile(
    r"context.?length|maximum context|context (size|window)|exceed_context_size|too many tokens|prompt is too long",
    re.IGNORECASE,
)
_BY_STATUS = {
    401: FailureKind.AUTH,
    403: FailureKind.AUTH,
    404: FailureKind.NOT_FOUND,
    405: FailureKind.NOT_FOUND,
    407: FailureKind.CONNECTION,
    408: FailureKind.TIMEOUT,
    409: FailureKind.SERVER,
    425: FailureKind.SERVER,
    429: FailureKind.RATE_LIMIT,
    501: FailureKind.INVALID_REQUEST,
    505: FailureKind.INVALID_REQUEST,
}
_OVERLOADED = frozenset({429, 503, 529})
"""Too many requests, by the endpoint's own words; 529 is Anthropic's and some gateways'."""
_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated"})
PROXY_KEY_REMEDY = "give the proxy's user and password in HTTPS_PROXY"


class Secrets:
    """Values that must not appear in any text; tokens are added as they are fetched."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = {value for value in values if value}

    def add(self, value: str) -> None:
        """A further secret."""
        self._values.add(value)

    def scrub(self, text: str) -> str:
        """`text` without them, and without anything that has the shape of a key."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, "***")
        return _KEY_SHAPES.sub("***", text)


def status_failure(status: int, body: str, headers: Mapping[str, str], *, at: str, now: datetime) -> CellError:
    """The failure that a response of a status other than 200 tells.

    Args:
        status: HTTP status.
        body: its text, JSON or not.
        headers: of the response, looked up without regard to case.
        at: the endpoint and model, for the message.
        now: the time, for a Retry-After that is a date.
    """
    error = _error_object(body)
    words = _words(error, body)
    codes = {str(error.get(key)) for key in ("code", "type") if error.get(key)}
    said = f"{at} answered {status}: {words}"
    if codes & _QUOTA:
        return CellError(FailureKind.AUTH, said, remedy="the account's quota is used up: check its plan and billing")
    if status in (400, 403, 422) and _is_content_filter(error, codes):
        return CellError(FailureKind.REFUSED, said)
    kind = _BY_STATUS.get(status) or _by_class(status)
    if kind is FailureKind.INVALID_REQUEST and (status == 413 or _TOO_LONG.search(f"{codes} {words}")):
        return CellError(
            kind,
            f"the prompt is too long for the model; {said}",
            remedy="shorten the prompt or its context, lower max_tokens, or take a model with a larger window",
        )
    if status == 407:
        return PermanentError(kind, said, remedy=PROXY_KEY_REMEDY)
    if is_html(body) and kind in (FailureKind.AUTH, FailureKind.NOT_FOUND):
        return CellError(kind, said, remedy="this is no API: check base_url (most end in /v1) and the proxy")
    failure = OverloadError if status in _OVERLOADED else CellError
    return failure(kind, said, retry_after=retry_after(headers, now))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the endpoint asks us to wait; None where it doesn't say, or not so that it can be read."""
    lower = {key.lower(): value for key, value in headers.items()}
    milliseconds, value = lower.get("retry-after-ms"), lower.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        if value is None:
            return None
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
            return float(value)
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def timeout_failure(at: str, timeout: float) -> CellError:
    """No complete answer in time."""
    return CellError(FailureKind.TIMEOUT, f"{at} gave no answer within {timeout:g} s")


def _by_class(status: int) -> FailureKind:
    if status >= 500:
        return FailureKind.SERVER
    return FailureKind.INVALID_REQUEST if status >= 400 else FailureKind.BAD_RESPONSE


def _error_object(body: str) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    if isinstance(found, list) and found:
        found = found[0]
    inner = found.get("error", found) if isinstance(found, Mapping) else None
    return inner if isinstance(inner, Mapping) else {"message": inner} if isinstance(inner, str) else {}


def _words(error: Mapping[str, Any], body: str) -> str:
    message = error.get("message") or error.get("detail")
    return excerpt(str(message) if message else body) or "no message"


def _is_content_filter(error: Mapping[str, Any], codes: set[str]) -> bool:
    inner = error.get("innererror")
    inner_code = str(inner.get("code")) if isinstance(inner, Mapping) else ""
    return bool(codes & {"content_filter", "content_policy_violation"}) or inner_code == "ResponsibleAIPolicyViolation"
