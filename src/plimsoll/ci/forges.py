"""The comments of a pull or merge request, on GitHub, Azure DevOps and GitLab: read, written, changed.

Each forge is the same few requests. Who the token is decides which comments are ours: anybody may write a comment that
bears our mark, and a comment of another's that we changed would stay another's, to be changed again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from plimsoll.ci.rest import RefusedError, Rest
from plimsoll.errors import UsageError
from plimsoll.models.network import HttpSessionSettings

_PAGE, _PAGES = 100, 100
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_AZURE_VERSION = "7.1"
_GITHUB_REFUSALS = {
    401: "the token is not valid; pass GITHUB_TOKEN: ${{ github.token }} to the step",
    403: "the job needs `permissions: {pull-requests: write}`; a fork's job never gets it, see docs/ci.md",
    404: "check that the token may read this repository and its pull requests",
}
_AZURE_REFUSALS = {
    401: "map SYSTEM_ACCESSTOKEN: $(System.AccessToken) into the step's env",
    403: "give the build service «Contribute to pull requests» on this repository; a fork's job never gets it",
    404: "check that the build service may read this repository",
}
_GITLAB_REFUSALS = {
    401: "PLIMSOLL_GITLAB_TOKEN is not valid, or has expired",
    403: "the token needs the scope `api` and the role Reporter; CI_JOB_TOKEN can't write comments",
    404: "the token must see this project: scope `api`, role Reporter; CI_JOB_TOKEN can't write comments",
}


@dataclass(frozen=True, slots=True)
class Comment:
    """One that is there."""

    place: str
    """The path that it is changed at."""
    order: int
    """Later ones have a higher one."""
    author: str
    body: str
    url: str | None = None
    """Its page, where the forge tells."""


class Forge(Protocol):
    """The comments of one pull request."""

    name: str
    limit: int
    """The longest comment, in characters."""

    def head(self) -> str | None:
        """The request's newest commit as it is now; None where the forge does not tell."""
        ...

    def author(self) -> str | None:
        """Whom the token writes as, as `Comment.author` names them; None where the forge does not tell."""
        ...

    def comments(self) -> Iterator[Comment]:
        """All that stand by themselves: no answers to others, none of the forge's own."""
        ...

    def create(self, body: str) -> str | None:
        """Write a new one; its page, where the forge tells."""
        ...

    def update(self, comment: Comment, body: str) -> str | None:
        """Change one; its page, where the forge tells."""
        ...


def checked_number(number: str) -> str:
    """A pull request's number, which becomes part of an address.

    Raises:
        UsageError: it is none.
    """
    if not _NUMBER.fullmatch(number):
        raise UsageError(f"{number!r} is no pull request's number", remedy="a number without a sign, as 12")
    return number


class GitHub:
    """By its REST API; whom the token is by GraphQL, which alone tells that to an app's token as a job has one."""

    name = "GitHub"
    limit = 65_536

    def __init__(self, environ: Mapping[str, str], network: HttpSessionSettings, repository: str) -> None:
        """Of a repository, `OWNER/NAME`; the pull request is set with `at`, since a job may have to ask for it."""
        if not _REPOSITORY.fullmatch(repository):
            raise UsageError(f"{repository!r} is no repository of GitHub", remedy="GITHUB_REPOSITORY is OWNER/NAME")
        headers = {
            "Authorization": f"Bearer {token_of(environ, 'GITHUB_TOKEN')}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        api = (environ.get("GITHUB_API_URL") or "https://api.github.com").rstrip("/")
        self._graphql = environ.get("GITHUB_GRAPHQL_URL") or f"{api.removesuffix('/v3')}/graphql"
        self._rest = Rest(self.name, api, headers, network, _GITHUB_REFUSALS)
        self._repository = f"/repos/{repository}"
        self._owner = repository.partition("/")[0]
        self._number = ""

    def at(self, number: str) -> GitHub:
        """The same, of this pull request."""
        self._number = checked_number(number)
        return self

    def requests_of(self, branch: str, commit: str) -> tuple[str, ...]:
        """The numbers of the open pull requests that come from a branch and stand at this commit now.

        Args:
            branch: With `OWNER:` before it where it is a fork's.
            commit: Its whole hash.
        """
        head = branch if ":" in branch else f"{self._owner}:{branch}"
        found = self._rest.ask("GET", f"{self._repository}/pulls", head=head, state="open", per_page=_PAGE)
        return tuple(str(pull["number"]) for pull in found if pull["head"]["sha"] == commit)

    def head(self) -> str | None:
        """Of the branch that the request comes from."""
        head = self._rest.ask("GET", f"{self._repository}/pulls/{self._number}").get("head") or {}
        return head.get("sha")

    def author(self) -> str | None:
        """The login, with `[bot]` at its end where it is an app's."""
        try:
            told = self._rest.ask("POST", self._graphql, {"query": "query { viewer { login } }"})
        except RefusedError:
            return None
        viewer = (told.get("data") or {}).get("viewer") if isinstance(told, dict) else None
        return viewer.get("login") if viewer else None

    def comments(self) -> Iterator[Comment]:
        """Those of the conversation; GitHub counts a pull request among the issues."""
        for found in _pages(self._rest, f"{self._repository}/issues/{self._number}/comments"):
            place = f"{self._repository}/issues/comments/{int(found['id'])}"
            # A deleted account leaves comments of nobody.
            author = (found.get("user") or {}).get("login", "")
            yield Comment(place, found["id"], author, found.get("body") or "", found.get("html_url"))

    def create(self, body: str) -> str | None:
        """Write a new one."""
        return _page_of(self._rest.ask("POST", f"{self._repository}/issues/{self._number}/comments", {"body": body}))

    def update(self, comment: Comment, body: str) -> str | None:
        """Change one."""
        return _page_of(self._rest.ask("PATCH", comment.place, {"body": body}))


class Azure:
    """Azure DevOps, Services and Server: a comment is the first of a thread, closed so that it holds up no merge."""

    name = "Azure DevOps"
    limit = 150_000

    def __init__(self, environ: Mapping[str, str], network: HttpSessionSettings, number: str) -> None:
        """Of the job's repository."""
        token = token_of(environ, "SYSTEM_ACCESSTOKEN")
        older = environ.get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "")
        collection = (environ.get("SYSTEM_COLLECTIONURI") or older).rstrip("/")
        project, repository = (
            quote(_needed(environ, name), safe="") for name in ("SYSTEM_TEAMPROJECT", "BUILD_REPOSITORY_ID")
        )
        self._rest = Rest(self.name, collection, {"Authorization": f"Bearer {token}"}, network, _AZURE_REFUSALS)
        self._request = f"/{project}/_apis/git/repositories/{repository}/pullRequests/{checked_number(number)}"
        self._threads = f"{self._request}/threads"

    def head(self) -> str | None:
        """Of the branch that the request comes from."""
        told = self._rest.ask("GET", self._request, **_version()).get("lastMergeSourceCommit") or {}
        return told.get("commitId")

    def author(self) -> str | None:
        """The identity's id."""
        told = self._rest.ask("GET", "/_apis/connectionData")
        return (told.get("authenticatedUser") or {}).get("id")

    def comments(self) -> Iterator[Comment]:
        """The first of each thread; all threads come in one answer."""
        for thread in self._rest.ask("GET", self._threads, **_version())["value"]:
            first = next(iter(thread.get("comments") or ()), None)
            if first is None or thread.get("isDeleted") or first.get("isDeleted"):
                continue
            place = f"{self._threads}/{int(thread['id'])}/comments/{int(first['id'])}"
            yield Comment(place, thread["id"], (first.get("author") or {}).get("id", ""), first.get("content") or "")

    def create(self, body: str) -> str | None:
        """Write a new thread."""
        first = {"parentCommentId": 0, "content": body, "commentType": "text"}
        self._rest.ask("POST", self._threads, {"comments": [first], "status": "closed"}, **_version())
        return None

    def update(self, comment: Comment, body: str) -> str | None:
        """Change one."""
        self._rest.ask("PATCH", comment.place, {"content": body}, **_version())
        return None


