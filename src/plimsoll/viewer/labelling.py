"""Where answers are labelled by hand, one after the other.

In blind mode nothing on the page tells whose answer it is or what any judge or other person said of it: no target, no
score, no time, and an address that names the answer by a hash. Labels that a judge is measured against must not have
been drawn towards it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.canonical import digest, short
from plimsoll.labels import LabelStore
from plimsoll.reports.model import AnswerView, CaseRow
from plimsoll.reports.text import any_text, plain
from plimsoll.types import EXPECTED, CellId, HumanLabel, Metric, MetricKind, Scored
from plimsoll.viewer.contract import Refused
from plimsoll.viewer.pages import label_line, stamp_text
from plimsoll.viewer.queue import Queue, Wish
from plimsoll.viewer.scale import Choice, as_labelled, choices, expected_of, label_of, new_metric, range_text
from plimsoll.viewer.shelf import OpenRun, Shelf
from plimsoll.viewer.site import fill

SOURCE = "view"
LONGEST = 20_000
"""Characters of a comment or a reference answer."""
_WISHED = ("metric", "kind", "low", "high", "labels", "sample", "spread", "blind", "seed", "target")
"""Fields of the form that a wish is given in."""
_PARTS = ("your label", "why", "what the answer should have been")
_BETWEEN = "."


class Overtaken(Refused):
    """A word on an answer from a page that did not show the person's latest one: it would replace what it never met."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "you said something else of this answer since this page was opened",
            "nothing was replaced; look at both, and say it again if it is to count",
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """What this person has said of an answer, in this viewer."""

    label: HumanLabel | None
    reference: HumanLabel | None

    @property
    def texts(self) -> tuple[str, str, str]:
        """Label, comment and reference answer as a page shows them; empty for none."""
        return (
            label_line(self.label).value if self.label else "",
            plain((self.label.rationale if self.label else None) or ""),
            plain(any_text(self.reference.value)) if self.reference else "",
        )

    @property
    def marks(self) -> list[str]:
        """One for each of these: a form carries them, so that it is known what its page had shown."""
        _, comment, expected = self.texts
        return [_mark(self.label.value if self.label else None), _mark(comment), _mark(expected)]


@dataclass(frozen=True, slots=True)
class _Typed:
    """What stands in the form: what was given before, or what was typed and could not be taken."""

    comment: str
    expected: str
    number: str
    since: tuple[tuple[str, str], ...] = ()
    """Part and text of what was said elsewhere since the page was opened that this came from."""
    sent: str = ""
    """The label that came from it."""


@dataclass(frozen=True, slots=True)
class _Work:
    """One answer on the table."""

    run: OpenRun
    wish: Wish
    metric: Metric
    queue: Queue
    buttons: tuple[Choice, ...]
    own: dict[CellId, HumanLabel]
    """What this person has said of the metric, in this viewer."""


