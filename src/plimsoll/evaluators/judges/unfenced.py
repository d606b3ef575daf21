"""Judges whose prompt does not mark off what others wrote: worth a note before anything is asked."""

from __future__ import annotations

from plimsoll.evaluators.contract import Evaluator
from plimsoll.evaluators.judges.question import Question


def unfenced(judge: Evaluator) -> str | None:
    """A warning for a judge whose prompt uses no `nonce`; None for any other evaluator."""
    question = getattr(judge, "question", None)
    if not isinstance(question, Question) or question.fenced:
        return None
    return (
        f"judge {judge.name}: {question.prompt.shown} uses no nonce, so that its model can't tell where the answer "
        "ends; put a line <answer {{nonce}}> before it and a line </answer {{nonce}}> behind it"
    )
