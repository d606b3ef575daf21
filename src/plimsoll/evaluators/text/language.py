"""Whether an answer is in the wanted language."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.fields import all_text, lookup
from plimsoll.evaluators.text.once import Once
from plimsoll.evaluators.text.quoting import EMPTY
from plimsoll.targets.calling import in_thread
from plimsoll.types import Case, Metric, MetricKind, Output, Scored, Skipped

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_ONE_OF = ("language", "field", "same_as")
# The model knows written Norwegian by its old common code.
_ALIASES = {"nb": "no"}


class Language(SettingsEvaluator):
    """The answer is in the wanted language: one that is named, that a field names, or that a field is written in.

    Where the language can't be told, as of a name, a figure or a word or two, the case is skipped: nothing is guessed.
    """

    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    libraries: ClassVar[tuple[str, ...]] = ("py3langid",)
    extra: ClassVar[str] = "text"
    shorthand: ClassVar[str | None] = "language"

    name: str = "language"
    language: str | None = Field(None, description="The ISO 639 code of the language: en, de, zh; en-GB is en.")
    field: str | None = Field(None, description="The field with that code.")
    same_as: str | None = Field(None, description="The field whose text is in the wanted language, as question.")
    confidence: float = Field(
        0.5, gt=0, le=1, description="Below this probability the language of a text counts as not known."
    )

    @model_validator(mode="after")
    def _one_wanted(self) -> Self:
        given = [key for key in _ONE_OF if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(_ONE_OF)}; found {' and '.join(given) or 'none'}")
        if self.language is not None and _code(self.language) not in _MODEL().labels:
            raise ValueError(f"no language known by the code {self.language!r}; write an ISO 639 code, such as en")
        return self

    @property
    def requires(self) -> frozenset[str]:
        """The field that tells the language, where one does."""
        return frozenset(name for name in (self.field, self.same_as) if name)

    async def evaluate(self, case: Case, output: Output) -> Scored | Skipped:
        """Score the answer, in a thread: the model takes a second to load."""
        scored: Scored | Skipped = await in_thread(partial(self._score, case, output))
        return scored

    def _score(self, case: Case, output: Output) -> Scored | Skipped:
        if not output.text.strip():
            return Scored(value=False, reason=EMPTY)
        wanted = self._wanted(case, output)
        if isinstance(wanted, Skipped):
            return wanted
        found = self._of(output.text)
        if found is None:
            return Skipped(reason="the language of the answer can't be told")
        return Scored(value=found == wanted, reason=None if found == wanted else f"is {found}, not {wanted}")

    def _wanted(self, case: Case, output: Output) -> str | Skipped:
        if self.language is not None:
            return _code(self.language)
        if self.same_as is not None:
            like = self._of(all_text(lookup(self.same_as, case, output)))
            return Skipped(reason=f"the language of {self.same_as} can't be told") if like is None else like
        given = lookup(self.field or "", case, output)
        code = _code(given) if isinstance(given, str) else ""
        if code not in _MODEL().labels:
            raise CellError(FailureKind.EVALUATOR, f"the case's {self.field!r} is no language's code: {given!r}")
        return code

    def _of(self, text: str) -> str | None:
        """The language of a text; None where it can't be told."""
        found, probability = _MODEL().classify(text)
        return str(found) if probability >= self.confidence and found != _NO_LANGUAGE else None


_NO_LANGUAGE = "zxx"
"""ISO 639's code for no linguistic content, such as program text."""


def _code(tag: str) -> str:
    """The code of the language in a tag such as en-GB (BCP 47)."""
    code = tag.strip().replace("_", "-").partition("-")[0].lower()
    return _ALIASES.get(code, code)


def _load() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


_MODEL = Once(_load)
