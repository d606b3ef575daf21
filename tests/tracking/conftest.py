from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.config import Workspace
from plimsoll.testing.mlflow_template import migrated_database, workspace_with_store


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The parent of the base folder is shared by the workers of one test run.
    return migrated_database(tmp_path_factory.getbasetemp().parent)


@pytest.fixture
def workspace(tmp_path: Path, database: Path) -> Workspace:
    return workspace_with_store(tmp_path / "workspace", database)
