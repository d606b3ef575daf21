"""The libraries behind evaluators: of an extra, part of a score's identity, and not imported before they are used."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import ClassVar

import pytest

from plimsoll.errors import MissingExtraError
from plimsoll.evaluators import SettingsEvaluator
from plimsoll.evaluators.text.edit_similarity import EditSimilarity
from plimsoll.evaluators.text.language import Language
from plimsoll.evaluators.text.rouge import Rouge
from plimsoll.evaluators.text.semantic_similarity import SemanticSimilarity
from plimsoll.evaluators.text.translation import Bleu, Chrf
from plimsoll.types import Case, Metric, Output

ROOT = Path(__file__).resolve().parents[3]
ALL = (Rouge, Bleu, Chrf, EditSimilarity, SemanticSimilarity, Language)


class Needy(SettingsEvaluator):
    metric: ClassVar[Metric] = Metric(name="")
    libraries: ClassVar[tuple[str, ...]] = ("no-such-distribution",)
    extra: ClassVar[str] = "text"

    name: str = "needy"

    def evaluate(self, case: Case, output: Output) -> float:
        return float(len(output.text))


def test_an_evaluator_whose_library_is_not_installed_is_refused_with_the_extra() -> None:
    with pytest.raises(MissingExtraError, match="needy needs packages that are not installed") as caught:
        Needy()
    assert caught.value.remedy == "pip install 'plimsoll-llm[text]'"


@pytest.mark.parametrize("evaluator", ALL)
def test_the_extra_has_the_evaluators_libraries(evaluator: type[SettingsEvaluator]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["optional-dependencies"][evaluator.extra]
    assert evaluator.libraries
    for library in evaluator.libraries:
        assert [each for each in declared if each.startswith(f"{library}>=")]


@pytest.mark.parametrize("evaluator", [Rouge(), Bleu(), Chrf(), EditSimilarity(), SemanticSimilarity()])
def test_the_versions_of_the_libraries_are_part_of_the_identity(evaluator: SettingsEvaluator) -> None:
    identity = evaluator.identity()
    assert {name: identity[name] for name in evaluator.libraries} == {
        name: importlib.metadata.version(name) for name in evaluator.libraries
    }


_LISTED = """
import sys
from plimsoll.evaluators import builtin_evaluators
found = [factory.about.summary for factory in builtin_evaluators().values()]
print([name for name in ("numpy", "py3langid", "rapidfuzz", "sacrebleu", "wordllama") if name in sys.modules])
"""


def test_listing_evaluators_imports_none_of_them() -> None:
    done = subprocess.run([sys.executable, "-c", _LISTED], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
