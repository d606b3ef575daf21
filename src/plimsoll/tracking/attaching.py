"""What is added to a run that was logged before: files, and what a gate decided over it, as tags and as figures.

A verdict's figures are there to be charted: `gate/passed` is 1 or 0, and each rule has its estimate with its limits
under a name that stays the same from night to night, `gate/METRIC[/slice.SLICE]/absolute/…` or `…/against.NAME/…`.
Nothing is ever decided on them: anybody with access can change them. The outcome is a param too, which stays: by it a
run that was refused is passed over where a baseline is looked for.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from plimsoll.canonical import digest, short
from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.tracking.records import RUN_TAG, TAG_LIMIT, TARGET_TAG, cut, safe_name
from plimsoll.tracking.store import TrackingStore
from plimsoll.tracking.stored_runs import next_verdict
from plimsoll.types import Decision, RuleResult, Verdict

if TYPE_CHECKING:
    from mlflow.entities import Run

VERDICT_TAG = "plimsoll.verdict"
_OUTDATED = '{"outdated": "a later gate over this run left no such file"}\n'


def attach(
    store: TrackingStore,
    run: str,
    files: Mapping[str, Path],
    *,
    target: str | None = None,
    tags: Mapping[str, str] | None = None,
    outdated: Collection[str] = (),
) -> str:
    """Add files and tags to a run that was logged before: a verdict and its attestation. Safe to repeat.

    Args:
        store: an open store.
        run: the plimsoll run's id.
        files: artifact path → local file.
        target: whose MLflow run; None is the suite run's.
        tags: for that MLflow run.
        outdated: artifact paths of an earlier time, to be removed where they are.

    Returns:
        The MLflow run's id.

    Raises:
        UsageError: the run, or this target of it, was never logged.
        InfrastructureError: the store failed, or a file can't be read.
    """
    store.keep([run] if target is None else [run, target])
    known = _one_of(runs_of(store, run), target, run, store)
    run_id = str(known.info.run_id)
    _remove(store, known, outdated)
    if files:
        with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
            for name, path in files.items():
                unread = copy_file(store, path, Path(folder, name))
                if unread is not None:
                    raise InfrastructureError(unread)
            store.call("writing artifacts", store.client.log_artifacts, run_id, folder)
    _tag(store, run_id, tags or {})
    return run_id


def attach_verdict(
    store: TrackingStore,
    run: str,
    verdict: Verdict,
    *,
    evidence: bool,
    newest: bool = True,
    clock: Callable[[], float] = time.time,
) -> None:
    """Add what a gate decided to the challenger's MLflow run, and to the suite run's. Safe to repeat.

    A figure that is there already is not written again; one that a later gate changed gets a new point.

    Args:
        store: an open store.
        run: the plimsoll run's id.
        verdict: of the gate.
        evidence: whether it is attested, so that a promotion may rest on it.
        newest: whether the suite run tells of it: of several gates over a run, of the last one.
        clock: seconds since 1970: when the figures are.

    Raises:
        UsageError: the run was never logged.
        InfrastructureError: the store failed.
    """
    from mlflow.entities import Metric

    named = (run, verdict.suite, verdict.target, verdict.baseline, verdict.baseline_run, verdict.baseline_target)
    store.keep(each for each in named if each)
    known_runs = runs_of(store, run)
    figures, now = verdict_metrics(verdict), int(clock() * 1000)
    whole = _one_of(known_runs, None, run, store)
    param = next_verdict(store.redactor.text(verdict.target), verdict.outcome, whole.data.params)
    if param is not None:
        store.call("writing the verdict", store.client.log_param, whole.info.run_id, *param)
    for each in (whole if newest else None, known_runs.get(verdict.target)):
        if each is None:
            continue
        known = each.data.metrics
        points = [Metric(key, value, now, 0) for key, value in figures.items() if known.get(key) != value]
        if points:
            store.call("writing the verdict", store.client.log_batch, each.info.run_id, metrics=points)
        tags = verdict_tags(verdict, evidence=evidence)
        if VERDICT_TAG in each.data.tags.keys() - tags.keys():
            # An earlier gate's, which was evidence: nobody may take it for this one's, not for a moment.
            store.call("tagging the MLflow run", store.client.delete_tag, each.info.run_id, VERDICT_TAG)
        _tag(store, each.info.run_id, tags)


def verdict_tags(verdict: Verdict, *, evidence: bool) -> dict[str, str]:
    """What a verdict is found by; one that is no evidence says so in another tag, and has no word of its own."""
    tags = {
        "plimsoll.gate": cut(": ".join([verdict.outcome.value, *verdict.reasons[:1]]), TAG_LIMIT),
        "plimsoll.gate.target": verdict.target,
        "plimsoll.gate.baseline": verdict.baseline_words or "none",
        "plimsoll.attested": str(evidence).lower(),
    }
    return {**tags, VERDICT_TAG: verdict.outcome.value} if evidence else tags


def verdict_metrics(verdict: Verdict) -> dict[str, float]:
    """A verdict's figures by their names in MLflow; what is not known is left out."""
    outcomes = [rule.outcome for rule in verdict.rules]
    found: dict[str, float] = {
        "gate/passed": verdict.outcome is Decision.PASS,
        "gate/rules": len(outcomes),
        "gate/rules_failed": outcomes.count(Decision.FAIL),
        "gate/rules_inconclusive": outcomes.count(Decision.INCONCLUSIVE),
    }
    for rule in verdict.rules:
        name = _rule_name(rule)
        if f"{name}/passed" in found:
            # Two rules over the same: the later one is told from it by its words.
            name = f"{name}-{short(digest(rule.rule), 6)}"
        found[f"{name}/passed"] = rule.outcome is Decision.PASS
        for key in ("estimate", "low", "high"):
            value = getattr(rule, key)
            if value is not None and math.isfinite(value):
                found[f"{name}/{key}"] = value
        found[f"{name}/n"] = rule.n
    return {name: float(value) for name, value in found.items()}


