"""A worker that does what plug-ins do: prints, raises, blocks, dies, starts processes."""

# ruff: noqa: T201  # printing is what this worker is about

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from plimsoll.workers import WorkerCallError
from plimsoll.workers.child import serve


async def echo(params):
    return params


async def nap(params):
    await asyncio.sleep(params["seconds"])
    return params["name"]


async def block(params):
    time.sleep(60)


async def fail(params):
    raise ValueError("no such thing")


async def leave(params):
    sys.exit(0)


async def cancel(params):
    raise asyncio.CancelledError


async def chosen(params):
    raise WorkerCallError("rate_limit", "slow down", data={"retry_after": 2})


async def no_json(params):
    return object()


async def chatter(params):
    print("hello on stdout")
    os.write(1, b"native code on stdout\n")
    subprocess.run([sys.executable, "-c", "print('a child on stdout')"], check=True)
    return sys.stdin.read()


async def shout(params):
    for number in range(params["lines"]):
        print(f"line {number}", "x" * 100, file=sys.stderr)


async def die(params):
    print("about to go", file=sys.stderr)
    os._exit(params["code"])


async def close_answers(params):
    os.closerange(3, 50)


async def grandchild(params):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    return child.pid


async def about(params):
    return {"pid": os.getpid(), "cwd": str(Path.cwd()), "args": sys.argv[1:], "env": dict(os.environ)}


def prepare():
    match sys.argv[1:]:
        case ["crash"]:
            print("the model file is broken", file=sys.stderr)
            raise SystemExit(7)
        case ["sleep"]:
            print("still loading")
            time.sleep(60)
        case _:
            print("printed while preparing")


HANDLERS = {
    function.__name__: function
    for function in (
        echo, nap, block, fail, leave, cancel, chosen, no_json, chatter, shout, die, close_answers, grandchild, about
    )
}  # fmt: skip

if __name__ == "__main__":
    print("printed before serving, without a line's end", end="")
    serve(HANDLERS, prepare=prepare)
