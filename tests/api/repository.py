"""A real git repository around the small workspace."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_WHO = {
    name: value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in ((f"GIT_{role}_NAME", "desk"), (f"GIT_{role}_EMAIL", "desk@example.org"))
}


def git(root: Path, *words: str) -> str:
    """What a git command in `root` says."""
    # No settings of this machine: a signing key or a hook of its owner has no place here.
    environ = {**os.environ, **_WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True, env=environ)
    return done.stdout.strip()


def commit(root: Path, message: str = "a change") -> str:
    """Commit all that there is under `root`, in a new repository unless it lies in one; the commit."""
    if not git_folder(root):
        git(root, "init", "--quiet", "--initial-branch", "main")
        (root / ".gitignore").write_text(".plimsoll/\n__pycache__/\n", encoding="utf-8")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(root, "rev-parse", "HEAD")


def git_folder(root: Path) -> bool:
    """Whether `root` lies in a repository."""
    return any((folder / ".git").exists() for folder in (root, *root.parents))
