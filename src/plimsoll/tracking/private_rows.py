"""One case, and all that came of it, without what must not leave this machine.

What is redacted of a case is redacted in all that came of it: its place in the case becomes `[FIELD redacted]`, and so
does its value wherever it stands in messages, answers, spans, reasons, failures, and other fields of the same case. No
digest of a value is kept: who has a list of addresses would find the address by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from msgspec.structs import replace

from plimsoll.config.privacy import EXPECTED, GROUP, MESSAGES, OUTPUT, REASON, TURNS, PrivacyPolicy
from plimsoll.config.secrets import Redactor
from plimsoll.runs.closed import closed_case, closed_outcome, closed_score
from plimsoll.tracking.masks import Patterns, Values, mark, walk, worth_seeking
from plimsoll.types import Case, Failed, Failure, Message, Metric, Outcome, Output, Score, Scored, Skipped, Span, Turn

_QUESTION = "question"
"""What a template calls the text that the user says in a turn."""
_USER = "user"
_STEPS = '"spans":[{'
"""In an output's JSON: it has steps, whose inputs may have a field in its own place."""
_NO_VALUES = Values(())


@dataclass(slots=True)
class Rules:
    """What is taken out of every case of a run."""

    paths: Mapping[str, Sequence[str]]
    """Field as it is written → its steps."""
    patterns: Patterns
    closed: bool
    """The cases are held out: nothing of what is said in them leaves."""
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    """The run's: the labels that they list may leave."""
    secrets: Redactor = field(default_factory=partial(Redactor, {}))
    """Takes out keys that nobody writes by chance: all else that leaves loses them too, but ids and slices."""
    seen: set[str] = field(default_factory=set)
    """Of the paths, those that some case had, so far."""
    fields: set[str] = field(default_factory=set)
    """What cases have, as far as they were looked through."""

    @classmethod
    def of(
        cls,
        policy: PrivacyPolicy,
        *,
        closed: bool,
        metrics: Mapping[str, Metric] | None = None,
        secrets: Redactor | None = None,
    ) -> Rules:
        """Those of a policy, for a run with these metrics."""
        paths = {path: path.split(".") for path in policy.redact}
        return cls(paths, Patterns(policy.patterns), closed, metrics or {}, secrets or Redactor({}))

    @property
    def structural(self) -> bool:
        """More is redacted than values that are known: everything has to be looked at."""
        return self.closed or bool(self.patterns) or any(path in self for path in (OUTPUT, REASON, MESSAGES))

    def __contains__(self, path: str) -> bool:
        return path in self.paths

    @property
    def unseen(self) -> tuple[str, ...]:
        """Paths that no case had; every run has answers and reasons."""
        return tuple(path for path in self.paths if path not in self.seen and path not in (OUTPUT, REASON))

    def look_through(self, cases: Iterable[Case]) -> None:
        """See which fields they have, until every one that is redacted was seen."""
        for case in cases:
            if not self.unseen:
                return
            Row.of(self, case)
            self.fields.update(_names(case.fields()))

    def alone(self) -> Rules:
        """The same for what is no case of the run: it counts for no field that some case had."""
        return Rules(self.paths, self.patterns, closed=False, secrets=self.secrets)

    def text(self, text: str) -> str:
        """A text without what patterns find, and without keys."""
        return self.secrets.text(self.patterns.text(text))

    def all(self, value: Any) -> Any:
        """A JSON value likewise."""
        return walk(value, self.text)