class GitLab:
    """GitLab's notes; of the project that the merge request goes into, which a fork's job is not in."""

    name = "GitLab"
    limit = 1_000_000

    def __init__(self, environ: Mapping[str, str], network: HttpSessionSettings, number: str) -> None:
        """Of the merge request's project."""
        project = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or _needed(environ, "CI_PROJECT_ID")
        headers = {"PRIVATE-TOKEN": token_of(environ, "PLIMSOLL_GITLAB_TOKEN", "GITLAB_TOKEN")}
        api = _needed(environ, "CI_API_V4_URL").rstrip("/")
        self._rest = Rest(self.name, api, headers, network, _GITLAB_REFUSALS)
        self._request = f"/projects/{quote(project, safe='')}/merge_requests/{checked_number(number)}"
        self._notes = f"{self._request}/notes"

    def head(self) -> str | None:
        """Of the branch that the request comes from."""
        told: str | None = self._rest.ask("GET", self._request).get("sha")
        return told

    def author(self) -> str | None:
        """The user's id; a project's token has a user of its own."""
        return str(self._rest.ask("GET", "/user")["id"])

    def comments(self) -> Iterator[Comment]:
        """All but GitLab's own notes on what happened."""
        for note in _pages(self._rest, self._notes):
            if not note.get("system"):
                author = str((note.get("author") or {}).get("id", ""))
                yield Comment(f"{self._notes}/{int(note['id'])}", note["id"], author, note.get("body") or "")

    def create(self, body: str) -> str | None:
        """Write a new one."""
        self._rest.ask("POST", self._notes, {"body": body})
        return None

    def update(self, comment: Comment, body: str) -> str | None:
        """Change one."""
        self._rest.ask("PUT", comment.place, {"body": body})
        return None


TOKENS = ("GITHUB_TOKEN", "SYSTEM_ACCESSTOKEN", "PLIMSOLL_GITLAB_TOKEN", "GITLAB_TOKEN")
"""The variables that hold what opens a forge: never shown."""


def token_of(environ: Mapping[str, str], *names: str) -> str:
    """The first of these variables that is set.

    Raises:
        UsageError: none is.
    """
    found = next((environ[name] for name in names if environ.get(name, "").strip()), None)
    # Azure leaves a variable that it does not know as it was written.
    if found is None or found.startswith("$("):
        remedy = "pass it to this step; a fork's job has none, see docs/ci.md"
        raise UsageError(f"{names[0]} is not set, and without it nothing can be posted", remedy=remedy)
    return found.strip()


def _needed(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise UsageError(f"{name} is not set", remedy="the CI system sets it in every job; see docs/ci.md")
    return environ[name]


def _version() -> dict[str, str]:
    return {"api-version": _AZURE_VERSION}


def _page_of(told: Any) -> str | None:
    return told.get("html_url") if isinstance(told, dict) else None


def _pages(rest: Rest, path: str) -> Iterator[dict[str, Any]]:
    """Every item of a list that comes in pages.

    Raises:
        RefusedError: it does not end.
    """
    for page in range(1, _PAGES + 1):
        found = rest.ask("GET", path, per_page=_PAGE, page=page)
        yield from found
        if len(found) < _PAGE:
            return
    raise RefusedError(f"{rest.name}: more than {_PAGE * _PAGES:,} comments", remedy="open a new pull request")