def _rule_name(rule: RuleResult) -> str:
    part = f"/slice.{safe_name(rule.slice)}" if rule.slice is not None else ""
    against = "absolute" if rule.against is None else f"against.{safe_name(rule.against)}"
    return f"gate/{safe_name(rule.metric)}{part}/{against}"


def runs_of(store: TrackingStore, run: str) -> dict[str | None, Run]:
    """The MLflow runs of a plimsoll run: target → run, and None → the parent."""
    found = store.call(
        "looking for the run in MLflow",
        store.client.search_runs,
        [store.experiment_id],
        filter_string=f"tags.`{RUN_TAG}` = '{run}'",
        max_results=1000,
        order_by=["attributes.start_time ASC"],
    )
    return {known.data.tags.get(TARGET_TAG): known for known in reversed(found)}


def copy_file(store: TrackingStore, source: Path, target: Path) -> str | None:
    """Copy a file without secrets; in words what went wrong, None if nothing did."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        store.redactor.copy(source, target)
    except OSError as error:
        return f"{source.name} can't be read: {error.strerror}"
    return None


def told_tags(store: TrackingStore, tags: Mapping[str, str]) -> dict[str, str]:
    """Tags without secrets in their values; their keys are ours."""
    return {key: store.redactor.text(value) for key, value in tags.items()}


def _one_of(runs: Mapping[str | None, Run], target: str | None, run: str, store: TrackingStore) -> Run:
    found = runs.get(target)
    if found is None:
        raise UsageError(f"run {run} is not in MLflow ({store.location.shown})", remedy="log it first")
    return found


def _remove(store: TrackingStore, run: Run, names: Collection[str]) -> None:
    """Remove artifacts; where the place of artifacts keeps what it has, write over them that they are outdated."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    places = {str(PurePosixPath(name).parent) for name in names}
    for place in places:
        found = store.call("listing artifacts", store.client.list_artifacts, run.info.run_id, place.removeprefix("."))
        for name in {file.path for file in found} & set(names):
            repository = get_artifact_repository(run.info.artifact_uri, tracking_uri=store.location.uri)
            try:
                store.call("removing an artifact", repository.delete_artifacts, name)
            except InfrastructureError:
                store.call("writing artifacts", store.client.log_text, run.info.run_id, _OUTDATED, name)


def _tag(store: TrackingStore, run_id: str, tags: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    entities = [RunTag(key, value) for key, value in told_tags(store, tags).items()]
    if entities:
        store.call("tagging the MLflow run", store.client.log_batch, run_id, tags=entities)
