"""The pages to read in: the list of runs, a run, its cases, one case. From a request's words to HTML; nothing changes.

Every text of a model, a dataset or an endpoint goes through the report's view values, which hold it as plain text, and
through templates that escape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from msgspec.structs import replace

from plimsoll.labels import LabelStore
from plimsoll.reports.cases import message_texts
from plimsoll.reports.model import AnswerView, CaseRow, Standing
from plimsoll.reports.text import any_text, clip, excerpt, number, one_line, plain
from plimsoll.types import CellId, CellRecord, HumanLabel, Output
from plimsoll.viewer.contract import Refused
from plimsoll.viewer.queue import whole
from plimsoll.viewer.shelf import LISTED, TEXT_LIMIT, OpenRun, Shelf
from plimsoll.viewer.site import fill
from plimsoll.viewer.table import Asked

CASES_SHOWN = 50
"""On one page."""
_SHORT = 140
_EXPECTED = "expected"
"""What answers are marked against where nothing else is asked."""


@dataclass(frozen=True, slots=True)
class LabelLine:
    """A person's word, as it is shown."""

    name: str
    value: str
    who: str
    rationale: str
    source: str


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """One answer on a case's page, with what stands beside it."""

    row: CaseRow
    """The case, with what the answer is marked against in the place of the expected answer."""
    answer: AnswerView
    sent: tuple[tuple[str, str], ...]
    """Role and text of what was sent."""
    steps: tuple[tuple[str, str, str], ...]
    """Name, seconds and error of what happened inside the target."""
    facts: tuple[tuple[str, str], ...]
    labels: tuple[LabelLine, ...]


class Pages:
    """What is read."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._labels = LabelStore(shelf.desk.state)

    def runs(self, query: Mapping[str, str]) -> str:
        """The list of runs.

        Raises:
            Refused: the query makes no sense.
        """
        suite, page = query.get("suite", ""), max(whole(query, "page", 1), 1)
        listing = self._shelf.listing(suite, page)
        return self._fill(
            "runs.html.jinja2",
            listing=listing,
            suite=plain(suite),
            pager=_pager(page, listing.total, LISTED, {"suite": suite}),
        )

    def run(self, run_id: str) -> str:
        """A run as its report shows it."""
        run = self._shelf.open(run_id)
        return self._fill(
            "run.html.jinja2",
            run=run,
            view=run.view,
            flips_shown=25,
            title_outcome=", ".join(section.word.lower() for section in run.view.verdicts) or "run",
            labels=len(self._of_run(run)),
        )

    def state(self, run_id: str) -> dict[str, str]:
        """What changes whenever the run does."""
        return {"stamp": stamp_text(self._shelf.stamp(run_id))}

    def cases(self, run_id: str, query: Mapping[str, str]) -> str:
        """The run's cases that are asked for, a page of them.

        Raises:
            Refused: the query makes no sense.
        """
        run, asked, page = self._shelf.open(run_id), asked_of(query), max(whole(query, "page", 1), 1)
        places = self._fitting(run, asked)
        labels = self._of_run(run)
        shown = [run.rows.row(place) for place in places[(page - 1) * CASES_SHOWN : page * CASES_SHOWN]]
        return self._fill(
            "cases.html.jinja2",
            run=run,
            table=run.table,
            asked=asked,
            rows=[(row, [_short(row, target) for target in run.table.targets]) for row in shown],
            fitting=len(places),
            labelled={plain(label.cell.case) for label in labels},
            query=_query(asked),
            pager=_pager(page, len(places), CASES_SHOWN, _written(asked)),
        )

    def case(self, run_id: str, place: int, query: Mapping[str, str]) -> str:
        """One case with every answer to it.

        Args:
            run_id: The run's.
            place: The case's in the dataset, from 1.
            query: The filter that it was found by, for the way to the next one; and `against`.

        Raises:
            Refused: there is no such case.
        """
        run, asked = self._shelf.open(run_id), asked_of(query)
        if not 1 <= place <= run.table.size:
            raise Refused(404, f"the run has no case {place}", f"it has {run.table.size}")
        places = self._fitting(run, asked)
        at = places.index(place - 1) if place - 1 in places else None
        row = run.rows.row(place - 1)
        against = query.get("against", _EXPECTED)
        found = list(self._answers(run, row, place - 1, against))
        targets = [plain(target) for target in run.report.run.targets]
        return self._fill(
            "case.html.jinja2",
            run=run,
            view={"header": {"repeats": run.report.run.repeats}},
            row=row,
            columns=[[part for part in found if part.answer.target == target] for target in targets],
            targets=targets,
            against=plain(against),
            asked=asked,
            query=_query(asked),
            fitting=len(places),
            at=at,
            before=places[at - 1] + 1 if at else None,
            after=places[at + 1] + 1 if at is not None and at + 1 < len(places) else None,
        )

    def _fitting(self, run: OpenRun, asked: Asked) -> list[int]:
        labelled = {label.cell.case for label in self._of_run(run)} if asked.labelled else set()
        key = (asked, frozenset(labelled))
        if run.memory.get("asked") != key:
            order = iter(run.rows.order) if asked.order == "worst" else None
            run.memory["asked"], run.memory["fitting"] = key, run.table.fitting(asked, labelled, order)
        found = run.memory["fitting"]
        assert isinstance(found, list)
        return found

    def _answers(self, run: OpenRun, row: CaseRow, place: int, against: str) -> Iterator[AnswerPart]:
        case = _case_id(run, place)
        find = run.report.finder()
        # What people wrote of a held-out answer may quote it.
        labels = [] if run.is_held_out else [label for label in self._of_run(run) if label.cell.case == case]
        cells = [
            CellId(target, case, repeat)
            for target in run.report.run.targets
            for repeat in range(run.report.run.repeats)
        ]
        for cell, answer in zip(cells, row.answers, strict=True):
            record = find(cell)
            yield AnswerPart(
                row=replace(row, expected=_marked_against(row, answer, against)),
                answer=answer,
                sent=_sent(record),
                steps=_steps(record),
                facts=tuple(_facts(record)),
                labels=tuple(label_line(label) for label in labels if label.cell == cell),
            )

    def _of_run(self, run: OpenRun) -> list[HumanLabel]:
        return [label for label in self._labels if label.run == run.id]

    def _fill(self, template: str, **values: Any) -> str:
        return fill(template, desk=self._shelf.desk, stamp_text=stamp_text, **values)


def asked_of(query: Mapping[str, str]) -> Asked:
    """The filter that a query holds."""
    known = {name: query[name].strip() for name in asdict(Asked()) if query.get(name, "").strip()}
    return Asked(**known)


def stamp_text(stamp: Sequence[tuple[int, int]]) -> str:
    """What changes whenever the run does, in one word."""
    return "-".join(f"{size:x}.{at:x}" for size, at in stamp)


def label_line(label: HumanLabel) -> LabelLine:
    """A label as it is shown."""
    value = label.value
    written = ("true" if value else "false") if isinstance(value, bool) else any_text(value)
    return LabelLine(
        name=plain(label.name),
        value=f"{value:g}" if isinstance(value, float) else excerpt(written, 500),
        who=one_line(label.who, 80),
        rationale=excerpt(label.rationale or "", 2000),
        source=plain(label.source),
    )


def _written(asked: Asked) -> dict[str, str]:
    return {name: value for name, value in asdict(asked).items() if value}


def _query(asked: Asked) -> str:
    return urlencode(_written(asked))


def _case_id(run: OpenRun, place: int) -> str:
    """The id as it is in the dataset; a row's may be shown otherwise."""
    return next(name for number, name in enumerate(run.report.cases) if number == place)


