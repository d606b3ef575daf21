"""A change of the small workspace, from a clone of a bare remote to the steps of a job, with a model and a forge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.api.parts import SUITE, Desk, write_workspace
from tests.api.repository import commit, git
from tests.ci.runner import Job, load, plain_environment, run_action

from plimsoll.testing import ScriptedEndpoint
from plimsoll.testing.forge import LoopbackForge

_GATE = """\
gate:
  target: v1
  rules:
    - {metric: exact_match, not_worse_than: baseline, margin: 0.3}
"""
OTHER = SUITE.partition("gate:")[0].replace("name: desk", "name: other").replace("v1.jinja2", "other.jinja2")


@dataclass
class Change:
    """A pull request that is being made."""

    root: Path
    """The clone, on the request's branch."""
    desk: Desk
    forge: LoopbackForge
    endpoint: ScriptedEndpoint

    def push(self) -> None:
        """Commit all, and push the branch to the remote."""
        commit(self.root)
        git(self.root, "push", "--quiet", "origin", "HEAD")

    def job(self, *, fork: bool = False, event: str = "pull_request", inputs: Mapping[str, str] | None = None) -> Job:
        """A job of the action on a fresh clone of the branch, as a runner makes it."""
        self.push()
        folder = self.root.parent / f"job-{len(list(self.root.parent.iterdir()))}" / "checkout"
        folder.parent.mkdir()
        git(self.root, "clone", "--quiet", "--branch", "fares", str(self.root.parent / "remote.git"), str(folder))
        cells = self.root.parent / "cells"
        if cells.exists():
            # What the step that takes answers from the cache does.
            (folder / ".plimsoll").mkdir()
            (folder / ".plimsoll/cache.db").write_bytes(cells.read_bytes())
        job = Job(folder, self._environment(event), github=self._context(event, fork=fork))
        given = {
            "install": "true",
            "cache": "false",
            "baseline": "merge-base",
            "arguments": "--no-track",
            **(inputs or {}),
        }
        run_action(load("action.yml"), job, **given)
        kept = folder / ".plimsoll/cache.db"
        if kept.exists() and not fork:
            cells.write_bytes(kept.read_bytes())
        return job

    def _environment(self, event: str) -> dict[str, str]:
        more = {
            **self.forge.github(),
            "GITHUB_EVENT_NAME": event,
            "GITHUB_BASE_REF": "main",
            "OPENAI_BASE_URL": self.endpoint.base_url,
            "OPENAI_API_KEY": "sk-scripted-0123456789",
        }
        return plain_environment(**{name: value for name, value in more.items() if name != "GITHUB_TOKEN"})

    def _context(self, event: str, *, fork: bool) -> dict[str, object]:
        head = {"repo": {"full_name": "stranger/desk" if fork else "ferries/desk"}}
        return {
            "event": {"pull_request": {"head": head}},
            "event_name": event,
            "token": self.forge.github()["GITHUB_TOKEN"],
        }

    @property
    def comment(self) -> str:
        """The one comment on the request."""
        assert len(self.forge.comments) == 1
        return self.forge.comments[0].body


@contextmanager
def opened(folder: Path) -> Iterator[Change]:
    """A remote with the workspace on main, a clone of it on a branch `fares`, a model and a forge."""
    root, desk = folder / "clone", Desk()
    suite = SUITE.partition("gate:")[0] + _GATE
    other = f"{OTHER}{_GATE}"
    files = {"suites/other.yaml": other, "prompts/other.jinja2": "other {{ question }}", "README.md": "The desk.\n"}
    write_workspace(root, suite, files, amount=40)
    commit(root)
    git(folder, "init", "--quiet", "--bare", "--initial-branch", "main", str(folder / "remote.git"))
    git(root, "remote", "add", "origin", str(folder / "remote.git"))
    git(root, "push", "--quiet", "origin", "main")
    git(root, "switch", "--quiet", "--create", "fares")
    with ScriptedEndpoint(desk) as endpoint, LoopbackForge() as forge:
        yield Change(root, desk, forge, endpoint)


def rows(root: Path) -> list[dict[str, object]]:
    """The dataset's."""
    return [json.loads(line) for line in (root / "datasets/desk.jsonl").read_text().splitlines()]
