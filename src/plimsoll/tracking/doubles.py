"""MLflow runs that stand twice, and shouldn't: what a slow server makes of a request that was given up.

MLflow's client sends a request again that was not answered in time, and a run that is being logged may be given up and
logged later by another process. A server that was slow, and not dead, then makes two runs of one. The one that nobody
knows of stays empty: it is found by its tags, and deleted.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from plimsoll.tracking.records import RUN_TAG, STATE_TAG, TARGET_TAG
from plimsoll.tracking.store import TrackingStore

if TYPE_CHECKING:
    from mlflow.entities import Run

_STARTED = "started"
_PARENT_TAG = "mlflow.parentRunId"


def remove_doubles(store: TrackingStore, run: str) -> int:
    """Leave one MLflow run for each target of a run, and one above them.

    Args:
        store: an open store.
        run: the plimsoll run's id.

    Returns:
        How many were deleted.

    Raises:
        InfrastructureError: the store failed.
    """
    found: list[Run] = store.call(
        "looking for the run in MLflow",
        store.client.search_runs,
        [store.experiment_id],
        filter_string=f"tags.`{RUN_TAG}` = '{run}'",
        max_results=1000,
    )
    same: dict[str | None, list[Run]] = defaultdict(list)
    for each in found:
        same[each.data.tags.get(TARGET_TAG)].append(each)
    above = {each.data.tags.get(_PARENT_TAG) for each in found}
    doubles = [each for runs in same.values() for each in sorted(runs, key=lambda run: _order(run, above))[1:]]
    for double in doubles:
        store.call("removing a double", store.client.delete_run, double.info.run_id)
    return len(doubles)


def _order(run: Run, above: set[str | None]) -> tuple[bool, bool, bool, str]:
    """The one to keep first: logged whole, then what others hang on, then what has anything in it."""
    unfinished = run.data.tags.get(STATE_TAG, _STARTED) == _STARTED
    return unfinished, run.info.run_id not in above, not run.data.params, run.info.run_id
