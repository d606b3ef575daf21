from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.config import ProjectSettings, Workspace
from plimsoll.errors import UsageError
from plimsoll.tracking import locate

SERVER = "http://tracking.example:5000"


def workspace(root: Path, tracking_uri: str | None = None) -> Workspace:
    return Workspace(root, ProjectSettings(tracking_uri=tracking_uri))


def test_caller_goes_over_environment_over_settings_over_the_workspaces_own_database(tmp_path: Path) -> None:
    settings = workspace(tmp_path, "http://settings")
    environ = {"MLFLOW_TRACKING_URI": "http://environment"}
    assert locate("http://caller", settings, environ).uri == "http://caller"
    assert locate(None, settings, environ).uri == "http://environment"
    assert locate(None, settings, {"MLFLOW_TRACKING_URI": " "}).uri == "http://settings"
    assert locate(None, workspace(tmp_path), {}).database == tmp_path / ".plimsoll" / "mlflow.db"


def test_a_relative_database_is_in_the_workspace_or_where_the_environment_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    home = workspace(tmp_path / "ws", "sqlite:///runs.db")
    assert locate(None, home, {}).database == tmp_path / "ws" / "runs.db"
    assert locate(None, home, {"MLFLOW_TRACKING_URI": "sqlite:///runs.db"}).database == here / "runs.db"
    assert locate(f"sqlite:///{tmp_path}/a.db", home, {}).uri == f"sqlite:///{tmp_path}/a.db"


def test_files_lie_beside_the_database_and_with_a_server_on_the_server(tmp_path: Path) -> None:
    local = locate(None, workspace(tmp_path), {})
    assert local.artifacts == (tmp_path / ".plimsoll" / "mlartifacts").as_uri()
    assert not local.remote
    assert locate(SERVER, workspace(tmp_path), {}).artifacts is None
    postgres = locate("postgresql+psycopg2://u@db/mlflow", workspace(tmp_path), {})
    assert postgres.artifacts == (tmp_path / ".plimsoll" / "mlartifacts").as_uri()


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "sqlite:///:memory:", "sqlite://", "s3://bucket"])
def test_what_can_hold_no_registry_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(UsageError, match=r"sqlite:///FILE"):
        locate(uri, workspace(tmp_path), {})


def test_a_password_in_the_address_is_never_shown(tmp_path: Path) -> None:
    location = locate("https://ann:hunter22@tracking.example/base/", workspace(tmp_path), {})
    assert location.password == "hunter22"
    assert location.shown == "https://ann:***@tracking.example/base/"
    assert location.page("1", "abc") == "https://ann:***@tracking.example/base/#/experiments/1/runs/abc"
