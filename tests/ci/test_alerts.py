"""What is posted of a night: once more where the server failed, and never a word of the address."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.ci.simulated import month

from plimsoll.ci.alerts import post, slack_message
from plimsoll.ci.moves import Rules, look
from plimsoll.ci.night_report import SuiteNight
from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.models.network import HttpSessionSettings

DIRECT = HttpSessionSettings(proxies={})


@contextmanager
def hook(*statuses: int) -> Iterator[tuple[str, list[Any]]]:
    """A webhook that answers with these statuses in turn, the last one from then on."""
    received: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(statuses[min(len(received), len(statuses)) - 1])
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/services/s3cret", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_message_is_posted_once_more_where_the_server_failed() -> None:
    nights = month(3, 21, drift=20, drop=0.2, steady=True)
    message = slack_message([SuiteNight("desk", nights[-1], look(nights, Rules()))])
    with hook(500, 200) as (address, received):
        post(address, message, DIRECT)

    assert received == [message, message]
    assert set(message) == {"text", "blocks"}


@pytest.mark.parametrize("status", [302, 403, 500])
def test_a_message_that_is_not_taken_is_told_without_the_address(status: int) -> None:
    with hook(status) as (address, _), pytest.raises(InfrastructureError) as raised:
        post(address, {"text": "x"}, DIRECT)

    assert "s3cret" not in str(raised.value)
    assert f"it answered {status}" in raised.value.message


@pytest.mark.parametrize(
    "address",
    ["http://[::1/s3cret", "http://exa\u00e4mple..x/s3cret", f"http://{'a' * 300}/s3cret", "s3cret", "ftp://x/s3cret"],
)
def test_what_is_no_address_is_told_without_it(address: str) -> None:
    with pytest.raises(UsageError, match="no http address") as raised:
        post(address, {"text": "x"}, DIRECT)

    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


def test_a_webhook_that_is_not_there_is_told_without_the_address() -> None:
    with hook(200) as (address, _):
        gone = address
    with pytest.raises(InfrastructureError) as raised:
        post(gone, {"text": "x"}, DIRECT)

    assert "s3cret" not in str(raised.value)
