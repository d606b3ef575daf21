"""Which assessments on a trace of ours are a person's: they are read as labels, and never overwritten or removed.

The reference answers that we log have a human source too: they are told by the MLflow run in their metadata, which
MLflow's UI gives to nothing that a person adds. It does copy a judge's metadata to the correction of its value, so a
correction is told by what it overrides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities import Assessment, TraceInfo

_SOURCE_RUN = "mlflow.assessment.sourceRunId"


def is_of_a_person(each: Assessment, info: TraceInfo) -> bool:
    """Whether a person gave or changed the assessment, and it is in force."""
    if each.source.source_type != "HUMAN" or each.valid is False:
        return False
    if each.feedback is not None:
        return each.feedback.value is not None
    # MLflow's UI changes an expectation in place: the source stays ours, the time of the last change does not.
    changed = each.last_update_time_ms != each.create_time_ms or bool(each.overrides)
    return each.expectation is not None and (changed or not is_logged(each, info))


def is_logged(each: Assessment, info: TraceInfo) -> bool:
    """Whether it was logged with the trace: by us, unless it was changed since."""
    run = info.trace_metadata.get("mlflow.sourceRun")
    return run is not None and (each.metadata or {}).get(_SOURCE_RUN) == run


def touched(info: TraceInfo) -> set[str | None]:
    """The ids of those that a person gave, changed or overrode."""
    return {each.assessment_id for each in info.assessments if each.valid is False or is_of_a_person(each, info)}