class Labelling:
    """The pages that labels are given in."""

    def __init__(self, shelf: Shelf, secret: bytes) -> None:
        """The pages.

        Args:
            shelf: The runs.
            secret: What answers' names are made with.
        """
        self._shelf, self._secret = shelf, secret
        self._store = LabelStore(shelf.desk.state)

    def setup(self, run_id: str, query: Mapping[str, str], *, problem: str = "") -> str:
        """What is to be labelled, and how.

        Args:
            run_id: The run's.
            query: The case, where only its answers are meant; with a problem, all that was given.
            problem: Why that could not be taken: it stands in the form again.

        Raises:
            Refused: the run's cases are held out.
        """
        run = self._open(run_id)
        given = [label for label in self._store if label.run == run.id and label.name != EXPECTED]
        counts: dict[tuple[str, str], int] = {}
        for label in given:
            counts[label.name, label.who] = counts.get((label.name, label.who), 0) + 1
        metrics = sorted(run.report.metrics.values(), key=lambda metric: (not metric.judged, metric.of_today))
        return self._fill(
            "setup.html.jinja2",
            run=run,
            metrics=[metric for metric in metrics if not metric.of_today],
            targets=list(run.report.run.targets),
            given=[(plain(name), plain(who), amount) for (name, who), amount in sorted(counts.items())],
            case=query.get("case", ""),
            sent={name: query.get(name, "") if problem else "" for name in _WISHED},
            problem=problem,
        )

    def answer(
        self,
        run_id: str,
        query: Mapping[str, str],
        *,
        token: str,
        problem: str = "",
        sent: Mapping[str, str] | None = None,
    ) -> str:
        """The answer that an address names, or the first without a label.

        Args:
            run_id: The run's.
            query: The wish, and in `at` the answer's name.
            token: Goes with what the page sends.
            problem: Why the last word could not be taken.
            sent: The form that could not be taken: what was typed in it stays; None is what was given before.

        Raises:
            Refused: the wish makes no sense, or the run's cases are held out.
        """
        work = self._work(run_id, query)
        if not len(work.queue):
            raise Refused(404, "no answer is to be labelled", "no target has answered, or none of the case or target")
        at = work.queue.place(query.get("at", ""))
        if at is None:
            at = work.queue.next_after(-1, work.own)
        if at is None or "done" in query:
            return self._fill("done.html.jinja2", work=work, given=len(self._given(work)))
        cell = work.queue.cells[at]
        row, answer = self._shown(work, cell)
        names, said = work.queue.names, self._said(work, cell)
        return self._fill(
            "answer.html.jinja2",
            work=work,
            row=row,
            answer=answer,
            at=at,
            name=names[at],
            before=work.wish.query(at=names[at - 1]) if at else "",
            after=work.wish.query(at=names[at + 1]) if at + 1 < len(names) else "",
            given=len(self._given(work)),
            own=label_line(said.label) if said.label else None,
            pressed=work.own[cell].value if cell in work.own else None,
            typed=_typed(said, sent),
            shown=_BETWEEN.join(said.marks),
            range_text=range_text(work.metric),
            kinds=MetricKind,
            token=token,
            problem=problem,
            view={"header": {"repeats": 1 if work.wish.blind else work.run.report.run.repeats}},
        )

    def take(self, run_id: str, query: Mapping[str, str], form: Mapping[str, str]) -> str:
        """Keep what the form says; the query of what comes next.

        Raises:
            Overtaken: this person said something else of the answer since the form's page was opened.
            Refused: it can't be kept as it is.
            InfrastructureError: it can't be written.
        """
        work = self._work(run_id, query)
        name = form.get("answer", "")
        at = work.queue.place(name)
        if at is None:
            raise Refused(409, "this answer is not among those to be labelled any more", "reload the page")
        cell = work.queue.cells[at]
        said = self._said(work, cell)
        if _marks(form) != said.marks:
            raise Overtaken
        if form.get("act") == "withdraw":
            self._store.append(self._withdrawn(work, cell, said))
            return work.wish.query(at=name)
        kept = list(self._kept(work, cell, form, said))
        if kept:
            self._store.append(kept)
        if "act" in form:
            return work.wish.query(at=name)
        labelled = {**work.own, cell: None}
        then = work.queue.next_after(at, labelled)
        return work.wish.query(done="1") if then is None else work.wish.query(at=work.queue.names[then])

    def _kept(self, work: _Work, cell: CellId, form: Mapping[str, str], said: _Said) -> Iterator[HumanLabel]:
        """The labels that a form gives. What was not touched in it stays as it was said, not as it was shown."""
        _, comment_mark, expected_mark = said.marks
        comment, expected = (_lines(form.get(name, "")) for name in ("comment", "expected"))
        if len(comment) > LONGEST or len(expected) > LONGEST:
            raise Refused(400, f"more than {LONGEST:,} characters", "shorten it")
        untouched = said.label is not None and _mark(comment) == comment_mark
        rationale = said.label.rationale if said.label and untouched else comment.strip() or None
        if "act" not in form:
            yield self._label(work, cell, label_of(_written(form), work.metric, work.buttons), rationale)
        elif said.label is not None:
            yield self._label(work, cell, said.label.value, rationale)
        elif rationale:
            raise Refused(400, "a comment goes with a label", "give the answer a label first")
        if _mark(expected) == expected_mark:
            return
        now = expected_of(expected, work.run.report.cases[cell.case].expected)
        if now is not None or said.reference is not None:
            yield self._label(work, cell, now, None, name=EXPECTED)

    def _withdrawn(self, work: _Work, cell: CellId, said: _Said) -> Iterator[HumanLabel]:
        if said.label is not None:
            yield self._label(work, cell, None, None)
        if said.reference is not None:
            yield self._label(work, cell, None, None, name=EXPECTED)

    def _label(self, work: _Work, cell: CellId, value: Any, comment: str | None, *, name: str = "") -> HumanLabel:
        desk = self._shelf.desk
        return HumanLabel(
            run=work.run.id,
            cell=cell,
            name=name or work.metric.name,
            value=value,
            who=desk.who,
            at=desk.clock(),
            rationale=comment,
            source=SOURCE,
        )

    def _work(self, run_id: str, query: Mapping[str, str]) -> _Work:
        run, wish = self._open(run_id), Wish.of(query)
        report = run.report
        if wish.target and wish.target not in report.run.targets:
            raise Refused(404, f"the run has no target {wish.target}", ", ".join(report.run.targets))
        scored = report.metrics.get(wish.metric)
        if scored is None:
            metric = new_metric(wish.metric, wish.kind, wish.low, wish.high, wish.labels)
        else:
            metric = as_labelled(scored, wish.kind)
        if run.memory.get("wish") != wish:
            run.memory["wish"], run.memory["queue"] = wish, Queue(report, scored or metric, wish, self._secret)
        queue = run.memory["queue"]
        assert isinstance(queue, Queue)
        own, seen = {}, set()
        for label in self._store:
            if label.run != run.id or label.name != metric.name:
                continue
            seen.add(str(label.value))
            if label.who == self._shelf.desk.who and label.source == SOURCE:
                own[label.cell] = label
        if metric.kind is MetricKind.LABEL and not metric.labels:
            seen |= _scored_labels(run, metric.name)
        return _Work(run, wish, metric, queue, choices(metric, seen), own)

    def _open(self, run_id: str) -> OpenRun:
        run = self._shelf.open(run_id)
        if run.is_held_out:
            raise Refused(
                403, "the run's cases are held out: what they say is not shown, so they can't be labelled here"
            )
        return run

    def _given(self, work: _Work) -> set[CellId]:
        return set(work.queue.cells) & work.own.keys()

    def _shown(self, work: _Work, cell: CellId) -> tuple[CaseRow, AnswerView]:
        place = work.run.report.numbering()(cell.case)
        assert place is not None
        row = work.run.rows.row(place)
        run = work.run.report.run
        return row, row.answers[list(run.targets).index(cell.target) * run.repeats + cell.repeat]

    def _said(self, work: _Work, cell: CellId) -> _Said:
        who = self._shelf.desk.who
        found = (label for label in self._store if label.run == work.run.id and label.cell == cell)
        reference = next(
            (each for each in found if (each.name, each.who, each.source) == (EXPECTED, who, SOURCE)), None
        )
        return _Said(work.own.get(cell), reference)

    def _fill(self, template: str, **values: Any) -> str:
        return fill(template, desk=self._shelf.desk, stamp_text=stamp_text, **values)


