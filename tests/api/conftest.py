from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.parts import Desk, write_workspace

from plimsoll.config import Workspace
from plimsoll.testing import ScriptedEndpoint
from plimsoll.testing.mlflow_template import migrated_database


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def endpoint(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedEndpoint]:
    """The model that the workspace's suites ask, by the usual variable."""
    for name in ("OPENAI_API_KEY", "MLFLOW_TRACKING_URI", "PLIMSOLL_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    with ScriptedEndpoint(desk) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server
        assert not server.errors


@pytest.fixture
def workspace(tmp_path: Path, endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The small workspace, as the current folder."""
    found = write_workspace(tmp_path / "desk")
    monkeypatch.chdir(found.root)
    return found


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The parent of the base folder is shared by the workers of one test run.
    return migrated_database(tmp_path_factory.getbasetemp().parent)


@pytest.fixture
def tracked(workspace: Workspace, database: Path) -> Workspace:
    """The workspace with a tracking store of its own."""
    workspace.state.mkdir(exist_ok=True)
    shutil.copy(database, workspace.state / "mlflow.db")
    return workspace
