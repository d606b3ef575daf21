"""A model endpoint in a process of its own that writes down every request, and fails where its seed says so.

    python -m benchmarks.engine.endpoint LOG [--latency 0.2] [--faults 0.3] [--seed 3] [--retry-after 1]

What a request gets is a function of the seed, the row that it asks about, and how often that row was asked before:
the same faults each time, whoever asks and in whatever order, so that the work they make can be computed beforehand.
A fault is one of FAULTS, each as often. Prints its port, and ends when stdin is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

from benchmarks.common.processes import ROOT

ANSWER = "answer"
FAULTS = ("429", "500", "cut", "hang")
"""Too many requests, a server's failure, a connection cut in the middle of the body, an answer that never comes."""
_ROW = re.compile(rb"country number (\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_MESSAGE = {"role": "assistant", "content": "The answer is Paris."}
_BODY = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "stand-in",
        "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26},
    }
).encode()
_FAULT_BODY = b'{"error": {"message": "not now", "type": "fault"}}'


def fate(seed: int, share: float, row: int, attempt: int) -> str:
    """What the row's request gets, counted from 0: ANSWER or one of FAULTS."""
    draw = random.Random(f"{seed}:{row}:{attempt}")
    return draw.choice(FAULTS) if draw.random() < share else ANSWER


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of the log."""

    began: float
    """Seconds of the wall clock."""
    row: int
    what: str
    """ANSWER or a fault."""
    ended: float | None
    """When the last byte was sent; None where it never was."""


class Endpoint:
    """The process, seen from the benchmark. A context manager."""

    def __init__(self, log: Path, *, latency: float, faults: float = 0.0, seed: int = 0, retry_after: int = 0) -> None:
        self.log = log
        self._options = ["--latency", str(latency), "--faults", str(faults), "--seed", str(seed)]
        self._options += ["--retry-after", str(retry_after)]
        self._process: subprocess.Popen[str] | None = None
        self.base_url = ""

    def __enter__(self) -> Self:
        self.log.write_text("", encoding="ascii")
        command = [sys.executable, "-m", "benchmarks.engine.endpoint", str(self.log), *self._options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base_url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate()

    def asked(self) -> list[Asked]:
        """Every request so far, in the order they came."""
        began: list[tuple[float, int, str]] = []
        ended: dict[int, float] = {}
        for line in self.log.read_text(encoding="ascii").splitlines():
            kind, number, moment, *rest = line.split()
            if kind == "began":
                began.append((float(moment), int(rest[0]), rest[1]))
            else:
                ended[int(number)] = float(moment)
        return [Asked(moment, row, what, ended.get(number)) for number, (moment, row, what) in enumerate(began)]


@dataclass(slots=True)
class _Server:
    log: TextIO
    latency: float
    faults: float
    seed: int
    retry_after: int
    """Seconds, of a 429; 0 leaves the header out."""
    numbers: Iterator[int]
    before: Counter[int]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client may leave at any moment: when it was killed, or gave up waiting. Cancelled: the benchmark is over.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                what = await self._answer(body, writer)
                if what == "hang":
                    await reader.read()
                if what in ("hang", "cut"):
                    break
        writer.close()

    async def _answer(self, body: bytes, writer: asyncio.StreamWriter) -> str:
        """Answer one request, unless it is to hang; what it got."""
        found = _ROW.search(body)
        row = int(found[1]) if found else -1
        what = fate(self.seed, self.faults, row, self.before[row])
        self.before[row] += 1
        number = next(self.numbers)
        self._note("began", number, f"{row} {what}")
        if what == "hang":
            return what
        await asyncio.sleep(self.latency)
        writer.write(self._response(what))
        await writer.drain()
        self._note("ended", number)
        return what

    def _note(self, kind: str, number: int, rest: str = "") -> None:
        # To the file at once: whoever reads it after a kill must find what was asked before.
        self.log.write(f"{kind} {number} {time.time():.6f} {rest}\n")
        self.log.flush()

    def _response(self, what: str) -> bytes:
        if what in ("429", "500"):
            wait = f"retry-after: {self.retry_after}\r\n" if what == "429" and self.retry_after else ""
            head = f"HTTP/1.1 {what} Fault\r\n{wait}"
            body = _FAULT_BODY
        else:
            head, body = "HTTP/1.1 200 OK\r\n", _BODY
        whole = f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        return whole[: -len(body) // 2] if what == "cut" else whole


async def _serve(server: _Server) -> None:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    listening.close()


def main() -> None:
    """Serve until stdin is closed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--retry-after", type=int, default=0)
    given = parser.parse_args()
    with Path(given.log).open("a", encoding="ascii") as log:
        numbers = iter(range(sys.maxsize))
        asyncio.run(
            _serve(_Server(log, given.latency, given.faults, given.seed, given.retry_after, numbers, Counter()))
        )


if __name__ == "__main__":
    main()
