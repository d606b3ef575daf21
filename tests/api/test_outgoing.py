"""What leaves of a run: with privacy settings a copy with less, from which all that is logged is made."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.api.parts import Desk, cases, edit, write_cases
from tests.api.test_gating import without_registry

from plimsoll.api import GateOptions, RunOptions, check_workspace, gate_suite, run_suite
from plimsoll.api.outgoing import OUTGOING, leaving
from plimsoll.api.owed import read_owed
from plimsoll.api.results import SuiteRun
from plimsoll.config import PrivacyPolicy, Workspace
from plimsoll.errors import ConfigError
from plimsoll.runs.join import read_report
from plimsoll.runs.observer import Silent
from plimsoll.runs.plan import load_plan
from plimsoll.testing import Reply
from plimsoll.testing.reports import example_verdict
from plimsoll.testing.writer import thread_writer
from plimsoll.tracking import GateFiles, LogRequest, StoredBaseline
from plimsoll.tracking.contract import DIGEST_TAG, PromptDraft, PromptText

NAME, EMAIL, PHONE = "Ann O'Lee", "ann.lee@example.com", "+49 170 1234567"
SAID = (NAME, EMAIL, PHONE, "O&#x27;Lee", "O&#39;Lee", "1234567")
POLICY = PrivacyPolicy(redact=["customer"], patterns={"phone": r"\+\d[\d ]{7,}"})
NOISY = '''\
def short(output: str, customer: dict) -> bool:
    """Quotes its case when it can't go on."""
    if output.endswith("3"):
        raise ValueError(f"bad customer {customer!r}")
    return True
