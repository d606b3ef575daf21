from __future__ import annotations

import math
import re

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.stats.summary import summarise
from plimsoll.testing.reports import example_report
from plimsoll.tracking.records import (
    cut,
    metrics_of,
    run_metrics,
    run_note,
    run_tags,
    safe_name,
    target_params,
)
from plimsoll.types import TargetInfo

VALID = re.compile(r"^[\w.\-/ ]{1,250}$")


def test_every_metric_is_logged_with_its_interval_its_counts_and_its_slices_under_stable_names() -> None:
    summary = summarise(example_report(cases=40, flawless=True))
    found = metrics_of(summary.targets["v2"])
    for name in ("mean", "low", "high", "n", "failed", "skipped", "missing", "slice.fares/mean", "slice.fares/n"):
        assert f"token_f1/{name}" in found
    part = summary.targets["v2"].slices["fares"]["token_f1"]
    assert found["token_f1/slice.fares/low"] == part.low
    assert found["token_f1/slice.fares/high"] == part.high
    assert found["token_f1/mean"] == summary.targets["v2"].metrics["token_f1"].mean
    assert {"latency_p50/mean", "latency_p95/mean", "tone/label.formal", "run/cells", "run/ok"} <= set(found)
    assert all(math.isfinite(value) for value in found.values())


def test_a_figure_that_is_not_known_is_left_out_and_never_zero() -> None:
    report = example_report(cases=2, targets=("v1",))
    nothing = metrics_of(summarise(type(report)(run=report.run, cases=report.cases, cells=())).targets["v1"])
    assert "token_f1/mean" not in nothing
    assert nothing["token_f1/n"] == 0
    assert nothing["token_f1/missing"] == 2
    assert "run/tokens" not in nothing


def test_what_the_cells_tell_beside_the_figures_stands_with_the_targets_own() -> None:
    target = summarise(example_report(cases=3)).targets["v1"]
    assert metrics_of(target, {"latency_p90": 1.5, "prompt_tokens": 9}).items() >= {
        ("run/latency_p90", 1.5),
        ("run/prompt_tokens", 9.0),
    }


def test_the_parent_has_the_whole_runs_figures_and_a_table_of_its_targets() -> None:
    report = example_report(cases=8, targets=("v1", "v|2"))
    report = replace(report, run=replace(report.run, requests=20, cost=None))
    summary = summarise(report)
    found = run_metrics(report, summary)
    assert found["run/cells"] == 16
    assert found["run/ok"] + found["run/failed"] + found["run/missing"] == 16
    assert (found["run/targets"], found["run/requests"]) == (2, 20)
    assert "run/cost" not in found
    head, blank, *table = run_note(summary).splitlines()
    assert (head, blank) == ("8 cases; mean with its 95% interval", "")
    assert table[:2] == ["|  | v1 | v\\|2 |", "| --- | --- | --- |"]
    (row,) = (line for line in table if line.startswith("| token_f1 "))
    metric = summary.targets["v1"].metrics["token_f1"]
    assert row.split(" | ")[1] == f"{metric.mean:.3g} [{metric.low:.3g}, {metric.high:.3g}]"
    assert not any("tone" in line for line in table), "a label has no mean"


def test_settings_are_flattened_and_long_values_say_that_they_were_cut() -> None:
    report = example_report(cases=1)
    info = TargetInfo(
        name="v1",
        kind="flow",
        digest="sha256:1",
        model="local",
        identity={"model": {"temperature": 0.2, "stop": ["a", "b"]}, "files": {"flows/a.py": "x" * 7000}},
    )
    params = target_params(report, info, 7)
    assert params["setting.model.temperature"] == "0.2"
    assert params["setting.model.stop"] == '["a", "b"]'
    assert params["setting.files.flows.a.py"] == cut("x" * 7000, 6000)
    assert params["setting.files.flows.a.py"].endswith("…")
    assert {"seed", "sample", "repeats", "git_commit", "git_dirty", "dataset_digest", "target_digest"} <= set(params)


def test_tags_make_a_run_findable() -> None:
    report = example_report(cases=1)
    tags = run_tags(report, {"branch": "main", "trigger": "nightly", "team.owner": "desk", "pr": ""})
    assert tags["plimsoll.run"] == report.run.id
    assert (tags["plimsoll.branch"], tags["plimsoll.trigger"], tags["team.owner"]) == ("main", "nightly", "desk")
    assert "plimsoll.pr" not in tags
    assert tags["plimsoll.targets"] == ", ".join(report.run.targets)
    assert (tags["mlflow.source.type"], tags["mlflow.source.git.branch"]) == ("LOCAL", "main")
    sources = [run_tags(report, {}, gate=gate)["mlflow.source.name"] for gate in (False, True)]
    assert sources == [f"plimsoll {command} {report.run.suite}" for command in ("run", "gate")]
    assert run_tags(report, {"ci_url": "https://ci.example/7"})["mlflow.source.type"] == "JOB"


@given(st.lists(st.text(min_size=1, max_size=300), min_size=2, max_size=2, unique=True))
def test_any_name_becomes_one_that_mlflow_takes_and_two_names_stay_two(names: list[str]) -> None:
    first, second = (safe_name(name) for name in names)
    assert VALID.match(first)
    assert VALID.match(second)
    assert first != second
