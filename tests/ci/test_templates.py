"""The scripts of the Azure and GitLab templates, run as the shell commands that they are."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.api.parts import edit
from tests.api.repository import commit, git
from tests.ci.change import Change, opened
from tests.ci.runner import load, plain_environment

pytestmark = pytest.mark.long

Ended = tuple[int, str]
"""A job's code, and its log."""


@pytest.fixture
def change(tmp_path: Path) -> Iterator[Change]:
    with opened(tmp_path) as made:
        edit(made.root, "prompts/v1.jinja2", "one", "won")
        made.desk.wrong["won"] = set(range(20))
        made.push()
        git(tmp_path, "clone", "--quiet", "--branch", "fares", str(tmp_path / "remote.git"), str(tmp_path / "job"))
        yield made


def shell(kind: str, script: str, folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-eo", "pipefail", "-c", script] if kind == "bash" else ["sh", "-ec", script]
    return subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=180)


def filled(text: str, pattern: str, values: Mapping[str, object]) -> str:
    """A text with what the pattern finds replaced; what is not known stays as it is."""
    return re.sub(pattern, lambda found: str(values.get(found[1], found[0])), text)


def azure(change: Change, job: Mapping[str, str] | None = None, **given: str) -> Ended:
    """Every script of the template one after the other, as the agent runs them; the last one's code, and the log."""
    folder = change.root.parent
    template, variables = load("templates/azure.yml"), {"Pipeline.Workspace": str(folder / "pipeline")}
    variables |= {"Build.ArtifactStagingDirectory": str(folder / "staging")}
    variables["System.AccessToken"] = change.forge.azure()["SYSTEM_ACCESSTOKEN"]
    parameters = {parameter["name"]: parameter["default"] for parameter in template["parameters"]}
    parameters |= {"install": "true", "baseline": "merge-base", "arguments": "--no-track", **given}
    steps = [step for step in template["steps"] if "bash" in step]
    steps[2:2] = [inner for step in template["steps"] for name in step if "if" in name for inner in step[name]]
    code, log = 0, ""
    for step in steps:
        own = {name: str(value) for name, value in step.get("env", {}).items() if "each" not in name}
        for name, value in own.items():
            own[name] = filled(
                filled(value, r"\$\{\{ parameters\.(\w+) \}\}", parameters), r"\$\(([\w.]+)\)", variables
            )
        set_ = {**change.forge.azure(), "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main", **(job or {})}
        del set_["SYSTEM_ACCESSTOKEN"]
        set_["OPENAI_BASE_URL"], set_["OPENAI_API_KEY"] = change.endpoint.base_url, "sk-scripted-0123456789"
        done = shell("bash", step["bash"], folder / "job", plain_environment(**set_, **own))
        log += done.stdout + done.stderr
        variables |= dict(re.findall(r"^##vso\[task\.setvariable variable=(\w+)\](.*)$", done.stdout, re.MULTILINE))
        code = done.returncode
        if code:
            break
    return code, log


def test_azure_s_steps_gate_comment_and_end_as_the_gate_did(change: Change):
    code, log = azure(change)
    assert code == 1, log
    assert change.comment.startswith("**FAIL**")
    reports = change.root.parent / "staging/plimsoll-gate"
    assert {"verdict.md", "verdict.xml", "verdict.sarif"} <= {path.name for path in reports.iterdir()}
    assert len(list(reports.glob("*.html"))) == 1
    assert "##vso[task.uploadsummary]" in log
    asked = change.desk.requests
    # Answers come back from the place that the cache's step keeps.
    (change.root.parent / "job/.plimsoll/cache.db").unlink()
    assert azure(change)[0] == 1
    assert change.desk.requests == asked


def test_no_text_of_the_request_is_a_command_to_azure_s_agent(change: Change):
    (change.root.parent / "job/suites/bad.yaml").write_text('"##vso[task.setvariable variable=plimsollCode]0": 1\n')
    code, log = azure(change)
    assert code == 2, log
    assert re.findall(r"##vso\[task\.setvariable variable=plimsollCode\](\d+)", log) == ["2"]


def gitlab(change: Change, **given: str) -> Ended:
    jobs = load("templates/gitlab.yml")
    gate, folder = jobs[".plimsoll-gate"], change.root.parent / "job"
    base = git(folder, "merge-base", "HEAD", "origin/main")
    job = {**change.forge.gitlab(), "CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "OPENAI_BASE_URL": change.endpoint.base_url}
    token = job.pop("PLIMSOLL_GITLAB_TOKEN")
    job |= {"OPENAI_API_KEY": "sk-scripted-0123456789", **jobs[".plimsoll"]["variables"], **gate["variables"]}
    job |= {"PLIMSOLL_BASELINE": "merge-base", "PLIMSOLL_ARGUMENTS": "--no-track\n--sample\n0", **given}
    job["PLIMSOLL_INSTALL"] = "true"
    before = shell("sh", "\n".join(jobs[".plimsoll"]["before_script"]), folder, plain_environment(**job))
    assert before.returncode == 0, before.stderr
    done = shell("sh", gate["script"][0], folder, plain_environment(**job))
    comment = shell(
        "sh",
        "\n".join(jobs[".plimsoll-comment"]["script"]),
        folder,
        plain_environment(**job, PLIMSOLL_GITLAB_TOKEN=token),
    )
    return done.returncode, done.stdout + done.stderr + comment.stdout + comment.stderr


def test_gitlab_s_jobs_gate_and_comment(change: Change):
    code, log = gitlab(change)
    assert code == 1, log
    assert change.comment.startswith("**FAIL**")
    assert (change.root.parent / "job/.plimsoll-ci/verdict.xml").is_file()
    asked = change.desk.requests
    (change.root.parent / "job/.plimsoll/cache.db").unlink()
    code, log = gitlab(change)
    assert code == 1
    assert "1 of 2 suites affected" in log, "what the cache brings into the checkout is no part of the change"
    assert change.desk.requests == asked


@pytest.mark.parametrize("ci", [azure, gitlab])
def test_a_base_without_a_commit_in_common_is_a_mistake_and_no_failed_gate(change: Change, ci: Callable[..., Ended]):
    folder = change.root.parent / "job"
    git(folder, "switch", "--quiet", "--orphan", "apart")
    apart = commit(folder)
    git(folder, "switch", "--quiet", "fares")
    code, log = ci(change, base=apart) if ci is azure else ci(change, PLIMSOLL_BASE=apart)
    assert code == 2, log
    assert "in common" in log


def test_the_token_for_a_repository_on_github_reaches_azure_s_comment(change: Change):
    github = {name: value for name, value in change.forge.github().items() if name.startswith("GITHUB_")}
    token = github.pop("GITHUB_TOKEN")
    provider = {"BUILD_REPOSITORY_PROVIDER": "GitHub", "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "7"}
    code, log = azure(change, job={**github, **provider}, token=token)
    assert code == 1, log
    assert change.comment.startswith("**FAIL**")


def test_gitlab_takes_a_fork_s_request_without_asking_a_model(change: Change):
    paths = {"CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "stranger/desk", "CI_MERGE_REQUEST_PROJECT_PATH": "ferries/desk"}
    assert gitlab(change, **paths)[0] == 3
    assert gitlab(change, **paths, PLIMSOLL_INCONCLUSIVE="allow")[0] == 3
    assert gitlab(change, PLIMSOLL_INCONCLUSIVE="alow")[0] == 2
    assert not change.endpoint.requests
