"""What makes two cells the same cell: the keys of generations and of scores."""

from __future__ import annotations

from typing import Any

from plimsoll import canonical
from plimsoll.evaluators.contract import Evaluator
from plimsoll.types import Case, CellId, Output

# Raised when the meaning of a stored cell changes, so that older ones are not reused.
_FORMAT = 1


def generation_key(generation: dict[str, Any], repeat: int, epoch: str) -> str:
    """The key of one answer: what the target says it depends on, which repeat, and which drawing of samples."""
    return canonical.digest({"format": _FORMAT, "generation": generation, "repeat": repeat, "epoch": epoch})


def cell_name(suite: str, cell: CellId, evaluator: str = "") -> str:
    """What a cell is called in the cache, whatever its content: where its key is looked up when it changed."""
    return f"{suite}/{cell}" + (f":{evaluator}" if evaluator else "")


def generation_parts(generation: dict[str, Any], repeat: int, epoch: str) -> dict[str, str]:
    """What a generation's key was made of: part → its value where that is short, else its digest."""
    return {"repeat": str(repeat), "epoch": epoch, **{name: canonical.digest(part) for name, part in generation.items()}}


def score_parts(evaluator: Evaluator, case: Case, output: Output) -> dict[str, str]:
    """What a score's key was made of, likewise."""
    fields = case.fields()
    return {
        "output": output_digest(output),
        "evaluator": canonical.digest(evaluator.identity()),
        **{f"fields.{name}": canonical.digest(fields.get(name)) for name in sorted(evaluator.requires)},
    }


def output_digest(output: Output) -> str:
    """The digest of what an evaluator may read of an output. Not its latency: the same answer scores the same."""
    return canonical.digest(
        {
            "text": output.text,
            "value": output.value,
            "finish": output.finish,
            "tool_calls": output.tool_calls,
            "extra": output.extra,
            "usage": [output.usage.prompt_tokens, output.usage.completion_tokens],
        }
    )


def score_key(evaluator: Evaluator, case: Case, output: Output) -> str:
    """The key of one evaluator's scores of one output: not the threshold, and only the fields that it reads."""
    fields = case.fields()
    read = {name: fields.get(name) for name in sorted(evaluator.requires)}
    return canonical.digest(
        {"format": _FORMAT, "evaluator": evaluator.identity(), "output": output_digest(output), "fields": read}
    )
