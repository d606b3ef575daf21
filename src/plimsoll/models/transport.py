"""What the network raises, classified: the causes behind a client's exception tell more than its own classes.

Imports aiohttp: import this module only where something was sent.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import aiohttp  # noqa: TID253  # an adapter: imported with the first request

from plimsoll.errors import CellError, FailureKind
from plimsoll.models.failures import PROXY_KEY_REMEDY, timeout_failure
from plimsoll.models.network import CA_REMEDY
from plimsoll.models.retries import PermanentError

_PROXY_REMEDY = "check HTTPS_PROXY and NO_PROXY"
_NETWORK: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (aiohttp.ClientPayloadError, ": the answer was cut in the middle of its body"),
    (aiohttp.ServerDisconnectedError, " closed the connection without an answer"),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), " closed the TLS connection before it was made"),
    ((socket.gaierror, aiohttp.ClientConnectorDNSError), ": its name can't be resolved"),
    (ConnectionRefusedError, ": the connection was refused; is the server running?"),
)
"""What the network raises, and its words after the endpoint's name."""


def transport_failure(error: BaseException, *, at: str, timeout: float) -> CellError:
    """The failure behind what the client raised: its causes tell more than the client's own classes."""
    causes = list(_causes(error))
    for classify in (_certificate, _proxy, _network):
        for cause in causes:
            found = classify(cause, at)
            if found is not None:
                return found
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return timeout_failure(at, timeout)
    detail = " ".join(str(error).split()) or "no message"
    return CellError(FailureKind.CONNECTION, f"{at}: {type(error).__name__}: {detail}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error's causes, the innermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return reversed(chain)


def _certificate(error: BaseException, at: str) -> CellError | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(
            FailureKind.CONNECTION,
            f"{at}: its certificate can't be verified: {error.verify_message}",
            remedy=CA_REMEDY,
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return PermanentError(
            FailureKind.CONNECTION,
            f"{at}: no TLS connection: {error.reason or error}",
            remedy="check whether the address is https:// or http://, and the proxy",
        )
    return None


def _proxy(error: BaseException, at: str) -> CellError | None:
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return CellError(FailureKind.CONNECTION, f"{at}: the proxy can't be reached", remedy=_PROXY_REMEDY)
    if not isinstance(error, aiohttp.ClientHttpProxyError):
        return None
    refused = f"{at}: the proxy refused the connection: {error.status} {error.message}"
    if error.status == 407:
        return PermanentError(FailureKind.CONNECTION, refused, remedy=PROXY_KEY_REMEDY)
    return CellError(FailureKind.CONNECTION, refused, remedy=_PROXY_REMEDY)


def _network(error: BaseException, at: str) -> CellError | None:
    for kinds, words in _NETWORK:
        if isinstance(error, kinds):
            return CellError(FailureKind.CONNECTION, f"{at}{words}")
    return None
