import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from plimsoll.workers import WorkerCallError, WorkerDiedError, WorkerProcess, WorkerTimeoutError

HERE = Path(__file__).parent
ENV = {**os.environ, "PYTHONPATH": str(HERE)}


def start(*args, **options):
    return WorkerProcess.start("sample_worker", args=args, env=options.pop("env", ENV), **options)


@asynccontextmanager
async def worker(*args, **options):
    async with await start(*args, **options) as process:
        yield process


def running(pid):
    """Whether a process runs; a zombie that nobody reaps does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def gone(*pids, within=10.0):
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not any(running(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def test_a_call_gives_back_what_the_handler_returned():
    async def scenario():
        async with worker() as process:
            assert process.alive
            assert await process.call("echo", {"a": [1, None, "é\n\udc80"]}) == {"a": [1, None, "é\n\udc80"]}
        assert not process.alive

    asyncio.run(scenario())


def test_many_calls_are_in_flight_and_each_gets_its_own_answer():
    async def scenario():
        async with worker() as process:
            calls = [process.call("nap", {"name": n, "seconds": 0.2 - n / 1000}) for n in range(100)]
            began = time.monotonic()
            assert await asyncio.gather(*calls) == list(range(100))
            assert time.monotonic() - began < 5

    asyncio.run(scenario())


def test_messages_of_several_megabytes_pass_both_ways():
    async def scenario():
        text = "0123456789é" * 700_000
        async with worker() as process:
            assert await process.call("echo", text) == text

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "kind", "message"),
    [
        ("fail", "ValueError", "no such thing"),
        ("leave", "SystemExit", "0"),
        ("cancel", "CancelledError", "no message"),
        ("no_json", "TypeError", "Object of type object is not JSON serializable"),
    ],
)
def test_what_a_handler_raises_is_the_calls_error_and_the_worker_goes_on(method, kind, message):
    async def scenario():
        async with worker() as process:
            with pytest.raises(WorkerCallError) as caught:
                await process.call(method)
            assert (caught.value.kind, caught.value.message) == (kind, message)
            assert "sample_worker.py" in caught.value.traceback or method == "no_json"
            assert await process.call("echo", 1) == 1

    asyncio.run(scenario())


def test_a_handler_chooses_the_kind_and_data_of_its_error():
    async def scenario():
        async with worker() as process:
            with pytest.raises(WorkerCallError, match="rate_limit: slow down") as caught:
                await process.call("chosen")
            assert caught.value.data == {"retry_after": 2}

    asyncio.run(scenario())


def test_an_unknown_method_is_told_with_those_there_are():
    async def scenario():
        async with worker() as process:
            with pytest.raises(WorkerCallError, match="no method 'ecko'; it has echo, nap"):
                await process.call("ecko")

    asyncio.run(scenario())


def test_params_without_a_json_form_are_refused_before_sending():
    async def scenario():
        async with worker() as process:
            with pytest.raises(TypeError, match="not JSON serializable"):
                await process.call("echo", object())
            assert await process.call("echo", 2) == 2

    asyncio.run(scenario())


def test_what_plug_ins_print_goes_to_stderr_and_their_stdin_is_empty():
    async def scenario():
        async with worker() as process:
            assert await process.call("chatter") == ""
            await process.call("echo")
        assert "printed before serving" in process.stderr
        for said in ("printed while preparing", "hello on stdout", "native code on stdout", "a child on stdout"):
            assert said in process.stderr

    asyncio.run(scenario())


def test_stderr_is_always_read_and_only_its_end_kept():
    async def scenario():
        async with worker() as process:
            await process.call("shout", {"lines": 20_000}, timeout=30)
        assert process.stderr.splitlines()[-1].startswith("line 19999 ")
        assert len(process.stderr.splitlines()) == 40

    asyncio.run(scenario())


def test_a_worker_that_dies_fails_every_call_in_flight_with_its_last_words():
    async def scenario():
        async with worker() as process:
            waiting = [asyncio.create_task(process.call("nap", {"name": n, "seconds": 60})) for n in range(3)]
            await process.call("echo")
            with pytest.raises(WorkerDiedError) as caught:
                await process.call("die", {"code": 5})
            assert caught.value.exit_code == 5
            assert caught.value.stderr.endswith("about to go")
            assert str(caught.value).startswith("the worker sample_worker ended with exit code 5; its last words:\n")
            others = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(other, WorkerDiedError) for other in others)
            assert not process.alive
            with pytest.raises(WorkerDiedError):
                await process.call("echo")

    asyncio.run(scenario())


def test_a_death_with_exit_code_0_is_still_a_death():
    async def scenario():
        async with worker() as process:
            with pytest.raises(WorkerDiedError, match="ended with exit code 0") as caught:
                await process.call("die", {"code": 0})
            assert caught.value.exit_code == 0

    asyncio.run(scenario())


def test_a_worker_that_can_answer_no_more_counts_as_dead():
    async def scenario():
        async with worker() as process:
            with pytest.raises(WorkerDiedError):
                await process.call("close_answers", timeout=10)
        assert gone(process.pid)

    asyncio.run(scenario())


def test_kill_ends_a_blocked_worker_and_its_calls():
    async def scenario():
        async with worker() as process:
            call = asyncio.create_task(process.call("block"))
            await asyncio.sleep(0.1)
            began = time.monotonic()
            await process.kill()
            assert time.monotonic() - began < 1.5
            with pytest.raises(WorkerDiedError, match="was killed by signal 9"):
                await call
        assert gone(process.pid)

    asyncio.run(scenario())


def test_stop_ends_a_blocked_worker_and_what_it_started():
    async def scenario():
        async with worker() as process:
            grandchild = await process.call("grandchild")
            call = asyncio.create_task(process.call("block"))
            await asyncio.sleep(0.1)
        with pytest.raises(WorkerDiedError):
            await call
        assert gone(process.pid, grandchild)

    asyncio.run(scenario())


def test_a_call_times_out_and_its_late_answer_is_dropped():
    async def scenario():
        async with worker() as process:
            with pytest.raises(WorkerTimeoutError, match=r"did not answer nap in 0\.05 s"):
                await process.call("nap", {"name": "late", "seconds": 0.2}, timeout=0.05)
            await asyncio.sleep(0.3)
            assert await process.call("echo", "well") == "well"

    asyncio.run(scenario())


def test_a_cancelled_call_does_not_disturb_the_others():
    async def scenario():
        async with worker() as process:
            cancelled = asyncio.create_task(process.call("nap", {"name": 1, "seconds": 0.3}))
            other = asyncio.create_task(process.call("nap", {"name": 2, "seconds": 0.3}))
            await asyncio.sleep(0.05)
            cancelled.cancel()
            assert await other == 2
            with pytest.raises(asyncio.CancelledError):
                await cancelled

    asyncio.run(scenario())


def test_cancelling_the_block_still_ends_the_worker():
    pids = []

    async def hold():
        async with worker() as process:
            pids.append(process.pid)
            await asyncio.sleep(60)

    async def scenario():
        task = asyncio.create_task(hold())
        while not pids:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert gone(*pids)


def test_a_worker_that_ends_before_it_serves_says_why():
    async def scenario():
        with pytest.raises(WorkerDiedError, match="the model file is broken") as caught:
            await start("crash")
        assert caught.value.exit_code == 7

    asyncio.run(scenario())


def test_a_module_that_does_not_exist_says_so():
    async def scenario():
        with pytest.raises(WorkerDiedError, match="No module named no_such_worker"):
            await WorkerProcess.start("no_such_worker")

    asyncio.run(scenario())


def test_a_worker_that_is_not_ready_in_time_is_killed():
    async def scenario():
        with pytest.raises(WorkerTimeoutError, match=r"not ready after 2 s; its last words:(.|\n)*still loading"):
            await start("sleep", ready_timeout=2)

    asyncio.run(scenario())


def test_arguments_environment_and_folder_reach_the_worker(tmp_path):
    async def scenario():
        (tmp_path / "json.py").write_text("raise RuntimeError('a file of the folder was taken for json')")
        env = {"PYTHONPATH": str(HERE), "PATH": os.environ["PATH"], "ONLY": "this"}
        async with worker("one", "two", env=env, cwd=tmp_path) as process:
            about = await process.call("about")
        assert about["args"] == ["one", "two"]
        assert about["cwd"] == str(tmp_path.resolve())
        assert about["env"]["ONLY"] == "this"
        assert "HOME" not in about["env"]
        assert about["pid"] == process.pid

    asyncio.run(scenario())


@pytest.mark.skipif(os.name != "posix", reason="sessions are POSIX")
def test_a_worker_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it():
    async def scenario():
        async with worker() as process:
            assert os.getsid(process.pid) == process.pid == os.getpgid(process.pid)

    asyncio.run(scenario())


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_orphan_when_the_parent_is_killed_even_if_the_worker_is_blocked(how):
    parent = subprocess.Popen([sys.executable, HERE / "sample_parent.py"], env=ENV, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        worker_pid, grandchild = map(int, parent.stdout.readline().split())
        assert running(worker_pid)
        assert running(grandchild)
        parent.send_signal(how)
    assert gone(worker_pid, grandchild)


def test_nothing_is_left_open_when_the_loop_ends():
    async def scenario():
        async with worker() as process:
            await process.call("echo")

    # Warnings are errors: a transport that is not closed would warn here.
    asyncio.run(scenario())
    gc.collect()
