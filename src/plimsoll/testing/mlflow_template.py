"""A migrated MLflow database for tests: making one takes seconds, copying it takes none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from filelock import FileLock

from plimsoll.config import ProjectSettings, Workspace
from plimsoll.tracking import open_store


def migrated_database(folder: Path) -> Path:
    """An empty, migrated SQLite store in `folder`, made by whoever asks first; never to be opened, only copied."""
    template = folder / "mlflow-template" / "mlflow.db"
    with FileLock(folder / "mlflow-template.lock"):
        if not template.exists():
            making = folder / "mlflow-making" / "mlflow.db"
            workspace = Workspace(folder, ProjectSettings())
            open_store(f"sqlite:///{making.as_posix()}", workspace, dict(os.environ)).close()
            making.parent.rename(template.parent)
    return template


def workspace_with_store(root: Path, template: Path, settings: ProjectSettings | None = None) -> Workspace:
    """A workspace whose own tracking store is a copy of the template."""
    workspace = Workspace(root, settings or ProjectSettings())
    workspace.state.mkdir(parents=True, exist_ok=True)
    shutil.copy(template, workspace.state / "mlflow.db")
    return workspace
