from promptflow.core import log_metric, tool


@tool
def overall(lines: list, references: list) -> dict:
    numbers = [float(line["closeness"]) for line in lines]
    log_metric("mean", sum(numbers) / len(numbers))
    log_metric("weight", lines[0]["weight"])
    return {"lines": len(lines), "longest": max(len(text) for text in references), "listed": numbers, "mean": -1}
