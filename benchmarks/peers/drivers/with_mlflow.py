"""mlflow.genai.evaluate with a code scorer: it has none of its own for text that must occur."""

import httpx2
import mlflow
from job import Job, messages
from mlflow.genai.scorers import scorer
from openai import OpenAI


@scorer
def contains(outputs: str, expectations: dict[str, str]) -> bool:
    return expectations["expected"] in outputs


def main(job: Job) -> None:
    http = httpx2.Client(limits=httpx2.Limits(max_connections=job.concurrency))
    client = OpenAI(base_url=job.base_url, api_key="not-a-key", http_client=http)

    def answer(question: str) -> str:
        completion = client.chat.completions.create(model="stand-in", messages=messages(question), temperature=0)
        return completion.choices[0].message.content or ""

    data = [
        {"inputs": {"question": row["question"]}, "expectations": {"expected": row["expected"]}} for row in job.rows()
    ]
    result = mlflow.genai.evaluate(data=data, predict_fn=answer, scorers=[contains])
    job.done(bool(value) for value in result.result_df["contains/value"])


if __name__ == "__main__":
    main(Job.from_arguments())
