"""A run without what must not leave this machine: what is said of it as a whole, and how its cases are called outside.

Pure: `api.outgoing` reads and writes. What is redacted of each case: `private_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from plimsoll.config import PrivacyPolicy
from plimsoll.config.privacy import REASON
from plimsoll.config.secrets import Redactor
from plimsoll.errors import near_match
from plimsoll.runs.closed import CLOSED, closed_aggregate, may_quote
from plimsoll.runs.plan import Plan
from plimsoll.tracking.masks import Values, mark, walk
from plimsoll.tracking.private_rows import Row, Rules
from plimsoll.types import Aggregate, Case, CellId, Failed, Failure, Metric, Report, Skipped, Verdict

_PAIRED = 8
"""Hexadecimal digits of a case's digest that tell two redacted ids apart: it is of the row without its id."""
_SHORTEST_QUOTE = 8
_IDS = ("case", "failing", "gone")
"""What in a verdict holds ids of cases."""
_PARTS = ("slice", "rule")
"""What names a part of the cases."""
_SENTENCES = ("reason", "reasons", "owner", "unsealed")
"""What in a verdict may quote something."""


class Redaction:
    """What a policy takes out of one run. Its cases come first, in their order: groups are numbered by it."""

    def __init__(
        self,
        policy: PrivacyPolicy,
        *,
        closed: bool,
        metrics: Mapping[str, Metric] | None = None,
        secrets: Redactor | None = None,
    ) -> None:
        """A redaction that has seen nothing.

        Args:
            policy: The project's.
            closed: The run's cases are held out: nothing of what is said in them leaves.
            metrics: The run's, whose labels may be told of held-out cases; None tells none.
            secrets: Takes keys out of ids and slices, which all else that leaves is called by; None has none.
        """
        self.rules = Rules.of(policy, closed=closed, metrics=metrics, secrets=secrets)
        self.ids: dict[str, str] = {}
        """Id → what it is called outside; only of those that had to be changed."""
        self.renamed = False
        """A slice is called otherwise outside."""
        self._taken: set[str] = set()
        self._groups: dict[str, str] = {}

    def case(self, case: Case) -> Case:
        """A case as it may leave, by the id and the group that it has outside. To be asked once for each."""
        shown = self.row(case).case
        self.renamed = self.renamed or shown.slices != case.slices
        return replace(shown, id=self._id(case, shown.id), group=self._group(case.group, shown.group))

    def row(self, case: Case) -> Row:
        """What redacts all that came of a case."""
        return Row.of(self.rules, case)

    def cell(self, cell: CellId) -> CellId:
        """A cell, with its case as it is called outside."""
        name = self.ids.get(cell.case)
        return cell if name is None else CellId(cell.target, name, cell.repeat)

    def plan(self, plan: Plan) -> Plan:
        """A run's plan; its digests are those of what ran."""
        defaults = self._defaults(plan.settings)
        settings = plan.settings
        if defaults.case.inputs:
            settings = {**settings, "defaults": {**settings["defaults"], "inputs": defaults.case.inputs}}
        return replace(
            plan,
            settings=walk(settings, defaults.text),
            filters=self.filters(plan.filters),
            targets={
                name: replace(info, identity=self.rules.all(info.identity)) for name, info in plan.targets.items()
            },
            **{
                name: None if (told := getattr(plan, name)) is None else self.rules.text(told)
                for name in ("git_branch", "pr", "trigger")
            },
        )

    def filters(self, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """FIELD, VALUE pairs that a run's cases had to satisfy."""
        return tuple((name, self._filter(name, value)) for name, value in pairs)

    def suite(self, text: str, settings: Mapping[str, Any]) -> str:
        """A suite's text, of which these are the settings."""
        return self._defaults(settings).text(text)

    def aggregate(self, aggregate: Aggregate, report: Report) -> Aggregate:
        """Figures over all cells: what failed there may quote any of them."""

        def said(failure: Failure) -> Failure:
            message, remedy = self.told([failure.message, failure.remedy], report)
            return replace(failure, message=message, remedy=remedy)

        aggregate = closed_aggregate(aggregate) if self.rules.closed else aggregate
        figures = {
            self.rules.text(name): said(figure) if isinstance(figure, Failure) else figure
            for name, figure in aggregate.figures.items()
        }
        failure = None if aggregate.failure is None else said(aggregate.failure)
        return replace(aggregate, figures=figures, failure=failure)

    def verdict(self, verdict: Verdict, report: Report, others: Mapping[str, str] | None = None) -> Verdict:
        """A gate's decision: figures stay; its sentences may quote what failed.

        Args:
            verdict: As it was given.
            report: The run as it is.
            others: What cases that are only the baseline's are called outside.
        """
        elsewhere = others or {}
        document = msgspec.to_builtins(verdict)
        texts = sorted(set(_sentences(document)))
        told = dict(zip(texts, self.told(texts, report), strict=True))

        def named(case: str) -> str:
            if case in report.cases:
                return self.ids.get(case, case)
            # Nobody can say any more what was redacted of a case that is nowhere.
            return elsewhere.get(case, mark("case") if self.rules.paths else self.rules.text(case))

        return msgspec.convert(_said(document, told.__getitem__, named, self.rules.text), Verdict)

    def told(self, texts: Sequence[str], report: Report) -> list[str]:
        """Sentences about a whole run, without what must not leave of any of its cases.

        Args:
            texts: Any.
            report: The run as it is.
        """
        found = list(texts)
        if self.rules.closed or REASON in self.rules:
            shown = CLOSED if self.rules.closed else mark(REASON)
            values = Values((message, shown) for message in _quotes(report))
            found = [values.text(text, cut=True) for text in found]
        if self.rules.paths:
            lowered = "\n".join(found).lower()
            for case in report.cases.values():
                values = Row.of(self.rules, case).values
                if values.stand_in(lowered):
                    found = [values.text(text, cut=True) for text in found]
        return [self.rules.text(text) for text in found]

    def notes(self, cases: Iterable[Case]) -> Iterator[str]:
        """What somebody must know before they trust it, in sentences.

        Args:
            cases: The run's, as they are.
        """
        self.rules.look_through(cases)
        for path in self.rules.unseen:
            remedy = near_match(path, self.rules.fields)
            yield (
                f"no case of this run has {path}, so that nothing was redacted by that name"
                f"{f' ({remedy})' if remedy else ''}"
            )
        for name in self.rules.patterns.slow:
            yield f"the pattern {name} took too long: where it did, whole texts are redacted"

    def _defaults(self, settings: Mapping[str, Any]) -> Row:
        """What the suite itself gives to rows that lack a field, as a row."""
        inputs = (settings.get("defaults") or {}).get("inputs") or {}
        return Row.of(self.rules.alone(), Case(id="", inputs=dict(inputs)))

    def _filter(self, name: str, value: str) -> str:
        for path in self.rules.paths:
            if path == name or path.startswith(f"{name}.") or name.startswith(f"{path}."):
                return mark(path)
        return self.rules.text(value)

    def _id(self, case: Case, shown: str) -> str:
        if shown == case.id:
            return shown
        # The same on every machine, so that two runs can be paired by it.
        name = wanted = f"{shown} {case.digest.rpartition(':')[2][:_PAIRED]}".strip()
        number = 1
        while name in self._taken:
            number += 1
            name = f"{wanted}-{number}"
        self._taken.add(name)
        self.ids[case.id] = name
        return name

    def _group(self, group: str | None, shown: str | None) -> str | None:
        if group is None or shown == group:
            return group
        return self._groups.setdefault(group, f"{shown} {len(self._groups) + 1}")


def _sentences(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, str) and name in _SENTENCES:
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _sentences(item, key)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _sentences(item, name)


def _said(
    value: Any,
    told: Callable[[str], str],
    named: Callable[[str], str],
    part: Callable[[str], str],
    name: str = "",
) -> Any:
    """The document with its sentences, its cases' ids, and its slices changed."""
    if isinstance(value, str):
        for names, change in ((_SENTENCES, told), (_IDS, named), (_PARTS, part)):
            if name in names:
                return change(value)
        return value
    if isinstance(value, Mapping):
        return {key: _said(item, told, named, part, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_said(item, told, named, part, name) for item in value]
    return value


def _quotes(report: Report) -> Iterator[str]:
    """What a run says of the cells and scores that are lacking, where that may quote a case or an answer."""
    for record in report.cells:
        failures = [record.outcome] if isinstance(record.outcome, Failure) else []
        failures += [score.failure for score in record.scores.values() if isinstance(score, Failed)]
        said = [each.message for each in failures if may_quote(each)]
        said += [score.reason for score in record.scores.values() if isinstance(score, Skipped)]
        yield from (each for each in said if len(each) >= _SHORTEST_QUOTE)
