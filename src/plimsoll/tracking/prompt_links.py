"""Prompts of a run: kept as versions, and linked so that MLflow's pages of prompt, run and trace lead to each other.

What those pages read, found in MLflow 3.17's own code: the tag `mlflow.linkedPrompts` of runs and traces, an
association of trace and version for the search by prompt, the version's tag `mlflow.prompt.run_ids` for the runs below
it, and the prompt's tag with the experiments on whose page it is listed. MLflow's `link_prompt_version_to_run` writes
the first of them alone, and into the store that is set for the whole process; so the tags are written here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.tracking.contract import DIGEST_TAG, PromptDraft
from plimsoll.tracking.kept_prompts import KeptPrompt, keep_prompt, versions_of
from plimsoll.tracking.location import Location
from plimsoll.tracking.registry_store import MlflowRegistryStore
from plimsoll.tracking.requests import to_json
from plimsoll.tracking.store import RefusedError, TrackingStore

LINKED_TAG = "mlflow.linkedPrompts"
_EXPERIMENTS_TAG = "_mlflow_experiment_ids"
_RUNS_TAGS = ("mlflow.prompt.run_ids", "mlflow.prompt.associatedRunIds")
"""For MLflow's page of a version, and for its client's `list_logged_prompts`."""
_RUNS = 50
"""Newest runs that a version names: the page asks for each of them."""
_ASSOCIATION_LIMIT = 36
"""Characters of `NAME/VERSION` that MLflow's table of associations holds; SQLite takes more, other databases refuse."""


@dataclass(frozen=True, slots=True)
class KeptPrompts:
    """The versions that a run's prompts are kept as."""

    targets: Mapping[str, KeptPrompt] = field(default_factory=dict)
    """Target → its version."""
    notes: tuple[str, ...] = ()
    """What a reader should know, and logging again would not change."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Target → why its prompt is missing; logging again may complete it."""


def keep_prompts(
    store: TrackingStore, drafts: Mapping[str, PromptDraft], check_time: Callable[[], None] = lambda: None
) -> KeptPrompts:
    """Keep a version for each target's prompt, and list the prompt in the experiment.

    What fails is in `problems` where a later attempt may succeed, and else in `notes`: nothing waits for a prompt that
    MLflow will never take.

    Args:
        store: an open store.
        drafts: target → what its version has to be.
        check_time: raises where the time for logging is used up; called before each.
    """
    registry = MlflowRegistryStore(store)
    kept: dict[str, KeptPrompt] = {}
    notes: list[str] = []
    problems: dict[str, str] = {}
    for target, draft in drafts.items():
        check_time()
        try:
            _refuse_redacted(store, draft)
            kept[target] = found = keep_prompt(registry, draft)
            _twice(partial(_list_in_experiment, store, draft.prompt))
        except (UsageError, RefusedError) as error:
            notes.append(f"the prompt of {target} is not kept in MLflow: {error}")
            continue
        except InfrastructureError as error:
            problems[target] = f"the prompt of {target} is not kept: {error}"
            continue
        notes += [found.note] if found.note else []
        if not can_associate(store.location, found):
            notes.append(
                f"MLflow's search for the traces of a prompt doesn't find those of {target}: "
                f"{_association(found)!r} has more than {_ASSOCIATION_LIMIT} characters"
            )
    return KeptPrompts(kept, tuple(dict.fromkeys(notes)), problems)


def linked_tags(prompt: KeptPrompt | None) -> dict[str, str]:
    """The tag of a run or trace in which the prompt was used."""
    if prompt is None:
        return {}
    return {LINKED_TAG: json.dumps([{"name": prompt.name, "version": str(prompt.version)}])}


def link_run(store: TrackingStore, run_id: str, draft: PromptDraft, prompt: KeptPrompt) -> None:
    """Link a version and an MLflow run in both directions. Safe to repeat.

    Raises:
        InfrastructureError: the store failed.
    """
    for key, value in linked_tags(prompt).items():
        store.call("linking the prompt", store.client.set_tag, run_id, key, value)
    _twice(partial(_name_run, store, run_id, draft, prompt))


