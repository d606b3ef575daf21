"""The comments of one pull request on a real HTTP server of loopback, as GitHub, Azure DevOps and GitLab serve them.

    with LoopbackForge() as forge:
        ...  # forge.github(), forge.azure() or forge.gitlab(): the CI job's variables; forge.comments

Only what `plimsoll comment` uses. Comments of all three are the same list, so that a test of one is a test of each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "loopback-token-0123456789abcdef"  # noqa: S105  # of a server that exists for a test's length
OURS = "plimsoll-job[bot]"
COMMIT = "abc"
"""Of the jobs, and where the pull request stands."""


@dataclass
class Kept:
    """A comment on the server."""

    id: int
    author: str
    body: str


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    json: Any


@dataclass
class LoopbackForge:
    """The server; its settings may be changed while it runs."""

    comments: list[Kept] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    replies: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Statuses and headers that the next requests get instead of an answer."""
    refused: int | None = None
    """The status that every write gets; 403 is what a fork's job sees."""
    author: str | None = OURS
    """Whom the token belongs to; None is not told."""
    head: str = COMMIT
    """The pull request's newest commit."""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    """GitHub's open pull requests: `number`, and the `head` with `sha` and `label`, OWNER:BRANCH."""

    def __enter__(self) -> Self:
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                given = (self.headers.get("Authorization", ""), self.headers.get("PRIVATE-TOKEN"))
                known = TOKEN in (given[0].removeprefix("Bearer "), given[1])
                parts = urlsplit(self.path)
                status, answer, headers = forge._answer(
                    Asked(self.command, parts.path, parse_qs(parts.query), body), known=known
                )
                data = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_PUT = _serve  # noqa: N815  # the names that the server looks for

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The server's root."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def github(self, number: int = 7) -> dict[str, str]:
        """The variables of a job of GitHub Actions on a pull request."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.url,
            "GITHUB_GRAPHQL_URL": f"{self.url}/graphql",
            "GITHUB_REPOSITORY": "ferries/desk",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_REF": f"refs/pull/{number}/merge",
            "GITHUB_TOKEN": TOKEN,
        }

    def azure(self, number: int = 7) -> dict[str, str]:
        """The variables of a job of Azure Pipelines on a pull request of Azure Repos."""
        return {
            "TF_BUILD": "True",
            "BUILD_REASON": "PullRequest",
            "BUILD_REPOSITORY_PROVIDER": "TfsGit",
            "BUILD_REPOSITORY_ID": "4b2c",
            "SYSTEM_COLLECTIONURI": f"{self.url}/ferries/",
            "SYSTEM_TEAMPROJECT": "help desk",
            "SYSTEM_PULLREQUEST_PULLREQUESTID": str(number),
            "SYSTEM_PULLREQUEST_SOURCECOMMITID": COMMIT,
            "SYSTEM_ACCESSTOKEN": TOKEN,
        }

    def gitlab(self, number: int = 7) -> dict[str, str]:
        """The variables of a job of GitLab CI on a merge request."""
        return {
            "GITLAB_CI": "true",
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_API_V4_URL": f"{self.url}/api/v4",
            "CI_PROJECT_ID": "99",
            "CI_MERGE_REQUEST_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_IID": str(number),
            "CI_COMMIT_SHA": COMMIT,
            "PLIMSOLL_GITLAB_TOKEN": TOKEN,
        }

    def add(self, author: str, body: str) -> Kept:
        """A comment that is there already."""
        kept = Kept(len(self.comments) + 1, author, body)
        self.comments.append(kept)
        return kept

    def _answer(self, asked: Asked, *, known: bool) -> tuple[int, Any, dict[str, str]]:
        self.requests.append(asked)
        if self.replies:
            status, headers = self.replies.pop(0)
            return status, {"message": "not now"}, headers
        if not known:
            return 401, {"message": "Bad credentials"}, {}
        writes = asked.method != "GET" and asked.path != "/graphql"
        if writes and self.refused is not None:
            return self.refused, {"message": "Resource not accessible by integration"}, {}
        for pattern, serve in _ROUTES:
            found = re.fullmatch(pattern, f"{asked.method} {asked.path}")
            if found:
                return (201 if asked.method == "POST" else 200), serve(self, asked, found), {}
        return 404, {"message": "Not Found"}, {}

    def write(self, asked: Asked, name: str, found: re.Match[str]) -> Kept:
        """Do what a request asks: change the comment that its path names, else add one with the text in `name`."""
        text = asked.json[name]
        if found.groups():
            kept = next(kept for kept in self.comments if kept.id == int(found[1]))
            kept.body = text
            return kept
        return self.add(self.author or OURS, text)

    def page(self, asked: Asked) -> list[Kept]:
        """The part of the comments that a request asks for."""
        size, page = int(asked.query["per_page"][0]), int(asked.query["page"][0])
        return self.comments[(page - 1) * size : page * size]


def _on_github(kept: Kept) -> dict[str, Any]:
    page = f"https://github.example/ferries/desk/pull/7#issuecomment-{kept.id}"
    return {"id": kept.id, "user": {"login": kept.author}, "body": kept.body, "html_url": page}


def _on_azure(kept: Kept) -> dict[str, Any]:
    first = {"id": 1, "author": {"id": kept.author}, "content": kept.body, "commentType": "text"}
    return {"id": kept.id, "comments": [first], "isDeleted": False}


def _on_gitlab(kept: Kept) -> dict[str, Any]:
    return {"id": kept.id, "author": {"id": kept.author}, "body": kept.body, "system": False}


def _written(name: str, form: Callable[[Kept], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    return lambda forge, asked, found: form(forge.write(asked, name, found))


def _azure_write(forge: LoopbackForge, asked: Asked, found: re.Match[str]) -> dict[str, Any]:
    told = asked.json["comments"][0] if asked.method == "POST" else asked.json
    plain = Asked(asked.method, asked.path, asked.query, told)
    return _on_azure(forge.write(plain, "content", found))


def _pulls(forge: LoopbackForge, asked: Asked, _: re.Match[str]) -> list[dict[str, Any]]:
    return [pull for pull in forge.pulls if asked.query["head"] == [pull["head"]["label"]]]


_GITHUB, _MERGE_REQUEST = "/repos/ferries/desk", "/api/v4/projects/42/merge_requests/7"
_NOTES = f"{_MERGE_REQUEST}/notes"
_PULL_REQUEST = "/ferries/help%20desk/_apis/git/repositories/4b2c/pullRequests/7"
_THREADS = f"{_PULL_REQUEST}/threads"
_ROUTES: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("POST /graphql", lambda forge, *_: {"data": {"viewer": forge.author and {"login": forge.author}}}),
    (f"GET {_GITHUB}/pulls", _pulls),
    (f"GET {_GITHUB}/pulls/7", lambda forge, *_: {"head": {"sha": forge.head}}),
    (f"GET {_GITHUB}/issues/7/comments", lambda forge, asked, _: [*map(_on_github, forge.page(asked))]),
    (f"POST {_GITHUB}/issues/7/comments", _written("body", _on_github)),
    (rf"PATCH {_GITHUB}/issues/comments/(\d+)", _written("body", _on_github)),
    ("GET /ferries/_apis/connectionData", lambda forge, *_: {"authenticatedUser": {"id": forge.author}}),
    (f"GET {_PULL_REQUEST}", lambda forge, *_: {"lastMergeSourceCommit": {"commitId": forge.head}}),
    (f"GET {_THREADS}", lambda forge, *_: {"value": [*map(_on_azure, forge.comments)]}),
    (f"POST {_THREADS}", _azure_write),
    (rf"PATCH {_THREADS}/(\d+)/comments/1", _azure_write),
    ("GET /api/v4/user", lambda forge, *_: {"id": forge.author}),
    (f"GET {_MERGE_REQUEST}", lambda forge, *_: {"sha": forge.head}),
    (f"GET {_NOTES}", lambda forge, asked, _: [*map(_on_gitlab, forge.page(asked))]),
    (f"POST {_NOTES}", _written("body", _on_gitlab)),
    (rf"PUT {_NOTES}/(\d+)", _written("body", _on_gitlab)),
)