class Found:
    """What stood where a mark is now."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._found: list[tuple[str, str]] = []

    def keep(self, path: str, value: Any) -> None:
        """One more value."""
        self.rules.seen.add(path)
        self._found += [(text, mark(path)) for text in worth_seeking(value)]

    def values(self) -> Values:
        """All, to be sought."""
        return Values(self._found) if self._found else _NO_VALUES


class Row:
    """A case, and what takes its values out of all that came of it."""

    def __init__(self, rules: Rules, placed: Case, values: Values) -> None:
        self._rules, self._placed = rules, placed
        self.values = values
        """What is redacted of the case, to be sought elsewhere."""

    @classmethod
    def of(cls, rules: Rules, case: Case) -> Row:
        """That of a case as it is."""
        found = Found(rules)
        placed = _placed(case, found) if rules.paths else case
        return cls(rules, placed, found.values())

    @property
    def case(self) -> Case:
        """The case as it may leave; ids and groups that became the same are not told apart here."""
        return self._sought(closed_case(self._placed) if self._rules.closed else self._placed)

    def changes(self, raw: str) -> bool:
        """Whether the JSON of something that came of the case may hold what is to be redacted."""
        if self._rules.structural or _STEPS in raw or self.values.stand_in(raw.lower()):
            return True
        return self._rules.secrets.text(raw) != raw

    def text(self, text: str, *, cut: bool = False) -> str:
        """A text that came of the case; `cut` where it may quote only the first part of a value."""
        return self._rules.text(self.values.text(text, cut=cut))

    def outcome(self, outcome: Outcome) -> Outcome:
        """What the target gave."""
        shown = closed_outcome(outcome) if self._rules.closed else outcome
        return self._failure(shown) if isinstance(shown, Failure) else self._answered(shown).output(shown)

    def scores(self, scores: Mapping[str, Score], outcome: Outcome | None) -> dict[str, Score]:
        """What evaluators said.

        Args:
            scores: Metric → score.
            outcome: What they are about, as it is: where answers are redacted, they are sought in reasons too.
        """
        row = self._answered(outcome)
        return {name: row.score(score, self._rules.metrics.get(name)) for name, score in scores.items()}

    def _answered(self, outcome: Outcome | None) -> Row:
        if OUTPUT not in self._rules or not isinstance(outcome, Output):
            return self
        found = Found(self._rules)
        for each in (outcome, *outcome.turns):
            found.keep(OUTPUT, [each.text, each.value, each.extra])
        return Row(self._rules, self._placed, self.values.and_those_of(found.values()))

    def score(self, score: Score, metric: Metric | None) -> Score:
        """One score, of the metric where that is known."""
        score = closed_score(score, metric) if self._rules.closed else score
        turns = () if isinstance(score, Skipped) else tuple(self.score(turn, metric) for turn in score.turns)
        hidden = mark(REASON) if REASON in self._rules else None
        if isinstance(score, Scored):
            return replace(
                score,
                value=self.text(score.value) if isinstance(score.value, str) else score.value,
                reason=None if score.reason is None else hidden or self.text(score.reason, cut=True),
                detail=None if score.detail is None else hidden or self.text(score.detail),
                turns=turns,
            )
        if isinstance(score, Failed):
            failure = self._failure(score.failure)
            failure = replace(failure, message=hidden) if hidden else failure
            return replace(score, failure=failure, turns=turns)
        return replace(score, reason=self.text(score.reason, cut=True))

    def _sought(self, case: Case) -> Case:
        """The case with its values sought in all of it."""
        return replace(
            case,
            id=self.text(case.id),
            inputs=self._all(case.inputs),
            messages=tuple(self._all(case.messages)),
            turns=tuple(
                replace(turn, **{name: self._all(getattr(turn, name)) for name in ("user", "expected", "inputs")})
                for turn in case.turns
            ),
            expected=self._all(case.expected),
            group=None if case.group is None else self.text(case.group),
            slices=tuple(map(self._rules.text, case.slices)),
            evaluators=tuple(self._all(case.evaluators)),
            pass_if={metric: self.text(condition) for metric, condition in case.pass_if.items()},
        )

    def output(self, output: Output) -> Output:
        """An answer; what it says is sought in it where answers are redacted."""
        hidden = mark(OUTPUT) if OUTPUT in self._rules else None
        value = None if output.value is None else hidden or self._all(output.value)
        return replace(
            output,
            text=hidden or self.text(_text_of(output, value)),
            value=value,
            tool_calls=() if hidden else tuple(self._all(output.tool_calls)),
            messages=tuple(map(_silent, output.messages) if MESSAGES in self._rules else self._all(output.messages)),
            spans=tuple(self._span(span, hidden) for span in output.spans),
            extra=dict.fromkeys(output.extra, hidden) if hidden else self._all(output.extra),
            turns=tuple(self.output(turn) for turn in output.turns),
        )

    def _span(self, span: Span, hidden: str | None) -> Span:
        unsaid = MESSAGES in self._rules and span.kind == "model" and span.inputs is not None
        return replace(
            span,
            name=self.text(span.name),
            inputs=mark(MESSAGES) if unsaid else self._all(self._given(span.inputs)),
            output=hidden if hidden and span.output is not None else self._all(span.output),
            error=None if span.error is None else self.text(span.error, cut=True),
        )

    def _given(self, inputs: Any) -> Any:
        """A step's inputs; of one that has a field's name, the field's place is there too."""
        nobody = Found(self._rules.alone())
        for path, steps in self._rules.paths.items():
            inputs = _without(path, steps, inputs, nobody) if isinstance(inputs, Mapping) else inputs
        return inputs

    def _failure(self, failure: Failure) -> Failure:
        return replace(
            failure, message=self.text(failure.message, cut=True), remedy=self.text(failure.remedy, cut=True)
        )

    def _all(self, value: Any) -> Any:
        return walk(value, self.text)


