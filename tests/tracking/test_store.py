from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from plimsoll.config import ProjectSettings, Workspace
from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.tracking import TrackingStore, open_store, sqlite

pytestmark = pytest.mark.mlflow


@contextmanager
def answering(status: int, body: bytes, content_type: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_store_writes_inside_the_workspace_only(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    with open_store(None, workspace, dict(os.environ)) as store:
        assert store.experiment == workspace.root.name
        experiment = store.client.get_experiment(store.experiment_id)
        assert experiment.tags["mlflow.experimentKind"] == "genai_development"
        assert experiment.artifact_location.startswith((workspace.state / "mlartifacts").as_uri())
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert [*(tmp_path / "home").iterdir(), *(tmp_path / "here").iterdir()] == []


def test_the_database_is_in_write_ahead_mode(workspace: Workspace) -> None:
    open_store(None, workspace, dict(os.environ)).close()
    with closing(sqlite3.connect(workspace.state / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_named_experiment_is_shared_and_a_deleted_one_is_told(tmp_path: Path, database: Path) -> None:
    from plimsoll.testing.mlflow_template import workspace_with_store

    workspace = workspace_with_store(tmp_path, database, ProjectSettings(experiment="ferry desk/v2"))
    with open_store(None, workspace, dict(os.environ)) as first, open_store(None, workspace, dict(os.environ)) as other:
        assert first.experiment_id == other.experiment_id
        first.client.delete_experiment(first.experiment_id)
    with (
        open_store(None, workspace, dict(os.environ)) as store,
        pytest.raises(UsageError, match=r"'ferry desk/v2' was deleted.*restore it"),
    ):
        _ = store.experiment_id


def test_several_that_open_a_new_database_make_it_one_after_the_other(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def make(path: Path) -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.05)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (x)")
        inside.pop()

    threads = [threading.Thread(target=sqlite.prepare, args=(tmp_path / "new.db", make, 5.0)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert [path.name for path in tmp_path.glob("*.db")] == ["new.db"]


def test_a_database_whose_making_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    def cut_short(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE half (x)")
        raise KeyboardInterrupt

    def make(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE whole (x)")

    with pytest.raises(KeyboardInterrupt):
        sqlite.prepare(tmp_path / "new.db", cut_short, 5.0)
    assert not (tmp_path / "new.db").exists()
    sqlite.prepare(tmp_path / "new.db", make, 5.0)
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("whole",)]


def test_a_locked_database_is_told_within_the_patience(workspace: Workspace) -> None:
    with closing(sqlite3.connect(workspace.state / "mlflow.db", isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode=WAL")
        holder.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(InfrastructureError, match=r"mlflow\.db can't be written within 0\.2 s.*locked.*another"):
            open_store(None, workspace, dict(os.environ), patience=0.2)
        assert time.monotonic() - began < 5
        holder.execute("ROLLBACK")
    open_store(None, workspace, dict(os.environ), patience=0.2).close()


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database at all, " * 100)
    (tmp_path / "file").write_text("")
    workspace = Workspace(tmp_path, ProjectSettings())
    with pytest.raises(InfrastructureError, match=r"notes\.db is no usable SQLite database: .*the champions' history"):
        open_store("sqlite:///notes.db", workspace, dict(os.environ))
    with pytest.raises(InfrastructureError, match=r"file/mlflow\.db can't be opened: .*MLFLOW_TRACKING_URI"):
        open_store("sqlite:///file/mlflow.db", workspace, dict(os.environ))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows may write a read-only file")
def test_a_read_only_database_is_told(workspace: Workspace) -> None:
    (workspace.state / "mlflow.db").chmod(0o444)
    with pytest.raises(InfrastructureError, match=r"mlflow\.db is read-only.*make the file and its folder writable"):
        open_store(None, workspace, dict(os.environ))


def test_a_server_that_is_not_there_is_told_in_seconds(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://ann:hunter22@127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(InfrastructureError) as raised:
        open_store(address, Workspace(tmp_path, ProjectSettings()), dict(os.environ))
    assert time.monotonic() - began < 10
    assert "no answer from the tracking server http://ann:***@127.0.0.1" in str(raised.value)
    assert "refused" in str(raised.value)
    assert "MLFLOW_TRACKING_URI" in str(raised.value)
    assert "hunter22" not in str(raised.value)


def test_a_server_that_accepts_and_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(InfrastructureError, match=r"no answer from the tracking server .*timed out"):
            open_store(address, Workspace(tmp_path, ProjectSettings()), dict(os.environ))
        assert time.monotonic() - began < 10


def test_a_server_that_refuses_us_or_is_something_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path, ProjectSettings())
    with (
        answering(401, b"who are you", "text/plain") as address,
        pytest.raises(InfrastructureError, match=r"refuses us: 401 who are you.*\(set MLFLOW_TRACKING_USERNAME"),
    ):
        open_store(address, workspace, dict(os.environ))
    named = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "not-hers-at-all"}
    token = {"MLFLOW_TRACKING_TOKEN": "no-such-token"}
    for given, told in ((named, "MLFLOW_TRACKING_PASSWORD are set: check both"), (token, "TOKEN is set: check it")):
        with monkeypatch.context() as patch, answering(401, b"who are you", "text/plain") as address:
            for name, value in given.items():
                patch.setenv(name, value)
            with pytest.raises(InfrastructureError) as raised:
                open_store(address, workspace, dict(os.environ))
        assert told in (raised.value.remedy or "")
    with (
        answering(200, b"<p>a shop</p>", "text/html") as address,
        pytest.raises(InfrastructureError, match=r"does not answer like an MLflow server: 200"),
    ):
        open_store(address, workspace, dict(os.environ))


def test_what_mlflow_says_is_told_without_secrets(workspace: Workspace) -> None:
    environ = {**os.environ, "OPENAI_API_KEY": "sk-planted-123"}
    with open_store(None, workspace, environ) as store:

        def fail() -> None:
            raise ValueError("request with sk-planted-123\nfailed")

        with pytest.raises(InfrastructureError) as raised:
            store.call("writing params", fail)
    assert str(raised.value).startswith("writing params (sqlite:///")
    assert "request with [OPENAI_API_KEY redacted] failed" in str(raised.value)


def test_a_locked_moment_is_waited_out(workspace: Workspace) -> None:
    calls = []

    def locked_twice() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise sqlite3.OperationalError("database is locked")
        return "done"

    with open_store(None, workspace, dict(os.environ)) as store:
        assert isinstance(store, TrackingStore)
        assert store.call("writing", locked_twice) == "done"


def test_a_run_that_was_logged_through_a_server_is_told_as_one_where_only_the_database_is_left(
    workspace: Workspace,
) -> None:
    with open_store(None, workspace, {}) as store:
        made = store.client.create_experiment("served", artifact_location="mlflow-artifacts:/1")
        run = store.client.create_run(made).info.run_id
        with pytest.raises(InfrastructureError) as raised:
            store.call("reading the run", store.client.list_artifacts, run)
    assert raised.value.message.endswith("mlflow.db): it was logged through a server, which has the files")
    assert raised.value.remedy == "start that server, and set MLFLOW_TRACKING_URI to it"


def test_what_mlflow_says_at_length_is_cut_at_a_word(workspace: Workspace) -> None:
    def fail() -> None:
        raise ValueError("sentences " * 100)

    with (
        open_store(None, workspace, {}) as store,
        pytest.raises(InfrastructureError, match=r": sentences .* sentences …") as raised,
    ):
        store.call("reading", fail)
    assert len(raised.value.message) < 700
