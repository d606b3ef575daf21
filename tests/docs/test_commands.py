import re

import pytest
import typer
from tests.docs.pages import ROOT, USER_PAGES, commands

from plimsoll.cli.main import app

COMMANDS = {
    name: {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("-")
    }
    | {"-h", "--help"}
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]  # several commands make a group
}


def named(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", USER_PAGES, ids=named)
def test_every_command_on_a_page_exists_with_the_options_it_is_given(page):
    wrong = []
    for line in commands(page):
        words = re.sub(r"\"[^\"]*\"|'[^']*'", "TEXT", line).split()[1:]
        # A page may name the program alone, or leave the command open: `plimsoll …`.
        if words[0].startswith("-") or not words[0].isalpha():
            continue
        if words[0] not in COMMANDS:
            wrong.append(f"no command: {line}")
            continue
        options = [word.split("=")[0].strip("[]") for word in words if word.lstrip("[").startswith("-")]
        wrong += [f"no option {option}: {line}" for option in options if option not in COMMANDS[words[0]]]
    assert wrong == []


def test_every_command_is_told_of_somewhere():
    text = "\n".join(page.read_text(encoding="utf-8") for page in USER_PAGES)
    assert [name for name in COMMANDS if f"plimsoll {name}" not in text] == []


def test_every_make_target_that_contributing_names_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    pages = "\n".join(page.read_text(encoding="utf-8") for page in USER_PAGES)
    used = set(re.findall(r"[`^\n]make ([a-z-]+)", pages))
    assert used
    assert used - targets == set()
