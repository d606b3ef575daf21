"""From what a suite writes to evaluators, the catalogue they come from, and the user's table of them."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from plimsoll.config import Document, parse_yaml
from plimsoll.errors import ConfigError, UsageError
from plimsoll.evaluators import BuildContext, Evaluator, build_evaluators, builtin_evaluators, discover
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.text.contains import Contains
from plimsoll.evaluators.text.exact_match import ExactMatch
from plimsoll.evaluators.text.token_f1 import TokenF1
from plimsoll.types import Metric

ROOT = Path(__file__).parents[2]


def build(yaml: str, root: Path = ROOT, **more: Any) -> tuple[Evaluator, ...]:
    document = parse_yaml(yaml, "suites/s.yaml")
    return build_evaluators(document.data["evaluators"], builtin_evaluators(), BuildContext(root), document, **more)


def test_names_settings_and_shorthands_become_evaluators_in_their_order() -> None:
    built = build(
        """
evaluators:
  - exact_match
  - contains: {expected: expected, ignore_case: true}
  - token_f1: {pass_if: ">= 0.6"}
  - contains: {name: no_apology, value: sorry, negate: true}
  - regex: '\\d+'
  - latency:
"""
    )
    assert built[:4] == (
        ExactMatch(),
        Contains(expected="expected", ignore_case=True),
        TokenF1(pass_if=">= 0.6"),
        Contains(name="no_apology", value="sorry", negate=True),
    )
    assert [evaluator.name for evaluator in built] == [
        *("exact_match", "contains", "token_f1", "no_apology", "regex", "latency")
    ]
    assert built[2].metrics == (Metric(name="token_f1", low=0, high=1, pass_if=">= 0.6"),)


def test_every_mistake_is_listed_at_once_with_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        build(
            """
evaluators:
  - exact_mach
  - contains:
      ignorecase: true
  - regex
  - regex: {pattern: "("}
  - token_f1: {pass_if: good}
  - exact_match: {pass_if: ">= high"}
  - tokens
  - tokens: {count: prompt}
  - evaluators/relevance.prompty
  - {latency: {}, tokens: {}}
  - latency: 5
  - 7
""",
            taken=["token_f1"],
        )
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "suites/s.yaml:3: no evaluator named 'exact_mach' (did you mean 'exact_match'?)",
        "suites/s.yaml:5: contains: unknown key 'ignorecase' (did you mean 'ignore_case'?)",
        "suites/s.yaml:6: regex: give one of pattern, any, all; found none",
        ("suites/s.yaml:7: regex: pattern: not a regular expression: missing ) at position 1"),
        (
            "suites/s.yaml:8: a second metric named 'token_f1'; the first is of the suite "
            "(give this one another name: `name: …`)"
        ),
        "suites/s.yaml:8: pass_if of 'token_f1' must be a comparison with a number, such as >= 0.6, not '== good'",
        "suites/s.yaml:9: exact_match: pass_if: >= compares numbers, not 'high'",
        (
            "suites/s.yaml:11: a second metric named 'tokens'; the first is of evaluator tokens "
            "(give this one another name: `name: …`)"
        ),
        (
            "suites/s.yaml:12: no evaluator named 'evaluators/relevance.prompty' "
            "(write judge: evaluators/relevance.prompty)"
        ),
        "suites/s.yaml:13: an evaluator is a name, or one key: the name with its settings; found latency, tokens",
        "suites/s.yaml:14: latency takes settings as keys, not 5",
        "suites/s.yaml:15: an evaluator is a name, or one key: the name with its settings; found 7",
    ]


def test_a_cases_own_evaluators_are_told_with_the_cases_line() -> None:
    document = Document("datasets/qa.jsonl", None, {(): 17})
    with pytest.raises(ConfigError) as caught:
        build_evaluators(
            ["exact_match", "nothing"], builtin_evaluators(), BuildContext(ROOT), document, taken=["exact_match"]
        )
    assert [str(mistake.where) for mistake in caught.value.mistakes] == ["datasets/qa.jsonl:17", "datasets/qa.jsonl:17"]


def test_the_identity_is_kind_version_and_settings_without_the_threshold() -> None:
    assert TokenF1(pass_if=">= 0.6").identity() == TokenF1().identity()
    assert TokenF1(expected="answer").identity() != TokenF1().identity()
    assert ExactMatch().identity() == {
        "evaluator": "exact_match",
        "version": "2",
        "settings": {
            "name": "exact_match",
            "optional": False,
            "expected": None,
            "value": None,
            "any": None,
            "ignore_case": False,
            "normalise": False,
            "negate": False,
        },
    }


def entry(value: str, name: str = "theirs") -> EntryPoint:
    return EntryPoint(name, value, "plimsoll.evaluators")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with an evaluator class, a function, and what is neither."""
    folder = tmp_path / "site"
    info = folder / "house_metrics-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-metrics\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[plimsoll.evaluators]\nshouting = house_metrics:Shouting\nletters = house_metrics:letters\n"
    )
    (folder / "house_metrics.py").write_text(
        "from plimsoll.evaluators import SettingsEvaluator\n"
        "from plimsoll.types import Metric, MetricKind\n\n"
        "class Shouting(SettingsEvaluator):\n"
        "    metric = Metric(name='', kind=MetricKind.BOOL)\n"
        "    name: str = 'shouting'\n"
        "    most: int = 0\n"
        "    def evaluate(self, case, output):\n"
        "        return output.text.isupper()\n\n"
        "def letters(output) -> int:\n    return len(output)\n\n"
        "NUMBER = 5\n"
    )
    monkeypatch.syspath_prepend(folder)
    return folder


