import re

import pytest
import typer
from tests.docs.pages import ROOT, USER_PAGES, commands

from plimsoll.cli.main import app


def options_of(group, before=""):
    """Command → its options, those of groups by their whole name."""
    found = {}
    for name, command in group.commands.items():
        given = {option for each in command.params for option in (*each.opts, *each.secondary_opts) if option[0] == "-"}
        found[f"{before}{name}"] = given | {"-h", "--help"}
        if hasattr(command, "commands"):
            found |= options_of(command, f"{before}{name} ")
    return found


COMMANDS = options_of(typer.main.get_command(app))


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
        command = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
        if command not in COMMANDS:
            wrong.append(f"no command: {line}")
            continue
        options = [word.split("=")[0].strip("[]") for word in words if word.lstrip("[").startswith("-")]
        wrong += [f"no option {option}: {line}" for option in options if option not in COMMANDS[command]]
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
