"""The action, the templates and the examples as files: what they name exists, and no value is a part of a script."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from tests.ci.runner import ROOT, load

ACTION = "action.yml"
EXAMPLES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "templates/github").glob("*.yml"))
TEMPLATES = ["templates/azure.yml", "templates/gitlab.yml"]
_PINNED = re.compile(r"[\w./-]+@v\d+(\.\d+\.\d+)?")


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a document."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item)


def scripts(path: str) -> list[str]:
    """Every shell script in a document."""
    found: list[str] = []
    for node in nodes(load(path)):
        found += [node[name] for name in ("run", "bash") if isinstance(node.get(name), str)]
        for name in ("script", "before_script"):
            found += node.get(name, []) if isinstance(node.get(name), list) else []
    return found


@pytest.mark.parametrize("path", [ACTION, *TEMPLATES, *EXAMPLES])
def test_every_script_is_shell_and_takes_its_input_from_the_environment(path: str):
    assert scripts(path) or "uses: OWNER/plimsoll@" in (ROOT / path).read_text(encoding="utf-8")
    shell = "sh" if "gitlab" in path else "bash"
    for script in scripts(path):
        assert "${{" not in script, "an expression in a script is code of whoever wrote its value"
        assert "$[[" not in script
        # Azure puts variables in place before any shell sees the script.
        assert "azure" not in path or not re.search(r"\$\([\w.]+\)", script)
        subprocess.run([shell, "-n"], input=script, text=True, check=True, capture_output=True)


def test_the_action_uses_the_inputs_that_it_declares():
    action, text = load(ACTION), (ROOT / ACTION).read_text(encoding="utf-8")
    assert set(re.findall(r"\binputs\.([a-z-]+)", text)) == set(action["inputs"])
    assert all(declared["description"] for declared in action["inputs"].values())


def test_each_step_of_the_action_reads_only_what_it_is_given():
    for step in load(ACTION)["runs"]["steps"]:
        if "run" in step:
            asked = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", step["run"]))
            runner = {name for name in asked if name.startswith(("GITHUB_", "PWD"))}
            assert asked - runner <= set(step.get("env", {})), step["name"]
            assert set(step.get("env", {})) - {"GITHUB_TOKEN"} <= asked, step["name"]


def test_azure_s_steps_use_the_parameters_that_they_declare():
    template, text = load("templates/azure.yml"), (ROOT / "templates/azure.yml").read_text(encoding="utf-8")
    declared = {parameter["name"] for parameter in template["parameters"]}
    assert set(re.findall(r"\bparameters\.([a-z]+)", text)) == declared


def test_gitlab_s_jobs_use_the_variables_that_they_declare():
    jobs = load("templates/gitlab.yml")
    for name, job in jobs.items():
        declared = set(job.get("variables", {})) | set(jobs[".plimsoll"]["variables"])
        used = set(re.findall(r"\$\{?(PLIMSOLL_[A-Z_]+)", "\n".join(map(str, job.get("script", [])))))
        assert used <= declared, name
        assert "spec" not in job, "inputs would be put into the script as text"


@pytest.mark.parametrize("path", [ACTION, *EXAMPLES])
def test_other_actions_are_pinned_by_version(path: str):
    used = [node["uses"] for node in nodes(load(path)) if "uses" in node]
    assert all(_PINNED.fullmatch(name) for name in used), used


@pytest.mark.parametrize("path", EXAMPLES)
def test_no_example_gives_more_rights_than_it_needs(path: str):
    workflow = load(path)
    assert isinstance(workflow["permissions"], dict)
    writes = {name for name, right in workflow["permissions"].items() if right == "write"}
    assert writes <= {"pull-requests"}
    assert "pull_request_target" not in workflow["on"]
    for job in workflow["jobs"].values():
        # Of its own a job has more only where nothing of the repository runs in it.
        assert "write" not in job.get("permissions", {}).values() or "checkout" not in str(job["steps"])


def test_the_comment_on_a_fork_s_request_runs_nothing_of_it():
    steps = load("templates/github/comment.yml")["jobs"]["comment"]["steps"]
    assert not [step for step in steps if "checkout" in step.get("uses", "")]
    assert not [step for step in steps if "secrets." in str(step)]
    assert "--foreign" in steps[-1]["run"]


def test_the_request_s_job_knows_no_signing_key_and_the_promotion_s_does():
    keyed = {path: "PLIMSOLL_SIGNING_KEY" in (ROOT / path).read_text(encoding="utf-8") for path in [ACTION, *EXAMPLES]}
    assert {path for path, has in keyed.items() if has} == {"templates/github/promote.yml"}
    assert load("templates/github/promote.yml")["jobs"]["promote"]["environment"]
    assert load("templates/gitlab.yml")[".plimsoll-promote"]["environment"]
