import json
import re
import runpy

import pytest
from ruamel.yaml import YAML
from tests.cli.parts import plimsoll
from tests.docs.pages import DOCS, block_with, blocks

from plimsoll.api import init_workspace
from plimsoll.config import Suite
from plimsoll.datasets import Card
from plimsoll.prompts import load_prompt
from plimsoll.testing.endpoint import ScriptedEndpoint
from plimsoll.testing.mlflow_template import migrated_database, workspace_with_store


def yaml(text):
    return YAML(typ="safe").load(text)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command as a user does: its exit code and what it printed, blanks at the ends of lines apart."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def command(*words):
        ended = plimsoll(capsys, *words)
        return ended.code, "\n".join(line.rstrip() for line in (ended.out + ended.err).splitlines())

    return command


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """Runs a script in the folder of the test: what it printed."""
    monkeypatch.chdir(tmp_path)

    def script(text):
        path = tmp_path / "example.py"
        path.write_text(text, encoding="utf-8")
        capsys.readouterr()
        runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    return script


def test_the_whole_suite_on_the_page_is_one():
    suite = Suite.model_validate(yaml(block_with(DOCS / "suites.md", "yaml", "name: support-qa")))
    assert suite.gate is not None


@pytest.mark.parametrize("words", ["targets:\n  port", "defaults:"])
def test_parts_of_a_suite_on_the_page_fit_into_one(words):
    whole = yaml(block_with(DOCS / "suites.md", "yaml", "name: support-qa"))
    part = yaml(block_with(DOCS / "suites.md", "yaml", words))
    del whole["gate"]
    assert part.keys() <= Suite.model_validate({**whole, **part}).model_fields_set


def test_the_models_on_the_page_are_read():
    models = yaml(block_with(DOCS / "models.md", "yaml", "models:"))["models"]
    suite = {"name": "x", "dataset": "d.jsonl", "targets": {"t": {"function": "a:b"}}, "evaluators": ["latency"]}
    assert Suite.model_validate({**suite, "models": models}).models.keys() == models.keys()


def test_the_card_on_the_page_is_one():
    assert Card.model_validate(yaml(block_with(DOCS / "datasets.md", "yaml", "licence:"))).min_cases == 20


def test_the_rows_on_the_page_are_cases():
    from plimsoll.datasets import from_rows

    rows = [json.loads(block) for block in blocks(DOCS / "datasets.md", "json")]
    assert from_rows(rows).check().cases == len(rows) == 3


def test_the_prompty_on_the_page_loads_and_renders(tmp_path):
    path = tmp_path / "answers.prompty"
    path.write_text(block_with(DOCS / "prompts.md", "text", "configuration:"), encoding="utf-8")
    prompt = load_prompt(path, path)
    assert [message["role"] for message in prompt.render({"question": "When?"})] == ["system", "user"]


def test_the_template_on_the_page_gives_the_history_back(tmp_path):
    path = tmp_path / "history.jinja2"
    path.write_text(block_with(DOCS / "prompts.md", "jinja", "chat_history"), encoding="utf-8")
    history = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "At 8."}]
    assert list(load_prompt(path, path).render({"chat_history": history})) == history


def test_the_mistakes_of_the_tour_are_told_as_the_tour_says(tmp_path, run):
    init_workspace(tmp_path, "embedded")
    for name, old, new in (
        ("suites/first.yaml", "token_f1:", "token_f2:"),
        ("prompts/first.v2.prompty", "{{page}}", "{{pgae}}"),
    ):
        path = tmp_path / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    path = tmp_path / "datasets/first.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[2] = lines[2].replace('"expected"', '"expcted"')
    path.write_text("\n".join(lines), encoding="utf-8")
    told = block_with(DOCS / "tour.md", "console", "error: 3 mistakes").partition("\n")[2].rstrip()
    assert run("run", "first") == (2, told)


def test_what_the_tour_shows_of_validate_and_of_try_is_what_they_print(tmp_path, run):
    init_workspace(tmp_path, "embedded")
    code, found = run("validate")
    told = block_with(DOCS / "tour.md", "console", "plimsoll init tour").split("$ plimsoll validate\n")[1].strip()
    assert (code, found.split()) == (0, told.split())
    block = block_with(DOCS / "prompts.md", "console", "--render")
    words = ["-v", "page=A lock costs 3 euros.", "-v", "question=How much is a lock?", "--render"]
    code, found = run("try", "prompts/first.v2.prompty", *words)
    assert code == 0
    assert found.startswith(block.partition("\n")[2].partition("…")[0])


def test_the_first_python_example_prints_what_the_page_says(printed):
    first, second, *_ = blocks(DOCS / "python.md", "python")
    table, _, wrong = printed(f"{first}\nprint('--')\n{second}").partition("--\n")
    assert table.rstrip() == blocks(DOCS / "python.md", "text")[0].rstrip()
    assert sorted(line.split()[0] for line in wrong.splitlines()) == ["case", "closing", "deposit", "opening"]


@pytest.mark.long
@pytest.mark.mlflow
def test_the_other_python_examples_run(tmp_path, tmp_path_factory, printed, monkeypatch):
    init_workspace(tmp_path / "tour", "openai")
    workspace_with_store(tmp_path / "tour", migrated_database(tmp_path_factory.getbasetemp().parent))

    def answer(request):
        return re.findall(r"Page: (.*)", request["messages"][-1]["content"])[0]

    with ScriptedEndpoint(answer) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        said = printed("\n".join(blocks(DOCS / "python.md", "python")[2:]))
    assert said.startswith("PASS ")
    assert "version 1 is the champion" in said
