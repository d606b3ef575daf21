from promptflow.core import tool


@tool
def score(said: str, strictness: str) -> dict:
    if said == "crash":
        raise ValueError("nothing to grade")
    known = {"none": None, "nan": float("nan")}
    closeness = known[said] if said in known else said
    return {"closeness": closeness, "verdict": f"{strictness}: {said}", "weight": float("nan")}
