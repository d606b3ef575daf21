"""Findings as SARIF 2.1.0, for a forge's code scanning: each at the line where it is to be mended.

Promises names and fingerprints that stay the same from run to run, so that a finding is recognised; paths relative to
the repository; and at most as many results as are shown, the worst first, with the number of those that are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from plimsoll.canonical import digest
from plimsoll.errors import ExitCode, Where
from plimsoll.reports.findings import Finding, Kind, findings
from plimsoll.reports.review import Review, worst_of
from plimsoll.reports.text import clip, count
from plimsoll.version import __version__

RESULT_LIMIT = 5_000
"""GitHub shows no more."""
_TEXT_LIMIT = 2000
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {
    Kind.UNGATED: "error",
    Kind.FAILED: "error",
    Kind.INCONCLUSIVE: "error",
    Kind.CASE: "error",
    Kind.MISSING: "warning",
}
_ROOT = "%SRCROOT%"


def render_sarif(reviews: Sequence[Review]) -> str:
    """The whole document, with one run of the tool over all suites."""
    found = findings(reviews)
    shown = found[:RESULT_LIMIT]
    left = len(found) - len(shown)
    kinds = list(Kind)
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "plimsoll", "version": __version__, "rules": [_rule(kind) for kind in kinds]}},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The repository."}}},
        "invocations": [_invocation(reviews, left)],
        "results": [_result(finding, kinds) for finding in shown],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=1) + "\n"


def _rule(kind: Kind) -> dict[str, Any]:
    return {
        "id": f"plimsoll/{kind.value}",
        "name": "".join(word.capitalize() for word in kind.value.split("-")),
        "shortDescription": {"text": kind.meaning},
        "fullDescription": {"text": kind.meaning},
        "help": {"text": "The run's HTML report shows every case with both answers."},
        "defaultConfiguration": {"level": _LEVELS[kind]},
    }


def _invocation(reviews: Sequence[Review], left: int) -> dict[str, Any]:
    code = worst_of(reviews)
    told: dict[str, Any] = {
        "executionSuccessful": code in (ExitCode.PASS, ExitCode.FAIL, ExitCode.INCONCLUSIVE),
        "exitCode": int(code),
        "exitCodeDescription": code.meaning,
    }
    if left:
        text = f"{count(left, 'further finding')} left out"
        told["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": text}}]
    return told


def _result(finding: Finding, kinds: Sequence[Kind]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": f"plimsoll/{finding.kind.value}",
        "ruleIndex": kinds.index(finding.kind),
        "level": _LEVELS[finding.kind],
        "message": {"text": clip(f"{finding.title}\n{finding.text}", _TEXT_LIMIT)},
        "partialFingerprints": {"plimsoll/v1": _fingerprint(finding)},
        "locations": [{"physicalLocation": _physical(finding.place or _expected(finding))}],
    }
    if finding.related is not None:
        related = {"id": 1, "message": {"text": "the case"}, "physicalLocation": _physical(finding.related)}
        result["relatedLocations"] = [related]
    return result


def _expected(finding: Finding) -> Where:
    """Where the suite would be: for one result without a place GitHub refuses the whole file."""
    return Where(f"suites/{finding.suite}.yaml")


def _physical(place: Where) -> Mapping[str, Any]:
    return {
        "artifactLocation": {"uri": quote(str(place.file)), "uriBaseId": _ROOT},
        "region": {"startLine": place.line or 1},
    }


def _fingerprint(finding: Finding) -> str:
    return digest([finding.kind.value, finding.suite, finding.key])
