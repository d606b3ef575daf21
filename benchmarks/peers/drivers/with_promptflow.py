"""promptflow's batch run of a flex flow that asks and scores: its cheapest form, one run, one call a row."""

from pathlib import Path

from job import Job
from promptflow.client import PFClient


def main(job: Job) -> None:
    client = PFClient()
    run = client.run(
        flow=str(Path(__file__).with_name("promptflow_flow")),
        data=str(job.rows_file),
        column_mapping={"question": "${data.question}", "expected": "${data.expected}"},
        environment_variables={"STANDIN_URL": job.base_url},
    )
    details = client.get_details(run, max_results=10**9)
    job.done(bool(value) for value in details["outputs.contains"])


if __name__ == "__main__":
    main(Job.from_arguments())