def _placed(case: Case, found: Found) -> Case:
    """The case with a mark in each field's own place."""
    document: Any = {**case.inputs, EXPECTED: case.expected, GROUP: case.group}
    turns: list[Any] = [turn.row() for turn in case.turns]
    messages = case.messages
    for path, steps in found.rules.paths.items():
        document = _without(path, steps, document, found)
        turns = [_of_turn(path, steps, turn, found) for turn in turns]
        if path == MESSAGES and messages:
            found.keep(path, [message.get("content") for message in messages])
            messages = tuple(map(_silent, messages))
    expected, group = document.pop(EXPECTED), document.pop(GROUP)
    told = tuple(map(_turn, turns))
    return replace(case, inputs=document, expected=expected, group=group, messages=messages, turns=told)


def _of_turn(path: str, steps: Sequence[str], turn: Any, found: Found) -> Any:
    if path == TURNS:
        for name in list(turn):
            turn = _without(path, [name], turn, found)
        return turn
    if path == MESSAGES or (path == _QUESTION and _QUESTION not in turn):
        return _without(path, [_USER], turn, found)
    return _without(path, steps[1:] if steps[0] == TURNS else steps, turn, found)


def _without(path: str, steps: Sequence[str], value: Any, found: Found) -> Any:
    """A value with the mark at a place inside it; of a list, in each of its items."""
    if not steps:
        if value is None:
            return None
        found.keep(path, value)
        return mark(path)
    if isinstance(value, Mapping):
        # A column may have a point in its name.
        whole = ".".join(steps)
        step, rest = (whole, []) if whole in value else (steps[0], steps[1:])
        return {**value, step: _without(path, rest, value[step], found)} if step in value else value
    if isinstance(value, list | tuple):
        if steps[0].isdecimal():
            at, rest = int(steps[0]), steps[1:]
            return [_without(path, rest, item, found) if at == place else item for place, item in enumerate(value)]
        return [_without(path, steps, item, found) for item in value]
    return value


def _names(value: Any, above: str = "") -> Iterator[str]:
    """The fields of a value by their paths."""
    for item in value if isinstance(value, list | tuple) else (value,):
        if isinstance(item, Mapping):
            for name, inner in item.items():
                yield f"{above}{name}"
                yield from _names(inner, f"{above}{name}.")


def _text_of(output: Output, value: Any) -> str:
    """The text of an answer whose value is now this: where it is its JSON, that of the value."""
    if value != output.value:
        with suppress(ValueError):
            if json.loads(output.text) == output.value:
                return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return output.text


def _silent(message: Message) -> Message:
    return {"role": message.get("role"), "content": mark(MESSAGES)}


def _turn(row: dict[str, Any]) -> Turn:
    inputs = {name: value for name, value in row.items() if name not in (_USER, EXPECTED)}
    return Turn(user=row[_USER], expected=row.get(EXPECTED), inputs=inputs)
