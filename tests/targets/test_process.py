import asyncio
import os
import signal
import sys

import pytest

from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.targets.process import TargetWorker

BOT = """
import os, subprocess, sys, time

def answer(number, killer):
    if number == killer:
        time.sleep(0.01)
        os._exit(0)
    time.sleep(0.03)
    return f"{number} from {os.getpid()}"

def spawn(number):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    return f"{os.getpid()} {child.pid}"
"""


def worker(root, name="answer", **changes):
    settings = {
        "module": "plimsoll.targets.function_worker",
        "setup": {"reference": f"bot.py:{name}", "root": str(root), "mapped": [], "pick": None},
        "environment": dict(os.environ),
        "folder": root,
        "timeout": 20.0,
        **changes,
    }
    return TargetWorker(**settings)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "bot.py").write_text(BOT)
    return tmp_path


async def outcome(running, values):
    try:
        return (await running.run({"values": values}))["text"]
    except CellError as error:
        return error


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def gone(*pids):
    """Whether they end within two seconds."""
    for _ in range(100):
        if not any(is_running(pid) for pid in pids):
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.long
def test_of_thirty_cases_with_a_killer_at_any_position_only_the_killer_fails_and_nothing_is_left(root):
    async def scenario():
        pids = set()
        async with worker(root) as running:
            for killer in (0, 13, 29):
                tasks = (outcome(running, {"number": number, "killer": killer}) for number in range(30))
                found = await asyncio.gather(*tasks)
                failed = [number for number, each in enumerate(found) if isinstance(each, CellError)]
                assert failed == [killer]
                assert found[killer].kind is FailureKind.WORKER
                answers = [each.split(" from ") for each in found if isinstance(each, str)]
                assert [int(number) for number, _ in answers] == [n for n in range(30) if n != killer]
                pids |= {int(pid) for _, pid in answers}
        assert await gone(*pids)

    asyncio.run(scenario())


@pytest.mark.skipif(sys.platform == "win32", reason="the ids of processes are looked up in POSIX's way")
def test_a_worker_that_is_killed_from_outside_is_started_again_and_takes_its_children_along(root):
    async def scenario():
        async with worker(root, "spawn") as running:
            first, child = map(int, (await outcome(running, {"number": 1})).split())
            os.kill(first, signal.SIGKILL)
            assert await gone(first, child)
            second, other = map(int, (await outcome(running, {"number": 2})).split())
            assert second != first
        assert await gone(second, other)

    asyncio.run(scenario())


def test_a_run_that_is_cancelled_leaves_no_process(root):
    async def scenario():
        pids: list[int] = []

        async def work():
            async with worker(root, "spawn") as running:
                pids.extend(map(int, (await outcome(running, {"number": 1})).split()))
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        while len(pids) < 2:
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await gone(*pids)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"module": "plimsoll.targets.no_such_worker"}, "the target's worker can't be started: the worker"),
        ({"ready_timeout": 0.01}, "the target's worker can't be started: the worker plimsoll.targets"),
    ],
)  # fmt: skip
def test_a_worker_that_can_not_be_started_is_a_usage_error(root, changes, message):
    async def scenario():
        async with worker(root, **changes):
            pytest.fail("it was opened")

    with pytest.raises(UsageError) as caught:
        asyncio.run(scenario())
    assert caught.value.message.startswith(message)


def test_a_set_up_that_fails_later_is_told_to_every_case_with_its_remedy(root):
    async def scenario():
        async with worker(root, "anwser", start=False) as running:
            for _ in range(2):
                with pytest.raises(UsageError) as caught:
                    await running.run({"values": {}})
                assert caught.value.remedy == "did you mean 'answer'?"

    asyncio.run(scenario())
