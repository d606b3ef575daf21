"""A parent to be killed: starts a worker and a grandchild, prints both ids, then waits."""

# ruff: noqa: T201  # it tells the test by printing

import asyncio
import sys

from plimsoll.workers import WorkerProcess


async def main():
    worker = await WorkerProcess.start("sample_worker")
    grandchild = await worker.call("grandchild")
    call = asyncio.create_task(worker.call("block"))
    await asyncio.sleep(0.2)
    print(worker.pid, grandchild, flush=True)
    await call


asyncio.run(main())
sys.exit(1)
