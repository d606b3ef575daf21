"""Lines of a TOML file, in every way that TOML writes a key; and each mistake in pyproject.toml with its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.config import Workspace
from plimsoll.config.toml import with_lines
from plimsoll.errors import ConfigError

TEXT = '''\
# of the project
[project]
text = """
[tool.plimsoll]
experiment = 1
\u2028"""

[tool.plimsoll] # the table
experiment = "x"
tracking.traces = "all"
prices."gpt.4" = {input = 1, output = 2}
trusted_keys = [
  "a",  # no ] here
  "b",
]

[tool.plimsoll.privacy]
redact = []

  [tool.plimsoll.privacy.patterns]
  'e mail' = "x"
[[tool.plimsoll.listed]]
key = 1
[tool.other]
experiment = 2
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), 8),
        (("experiment",), 9),
        (("tracking",), 10),
        (("tracking", "traces"), 10),
        (("prices", "gpt.4", "output"), 11),
        (("trusted_keys", 1), 12),
        (("privacy",), 17),
        (("privacy", "redact"), 18),
        (("privacy", "absent"), 17),
        (("privacy", "patterns", "e mail"), 21),
        (("listed", 0), 22),
        (("nowhere",), 8),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_key_has_the_line_of_its_statement_and_what_is_absent_that_of_its_table(place, line, newline):
    document = with_lines(TEXT.replace("\n", newline), "pyproject.toml", ("tool", "plimsoll"))
    assert document.where(place).line == line
    assert document.data["experiment"] == "x"


def told(root: Path, text: str) -> list[str]:
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        Workspace.find(root)
    return [str(mistake) for mistake in raised.value.mistakes]


def test_every_mistake_of_the_project_is_told_with_its_key_and_line(tmp_path):
    text = (
        '[project]\nname = "x"\n\n[tool.plimsoll]\nexperimnt = "x"\n\n[tool.plimsoll.tracking]\ntraces = "al"\n'
        "[tool.plimsoll.privacy]\n[tool.plimsoll.privacy.patterns]\na = '('\n[tool.plimsoll.privcy]\n"
    )
    assert told(tmp_path, text) == [
        "pyproject.toml:5: unknown key 'experimnt' (did you mean 'experiment'?)",
        "pyproject.toml:8: tracking.traces: Input should be 'all', 'failures' or 'none'",
        "pyproject.toml:11: privacy.patterns.a: not a regular expression: missing ) at position 1",
        "pyproject.toml:12: unknown key 'privcy' (did you mean 'privacy'?)",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[tool]\nplimsoll = 3\n", "pyproject.toml:2: Input should be a valid dictionary or instance of"),
        ("[tool.plimsoll]\n\na = \n", "pyproject.toml:3: not valid TOML: Invalid value, column 5"),
        ("[tool.plimsoll]\na = [\n1,\n", "pyproject.toml:3: not valid TOML: "),
    ],
)
def test_a_file_of_another_form_is_told_with_its_line(text, mistake, tmp_path):
    assert told(tmp_path, text)[0].startswith(mistake)


def test_a_file_above_is_named_by_its_path_until_it_is_the_workspace_s(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[", encoding="utf-8")
    (tmp_path / "below").mkdir()
    with pytest.raises(ConfigError) as raised:
        Workspace.find(tmp_path / "below")
    assert str(raised.value).startswith(f"{tmp_path / 'pyproject.toml'}:1: not valid TOML")
    (tmp_path / "pyproject.toml").write_text("[tool.plimsoll]\ntraces = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^pyproject.toml:2: unknown key 'traces'"):
        Workspace.find(tmp_path / "below")


def test_what_a_command_finds_wrong_in_a_setting_later_has_its_line_too(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.plimsoll]\n[tool.plimsoll.privacy]\nredact = ['x']\n")
    assert str(Workspace.find(tmp_path).setting("privacy", "redact")) == "pyproject.toml:3"
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "suites").mkdir()
    assert str(Workspace.find(tmp_path).setting("privacy", "redact")) == "pyproject.toml"
