import asyncio
import os
import signal
import subprocess

import pytest
from tests.workers.test_workers import ENV, gone

from plimsoll.workers import BackgroundWorker, WorkerCallError, WorkerDiedError, WorkerTimeoutError


def background(*, env=ENV, module="sample_worker"):
    return BackgroundWorker(module, env=env)


def test_calls_are_answered_while_the_caller_does_something_else():
    with background() as worker:
        answers = [worker.submit("echo", number) for number in range(10)]
        assert [answer.result() for answer in answers] == list(range(10))


def test_it_works_inside_a_running_event_loop():
    async def scenario():
        with background() as worker:
            return worker.submit("echo", 1).result()

    assert asyncio.run(scenario()) == 1


def test_nothing_is_left_when_the_block_ends_in_the_middle_of_a_call():
    with background() as worker:
        pid = worker.submit("about").result()["pid"]
        worker.submit("block")
    assert gone(pid, within=0.5)


def test_a_block_that_ends_at_once_leaves_nothing():
    before = children()
    with background():
        pass
    assert children() == before


def children():
    words = ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[0] for line in told if "sample_worker" in line}


def test_what_goes_wrong_is_the_calls_error():
    with background() as worker:
        with pytest.raises(WorkerCallError, match="ValueError: no such thing"):
            worker.submit("fail").result()
        with pytest.raises(WorkerTimeoutError, match=r"did not answer nap in 0\.05 s"):
            worker.submit("nap", {"name": 1, "seconds": 5}, timeout=0.05).result()
        pid = worker.submit("about").result()["pid"]
        answer = worker.submit("nap", {"name": 1, "seconds": 60})
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerDiedError):
            answer.result()


def test_a_worker_that_can_not_start_fails_every_call_and_the_end_is_clean():
    with background(module="no_such_module") as worker:
        for _ in range(2):
            with pytest.raises(WorkerDiedError, match="No module named no_such_module"):
                worker.submit("echo").result()
