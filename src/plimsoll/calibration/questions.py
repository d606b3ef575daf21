"""What a calibration asks: every labelled answer once, some of them again, and the canaries on a few cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from plimsoll import canonical
from plimsoll.calibration.asking import Question
from plimsoll.calibration.labels import Labels
from plimsoll.evaluators.contract import Evaluator
from plimsoll.evaluators.judges.canaries import canaries_for

REPEATED = 30
"""Answers that are judged again."""
CANARY_CASES = 5
"""Cases on which the canaries are asked."""


@dataclass(frozen=True, slots=True)
class AskedCanary:
    """A canary on one case."""

    name: str
    why: str
    question: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The questions, and which of them answer what."""

    questions: tuple[Question, ...]
    repeated: tuple[int, ...]
    """Places of the rows that are judged again."""
    repeats: tuple[tuple[str, ...], ...]
    """For each of them the questions that ask it, the first among them; none where it is asked once."""
    canaries: tuple[AskedCanary, ...]

    def of_row(self, place: int) -> str:
        """The question about a labelled answer."""
        return f"label/{place}"


def plan_questions(evaluator: Evaluator, labels: Labels, repeats: int) -> Plan:
    """The plan of a calibration: the same rows are repeated and get canaries each time, whatever their order.

    Args:
        evaluator: The judge, which may spare some canaries.
        labels: The labelled answers.
        repeats: Judgements of an answer that is repeated; 1 repeats none.
    """
    places = range(len(labels.rows))
    drawn = sorted(places, key=lambda place: canonical.digest(["calibration", labels.rows[place].case.digest]))
    repeated = tuple(drawn[:REPEATED]) if repeats > 1 else ()
    first = [Question(f"label/{place}", labels.rows[place].case, labels.rows[place].output) for place in places]
    again = {
        place: [
            Question(f"repeat/{place}/{number}", labels.rows[place].case, labels.rows[place].output)
            for number in range(1, repeats)
        ]
        for place in repeated
    }
    asked = list(_canaries(evaluator, labels, drawn[:CANARY_CASES]))
    return Plan(
        questions=(*first, *(question for each in again.values() for question in each), *(q for q, _ in asked)),
        repeated=repeated,
        repeats=tuple((f"label/{place}", *(question.name for question in again[place])) for place in repeated),
        canaries=tuple(canary for _, canary in asked),
    )


def _canaries(evaluator: Evaluator, labels: Labels, places: list[int]) -> Iterator[tuple[Question, AskedCanary]]:
    for place in places:
        case = labels.rows[place].case
        for canary in canaries_for(evaluator, case):
            name = f"canary/{place}/{canary.name}"
            yield Question(name, case, canary.output), AskedCanary(canary.name, canary.why, name)
