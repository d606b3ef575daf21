import os

from openai import OpenAI


def answer(question: str, how: str = "words"):
    if how == "environment":
        reply = OpenAI().completions.create(model="davinci", prompt=question, max_tokens=5, stop=None)
        return reply.choices[0].text
    if how == "redirect":
        os.environ["FLOW_TEST_LINE"] = question
        return os.environ["FLOW_TEST_LINE"]
    return (word for word in question.split())
