"""The promotion's shell of the example workflow and of the GitLab template, on clones of a real bare remote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.api.conftest import database
from tests.api.parts import edit
from tests.api.repository import commit, git
from tests.ci.change import Change, opened
from tests.ci.runner import load, plain_environment

__all__ = ["database"]

FORGES = ["github", "gitlab"]
_STAND_IN = """\
#!/bin/sh
if [ "$1" = --version ]; then exit; fi
echo "$*" >> "$PROMOTING/calls"
for word in "$@"; do last=$word; done
case "$1" in
  affected) cat "$PROMOTING/affected" ;;
  list) printf '{"suites": [{"file": "suites/a.yaml", "gate": true}, {"file": "suites/b.yaml", "gate": false}]}' ;;
  gate) read -r taken; exit "$(cat "$PROMOTING/code-$last" 2>/dev/null || echo 0)" ;;
esac
"""


@dataclass
class Promotions:
    """Jobs of the protected branch, each on a clone of its own, with what their caches keep."""

    forge: str
    remote: Path
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)

    def job(self, commit: str, first: str = "") -> subprocess.CompletedProcess[str]:
        """The job of a push of this commit; with `first` one that was started by hand."""
        clone = self.folder / f"job-{len(list(self.folder.iterdir()))}"
        git(self.folder, "clone", "--quiet", str(self.remote), str(clone))
        git(clone, "checkout", "--quiet", "--detach", commit)
        for name, data in self.kept.items():
            (clone / name).parent.mkdir(exist_ok=True)
            (clone / name).write_bytes(data)
        script, own = self._script(clone, commit, first)
        shell = ["bash", "-e"] if self.forge == "github" else ["sh", "-e"]
        done = subprocess.run(
            [*shell, "-c", script],
            cwd=clone,
            env=plain_environment(**self.environ, **own),
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        for name in ("promoted", "cache.db"):
            held = clone / (".plimsoll" if self.forge == "github" else ".plimsoll-cells") / name
            # GitHub's step that keeps how far it came is left out where the job failed.
            if held.exists() and (name == "cache.db" or not done.returncode or self.forge == "gitlab"):
                self.kept[str(held.relative_to(clone))] = held.read_bytes()
        return done

    def _script(self, clone: Path, commit: str, first: str) -> tuple[str, dict[str, str]]:
        if self.forge == "github":
            steps = load("templates/github/promote.yml")["jobs"]["promote"]["steps"]
            script = next(step["run"] for step in steps if "plimsoll gate" in step.get("run", ""))
            return script, {"ACTOR": "kim", "FIRST": first}
        jobs = load("templates/gitlab.yml")
        job = jobs[".plimsoll-promote"]
        told = {"CI_COMMIT_BRANCH": "main", "CI_COMMIT_TITLE": "a change", "GITLAB_USER_LOGIN": "kim"}
        script = "\n".join([*jobs[".plimsoll"]["before_script"], *job["script"]])
        return script, {
            **jobs[".plimsoll"]["variables"],
            **job["variables"],
            **told,
            "PLIMSOLL_FIRST": first,
            "PLIMSOLL_INSTALL": "true",
            "CI_COMMIT_SHA": commit,
            "CI_PROJECT_DIR": str(clone),
        }


@pytest.fixture(params=FORGES)
def promotions(request: pytest.FixtureRequest, tmp_path: Path) -> Promotions:
    """With a stand-in for `plimsoll` that writes down how it is called."""
    source, remote, folder = (tmp_path / name for name in ("source", "remote.git", "jobs"))
    for place in (source, folder, tmp_path / "bin"):
        place.mkdir()
    (tmp_path / "affected").write_text("")
    command = tmp_path / "bin/plimsoll"
    command.write_text(_STAND_IN)
    command.chmod(0o755)
    commit(source)
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", str(remote))
    git(source, "remote", "add", "origin", str(remote))
    path = f"{command.parent}{os.pathsep}{plain_environment()['PATH']}"
    return Promotions(request.param, remote, folder, {"PATH": path, "PROMOTING": str(tmp_path)})


def pushed(promotions: Promotions, message: str = "a change") -> str:
    source = promotions.remote.parent / "source"
    made = commit(source, message)
    git(source, "push", "--quiet", "origin", "main")
    return made


def called(promotions: Promotions) -> list[str]:
    """The calls since the last look."""
    calls = promotions.remote.parent / "calls"
    lines = calls.read_text().splitlines() if calls.exists() else []
    calls.unlink(missing_ok=True)
    return lines


def test_what_a_job_left_out_the_next_one_makes_up_for(promotions: Promotions):
    told = promotions.remote.parent
    first = pushed(promotions)
    # Of nothing that was promoted is known: all that has a gate.
    assert promotions.job(first).returncode == 0
    asked = [call for call in called(promotions) if call.startswith("gate")]
    assert asked == ["gate -- suites/a.yaml"]
    failing = pushed(promotions)
    (told / "affected").write_text("a\nb\n")
    (told / "code-a").write_text("1")
    assert promotions.job(failing).returncode == 1
    calls = called(promotions)
    assert f"affected --base {first}" in calls
    assert [call.split()[0] for call in calls if call.endswith("-- b")] == ["gate", "promote"]
    assert not [call for call in calls if call.startswith("promote") and call.endswith("-- a")]
    (told / "code-a").unlink()
    # The job of this push never ran: a newer one took its place.
    pushed(promotions)
    last = pushed(promotions)
    assert promotions.job(last).returncode == 0
    assert f"affected --base {first}" in called(promotions)
    (told / "affected").write_text("")
    assert promotions.job(pushed(promotions)).returncode == 0
    assert called(promotions) == [f"affected --base {last}"]


def test_an_older_commit_s_job_promotes_nothing_over_a_newer_one_s(promotions: Promotions):
    older, newer = pushed(promotions), pushed(promotions)
    assert promotions.job(newer).returncode == 0
    called(promotions)
    for again in (older, newer):
        done = promotions.job(again)
        assert done.returncode == 0, done.stderr
        assert not [call for call in called(promotions) if call.startswith(("gate", "promote"))]


def test_a_job_ends_with_the_first_code_that_applies(promotions: Promotions):
    told = promotions.remote.parent
    promotions.job(pushed(promotions))
    (told / "affected").write_text("a\nb\nc\n")
    for codes, expected in (("130", 1), ("304", 4), ("210", 2), ("003", 3)):
        for name, code in zip("abc", codes, strict=True):
            (told / f"code-{name}").write_text(code)
        assert promotions.job(pushed(promotions)).returncode == expected
    (told / "code-c").write_text("137")
    (told / "code-a").write_text("0")
    assert promotions.job(pushed(promotions)).returncode == 4


def test_a_first_champion_is_asked_for_by_name_and_marks_nothing_as_promoted(promotions: Promotions):
    done = promotions.job(pushed(promotions), first="a  b")
    assert done.returncode == 0, done.stderr
    gates = [call for call in called(promotions) if call.startswith("gate")]
    assert gates == ["gate --first -- a", "gate --first -- b"]
    assert not [name for name in promotions.kept if name.endswith("promoted")]


def test_a_list_that_fails_ends_the_job(promotions: Promotions):
    promotions.job(pushed(promotions))
    command = promotions.remote.parent / "bin/plimsoll"
    command.write_text(_STAND_IN.replace('cat "$PROMOTING/affected"', "exit 2"))
    assert promotions.job(pushed(promotions)).returncode == 2


@pytest.fixture
def change(tmp_path: Path) -> Iterator[Change]:
    with opened(tmp_path) as made:
        edit(made.root, "suites/desk.yaml", "  rules:\n", "  rules:\n    - {metric: exact_match, at_least: 0.5}\n")
        (made.root / "suites/other.yaml").unlink()
        git(made.root, "switch", "--quiet", "main")
        yield made


@pytest.mark.long
@pytest.mark.mlflow
@pytest.mark.parametrize("forge", FORGES)
def test_on_a_real_store_a_worse_prompt_stays_out_until_it_is_mended(
    change: Change, forge: str, database: Path, tmp_path: Path
):
    store = tmp_path / "store.db"
    store.write_bytes(database.read_bytes())
    environ = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{store}",
        "OPENAI_BASE_URL": change.endpoint.base_url,
        "OPENAI_API_KEY": "sk-scripted-0123456789",
    }
    (tmp_path / "jobs").mkdir()
    promotions = Promotions(forge, tmp_path / "remote.git", tmp_path / "jobs", environ)

    def ends(code: int, first: str = "") -> None:
        change.push()
        done = promotions.job(git(change.root, "rev-parse", "HEAD"), first)
        assert done.returncode == code, done.stdout + done.stderr

    ends(0, first="desk")
    edit(change.root, "prompts/v1.jinja2", "one", "won")
    change.desk.wrong["won"] = set(range(20))
    ends(1)
    change.desk.wrong.clear()
    edit(change.root, "prompts/v1.jinja2", "won", "two")
    ends(0)
    words = ["plimsoll", "history", "desk", "--json"]
    told = subprocess.run(
        words, cwd=change.root, env=plain_environment(**environ), capture_output=True, text=True, check=True
    )
    assert told.stdout.count('"seq":') == 2
    marks = [data.decode().strip() for name, data in promotions.kept.items() if name.endswith("promoted")]
    assert marks == [git(change.root, "rev-parse", "HEAD")]
