"""Under what circumstances a run happens: why, on which branch, for which pull request, in which job of a CI system.

Read from the environment that GitHub Actions, Azure Pipelines and GitLab set for every job, completed from git. They
become tags of the MLflow runs, by which a run is found again. Nothing is decided on a tag: branch, pull request and
trigger stand in the run's plan too, and of a branch only runs that were made on it serve as a baseline.
"""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from plimsoll.api.git import git_state
from plimsoll.config.ci_system import CiSystem, ci_system

LOCAL, CI, PR, SCHEDULE = "local", "ci", "pr", "schedule"
NIGHTLY = "nightly"
"""Of runs that `plimsoll nightly` alone goes on with."""
TESTS = "tests"
"""A test runner's: of the cells that it picked, which no command goes on with."""
FORK = "fork"
"""Whose branch it is, where nobody says whose."""
_BRANCH = "refs/heads/"
_PULL = re.compile(r"refs/pull/(\d+)/")
_EVENTS = {"schedule": SCHEDULE, "pull_request": PR, "pull_request_target": PR}
_REASONS = {"Schedule": SCHEDULE, "PullRequest": PR}
_SOURCES = {"schedule": SCHEDULE, "merge_request_event": PR, "external_pull_request_event": PR}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of them; None is unknown, or there is none."""

    trigger: str = LOCAL
    """`local`, `ci` (a push, or started by hand), `pr`, `schedule`; or what the caller said."""
    branch: str | None = None
    """Of a pull request the one that it comes from; `OWNER:NAME` of a fork, where anybody may name one."""
    pr: str | None = None
    """The pull or merge request's number, as people see it."""
    commit: str | None = None
    """Of a pull request its own newest commit, where the system tells it: a merge made for the job is found nowhere."""
    ci_url: str | None = None
    """The job's page, or its pipeline's."""
    user: str | None = None
    """Who started it, by the name in the CI system or on this machine."""

    def tags(self) -> dict[str, str]:
        """What is known, as tags of a run; the user by MLflow's own name for it."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        user = known.pop("user")
        return {name: value for name, value in {**known, "mlflow.user": user}.items() if value}


def circumstances(root: Path, environ: Mapping[str, str], trigger: str | None = None) -> Circumstances:
    """The circumstances of a run that happens now.

    Args:
        root: The workspace's folder; git is asked there for what the environment doesn't tell.
        environ: Of the process.
        trigger: What the caller says it is; None leaves it to the environment.
    """
    found = _of_ci(environ)
    git = git_state(root)
    return replace(
        found,
        trigger=trigger or found.trigger,
        branch=found.branch or git.branch,
        commit=found.commit or git.commit,
        user=found.user or _login(),
    )


def _of_ci(environ: Mapping[str, str]) -> Circumstances:
    system = ci_system(environ)
    if system is not None:
        return {CiSystem.GITHUB: _github, CiSystem.AZURE: _azure, CiSystem.GITLAB: _gitlab}[system](environ)
    return Circumstances(trigger=CI if environ.get("CI", "").lower() in ("true", "1") else LOCAL)


def commit_of_request(environ: Mapping[str, str]) -> str | None:
    """The pull request's own commit that a job is about, and not a merge made for it; None where nobody tells it."""
    if ci_system(environ) is CiSystem.GITHUB:
        head = _pull_request(environ.get("GITHUB_EVENT_PATH")).get("head") or {}
        return _text(head.get("sha"))
    told = environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
    own = environ.get("CI_PIPELINE_SOURCE") == "merge_request_event"
    return told or (environ.get("CI_COMMIT_SHA") if own else None)


def _github(environ: Mapping[str, str]) -> Circumstances:
    ref = environ.get("GITHUB_REF", "")
    asked = _pull_request(environ.get("GITHUB_EVENT_PATH"))
    number = _PULL.match(ref)
    server, repository, run = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return Circumstances(
        trigger=PR if asked else _EVENTS.get(environ.get("GITHUB_EVENT_NAME", ""), CI),
        # After another workflow the ref is the default branch, which the change is not on.
        branch=_of_fork(asked) or environ.get("GITHUB_HEAD_REF") or (asked.get("head") or {}).get("ref") or _named(ref),
        pr=number[1] if number else _text(asked.get("number")),
        commit=_text((asked.get("head") or {}).get("sha")) or environ.get("GITHUB_SHA"),
        ci_url=f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None,
        user=environ.get("GITHUB_ACTOR"),
    )


