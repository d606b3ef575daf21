"""The road on labelled data with the embedded model: a judge of that size is not to be believed, and it is said so."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from tests.calibration.parts import write_labels, write_workspace

from plimsoll.api import CalibrationOptions, GateOptions, RunOptions, calibrate, gate_suite
from plimsoll.errors import ConfigError
from plimsoll.runs.observer import Silent

pytestmark = pytest.mark.long

_ROOT = Path(__file__).resolve().parents[2]
_BEGIN = Path(os.environ.get("PLIMSOLL_SHARED") or _ROOT.parent / "shared") / "data" / "begin" / "begin_dev_wow.tsv"
SUITE = """\
name: desk
dataset: datasets/desk.jsonl
models:
  judge: {provider: embedded, temperature: 0, max_tokens: 30}
targets:
  v1: {prompt: prompts/v1.jinja2, model: judge}
evaluators:
  - judge: {prompt: evaluators/supported.prompty, name: supported, model: judge, pass_if: ">= 4"}
gate: {target: v1, baseline: none, judges: certified, rules: [{metric: supported, at_least: 3}]}
"""
PROMPT = """\
---
model:
  api: chat
  parameters:
    response_format:
      type: json_schema
      json_schema:
        name: judgement
        strict: true
        schema:
          type: object
          properties:
            reason: {type: string, pattern: "^[a-z ]{3,12}$"}
            score: {type: integer, enum: [1, 2, 3, 4, 5]}
          required: [reason, score]
          additionalProperties: false
judge:
  spares: [filler, unrelated, forged role, question]
inputs:
  question: {type: string}
  output: {type: string}
  nonce: {type: string}
---
system:
Does the source support the answer? 5 yes, 1 no.

user:
Source: {{question}}
{{nonce}}
{{output}}
{{nonce}}
"""


@pytest.mark.embedded
@pytest.mark.skipif(not _BEGIN.is_file(), reason="no BEGIN: set PLIMSOLL_SHARED to the folder that holds data/begin")
def test_the_embedded_model_is_not_certified_on_begin_and_a_gate_refuses_it(tmp_path: Path):
    with _BEGIN.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))[:1]
    labels = [
        {"question": row["knowledge"], "output": row["response"], "label": row["begin_label"] == "Fully attributable"}
        for row in rows
    ]
    workspace = write_workspace(tmp_path, SUITE)
    (tmp_path / "evaluators/supported.prompty").write_text(PROMPT, encoding="utf-8")
    options = CalibrationOptions(labels=write_labels(tmp_path / "begin.jsonl", labels), repeats=1)
    found = calibrate(workspace, "supported", options)
    assert not found.certificate.certified
    assert "not to be believed" in found.certificate.statement
    assert found.certificate.figures.answers == len(labels)
    assert any("among the labels" in reason for reason in found.certificate.reasons)
    with pytest.raises(ConfigError, match="the judge of 'supported' is not certified"):
        gate_suite(workspace, "desk", GateOptions(run=RunOptions(track=False)), Silent())
