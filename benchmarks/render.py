"""Writes the results into docs/benchmarks.md, between the markers of each section.

python -m benchmarks.render
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.common.results import RESULTS, Section, load

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main() -> None:
    """Render every section whose results and markers are there."""
    text = PAGE.read_text(encoding="utf-8")
    for path in sorted(RESULTS.glob("*.json")):
        section = load(path.stem)
        assert section is not None
        begin, end = f"<!-- {section.name}: begin -->", f"<!-- {section.name}: end -->"
        if begin not in text or end not in text:
            sys.exit(f"{PAGE} has no markers {begin} … {end}")
        body = "\n".join(_lines(section))
        before, after = text.partition(begin)[0], text.partition(end)[2]
        text = f"{before}{begin}\n{body}\n{end}{after}"
    PAGE.write_text(text, encoding="utf-8")


def _lines(section: Section) -> Iterator[str]:
    machine, versions = section.machine, ", ".join(f"{name} {one}" for name, one in section.versions.items())
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}"
    yield f"Measured on {section.date}: {where}, Python {machine['python']}, {versions}."
    yield ""
    if section.findings:
        numbered = list(enumerate(section.findings, start=1))
        rows = ((str(number), one.what, one.shown, one.goal, one.answer) for number, one in numbered)
        yield from _table(("", "what", "measured", "goal", "reached"), rows)
        yield ""
        notes = [f"- ({number}) {one.note}" for number, one in numbered if one.note]
        yield from [*notes, ""] if notes else ()
    for table in section.tables:
        yield f"{table.caption}\n"
        yield from _table(table.columns, table.rows)
        yield ""
    yield f"    {section.command}"


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = tuple(columns)
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


if __name__ == "__main__":
    main()
