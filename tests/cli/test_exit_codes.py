"""One exit code for each answer, and none of them by accident."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.api.parts import SUITE, Desk, edit
from tests.cli.parts import plimsoll

from plimsoll.config import Workspace
from plimsoll.errors import ExitCode
from plimsoll.testing import Reply

GATE = SUITE[SUITE.index("gate:") :]
NO_BASELINE = "gate:\n  target: v1\n  baseline: none\n  rules:\n    - {metric: exact_match, at_least: 0.5}\n"


@pytest.fixture
def desk_suite(workspace: Workspace) -> Workspace:
    edit(workspace.root, "suites/desk.yaml", GATE, NO_BASELINE)
    return workspace


def test_pass_fail_and_inconclusive_are_three_answers(desk_suite: Workspace, desk: Desk, capsys):
    passed = plimsoll(capsys, "gate", "desk", "--no-track")
    assert (passed.code, passed.out.split()[0]) == (0, "PASS")
    few = plimsoll(capsys, "gate", "desk", "--no-track", "--sample", "5", "--json")
    assert few.code == few.document["exit_code"] == 3
    assert few.document["suites"][0]["attestation"] is None
    desk.wrong["one"] = set(range(12))
    failed = plimsoll(capsys, "gate", "desk", "--no-track", "--no-cache", "--json")
    assert failed.code == failed.document["exit_code"] == 1
    assert failed.document["suites"][0]["verdict"] == "fail"


def test_missing_cells_below_the_budget_are_inconclusive(desk_suite: Workspace, desk: Desk, capsys):
    edit(desk_suite.root, "suites/desk.yaml", "gate:", "max_failed: 0.2\ngate:")
    desk.replies[5] = Reply(status=400, body={"error": {"message": "refused"}})
    assert plimsoll(capsys, "run", "desk", "--no-track").code == 0
    assert plimsoll(capsys, "gate", "desk", "--no-track").code == 3


def test_an_evaluator_that_scored_nothing_is_no_success_of_a_run(desk_suite: Workspace, desk: Desk, capsys):
    edit(desk_suite.root, "suites/desk.yaml", "  - short", "  - short\n  - token_f1: {expected: answer}")
    ran = plimsoll(capsys, "run", "desk", "--no-track")
    assert ran.code == 3
    assert "not one score: token_f1 of v1, token_f1 of v2; each failed" in " ".join(ran.out.split())
    decided = plimsoll(capsys, "gate", "desk", "--no-track")
    assert decided.code == 0  # no rule asks for it
    edit(desk_suite.root, "suites/desk.yaml", "metric: exact_match", "metric: token_f1")
    assert plimsoll(capsys, "gate", "desk", "--no-track").code == 3


def test_an_endpoint_that_is_down_is_infrastructure(desk_suite: Workspace, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    edit(desk_suite.root, "suites/desk.yaml", "retries: 0", "retries: 4")
    for command in ("run", "gate"):
        ended = plimsoll(capsys, command, "desk", "--no-track")
        assert ended.code == 4
        said = " ".join(ended.out.split())
        # All twelve are under way at once, and may fail each by itself before the endpoint counts as down.
        assert "gave up before all cells were run" in said or "12 of 12 cells of v1 failed" in said
        assert "scripted at http://127.0.0.1:9/v1: the connection was refused; is the server running?" in said


def test_an_unusable_tracking_store_costs_a_run_a_note_and_a_promotion_everything(
    desk_suite: Workspace, monkeypatch, capsys
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    ran = plimsoll(capsys, "run", "desk")
    assert ran.code == 0
    assert "not everything is in MLflow: MLflow's tracking URI './mlruns' is no server" in " ".join(ran.out.split())
    assert plimsoll(capsys, "gate", "desk", "--no-track").code == 0
    promoted = plimsoll(capsys, "promote", "desk")
    assert promoted.code == 2
    assert "a folder of files can't hold a registry" in " ".join(promoted.err.split())


def test_a_fault_in_plimsoll_itself_is_infrastructure_and_never_a_verdict(desk_suite: Workspace, capsys):
    # A run id that is a folder's name and holds a plan that is none: something that no check foresees.
    state = desk_suite.state
    state.mkdir(exist_ok=True)
    (state / "runs").write_text("not a folder", encoding="utf-8")
    ended = plimsoll(capsys, "run", "desk", "--no-track", "--json")
    assert ended.code == ended.document["exit_code"] == 4
    assert ended.document["suites"] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "dsk"), "no suite named 'dsk'"),
        (("run", "--smaple", "3"), "No such option: --smaple"),
        (("gate", "desk", "--sample", "-1"), "Invalid value for '--sample'"),
        (("run", "desk", "--filter", "odd"), "--filter 'odd' is not FIELD=VALUE"),
        (("promote",), "Missing argument 'SUITE'"),
        (("-C", "nowhere", "list"), "nowhere"),
        (("report", "nothing"), "no run 'nothing'"),
        (("compare", "v1", "v2"), "no run has a target 'v1'"),
    ],
)
def test_what_can_not_be_done_is_usage_and_told_as_json_too(words, told, workspace: Workspace, capsys):
    ended = plimsoll(capsys, *words, "--json")
    assert ended.code == ended.document["exit_code"] == 2
    assert told in " ".join(ended.err.split())
    assert told in ended.document["mistakes"][0]["message"]


def test_the_help_fits_a_terminal_of_80_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    told = plimsoll(capsys, "--help").out
    assert "Exit codes:" in told
    assert max(map(len, told.splitlines())) <= 80


def test_outside_a_workspace_the_remedy_is_init(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ended = plimsoll(capsys, "run")
    assert ended.code == 2
    assert "error: no workspace here" in ended.err
    assert "help: run `plimsoll init` to start one" in ended.err


def test_of_several_suites_each_runs_and_the_first_cause_that_applies_is_the_code(
    desk_suite: Workspace, desk: Desk, capsys
):
    text = (desk_suite.root / "suites" / "desk.yaml").read_text(encoding="utf-8")
    for name, suite in (
        ("a_broken", text.replace("name: desk", "name: a_broken").replace("exact_match\n", "exact_mach\n")),
        ("b_strict", text.replace("name: desk", "name: b_strict").replace("target: v1\n", "target: v2\n")),
    ):
        (desk_suite.root / "suites" / f"{name}.yaml").write_text(suite, encoding="utf-8")
    desk.wrong["two"] = set(range(12))
    ended = plimsoll(capsys, "gate", "--no-track", "--json")
    assert ended.code == 2
    assert [suite["suite"] for suite in ended.document["suites"]] == ["b_strict", "desk"]
    assert [suite["verdict"] for suite in ended.document["suites"]] == ["fail", "pass"]
    assert ended.document["mistakes"][0]["file"] == "suites/a_broken.yaml"
    (desk_suite.root / "suites" / "a_broken.yaml").unlink()
    assert plimsoll(capsys, "gate", "--no-track").code == 1
    assert plimsoll(capsys, "run", "--no-track").code == 0
    told = plimsoll(capsys, "gate", "--no-track", "--target", "v1")
    assert (told.code, "these options are about one suite" in told.err) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="the pipe of a POSIX shell")
def test_a_reader_that_left_is_never_taken_for_a_pass(workspace: Workspace):
    # The reader closes before anything is written.
    command = f"{sys.executable} -m plimsoll.cli.main list; echo code $? >&2"
    process = subprocess.Popen(command, shell=True, cwd=workspace.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    process.wait()
    assert said == f"code {int(ExitCode.INFRASTRUCTURE)}\n"


@pytest.mark.mlflow
def test_doctor_tells_of_an_environment_that_a_library_was_to_be_in(tracked: Workspace, capsys):
    table = '[tool.plimsoll.environments]\nragas = ".venvs/ragas"\n'
    (tracked.root / "pyproject.toml").write_text(table, encoding="utf-8")
    ended = plimsoll(capsys, "doctor", "--json")
    assert ended.code == 4
    [ragas] = [finding for finding in ended.document["findings"] if finding["what"] == "ragas"]
    assert (ragas["state"], ragas["remedy"]) == ("problem", "make it: `uv venv .venvs/ragas`")
    [others] = [each for each in ended.document["findings"] if each["what"] == "evaluators of other libraries"]
    assert "mlflow 3." in others["detail"]


def test_doctor_says_what_is_reachable_and_ends_with_infrastructure_where_something_is_not(
    tracked: Workspace, monkeypatch, capsys
):
    good = plimsoll(capsys, "doctor")
    assert good.code == 0
    assert "ok MLflow: sqlite:///" in " ".join(good.out.split())
    assert "ok      model main of desk: " in good.out
    assert "\n        export PLIMSOLL_SIGNING_KEY=key.pem\n" in good.out
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("COLUMNS", "60")
    shown = plimsoll(capsys, "doctor").out
    told = shown[shown.index("problem model main of desk") :]
    assert max(map(len, told.splitlines())) <= 60
    assert "\n        → check base_url, network and proxy;\n        `plimsoll doctor` tries the connection\n" in told
    bad = plimsoll(capsys, "doctor", "--json")
    assert bad.code == bad.document["exit_code"] == 4
    [finding] = [finding for finding in bad.document["findings"] if finding["state"] == "problem"]
    assert finding["what"] == "model main of desk"
    assert "the connection was refused; is the server running?" in finding["detail"]
