"""inspect_ai: a plain `generate` scored by `includes`, logged in its own format."""

import httpx2
import inspect_ai
from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, system_message
from job import SYSTEM, Job
from openai import DefaultAioHttpClient


def main(job: Job) -> None:
    samples = [Sample(id=row["id"], input=row["question"], target=row["expected"]) for row in job.rows()]
    task = Task(
        dataset=MemoryDataset(samples),
        solver=[system_message(SYSTEM), generate()],
        scorer=includes(ignore_case=False),
    )
    http = DefaultAioHttpClient(limits=httpx2.Limits(max_connections=job.concurrency))
    model = get_model("openai-api/standin/stand-in", base_url=job.base_url, api_key="not-a-key", http_client=http)
    (log,) = inspect_ai.eval(
        task,
        model=model,
        temperature=0,
        max_connections=job.concurrency,
        adaptive_connections=False,
        max_samples=job.concurrency,
        display="none",
        score_display=False,
        log_dir=str(job.folder),
        log_level="error",
        log_realtime=False,
        log_buffer=len(samples),
        log_model_api=False,
        log_images=False,
        ctl_server=False,
    )
    job.done(sample.scores["includes"].value == "C" for sample in log.samples)


if __name__ == "__main__":
    main(Job.from_arguments())
