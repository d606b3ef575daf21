"""Running pytest over a workspace with suites, inside the test's process or with xdist's workers beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.api.parts import SUITE

ABSOLUTE = SUITE[: SUITE.index("    - {metric: exact_match, not_worse")].replace(
    "target: v1", "target: v1\n  baseline: none"
)
"""Its gate compares with nothing, so that no registry is asked."""
RELATIVE = SUITE.replace("target: v1", "target: v2\n  baseline: v1")
NO_GATE = SUITE[: SUITE.index("gate:")]


@dataclass
class Bed:
    """Runs pytest in a workspace."""

    pytester: pytest.Pytester

    @property
    def root(self) -> Path:
        return self.pytester.path

    def run(self, *words: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess("-p", "plimsoll.pytest_plugin", "-p", "no:cacheprovider", *words)

    def outcomes(self, *words: str, **expected: int) -> pytest.RunResult:
        """Run it with the plugin on, and see how many items ended how."""
        result = self.run("--plimsoll", *words)
        result.assert_outcomes(**expected)
        return result

    def junit(self, *words: str) -> dict[str, Any]:
        """Each test case of the XML by its name."""
        self.run("--plimsoll", "--junitxml", "found.xml", *words)
        return {case.attrib["name"]: case for case in ET.parse(self.root / "found.xml").iter("testcase")}

    def reports(self) -> list[Path]:
        return sorted((self.root / ".plimsoll" / "runs").glob("*/report.html"))
