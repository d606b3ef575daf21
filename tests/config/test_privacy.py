"""What can't be redacted as it is written is refused when the settings are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.config import Workspace
from plimsoll.errors import ConfigError


def workspace(root: Path, table: str) -> Workspace:
    (root / "pyproject.toml").write_text(f"[tool.plimsoll.privacy]\n{table}\n", encoding="utf-8")
    return Workspace.find(root)


def test_fields_and_patterns_are_read(tmp_path: Path) -> None:
    policy = workspace(tmp_path, 'redact = ["customer.email"]\npatterns = {phone = "\\\\+\\\\d{6,}"}').settings.privacy
    assert (policy.redact, policy.patterns, policy.held_out) == (["customer.email"], {"phone": r"\+\d{6,}"}, True)
    assert not policy.is_empty


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            'patterns = {phone = "(\\\\d"}',
            r"privacy\.patterns\.phone: not a regular expression: missing \) at position 3",
        ),
        ('patterns = {phone = "\\\\d*"}', "phone: it finds the empty text, which is everywhere"),
        ('patterns = {"[x]" = "a"}', r"'\[x\]' is no name for a pattern"),
        ('redact = ["id"]', "id is no field that can be redacted: a case is found by it"),
        ('redact = ["customer..email"]', r"'customer\.\.email' names no field"),
        ('redacted = ["customer"]', "unknown key 'redacted'"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        workspace(tmp_path, table)
    assert caught.value.mistakes[0].where is not None
    assert "pyproject.toml" in str(caught.value.mistakes[0].where)
