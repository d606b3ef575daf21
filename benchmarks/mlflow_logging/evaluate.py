"""The same cells through mlflow.genai.evaluate: stored answers and stored scores, so that it only logs.

python -m benchmarks.mlflow_logging.evaluate JOB (JSON)

Its settings are the best that were found: eight workers, no limit on the rate, no trial call of the function; the
database is in write-ahead mode. By default it starts at ten rows a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import Any

from benchmarks.mlflow_logging.cells import TARGET, cells

from plimsoll.types import Output, Report, Scored

_BEST = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_GENAI_EVAL_MAX_WORKERS": "8",
    "MLFLOW_GENAI_EVAL_PREDICT_RATE_LIMIT": "0",
    "MLFLOW_GENAI_EVAL_SCORER_RATE_LIMIT": "0",
    "MLFLOW_GENAI_EVAL_SKIP_TRACE_VALIDATION": "true",
}


def main() -> None:
    job = json.loads(sys.argv[1])
    os.environ.update(_BEST)
    import mlflow

    mlflow.set_tracking_uri(job["uri"])
    mlflow.set_experiment(job["experiment"])
    with contextlib.redirect_stdout(sys.stderr):
        # The first rows load what a process loads once.
        _evaluate(cells(3, "first"))
        report = cells(job["cells"], job["experiment"])
        began, used = time.perf_counter(), time.process_time()
        run = _evaluate(report)
        # It returns before everything is written.
        mlflow.flush_trace_async_logging()
        found = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - used}
    print(json.dumps({**found, "run": run, "unsynced": None}))


def _evaluate(report: Report) -> str:
    import mlflow
    from mlflow.entities import Feedback
    from mlflow.genai import scorers

    stored = {record.cell.case: record for record in report.of_target(TARGET)}

    @mlflow.trace(name=TARGET)
    def answer(id: str, **_: Any) -> str:  # noqa: A002  # the dataset's field
        output = stored[id].outcome
        assert isinstance(output, Output)
        with mlflow.start_span(output.model or "model", span_type="CHAT_MODEL") as span:
            span.set_inputs({"messages": [{"role": one.role, "content": one.content} for one in output.messages]})
            span.set_outputs(output.text)
        return output.text

    def given(name: str) -> Any:
        @scorers.scorer(name=name)
        def score(inputs: dict[str, Any]) -> list[Feedback]:
            found = stored[inputs["id"]].scores[name]
            return [Feedback(name=name, value=found.value, rationale=found.reason)] if isinstance(found, Scored) else []

        return score

    data = [
        {"inputs": {"id": case.id, **case.inputs}, "expectations": {"expected": case.expected}}
        if case.expected is not None
        else {"inputs": {"id": case.id, **case.inputs}}
        for case in report.cases.values()
    ]
    result = mlflow.genai.evaluate(data=data, predict_fn=answer, scorers=[given(name) for name in report.metrics])
    return str(result.run_id)


if __name__ == "__main__":
    main()
