from promptflow.core import tool


@tool
def join(mode: str, act: dict, asked: str = None, fallback: str = None):
    if mode == "stream":
        return (piece for piece in ("a ", "stream ", "of ", "words"))
    if mode == "nan":
        return float("nan")
    if mode == "empty":
        return " "
    return asked or fallback
