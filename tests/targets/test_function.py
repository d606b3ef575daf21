import asyncio
import os
import threading
import time

import pytest

from plimsoll.errors import CellError, FailureKind, UsageError
from plimsoll.targets.function import CallableTarget, FunctionTarget
from plimsoll.types import Case, Output, TargetInfo, Usage

INFO = TargetInfo(name="f", kind="function", digest="sha256:0")
TALK = ({"role": "system", "content": "s"}, {"role": "user", "content": "Hello"})

BEHAVIOURS = """
import asyncio, os, sys, threading, time
from plimsoll.types import Output, Usage
import words

CALLS = []

def answer(question, messages=None, do="text", **others):
    CALLS.append(question)
    return globals()["do_" + do](question, messages, others)

def do_text(question, messages, others): return words.reply(question)
def do_fields(question, messages, others): return {"question": question, "messages": messages, "others": sorted(others)}
def do_print(question, messages, others):
    print('{"id": 1, "result": "forged"}')
    os.write(1, b'{"id": 2, "result": "forged"}\\n')
    return "printed"
def do_change(question, messages, others):
    others["places"].append("changed")
    return str(len(others["places"]))
def do_several(question, messages, others): return {"answer": "x", "documents": ["d"]}
def do_output(question, messages, others): return Output(text="made", usage=Usage(requests=2), extra={"k": 1})
def do_pieces(question, messages, others): yield from ("Pa", "r", "is")
def do_none(question, messages, others): return None
def do_nan(question, messages, others): return {"score": float("nan")}
def do_object(question, messages, others): return object()
def do_huge(question, messages, others): return "é" * 5_000_000
def do_raise(question, messages, others): raise KeyError("city")
def do_exit(question, messages, others): sys.exit(0)
def do_interrupt(question, messages, others): raise KeyboardInterrupt
def do_timeout(question, messages, others): raise TimeoutError
def do_async(question, messages, others): return later(question)
def do_cancel(question, messages, others): return cancelled()
def do_stop(question, messages, others): raise StopIteration
def do_hang(question, messages, others): time.sleep(60)
def do_die(question, messages, others): os._exit(0)
def do_slow(question, messages, others): time.sleep(0.4); return "slow"

async def later(question):
    await asyncio.sleep(0)
    return "later"

async def cancelled(): raise asyncio.CancelledError

async def block(question): time.sleep(60)
async def stream(question):
    for piece in ("Pa", "ris"): yield piece
class Robot: pass
def by_position(question, /): return question
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "bot.py").write_text(BEHAVIOURS)
    (tmp_path / "words.py").write_text("def reply(question): return 'reply to ' + question")
    return tmp_path


def function_target(root, reference="bot.py:answer", **changes):
    settings = {
        "info": INFO,
        "reference": reference,
        "root": root,
        "inputs": {},
        "pick": None,
        "timeout": 20.0,
        "concurrency": 16,
        "environment": dict(os.environ),
        **changes,
    }
    return FunctionTarget(**settings)


def case(do="text", **inputs):
    return Case(id=do, inputs={"question": "q", "do": do, **inputs}, expected="secret", slices=("s",))


async def outcome(opened, each):
    try:
        return await opened.run(each)
    except CellError as error:
        return error


def ask(target, *cases):
    async def scenario():
        async with target.open() as opened:
            return await asyncio.gather(*(outcome(opened, each) for each in cases))

    return asyncio.run(scenario())


def refused(target):
    with pytest.raises(UsageError) as caught:
        ask(target)
    return caught.value


def test_a_function_of_a_suite_answers_in_every_form_and_fails_as_what_it_is(root):
    answered = {
        "text": ("reply to q", None),
        "print": ("printed", None),
        "async": ("later", None),
        "pieces": ("Paris", None),
        "several": ('{"answer": "x", "documents": ["d"]}', {"answer": "x", "documents": ["d"]}),
        "huge": ("é" * 5_000_000, None),
    }
    no_form = "the answer has no JSON form:"
    failed = {
        "none": (FailureKind.EMPTY, "the answer is empty"),
        "nan": (FailureKind.TARGET, f"{no_form} the answer.score is nan, which is not a number of JSON"),
        "object": (FailureKind.TARGET, f"{no_form} the answer is of type object, which has no JSON form"),
        "raise": (FailureKind.TARGET, "answer: KeyError: 'city'"),
        "exit": (FailureKind.TARGET, "answer: SystemExit: 0"),
        "interrupt": (FailureKind.TARGET, "KeyboardInterrupt: no message"),
        "timeout": (FailureKind.TIMEOUT, "answer: timed out"),
        "cancel": (FailureKind.TARGET, "the function was cancelled from within"),
        "stop": (FailureKind.TARGET, "answer: RuntimeError: coroutine raised StopIteration"),
    }  # fmt: skip
    cases = [case(do) for do in (*answered, *failed)]
    fields = Case(id="t", inputs={"do": "fields", "tone": "calm"}, expected="secret", slices=("s",), messages=TALK)
    change = case("change", places=["a"])
    *outcomes, said, made, first, second = ask(function_target(root), *cases, fields, case("output"), change, change)
    for do, found in zip([*answered, *failed], outcomes, strict=True):
        if do in answered:
            assert (found.text, found.value) == answered[do], do
            assert 0 <= found.latency < 5
        else:
            assert (found.kind, found.message) == failed[do], do
    assert said.value == {"question": "Hello", "messages": list(TALK), "others": ["tone"]}
    assert (made.text, made.usage, made.extra) == ("made", Usage(requests=2), {"k": 1})
    assert made.latency is not None
    assert (first.text, second.text, change.inputs["places"]) == ("2", "2", ["a"])


def test_cases_that_hang_or_end_the_process_fail_alone_and_sync_calls_do_not_wait_for_each_other(root):
    started = time.perf_counter()
    cases = [case("hang"), case("die"), *(case("slow") for _ in range(4))]
    hang, die, *others = ask(function_target(root, timeout=2.0), *cases)
    assert (hang.kind, hang.message) == (FailureKind.TIMEOUT, "no answer within 2 s")
    assert die.kind is FailureKind.WORKER
    assert "ended with exit code 0" in die.message
    assert [found.text for found in others] == ["slow"] * 4
    assert time.perf_counter() - started < 20


def test_an_async_function_that_blocks_its_loop_is_killed(root):
    (blocked,) = ask(function_target(root, "bot.py:block", timeout=0.5), Case(id="c", inputs={"question": "q"}))
    assert blocked.kind is FailureKind.TIMEOUT


def test_the_picked_output_is_the_answer_and_pieces_that_come_async_are_joined(root):
    (several,) = ask(function_target(root, pick="answer"), case("several"))
    assert (several.text, several.extra) == ("x", {"documents": ["d"]})
    (joined,) = ask(function_target(root, "bot:stream"), case())
    assert joined.text == "Paris"


@pytest.mark.parametrize(
    ("changes", "message", "remedy"),
    [
        ({"reference": "bot.py:anwser"}, "bot.py has no function 'anwser'", "did you mean 'answer'?"),
        ({"reference": "broken.py:x"}, "broken.py:1: can't be imported: ZeroDivisionError: division by zero", None),
        ({"reference": "bot.py:Robot"}, "Robot is a class, not a function", "name a function that makes and uses one"),
        (
            {"reference": "bot.py:by_position"},
            "by_position takes 'question' by position only, not by name",
            "remove the / from its parameters",
        ),
        (
            {"reference": "bot.py:block", "inputs": {"qestion": "q"}},
            "`inputs` names 'qestion', and block has no such parameter",
            "did you mean 'question'?",
        ),
        (
            {"reference": "ends.py:x"},
            "the target can't be loaded: the worker plimsoll.targets.function_worker ended with exit code 0",
            None,
        ),
    ],
)  # fmt: skip
def test_a_function_that_can_answer_no_case_is_refused_before_the_first(root, changes, message, remedy):
    (root / "broken.py").write_text("1 / 0")
    (root / "ends.py").write_text("import os\nprint('bye')\nos._exit(0)")
    error = refused(function_target(root, **changes))
    assert (error.message.partition("; its last words")[0], error.remedy) == (message, remedy)


def test_answers_are_reused_by_the_code_and_the_values_and_never_where_the_code_is_not_the_workspaces(root):
    async def scenario():
        async with function_target(root).open() as opened:
            generation = opened.generation(case())
            assert generation == {"target": "sha256:0", "values": {"question": "q", "do": "text"}}
        async with function_target(root, "textwrap:dedent", inputs={"text": "question"}).open() as opened:
            assert opened.generation(case()) is None
            assert (await opened.run(case())).text == "q"

    asyncio.run(scenario())


def call(function, each=None, **changes):
    (found,) = ask(CallableTarget(INFO, function, changes.pop("inputs", {}), **changes), each or case())
    return found


def test_a_function_object_is_called_in_our_own_process():
    assert call(lambda question: question.upper()).text == "Q"
    assert call(lambda q, size=3: q * size, inputs={"q": "question"}).text == "qqq"
    assert call(lambda question: Output(text="x", latency=9.0)).latency == 9.0

    async def slowly(question):
        await asyncio.sleep(0)
        return {"answer": question, "more": 1}

    assert call(slowly, pick="answer").extra == {"more": 1}

    class Bot:
        async def __call__(self, question):
            return "bot"

    assert call(Bot()).text == "bot"


def test_a_function_object_gets_a_copy_of_the_case():
    each = case(places=["a"])
    call(lambda places: str(places.append("b")), each)
    assert each.inputs["places"] == ["a"]


def test_missing_parameters_are_told_with_what_the_case_has():
    for function in (lambda city, question, country: "x", lambda city, country, **others: "x"):
        error = call(function)
        assert error.kind is FailureKind.MISSING_FIELD
        assert error.message == "the function needs city, country; the case has do, question"
    assert "expected" not in call(lambda **fields: ",".join(fields)).text


def test_a_function_object_that_hangs_is_given_up_and_holds_up_nothing():
    started = time.perf_counter()
    release = threading.Event()
    try:
        assert call(lambda: release.wait(60), timeout=0.2).kind is FailureKind.TIMEOUT

        async def forever():
            await asyncio.sleep(60)

        assert call(forever, timeout=0.2).kind is FailureKind.TIMEOUT
    finally:
        release.set()
    assert time.perf_counter() - started < 5


def test_a_function_objects_failures_are_its_own():
    def leave():
        raise SystemExit(0)

    async def cancel():
        raise asyncio.CancelledError

    assert call(leave).message == "leave: SystemExit: 0"
    assert call(cancel).message == "the function was cancelled from within"
    assert call(lambda: object).kind is FailureKind.TARGET
    assert call(lambda: iter([1])).kind is FailureKind.TARGET
    assert refused(CallableTarget(INFO, dict, {})).message == "dict is a class, not a function"


def test_cancelling_a_run_ends_it():
    async def scenario():
        started = asyncio.Event()

        async def forever():
            started.set()
            await asyncio.sleep(60)

        async with CallableTarget(INFO, forever, {}).open() as opened:
            task = asyncio.create_task(opened.run(case()))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(scenario())


def test_an_object_s_answers_are_never_reused():
    assert CallableTarget(INFO, len, {}).generation(case()) is None
