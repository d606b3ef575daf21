"""A verdict in the tracking store: on the run and on its challenger, to be found and to be charted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.config import TrackingPolicy, Workspace
from plimsoll.errors import UsageError
from plimsoll.stats.summary import summarise
from plimsoll.testing.reports import example_report, example_verdict
from plimsoll.tracking import Attachments, TrackingStore, attach, attach_verdict, log_run, open_store
from plimsoll.tracking.attaching import verdict_metrics, verdict_tags
from plimsoll.tracking.stored_runs import outcomes_of
from plimsoll.types import Decision


@pytest.fixture
def store(workspace: Workspace) -> Iterator[TrackingStore]:
    with open_store(None, workspace, dict(os.environ)) as opened:
        yield opened


def test_each_rule_has_its_estimate_and_limits_under_a_name_of_its_own() -> None:
    report = example_report(cases=2)
    verdict = example_verdict(report, Decision.INCONCLUSIVE)
    found = verdict_metrics(verdict)
    assert {name: value for name, value in found.items() if name.count("/") == 1} == {
        "gate/passed": 0.0,
        "gate/rules": 2.0,
        "gate/rules_failed": 0.0,
        "gate/rules_inconclusive": 1.0,
    }
    absolute, sliced = verdict.rules
    assert found["gate/exact_match/absolute/low"] == absolute.low
    assert found["gate/exact_match/absolute/passed"] == 1.0
    assert found["gate/token_f1/slice.fares/absolute/estimate"] == sliced.estimate
    against = replace(verdict, rules=(replace(sliced, against="champion", low=None), replace(sliced, rule="other")))
    found = verdict_metrics(against)
    assert "gate/token_f1/slice.fares/against.champion/high" in found
    assert "gate/token_f1/slice.fares/against.champion/low" not in found


def test_two_rules_over_the_same_stay_two() -> None:
    verdict = example_verdict(example_report(cases=2))
    first = verdict.rules[0]
    names = verdict_metrics(replace(verdict, rules=(first, replace(first, rule="at least 0.9"))))
    assert len([name for name in names if name.endswith("/estimate")]) == 2


def test_a_verdict_that_is_no_evidence_has_no_word_that_a_promotion_could_be_looked_up_by() -> None:
    verdict = example_verdict(example_report(cases=2), Decision.PASS)
    assert verdict_tags(verdict, evidence=True)["plimsoll.verdict"] == "pass"
    tags = verdict_tags(verdict, evidence=False)
    assert tags["plimsoll.attested"] == "false"
    assert tags["plimsoll.gate"].startswith("pass: ")
    assert "plimsoll.verdict" not in tags


@pytest.mark.mlflow
def test_run_and_challenger_tell_the_newest_verdict_and_twice_is_once(store: TrackingStore) -> None:
    report = example_report(cases=2, targets=("v1", "v2"), flawless=True)
    none = TrackingPolicy(traces="none")
    logged = log_run(store, report, summarise(report), Attachments({}, ""), policy=none)
    runs = (logged.parent or "", logged.targets["v2"])
    for when, outcome in ((1e9, Decision.PASS), (2e9, Decision.FAIL), (3e9, Decision.FAIL)):
        verdict = example_verdict(report, outcome)
        attach_verdict(store, report.run.id, verdict, evidence=True, clock=partial(float, when))
    for run in runs:
        data = store.client.get_run(run).data
        assert (data.tags["plimsoll.verdict"], data.metrics["gate/passed"]) == ("fail", 0.0)
        history = store.client.get_metric_history(run, "gate/passed")
        assert [(point.timestamp, point.value) for point in history] == [(10**12, 1.0), (2 * 10**12, 0.0)]
    assert outcomes_of(store.client.get_run(runs[0]).data.params) == {"v2": Decision.FAIL}
    older = example_verdict(report, Decision.PASS, target="v1")
    attach_verdict(store, report.run.id, older, evidence=True, newest=False)
    assert outcomes_of(store.client.get_run(runs[0]).data.params) == {"v2": Decision.FAIL, "v1": Decision.PASS}
    assert store.client.get_run(runs[0]).data.tags["plimsoll.verdict"] == "fail"
    assert store.client.get_run(logged.targets["v1"]).data.tags["plimsoll.verdict"] == "pass"
    with pytest.raises(UsageError, match="log it first"):
        attach_verdict(store, "unknown", older, evidence=True)


@pytest.mark.mlflow
def test_a_verdict_that_is_no_evidence_takes_an_older_one_s_word_away_and_nothing_else(store: TrackingStore) -> None:
    report = example_report(cases=2, targets=("v1", "v2"), flawless=True)
    logged = log_run(store, report, summarise(report), Attachments({}, ""), policy=TrackingPolicy(traces="none"))
    runs = {name: logged.targets[name] for name in ("v1", "v2")} | {"whole": logged.parent or ""}

    def words() -> dict[str, tuple[str | None, str | None]]:
        tags = {name: store.client.get_run(run).data.tags for name, run in runs.items()}
        return {name: (each.get("plimsoll.verdict"), each.get("plimsoll.attested")) for name, each in tags.items()}

    for target in ("v1", "v2"):
        attach_verdict(store, report.run.id, example_verdict(report, Decision.PASS, target=target), evidence=True)
    assert words() == dict.fromkeys(runs, ("pass", "true"))
    later = example_verdict(report, Decision.PASS, target="v1")
    attach_verdict(store, report.run.id, later, evidence=False, newest=False)
    assert words() == {"v1": (None, "false"), "v2": ("pass", "true"), "whole": ("pass", "true")}
    for _ in range(2):
        attach_verdict(store, report.run.id, later, evidence=False)
    assert words() == {"v1": (None, "false"), "v2": ("pass", "true"), "whole": (None, "false")}


class KeepingStore(TrackingStore):
    """Its place of artifacts removes nothing."""

    def call(self, doing: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return super().call(doing, self.refuse if doing == "removing an artifact" else function, *args, **kwargs)

    def refuse(self, _: str) -> None:
        raise PermissionError("artifacts are kept for ever")


@pytest.mark.mlflow
def test_where_no_artifact_can_be_removed_an_outdated_one_says_that_it_is(store: TrackingStore, tmp_path: Path) -> None:
    report = example_report(cases=2, targets=("v1",))
    logged = log_run(store, report, summarise(report), Attachments({}, ""), policy=TrackingPolicy(traces="none"))
    file = tmp_path / "attestation.json"
    file.write_text('{"outcome": "pass"}')
    names = ("attestation.json", "gate/v1/attestation.json")
    attach(store, report.run.id, dict.fromkeys(names, file))
    keeping = KeepingStore(store.location, store.experiment, store.redactor)
    for _ in range(2):
        attach(keeping, report.run.id, {}, outdated=(*names, "gate/v2/attestation.json"))
    for name in names:
        there = store.client.download_artifacts(logged.parent or "", name, str(tmp_path))
        assert json.loads(Path(there).read_text()) == {"outdated": "a later gate over this run left no such file"}
    assert store.client.list_artifacts(logged.parent or "", "gate/v2") == []
