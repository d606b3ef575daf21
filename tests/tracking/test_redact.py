from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.tracking import Redactor, secrets_of

SECRET = 'sk-p"lant/ed+1234'


def test_secrets_are_known_by_their_variables_name() -> None:
    environ = {
        "OPENAI_API_KEY": SECRET,
        "GITHUB_TOKEN": "t" * 20,
        "MY_SERVICE_PASSWORD": "password1",
        "KEY_2": "second-key",
        "OPENAI_BASE_URL": "http://127.0.0.1:8080",
        "KEYBOARD_LAYOUT": "us-international",
        "SHORT_KEY": "abc",
        "PATH": "/usr/bin:/usr/local/bin",
    }
    assert set(secrets_of(environ)) == {"OPENAI_API_KEY", "GITHUB_TOKEN", "MY_SERVICE_PASSWORD", "KEY_2"}


def test_a_secret_is_replaced_by_its_name_in_text_json_urls_and_files() -> None:
    redactor = Redactor({"OPENAI_API_KEY": SECRET}, ("hunter22", None))
    assert redactor.text(f"key {SECRET}, pass hunter22") == "key [OPENAI_API_KEY redacted], pass [redacted]"
    assert redactor.text(json.dumps({"key": SECRET})) == '{"key": "[OPENAI_API_KEY redacted]"}'
    assert "planted" not in redactor.text("?key=sk-p%22lant%2Fed%2B1234")
    assert redactor.data(b"\xff" + SECRET.encode()) == b"\xff[OPENAI_API_KEY redacted]"
    assert redactor.value({SECRET: [1, None, (SECRET,)]}) == {
        "[OPENAI_API_KEY redacted]": [1, None, ["[OPENAI_API_KEY redacted]"]]
    }


def test_of_two_secrets_that_start_alike_the_longer_leaves_no_rest() -> None:
    redactor = Redactor({"A_KEY": "abcdefgh", "B_KEY": "abcdefgh-and-more"})
    assert redactor.text("abcdefgh-and-more abcdefgh") == "[B_KEY redacted] [A_KEY redacted]"


@given(st.text(min_size=8, max_size=30).filter(lambda text: len(text.strip()) >= 8), st.text(), st.text())
def test_no_text_holds_a_secret_afterwards(secret: str, before: str, after: str) -> None:
    # Where the mark itself holds the secret («redacted»), replacing can't help.
    if secret.strip() not in "[SOME_KEY redacted]":
        shown = Redactor({"SOME_KEY": secret}).text(f"{before}\x00{secret}\x00{after}")
        assert secret.strip() not in shown.replace("[SOME_KEY redacted]", "\x01")