@dataclass(frozen=True, slots=True)
class Pager:
    """Where in a list a page stands."""

    page: int
    pages: int
    before: str
    """The query of the page before; empty where there is none."""
    after: str


def _pager(page: int, total: int, each: int, more: Mapping[str, str]) -> Pager:
    pages = max(-(-total // each), 1)
    if page > pages:
        raise Refused(404, f"there is no page {page}", f"there are {pages}")
    kept = {name: value for name, value in more.items() if value}
    before, after = (urlencode({**kept, "page": str(at)}) if 1 <= at <= pages else "" for at in (page - 1, page + 1))
    return Pager(page, pages, before, after)


def _short(row: CaseRow, target: str) -> tuple[Standing, str]:
    """How the worst of a target's answers stands, and its beginning."""
    order = list(Standing)
    answers = row.of(plain(target))
    if not answers:
        return Standing.NOT_RUN, ""
    worst = min(answers, key=lambda answer: order.index(answer.standing))
    return worst.standing, clip(one_line(worst.text[: 4 * _SHORT]), _SHORT)


def _marked_against(row: CaseRow, answer: AnswerView, against: str) -> str | None:
    """What an answer's words are compared with."""
    if against == _EXPECTED or answer.target == plain(against):
        return row.expected if against == _EXPECTED else None
    others = row.of(plain(against))
    return others[min(answer.repeat, len(others) - 1)].text if others else None


def _sent(record: CellRecord | None) -> tuple[tuple[str, str], ...]:
    return message_texts(record.outcome.messages, TEXT_LIMIT) if record and isinstance(record.outcome, Output) else ()


def _steps(record: CellRecord | None) -> tuple[tuple[str, str, str], ...]:
    if record is None or not isinstance(record.outcome, Output):
        return ()
    return tuple(
        (f"{plain(span.kind)} {one_line(span.name, 120)}", number(span.seconds, "s"), one_line(span.error or "", 500))
        for span in record.outcome.spans
    )


def _facts(record: CellRecord | None) -> Iterator[tuple[str, str]]:
    if record is None or not isinstance(record.outcome, Output):
        return
    usage = record.outcome.usage
    if record.outcome.model:
        yield "model", one_line(record.outcome.model, 120)
    if usage.prompt_tokens is not None and usage.completion_tokens is not None:
        yield "tokens", f"{usage.prompt_tokens:,} in, {usage.completion_tokens:,} out"
