"""From a change in a real repository to the suites that depend on it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.api.parts import SUITE, edit, write_cases, write_workspace
from tests.api.repository import commit, git

from plimsoll.api.affected import affected_suites, base_of
from plimsoll.ci.affected import NEW, UNKNOWN, Affected
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, UsageError

FLOW = """\
inputs: {question: {type: string}}
outputs: {answer: {type: string, reference: "${a.output}"}}
nodes: [{name: a, type: python, source: {type: code, path: say.py}, inputs: {}}]
"""
BOT = """\
name: bot
dataset: datasets/bot.jsonl
targets:
  dag: {flow: flows/dag}
  code: {function: "targets/bot.py:answer"}
evaluators: [exact_match]
"""
FILES = {
    "suites/bot.yaml": BOT,
    "datasets/bot.jsonl": json.dumps({"question": "q", "expected": "a"}) + "\n",
    "flows/dag/flow.dag.yaml": FLOW,
    "flows/dag/say.py": "from src.shared.words import hello\ndef a(): return hello()\n",
    "src/shared/words.py": "from . import deep\nimport far\nimport json\ndef hello(): return 'x'\n",
    "src/shared/deep.py": "import yaml\n",
    "elsewhere/far.py": "X = 1\n",
    "targets/bot.py": "import importlib\ndef answer(question): return importlib.import_module('rules')\n",
    "rules/__init__.py": "from .strict import RULE\n",
    "rules/strict.py": "RULE = 1\n",
    "prompts/v1.jinja2": "{% include 'parts/tone.jinja2' %} one {{ question }}",
    "prompts/parts/tone.jinja2": "Be kind.",
    "README.md": "x",
    "docs/a.txt": "x",
    "tools/unused.py": "x = 1\n",
    "pyproject.toml": "[project]\nname = 'desk'\nversion = '1'\ndependencies = ['a']\n[tool.plimsoll]\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write_workspace(tmp_path / "desk", files=FILES).root
    commit(root)
    return root


def found(root: Path, base: str = "HEAD", **environ: str) -> Affected:
    return affected_suites(Workspace.find(root), base, environ).found


def ways(affected: Affected, suite: str = "desk") -> dict[str, tuple[str, ...]]:
    effect = next(effect for effect in affected.suites if effect.suite == suite)
    return {cause.file: cause.used_for for cause in effect.causes}


def test_each_kind_of_file_affects_the_suites_that_use_it_and_says_by_which_way(root: Path):
    told = {
        "suites/bot.yaml": ("bot", "the suite itself"),
        "prompts/v2.jinja2": ("desk", "prompt of target v2"),
        "prompts/parts/tone.jinja2": ("desk", "prompt of target v1, which includes it"),
        "datasets/desk.jsonl": ("desk", "dataset"),
        "flows/dag/say.py": ("bot", "flow of target dag"),
        "src/shared/words.py": ("bot", "flow of target dag, which imports it"),
        "src/shared/deep.py": ("bot", "flow of target dag, which imports it"),
        "elsewhere/far.py": ("bot", "flow of target dag, which imports it"),
        "targets/bot.py": ("bot", "function of target code"),
        "rules/__init__.py": ("bot", "function of target code, which imports it"),
        "rules/strict.py": ("bot", "function of target code, which imports it"),
    }
    for file, (suite, words) in told.items():
        before = (root / file).read_text(encoding="utf-8")
        (root / file).write_text(before + "\n", encoding="utf-8")
        affected = found(root)
        assert (affected.names, affected.unknown) == ((suite,), ()), file
        assert ways(affected, suite) == {file: (words,)}
        (root / file).write_text(before, encoding="utf-8")
    assert found(root).names == ()
    edit(root, "evaluators/short.py", "3", "4")
    affected = found(root)
    assert affected.names == ("bot", "desk")
    assert ways(affected)["evaluators/short.py"] == ("evaluator short",)
    assert ways(affected, "bot")["evaluators/short.py"] == ("in evaluators/, which every suite may use",)


def test_a_file_of_no_influence_affects_nothing_and_an_unknown_one_everything(root: Path):
    for name in ("README.md", "docs/a.txt", ".gitignore"):
        (root / name).write_text("other", encoding="utf-8")
    affected = found(root)
    assert (affected.names, affected.unknown) == ((), ())
    assert [left.why for left in affected.ignored] == ["matches .gitignore", "matches /*.md", "matches /docs/"]
    for unknown in ("tools/unused.py", "new.lock", ".github/workflows/gate.yml", ".gitattributes", "tests/test_a.py"):
        git(root, "checkout", "--quiet", ".")
        git(root, "clean", "--quiet", "-fd")
        (root / unknown).parent.mkdir(parents=True, exist_ok=True)
        (root / unknown).write_text("other", encoding="utf-8")
        affected = found(root)
        assert (affected.names, affected.unknown) == (("bot", "desk"), (unknown,))
        assert all(effect.reasons == (UNKNOWN,) for effect in affected.suites)


def test_a_project_ignores_more_or_less_but_never_what_a_suite_uses(root: Path):
    edit(
        root,
        "pyproject.toml",
        "[tool.plimsoll]\n",
        "[tool.plimsoll.ci]\nignore = ['/tools/', '*.jinja2', '!README*']\n",
    )
    assert found(root).names == ("bot", "desk")
    commit(root)
    (root / "tools" / "unused.py").write_text("x = 2\n", encoding="utf-8")
    (root / "prompts" / "v7.jinja2").write_text("x", encoding="utf-8")
    assert found(root).names == ()
    edit(root, "prompts/v1.jinja2", "one", "won")
    assert found(root).names == ("desk",)
    (root / "README.md").write_text("y", encoding="utf-8")
    assert found(root).unknown == ("README.md",)


@pytest.mark.long
def test_a_pattern_that_is_none_is_refused(root: Path):
    edit(root, "pyproject.toml", "[tool.plimsoll]\n", "[tool.plimsoll.ci]\nignore = ['!']\n")
    with pytest.raises(ConfigError, match="ignore"):
        found(root)


def test_of_the_project_file_only_what_a_result_may_depend_on_counts(root: Path):
    edit(root, "pyproject.toml", "version = '1'", "version = '2'\ndescription = 'x'")
    affected = found(root)
    assert affected.names == ()
    assert affected.ignored[0].why == "no setting and no dependency changed in it"
    for old, new in (
        ("['a']", "['b']"),
        ("[tool.plimsoll]\n", "[tool.plimsoll]\nexperiment = 'x'\n"),
        ("\n[tool", "\n[x]\na = 1\n[tool"),
    ):
        git(root, "checkout", "--quiet", ".")
        edit(root, "pyproject.toml", old, new)
        assert found(root).names == ("bot", "desk"), new
    (root / "pyproject.toml").unlink()
    assert found(root).names == ("bot", "desk")


def test_a_deleted_file_affects_who_used_it_and_a_rename_both_names(root: Path):
    git(root, "mv", "flows/dag/say.py", "flows/dag/tell.py")
    edit(root, "flows/dag/flow.dag.yaml", "say.py", "tell.py")
    affected = found(root)
    assert affected.names == ("bot",)
    assert ways(affected, "bot").keys() == {"flows/dag/flow.dag.yaml", "flows/dag/say.py", "flows/dag/tell.py"}
    commit(root)
    (root / "prompts" / "parts" / "tone.jinja2").unlink()
    edit(root, "prompts/v1.jinja2", "{% include 'parts/tone.jinja2' %} ", "")
    affected = found(root)
    assert (affected.names, affected.unknown) == (("desk",), ())
    assert ways(affected)["prompts/parts/tone.jinja2"] == ("prompt of target v1, which includes it",)


def test_a_suite_that_is_new_broken_or_gone(root: Path):
    (root / "suites" / "extra.yaml").write_text(SUITE.replace("name: desk", "name: extra"), encoding="utf-8")
    affected = found(root)
    assert affected.names == ("extra",)
    assert affected.suites[2].reasons == (NEW,)
    commit(root)
    edit(root, "suites/extra.yaml", "targets:", "targts:")
    affected = found(root)
    assert (affected.names, affected.deleted) == (("suites/extra.yaml",), ())
    assert "it can't be read: suites/extra.yaml:1: " in affected.suites[2].reasons[0]
    commit(root)
    (root / "docs" / "a.txt").write_text("y", encoding="utf-8")
    assert found(root).names == ("suites/extra.yaml",), "nobody can tell what it uses"
    git(root, "checkout", "--quiet", "HEAD~1", "--", "suites")
    commit(root)
    (root / "suites" / "extra.yaml").unlink()
    affected = found(root)
    assert (affected.names, affected.deleted, affected.unknown) == ((), ("extra",), ())


@pytest.mark.long
@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("prompts/v1.jinja2", "{{ question }}", "{{ question", "prompt of target v1"),
        ("src/shared/deep.py", "import yaml", "import", "src/shared/deep.py: not valid Python"),
        ("evaluators/short.py", "def short", "def ", "evaluators/short.py"),
        ("flows/dag/flow.dag.yaml", "say.py", "sya.py", "flow of target dag"),
    ],
)
def test_what_cannot_be_read_is_told_and_affects_its_suites(root: Path, file: str, old: str, new: str, told: str):
    edit(root, file, old, new)
    reasons = [reason for effect in found(root).suites for reason in effect.reasons]
    assert any(told in reason for reason in reasons), reasons


@pytest.mark.long
def test_a_file_that_is_named_and_missing_affects_its_suite(root: Path):
    shutil.rmtree(root / "flows")
    (root / "targets" / "bot.py").unlink()
    (root / "prompts" / "v2.jinja2").unlink()
    commit(root)
    (root / "README.md").write_text("y", encoding="utf-8")
    affected = found(root)
    assert affected.names == ("bot", "desk")
    assert "no such f" in affected.suites[0].reasons[0]
    assert "prompts/v2.jinja2: no such file" in affected.suites[1].reasons[0]


@pytest.mark.long
def test_what_a_case_alone_names_counts_for_its_suite(root: Path):
    schema = {"type": "string"}
    (root / "schemas").mkdir()
    (root / "schemas" / "a.json").write_text(json.dumps(schema), encoding="utf-8")
    row = {
        "id": "c0",
        "question": "question 0",
        "expected": "x",
        "evaluators": [{"json_schema": {"file": "schemas/a.json"}}],
    }
    write_cases(root, [row])
    commit(root)
    (root / "schemas" / "a.json").write_text("{}", encoding="utf-8")
    affected = found(root)
    assert affected.names == ("desk",)
    assert ways(affected) == {"schemas/a.json": ("an evaluator of the case c0",)}


def test_a_branch_counts_from_where_it_left_its_base_with_what_is_not_committed(root: Path):
    git(root, "switch", "--quiet", "--create", "topic")
    edit(root, "prompts/v2.jinja2", "two", "too")
    commit(root)
    git(root, "switch", "--quiet", "main")
    edit(root, "suites/bot.yaml", "exact_match", "contains")
    commit(root)
    git(root, "switch", "--quiet", "topic")
    assert found(root, "main").names == ("desk",)
    edit(root, "targets/bot.py", "answer", "answers")
    assert found(root, "main").names == ("bot", "desk")
    git(root, "checkout", "--quiet", ".")
    (root / "prompts" / "v1.jinja2").chmod(0o755)
    assert ways(found(root, "main")).keys() == {"prompts/v1.jinja2", "prompts/v2.jinja2"}


@pytest.mark.long
def test_a_workspace_below_the_repositorys_root_knows_nothing_of_what_lies_outside(tmp_path: Path):
    root = write_workspace(tmp_path / "repository" / "desk", files={"pyproject.toml": "[tool.plimsoll]\n"}).root
    outside = root.parent
    for name in ("lib.py", "README.md"):
        (outside / name).write_text("x", encoding="utf-8")
    commit(outside)
    (outside / "lib.py").write_text("y", encoding="utf-8")
    assert found(root).unknown == ("../lib.py",)
    git(outside, "checkout", "--quiet", ".")
    (outside / "README.md").write_text("y", encoding="utf-8")
    (outside / "docs").mkdir()
    (outside / "docs" / "a.md").write_text("y", encoding="utf-8")
    assert (found(root).names, found(root).changed) == ((), ("../README.md", "../docs/a.md"))
    git(root, "config", "diff.relative", "true")
    edit(root, "prompts/v1.jinja2", "one", "won")
    assert "../README.md" in found(root).changed


@pytest.mark.long
def test_a_submodule_and_a_link_count_for_what_is_read_through_them(root: Path, tmp_path: Path):
    shutil.copytree(root / "prompts", tmp_path / "prompts")
    inner = commit(tmp_path / "prompts")
    git(root, "rm", "--quiet", "-r", "prompts")
    shutil.copytree(tmp_path / "prompts", root / "prompts")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{inner},prompts")
    git(root, "commit", "--quiet", "--message", "as a submodule")
    assert found(root).names == ()
    edit(root, "prompts/v1.jinja2", "one", "won")
    commit(root / "prompts")
    affected = found(root)
    assert (affected.names, affected.changed) == (("desk",), ("prompts",))
    git(root / "prompts", "checkout", "--quiet", inner)
    (root / "shared.jsonl").write_bytes((root / "datasets" / "bot.jsonl").read_bytes())
    (root / "datasets" / "bot.jsonl").unlink()
    (root / "datasets" / "bot.jsonl").symlink_to("../shared.jsonl")
    git(root, "add", "shared.jsonl", "datasets")
    git(root, "commit", "--quiet", "--message", "a link")
    with (root / "shared.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"question": "r", "expected": "a"}) + "\n")
    affected = found(root)
    assert (affected.names, affected.changed) == (("bot",), ("shared.jsonl",))


@pytest.mark.long
def test_two_suites_of_one_name_are_told_by_their_files(root: Path):
    (root / "suites" / "more").mkdir()
    (root / "suites" / "more" / "desk.yaml").write_text(SUITE, encoding="utf-8")
    (root / "lock.txt").write_text("x", encoding="utf-8")
    words = found(root).names
    assert len(set(words)) == 3
    assert {Workspace.find(root).find_suite(word if "/" not in word else str(root / word)) for word in words} == set(
        Workspace.find(root).suite_files()
    )


def test_the_base_is_the_pull_requests_or_the_default_branch_and_never_guessed_in_a_job(root: Path, tmp_path: Path):
    assert base_of(root, {"GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main"}) == "origin/main"
    assert base_of(root, {"TF_BUILD": "True", "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/next"}) == "origin/next"
    assert base_of(root, {"GITLAB_CI": "true", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc"}) == "abc"
    for environ in ({}, {"GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": ""}, {"CI": "true"}):
        with pytest.raises(UsageError) as caught:
            base_of(root, environ)
        assert "--base origin/main" in str(caught.value)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", root.as_uri(), str(clone))
    assert base_of(clone, {}) == "origin/main"
    edit(clone, "prompts/v1.jinja2", "one", "won")
    assert affected_suites(Workspace.find(clone), None, {}).found.names == ("desk",)


def test_a_job_that_checked_out_no_change_is_told(root: Path):
    with pytest.raises(UsageError, match="there is no change to look at"):
        found(root, "main", CI="true")
    commit(root)
    assert found(root, "HEAD~1", CI="true").names == ()


def test_without_the_history_or_a_common_commit_nothing_is_decided(root: Path, tmp_path: Path):
    first = git(root, "rev-parse", "HEAD")
    commit(root)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth", "1", root.as_uri(), str(clone))
    with pytest.raises(UsageError, match="shallow") as caught:
        found(clone, first)
    assert "fetch-depth: 0" in str(caught.value)
    git(root, "switch", "--quiet", "--orphan", "other")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "x")
    git(root, "checkout", "--quiet", "main")
    with pytest.raises(UsageError, match="no commit in common at all"):
        found(root, "other")
    # The two newest commits of both branches are there, and what is between them is not.
    git(root, "switch", "--quiet", "--create", "side", "HEAD~1")
    commit(root, "beside")
    git(root, "switch", "--quiet", "main")
    git(clone, "fetch", "--quiet", "--depth", "1", "origin", "side:side")
    with pytest.raises(UsageError, match="no commit in common in this clone, which is shallow"):
        found(clone, "side")


@pytest.mark.long
def test_where_the_workspace_was_not_there_yet_every_suite_is_new(tmp_path: Path):
    root = tmp_path / "repository" / "desk"
    root.parent.mkdir()
    (root.parent / "a.txt").write_text("x", encoding="utf-8")
    commit(root.parent)
    write_workspace(root, files={"pyproject.toml": "[tool.plimsoll]\n"})
    affected = found(root)
    assert affected.suites[0].reasons == (NEW,)
    assert affected.names == ("desk",)
