from promptflow.core import tool


@tool
def count(answers: list) -> int:
    return len(answers)
