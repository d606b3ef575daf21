"""The same behaviour on SQLite, through a server over SQLite, and through a server over PostgreSQL.

What is there in the end is counted in the database itself, past MLflow and past our own code.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from plimsoll.config import ProjectSettings, TargetSettings, TrackingPolicy, Workspace
from plimsoll.errors import FailureKind, InfrastructureError
from plimsoll.registry import Bundle, Evidence, StaleChampionError, champion, history, load_bundle, promote, rollback
from plimsoll.stats.summary import summarise
from plimsoll.testing.mlflow_server import NoMlflowServerError, mlflow_server
from plimsoll.testing.mlflow_template import workspace_with_store
from plimsoll.testing.postgres import NoPostgresError, postgres_server
from plimsoll.testing.reports import example_report
from plimsoll.tracking import (
    Attachments,
    LoggedRun,
    MlflowRegistryStore,
    PromptText,
    TrackingStore,
    attach,
    log_run,
    open_store,
)
from plimsoll.tracking.redact import TrackingRedactor
from plimsoll.types import Decision, Failed, Failure, Report, Scored

pytestmark = pytest.mark.mlflow

NOW = "2026-10-01T12:00:00Z"
ALL = TrackingPolicy(traces="all")
OPENERS = Path(__file__).with_name("openers.py")


@dataclass(frozen=True)
class Backend:
    """Where runs go, and the database in which they end."""

    uri: str
    database: str

    def open(self, folder: Path, experiment: str) -> TrackingStore:
        workspace = Workspace(folder, ProjectSettings(experiment=experiment))
        return open_store(self.uri, workspace, dict(os.environ))

    def ask(self, sql: str, **values: object) -> list[Any]:
        """What the database answers."""
        import sqlalchemy

        engine = sqlalchemy.create_engine(self.database, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sqlalchemy.text(sql), values)]


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Backend:
    workspace = workspace_with_store(tmp_path_factory.mktemp("sqlite"), database)
    uri = f"sqlite:///{workspace.state / 'mlflow.db'}"
    return Backend(uri, uri)


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[Backend]:
    copy = shutil.copy(database, tmp_path_factory.mktemp("http") / "mlflow.db")
    try:
        with mlflow_server(f"sqlite:///{copy}") as server:
            yield Backend(server.address, server.store)
    except NoMlflowServerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Backend]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(mlflow_server(stack.enter_context(postgres_server()).make("mlflow")))
        except (NoPostgresError, NoMlflowServerError) as error:
            pytest.skip(str(error))
        yield Backend(server.address, server.store)


long = pytest.mark.long
EVERYWHERE = [pytest.param("sqlite"), pytest.param("http", marks=long), pytest.param("postgres", marks=long)]
# A server takes ten seconds to start: one road through it belongs to the tests that always run.
ONE_SERVER = [pytest.param("sqlite"), pytest.param("http"), pytest.param("postgres", marks=long)]


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


def log(store: TrackingStore, report: Report, folder: Path) -> LoggedRun:
    (folder / "report.html").write_text("<p>a report</p>")
    attached = Attachments({"report.html": folder / "report.html"}, "name: ferry-desk\n", {"branch": "main"})
    return log_run(store, report, summarise(report), attached, policy=ALL)


def counted(backend: Backend, experiment: str) -> dict[str, int]:
    """How many of each an experiment has, by SQL."""
    of_traces = "{} WHERE trace_id IN (SELECT request_id FROM trace_info WHERE experiment_id = :e)"
    rows = {
        "runs": "runs WHERE experiment_id = :e",
        "traces": "trace_info WHERE experiment_id = :e",
        "spans": of_traces.format("spans"),
        "assessments": of_traces.format("assessments"),
        "links": "entity_associations WHERE destination_type = 'run' AND source_type = 'trace' "
        "AND source_id IN (SELECT request_id FROM trace_info WHERE experiment_id = :e)",
        "params": "params WHERE run_uuid IN (SELECT run_uuid FROM runs WHERE experiment_id = :e)",
        "metrics": "metrics WHERE run_uuid IN (SELECT run_uuid FROM runs WHERE experiment_id = :e)",
        "datasets": "datasets WHERE experiment_id = :e",
    }
    return {name: backend.ask(f"SELECT COUNT(*) FROM {which}", e=int(experiment))[0][0] for name, which in rows.items()}


@pytest.mark.parametrize("backend", ONE_SERVER, indirect=True)
def test_a_run_arrives_whole_and_logged_again_it_is_there_once(backend: Backend, tmp_path: Path) -> None:
    report = example_report(cases=12, targets=("v1", "v2"))
    with backend.open(tmp_path, "whole") as store:
        logged = log(store, report, tmp_path)
        assert logged.unsynced is None
        first = counted(backend, store.experiment_id)
        again = log(store, report, tmp_path)
        assert (again.parent, again.targets, again.unsynced) == (logged.parent, logged.targets, None)
        run = store.client.get_run(logged.targets["v2"])
        folder = store.client.download_artifacts(logged.targets["v2"], "", str(tmp_path))
    given = sum(isinstance(score, Scored | Failed) for cell in report.cells for score in cell.scores.values())
    expectations = sum(report.cases[cell.cell.case].expected is not None for cell in report.cells)
    assert (first["runs"], first["traces"], first["links"]) == (3, len(report.cells), len(report.cells))
    assert first["assessments"] == given + expectations
    assert first["spans"] >= first["traces"]
    assert first["datasets"] == 1
    assert counted(backend, store.experiment_id) == first
    assert run.data.params["dataset_digest"] == report.run.dataset_digest
    assert run.data.metrics["token_f1/mean"] == summarise(report).targets["v2"].metrics["token_f1"].mean
    assert run.data.tags["plimsoll.branch"] == "main"
    assert pq.read_table(Path(folder, "cells.parquet")).num_rows == len(list(report.of_target("v2")))


@pytest.mark.parametrize("backend", ONE_SERVER, indirect=True)
def test_a_verdict_is_attached_and_read_back(backend: Backend, tmp_path: Path) -> None:
    report = example_report(cases=2, targets=("v1",))
    verdict = tmp_path / "verdict.json"
    verdict.write_text('{"outcome": "pass"}')
    with backend.open(tmp_path, "verdict") as store:
        logged = log(store, report, tmp_path)
        for _ in range(2):
            run = attach(store, report.run.id, {"gate/verdict.json": verdict}, target="v1", tags={"plimsoll.v": "pass"})
        assert run == logged.targets["v1"]
        there = store.client.download_artifacts(run, "gate/verdict.json", str(tmp_path))
        assert Path(there).read_bytes() == verdict.read_bytes()
        attach(store, report.run.id, {"verdict.json": verdict}, target="v1", outdated=["gate/verdict.json", "no/file"])
        assert store.client.list_artifacts(run, "gate") == []
        assert "verdict.json" in {file.path for file in store.client.list_artifacts(run)}
    tags = backend.ask("SELECT value FROM tags WHERE run_uuid = :run AND key = 'plimsoll.v'", run=run)
    assert tags == [("pass",)]


@pytest.mark.parametrize("backend", EVERYWHERE, indirect=True)
def test_what_a_resumed_run_s_traces_said_of_older_answers_is_gone(backend: Backend, tmp_path: Path) -> None:
    made = example_report(cases=3, targets=("v1", "v2"), flawless=True, hostile=False)
    right = {"exact_match": Scored(value=True, passed=True)}
    report = replace(made, cells=tuple(replace(cell, scores=cell.scores | right) for cell in made.cells))
    first, *rest = report.cells
    failure = Failure(kind=FailureKind.SERVER, message="down", remedy="wait")
    bad = {"exact_match": Scored(value=False, passed=False), "token_f1": Failed(failure=failure)}
    older = replace(first, scores=first.scores | bad, cached=True)
    query = (
        "SELECT c.value, r.value, t.key FROM trace_tags t "
        "JOIN trace_tags o ON o.request_id = t.request_id AND o.key = 'plimsoll.run' AND o.value = :run "
        "JOIN trace_tags c ON c.request_id = t.request_id AND c.key = 'plimsoll.case' "
        "JOIN trace_tags r ON r.request_id = t.request_id AND r.key = 'plimsoll.target'"
    )
    with backend.open(tmp_path, "resumed") as store:

        def logged(run: str, **changed: Any) -> set[Any]:
            now = replace(report, run=replace(report.run, id=run, complete="cells" not in changed), **changed)
            assert log(store, now, tmp_path).unsynced is None
            return set(backend.ask(query, run=run))

        whole = logged("whole")
        gone = {
            "plimsoll.cached",
            "plimsoll.fails.exact_match",
            "plimsoll.fails.token_f1",
            "plimsoll.flips.exact_match",
        }
        assert {key for *_, key in logged("resumed", cells=(older, *rest)) - whole} == gone
        assert logged("resumed") == whole


@pytest.mark.parametrize("backend", EVERYWHERE, indirect=True)
def test_of_several_that_make_a_record_one_wins_and_all_learn_which(backend: Backend, tmp_path: Path) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        stores = [MlflowRegistryStore(stack.enter_context(backend.open(tmp_path, "records"))) for _ in range(8)]
        for round_ in range(3):
            answers = pool.map(
                lambda pair, key=f"champion.seq{round_}": pair[1].create_record("raced", key, f"by {pair[0]}"),
                enumerate(stores),
            )
            told = set(answers)
            assert len(told) == 1
            assert {stores[0].records("raced")[f"champion.seq{round_}"]} == told


def bundle(text: str) -> Bundle:
    return Bundle.of(TargetSettings(prompt="p.jinja2"), {}, {"p.jinja2": text.encode()})


def move(store: MlflowRegistryStore, text: str, expected: str | None) -> Any:
    new = bundle(text)
    evidence = Evidence(text.encode(), new.digest, Decision.PASS, "run", "v", expected)
    return promote(store, "desk", new, evidence, who=text, now=NOW, expected_champion=expected)


@pytest.mark.parametrize("backend", EVERYWHERE, indirect=True)
def test_what_is_promoted_and_rolled_back_is_what_the_registry_reads(backend: Backend, tmp_path: Path) -> None:
    with backend.open(tmp_path, "moves") as tracking:
        store = MlflowRegistryStore(tracking)
        assert champion(store, "desk") is None
        move(store, "one", None)
        move(store, "two", bundle("one").digest)
        with pytest.raises(StaleChampionError):
            move(store, "three", bundle("one").digest)
        rollback(store, "desk", who="ann", now=NOW)
    # Another process would see the same: nothing is read from what the first store remembered.
    with backend.open(tmp_path, "moves") as tracking:
        store = MlflowRegistryStore(tracking)
        found = champion(store, "desk")
        assert found is not None
        assert found.digest == bundle("one").digest
        assert store.aliases("desk")["champion"] == found.version
        assert [(entry.action, entry.who) for entry in history(store, "desk")] == [
            ("promote", "one"),
            ("promote", "two"),
            ("rollback", "ann"),
        ]
        assert load_bundle(store, "desk", bundle("two").digest).files == bundle("two").files
        assert "desk" in store.models()


@pytest.mark.parametrize("backend", EVERYWHERE, indirect=True)
def test_prompts_have_versions_and_aliases(backend: Backend, tmp_path: Path) -> None:
    text = "{% for w in words %}{{ w }}{% endfor %} café ☃"
    with backend.open(tmp_path, "prompts") as tracking:
        store = MlflowRegistryStore(tracking)
        numbers = [store.create_prompt("greet", PromptText(said), {"n": said[:3]}) for said in (text, "two", "three")]
        store.set_prompt_alias("greet", "production", numbers[0])
        store.set_prompt_alias("greet", "production", numbers[1])
        assert numbers == [1, 2, 3]
        assert [version.content.text for version in store.prompts("greet")] == [text, "two", "three"]
        assert [version.number for version in store.prompts("greet", {"n": "two"})] == [2]
        assert store.prompt_alias("greet", "production") == 2
        assert store.prompt_alias("greet", "staging") is None


def test_the_character_that_postgresql_refuses_leaves_in_no_text() -> None:
    shown = TrackingRedactor({"A_KEY": "planted-1"}).value({"a\0b": ["\0", {"c": "planted-1\0"}, 7]})
    assert shown == {"a\ufffdb": ["\ufffd", {"c": "[A_KEY redacted]\ufffd"}, 7]}


@long
def test_of_several_processes_that_open_a_new_postgres_database_none_fails(tmp_path: Path) -> None:
    try:
        with postgres_server() as server:
            done = subprocess.run(
                [sys.executable, str(OPENERS), server.make("new"), str(tmp_path), "4"],
                stdout=subprocess.PIPE,
                text=True,
                timeout=300,
                check=True,
            )
            with pytest.raises(InfrastructureError, match=r"tracking database .* can't be opened: .*does not exist"):
                open_store(server.uri("nowhere"), Workspace(tmp_path, ProjectSettings()), dict(os.environ))
    except NoPostgresError as error:
        pytest.skip(str(error))
    seen = json.loads(done.stdout)
    assert len(seen) == 4
    assert len(set(seen)) == 1
    assert seen[0].isdecimal()


@long
def test_a_server_that_does_not_start_tells_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no database at all, " * 100)
    with (
        pytest.raises(InfrastructureError, match=r"(?s)server ended while it started.*file is not a database"),
        mlflow_server(f"sqlite:///{tmp_path}/notes.db"),
    ):
        pass


@long
def test_a_server_ends_with_whoever_started_it(tmp_path: Path, database: Path) -> None:
    copy = shutil.copy(database, tmp_path / "mlflow.db")
    script = (
        "import os, time; from plimsoll.testing.mlflow_server import mlflow_server\n"
        f"with mlflow_server('sqlite:///{copy}') as server: print(server.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        group = int(starter.stdout.readline())
        os.killpg(group, 0)
        starter.kill()
    for _ in range(300):
        if not members(group):
            break
        time.sleep(0.1)
    assert members(group) == []


def members(group: int) -> list[int]:
    """The processes of a group that still run; a zombie is left to whoever adopted it."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, belongs = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(belongs) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found
