"""The mark of a fence, and what is done to text before it is fenced."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.evaluators.judges.fencing import harmless, nonce

texts = st.text(st.characters())
values = st.recursive(
    texts | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5
)


@given(st.fixed_dictionaries({"question": texts, "output": texts, "context": st.lists(texts, max_size=2)}))
def test_a_nonce_stands_in_nothing_that_is_judged_and_is_the_same_again(judged: dict[str, object]) -> None:
    token = nonce(judged)
    assert token == nonce(judged)
    assert re.fullmatch(r"[0-9a-f]{16}", token)
    assert token not in repr(judged)


@given(values)
def test_what_is_harmless_can_be_sent_and_stays_so(value: object) -> None:
    once = harmless(value)
    repr(once).encode("utf-8")
    assert harmless(once) == once
    assert not re.search("[\ufdd0-\ufdd3\ud800-\udfff]", str(once))


@given(st.text())
def test_a_text_without_such_characters_stays_as_it_is(text: str) -> None:
    if not re.search("[\ufdd0-\ufdd3]", text):
        assert harmless(text) == text
