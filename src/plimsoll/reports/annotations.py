"""Findings as a CI system shows them beside the code: GitHub's workflow commands, Azure Pipelines' logging commands.

Promises that a text can't end its command or begin another, whatever a model wrote; and at most as many as are shown,
the worst first, with the number of those that are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from plimsoll.config.ci_system import CiSystem
from plimsoll.reports.findings import Finding, Kind, findings
from plimsoll.reports.review import Review
from plimsoll.reports.text import clip, count, one_line, some

SHOWN = 10
"""Of errors, and of warnings: GitHub shows no more of each for a step."""
_TITLE_LIMIT, _TEXT_LIMIT = 200, 1000
_NAMED = 5
"""Cases in a title."""
_ELSEWHERE = "the job's summary and the comment name them, all is in the run's report.html (.plimsoll/runs/RUN/)"


def render_annotations(reviews: Sequence[Review], system: CiSystem | None) -> str:
    """A line for each finding that is shown; empty where nothing stands in the way, or the system shows none."""
    write = {CiSystem.GITHUB: _github, CiSystem.AZURE: _azure}.get(system) if system else None
    if write is None:
        return ""
    lines: list[str] = []
    for blocks, group in groupby(_together(findings(reviews)), key=lambda finding: finding.kind.blocks):
        lines += _of_a_level(list(group), write, "error" if blocks else "warning")
    return "".join(f"{line}\n" for line in lines)


def _together(found: Sequence[Finding]) -> Iterator[Finding]:
    """What many cases lack for one and the same reason as one finding, at the first of them."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in found:
        if finding.kind is not Kind.MISSING:
            yield finding
            continue
        alike.setdefault((finding.suite, finding.text), []).append(finding)
    for (suite, _), group in alike.items():
        cases = list(dict.fromkeys(finding.case for finding in group))
        named = f"{suite}: {count(len(cases), 'case')}: {some(cases, _NAMED)}"
        yield group[0] if len(group) == 1 else group[0]._replace(title=named)


def _of_a_level(found: Sequence[Finding], write: Callable[[Finding, str], str], level: str) -> list[str]:
    shown = found if len(found) <= SHOWN else found[: SHOWN - 1]
    lines = [write(finding, level) for finding in shown]
    if len(shown) < len(found):
        left = found[len(shown)]
        told = f"{count(len(found) - len(shown), 'further finding')} not shown here: {_ELSEWHERE}"
        lines.append(write(left._replace(title="more", text=told, place=None, related=None), level))
    return lines


def _github(finding: Finding, level: str) -> str:
    place = {} if finding.place is None else {"file": str(finding.place.file), "line": str(finding.place.line or 1)}
    given = {**place, "title": _title(finding)}
    told = ",".join(f"{name}={_escaped(value, _GITHUB_PROPERTY)}" for name, value in given.items())
    return f"::{level} {told}::{_escaped(_text(finding), _GITHUB_DATA)}"


def _azure(finding: Finding, level: str) -> str:
    given = {"type": level}
    if finding.place is not None:
        given |= {"sourcepath": str(finding.place.file), "linenumber": str(finding.place.line or 1)}
    given["code"] = finding.kind.value
    told = "".join(f"{name}={_escaped(value, _AZURE_PROPERTY)};" for name, value in given.items())
    return f"##vso[task.logissue {told}]{_escaped(f'{_title(finding)}: {_text(finding)}', _AZURE_DATA)}"


def _title(finding: Finding) -> str:
    return one_line(finding.title, _TITLE_LIMIT)


def _text(finding: Finding) -> str:
    text = clip(finding.text, _TEXT_LIMIT)
    return text if finding.related is None else f"{text}\n{finding.related}"


_GITHUB_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_GITHUB_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})
_AZURE_DATA = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A"})
_AZURE_PROPERTY = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A", "]": "%5D", ";": "%3B"})


def _escaped(text: str, table: Mapping[int, str]) -> str:
    return text.translate(table)
