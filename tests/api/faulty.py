"""A server that stands before another one and makes it slow, deaf or dead: what a bad network does to a good server."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Faults:
    """What goes wrong, to be changed at any time."""

    delay: float = 0.0
    """Seconds before each request is passed on."""
    late: dict[str, float] = field(default_factory=dict)
    """End of a path → seconds that its answers are held back after the server has done what was asked; once each."""
    dead_after: int | None = None
    """Requests after which none is answered any more: the connection is closed."""
    trickle: bool = False
    """Answers come a byte a second."""
    asked: list[str] = field(default_factory=list)
    """Paths, in the order in which they were asked."""
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def dead(self) -> bool:
        return self.dead_after is not None and len(self.asked) > self.dead_after

    def held(self, path: str) -> float:
        end = next((end for end in self.late if path.endswith(end)), None)
        return 0.0 if end is None else self.late.pop(end)


@contextmanager
def faulty(address: str) -> Iterator[tuple[str, Faults]]:
    """Such a server before the one at `address`: its own address, and its faults."""
    faults, behind = Faults(), urlsplit(address).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def work(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            faults.asked.append(path)
            if faults.dead:
                self.close_connection = True
                return
            faults.closing.wait(faults.delay)
            # Either side may be gone by then.
            with suppress(OSError, http.client.HTTPException):
                status, headers, answer = self.passed_on(body)
                faults.closing.wait(faults.held(path))
                self.answer(status, headers, answer)

        def passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            with closing(http.client.HTTPConnection(behind, timeout=60)) as connection:
                connection.request(self.command, self.path, body, {**kept, "Accept-Encoding": "identity"})
                with connection.getresponse() as response:
                    return response.status, response.getheaders(), response.read()

        def answer(self, status: int, headers: list[tuple[str, str]], answer: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() == "content-type":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            if not faults.trickle:
                self.end_headers()
                self.wfile.write(answer)
                return
            self.end_headers()
            for byte in answer or b" ":
                if faults.closing.wait(1.0):
                    return
                self.wfile.write(bytes([byte]))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = work  # noqa: N815  # the base class's names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that went away is what such a server is for."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", faults
    finally:
        faults.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
