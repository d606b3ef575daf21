"""The ways by which a file reaches a suite that are easily overlooked: each was once reported as affecting nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.api.parts import SUITE, edit, write_workspace
from tests.api.repository import commit, git
from tests.api.test_affected import BOT, found, ways

from plimsoll.api.affected import affected_suites
from plimsoll.ci.affected_form import affected_document
from plimsoll.config import Workspace
from plimsoll.errors import UsageError

JUDGED = SUITE.replace("  - short\n", "  - short\n  - kind: {model: main}\n")
JUDGE = "---\ninputs: {output: {type: string}}\n---\nuser:\n{% include 'README.md' %} Is it kind? {{ output }}\n"
PROJECT = "[tool.plimsoll.ci]\nignore = ['/versions/']\n"


def committed(tmp_path: Path, suite: str = SUITE, **files: str) -> Path:
    root = write_workspace(tmp_path / "desk", suite, files).root
    commit(root)
    return root


def test_what_a_judge_that_is_named_by_its_name_includes_counts(tmp_path: Path):
    files = {"evaluators/kind.prompty": JUDGE, "evaluators/README.md": "Kind is this."}
    root = committed(tmp_path, JUDGED, **files)
    (root / "evaluators" / "README.md").write_text("Kind is that.", encoding="utf-8")
    affected = found(root)
    assert affected.names == ("desk",)
    assert ways(affected) == {"evaluators/README.md": ("evaluator kind, which includes it",)}
    edit(root, "evaluators/kind.prompty", "{% include 'README.md' %}", "{% include 'gone.md' %}")
    assert "gone.md" in found(root).suites[0].reasons[0]


def test_a_link_on_the_way_to_a_file_counts_where_a_pattern_covers_it(tmp_path: Path):
    root = committed(tmp_path, **{"pyproject.toml": PROJECT, "versions/a/v1.jinja2": "one {{ question }}"})
    (root / "versions" / "b").symlink_to("a")
    (root / "versions" / "now").symlink_to("a")
    (root / "prompts" / "v1.jinja2").unlink()
    (root / "prompts" / "v1.jinja2").symlink_to("../versions/now/v1.jinja2")
    commit(root)
    (root / "versions" / "now").unlink()
    (root / "versions" / "now").symlink_to("b")
    assert ways(found(root)) == {"versions/now": ("prompt of target v1",)}
    (root / "versions" / "now").unlink()
    (root / "versions" / "now").symlink_to("now")
    assert found(root).names == ("desk",), "in a circle"


def test_a_module_in_src_counts_for_the_suite_that_names_it_though_another_imports_it(tmp_path: Path):
    module = BOT.replace("  dag: {flow: flows/dag}\n", "").replace("targets/bot.py:answer", "desk.bot:answer")
    files = {
        "suites/bot.yaml": module,
        "suites/far.yaml": module.replace("name: bot", "name: far").replace("desk.bot", "shop.bot"),
        "suites/other.yaml": module.replace("name: bot", "name: other").replace("desk.bot:", "code/bot.py:"),
        "datasets/bot.jsonl": '{"question": "q", "expected": "a"}\n',
        "code/bot.py": "from desk.bot import answer\nimport shop.bot\n",
        "src/desk/__init__.py": "\n",
        "src/desk/bot.py": "def answer(question): return 1\n",
        "packages/shop/bot.py": "def answer(question): return 1\n",
    }
    root = committed(tmp_path, **files)
    edit(root, "src/desk/bot.py", "1", "2")
    assert found(root).names == ("bot", "other")
    git(root, "checkout", "--quiet", ".")
    edit(root, "packages/shop/bot.py", "1", "2")
    assert found(root).names == ("far", "other")


def test_a_certificate_affects_the_suites_with_its_judge_and_an_accepted_move_none(tmp_path: Path):
    files = {
        "evaluators/kind.prompty": JUDGE,
        "evaluators/README.md": "x",
        "suites/plain.yaml": SUITE.replace("desk", "plain", 1),
    }
    root = committed(tmp_path, JUDGED, **files)
    (root / "evaluators" / "certificates").mkdir()
    (root / "evaluators" / "certificates" / "kind.json").write_text("{}", encoding="utf-8")
    affected = found(root)
    assert (affected.names, affected.unknown) == (("desk",), ())
    assert ways(affected) == {"evaluators/certificates/kind.json": ("certificate of kind",)}
    commit(root)
    (root / "nightly").mkdir()
    (root / "nightly" / "desk.yaml").write_text("accepted: []\n", encoding="utf-8")
    assert (found(root).names, found(root).ignored[0].file) == ((), "nightly/desk.yaml")
    (root / "nightly" / "desks.yaml").write_text("accepted: []\n", encoding="utf-8")
    assert found(root).unknown == ("nightly/desks.yaml",)


def test_a_file_that_lies_about_in_a_job_without_a_change_is_none(tmp_path: Path):
    root = committed(tmp_path)
    (root / "README.md").write_text("written by the job", encoding="utf-8")
    with pytest.raises(UsageError, match="there is no change to look at"):
        found(root, "main", CI="true")
    assert found(root).names == ()


def test_what_the_asking_command_writes_counts_where_git_knows_it_or_a_suite_uses_it(tmp_path: Path):
    root = committed(tmp_path, **{"old.xml": "x"})

    def names(written: str) -> tuple[str, ...]:
        (root / written).write_text("y", encoding="utf-8")
        workspace = Workspace.find(root)
        found = affected_suites(workspace, "HEAD", {}, lambda path: path == root / written).found.names
        git(root, "checkout", "--quiet", "HEAD", "--", ".")
        git(root, "clean", "--quiet", "-fd")
        return found

    assert names("verdict.xml") == ()
    assert names("old.xml") == ("desk",)
    assert names("evaluators/verdict.txt") == ("desk",)
    git(root, "rm", "--quiet", "--cached", "old.xml")
    assert names("old.xml") == ("desk",), "it was there before"


def test_a_name_that_is_no_text_is_told_as_one(tmp_path: Path):
    root = committed(tmp_path)
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/no \xff text")).write_bytes(b"x")
    except OSError:
        pytest.skip("the file system takes text alone")
    told = affected_document(found(root), "HEAD", "x")
    assert (told.changed, told.unknown) == (("no \\xff text",), ("no \\xff text",))
