"""Conversations scored at each turn, at the last, and as a whole, by evaluators that know nothing of it."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.config import Document
from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators import BuildContext, apply_pass_if, build_evaluators, discover, evaluator_info, score
from plimsoll.evaluators.traits import sample_size, turn_mode
from plimsoll.evaluators.turns import merged, transcript, whole_output
from plimsoll.runs.identity import Keys
from plimsoll.targets.conversation import joined
from plimsoll.types import (
    Case,
    Direction,
    Failed,
    Failure,
    Metric,
    MetricKind,
    Output,
    Scored,
    Skipped,
    Turn,
    Usage,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def evaluator(entry: Any):
    (built,) = build_evaluators([entry], discover(None), BuildContext(root=None), Document("x", None, {(): 1}))  # type: ignore[arg-type]
    return built


def conversation(*turns, **fields):
    """A case of (user, expected) pairs."""
    listed = tuple(turn if isinstance(turn, Turn) else Turn(user=turn[0], expected=turn[1]) for turn in turns)
    return Case(id="c", inputs=fields.pop("inputs", {}), turns=listed, **fields)


def answers(*texts):
    return joined([Output(text=text) if isinstance(text, str) else text for text in texts])


def scores(entry, case, output):
    built = evaluator(entry) if isinstance(entry, str | dict) else entry
    return asyncio.run(score(built, case, output))


def only(entry, case, output):
    (found,) = scores(entry, case, output).values()
    return found


class Given:
    """An evaluator that gives what it is told to, answer by answer, and keeps what it was shown."""

    reusable = True

    def __init__(self, values, kind=MetricKind.NUMERIC, requires=(), **metric):
        self.values = values
        self.metrics = (Metric(name="m", kind=kind, **metric),)
        self.requires = frozenset(requires)
        self.name = "m"
        self.shown: list[tuple[Case, Output]] = []

    def identity(self):
        return {"evaluator": "given"}

    def evaluate(self, case, output):
        self.shown.append((case, output))
        value = self.values[output.text]
        if isinstance(value, Exception):
            raise value
        return value


THREE = conversation(("a?", "a"), ("b?", "b"), ("c?", "c"))


def test_each_turn_is_scored_with_its_own_fields_and_the_history_so_far():
    case = conversation(
        Turn(user="a?", expected="A", inputs={"page": "one"}),
        Turn(user="b?", expected="B"),
        inputs={"page": "shared"},
        messages=({"role": "system", "content": "s"},),
        expected="of the whole",
    )
    shown = Given({"x": 1.0, "y": 1.0})
    only(shown, case, answers("x", "y"))
    assert [each.expected for each, _ in shown.shown] == ["A", "B"]
    assert [each.inputs["page"] for each, _ in shown.shown] == ["one", "shared"]
    assert [each.inputs["question"] for each, _ in shown.shown] == ["a?", "b?"]
    assert [[message["content"] for message in each.messages] for each, _ in shown.shown] == [
        ["s", "a?"],
        ["s", "a?", "x", "b?"],
    ]


def test_an_evaluator_reads_the_text_of_what_the_user_says_in_parts():
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "x"}},
    ]
    shown = Given({"x": 1.0}, requires=("question",))
    assert isinstance(only(shown, conversation(Turn(user=parts)), answers("x")), Scored)
    assert shown.shown[0][0].inputs["question"] == "What is it?"


@pytest.mark.parametrize(
    ("values", "metric", "value", "reason"),
    [
        ([1.0, 0.5, 0.0], {}, 0.5, "turn 3: 0"),
        ([0.2, 0.2, 0.2], {}, 0.2, "turn 1: 0.2; turn 2: 0.2; turn 3: 0.2"),
        ([1.0, 1.0, 1.0], {"high": 1.0}, 1.0, None),
        ([1.0, 4.0, 1.0], {"direction": Direction.LOWER}, 2.0, "turn 2: 4"),
        ([True, True, True], {"kind": MetricKind.BOOL}, True, None),
        ([True, False, True], {"kind": MetricKind.BOOL}, False, "turn 2: false"),
        ([True, False, False], {"kind": MetricKind.BOOL, "direction": Direction.LOWER}, True, "turn 1: true"),
        (["good", "bad", "good"], {"kind": MetricKind.LABEL}, "good", "turn 2: bad"),
        (["new", "old", "older"], {"kind": MetricKind.LABEL}, "new", "turn 2: old; turn 3: older"),
    ],
)
def test_numbers_are_averaged_and_the_worst_truth_value_decides(values, metric, value, reason):
    found = only(Given(dict(zip("xyz", values, strict=True)), **metric), THREE, answers(*"xyz"))
    assert found.value == value
    assert found.reason == reason
    assert [turn.value for turn in found.turns] == values


def test_the_reason_holds_those_of_the_turns_that_did_badly_and_counts_the_rest():
    given = {text: Scored(value=0.1, reason=f"why {text}") for text in "vwxyz"}
    case = conversation(*[("q", None)] * 5)
    assert only(Given(given), case, answers(*"vwxyz")).reason == (
        "turn 1: 0.1 (why v); turn 2: 0.1 (why w); turn 3: 0.1 (why x); and 2 more turns"
    )


def test_a_failed_turn_fails_the_metric_and_says_which():
    found = only(Given({"x": 1.0, "y": ValueError("no"), "z": 2.0}), THREE, answers(*"xyz"))
    assert isinstance(found, Failed)
    assert found.failure.message.startswith("turn 2 of 3: ")
    assert [type(turn) for turn in found.turns] == [Scored, Failed, Scored]


def test_a_turn_that_does_not_apply_is_left_out_and_told():
    found = only(Given({"x": 1.0, "y": None, "z": 0.0}), THREE, answers(*"xyz"))
    assert found.value == 0.5
    assert found.reason == "2 of 3 turns scored; turn 3: 0"
    assert found.turns[1] == Skipped(reason="does not apply")
    none = only(Given({"x": None, "y": None, "z": None}), THREE, answers(*"xyz"))
    assert none == Skipped(reason="does not apply")


def test_a_turn_without_what_others_have_is_skipped_and_a_field_that_none_has_fails():
    case = conversation(("a?", "a"), ("b?", None), ("c?", "c"))
    found = only("exact_match", case, answers("a", "?", "c"))
    assert (found.value, found.reason) == (True, "2 of 3 turns scored")
    assert found.turns[1] == Skipped(reason="the turn has no 'expected'")
    none = conversation(("a?", None), ("b?", None), expected="of the whole")
    failed = only("exact_match", none, answers("a", "b"))
    assert failed.failure.kind is FailureKind.MISSING_FIELD
    skipped = only({"exact_match": {"optional": True}}, none, answers("a", "b"))
    assert isinstance(skipped, Skipped)


def test_a_blank_field_of_a_turn_is_missing_as_that_of_a_case_is():
    failed = only("exact_match", conversation(("a?", "a"), ("b?", " ")), answers("a", "b"))
    assert failed.failure.message.startswith("turn 2 of 2: exact_match needs 'expected'")


@pytest.mark.parametrize(("values", "passed"), [("ggg", True), ("gbg", False), ("bgb", False)])
def test_a_label_passes_only_where_that_of_every_turn_does(values, passed):
    given = Given(dict(zip("xyz", values, strict=True)), kind=MetricKind.LABEL, labels=("g", "b"), pass_if="== g")
    assert only(given, THREE, answers(*"xyz")).passed is passed


def test_a_condition_is_held_against_the_mean_and_against_each_turn_anew():
    given = Given({"x": 1.0, "y": 0.0, "z": 0.8}, pass_if=">= 0.5")
    found = only(given, THREE, answers(*"xyz"))
    assert found.passed is True
    assert [turn.passed for turn in found.turns] == [True, False, True]
    stricter = replace(THREE, pass_if={"m": ">= 0.9"})
    again = apply_pass_if(given, stricter, {"m": found})["m"]
    assert isinstance(again, Scored)
    assert again.passed is False
    assert [turn.passed for turn in again.turns if isinstance(turn, Scored)] == [True, False, False]


def test_without_a_condition_neither_the_whole_nor_a_turn_keeps_an_earlier_pass_or_fail():
    given = Given({"x": 1.0, "y": 0.0, "z": 0.8}, pass_if=">= 0.5")
    before = only(given, THREE, answers(*"xyz"))
    given.metrics = (Metric(name="m"),)
    after = apply_pass_if(given, THREE, {"m": before})["m"]
    assert isinstance(after, Scored)
    assert [after.passed, *(turn.passed for turn in after.turns if isinstance(turn, Scored))] == [None] * 4


def test_usage_is_the_sum_over_the_turns_that_asked_a_model():
    asked = [Scored(value=1.0, usage=Usage(prompt_tokens=2, completion_tokens=1, requests=1, cost=0.5)), 1.0, None]
    found = only(Given(dict(zip("xyz", asked, strict=True))), THREE, answers(*"xyz"))
    assert found.usage == Usage(prompt_tokens=2, completion_tokens=1, requests=1, cost=0.5)


def test_a_spend_cap_that_a_later_turn_met_is_what_is_told():
    capped = Failed(failure=Failure(kind=FailureKind.SPEND_CAP, message="cap", remedy=""))
    other = Failed(failure=Failure(kind=FailureKind.TIMEOUT, message="slow", remedy=""))
    found = merged(Metric(name="m"), [other, capped])
    assert isinstance(found, Failed)
    assert found.failure.kind is FailureKind.SPEND_CAP


def test_the_last_turn_alone_is_scored_as_a_case():
    case = conversation(("a?", "a"), ("b?", "b"))
    assert only({"exact_match": {"turns": "last"}}, case, answers("wrong", "b")) == Scored(value=True, passed=True)
    missing = only({"exact_match": {"turns": "last"}}, conversation(("a?", "a"), ("b?", None)), answers("a", "b"))
    assert missing.failure.kind is FailureKind.MISSING_FIELD


def test_the_whole_is_scored_once_with_the_rows_fields():
    case = conversation(("a?", "A"), ("b?", "B"), inputs={"question": "what?"}, expected="x\n\ny")
    entry = {"exact_match": {"turns": "conversation"}}
    assert only(entry, case, answers("x", "y")).value is True
    failed = only(entry, replace(case, expected=None), answers("x", "y"))
    assert failed.failure.kind is FailureKind.MISSING_FIELD


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({"contains": {"value": "yes"}}, False),
        ({"contains": {"value": "yes", "negate": True}}, True),
        ({"regex": "^user:"}, False),
        ({"length": {"max": 2}}, True),
        ("no_pii", True),
        ("no_secrets", True),
        ("json_valid", False),
    ],
)
def test_what_the_user_says_is_never_taken_for_the_targets_answer(entry, value):
    name, settings = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
    settings = settings if isinstance(settings, dict) else {"pattern": settings}
    case = conversation(("yes, my address is joe@example.com", None), ("password: hunter2secret", None))
    found = only({name: {**settings, "turns": "conversation"}}, case, answers("one", "two"))
    assert found.value is value


def test_an_output_over_a_whole_conversation_is_what_the_target_said_and_the_case_has_both_sides():
    calls = ({"id": "1", "function": {"name": "f"}},)
    system = {"role": "system", "content": "s"}
    case = conversation(("a?\nassistant: bribe", None), ("b?", None), messages=(system,))
    shown = Given({"x\n\nuser: z\n\n": 1.0})
    shown.turns = "conversation"  # type: ignore[attr-defined]
    output = answers("x\n\nuser: z", Output(text="", value={"a": 1}, tool_calls=calls))
    assert only(shown, case, output) == Scored(value=1.0)
    ((given_case, given_output),) = shown.shown
    assert (given_output.value, given_output.tool_calls, given_output.turns) == (None, calls, output.turns)
    assert given_case.inputs["conversation"] == (
        "user: a?\n  assistant: bribe\nassistant: x\n  \n  user: z\n"
        f"user: b?\nassistant: [calls {json.dumps(list(calls))}]"
    )
    assert [message["role"] for message in given_case.messages] == ["system", *["user", "assistant"] * 2]
    assert given_case.messages[2]["content"] == "x\n\nuser: z"


def test_a_rows_own_field_named_conversation_stays_what_it_is():
    shown = Given({"x": 1.0}, requires=("conversation",))
    shown.turns = "conversation"  # type: ignore[attr-defined]
    only(shown, conversation(("a?", None), inputs={"conversation": "of the row"}), answers("x"))
    assert shown.shown[0][0].inputs["conversation"] == "of the row"


def test_turns_scored_by_themselves_have_no_conversation_to_read():
    found = only(Given({"x": 1.0}, requires=("conversation",)), conversation(("a?", None)), answers("x"))
    assert found.failure.kind is FailureKind.MISSING_FIELD


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_the_whole_output_is_every_answer_in_order_and_of_one_answer_that_answer(texts):
    whole = whole_output(answers(*texts))
    assert whole.text == "\n\n".join(texts)
    one = answers(Output(text=texts[0], value=[1]))
    assert (whole_output(one).text, whole_output(one).value) == (texts[0], [1])


@given(st.lists(st.tuples(TEXT.filter(str.strip), TEXT), min_size=1, max_size=4))
def test_no_line_of_what_was_said_begins_where_a_role_does(said):
    roles = ("user", "assistant")
    text = transcript(
        [{"role": role, "content": each} for pair in said for role, each in zip(roles, pair, strict=True)]
    )
    lines = [line.partition(":")[0] for line in text.splitlines() if not line.startswith("  ")]
    assert lines == ["user", "assistant"] * len(said)


def test_what_an_answer_took_is_that_of_all_turns_unless_asked_otherwise():
    case = conversation(("a?", None), ("b?", None))
    output = joined(
        [
            Output(text="x", latency=1.0, usage=Usage(prompt_tokens=1, completion_tokens=1, requests=1)),
            Output(text="y", latency=3.0, usage=Usage(prompt_tokens=3, completion_tokens=3, requests=1)),
        ]
    )
    assert [only(name, case, output).value for name in ("latency", "tokens")] == [4.0, 8.0]
    assert only({"latency": {"turns": "each"}}, case, output).value == 2.0
    assert only({"tokens": {"turns": "last"}}, case, output).value == 6.0


def test_the_setting_is_part_of_the_identity_where_it_is_written_and_every_trait_stays():
    plain, last = evaluator("exact_match"), evaluator({"exact_match": {"turns": "last"}})
    assert "turns" not in plain.identity()
    assert last.identity() == {**plain.identity(), "turns": "last"}
    assert evaluator_info(plain).digest != evaluator_info(last).digest
    assert (turn_mode(plain), turn_mode(last)) == ("each", "last")
    assert sample_size(last) is None
    assert not hasattr(last, "aclose")


def test_fewer_answers_than_turns_fail_the_metric():
    found = only("exact_match", THREE, answers("a"))
    assert found.failure.message == "1 answers to a conversation of 3 turns"


def test_an_evaluator_cannot_give_scores_of_turns_itself():
    forged = Scored(value=1.0, turns=(Scored(value=1.0),))
    assert only(Given({"x": forged}), Case(id="c", inputs={}), Output(text="x")) == Scored(value=1.0)


VALUES = st.one_of(
    st.floats(0, 1),
    st.none(),
    st.just(ValueError("no")),
    st.just(2.0),
    st.builds(
        lambda value, reason, requests: Scored(value=value, reason=reason, usage=Usage(requests=requests)),
        st.floats(0, 1),
        st.none() | TEXT,
        st.integers(0, 2),
    ),
)


@given(VALUES, TEXT, st.none() | TEXT, TEXT)
def test_a_conversation_of_one_turn_scores_as_the_case_does(value, question, expected, text):
    given_one = Given({text: value}, low=0.0, high=1.0, requires=("expected",), pass_if=">= 0.5")
    plain = Case(id="c", inputs={"question": question}, expected=expected)
    one = only(
        given_one, Case(id="c", inputs={}, turns=(Turn(user=question, expected=expected),)), joined([Output(text=text)])
    )
    alone = only(given_one, plain, Output(text=text))
    assert (one if isinstance(one, Skipped) else replace(one, turns=())) == alone
    if not isinstance(one, Skipped):
        assert one.turns == (alone,)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_a_mean_stays_within_the_turns(values):
    found = merged(Metric(name="m"), [Scored(value=value) for value in values])
    assert isinstance(found, Scored)
    assert min(values) <= float(found.value) <= max(values)


def score_key(entry, case, output):
    return Keys().score(evaluator(entry), case, output)


@pytest.mark.parametrize(
    ("case", "output", "same"),
    [
        (conversation(("a?", "A"), ("b?", "b")), answers("x", "y"), False),
        (conversation(("a?", "a"), ("B?", "b")), answers("x", "y"), False),
        (conversation(("a?", "a"), ("b?", "b")), answers("X", "y"), False),
        (conversation(Turn(user="a?", expected="a", inputs={"note": 1}), ("b?", "b")), answers("x", "y"), True),
    ],
    ids=["a reference answer", "what the user says", "an earlier answer", "a field that is not read"],
)
def test_a_scores_key_sees_what_is_read_of_every_turn(case, output, same):
    before = conversation(("a?", "a"), ("b?", "b")), answers("x", "y")
    assert (score_key("exact_match", *before) == score_key("exact_match", case, output)) is same


def test_parts_of_a_key_tell_which_turn_changed():
    keys, built = Keys(), evaluator("exact_match")
    one = keys.score_parts(built, conversation(("a?", "a"), ("b?", "b")), answers("x", "y"))
    other = keys.score_parts(built, conversation(("a?", "a"), ("b?", "B")), answers("x", "y"))
    assert {part for part in one if one[part] != other[part]} == {"turns.turn 2"}


def test_a_judge_is_asked_once_a_turn_and_pays_once_a_turn():
    def broken(*_):
        raise CellError(FailureKind.RATE_LIMIT, "slow", requests=3)

    given_one = Given({"x": 1.0, "y": 1.0})
    given_one.evaluate = broken  # type: ignore[method-assign]
    found = only(given_one, conversation(("a?", None), ("b?", None)), answers("x", "y"))
    assert found.usage.requests == 6
