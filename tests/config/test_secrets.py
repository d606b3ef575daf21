from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.config.secrets import Redactor, secrets_of, unmistakable

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
    assert redactor.value({SECRET: [1, None, (SECRET,)]}) == {
        "[OPENAI_API_KEY redacted]": [1, None, ["[OPENAI_API_KEY redacted]"]]
    }


@pytest.mark.parametrize("secrets", [(SECRET,), ("abcdefgh", "abcdefgh-and-more"), ("-----BEGIN KEY-----\nMC4C",)])
def test_a_copied_file_holds_no_secret_wherever_one_stands(tmp_path: Path, secrets: tuple[str, ...]) -> None:
    redactor = Redactor({f"KEY_{number}": secret for number, secret in enumerate(secrets)})
    block = 1 << 20
    longest = max(map(len, secrets))
    for shift in range(-1, longest + 1):
        # The secret before last begins at each place around the end of a block; the last one ends the file.
        text = "é".encode() + b"\xff" + b"." * (block - 3 - shift)
        parts = [text, secrets[-1].encode(), b".", secrets[0].encode()]
        (tmp_path / "source").write_bytes(b"".join(parts))
        redactor.copy(tmp_path / "source", tmp_path / "copy")
        marks = [f"[KEY_{len(secrets) - 1} redacted]".encode(), b"[KEY_0 redacted]"]
        assert (tmp_path / "copy").read_bytes() == b"".join([text, marks[0], b".", marks[1]])


def test_a_copied_file_without_a_secret_is_the_same(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "source").write_bytes(data)
    for secrets in ({}, {"A_KEY": SECRET}):
        Redactor(secrets).copy(tmp_path / "source", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == data


def test_of_two_secrets_that_start_alike_the_longer_leaves_no_rest() -> None:
    redactor = Redactor({"A_KEY": "abcdefgh", "B_KEY": "abcdefgh-and-more"})
    assert redactor.text("abcdefgh-and-more abcdefgh") == "[B_KEY redacted] [A_KEY redacted]"


@given(st.text(min_size=8, max_size=30).filter(lambda text: len(text.strip()) >= 8), st.text(), st.text())
def test_no_text_holds_a_secret_afterwards(secret: str, before: str, after: str) -> None:
    # Where the mark itself holds the secret («redacted»), replacing can't help.
    if secret.strip() not in "[SOME_KEY redacted]":
        shown = Redactor({"SOME_KEY": secret}).text(f"{before}\x00{secret}\x00{after}")
        assert secret.strip() not in shown.replace("[SOME_KEY redacted]", "\x01")


def test_what_a_suite_puts_into_a_key_or_a_header_is_a_secret_whatever_its_name() -> None:
    environ = {
        "ENTRY": "entry-0123456789",
        "ELSE": "else-0123456789",
        "BASE": "http://127.0.0.1:8080",
        "HOME_KEY": "k" * 9,
    }
    settings = {
        "models": {"main": {"api_key": "${ENTRY}", "base_url": "${BASE}"}},
        "targets": {"t": {"http": {"headers": {"X": ["Bearer ${ELSE:-none}"]}, "url": "${BASE}/x"}}},
    }
    assert set(secrets_of(environ, settings)) == {"ENTRY", "ELSE", "HOME_KEY"}
    assert set(secrets_of(environ)) == {"HOME_KEY"}


def test_a_password_that_may_be_a_word_is_not_unmistakable() -> None:
    secrets = {
        "A_KEY": "sk-0123456789abcdef",
        "B_PASSWORD": "postgres",
        "C_PASSWORD": "development-only",
        "D_KEY": "1" * 20,
    }
    assert set(unmistakable(secrets)) == {"A_KEY"}


@pytest.mark.parametrize("before", ["", "a", "ann:", "Authorization of ann:"])
def test_a_secret_is_found_in_base64_wherever_it_stands(before: str) -> None:
    redactor = Redactor({"A_KEY": "sk-plant?ed>~~0123"})
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = redactor.text(encode(f"{before}sk-plant?ed>~~0123 and more".encode()).decode())
        assert "[A_KEY redacted]" in shown
        assert b"plant" not in base64.b64decode(shown.split("[")[0] + "==", altchars=b"-_")


def test_a_secret_is_found_as_html_python_and_nested_json_write_it() -> None:
    secret = "sk'pl&ant\"ed\\0123é"
    redactor = Redactor({"A_KEY": secret})
    for text in (
        html.escape(secret),
        repr([secret]),
        json.dumps(json.dumps(secret)),
        json.dumps(secret, ensure_ascii=False),
    ):
        assert "ant" not in redactor.text(text), text


def test_a_secret_is_found_however_an_address_or_a_script_escapes_it() -> None:
    secret = "sk/plant+ed=0123@x"
    redactor = Redactor({"A_KEY": secret})
    for text in (
        quote(secret, safe="/"),
        quote(secret, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
        quote(secret, safe="/").lower(),
        json.dumps(secret).replace("/", "\\/"),
        json.dumps(json.dumps(secret).replace("/", "\\/")),
    ):
        assert "plant" not in redactor.text(text), text


def test_a_name_that_a_secret_is_a_part_of_stays_whole(tmp_path: Path) -> None:
    secrets = {"A_PASSWORD": "plimsoll", "B_KEY": "desk-run", "C_KEY": "abcd-desk-run-0123"}
    redactor = Redactor(secrets).keeping(["20260314-desk-run-eu-1a2b", "other"])
    text = "plimsoll sync 20260314-desk-run-eu-1a2b: no desk-run, no abcd-desk-run-0123"
    shown = "plimsoll sync 20260314-desk-run-eu-1a2b: no [B_KEY redacted], no [C_KEY redacted]"
    assert redactor.text(text) == shown
    assert redactor.kept == ("[A_PASSWORD redacted]", "[B_KEY redacted]")
    assert Redactor(secrets).text("desk-run-eu") == "[B_KEY redacted]-eu"
    assert (redactor.finds(b"plimsoll 20260314-desk-run-eu-1a2b"), redactor.finds(b"a desk-run")) == (False, True)
    for shift in range(len(text)):
        # It stands at each place around the end of a block.
        before = "." * ((1 << 20) - shift)
        (tmp_path / "source").write_text(before + text, encoding="utf-8")
        redactor.copy(tmp_path / "source", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == (before + shown).encode()


def test_of_a_key_with_several_lines_each_is_a_secret() -> None:
    lines = [
        "-----BEGIN PRIVATE KEY-----",
        "MC4CAQAwBQYDK2VwBCIEIJ0",
        "abcdefabcdefabcdef0123",
        "-----END PRIVATE KEY-----",
    ]
    shown = Redactor({"SIGNING_KEY": "\n".join(lines)}).text(f"line 2: {lines[1]}\n  {lines[2]} {' '.join(lines)}")
    assert shown == "line 2: [SIGNING_KEY redacted]\n  [SIGNING_KEY redacted] [SIGNING_KEY redacted]"
