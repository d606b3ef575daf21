"""A baseline out of git: the suite's target as it was at a commit, beside the challenger; nothing is checked out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.api.parts import SUITE, Desk, edit, write_workspace
from tests.api.repository import commit, git

from plimsoll.api import GateOptions, GateRun, RunOptions, gate_suite, verify_suite
from plimsoll.api.git import GitState, commit_of, files_at, git_state
from plimsoll.api.prepare import prepare
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, ExitCode, PlimsollError, UsageError
from plimsoll.runs.observer import Silent
from plimsoll.types import Decision

RELATIVE = SUITE.replace("    - {metric: exact_match, at_least: 0.5}\n", "")


def gate(workspace: Workspace, baseline: str, **options) -> GateRun:
    run = RunOptions(track=False, **{name: options.pop(name) for name in ("reuse",) if name in options})
    return gate_suite(workspace, "desk", GateOptions(run=run, baseline=baseline, **options), Silent())


def refused(workspace: Workspace, baseline: str, **options) -> PlimsollError:
    with pytest.raises(PlimsollError) as caught:
        gate(workspace, baseline, **options)
    assert caught.value.exit_code == ExitCode.USAGE
    return caught.value


def test_a_target_as_it_was_runs_beside_the_challenger_and_the_verdict_is_evidence(workspace: Workspace, desk: Desk):
    before = commit(workspace.root)
    edit(workspace.root, "prompts/v1.jinja2", "one", "won")
    desk.wrong["won"] = set(range(12))
    state = git(workspace.root, "status", "--porcelain")
    decided = gate(workspace, "git:main")
    assert (decided.exit_code, decided.verdict.baseline) == (ExitCode.FAIL, "baseline")
    assert {prompt for prompt, _ in desk.asked} == {"one", "won"}
    assert git(workspace.root, "status", "--porcelain") == state
    assert (workspace.state / "refs" / before / "prompts" / "v1.jinja2").read_text(encoding="utf-8").startswith("one")
    assert verify_suite(workspace, "desk").attestation.verdict == decided.verdict

    # The same commit by other names, and the same files: nothing is generated again, nothing written again.
    asked, written = desk.requests, (workspace.state / "refs" / before).stat().st_mtime_ns
    again = gate(workspace, f"git:{before[:10]}")
    assert again.verdict.baseline_digest == decided.verdict.baseline_digest != decided.verdict.target_digest
    assert (desk.requests, (workspace.state / "refs" / before).stat().st_mtime_ns) == (asked, written)


def test_the_workspace_may_be_a_folder_of_the_repository(workspace: Workspace, desk: Desk):
    parent = workspace.root.parent
    commit(parent)
    edit(workspace.root, "prompts/v2.jinja2", "two", "too")
    commit(parent)
    decided = gate(workspace, "git:HEAD~1:v2")
    assert (decided.exit_code, decided.verdict.baseline) == (ExitCode.PASS, "baseline")
    # The challenger is v1, the baseline v2 as it was.
    assert {prompt for prompt, _ in desk.asked} == {"one", "two"}


def test_another_model_of_the_same_name_runs_as_it_was(workspace: Workspace, desk: Desk):
    commit(workspace.root)
    edit(workspace.root, "suites/desk.yaml", "model: scripted", "model: newer")
    decided = gate(workspace, "git:HEAD")
    assert decided.exit_code == ExitCode.PASS
    assert desk.models == {"scripted": 12, "newer": 12}


@pytest.mark.parametrize(
    "target", ["function: flows/desk/desk.py:answer", "function: words.desk:answer", "flow: flows/desk"]
)
def test_a_target_as_it_was_is_answered_with_the_packages_as_they_were(workspace: Workspace, target: str):
    code = (
        "from words import WORD\n\ndef answer(question: str) -> str:\n    return question.replace('question', WORD)\n"
    )
    files = {"flows/desk/flow.flex.yaml": "entry: desk:answer\n", "flows/desk/desk.py": code, "src/words/desk.py": code}
    suite = RELATIVE.replace("v1: {prompt: prompts/v1.jinja2, model: main}", f"v1: {{{target}}}")
    write_workspace(workspace.root, suite, {**files, "src/words/__init__.py": "WORD = 'answer'\n"})
    commit(workspace.root)
    edit(workspace.root, "src/words/__init__.py", "answer", "nothing")
    decided = gate(workspace, "git:main")
    assert decided.exit_code == ExitCode.FAIL
    metrics = {name: decided.run.summary.targets[name].metrics["exact_match"].mean for name in ("v1", "baseline")}
    assert metrics == {"v1": 0, "baseline": 1}


def test_what_is_not_there_is_an_error_with_a_remedy(workspace: Workspace):
    assert "is no git repository, nor in one" in str(refused(workspace, "git:main"))
    commit(workspace.root)
    git(workspace.root, "branch", "release")
    git(workspace.root, "tag", "first")
    for baseline, told in (
        ("git:relaese", "git knows no 'relaese' (did you mean 'release'?)"),
        ("git:--all", "git knows no '--all' (known: first, main, release)"),
        ("git:first:v3", "the suite desk has no target 'v3' (known: v1, v2; write git:first:TARGET)"),
    ):
        assert told in str(refused(workspace, baseline))
    edit(workspace.root, "suites/desk.yaml", "name: desk", "name: desks")
    commit(workspace.root, "renamed")
    edit(workspace.root, "suites/desk.yaml", "name: desks", "name: desk")
    assert "there is no suite named 'desk' (did you mean 'desks'?)" in str(refused(workspace, "git:main"))


def test_mistakes_in_the_files_of_the_commit_are_told_with_the_commit_and_their_line(workspace: Workspace):
    edit(workspace.root, "prompts/v1.jinja2", "{{ question }}", "{{ question")
    commit(workspace.root)
    edit(workspace.root, "prompts/v1.jinja2", "{{ question", "{{ question }}")
    assert "main:prompts/v1.jinja2:1: " in str(refused(workspace, "git:main"))
    edit(workspace.root, "suites/desk.yaml", "targets:", "targts:")
    commit(workspace.root)
    edit(workspace.root, "suites/desk.yaml", "targts:", "targets:")
    error = refused(workspace, "git:main")
    assert isinstance(error, ConfigError)
    assert "main:suites/desk.yaml:5: unknown key 'targts' (did you mean 'targets'?)" in str(error)


def test_a_shallow_clone_says_how_to_get_the_rest(workspace: Workspace, tmp_path: Path):
    first = commit(workspace.root)
    commit(workspace.root, "the newest")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth", "1", workspace.root.as_uri(), str(clone))
    told = str(refused(Workspace.find(clone), f"git:{first}"))
    assert "in this clone, which is shallow" in told
    assert "fetch-depth: 0" in told


def test_a_pointer_in_place_of_a_file_is_refused(workspace: Workspace):
    prompt = (workspace.root / "prompts" / "v1.jinja2").read_text(encoding="utf-8")
    (workspace.root / "prompts" / "v1.jinja2").write_text(
        "version https://git-lfs.github.com/spec/v1\n", encoding="utf-8"
    )
    commit(workspace.root)
    (workspace.root / "prompts" / "v1.jinja2").write_text(prompt, encoding="utf-8")
    assert "main:prompts/v1.jinja2: a Git LFS pointer stands in place of the file" in str(
        refused(workspace, "git:main")
    )


def test_files_of_a_submodule_are_told_to_be_missing(workspace: Workspace, tmp_path: Path):
    shutil.copytree(workspace.root / "prompts", tmp_path / "prompts")
    inner = commit(tmp_path / "prompts")
    shutil.rmtree(workspace.root / "prompts")
    commit(workspace.root)
    git(workspace.root, "update-index", "--add", "--cacheinfo", f"160000,{inner},prompts")
    git(workspace.root, "commit", "--quiet", "--message", "as a submodule")
    shutil.copytree(tmp_path / "prompts", workspace.root / "prompts")
    assert "lies in the submodule prompts" in str(refused(workspace, "git:main"))


def test_a_link_that_leads_out_of_the_workspace_is_left_out(workspace: Workspace, tmp_path: Path):
    (tmp_path / "outside.jinja2").write_text("one {{ question }}", encoding="utf-8")
    (workspace.root / "prompts" / "v1.jinja2").unlink()
    (workspace.root / "prompts" / "v1.jinja2").symlink_to("../../outside.jinja2")
    (workspace.root / "prompts" / "v3.jinja2").symlink_to("v2.jinja2")
    made = commit(workspace.root)
    assert "main:prompts/v1.jinja2" in str(refused(workspace, "git:main"))
    assert (workspace.state / "refs" / made / "prompts" / "v3.jinja2").read_text(
        encoding="utf-8"
    ) == "two {{ question }}"
    assert {held.path for held in files_at(workspace.root, made)} >= {"prompts/v1.jinja2", "suites/desk.yaml"}


def test_a_commit_made_by_hand_writes_nothing_outside(workspace: Workspace):
    commit(workspace.root)
    blob = git(workspace.root, "rev-parse", "HEAD:prompts/v1.jinja2")
    with_blob = make_tree(workspace.root, f"100644 blob {blob}\tescaped.txt\n")
    tree = git(workspace.root, "rev-parse", "HEAD^{tree}")
    entries = git(workspace.root, "ls-tree", tree) + f"\n040000 tree {with_blob}\t..\n"
    made = git(workspace.root, "commit-tree", make_tree(workspace.root, entries), "-m", "by hand")
    assert "outside the workspace" in str(refused(workspace, f"git:{made}"))
    assert not list(workspace.state.rglob("escaped.txt"))


def make_tree(root: Path, entries: str) -> str:
    """A tree object of these entries, as `ls-tree` writes them, unchecked; its name."""
    raw = b""
    for line in sorted(entries.splitlines(), key=lambda line: line.partition("\t")[2]):
        facts, _, name = line.partition("\t")
        mode, _, blob = facts.split(" ")
        raw += f"{mode.lstrip('0')} {name}".encode() + b"\0" + bytes.fromhex(blob)
    (root / ".tree").write_bytes(raw)
    made = git(root, "hash-object", "-t", "tree", "-w", "--literally", ".tree")
    (root / ".tree").unlink()
    return made


def test_an_attribute_of_the_repository_does_not_take_files_away(workspace: Workspace):
    (workspace.root / ".gitattributes").write_text("datasets export-ignore\n", encoding="utf-8")
    commit(workspace.root)
    assert gate(workspace, "git:main").exit_code == ExitCode.PASS


def test_the_name_baseline_is_taken_where_a_baseline_comes_out_of_git(workspace: Workspace):
    edit(workspace.root, "suites/desk.yaml", "  v2:", "  baseline:")
    commit(workspace.root)
    told = "the suite has a target named 'baseline', which is what a baseline out of git is called"
    assert told in str(refused(workspace, "git:main"))
    assert gate(workspace, "baseline").verdict.baseline == "baseline"
    edit(workspace.root, "suites/desk.yaml", "  target: v1", "  target: v1\n  baseline: git:main")
    with pytest.raises(ConfigError, match=r"desk\.yaml:7: 'baseline' is what the gate calls its baseline"):
        prepare(workspace, "desk")


def test_dropping_the_regressed_cases_does_not_turn_a_fail_into_a_pass(tmp_path: Path, endpoint, desk: Desk):
    workspace = write_workspace(tmp_path / "desk", RELATIVE.replace("0.4", "0.05"), amount=100)
    commit(workspace.root)
    edit(workspace.root, "prompts/v1.jinja2", "one", "won")
    regressed = set(range(40, 52))
    desk.wrong["won"] = regressed
    assert gate(workspace, "git:main").verdict.outcome is Decision.FAIL

    dataset = workspace.root / "datasets" / "desk.jsonl"
    rows = dataset.read_text(encoding="utf-8").splitlines(keepends=True)
    dataset.write_text("".join(row for number, row in enumerate(rows) if number not in regressed), encoding="utf-8")
    dropped = gate(workspace, "git:main")
    assert (dropped.exit_code, dropped.verdict.gone) == (
        ExitCode.INCONCLUSIVE,
        tuple(sorted(f"c{number}" for number in regressed)),
    )
    assert "12 cases without a value" in dropped.verdict.reasons[0]
    assert "12 on v1: the case is gone from the dataset, or was changed" in dropped.verdict.reasons[0]
    assert any("was measured: 12 cases, c40" in note for note in dropped.run.view.notes)
    assert verify_suite(workspace, "desk").attestation.verdict == dropped.verdict

    # Nor does another answer key, nor a baseline that is another target: what the change starts from is asked for.
    dataset.write_text("".join(rows).replace('"answer 40"', '"no idea"'), encoding="utf-8")
    assert gate(workspace, "git:main").verdict.gone == ("c40",)
    assert gate(workspace, "v2").verdict.gone == ()
    assert gate(workspace, "v2", base="main").verdict.gone == ("c40",)

    edit(workspace.root, "suites/desk.yaml", "  target: v1", "  target: v1\n  dataset_changes: allow")
    dataset.write_text("".join(row for number, row in enumerate(rows) if number not in regressed), encoding="utf-8")
    allowed = gate(workspace, "git:main", base="main")
    assert (allowed.verdict.outcome, allowed.verdict.gone) == (Decision.PASS, ())
    assert any("this change edits the suite's gate" in note for note in allowed.run.view.notes)


def test_what_decides_and_was_edited_in_the_same_change_is_told(workspace: Workspace):
    commit(workspace.root)
    assert not any("this change edits" in note for note in gate(workspace, "git:main").run.view.notes)
    edit(workspace.root, "suites/desk.yaml", "at_least: 0.5", "at_least: 0.1")
    edit(workspace.root, "suites/desk.yaml", "evaluators:\n", "max_failed: 0.5\nrepeats: 2\nevaluators:\n")
    edit(workspace.root, "evaluators/short.py", "<= 3", "<= 9")
    for options in ({"baseline": "git:main"}, {"baseline": "v2", "base": "main"}):
        told = [note for note in gate(workspace, **options).run.view.notes if "this change edits" in note]
        assert [
            note.partition(", which decides over it, since main (")[0].removeprefix("this change edits ")
            for note in told
        ] == [
            "the suite's gate",
            "the suite's repeats",
            "the suite's max_failed",
            "evaluators/short.py",
        ]
        assert all(note.endswith(": have it reviewed") for note in told)


def test_files_of_a_commit_that_were_altered_are_read_out_of_git_anew(workspace: Workspace):
    made = commit(workspace.root)
    first = gate(workspace, "git:main")
    prompt = workspace.state / "refs" / made / "prompts" / "v1.jinja2"
    prompt.write_text("won {{ question }}", encoding="utf-8")
    (prompt.parent / "more.jinja2").write_text("more", encoding="utf-8")
    assert gate(workspace, "git:main").verdict.baseline_digest == first.verdict.baseline_digest
    assert prompt.read_text(encoding="utf-8") == "one {{ question }}"
    assert sorted(path.name for path in prompt.parent.iterdir()) == ["v1.jinja2", "v2.jinja2"]
    assert [path.name for path in (workspace.state / "refs").iterdir()] == [made]


def test_what_git_sets_for_a_hook_leads_to_no_other_repository(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = commit(workspace.root)
    (tmp_path / "other").mkdir()
    commit(tmp_path / "other")
    for name, value in (("GIT_DIR", ".git"), ("GIT_WORK_TREE", "."), ("GIT_INDEX_FILE", ".git/index")):
        monkeypatch.setenv(name, str(tmp_path / "other" / value))
    assert git_state(workspace.root) == GitState(made, dirty=False, branch="main")
    assert "suites/desk.yaml" in {held.path for held in files_at(workspace.root, commit_of(workspace.root, "main"))}


def test_a_dataset_that_is_not_in_git_has_to_be_let_change(workspace: Workspace):
    made = commit(workspace.root)
    git(workspace.root, "rm", "--quiet", "--cached", "datasets/desk.jsonl")
    git(workspace.root, "commit", "--quiet", "--message", "kept elsewhere")
    told = str(refused(workspace, "git:main"))
    assert "main:datasets/desk.jsonl: is not in git (write dataset_changes: allow under gate" in told
    assert gate(workspace, f"git:{made}").exit_code == ExitCode.PASS


def test_a_suite_that_is_new_since_the_base_is_told_to_be(workspace: Workspace):
    suite = workspace.root / "suites" / "desk.yaml"
    text = suite.read_text(encoding="utf-8")
    suite.unlink()
    commit(workspace.root)
    suite.write_text(text, encoding="utf-8")
    decided = gate(workspace, "v2", base="main")
    assert any("the suite is new since main" in note for note in decided.run.view.notes)
    with pytest.raises(UsageError, match="git knows no 'mian'"):
        gate(workspace, "v2", base="mian")
