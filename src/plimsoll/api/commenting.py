"""One comment on the pull request that a CI job is about: written the first time, changed from then on.

Only a comment of the token's own user that begins with the mark is changed; where the forge doesn't tell who that is,
none is. Everything is read from the job's own variables and nothing from a workspace: a `.env` or a setting that a pull
request brings along decides neither where the token goes nor through which proxy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from plimsoll.api.circumstances import Circumstances, circumstances, commit_of_request
from plimsoll.ci.forges import Azure, Forge, GitHub, GitLab, checked_number
from plimsoll.ci.rest import PassingError, RefusedError
from plimsoll.ci.sticky import comment_text
from plimsoll.config.ci_system import CiSystem, ci_system
from plimsoll.config.secrets import Redactor, secrets_of
from plimsoll.errors import UsageError
from plimsoll.models.network import http_session_settings
from plimsoll.models.retries import Backoff
from plimsoll.reports.markdown import COMMENT_KEY, carries

ATTEMPTS = 5
LONGEST_WAIT = 60.0
"""Seconds: a forge that wants to be left alone for longer has refused."""
LARGEST = 4 * 1024 * 1024
"""Bytes of the file: four times what the most generous forge takes."""


class Did(StrEnum):
    """What became of a comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    """It stood there already, word for word."""
    NOTHING = "nothing"
    """The job is about no pull request, or about a commit that is not its newest."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What was done."""

    did: Did
    forge: str | None = None
    number: str | None = None
    """The pull or merge request's."""
    url: str | None = None
    """The comment's page, where the forge tells."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be posted."""

    text: str
    """Markdown."""
    key: str = COMMENT_KEY
    """Names the comment among several."""
    number: str | None = None
    """The pull request's, over what the job says."""
    foreign: bool = False
    """A job that runs strangers' code wrote it. After a fork's workflow that is so in any case."""


def read_comment(path: Path) -> str:
    """The text of a file, which may come from a job that runs strangers' code.

    Raises:
        UsageError: it is missing, empty, a link, too large, or no text.
    """
    # A link in an unpacked artifact could name any file of this machine.
    if path.is_symlink() or not path.is_file():
        raise UsageError(f"{path} is no plain file", remedy="name the file that `plimsoll gate --markdown` wrote")
    if path.stat().st_size > LARGEST:
        raise UsageError(f"{path} has more than {LARGEST:,} bytes", remedy="a comment has at most a megabyte")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be read as text: {error}", remedy="a comment is a UTF-8 file") from None
    if not text.strip():
        raise UsageError(f"{path} is empty", remedy="a comment has a text")
    return text


def post_comment(
    asked: Asked, environ: Mapping[str, str] | None = None, *, sleep: Callable[[float], None] = time.sleep
) -> Posted:
    """Write the comment, or change the one that there is.

    Args:
        asked: What.
        environ: The CI job's variables; None takes the process's.
        sleep: Waits between attempts.

    Raises:
        UsageError: this is no job of a CI system that is known, or it lacks a token.
        RefusedError: the forge does not let the token do it.
        PassingError: the forge was down at every attempt.
    """
    environ = os.environ if environ is None else environ
    found = circumstances(Path.cwd(), environ)
    work = _Posting(asked, environ, found)
    backoff = Backoff(initial=0.5)
    for attempt in range(ATTEMPTS):
        try:
            return work.once()
        except PassingError as error:
            wait = backoff.wait(attempt) if error.wait is None else error.wait
            if attempt == ATTEMPTS - 1 or wait > LONGEST_WAIT:
                raise
            # From the start: whether a write that got no answer was done is seen in what is there.
            sleep(wait)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RefusedError(
                f"the forge's answer is not what its API promises ({type(error).__name__})", remedy="check its address"
            ) from error
    raise AssertionError("the last attempt returns or raises")


