"""Which cases an evaluator that is dear scores: a sample that is the same for every target, repeat and night."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from plimsoll import canonical
from plimsoll.evaluators.contract import Evaluator
from plimsoll.evaluators.traits import sample_size
from plimsoll.types import Case


def left_out(evaluator: Evaluator, case_ids: Iterable[str], seed: int) -> Callable[[Case], str | None]:
    """Why the evaluator leaves a case out, or None: by its `sample` setting, where it has one.

    Args:
        evaluator: One with `sample` N scores only the N cases lowest by the hash of seed and id.
        case_ids: Every planned case.
        seed: The suite's.
    """
    size = sample_size(evaluator)
    if size is None:
        return lambda _case: None
    ranked = sorted(set(case_ids), key=lambda case_id: canonical.digest([seed, case_id]))
    chosen = frozenset(ranked[:size])
    reason = f"not among the {len(chosen)} cases that {evaluator.name} samples"
    return lambda case: None if case.id in chosen else reason
