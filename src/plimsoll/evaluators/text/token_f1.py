"""Token F1, as in SQuAD."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from plimsoll.evaluators.text.reference import AgainstReference
from plimsoll.evaluators.text.words import tokens


class TokenF1(AgainstReference):
    """Harmonic mean of precision and recall of the answer's words; of several references the best counts."""

    name: str = "token_f1"

    def compare(self, answer: str, wanted: Sequence[str]) -> float:
        """The best token F1."""
        return max(token_f1(answer, reference) for reference in wanted)


def token_f1(answer: str, reference: str) -> float:
    """Token F1 as in SQuAD v1.1, in [0, 1]; 0 where either text is blank."""
    given, wanted = Counter(tokens(answer)), Counter(tokens(reference))
    shared = (given & wanted).total()
    # 2PR/(P+R) with P = shared/given and R = shared/wanted, without the rounding of two divisions.
    return 2 * shared / (given.total() + wanted.total()) if shared else 0.0
