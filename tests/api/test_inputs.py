"""The files that a suite's results depend on, and when they count as changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.api.parts import SUITE, cases, edit, write_cases, write_workspace

from plimsoll.api.affected_inputs import case_texts
from plimsoll.api.inputs import anything_in, changed, glance, inputs_of, look
from plimsoll.api.prepare import prepare

FLOW = "inputs: {question: {type: string}}\noutputs: {answer: {type: string, reference: '${a.output}'}}\nnodes: []\n"
JUDGE = """\
---
inputs: {output: {type: string}}
---
system:
{% include "parts/scale.jinja2" %}
user:
{{ output }}
"""
FILES = {
    "prompts/v1.jinja2": "{% include 'parts/tone.jinja2' %} one {{ question }}",
    "prompts/parts/tone.jinja2": "Be kind.",
    "evaluators/_words.py": "from shared.limits import LIMIT\n",
    "src/shared/limits.py": "LIMIT = 3\n",
    "quarantine/desk.yaml": "cases: []\n",
    "schemas/own.json": "{}",
    "evaluators/kind.prompty": JUDGE,
    "evaluators/parts/scale.jinja2": "Say 1 to 5.",
    "targets/bot.py": "from rules import RULE\ndef answer(question): return RULE\n",
    "targets/rules.py": "RULE = 'x'\n",
    "targets/clean.py": "def clean(text): return text\n",
    "answers/old.jsonl": json.dumps({"id": "c0", "output": "x"}) + "\n",
    "flows/port/flow.dag.yaml": FLOW,
    "flows/port/terms.txt": "x",
    "pyproject.toml": "[tool.plimsoll]\n",
    ".env": "NAME=x\n",
}
UNUSED = {"README.md": "x", "prompts/v9.jinja2": "x", "suites/other.yaml": "name: other\n", "datasets/x.jsonl": "{}"}
TARGETS = """\
  bot: {function: "targets/bot.py:answer"}
  old: {recorded: answers/old.jsonl, transform: {function: "targets/clean.py:clean"}}
  port: {flow: flows/port}
evaluators:
  - judge: {prompt: evaluators/kind.prompty, model: main}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_workspace(tmp_path / "w", SUITE.replace("evaluators:\n", TARGETS), {**FILES, **UNUSED}).root


@pytest.fixture
def inputs(root: Path) -> frozenset[Path]:
    workspace = write_workspace(root, SUITE.replace("evaluators:\n", TARGETS), FILES)
    write_cases(root, cases(1, evaluators=[{"json_schema": {"file": "schemas/own.json"}}]))
    prepared = prepare(workspace, "desk")
    return inputs_of(prepared, tuple(case_texts(prepared.dataset, prepared.found)))


def test_everything_that_a_suite_names_and_what_that_includes_is_an_input(inputs: frozenset[Path], root: Path):
    used = {*FILES, "suites/desk.yaml", "prompts/v2.jinja2", "datasets/desk.jsonl", "evaluators/short.py"}
    names = {path.relative_to(root).as_posix() for path in inputs}
    assert names >= used
    # A card or a certificate that is written later changes what is read.
    certificates = {f"evaluators/certificates/{name}.json" for name in ("exact_match", "judge", "kind", "short")}
    assert names - used == {"datasets/desk.card.yaml", *certificates}
    assert anything_in(write_workspace(root)) >= {root / name for name in UNUSED if name != "README.md"}


def test_only_another_content_is_a_change(inputs: frozenset[Path], root: Path):
    prompt, card = root / "prompts" / "v2.jinja2", root / "datasets" / "desk.card.yaml"
    before = look(inputs)
    assert changed(before, look(inputs, before)) == ()
    prompt.write_text(prompt.read_text())
    assert changed(before, look(inputs, before)) == ()
    seen = glance(inputs)
    replacement = prompt.with_suffix(".tmp")
    replacement.write_text(prompt.read_text())
    replacement.replace(prompt)
    assert changed(before, look(inputs, before)) == ()
    assert changed(seen, glance(inputs), touched=True) == (prompt,)
    edit(root, "prompts/v2.jinja2", "two", "six")
    card.write_text("name: x\n")
    (root / ".env").unlink()
    assert set(changed(before, look(inputs, before))) == {prompt, card, root / ".env"}
