from promptflow.core import log_metric, tool


@tool
def overall(lines: list, references: list) -> dict:
    numbers = [float(line["closeness"]) for line in lines]
    log_metric("mean", sum(numbers) / len(numbers))
    log_metric("weight", lines[0]["weight"])
    longest = max(len(text) for text in references)
    notes = {"note": f"{len(lines)} lines graded", "unset": None, "sure": True, "listed": numbers}
    return {"lines": len(lines), "longest": longest, "mean": -1, **notes}