def _typed(said: _Said, sent: Mapping[str, str] | None) -> _Typed:
    """What stands in the form. What was typed stays; a field that was not touched shows what is kept now."""
    _, comment, expected = said.texts
    value = said.label.value if said.label else None
    number = f"{value:.15g}" if isinstance(value, float) else ""
    if sent is None:
        return _Typed(comment, expected, number)
    before = _marks(sent)
    texts = zip(_PARTS, said.texts, said.marks, before, strict=True)
    return _Typed(
        comment=_typed_or(comment, sent.get("comment", ""), before[1]),
        expected=_typed_or(expected, sent.get("expected", ""), before[2]),
        number=sent.get("other", ""),
        since=tuple((part, text or "nothing") for part, text, mark, known in texts if mark != known),
        sent=("take it back" if sent["act"] == "withdraw" else "") if "act" in sent else _written(sent),
    )


def _typed_or(kept: str, typed: str, before: str) -> str:
    return kept if _mark(_lines(typed)) == before else typed


def _written(form: Mapping[str, str]) -> str:
    """The label that a form gives, as it was written."""
    return form.get("value") or form.get("other", "")


def _marks(form: Mapping[str, str]) -> list[str]:
    """The marks of what a form's page had shown."""
    found = form.get("shown", "").split(_BETWEEN)
    return found if len(found) == len(_PARTS) else [""] * len(_PARTS)


def _mark(value: Any) -> str:
    return short(digest(value), 16)


def _lines(text: str) -> str:
    """Text of a form, with the line ends that it is kept with."""
    return text.replace("\r\n", "\n")


def _scored_labels(run: OpenRun, name: str) -> set[str]:
    """The labels that an evaluator gave in the run."""
    key = ("labels", name)
    if key not in run.memory:
        scores = (record.scores.get(name) for record in run.report.cells)
        run.memory[key] = {
            score.value for score in scores if isinstance(score, Scored) and isinstance(score.value, str)
        }
    found = run.memory[key]
    assert isinstance(found, set)
    return found
