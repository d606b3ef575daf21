import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.config import ModelSettings
from plimsoll.models import adapt_parameters, is_reasoning_model
from plimsoll.models.parameters import own_parameters


@pytest.mark.parametrize(
    ("model", "reasoning"),
    [
        ("o1", True),
        ("o1-preview", True),
        ("o3-mini", True),
        ("o4-mini-2025-04-16", True),
        ("gpt-5", True),
        ("gpt-5-mini", True),
        ("gpt-5.1", True),
        ("openai/gpt-5-nano", True),
        ("GPT-5", True),
        ("gpt-5-chat-latest", False),
        ("gpt-5.1-chat-latest", False),
        ("gpt-4o-mini", False),
        ("o2-anything", False),
        ("olmo-2", False),
        ("o1000", False),
        ("my-o3-deployment", False),
    ],
)
def test_a_reasoning_model_is_known_by_its_name(model, reasoning):
    assert is_reasoning_model(model) is reasoning


def test_the_setting_goes_before_the_name():
    assert is_reasoning_model("my-deployment", reasoning=True)
    assert not is_reasoning_model("o3", reasoning=False)


def test_an_own_max_completion_tokens_stays():
    adapted, notes = adapt_parameters({"max_tokens": 5, "max_completion_tokens": 9}, model="o3")
    assert adapted == {"max_completion_tokens": 9}
    assert len(notes) == 1


def test_what_changes_the_answers_form_is_left_out_with_a_note():
    adapted, notes = adapt_parameters({"stream": True, "n": 3, "temperature": 0}, model="m")
    assert adapted == {"temperature": 0}
    assert notes == (
        "stream is left out: an answer is read whole, one a request",
        "n is left out: an answer is read whole, one a request",
    )
    assert adapt_parameters({"stream": False, "n": 1}, model="m") == ({}, ())


def test_settings_that_are_not_given_are_not_sent():
    assert own_parameters(ModelSettings(model="m")) == {}
    assert own_parameters(ModelSettings(model="m", temperature=0, seed=0, stop=[])) == {
        "temperature": 0,
        "seed": 0,
        "stop": [],
    }


PARAMETERS = st.dictionaries(
    st.sampled_from(["temperature", "top_p", "max_tokens", "max_completion_tokens", "logprobs", "stop", "seed", "n"]),
    st.integers(0, 5),
)


@given(PARAMETERS, st.sampled_from(["o3", "gpt-4o"]))
def test_adapting_twice_is_adapting_once_and_every_change_has_a_note(parameters, model):
    adapted, notes = adapt_parameters(parameters, model=model)
    assert adapt_parameters(adapted, model=model) == (adapted, ())
    lost = {key for key, value in parameters.items() if key not in adapted and (key, value) != ("n", 1)}
    assert {note.split()[0] for note in notes} == lost