def link_traces(store: TrackingStore, trace_ids: Sequence[str], prompt: KeptPrompt, pool: Executor) -> None:
    """Make the search for a prompt's traces find these. Safe to repeat.

    Args:
        store: an open store.
        trace_ids: traces that are there, at most a few hundred; those with `linked_tags` show the prompt themselves.
        prompt: the version.
        pool: runs the requests to a server, which takes one trace in each; a database takes all at once.

    Raises:
        InfrastructureError: the store failed.
    """
    if not can_associate(store.location, prompt):
        return
    if not store.location.remote:
        store.call("linking traces to the prompt", _associate, store, trace_ids, _association(prompt))
        return
    # MLflow's public call reads each trace first, from the store that is set for the whole process.
    link = store.client._tracing_client.store.link_prompts_to_trace  # noqa: SLF001

    def linked(trace_id: str) -> None:
        # MLflow reads name and version alone.
        store.call("linking a trace to the prompt", link, trace_id, [prompt])

    list(pool.map(linked, trace_ids))


def _associate(store: TrackingStore, trace_ids: Sequence[str], prompt: str) -> None:
    """What MLflow's `link_prompts_to_trace` does, for many traces in one transaction."""
    from mlflow.entities.entity_type import EntityAssociationType
    from mlflow.store.tracking.dbmodels.models import SqlEntityAssociation

    link = {
        "source_type": EntityAssociationType.TRACE,
        "destination_type": EntityAssociationType.PROMPT_VERSION,
        "destination_id": prompt,
    }
    database = store.client._tracing_client.store  # noqa: SLF001  # as above
    with database.ManagedSessionMaker(read_only=False) as session:
        rows = session.query(SqlEntityAssociation).filter_by(**link)
        there = {row.source_id for row in rows.filter(SqlEntityAssociation.source_id.in_(trace_ids))}
        make: Callable[..., Any] = SqlEntityAssociation
        session.add_all(make(source_id=trace_id, **link) for trace_id in trace_ids if trace_id not in there)


def _refuse_redacted(store: TrackingStore, draft: PromptDraft) -> None:
    plain = to_json(draft)
    if store.redactor.value(plain) != plain:
        raise UsageError("it holds what is redacted before anything leaves this machine")


def _twice(write: Callable[[], None]) -> None:
    """Read, change and write tags; again where that failed: of two that make a tag at once MLflow refuses one."""
    try:
        write()
    except InfrastructureError:
        write()


def _name_run(store: TrackingStore, run_id: str, draft: PromptDraft, prompt: KeptPrompt) -> None:
    """Name the run in the version's tags. Of two at once one may be left out; its own tag still names the version."""
    set_tag = store.client.set_prompt_version_tag
    for version in versions_of(MlflowRegistryStore(store), prompt.name, draft.tags[DIGEST_TAG]):
        for key in _RUNS_TAGS if version.number == prompt.version else ():
            before = [known for known in version.tags.get(key, "").split(",") if known and known != run_id]
            value = ",".join([*before, run_id][-_RUNS:])
            store.call("linking the prompt", set_tag, prompt.name, prompt.version, key, value)


def _list_in_experiment(store: TrackingStore, prompt: str) -> None:
    named = f"name='{prompt}' AND tags.`mlflow.prompt.is_prompt` = 'true'"
    for found in store.call("reading the prompt", store.client.search_registered_models, named):
        known = [each for each in found.tags.get(_EXPERIMENTS_TAG, "").split(",") if each]
        if store.experiment_id not in known:
            # Commas around all: MLflow looks for ",1," so that 1 is not found in 10.
            value = f",{','.join([*known, store.experiment_id])},"
            store.call("listing the prompt", store.client.set_prompt_tag, prompt, _EXPERIMENTS_TAG, value)


def _association(prompt: KeptPrompt) -> str:
    return f"{prompt.name}/{prompt.version}"


def can_associate(location: Location, prompt: KeptPrompt) -> bool:
    """Whether the store's table of associations takes the version's name; a server's database may be any."""
    return location.uri.startswith("sqlite") or len(_association(prompt)) <= _ASSOCIATION_LIMIT
