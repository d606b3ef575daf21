"""A promoted bundle as an MLflow model: it answers as in a run, refuses what was altered, and leaves nothing behind."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.api.parts import Desk
from tests.registry.parts import move
from tests.targets.flow_parts import FLOWS

from plimsoll.api.pyfunc import BundleModel, load_bundle_model
from plimsoll.config import ModelSettings, TargetSettings, TransformStep, Workspace
from plimsoll.errors import CellError, ConfigError, UsageError
from plimsoll.registry import Bundle, TamperedError, make_bundle, materialise
from plimsoll.registry.model_files import LOADER, model_files
from plimsoll.testing import Reply, ScriptedEndpoint
from plimsoll.tracking import MlflowRegistryStore, open_store

MODELS = {"main": ModelSettings(model="scripted", base_url="${OPENAI_BASE_URL}", retries=0, concurrency=4)}
PROMPT = TargetSettings(prompt="p.jinja2", model="main")
COUNTING = """\
import os

def answer(question: str) -> dict:
    return {"answer": question.upper(), "process": os.getpid()}
"""


def prompt_bundle(settings: TargetSettings = PROMPT) -> Bundle:
    return Bundle.of(settings, MODELS, {"p.jinja2": b"one {{ question }}"})


def function_bundle() -> Bundle:
    return Bundle.of(TargetSettings(function="code.py:answer"), {}, {"code.py": COUNTING.encode()})


@pytest.fixture
def loaded(endpoint: ScriptedEndpoint, tmp_path: Path) -> Iterator[Callable[[Bundle], BundleModel]]:
    """Loads a bundle from a folder, as MLflow does."""
    models: list[BundleModel] = []

    def load(bundle: Bundle) -> BundleModel:
        models.append(load_bundle_model(materialise(bundle, tmp_path / f"bundle{len(models)}"), bundle.digest))
        return models[-1]

    yield load
    for model in models:
        model.close()


def asking(*numbers: int) -> list[dict[str, Any]]:
    return [{"question": f"question {number}"} for number in numbers]


@pytest.mark.parametrize(
    "rows",
    [
        asking(1, 2),
        pd.DataFrame(asking(1, 2)),
        {"question": pd.Series(["question 1", "question 2"]).to_numpy()},
        [{"id": "x", "expected": "never sent", **row} for row in asking(1, 2)],
    ],
    ids=["dicts", "frame", "arrays", "with a case's other fields"],
)
def test_each_row_is_answered_in_order_whatever_form_the_rows_have(loaded: Callable[..., BundleModel], rows: Any):
    assert loaded(prompt_bundle()).predict(rows) == ["answer 1", "answer 2"]


def test_one_dict_is_one_row(loaded: Callable[..., BundleModel]):
    assert loaded(prompt_bundle()).predict({"question": "question 3"}) == ["answer 3"]


def test_what_is_structured_transformed_or_a_call_comes_as_it_was_scored(
    loaded: Callable[..., BundleModel], desk: Desk
):
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    desk.replies[1] = Reply(text='{"answer": 7}')
    desk.replies[2] = Reply(text=None, tool_calls=[call], finish_reason="tool_calls")
    wanted = PROMPT.model_copy(update={"parameters": {"stop": ["x"]}})
    transformed = loaded(prompt_bundle(wanted.model_copy(update={"transform": TransformStep(json_path="$.answer")})))
    assert transformed.predict(asking(1)) == [7]
    [message] = loaded(prompt_bundle(wanted)).predict(asking(2))
    assert (message["role"], message["tool_calls"][0]["function"]["name"]) == ("assistant", "look")


def test_a_row_without_an_answer_is_an_error_with_its_place_and_kind(loaded: Callable[..., BundleModel], desk: Desk):
    desk.replies[2] = Reply(status=400, body={"error": {"message": "no such thing"}})
    model = loaded(prompt_bundle())
    with pytest.raises(CellError, match=r"row 2: invalid_request: .*no such thing") as raised:
        model.predict(asking(1, 2, 3))
    assert raised.value.remedy in str(raised.value)
    desk.replies.clear()
    assert model.predict(asking(2)) == ["answer 2"]
    with pytest.raises(CellError, match=r"row 1: template: .*question"):
        model.predict([{"other": "x"}])


@pytest.mark.parametrize("rows", ["question 1", ["question 1"], [], [{}], [{"question": object()}]])
def test_rows_that_are_none_are_refused(loaded: Callable[..., BundleModel], rows: Any):
    with pytest.raises(UsageError, match="rows can't be"):
        loaded(prompt_bundle()).predict(rows)


def test_it_answers_in_many_threads_and_inside_a_running_loop(loaded: Callable[..., BundleModel], desk: Desk):
    model = loaded(prompt_bundle())
    desk.delay = 0.02
    found: dict[int, Any] = {}

    def ask(number: int) -> None:
        found[number] = model.predict(asking(number))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [f"answer {number}"] for number in range(12)}

    async def in_a_notebook() -> Any:
        return model.predict(asking(20))

    assert asyncio.run(in_a_notebook()) == ["answer 20"]


def test_a_function_answers_from_one_worker_that_ends_with_the_model(loaded: Callable[..., BundleModel]):
    settings = TargetSettings(function="code.py:answer", output="process")
    model = loaded(Bundle.of(settings, {}, {"code.py": COUNTING.encode()}))
    [first], [second] = model.predict([{"question": "a"}]), model.predict([{"question": "b"}])
    assert first == second != os.getpid()
    model.close()
    assert not Path(f"/proc/{first}").exists() or sys.platform != "linux"
    with pytest.raises(UsageError, match="is closed"):
        model.predict([{"question": "a"}])


def test_who_asks_while_it_is_closed_is_told_that(loaded: Callable[..., BundleModel], desk: Desk):
    model = loaded(prompt_bundle())
    desk.delay = 60.0
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(model.predict, asking(1)) for _ in range(3)]
        while desk.requests < 3:
            time.sleep(0.01)
        model.close()
    assert [type(answer.exception()) for answer in answers] == [UsageError] * 3
    assert all("is closed" in str(answer.exception()) for answer in answers)


@pytest.mark.parametrize("change", ["byte", "settings", "added"])
def test_what_was_altered_is_refused_when_it_is_loaded(tmp_path: Path, change: str):
    folder = materialise(function_bundle(), tmp_path / "bundle")
    if change == "byte":
        (folder / "code.py").write_text(COUNTING.replace("upper", "lower"))
    elif change == "added":
        (folder / "os.py").write_text("")
    else:
        manifest = json.loads((folder / "bundle.json").read_bytes())
        manifest["settings"]["timeout"] = 1.0
        (folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(TamperedError, match=r"is not the bundle sha256:"):
        load_bundle_model(folder)


def test_another_whole_bundle_is_refused_where_its_digest_is_asked_for(tmp_path: Path):
    folder = materialise(function_bundle(), tmp_path / "bundle")
    with pytest.raises(TamperedError, match=f"is not the bundle {prompt_bundle().digest}"):
        load_bundle_model(folder, prompt_bundle().digest)


def test_what_it_lacks_is_told_when_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    folder = materialise(prompt_bundle(), tmp_path / "bundle")
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL"):
        load_bundle_model(folder)


def test_the_folder_of_the_store_is_only_read(loaded: Callable[..., BundleModel], tmp_path: Path):
    bundle = function_bundle()
    folder = materialise(bundle, tmp_path / "stored")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    model = load_bundle_model(folder, bundle.digest)
    shutil.move(folder, tmp_path / "elsewhere")
    assert model.predict([{"question": "a"}])[0]["answer"] == "A"
    model.close()
    after = {path: path.read_bytes() for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()}
    assert list(after.values()) == list(before.values())


PROGRAM = """\
import json, os, subprocess, sys
from pathlib import Path
import mlflow

