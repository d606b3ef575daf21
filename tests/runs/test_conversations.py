"""Conversations among what a run keeps: another target's answers turn by turn, and transforms of each."""

import pytest

from plimsoll.config import TransformStep
from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators import compile_transform
from plimsoll.runs.across import with_answers
from plimsoll.runs.cache import CellCache
from plimsoll.targets.conversation import joined
from plimsoll.types import Case, CellId, Output, Turn

CASE = Case(id="c", inputs={"page": "p"}, turns=(Turn(user="a?"), Turn(user="b?", inputs={"note": 1})))


def answers(*texts):
    return joined([Output(text=text, latency=1.0) for text in texts])


def test_a_turn_is_compared_with_the_other_targets_answer_to_it():
    found = with_answers(["v1"], CellId("v2", "c"), CASE, {"v1": answers("x", "y")})
    assert isinstance(found, Case)
    assert [turn.inputs for turn in found.turns] == [{"target.v1": "x"}, {"note": 1, "target.v1": "y"}]
    assert found.inputs == {"page": "p", "target.v1": "x\n\ny"}


def test_a_transform_changes_the_answer_of_each_turn(tmp_path):
    transform = compile_transform(TransformStep(regex="<(.*)>"), tmp_path)
    found = transform(answers("<x>", "so <y>"))
    assert ([turn.text for turn in found.turns], found.text) == (["x", "y"], "y")
    with pytest.raises(CellError, match=r"^turn 2 of 2: transform: ") as caught:
        transform(answers("<x>", "y"))
    assert caught.value.kind is FailureKind.BAD_RESPONSE


def test_nobody_waited_for_any_turn_that_the_cache_holds(tmp_path):
    key = "sha256:" + "0" * 64
    with CellCache(tmp_path / "cache.db") as cache:
        cache.keep_output(key, answers("x", "y"), "s/t/0//c", {})
        found = cache.output(key)
    assert found is not None
    assert [found.latency, *(turn.latency for turn in found.turns)] == [None, None, None]
