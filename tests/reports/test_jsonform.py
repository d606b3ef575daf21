import json

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from plimsoll.errors import ConfigError, ExitCode, Mistake, UsageError, Where
from plimsoll.reports.jsonform import (
    encode,
    error_document,
    gate_document,
    gate_form,
    json_schemas,
    run_document,
    run_form,
)
from plimsoll.stats import summarise
from plimsoll.testing.reports import HOSTILE_TEXTS, example_report, example_verdict


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def printed(document):
    return json.loads(encode(document), parse_constant=refuse)


@pytest.fixture(scope="module")
def entry(report):
    return run_form(report, summarise(report), mlflow_run_id="4f5e", html="report.html")


def test_a_run(entry, snapshot):
    assert encode(run_document([entry], ExitCode.PASS)).decode() == snapshot


def test_a_gate(report, entry, snapshot):
    gate = gate_form(entry, example_verdict(report), attestation="attestation.json")
    assert encode(gate_document([replace(gate, targets={})], ExitCode.FAIL)).decode() == snapshot


def test_the_shapes_have_the_promised_keys(report, entry):
    run = printed(run_document([entry], ExitCode.PASS))
    gate = printed(gate_document([gate_form(entry, example_verdict(report))], ExitCode.FAIL))
    assert run.keys() == {"exit_code", "suites"}
    suite = run["suites"][0]
    assert suite.keys() == {"run", "suite", "seconds", "requests", "cost", "targets", "mlflow_run_id", "report"}
    target = suite["targets"]["v1"]
    assert target.keys() == {
        *("cells", "ok", "failed", "skipped", "cached", "cost", "judge_cost"),
        *("metrics", "aggregates"),
    }
    assert target["metrics"]["token_f1"].keys() == {"mean", "low", "high", "n", "failed", "skipped", "missing"}
    decided = gate["suites"][0]
    of_gate = {"target", "baseline", "verdict", "reasons", "rules", "attestation"}
    assert of_gate | {"look", "cells_saved", "requests_saved"} <= decided.keys() - suite.keys()
    wanted = {"metric", "rule", "outcome", "estimate", "low", "high", "n", "missing", "detectable", "reason", "flipped"}
    assert wanted <= decided["rules"][0].keys()


def test_cells_add_up(entry):
    for target in entry.targets.values():
        assert target.cells == target.ok + target.failed + target.skipped


def test_what_is_unknown_is_null(entry):
    found = printed(run_document([entry], ExitCode.PASS))["suites"][0]["targets"]["v1"]
    assert found["cost"] is None
    assert found["metrics"]["tone"]["mean"] is None
    assert found["metrics"]["latency_p95"]["high"] is None


def test_a_figure_that_is_not_finite_is_null(report, entry):
    verdict = example_verdict(report)
    rule = replace(
        verdict.rules[1], estimate=float("nan"), low=float("-inf"), high=float("inf"), detectable=float("inf")
    )
    gate = gate_form(entry, replace(verdict, rules=(rule,)))
    found = printed(gate_document([gate], ExitCode.INCONCLUSIVE))["suites"][0]["rules"][0]
    assert [found[name] for name in ("estimate", "low", "high", "detectable")] == [None] * 4


def test_what_is_printed_fits_its_schema(report, entry):
    schemas = json_schemas()
    gate = gate_form(entry, example_verdict(report))
    Draft202012Validator.check_schema(schemas["run"])
    Draft202012Validator(schemas["run"]).validate(printed(run_document([entry], ExitCode.PASS)))
    Draft202012Validator(schemas["gate"]).validate(printed(gate_document([gate], ExitCode.FAIL)))
    assert not Draft202012Validator(schemas["gate"]).is_valid(printed(run_document([entry], ExitCode.PASS)))


def test_an_error_has_no_suites_and_all_mistakes():
    error = ConfigError(
        [Mistake("unknown key 'datset'", Where("a.yaml", 3), "did you mean 'dataset'?"), Mistake("wrong")]
    )
    assert printed(error_document(error)) == {
        "exit_code": 2,
        "suites": [],
        "mistakes": [
            {"message": "unknown key 'datset'", "file": "a.yaml", "line": 3, "remedy": "did you mean 'dataset'?"},
            {"message": "wrong", "file": None, "line": None, "remedy": None},
        ],
    }
    Draft202012Validator(json_schemas()["run"]).validate(printed(error_document(UsageError("no such suite"))))


def test_hostile_text_comes_back_as_it_was(report, entry):
    bad = " ".join(HOSTILE_TEXTS)
    gate = gate_form(entry, replace(example_verdict(report), reasons=(bad,)))
    assert printed(gate_document([gate], ExitCode.FAIL))["suites"][0]["reasons"] == [bad]


def test_a_report_of_nothing_is_a_document_too():
    empty = example_report(0, targets=("v1",), flawless=True)
    found = printed(run_document([run_form(empty, summarise(empty))], ExitCode.INCONCLUSIVE))
    assert found["suites"][0]["targets"]["v1"]["metrics"]["token_f1"]["mean"] is None
