"""`plimsoll comment`: its words and its exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.parts import Ended, plimsoll

from plimsoll.testing.forge import TOKEN, LoopbackForge


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackForge]:
    monkeypatch.chdir(tmp_path)
    Path("verdict.md").write_text("**FAIL** desk: worse\n")
    with LoopbackForge() as server:
        for name, value in server.github().items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
        yield server


def comment(capsys: pytest.CaptureFixture[str], *words: str) -> Ended:
    ended = plimsoll(capsys, "comment", *words)
    assert TOKEN not in ended.out + ended.err
    return ended


def test_it_says_what_it_did(forge: LoopbackForge, capsys: pytest.CaptureFixture[str]):
    ended = comment(capsys, "verdict.md")
    page = "https://github.example/ferries/desk/pull/7#issuecomment-1"
    assert (ended.code, ended.out) == (0, f"comment created on GitHub, pull request 7: {page}\n")
    told = comment(capsys, "verdict.md", "--json").document
    assert (told["exit_code"], told["did"], told["number"]) == (0, "unchanged", "7")
    assert comment(capsys, "verdict.md", "--key", "night").out.startswith("comment created")


def test_no_pull_request_is_no_failure_and_says_so(
    forge: LoopbackForge, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    ended = comment(capsys, "verdict.md")
    assert (ended.code, ended.out) == (0, "")
    assert "no pull or merge request" in ended.err


def test_a_token_that_may_only_read_is_an_exit_code_of_its_own(
    forge: LoopbackForge, capsys: pytest.CaptureFixture[str]
):
    forge.refused = 403
    ended = comment(capsys, "verdict.md")
    assert ended.code == 4
    assert "pull-requests: write" in ended.err


def test_a_dotenv_of_the_pull_request_decides_nothing(forge: LoopbackForge, capsys: pytest.CaptureFixture[str]):
    Path(".env").write_text("HTTPS_PROXY=http://127.0.0.1:9\nHTTP_PROXY=http://127.0.0.1:9\nPR=9\n")
    Path("pyproject.toml").write_text("[tool.plimsoll]\n")
    assert comment(capsys, "verdict.md").code == 0
    assert comment(capsys, "missing.md").code == 2
