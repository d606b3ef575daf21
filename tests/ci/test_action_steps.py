"""Single steps of the action, the templates and the examples: which events may run, what is kept, how it ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.api.repository import commit
from tests.ci.runner import Job, load, plain_environment, run_action

ACTION = load("action.yml")
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}


def ran(folder: Path, step: str, environ: dict[str, str], outputs: dict[str, dict[str, str]], **inputs: str) -> Job:
    """One step, after others with these outputs."""
    job = Job(folder, plain_environment(GITHUB_REPOSITORY="ferries/desk", **environ), outputs=outputs)
    job.github = {"event": {"pull_request": {"head": {"repo": {"full_name": environ.get("HEAD", "")}}}}}
    return run_action({**ACTION, "runs": {"steps": [STEPS[step]]}}, job, **inputs)


def planned(folder: Path, event: str, head: str = "ferries/desk", sha: str = "", **inputs: str) -> Job:
    environ = {"GITHUB_EVENT_NAME": event, "GITHUB_SHA": sha, "HEAD": head}
    return ran(folder, "Check the inputs", environ, {}, **inputs)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "checkout").mkdir()
    return tmp_path / "checkout"


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run", "issue_comment", "repository_dispatch"])
def test_an_event_that_may_have_secrets_is_refused_unless_it_is_allowed(checkout: Path, event: str):
    commit(checkout)
    refused = planned(checkout, event)
    assert refused.code == 2
    assert "trusted" in refused.log
    allowed = planned(checkout, event, trusted="true")
    assert allowed.code == 0
    # The caches of such a job are the default branch's.
    assert allowed.outputs["plan"]["keep"] == "false"


def test_a_cache_is_kept_of_the_event_s_own_files_alone(checkout: Path):
    head = commit(checkout)
    for event, sha, keep in (("push", head, "true"), ("workflow_dispatch", "0" * 40, "false"), ("push", "", "false")):
        assert planned(checkout, event, sha=sha).outputs["plan"]["keep"] == keep
    for event in ("pull_request", "pull_request_review"):
        told = [planned(checkout, event, owner).outputs["plan"] for owner in ("ferries/desk", "stranger/desk", "")]
        assert [plan["fork"] for plan in told] == ["false", "true", "true"]
        assert [plan["keep"] for plan in told] == ["true", "false", "false"]
    for name in ("Keep packages", "Keep answers"):
        assert "steps.plan.outputs.keep == 'true'" in STEPS[name]["if"]


@pytest.mark.parametrize("base", ["main\nrecorded=false", "--output=x", "a b"])
def test_a_base_is_one_word_and_no_option(checkout: Path, base: str):
    job = planned(checkout, "pull_request", "stranger/desk", base=base)
    assert job.code == 2
    assert not job.outputs["plan"]


@pytest.mark.parametrize(
    ("code", "fork", "allowed", "ends"),
    [
        ("0", "false", "block", 0),
        ("1", "false", "allow", 1),
        ("3", "false", "block", 3),
        ("3", "false", "allow", 0),
        ("3", "true", "allow", 3),
        ("4", "false", "allow", 4),
        ("", "false", "allow", 4),
    ],
)
def test_it_ends_as_the_gate_did_and_of_a_fork_nothing_is_let_through(
    checkout: Path, code: str, fork: str, allowed: str, ends: int
):
    outputs = {"gate": {"exit-code": code}, "plan": {"fork": fork}}
    assert ran(checkout, "Decide", {}, outputs, inconclusive=allowed).code == ends
    azure = next(step["bash"] for step in load("templates/azure.yml")["steps"] if step.get("displayName") == "Decide")
    given = {"CODE": code or "$(plimsollCode)", "INCONCLUSIVE": allowed, "SYSTEM_PULLREQUEST_ISFORK": fork.title()}
    done = subprocess.run(["bash", "-c", azure], env=plain_environment(**given), capture_output=True, check=False)
    assert done.returncode == ends


def test_reports_that_can_t_be_kept_change_no_verdict():
    assert STEPS["Keep the reports"]["continue-on-error"] is True


def test_no_module_of_pip_is_taken_from_the_folder_that_gitlab_s_job_starts_in(tmp_path: Path):
    (tmp_path / "pip.py").write_text("print('taken')")
    jobs = load("templates/gitlab.yml")
    line = next(line for line in jobs[".plimsoll"]["before_script"] if line.startswith("PYTHONSAFEPATH=1 "))
    environ = plain_environment(PLIMSOLL_INSTALL="python -m pip --version")
    done = subprocess.run(["sh", "-ec", line], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert "taken" not in done.stdout
    assert load("templates/github/comment.yml")["jobs"]["comment"]["env"] == {"PYTHONSAFEPATH": "1"}


def stand_in(folder: Path, *lines: str) -> dict[str, str]:
    """The variable that puts a script in place of `plimsoll`."""
    command = folder / "bin/plimsoll"
    command.parent.mkdir()
    command.write_text("\n".join(["#!/bin/sh", *lines]))
    command.chmod(0o755)
    return {"PATH": f"{command.parent}{os.pathsep}{plain_environment()['PATH']}"}


def shell(folder: Path, script: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-ec", script]
    return subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("code", "told"), [(0, "4"), (1, "4"), (2, "2"), (3, "4"), (130, "130")])
def test_without_a_verdict_nothing_has_passed_or_failed(checkout: Path, tmp_path: Path, code: int, told: str):
    own = stand_in(tmp_path, f"exit {code}")
    plan = {"base": "", "folder": str(checkout), "recorded": "false"}
    assert ran(checkout, "Gate", own, {"plan": plan}).outputs["gate"]["exit-code"] == told
    gitlab = load("templates/gitlab.yml")[".plimsoll-gate"]
    given = {**gitlab["variables"], "PLIMSOLL_WORKSPACE": "."}
    assert str(shell(checkout, gitlab["script"][0], plain_environment(**given) | own).returncode) == told
    steps = load("templates/azure.yml")["steps"]
    azure = next(step["bash"] for step in steps if step.get("displayName") == "Gate")
    places = {"CELLS": str(tmp_path / "cells"), "REPORTS": str(tmp_path / "reports"), "WORKSPACE": "."}
    given = {**places, **dict.fromkeys(["ARGUMENTS", "BASE", "BASELINE", "SUITES", "TARGET"], ""), "RECORDED": "false"}
    done = shell(checkout, azure, plain_environment(**given) | own)
    assert f"variable=plimsollCode]{told}\n" in done.stdout


@pytest.mark.parametrize(("code", "news"), [(0, False), (1, True), (3, False), (4, True)])
def test_the_night_s_job_ends_as_the_night_did_and_says_whether_there_is_news(tmp_path: Path, code: int, news: bool):
    own = stand_in(tmp_path, 'echo moved > "$3"' if news else ":", f"exit {code}")
    steps = load("templates/github/nightly.yml")["jobs"]["nightly"]["steps"]
    script = next(step["run"] for step in steps if step.get("id") == "night")
    given = {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output")}
    assert shell(tmp_path, script, plain_environment(**given) | own).returncode == code
    assert (tmp_path / "output").exists() == news