'''


@pytest.fixture
def private(workspace: Workspace, desk: Desk) -> Workspace:
    """Cases of a customer who is in the prompt, the answers, and a broken evaluator's words."""
    without_registry(workspace)
    customer = {"name": NAME, "email": EMAIL}
    write_cases(workspace.root, cases(customer=customer, note=f"called from {PHONE}"))
    for version, word in (("v1", "one"), ("v2", "two")):
        (workspace.root / f"prompts/{version}.jinja2").write_text(
            f"{word} {{{{ customer.name }}}} ({{{{ customer.email }}}}) {{{{ note }}}}: {{{{ question }}}}",
            encoding="utf-8",
        )
    (workspace.root / "evaluators/short.py").write_text(NOISY, encoding="utf-8")
    message = {"role": "assistant", "content": f"Dear {NAME}, we call {PHONE}"}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "model": "scripted"}
    desk.replies[2] = Reply(body=body)
    desk.replies[4] = Reply(status=400, body={"error": {"message": f"refused: {NAME} <{EMAIL}>"}})
    return workspace


def ran(workspace: Workspace) -> SuiteRun:
    return run_suite(workspace, "desk", RunOptions(track=False), Silent())


def request_for(folder: Path, **more: Any) -> LogRequest:
    files = {name: name for name in ("report.html", "plan.json", "cases.jsonl")}
    return LogRequest(folder=str(folder), files=files, suite_text=f"# {PHONE}\n", **more)


def held(folder: Path, said: tuple[str, ...] = SAID) -> set[str]:
    """What of a folder's files holds something that was to stay."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {f"{path.name}: {each}" for path in files for each in said if each.encode() in plain(path)}


def plain(path: Path) -> bytes:
    """A file's content, unpacked."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_nothing_to_redact_sends_the_run_itself(private: Workspace):
    run = ran(private)
    request = request_for(run.folder)
    assert leaving(PrivacyPolicy(), request).request is request
    assert leaving(POLICY, request).request is not request
    assert leaving(PrivacyPolicy(), request).request is request
    assert not (run.folder / OUTGOING).exists()


def test_a_copy_with_less_leaves_and_the_run_stays_as_it_is(private: Workspace):
    run = ran(private)
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    left = leaving(POLICY, request_for(run.folder))
    assert left.notes == ()
    assert left.request.folder == str(run.folder / OUTGOING)
    assert left.request.suite_text == "# [phone redacted]\n"
    assert held(run.folder / OUTGOING) == set()
    assert {name for name in left.request.files if not (run.folder / OUTGOING / name).is_file()} == set()
    assert {path: path.read_bytes() for path in before} == before

    raw, copy = read_report(run.folder), read_report(run.folder / OUTGOING)
    assert copy.run == raw.run
    assert list(copy.cases) == list(raw.cases)
    assert [case.digest for case in copy.cases.values()] == [case.digest for case in raw.cases.values()]
    assert len(copy.cells) == len(raw.cells) == 24
    for mine, theirs in zip(copy.cells, raw.cells, strict=True):
        assert (mine.cell, mine.key, mine.started, mine.is_failed) == (
            theirs.cell,
            theirs.key,
            theirs.started,
            theirs.is_failed,
        )
    answers = {record.cell.case: record.output.text for record in copy.cells if record.output}
    assert (answers["c1"], answers["c2"]) == ("answer 1", "Dear [customer redacted], we call [phone redacted]")
    assert left.request.summary is not None
    assert left.request.summary.targets["v1"].metrics == run.summary.targets["v1"].metrics


def test_a_gates_attestation_leaves_only_where_its_verdict_says_nothing_that_has_to_stay(private: Workspace):
    edit(private.root, "suites/desk.yaml", "exact_match, at_least: 0.5", "short, at_least: 0.5")
    decided = gate_suite(private, "desk", GateOptions(run=RunOptions(track=False)), Silent())
    folder = decided.run.folder
    assert "bad customer" in decided.verdict.reasons[0]
    gate = folder / "gate/v1"
    files = {name: f"gate/v1/{name}" for name in ("verdict.json", "attestation.json")}
    (gate / "attestation.json").write_text("{}", encoding="utf-8")
    request = request_for(folder, gates={"v1": GateFiles(files=files, outcome="fail")})
    left = leaving(POLICY, request)
    assert left.request.gates["v1"].files == {"verdict.json": "gate/v1/verdict.json"}
    assert left.notes == ("privacy: the attestation of v1 stays here: its verdict names what is redacted",)
    assert held(folder / OUTGOING) == set()
    said = json.loads((folder / OUTGOING / "gate/v1/verdict.json").read_bytes())
    assert "ValueError: bad customer {'name': '[customer redacted]" in said["reasons"][0].replace('"', "'")

    # One that left by an earlier policy is not there any more.
    copy = folder / OUTGOING / "gate/v1"
    (copy / "attestation.json").write_text("{}", encoding="utf-8")
    leaving(POLICY, request)
    assert [path.name for path in copy.iterdir()] == ["verdict.json"]

    whole = leaving(PrivacyPolicy(redact=["note"]), request)
    assert (whole.request.gates["v1"].files, whole.notes) == (files, ())
    assert (folder / OUTGOING / "gate/v1/verdict.json").read_bytes() == (gate / "verdict.json").read_bytes()


def test_a_baseline_in_another_run_leaves_with_less_too(private: Workspace):
    before, run = ran(private), ran(private)
    baseline = StoredBaseline(folder=f"../{before.folder.name}", target="v1")
    left = leaving(POLICY, request_for(run.folder, baseline=baseline)).request
    assert left.baseline is not None
    assert len(read_report(Path(left.folder) / left.baseline.folder).cells) == 24
    assert held(Path(left.folder)) == set()
    assert left.summary is not None
    assert set(left.summary.targets) == {"v1", "v2", "baseline"}


def test_a_verdict_names_a_case_that_only_the_baseline_has_as_its_copy_does(private: Workspace):
    named = cases(customer={"name": NAME, "email": EMAIL})
    write_cases(private.root, [*named, {**named[0], "id": f"{EMAIL} gone"}])
    before = ran(private)
    write_cases(private.root, named)
    run = ran(private)
    verdict = replace(example_verdict(read_report(run.folder), target="v1"), rules=(), gone=(f"{EMAIL} gone",))
    (run.folder / "verdict.json").write_bytes(msgspec.json.encode(verdict))
    gates = {"v1": GateFiles(files={"verdict.json": "verdict.json"}, outcome="fail")}
    baseline = StoredBaseline(folder=f"../{before.folder.name}", target="v1")
    left = leaving(POLICY, request_for(run.folder, baseline=baseline, gates=gates)).request
    assert left.baseline is not None
    [outside] = json.loads((Path(left.folder) / "verdict.json").read_bytes())["gone"]
    assert outside.startswith("[customer redacted] gone ")
    assert outside in read_report(Path(left.folder) / left.baseline.folder).cases
    without = leaving(POLICY, request_for(run.folder, gates=gates)).request
    assert json.loads((Path(without.folder) / "verdict.json").read_bytes())["gone"] == ["[case redacted]"]


def test_patterns_are_sought_in_tags_and_in_what_is_said_of_a_prompt(private: Workspace):
    run = ran(private)
    plan = load_plan(run.folder)
    (run.folder / "plan.json").write_bytes(msgspec.json.encode(replace(plan, git_branch=f"call/{PHONE}")))
    commit, digest = "12345678" * 5, "sha256:" + "12345678" * 8
    tags = {"branch": f"call/{PHONE}", "commit": commit, "mlflow.user": PHONE}
    draft = PromptDraft(
        prompt="desk", content=PromptText("Hello."), tags={DIGEST_TAG: digest, "by": PHONE}, message=f"As {PHONE} said"
    )
    numbered = replace(draft, content=PromptText("Hello.", configuration={"seed": 49170123}))
    request = request_for(run.folder, tags=tags, prompts={"v1": draft, "v2": numbered})
    left = leaving(PrivacyPolicy(patterns={"phone": r"\+?\d[\d ]{7,}"}), request).request
    assert left.tags == {"branch": "call/[phone redacted]", "commit": commit, "mlflow.user": "[phone redacted]"}
    told = left.prompts["v1"]
    assert (told.tags, told.message) == ({DIGEST_TAG: digest, "by": "[phone redacted]"}, "As [phone redacted]said")
    assert set(left.prompts) == {"v1"}
    assert load_plan(Path(left.folder)).git_branch == "call/[phone redacted]"


def test_a_key_in_what_a_case_or_slice_is_called_stays_without_any_policy(private: Workspace):
    key = "sk-planted/0123+456789"
    write_cases(private.root, [{**row, "id": f"{row['id']} {key}", "slices": [key]} for row in cases(4)])
    run = run_suite(private, "desk", RunOptions(track=False), Silent())
    request = request_for(run.folder, summary=run.summary)
    word = {"DESK_PASSWORD": "question"}
    assert leaving(PrivacyPolicy(), request, word).request is request
    left = leaving(PrivacyPolicy(), request, {**word, "DESK_KEY": key})
    assert held(Path(left.request.folder), (key,)) == set()
    report = read_report(Path(left.request.folder))
    assert [case.slices for case in report.cases.values()] == [("[DESK_KEY redacted]",)] * 4
    assert all(name.startswith("c") and "[DESK_KEY redacted]" in name for name in report.cases)
    assert left.request.summary is not None
    assert set(left.request.summary.targets["v1"].slices) == {"[DESK_KEY redacted]"}


def test_a_field_that_is_misspelt_is_told_and_a_prompt_in_which_a_pattern_finds_something_stays(private: Workspace):
    run = ran(private)
    drafts = {
        name: PromptDraft(prompt=name, content=PromptText(text), tags={})
        for name, text in (("v1", "Say hello."), ("v2", f"As to {PHONE}: hello."))
    }
    left = leaving(
        PrivacyPolicy(redact=["custumer"], patterns=POLICY.patterns), request_for(run.folder, prompts=drafts)
    )
    assert set(left.request.prompts) == {"v1"}
    misspelt, stays = left.notes
    assert misspelt.startswith("privacy: no case of this run has custumer, so that nothing was redacted by that name")
    assert misspelt.endswith("(did you mean 'customer'?)")
    assert stays == "privacy: the prompt of v2 stays here: a pattern finds something in it"


def test_a_default_of_the_suite_and_a_filter_by_a_redacted_field_stay(private: Workspace):
    write_cases(private.root, cases(note="n"))
    given = f"evaluators:\n  - exact_match\ndefaults: {{inputs: {{customer: {EMAIL}}}}}\n"
    edit(private.root, "suites/desk.yaml", "evaluators:\n  - exact_match\n  - short\n", given)
    options = RunOptions(track=False, filters=(("customer", EMAIL),), targets=("v1",))
    run = run_suite(private, "desk", options, Silent())
    text = (private.root / "suites/desk.yaml").read_text(encoding="utf-8")
    request = LogRequest(folder=str(run.folder), files={}, suite_text=text)
    left = leaving(PrivacyPolicy(redact=["customer"]), request).request
    assert held(run.folder / OUTGOING, (EMAIL,)) == set()
    assert EMAIL in text
    assert EMAIL not in left.suite_text
    assert read_report(run.folder / OUTGOING).run.filters == (("customer", "[customer redacted]"),)


@pytest.mark.mlflow
def test_what_is_redacted_is_in_nothing_that_was_logged(private: Workspace, tracked: Workspace):
    settings = tracked.settings.model_copy(
        update={"privacy": POLICY, "tracking": tracked.settings.tracking.model_copy(update={"traces": "all"})}
    )
    there = Workspace(tracked.root, settings)
    with thread_writer(there) as writer:
        writer.check()
        run = run_suite(there, "desk", RunOptions(), Silent(), writer=writer)
    assert run.logged is not None
    assert run.logged.unsynced is None
    assert sum(count.arrived for count in run.logged.traces.values()) == 24
    stored = (there.state / "mlflow.db").read_bytes()
    assert b"[customer redacted]" in stored
    assert [each for each in SAID if each.encode() in stored] == []
    assert held(there.state / "mlartifacts") == set()
    assert held(run.folder / OUTGOING) == set()
    assert read_owed(run.folder) is not None


@pytest.mark.mlflow
def test_contents_of_held_out_cases_are_in_nothing_that_was_logged(tracked: Workspace):
    without_registry(tracked)
    edit(tracked.root, "suites/desk.yaml", "evaluators:", "held_out: even\nevaluators:")
    edit(tracked.root, "suites/desk.yaml", "at_least: 0.5", "at_least: 0.1")
    write_cases(tracked.root, cases(24, text="what the customer said"))
    with thread_writer(tracked) as writer:
        writer.check()
        decided = gate_suite(tracked, "desk", GateOptions(), Silent(), writer=writer)
    assert decided.run.logged is not None
    assert decided.run.logged.unsynced is None
    assert decided.attestation is not None
    said = ("question 2", "answer 2", "what the customer said")
    # Figures, ids and the evidence leave.
    stored = (tracked.state / "mlflow.db").read_bytes()
    assert [each for each in said if each.encode() in stored] == []
    assert held(tracked.state / "mlartifacts", said) == set()
    names = {path.name for path in (tracked.state / "mlartifacts").rglob("*")}
    assert {"attestation.json", "verdict.json", "cases.jsonl.gz", "cells.parquet"} <= names


def test_validate_refuses_a_field_that_no_case_of_any_suite_has(private: Workspace):
    def checked(*redact: str) -> str:
        settings = private.settings.model_copy(update={"privacy": PrivacyPolicy(redact=list(redact))})
        with pytest.raises(ConfigError) as caught:
            check_workspace(Workspace(private.root, settings))
        return str(caught.value)

    write_cases(
        private.root,
        [*cases(2), *({**row, "id": f"d{n}", "customer": {"email": EMAIL}} for n, row in enumerate(cases(2)))],
    )
    told = checked("customer.email", "customer.emial", "output")
    assert "pyproject.toml: [tool.plimsoll.privacy] redact: no case of any suite has customer.emial" in told
    assert "did you mean 'customer.email'?" in told