uri, digest, rows, altered = sys.argv[1:]
mlflow.set_tracking_uri(uri)

def load():
    return mlflow.pyfunc.load_model("models:/support-qa@champion", model_config={"digest": digest})

model = load()
answers = model.predict(json.loads(rows))
ps = ["ps", "-o", "pid=", "--ppid", str(os.getpid())]
children = subprocess.run(ps, capture_output=True, text=True).stdout.split()
Path(altered).write_text("two {{ question }}")
try:
    load()
except Exception as error:
    print(json.dumps([answers, [int(child) for child in children], f"{type(error).__name__}: {error}"]))
"""


def in_a_fresh_process(workspace: Workspace, bundle: Bundle, altered: str) -> tuple[Any, list[int], str]:
    """What MLflow's own loader makes of the promoted bundle: answers, child processes, and then what it says of an
    altered file."""
    with open_store(None, workspace, dict(os.environ)) as tracking:
        move(MlflowRegistryStore(tracking), bundle, None)
    [stored] = workspace.state.rglob(f"models/*/bundle/{altered}")
    uri = f"sqlite:///{(workspace.state / 'mlflow.db').as_posix()}"
    words = [sys.executable, "-c", PROGRAM, uri, bundle.digest, json.dumps(asking(1, 2)), str(stored)]
    environ = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=workspace.root, env=environ, check=False)
    assert done.returncode == 0, done.stderr
    answers, children, refusal = json.loads(done.stdout)
    return answers, children, refusal


@pytest.mark.mlflow
def test_what_is_stored_for_a_bundle_is_a_model_that_mlflow_loads(endpoint: ScriptedEndpoint, tmp_path: Path):
    with warnings.catch_warnings():
        # MLflow's own, about itself.
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

    for path, data in model_files(prompt_bundle()).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    model = mlflow.pyfunc.load_model(str(tmp_path))
    assert model.predict(asking(1)) == ["answer 1"]
    assert model.metadata.metadata["plimsoll.digest"] == prompt_bundle().digest
    assert len(endpoint.requests) == 1
    with pytest.raises(TamperedError):
        mlflow.pyfunc.load_model(str(tmp_path), model_config={"digest": function_bundle().digest})


@pytest.mark.long
@pytest.mark.mlflow
def test_mlflow_loads_the_champion_which_answers_and_an_altered_one_is_refused(tracked: Workspace, desk: Desk):
    answers, _, refusal = in_a_fresh_process(tracked, prompt_bundle(), "p.jinja2")
    assert answers == ["answer 1", "answer 2"]
    assert refusal.startswith("TamperedError: ")
    assert "p.jinja2 (changed)" in refusal
    assert desk.requests == 2
    # MLflow writes into a version's folder when it loads it: beside the bundle.
    assert len(list(tracked.state.rglob("models/*/registered_model_meta"))) == 1


@pytest.mark.long
@pytest.mark.mlflow
@pytest.mark.promptflow
@pytest.mark.skipif(find_spec("promptflow") is None, reason="promptflow is not installed (extra: promptflow)")
def test_mlflow_loads_a_flow_which_answers_and_leaves_no_process(tracked: Workspace):
    flow = tracked.root / "flows" / "desk"
    shutil.copytree(FLOWS / "desk", flow, ignore=shutil.ignore_patterns("__pycache__", ".promptflow"))
    settings = TargetSettings(flow="flows/desk", model="main", output="text", init={"greeting": "one"})
    bundle = make_bundle(tracked.root, [path for path in flow.rglob("*") if path.is_file()], settings, MODELS)
    answers, children, refusal = in_a_fresh_process(tracked, bundle, "flows/desk/desk.py")
    assert answers == ["answer 1", "answer 2"]
    assert "desk.py (changed)" in refusal
    assert len(children) > 1
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    [requirements] = tracked.state.rglob("models/*/requirements.txt")
    assert "plimsoll-llm[promptflow]==" in requirements.read_text()


def test_the_module_that_every_promoted_model_names_is_this_one():
    assert BundleModel.__module__ == LOADER
