"""pydantic-evals: one `Contains` for each case, over the fastest client there is for its task."""

import asyncio
import json

import httpx2
from job import Job, messages
from openai import AsyncOpenAI, DefaultAioHttpClient
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import Contains


async def main(job: Job) -> None:
    http = DefaultAioHttpClient(limits=httpx2.Limits(max_connections=job.concurrency))
    async with AsyncOpenAI(base_url=job.base_url, api_key="not-a-key", http_client=http) as client:

        async def answer(question: str) -> str:
            completion = await client.chat.completions.create(
                model="stand-in", messages=messages(question), temperature=0
            )
            return completion.choices[0].message.content or ""

        cases = [
            Case(name=row["id"], inputs=row["question"], evaluators=(Contains(value=row["expected"]),))
            for row in job.rows()
        ]
        dataset = Dataset(name="bench", cases=cases)
        report = await dataset.evaluate(answer, max_concurrency=job.concurrency, progress=False)
    kept = [
        {"id": case.name, "output": case.output, "contains": case.assertions["Contains"].value} for case in report.cases
    ]
    (job.folder / "report.json").write_text(json.dumps(kept), encoding="utf-8")
    job.done(case["contains"] for case in kept)


if __name__ == "__main__":
    asyncio.run(main(Job.from_arguments()))
