"""BLEU and chrF of one answer, by sacreBLEU: its 0 to 100 divided by 100, since every overlap here is 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from plimsoll.evaluators.text.reference import AgainstReferenceInThread


class Bleu(AgainstReferenceInThread):
    """Sentence BLEU: shared runs of up to four words, less where the answer is shorter (Papineni et al. 2002).

    Several references are one multi-reference BLEU. Smoothing is exponential, and runs longer than the answer do not
    count (sacreBLEU: `eff:yes|smooth:exp`).
    """

    libraries: ClassVar[tuple[str, ...]] = ("sacrebleu",)
    extra: ClassVar[str] = "text"

    name: str = "bleu"
    tokenize: Literal["13a", "intl", "zh", "char", "none"] = Field(
        "13a", description="How sacreBLEU finds words; zh or char where they are written without spaces."
    )
    ignore_case: bool = Field(False, description="Compare without case.")

    def compare(self, answer: str, wanted: Sequence[str]) -> float:
        """The sentence BLEU."""
        from sacrebleu.metrics.bleu import BLEU

        bleu = BLEU(effective_order=True, smooth_method="exp", tokenize=self.tokenize, lowercase=self.ignore_case)
        return bleu.sentence_score(answer, wanted).score / 100


class Chrf(AgainstReferenceInThread):
    """Sentence chrF: shared runs of up to six characters; chrF++ with runs of words (Popović 2015, 2017).

    Of several references the best counts, as in sacreBLEU. Recall counts twice as much as precision.
    """

    libraries: ClassVar[tuple[str, ...]] = ("sacrebleu",)
    extra: ClassVar[str] = "text"

    name: str = "chrf"
    word_order: int = Field(0, ge=0, le=4, description="Runs of up to so many words too; 2 is chrF++.")
    ignore_case: bool = Field(False, description="Compare without case.")

    def compare(self, answer: str, wanted: Sequence[str]) -> float:
        """The sentence chrF."""
        from sacrebleu.metrics.chrf import CHRF

        chrf = CHRF(char_order=6, word_order=self.word_order, beta=2, lowercase=self.ignore_case)
        return float(chrf.sentence_score(answer, wanted).score) / 100
