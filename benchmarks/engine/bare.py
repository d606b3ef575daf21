"""The bare loop: what the same requests cost with nothing around them. The floor that the engine is measured against.

    python -m benchmarks.engine.bare ROWS_FILE BASE_URL [--client openai|aiohttp] [--concurrency 64] [--rows N]

`openai` is `AsyncOpenAI` over its aiohttp transport, with as many connections as requests at once; `aiohttp` is the
transport alone, the answer parsed as JSON. Prints one JSON line: rows, answers that hold the word, seconds from the
first request to the last answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

WANTED = "Paris"


def main() -> None:
    """Run the loop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rows_file", type=Path)
    parser.add_argument("base_url")
    parser.add_argument("--client", choices=("openai", "aiohttp"), default="openai")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rows", type=int)
    given = parser.parse_args()
    loop = {"openai": with_openai, "aiohttp": with_aiohttp}[given.client]
    bodies = list(requests(given.rows_file))[: given.rows]
    print(json.dumps(asyncio.run(loop(bodies, given.base_url, given.concurrency))))


def requests(path: Path) -> Iterator[dict[str, Any]]:
    """The request for each row: the same as the suite's prompt renders."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            messages = [
                {"role": "system", "content": "You answer briefly."},
                {"role": "user", "content": json.loads(line)["question"]},
            ]
            yield {"model": "stand-in", "messages": messages, "temperature": 0}


async def with_openai(bodies: list[dict[str, Any]], base_url: str, concurrency: int) -> dict[str, Any]:
    """Through the client that everybody uses."""
    import httpx2
    from openai import AsyncOpenAI, DefaultAioHttpClient

    http = DefaultAioHttpClient(limits=httpx2.Limits(max_connections=concurrency))
    async with AsyncOpenAI(base_url=base_url, api_key="not-a-key", max_retries=0, http_client=http) as client:

        async def ask(body: dict[str, Any]) -> str:
            completion = await client.chat.completions.create(**body)
            return completion.choices[0].message.content or ""

        return await _work(bodies, ask, concurrency)


async def with_aiohttp(bodies: list[dict[str, Any]], base_url: str, concurrency: int) -> dict[str, Any]:
    """Through the transport alone."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(body: dict[str, Any]) -> str:
            async with session.post(f"{base_url}/chat/completions", json=body) as response:
                return str(json.loads(await response.read())["choices"][0]["message"]["content"])

        return await _work(bodies, ask, concurrency)


async def _work(
    bodies: list[dict[str, Any]], ask: Callable[[dict[str, Any]], Awaitable[str]], concurrency: int
) -> dict[str, Any]:
    left, held = iter(bodies), 0

    async def worker() -> None:
        nonlocal held
        for body in left:
            answer = await ask(body)
            held += WANTED in answer

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return {"rows": len(bodies), "held": held, "wall": time.perf_counter() - began}


if __name__ == "__main__":
    main()
