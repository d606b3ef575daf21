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
