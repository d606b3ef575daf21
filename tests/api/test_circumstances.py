"""Each CI system's variables, as its documentation has them for a push, a pull request and a schedule."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from plimsoll.api.circumstances import Circumstances, circumstances

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "CI": "true",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "ferries/desk",
    "GITHUB_RUN_ID": "77",
    "GITHUB_SHA": "merge",
    "GITHUB_ACTOR": "kim",
}
AZURE = {
    "TF_BUILD": "True",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.example/ferries/",
    "SYSTEM_TEAMPROJECT": "help desk",
    "BUILD_BUILDID": "9",
    "BUILD_SOURCEVERSION": "merge",
    "BUILD_REQUESTEDFOR": "Kim Lund",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI": "true",
    "CI_JOB_URL": "https://gitlab.example/ferries/desk/-/jobs/5",
    "CI_COMMIT_SHA": "merge",
    "GITLAB_USER_LOGIN": "kim",
}


def seen(folder: Path, environ: dict[str, str], trigger: str | None = None) -> tuple[str | None, ...]:
    found = circumstances(folder, environ, trigger)
    return found.trigger, found.branch, found.pr, found.commit


def test_github_names_the_pull_request_its_branch_and_its_own_commit(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"number": 12, "pull_request": {"number": 12, "head": {"sha": "own"}}}))
    asked = {
        **GITHUB,
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/12/merge",
        "GITHUB_HEAD_REF": "fares",
        "GITHUB_EVENT_PATH": str(event),
    }
    assert seen(tmp_path, asked) == ("pr", "fares", "12", "own")
    assert circumstances(tmp_path, asked).ci_url == "https://github.example/ferries/desk/actions/runs/77"
    assert circumstances(tmp_path, asked).user == "kim"
    of_target = {**asked, "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main"}
    assert seen(tmp_path, of_target) == ("pr", "fares", "12", "own")
    event.write_text("not JSON")
    assert seen(tmp_path, asked) == ("pr", "fares", "12", "merge")
    event.write_text('{"pull_request": {"head": null}}')
    assert seen(tmp_path, asked) == ("pr", "fares", "12", "merge")


def repository(owner: str) -> dict[str, str]:
    return {"full_name": f"{owner}/desk"}


@pytest.mark.parametrize(("owner", "branch"), [("ferries", "main"), ("stranger", "stranger:main"), (None, "fork:main")])
@pytest.mark.parametrize("after", [False, True])
def test_a_fork_s_branch_of_github_is_never_named_like_one_of_ours(
    tmp_path: Path, owner: str | None, branch: str, after: bool
) -> None:
    event = tmp_path / "event.json"
    theirs = repository(owner) if owner else None
    head, base = {"ref": "main", "sha": "own", "repo": theirs}, {"ref": "main", "repo": repository("ferries")}
    told: dict[str, object] = {"pull_request": {"number": 12, "head": head, "base": base}}
    name, ref = "pull_request", "refs/pull/12/merge"
    if after:
        # A second workflow, which has the secrets, runs on the default branch.
        run = {"event": "pull_request", "head_branch": "main", "head_sha": "own", "head_repository": theirs}
        told = {"workflow_run": {**run, "repository": repository("ferries")}}
        name, ref = "workflow_run", "refs/heads/main"
    event.write_text(json.dumps(told))
    asked = {**GITHUB, "GITHUB_EVENT_NAME": name, "GITHUB_REF": ref, "GITHUB_EVENT_PATH": str(event)}
    asked |= {} if after else {"GITHUB_HEAD_REF": "main"}
    assert seen(tmp_path, asked) == ("pr", branch, None if after else "12", "own")


def test_a_comment_on_a_pull_request_of_github_is_one_on_an_issue_is_not(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    asked = {**GITHUB, "GITHUB_EVENT_NAME": "issue_comment", "GITHUB_REF": "refs/heads/main"}
    asked["GITHUB_EVENT_PATH"] = str(event)
    event.write_text(json.dumps({"issue": {"number": 12, "pull_request": {"url": "…"}}}))
    assert seen(tmp_path, asked) == ("pr", "main", "12", "merge")
    event.write_text(json.dumps({"issue": {"number": 12}}))
    assert seen(tmp_path, asked) == ("ci", "main", None, "merge")


def test_github_tells_a_push_from_a_schedule_and_a_tag_is_no_branch(tmp_path: Path) -> None:
    pushed = {**GITHUB, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/release/2", "GITHUB_HEAD_REF": ""}
    assert seen(tmp_path, pushed) == ("ci", "release/2", None, "merge")
    nightly = {**pushed, "GITHUB_EVENT_NAME": "schedule", "GITHUB_REF": "refs/heads/main"}
    assert seen(tmp_path, nightly) == ("schedule", "main", None, "merge")
    assert seen(tmp_path, {**pushed, "GITHUB_REF": "refs/tags/v2"}) == ("ci", None, None, "merge")


def test_azure_pipelines(tmp_path: Path) -> None:
    asked = {
        **AZURE,
        "BUILD_REASON": "PullRequest",
        "BUILD_SOURCEBRANCH": "refs/pull/31/merge",
        "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/fares",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "31",
        "SYSTEM_PULLREQUEST_SOURCECOMMITID": "own",
    }
    assert seen(tmp_path, asked) == ("pr", "fares", "31", "own")
    page = "https://dev.azure.example/ferries/help%20desk/_build/results?buildId=9"
    assert circumstances(tmp_path, asked).ci_url == page
    of_github = {
        **asked,
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "88123",
        "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "12",
        "SYSTEM_PULLREQUEST_SOURCEBRANCH": "fares",
    }
    assert seen(tmp_path, of_github)[1:3] == ("fares", "12")
    forked = {**of_github, "SYSTEM_PULLREQUEST_ISFORK": "True", "SYSTEM_PULLREQUEST_SOURCEBRANCH": "main"}
    assert seen(tmp_path, forked) == ("pr", "fork:main", "12", "own")
    assert seen(tmp_path, {**forked, "SYSTEM_PULLREQUEST_ISFORK": "False"})[1] == "main"
    pushed = {**AZURE, "BUILD_REASON": "IndividualCI", "BUILD_SOURCEBRANCH": "refs/heads/main"}
    assert seen(tmp_path, pushed) == ("ci", "main", None, "merge")
    assert seen(tmp_path, {**pushed, "BUILD_REASON": "Schedule"}) == ("schedule", "main", None, "merge")


def test_gitlab(tmp_path: Path) -> None:
    asked = {
        **GITLAB,
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "4",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "fares",
    }
    assert seen(tmp_path, asked) == ("pr", "fares", "4", "merge")
    assert seen(tmp_path, {**asked, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "own"}) == ("pr", "fares", "4", "own")
    assert circumstances(tmp_path, asked).ci_url == GITLAB["CI_JOB_URL"]
    # In the project that is asked, or in the fork itself.
    for project in ("ferries/desk", "stranger/tools/desk"):
        forked = {**asked, "CI_PROJECT_PATH": project, "CI_MERGE_REQUEST_PROJECT_PATH": "ferries/desk"}
        forked["CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"] = "stranger/tools/desk"
        assert seen(tmp_path, forked)[:3] == ("pr", "stranger/tools:fares", "4")
    assert seen(tmp_path, {**forked, "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "ferries/desk"})[1] == "fares"
    pushed = {**GITLAB, "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
    assert seen(tmp_path, pushed) == ("ci", "main", None, "merge")
    assert seen(tmp_path, {**pushed, "CI_PIPELINE_SOURCE": "schedule"}) == ("schedule", "main", None, "merge")
    of_github = {
        **GITLAB,
        "CI_PIPELINE_SOURCE": "external_pull_request_event",
        "CI_EXTERNAL_PULL_REQUEST_IID": "12",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME": "fares",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA": "own",
    }
    assert seen(tmp_path, of_github) == ("pr", "fares", "12", "own")


@pytest.mark.parametrize(("environ", "trigger"), [({}, "local"), ({"CI": "true"}, "ci"), ({"CI": "false"}, "local")])
def test_without_a_system_that_is_known_git_is_asked(tmp_path: Path, environ: dict[str, str], trigger: str) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=Kim", "-c", "user.email=kim@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    assert seen(tmp_path, environ) == (trigger, None, None, None)
    git("init", "-b", "fares")
    git("commit", "--allow-empty", "-m", "one")
    found = circumstances(tmp_path, environ)
    assert (found.trigger, found.branch) == (trigger, "fares")
    assert found.commit is not None
    assert len(found.commit) == 40
    git("checkout", "--detach")
    assert "branch" not in circumstances(tmp_path, environ).tags()


def test_what_the_caller_says_goes_over_what_was_found(tmp_path: Path) -> None:
    assert seen(tmp_path, {**GITHUB, "GITHUB_EVENT_NAME": "push"}, "nightly")[0] == "nightly"


def test_tags_hold_what_is_known() -> None:
    assert Circumstances(pr="12", user="kim").tags() == {"trigger": "local", "pr": "12", "mlflow.user": "kim"}


def test_after_another_workflow_the_branch_is_the_change_s_and_not_the_default_one(tmp_path: Path) -> None:
    run = {"event": "pull_request", "head_branch": "fares", "head_sha": "own"}
    event = tmp_path / "event.json"
    ours = {"head_repository": repository("ferries"), "repository": repository("ferries")}
    event.write_text(json.dumps({"workflow_run": {**run, **ours}}))
    after = {**GITHUB, "GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF": "refs/heads/main"}
    assert seen(tmp_path, {**after, "GITHUB_EVENT_PATH": str(event)}) == ("pr", "fares", None, "own")
