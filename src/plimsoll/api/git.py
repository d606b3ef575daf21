"""What git says of the workspace."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GitState:
    """Where the workspace stands; all None outside git."""

    commit: str | None = None
    dirty: bool | None = None
    """Tracked files differ from the commit."""
    branch: str | None = None


def git_state(root: Path) -> GitState:
    """The state of the repository that holds `root`."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
        branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return GitState()
    return GitState(commit, dirty, branch)


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603  # fixed words
    return done.stdout.strip()
