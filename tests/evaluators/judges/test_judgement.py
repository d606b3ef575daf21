"""What a judge may answer with a score, and that nothing else becomes one."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluators.judges.parts import GOOD

from plimsoll.evaluators.judges.judgement import Scale, ScoreForm

ONE_TO_FIVE = ScoreForm(Scale(1, 5, integer=True))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("", "not JSON: expecting value"),
        ("4", "not a JSON object"),
        ("[4]", "not a JSON object"),
        ('{"score": 4}', "its keys are score; wanted are reason and score"),
        ('{"reason": "r", "score": 4, "final": 5}', "its keys are final, reason, score"),
        ('{"reason": "r", "score": 1, "score": 5}', "the key 'score' occurs twice"),
        ('{"reason": "r", "score": 0}', "its score is 0, not a whole number from 1 to 5"),
        ('{"reason": "r", "score": 6}', "its score is 6"),
        ('{"reason": "r", "score": 50}', "its score is 50"),
        ('{"reason": "r", "score": 4.5}', "its score is 4.5"),
        ('{"reason": "r", "score": 1e999}', "its score is inf"),
        ('{"reason": "r", "score": NaN}', "NaN is no JSON number"),
        ('{"reason": "r", "score": Infinity}', "Infinity is no JSON number"),
        ('{"reason": "r", "score": "5"}', "its score is '5'"),
        ('{"reason": "r", "score": true}', "its score is True"),
        ('{"reason": "r", "score": null}', "its score is None"),
        ('{"reason": "r", "score": [5]}', "its score is [5]"),
        ('{"reason": " ", "score": 5}', "its reason is not a text, or empty"),
        ('{"reason": 5, "score": 5}', "its reason is not a text, or empty"),
        (f'{{"reason": "r", "score": {"9" * 5000}}}', "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        (f"{GOOD} {GOOD}", "not JSON: extra data"),
        (f"Sure! {GOOD}", "not JSON"),
        (f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```", "not JSON"),
    ],
)
def test_what_is_no_judgement_is_refused(answer: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ONE_TO_FIVE.parse(answer)


@pytest.mark.parametrize("answer", [GOOD, f"\n{GOOD}\n", f"```json\n{GOOD}\n```", GOOD.replace("4", "4.0")])
def test_a_judgement_may_be_fenced_whole_and_its_whole_score_written_with_a_point(answer: str) -> None:
    assert ONE_TO_FIVE.parse(answer) == (4.0, "It answers.")


fragments = st.sampled_from(['{"reason": "r", ', '"score": ', "5", "9", "}", "{", '"', ",", "NaN", "1e309", "```", " "])
answers = (
    st.text()
    | st.lists(fragments).map("".join)
    | st.fixed_dictionaries(
        {"reason": st.text(), "score": st.integers() | st.floats() | st.text() | st.none() | st.booleans()}
    ).map(json.dumps)
)
scales = st.sampled_from([ONE_TO_FIVE.scale, Scale(0, 1, integer=False), Scale(-2, 2, integer=True)])


@settings(deadline=None)
@given(answers, scales)
def test_no_answer_yields_a_score_outside_the_scale(answer: str, scale: Scale) -> None:
    try:
        found = ScoreForm(scale).parse(answer)
    except ValueError:
        return
    assert math.isfinite(found.score)
    assert scale.low <= found.score <= scale.high
    assert not scale.integer or found.score == int(found.score)
    assert found.reason