def test_a_condition_beyond_a_metrics_range_is_a_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        build("evaluators:\n  - token_f1: {pass_if: '>= 60'}\n")
    assert "pass_if of 'token_f1' must be about a number that it can have, from 0 to 1, not '>= 60.0'" in str(
        caught.value
    )
    build("evaluators:\n  - token_f1: {pass_if: '>= 1'}\n")


def of_package(root: Path, *entries: Any, installed: list[EntryPoint] | None = None) -> tuple[Evaluator, ...]:
    document = Document("suites/s.yaml", None, {(): 1})
    return build_evaluators(entries, discover(root, installed), BuildContext(root), document)


@pytest.mark.usefixtures("package")
def test_an_installed_packages_evaluators_are_found_and_know_its_version(tmp_path: Path) -> None:
    shouting, letters = of_package(tmp_path, {"shouting": {"most": 2}}, "letters")
    assert isinstance(shouting, SettingsEvaluator)
    assert shouting.identity()["distribution"] == "house-metrics 1.2"
    assert shouting.identity()["settings"]["most"] == 2
    assert letters.identity()["distribution"] == "house-metrics 1.2"
    assert discover(tmp_path)["letters"].about.summary == "From the package house-metrics."


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("house_metrics:nothing", "can't be loaded: AttributeError"),
        ("house_metrics:NUMBER", "is neither a function nor a SettingsEvaluator"),
        ("pathlib:Path", "is neither a function nor a SettingsEvaluator"),
    ],
)
def test_an_entry_point_that_is_no_evaluator_is_told_where_it_is_used(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        of_package(tmp_path, "theirs", installed=[entry(value)])
    assert str(caught.value).startswith("suites/s.yaml:1: evaluator 'theirs'")


def test_an_entry_point_may_not_take_a_built_in_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two evaluators are named 'regex'"):
        discover(tmp_path, [entry("x:y", "regex")])


def test_the_users_table_lists_every_evaluator_and_no_other() -> None:
    page = (ROOT / "docs" / "evaluators.md").read_text(encoding="utf-8")
    section = page.partition("## What there is")[2].partition("\n## ")[0]
    table = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert table == set(builtin_evaluators())


def test_every_evaluator_says_in_a_line_what_it_is() -> None:
    for name, factory in builtin_evaluators().items():
        assert factory.about.summary.endswith((".", ":")), name
        assert len(factory.about.summary) < 120, name


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ["jinja2", "jsonpath", "openai", "pandas", "pyarrow", "scipy", "mlflow", "promptflow", "aiohttp", "numpy"]
    code = f"import plimsoll.evaluators, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
