"""Similarity of meaning, by a small embedding model whose weights come with a package: no network, no key."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from plimsoll.evaluators.text.once import Once
from plimsoll.evaluators.text.reference import AgainstReferenceInThread

if TYPE_CHECKING:
    from wordllama import WordLlamaInference


class SemanticSimilarity(AgainstReferenceInThread):
    """Cosine of the mean word embeddings of answer and reference, 0 where it is negative; the best of several.

    It sees which things a text is about, and neither word order nor negation nor a swapped fact: «£9» for «£12»
    hardly lowers it.
    """

    libraries: ClassVar[tuple[str, ...]] = ("wordllama",)
    extra: ClassVar[str] = "text"

    name: str = "semantic_similarity"

    def compare(self, answer: str, wanted: Sequence[str]) -> float:
        """The best cosine."""
        model = _MODEL()
        return max(float(model.similarity(answer, reference)) for reference in wanted)


def _load() -> WordLlamaInference:
    # Importing it sets up the root logger, unless that has a handler: every library would write to stderr.
    root, quiet = logging.getLogger(), logging.NullHandler()
    root.addHandler(quiet)
    try:
        import wordllama

        # Its own folder, which holds the weights; without both arguments it looks for others on the network.
        folder = Path(wordllama.__file__).parent
        return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    finally:
        root.removeHandler(quiet)


_MODEL = Once(_load)
