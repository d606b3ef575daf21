from plimsoll.models.tokens import TokenEstimate
from plimsoll.types import Usage


def body(text, **more):
    return {"messages": [{"role": "user", "content": text}], **more}


def test_before_anything_is_known_a_token_is_four_characters_and_the_answer_its_limit():
    estimate = TokenEstimate()
    assert estimate.of(body("x" * 400, max_tokens=50)) == 100 + 50
    assert estimate.of(body("x" * 400, max_completion_tokens=70)) == 100 + 70
    assert estimate.of(body("x" * 400)) == 100 + 256


def test_what_the_endpoint_counted_makes_the_next_estimate():
    estimate = TokenEstimate()
    estimate.learn(body("x" * 400), Usage(prompt_tokens=200, completion_tokens=10))
    estimate.learn(body("x" * 400), Usage(prompt_tokens=200, completion_tokens=30))
    assert estimate.of(body("x" * 100)) == 50 + 20
    assert estimate.of(body("x" * 100, max_tokens=5)) == 50 + 5


def test_what_it_did_not_count_teaches_nothing():
    estimate = TokenEstimate()
    estimate.learn(body("x" * 400), Usage())
    assert estimate.of(body("x" * 400)) == 100 + 256


def test_only_text_is_counted_in_parts_and_in_messages_without_content():
    parts = [{"type": "text", "text": "x" * 40}, {"type": "image_url", "image_url": {"url": "data:" + "y" * 9999}}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": None}]
    assert TokenEstimate().of({"messages": messages, "max_tokens": 1}) == 10 + 1
