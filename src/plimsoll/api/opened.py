"""What every move in the registry begins with: the suite, the registry, who acts and when."""

from __future__ import annotations

import getpass
import subprocess
from datetime import UTC, datetime

from plimsoll.config import Suite, Workspace, environment
from plimsoll.tracking import MlflowRegistryStore, RegistryStore, open_store


def load_suite(workspace: Workspace, name: str) -> Suite:
    """A suite by its name or path.

    Raises:
        UsageError: there is none.
        ConfigError: every mistake in its file.
    """
    return workspace.load_suite(workspace.find_suite(name))[0]


def registry_store(workspace: Workspace) -> RegistryStore:
    """The registry of the workspace's tracking store.

    Raises:
        InfrastructureError: it can't be reached.
    """
    return MlflowRegistryStore(open_store(None, workspace, environment(workspace.root)))


def author(workspace: Workspace) -> str:
    """Who acts, for the history: git's user, else the login name."""
    try:
        words = ["git", "-C", str(workspace.root), "config", "user.name"]
        name = subprocess.run(words, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603  # fixed words
    except (OSError, subprocess.SubprocessError):
        name = ""
    try:
        return name or getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def now_utc() -> str:
    """ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
