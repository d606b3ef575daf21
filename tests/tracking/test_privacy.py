"""What is redacted of a case is in nothing that came of it; all else stays as it is."""

from __future__ import annotations

import html
import json
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.config import PrivacyPolicy
from plimsoll.errors import FailureKind
from plimsoll.testing.reports import example_report, example_verdict
from plimsoll.tracking.masks import Patterns, Values
from plimsoll.tracking.privacy import Redaction
from plimsoll.tracking.private_rows import Row, Rules
from plimsoll.types import (
    Case,
    CellRecord,
    Decision,
    Failed,
    Failure,
    Flip,
    Metric,
    MetricKind,
    Output,
    Report,
    RuleResult,
    Score,
    Scored,
    Skipped,
    Span,
    Turn,
    Usage,
)

EMAIL, NAME = "ann.lee@example.com", "Ann O'Lee"
CUSTOMER = {"name": NAME, "email": EMAIL, "age": 41, "id": 48151623, "tags": ["vip", None]}


def case(**more: Any) -> Case:
    return Case(id="c1", inputs={"question": f"I am {NAME}, write to {EMAIL}", "customer": CUSTOMER}, **more)


def row(subject: Case, *redact: str, patterns: dict[str, str] | None = None) -> Row:
    return Row.of(Rules.of(PrivacyPolicy(redact=list(redact), patterns=patterns or {}), closed=False), subject)