def _pull_request(event: str | None) -> dict[str, Any]:
    """What GitHub's file about the event says of a pull request; empty where it is about something else."""
    try:
        told = json.loads(Path(event).read_bytes()) if event else {}
        run, issue = told.get("workflow_run") or {}, told.get("issue") or {}
        if _EVENTS.get(run.get("event", "")) == PR:
            # After a pull request's own workflow, with the secrets that a fork's does not get, and on its files.
            head = {"ref": run["head_branch"], "sha": run["head_sha"], "repo": run["head_repository"]}
            return {"head": head, "base": {"repo": run["repository"]}}
        found = {"number": issue["number"]} if "pull_request" in issue else told.get("pull_request")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def _of_fork(request: Mapping[str, Any]) -> str | None:
    """The branch of a fork, with its owner; None where the pull request comes from the repository itself."""
    head, base = request.get("head") or {}, request.get("base") or {}
    if not head.get("ref") or _repository(head) == _repository(base):
        return None
    # A fork that was deleted has no repository.
    return f"{(_repository(head) or FORK).partition('/')[0]}:{head['ref']}"


def _repository(side: Mapping[str, Any]) -> str | None:
    return (side.get("repo") or {}).get("full_name")


def _azure(environ: Mapping[str, str]) -> Circumstances:
    # Of a GitHub repository the number is GitHub's, and the id Azure's own; of Azure's own repositories the id is it.
    request = {name: environ.get(f"SYSTEM_PULLREQUEST_{name}") for name in ("PULLREQUESTNUMBER", "PULLREQUESTID")}
    source = environ.get("SYSTEM_PULLREQUEST_SOURCEBRANCH", "")
    collection = environ.get("SYSTEM_COLLECTIONURI") or environ.get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "")
    project, build = quote(environ.get("SYSTEM_TEAMPROJECT", "")), environ.get("BUILD_BUILDID")
    page = f"{collection.rstrip('/')}/{project}/_build/results?buildId={build}"
    branch = _named(source) or source or _named(environ.get("BUILD_SOURCEBRANCH", ""))
    forked = environ.get("SYSTEM_PULLREQUEST_ISFORK", "").lower() == "true"
    return Circumstances(
        trigger=_REASONS.get(environ.get("BUILD_REASON", ""), CI),
        # Azure does not say whose.
        branch=f"{FORK}:{branch}" if forked and branch else branch,
        pr=request["PULLREQUESTNUMBER"] or request["PULLREQUESTID"],
        commit=environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or environ.get("BUILD_SOURCEVERSION"),
        ci_url=page if collection and project and build else None,
        user=environ.get("BUILD_REQUESTEDFOR"),
    )


def _gitlab(environ: Mapping[str, str]) -> Circumstances:
    def asked(name: str) -> str | None:
        """Of GitLab's own merge request, or of the other system's pull request that it builds."""
        return environ.get(f"CI_MERGE_REQUEST_{name}") or environ.get(f"CI_EXTERNAL_PULL_REQUEST_{name}")

    branch = asked("SOURCE_BRANCH_NAME") or environ.get("CI_COMMIT_BRANCH")
    source = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH")
    into = environ.get("CI_MERGE_REQUEST_PROJECT_PATH") or environ.get("CI_PROJECT_PATH")
    return Circumstances(
        trigger=_SOURCES.get(environ.get("CI_PIPELINE_SOURCE", ""), CI),
        branch=f"{source.rpartition('/')[0]}:{branch}" if source and branch and source != into else branch,
        pr=asked("IID"),
        commit=asked("SOURCE_BRANCH_SHA") or environ.get("CI_COMMIT_SHA"),
        ci_url=environ.get("CI_JOB_URL") or environ.get("CI_PIPELINE_URL"),
        user=environ.get("GITLAB_USER_LOGIN"),
    )


def _named(ref: str) -> str | None:
    return ref.removeprefix(_BRANCH) if ref.startswith(_BRANCH) else None


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and value else None


def _login() -> str | None:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        # A container's user without a name.
        return None