@dataclass(frozen=True, slots=True)
class _Posting:
    asked: Asked
    environ: Mapping[str, str]
    found: Circumstances

    def once(self) -> Posted:
        opened = self._opened()
        if isinstance(opened, str):
            return Posted(Did.NOTHING, notes=(opened,))
        forge, number = opened
        if self._overtaken(forge):
            note = f"pull request {number} stands at another commit than this job's by now: nothing is posted"
            return Posted(Did.NOTHING, forge.name, number, notes=(note,))
        text = Redactor(secrets_of(self.environ)).text(self.asked.text)
        body = comment_text(text, self.asked.key, forge.limit, foreign=self.asked.foreign or self._after_fork())
        return _put(forge, number, self.asked.key, body)

    def _opened(self) -> tuple[Forge, str] | str:
        """The forge and the pull request's number; a sentence where there is none."""
        environ, network = self.environ, http_session_settings(self.environ)
        system = _system(environ)
        built = environ.get("BUILD_REPOSITORY_PROVIDER")
        if system is CiSystem.GITHUB or (system is CiSystem.AZURE and built == "GitHub"):
            return self._github(environ.get("GITHUB_REPOSITORY") or environ.get("BUILD_REPOSITORY_NAME", ""))
        if system is CiSystem.AZURE:
            number = self.asked.number or environ.get("SYSTEM_PULLREQUEST_PULLREQUESTID")
            return (Azure(environ, network, number), number) if number else _about_none(environ)
        # The IID alone: the number of a pull request that GitLab builds for another forge is not one of its own.
        number = self.asked.number or environ.get("CI_MERGE_REQUEST_IID")
        return (GitLab(environ, network, number), number) if number else _about_none(environ)

    def _github(self, repository: str) -> tuple[Forge, str] | str:
        given = checked_number(self.asked.number) if self.asked.number else self.found.pr
        if given is None and not (self._after and self.found.branch and self.found.trigger == "pr"):
            return _about_none(self.environ)
        forge = GitHub(self.environ, http_session_settings(self.environ), repository)
        if self._after:
            open_ = forge.requests_of(self.found.branch or "", self.found.commit or "")
            if not open_ or (given and given not in open_):
                which = f"pull request {given} does not stand" if given else "no open pull request stands"
                return f"{which} at the commit that the workflow ran on: nothing is posted"
            if given is None and len(open_) > 1:
                raise UsageError(
                    f"several pull requests stand at that commit: {', '.join(open_)}", remedy="name one with --pr"
                )
            given = given or open_[0]
        assert given is not None
        return forge.at(given), given

    def _overtaken(self, forge: Forge) -> bool:
        # A job that is slow, or run again, must not write an old commit's verdict over a newer one's.
        commit = commit_of_request(self.environ)
        if commit is None or self.asked.number is not None or self._after:
            return False
        return forge.head() not in (None, commit)

    @property
    def _after(self) -> bool:
        """Whether the job follows another workflow's."""
        return self.environ.get("GITHUB_EVENT_NAME") == "workflow_run"

    def _after_fork(self) -> bool:
        return self._after and ":" in (self.found.branch or "")


def _system(environ: Mapping[str, str]) -> CiSystem:
    system = ci_system(environ)
    if system is not None:
        return system
    raise UsageError(
        "this is no job of GitHub Actions, Azure Pipelines or GitLab CI",
        remedy="elsewhere post the file with your system's own means; docs/ci.md shows how",
    )


def _about_none(environ: Mapping[str, str]) -> str:
    return f"this job of {_system(environ).words} is about no pull or merge request: nothing is posted"


def _put(forge: Forge, number: str, key: str, body: str) -> Posted:
    author = forge.author()
    notes: tuple[str, ...] = ()
    if author is None:
        notes = (f"{forge.name} does not tell whom the token belongs to, so a new comment was written",)
    marked = [found for found in forge.comments() if carries(found.body, key)]
    ours = [found for found in marked if author is not None and found.author == author]
    if len(marked) > len(ours) and author is not None:
        notes = (f"{len(marked) - len(ours)} with the same mark by others: left as they are",)
    if not ours:
        return Posted(Did.CREATED, forge.name, number, forge.create(body), notes)
    newest = max(ours, key=lambda found: found.order)
    if newest.body.strip() == body.strip():
        return Posted(Did.UNCHANGED, forge.name, number, newest.url, notes)
    return Posted(Did.UPDATED, forge.name, number, forge.update(newest, body), notes)