def written(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def test_a_field_is_redacted_in_its_own_place_and_wherever_its_value_stands() -> None:
    found = row(case(expected=f"Dear {NAME}"), "customer.email", "customer.name")
    assert found.case.inputs == {
        "question": "I am [customer.name redacted], write to [customer.email redacted]",
        "customer": CUSTOMER | {"name": "[customer.name redacted]", "email": "[customer.email redacted]"},
    }
    assert found.case.expected == "Dear [customer.name redacted]"


def test_an_answer_and_all_around_it_is_searched_for_the_values() -> None:
    said = f"Hello {NAME.upper()}, I wrote to {EMAIL}."
    escaped = f"{json.dumps(NAME)} {html.escape(NAME)} {quote(NAME)} {quote(EMAIL, safe='')}"
    output = Output(
        text=said,
        value={"to": [EMAIL], EMAIL: 1, "escaped": escaped},
        tool_calls=({"function": {"name": "send", "arguments": json.dumps({"to": EMAIL})}},),
        messages=({"role": "user", "content": [{"type": "text", "text": said}]},),
        spans=(Span(name="send", inputs={"customer": CUSTOMER}, output=said, error=f"no mailbox {EMAIL}"),),
        extra={"mail": said},
        usage=Usage(prompt_tokens=3, completion_tokens=4, requests=1),
        latency=0.5,
    )
    output = replace(output, turns=(output,))
    found = row(case(), "customer").outcome(output)
    assert isinstance(found, Output)
    text = written(found).lower()
    for form in (NAME, EMAIL, html.escape(NAME), quote(NAME), quote(EMAIL, safe="")):
        assert form.lower() not in text
    assert found.text == "Hello [customer redacted], I wrote to [customer redacted]."
    assert (found.usage, found.latency, found.finish) == (output.usage, 0.5, "stop")
    # A step's inputs have the field in its own place: its short values go with it.
    assert found.spans[0].inputs == {"customer": "[customer redacted]"}


def test_scores_keep_their_values_and_lose_what_they_quote() -> None:
    scores: dict[str, Score] = {
        "label": Scored(value=EMAIL, reason=f"it names {EMAIL}", passed=True, turns=(Scored(value=1.0, reason=NAME),)),
        "broken": Failed(failure=Failure(kind=FailureKind.EVALUATOR, message=f"KeyError: '{EMAIL}'", remedy="mend it")),
    }
    found = row(case(), "customer").scores(scores, None)
    assert EMAIL not in written(found)
    assert NAME not in written(found)
    assert isinstance(found["label"], Scored)
    assert found["label"].passed is True
    hidden = row(case(), "reason").scores(scores, None)
    assert written(hidden).count("[reason redacted]") == 3
    assert isinstance(hidden["label"], Scored)
    assert hidden["label"].value == EMAIL


def test_short_values_and_numbers_stay_outside_their_own_place() -> None:
    subject = Case(
        id="c1", inputs={"who": "Ann", "age": 41, "number": 48151623, "text": "Ann is 41, number 48151623, vip"}
    )
    found = row(subject, "who", "age", "number").case.inputs
    assert found == {
        "who": "[who redacted]",
        "age": "[age redacted]",
        "number": "[number redacted]",
        "text": "Ann is 41, number [number redacted], vip",
    }


def test_items_of_lists_are_reached_each_or_by_their_place() -> None:
    subject = Case(id="c1", inputs={"people": [{"name": "Anna", "n": 1}, {"name": "Berta", "n": 2}], "a.b": "dotted"})
    assert row(subject, "people.name").case.inputs["people"] == [
        {"name": "[people.name redacted]", "n": 1},
        {"name": "[people.name redacted]", "n": 2},
    ]
    assert row(subject, "people.1.name").case.inputs["people"][0] == {"name": "Anna", "n": 1}
    assert row(subject, "a.b").case.inputs["a.b"] == "[a.b redacted]"


def test_turns_of_a_conversation_are_redacted_by_the_names_that_templates_use() -> None:
    turns = (
        Turn(user=f"I am {NAME}", expected="Hello!", inputs={"customer": {"email": EMAIL}}),
        Turn(user="Bye, then"),
    )
    subject = Case(id="c1", inputs={}, turns=turns)
    assert row(subject, "customer").case.turns[0] == replace(turns[0], inputs={"customer": "[customer redacted]"})
    assert [turn.user for turn in row(subject, "question").case.turns] == ["[question redacted]"] * 2
    assert [turn.user for turn in row(subject, "messages").case.turns] == ["[messages redacted]"] * 2
    whole = row(subject, "turns").case.turns[0]
    assert (whole.user, whole.expected, whole.inputs) == (
        "[turns redacted]",
        "[turns redacted]",
        {"customer": "[turns redacted]"},
    )
    told = row(subject, "turns").outcome(Output(text=f"You said: I am {NAME}"))
    assert isinstance(told, Output)
    assert told.text == "You said: [turns redacted]"


def test_answers_and_messages_can_be_redacted_as_such() -> None:
    output = Output(
        text="forty-two",
        value={"answer": "forty-two"},
        messages=({"role": "user", "content": "how much?"},),
        spans=(Span(name="m", kind="model", inputs={"messages": ["how much?"]}, output="forty-two"),),
        extra={"docs": ["forty-two"]},
        tool_calls=({"function": {"name": "f", "arguments": "{}"}},),
    )
    scores: dict[str, Score] = {"m": Scored(value=0.0, reason="the answer 'forty-two' is not 42")}
    found = row(case(), "output", "messages")
    shown, said = found.outcome(output), found.scores(scores, output)
    assert "forty-two" not in written([shown, said])
    assert "how much" not in written(shown)
    assert isinstance(shown, Output)
    assert shown.messages == ({"role": "user", "content": "[messages redacted]"},)


def test_a_message_that_quotes_the_beginning_of_a_long_value_loses_it() -> None:
    question = "My contract number is unknown to me, I live in Springfield"
    failure = Failure(kind=FailureKind.INVALID_REQUEST, message=f"refused: {question[:40]}…", remedy="no")
    found = row(Case(id="c1", inputs={"question": question}), "question").outcome(failure)
    assert isinstance(found, Failure)
    assert found.message == "refused: [question redacted]…"


def test_patterns_find_what_no_field_names_and_leave_digests_alone() -> None:
    subject = case(slices=("phone +4912345678",), evaluators=({"contains": "+4912345678"},))
    subject = replace(subject, inputs={"q": "call +4912345678", "digest": "sha256:" + "12345678" * 8})
    found = row(subject, patterns={"phone": r"\+?\d{8,}", "nothing": r"\b"}).case
    assert found.inputs == {"q": "call [phone redacted]", "digest": subject.inputs["digest"]}
    assert (found.slices, found.evaluators) == (("phone [phone redacted]",), ({"contains": "[phone redacted]"},))


def test_where_a_pattern_takes_too_long_the_whole_text_is_redacted() -> None:
    patterns = Patterns({"slow": r"(?:a|aa|aaa)+$", "quick": "b+"}, patience=0.005)
    assert patterns.text("aab") == "aa[quick redacted]"
    assert not patterns.slow
    for _ in range(10):
        assert patterns.text("a" * 5000 + "!") == "[slow redacted]"
    assert patterns.slow == ("slow",)
    # It is tried no more: ten thousand cells would take hours.
    assert patterns.text("aab") == "[slow redacted]"


def test_ids_and_groups_that_hold_a_value_stay_apart() -> None:
    redaction = Redaction(PrivacyPolicy(redact=["customer"]), closed=False)
    subjects = [
        Case(id=f"{EMAIL}-{n}", inputs={"customer": EMAIL}, group=f"{EMAIL} {n // 2}", digest=f"sha256:{'ab' * n:0<64}")
        for n in range(4)
    ]
    shown = [redaction.case(subject) for subject in subjects]
    assert len({each.id for each in shown}) == 4
    assert [shown[n].group == shown[n - 1].group for n in range(1, 4)] == [True, False, True]
    assert EMAIL not in written(shown)
    # Another run of other cases calls them the same.
    again = Redaction(PrivacyPolicy(redact=["customer"]), closed=False)
    assert again.case(subjects[3]).id == shown[3].id


def test_of_held_out_cases_nothing_that_is_said_leaves() -> None:
    redaction = Redaction(PrivacyPolicy(), closed=True)
    found = redaction.row(case(expected=NAME, group="g", slices=("s",), messages=({"role": "user", "content": NAME},)))
    outcomes = [
        found.outcome(Output(text=NAME, extra={"a": NAME}, latency=1.0)),
        found.outcome(Failure(kind=FailureKind.TARGET, message=NAME, remedy="no")),
        found.outcome(Failure(kind=FailureKind.BAD_RESPONSE, message=NAME, remedy="no")),
    ]
    said = found.scores({"m": Scored(value=0.5, reason=NAME, detail=NAME)}, None)
    assert NAME not in written([found.case, outcomes, said])
    assert (found.case.id, found.case.group, found.case.slices) == ("c1", "g", ("s",))
    assert isinstance(said["m"], Scored)
    assert said["m"].value == 0.5
    # A server's words quote what it was asked, whatever it refuses it for.
    for kind in (FailureKind.SERVER, FailureKind.RATE_LIMIT, FailureKind.INVALID_REQUEST):
        told = found.outcome(Failure(kind=kind, message=f"no: {NAME}", remedy=f"ask {NAME}"))
        assert told == Failure(kind=kind, message="held out", remedy=kind.remedy)
    capped = Failure(kind=FailureKind.SPEND_CAP, message="the cap is reached", remedy="raise it")
    assert found.outcome(capped) == capped


def test_of_held_out_cases_a_label_leaves_where_its_metric_lists_it() -> None:
    metrics = {
        name: Metric(name=name, kind=MetricKind.LABEL, labels=labels)
        for name, labels in {"tone": ("warm", "cold"), "said": ()}.items()
    }
    found = Redaction(PrivacyPolicy(), closed=True, metrics=metrics).row(case())
    given: dict[str, Score] = {
        "tone": Scored(value="warm", passed=True),
        "said": Scored(value=NAME, passed=True),
        "other": Scored(value=NAME),
        "skipped": Skipped(reason=f"{NAME} is no question"),
    }
    assert found.scores(given, None) == {
        "tone": given["tone"],
        "said": Scored(value="held out", passed=True),
        "other": Scored(value="held out"),
        "skipped": Skipped(reason="held out"),
    }


def test_numbers_are_searched_and_all_others_stay_as_they_are() -> None:
    subject = Case(
        id="c1",
        inputs={"account": 12345678, "copy": 12345678, "card": 4917.25e12, "phone": 4917012345600},
        expected={"account": 12345678, "open": True, "age": 41, "share": 0.5, "none": None},
    )
    found = row(subject, "account", "card", patterns={"phone": r"49170\d{8}"})
    assert found.case.inputs == {
        "account": "[account redacted]",
        "copy": "[account redacted]",
        "card": "[card redacted]",
        "phone": "[phone redacted]",
    }
    assert found.case.expected == {
        "account": "[account redacted]",
        "open": True,
        "age": 41,
        "share": 0.5,
        "none": None,
    }
    value = {"to": [12345678, 12345678.0, -12345678], "n": 3, "yes": True, "x": 1.5, "card": 4917250000000000}
    output = Output(text=json.dumps(value), value=value, extra={"raw": json.dumps({"a": 12345678})}, latency=1.5)
    shown = found.outcome(output)
    assert isinstance(shown, Output)
    assert shown.value == {
        "to": ["[account redacted]", "[account redacted].0", "-[account redacted]"],
        "n": 3,
        "yes": True,
        "x": 1.5,
        "card": "[card redacted]",
    }
    # What is redacted of a value leaves JSON in the text that is its JSON.
    assert json.loads(shown.text) == shown.value
    assert shown.extra == {"raw": '{"a": [account redacted]}'}
    # Where a line of the journal holds one, it is seen; figures are never changed.
    assert found.changes('{"account":1.2345678e7,"to":12345678}')
    assert found.scores({"m": Scored(value=12345678.0)}, None) == {"m": Scored(value=12345678.0)}


PLACE = 'Zoë "Z" Ünal, Kadıköy / Moda 47'


@pytest.mark.parametrize(
    "form",
    [
        quote(PLACE, safe="/"),
        quote(PLACE, safe="").lower(),
        quote(PLACE, safe="/:@!$&'()*+,;="),
        json.dumps(PLACE).replace("/", "\\/"),
        json.dumps(json.dumps({"a": PLACE}, ensure_ascii=False), ensure_ascii=False),
        json.dumps(json.dumps({"a": PLACE})),
        json.dumps(json.dumps(PLACE).replace("/", "\\/")),
        html.escape(PLACE).replace("/", "&#x2F;"),
        normalize("NFD", PLACE),
        json.dumps(normalize("NFD", PLACE)),
        f"{'İ' * 20} {PLACE}",
    ],
)
def test_a_value_is_found_as_programs_write_it(form: str) -> None:
    shown = row(Case(id="c1", inputs={"place": PLACE}), "place").text(f"at {form}!")
    assert "[place redacted]" in shown
    assert "Moda" not in shown


def test_a_part_of_a_value_is_found_behind_letters_that_grow_in_lower_case() -> None:
    subject = Case(id="c1", inputs={"place": "Kadıköy caddesi Moda sokak numara 47"})
    shown = row(subject, "place").text(f"{'İ' * 20} not found: Kadıköy caddesi Moda", cut=True)
    assert shown == f"{'İ' * 20} not found: [place redacted]"


def failing(report: Report, message: str) -> Report:
    failure = Failed(failure=Failure(kind=FailureKind.EVALUATOR, message=message, remedy="no"))
    cells: list[CellRecord] = list(report.cells)
    cells[0] = replace(cells[0], scores=dict.fromkeys(cells[0].scores, failure))
    return replace(report, cells=tuple(cells))


@pytest.mark.parametrize("closed", [True, False])
def test_sentences_about_a_run_quote_no_case(closed: bool) -> None:
    report = example_report(cases=4, hostile=False)
    first = next(iter(report.cases.values()))
    quoted = f"ValueError: bad {next(iter(first.inputs.values()))!s}"
    report = failing(report, quoted)
    policy = PrivacyPolicy() if closed else PrivacyPolicy(redact=list(first.inputs))
    redaction = Redaction(policy, closed=closed)
    for subject in report.cases.values():
        redaction.case(subject)
    verdict = replace(example_verdict(report), reasons=(f"nothing was scored: {quoted[:60]}",))
    shown = redaction.verdict(verdict, report)
    assert quoted[12:50] not in written(shown)
    assert shown.rules == verdict.rules
    assert shown.outcome is verdict.outcome


def test_a_verdict_names_cases_and_slices_as_all_else_does() -> None:
    report = example_report(cases=4, hostile=False)
    first, *_ = report.cases
    verdict = replace(
        example_verdict(report),
        rules=(
            RuleResult(
                metric="m",
                rule=f"at least 0.5 in {EMAIL}",
                slice=EMAIL,
                outcome=Decision.FAIL,
                reason="too low",
                flipped=(Flip(case=f"{EMAIL}-7", baseline=1.0, challenger=0.0),),
                failing=(first,),
            ),
        ),
        gone=(f"{EMAIL}-7", f"{EMAIL}-8"),
        unsealed=f"no answer to {EMAIL}",
    )
    fields = Redaction(PrivacyPolicy(redact=["customer"]), closed=False)
    [rule] = (shown := fields.verdict(verdict, report, {f"{EMAIL}-7": "[customer redacted] abc"})).rules
    # One is the baseline's; of the other nobody knows any more what was redacted of it.
    assert shown.gone == ("[customer redacted] abc", "[case redacted]")
    assert (rule.flipped[0].case, rule.failing) == ("[customer redacted] abc", (first,))
    found = Redaction(PrivacyPolicy(patterns={"mail": r"\S+@[\w.-]+"}), closed=False).verdict(verdict, report)
    assert EMAIL not in written(found)
    assert (found.rules[0].slice, found.gone) == ("[mail redacted]", ("[mail redacted]", "[mail redacted]"))


def test_a_field_that_no_case_has_is_told_with_a_near_match() -> None:
    redaction = Redaction(PrivacyPolicy(redact=["custmer", "customer", "output"]), closed=False)
    redaction.case(case())
    [note] = redaction.notes([case()])
    assert "no case of this run has custmer, so that nothing was redacted by that name" in note
    assert "customer" in note


@given(value=st.text(min_size=4, max_size=40), before=st.text(max_size=10), after=st.text(max_size=10))
def test_no_text_holds_a_value_afterwards(value: str, before: str, after: str) -> None:
    value = value.strip()
    if len(value) >= 4 and value not in "[field redacted]":
        shown = Values([(value, "[field redacted]")]).text(f"{before}{value}{after}")
        assert value not in shown.replace("[field redacted]", "\x00")
