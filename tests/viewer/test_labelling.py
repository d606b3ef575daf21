"""Labels are given one answer after the other, kept as they were said, and blind where they are to be."""

import html
import re
from collections import Counter

import pytest
from msgspec.structs import replace
from tests.viewer.parts import RUN, telling_report, write_run

from plimsoll.labels import LabelStore
from plimsoll.types import CellId, Direction, EvaluatorInfo, HumanLabel, Metric, MetricKind, Report, Scored

WORK = f"/runs/{RUN}/label/answers"
TOXIC = Metric(name="toxic", kind=MetricKind.BOOL, direction=Direction.LOWER, judged=True)


def with_metric(report: Report, metric: Metric, values) -> Report:
    """The report with one metric more; `values` are its scores by the cells' order, None for none."""
    info = EvaluatorInfo(name=metric.name, digest="sha256:0", metrics=(metric,))
    cells = tuple(
        cell if value is None else replace(cell, scores={**cell.scores, metric.name: Scored(value=value)})
        for cell, value in zip(report.cells, values, strict=True)
    )
    return replace(
        report, cells=cells, run=replace(report.run, evaluators={**report.run.evaluators, metric.name: info})
    )


def labels(workspace):
    return list(LabelStore(workspace.state))


def texts(got):
    """What stands in the fields of a page: comment and reference answer."""
    comment, expected = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", got.text, re.DOTALL)
    return html.unescape(comment), html.unescape(expected)


def answer(got):
    """The number of the answer that a page shows."""
    return int(re.findall(r"answer number (\d+)", got.words)[0])


def test_labels_go_from_answer_to_answer_until_each_has_one(workspace, site):
    report = telling_report(2)
    write_run(workspace.state, report)
    got, seen = site.get(f"{WORK}?metric=exact_match"), []
    for given in range(4):
        assert f"{given} of 4 labelled" in got.words
        seen.append(answer(got))
        path = re.findall(r'<form class="card word" method="post" action="([^"]*)"', got.text)[0].replace("&amp;", "&")
        got = site.label(WORK + path, value="pass" if given % 2 else "fail", comment=f"because {given}")
    assert "4 of 4 labelled" in got.words
    assert sorted(seen) == [0, 1, 2, 3]
    # Not blind: the answers to one case are beside each other.
    assert [report.cells[place].cell.case for place in seen] == [name for name in report.cases for _ in range(2)]
    kept = labels(workspace)
    assert [label.cell for label in kept] == [report.cells[place].cell for place in seen]
    assert [label.value for label in kept] == [False, True, False, True]
    assert {(label.run, label.name, label.who, label.source) for label in kept} == {(RUN, "exact_match", "Ada", "view")}
    assert [label.rationale for label in kept] == [f"because {given}" for given in range(4)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", label.at) for label in kept)


def test_of_a_metric_where_lower_is_better_a_pass_is_false(workspace, site):
    write_run(workspace.state, with_metric(telling_report(1, ("v1",)), TOXIC, [True]))
    got = site.get(f"{WORK}?metric=toxic")
    assert "Pass p toxic is false" in got.words
    site.label(f"{WORK}?metric=toxic", value="pass")
    assert [label.value for label in labels(workspace)] == [False]


@pytest.mark.parametrize(
    ("query", "sent", "value"),
    [
        ("metric=token_f1", {"other": "0.25"}, 0.25),
        ("metric=token_f1", {"other": "0,25"}, 0.25),
        ("metric=token_f1", {"other": "0,125"}, 0.125),
        ("metric=helpful&kind=numeric", {"other": "1000.5"}, 1000.5),
        ("metric=helpful&kind=numeric", {"other": "1,5"}, 1.5),
        ("metric=helpful&kind=numeric", {"other": " +2e-3 "}, 0.002),
        ("metric=token_f1&kind=bool", {"value": "fail"}, False),
        ("metric=tone", {"value": "curt"}, "curt"),
        ("metric=helpful&kind=numeric&low=1&high=5", {"value": "4"}, 4.0),
        ("metric=helpful&kind=numeric", {"other": "-3.5"}, -3.5),
        ("metric=mood&kind=label&labels=glad,+sad", {"value": "sad"}, "sad"),
        ("metric=safe&kind=bool", {"value": "fail"}, False),
    ],
)
def test_a_label_is_kept_in_the_metrics_terms(workspace, site, query, sent, value):
    write_run(workspace.state, telling_report(1, ("v1",)))
    done = site.label(f"{WORK}?{query}", **sent)
    assert "1 of 1 labelled" in done.words
    [label] = labels(workspace)
    assert (label.value, type(label.value)) == (value, type(value))


@pytest.mark.parametrize(
    ("query", "sent", "told"),
    [
        ("metric=token_f1", {"other": "1.5"}, "from 0 to 1"),
        ("metric=token_f1", {"other": "nan"}, "is no number"),
        ("metric=token_f1", {"other": ""}, "is no number"),
        ("metric=helpful&kind=numeric", {"other": "1,000"}, "'1,000' may be 1000 or 1.000: write it without a comma"),
        ("metric=helpful&kind=numeric", {"other": "-12,500"}, "'-12,500' may be -12500 or -12.500"),
        ("metric=helpful&kind=numeric", {"other": "1,000,000"}, "is no number: write it without marks between"),
        ("metric=helpful&kind=numeric", {"other": "1,000.5"}, "is no number: write it without marks between"),
        ("metric=helpful&kind=numeric", {"other": "1_000"}, "is no number: write it without marks between"),
        ("metric=helpful&kind=numeric", {"other": "1e999"}, "is no number"),
        ("metric=tone", {"value": "rude"}, "none of the labels of tone"),
        ("metric=exact_match", {"value": "maybe"}, "pass or fail"),
        ("metric=exact_match", {"act": "keep", "comment": "hm"}, "a comment goes with a label"),
    ],
)
def test_what_is_no_label_of_the_metric_is_refused_and_what_was_typed_stays(workspace, site, query, sent, told):
    write_run(workspace.state, telling_report(1, ("v1",)))
    got = site.label(f"{WORK}?{query}", **{"comment": "typed already", **sent})
    assert (got.status, told in got.words) == (400, True)
    assert sent.get("comment", "typed already") in got.text
    assert labels(workspace) == []


@pytest.mark.parametrize(
    "query",
    [
        "metric=",
        "metric=..%2fx&kind=bool",
        "metric=expected&kind=bool",
        "metric=new",
        "metric=tone&kind=bool",
        "metric=latency&kind=bool",
        "metric=new&kind=label&labels=one",
        "metric=new&kind=numeric&low=5&high=1",
        "metric=new&kind=numeric&low=x",
        "metric=tone&sample=many",
        "metric=tone&target=nobody",
        "metric=tone&case=99",
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(workspace, site, query):
    write_run(workspace.state, telling_report())
    assert site.get(f"{WORK}?{query}").status in (400, 404)


def test_what_was_typed_for_a_wish_that_makes_no_sense_stays_in_its_form(workspace, site):
    write_run(workspace.state, telling_report(targets=("v1", "v2")))
    typed = "metric=how+good%3F&kind=label&labels=good%2C+bad&sample=7&spread=1&seed=3&target=v2"
    got = site.get(f"{WORK}?{typed}")
    assert (got.status, "'how good?' can't be a metric's name: letters, digits" in got.words) == (400, True)
    for kept in (
        'name="metric" list="metrics" required autocomplete="off" value="how good?"',
        '<option value="label" selected>',
        'name="labels" value="good, bad"',
        'name="sample" value="7"',
        'name="spread" value="1" checked',
        'max="1000000" value="3"',
        '<option value="v2" selected>',
        "<details open>",
        'name="blind" value="1">',
    ):
        assert kept in got.text
    assert 'name="blind" value="1" checked>' in site.get(WORK.removesuffix("/answers")).text


def test_the_later_word_replaces_and_can_be_taken_back_with_its_reference_answer(workspace, site):
    write_run(workspace.state, telling_report(1, ("v1",)))
    path = f"{WORK}?metric=exact_match"
    site.label(path, value="pass", comment="good", expected="At six.")
    assert [(label.name, label.value) for label in labels(workspace)] == [
        ("exact_match", True),
        ("expected", "At six."),
    ]
    name = site.get(path)
    at = re.findall(r"at=([0-9a-f]+)", name.text)[0]
    again = site.get(f"{path}&at={at}")
    assert "You said true" in again.words
    assert texts(again) == ("good", "At six.")
    site.label(f"{path}&at={at}", act="keep", comment="better", expected="At six.")
    site.label(f"{path}&at={at}", value="fail", comment="no", expected="")
    [now] = labels(workspace)
    assert (now.value, now.rationale) == (False, "no")
    site.label(f"{path}&at={at}", act="withdraw")
    assert labels(workspace) == []
    # Only appended to: what was said before is still to be read.
    assert len((workspace.state / "labels.jsonl").read_text().splitlines()) == 6


def test_a_structured_reference_answer_is_typed_as_json(workspace, site):
    report = telling_report(1, ("v1",))
    [case] = report.cases.values()
    write_run(workspace.state, replace(report, cases={case.id: replace(case, expected={"at": 6})}))
    path = f"{WORK}?metric=exact_match"
    for wrong in ("at six", "NaN", "1e999", '"\\ud800"', "[" * 9000, "9" * 5000):
        refused = site.label(path, value="pass", expected=wrong)
        assert (refused.status, "is no JSON" in refused.words) == (400, True)
    assert labels(workspace) == []
    site.label(path, value="pass", expected='{"at": 7}')
    assert [label.value for label in labels(workspace)] == [True, {"at": 7}]


def test_an_older_page_replaces_nothing_and_shows_what_was_said_since_beside_what_it_sent(workspace, site):
    write_run(workspace.state, telling_report(1, ("v1",)))
    path = f"{WORK}?metric=exact_match"
    older = site.get(path).hidden
    site.label(path, value="pass", comment="six is right", expected="At six.")
    kept = labels(workspace)
    for sent in (
        {"value": "fail", "comment": "too vague", "expected": "At 6 a.m."},
        {"act": "keep", "comment": "too vague", "expected": "At 6 a.m."},
        {"act": "withdraw"},
    ):
        refused = site.post(path, {**older, **sent})
        assert refused.status == 409
        assert labels(workspace) == kept
        for said in (
            "You said true",
            "why six is right",
            "should have been At six.",
            "nothing was replaced; look at both",
        ):
            assert said in refused.words
        # What was not touched there is not typed either.
        assert texts(refused) == (sent.get("comment", "six is right"), sent.get("expected", "At six."))
        assert ("not kept fail" in refused.words) is (sent.get("value") == "fail")
    # Who has seen both can say it again.
    assert site.post(path, {**refused.hidden, "value": "fail", "comment": "no", "expected": "At six."}).status == 303
    assert [(label.value, label.rationale) for label in labels(workspace)] == [("At six.", None), (False, "no")]


@pytest.mark.parametrize("sent", [{"value": "pass"}, {"act": "keep"}, {"act": "withdraw"}, {"value": "nonsense"}])
def test_a_page_from_before_a_label_was_taken_back_does_not_bring_it_again(workspace, site, sent):
    write_run(workspace.state, telling_report(1, ("v1",)))
    path = f"{WORK}?metric=exact_match"
    site.label(path, value="pass", comment="good")
    at = re.findall(r"at=([0-9a-f]+)", site.get(path).text)[0]
    older = site.get(f"{path}&at={at}").hidden
    site.label(f"{path}&at={at}", act="withdraw")
    refused = site.post(path, {**older, "comment": "good", **sent})
    assert (refused.status, "your label nothing" in refused.words) == (409, True)
    assert texts(refused) == ("", "")
    assert labels(workspace) == []


def test_labels_of_two_metrics_share_the_reference_answer_and_no_page_of_one_loses_it(workspace, site):
    write_run(workspace.state, telling_report(2, ("v1",)))
    tone, match = f"{WORK}?metric=tone", f"{WORK}?metric=exact_match"
    older, other = site.get(tone).hidden, site.get(match)
    site.label(match, value="pass", expected="At six.")
    assert site.post(tone, {**older, "value": "curt"}).status == 409
    # Another answer is another matter.
    following = site.get(match)
    assert following.field("answer") != other.field("answer")
    assert site.post(match, {**following.hidden, "value": "fail"}).status == 303
    assert [label.value for label in labels(workspace)] == [True, "At six.", False]


def test_a_text_that_was_not_touched_stays_as_it_was_said_however_it_is_shown(workspace, site):
    write_run(workspace.state, telling_report(1, ("v1",)))
    path = f"{WORK}?metric=exact_match"
    comment, expected = "a \u202e b", "\n  At\u200b six.\n"
    site.label(path, value="pass", comment=comment, expected=expected)
    at = re.findall(r"at=([0-9a-f]+)", site.get(path).text)[0]
    shown = texts(site.get(f"{path}&at={at}"))
    assert shown == ("a ⟨U+202E⟩ b", "\n  At⟨U+200B⟩ six.\n")
    again = {"comment": shown[0], "expected": shown[1].replace("\n", "\r\n")}
    site.label(f"{path}&at={at}", value="fail", **again)
    assert {(label.name, label.value, label.rationale) for label in labels(workspace)} == {
        ("exact_match", False, comment),
        ("expected", expected, None),
    }


def test_blind_hides_targets_scores_opinions_times_and_what_others_said(workspace, visit):
    report = telling_report(4)
    write_run(workspace.state, report)
    bo = [
        HumanLabel(run=RUN, cell=cell.cell, name="relevance", value=0.123, who="Bo", at="now", rationale="bo-was-here")
        for cell in report.cells
    ]
    LabelStore(workspace.state).append(bo)
    ada = visit("Ada")
    got = ada.get(f"{WORK}?metric=relevance&blind=1&seed=3")
    for _ in range(8):
        assert not re.search(r"quick-one|slow-one|opinion-|bo-was-here|0\.123|example-model|latency|cached", got.text)
        path = re.findall(r'method="post" action="([^"]*)"', got.text)[0].replace("&amp;", "&")
        got = ada.label(WORK + path, other="0.5")
    assert "8 of 8 labelled" in got.words
    told = ada.get(f"{WORK}?metric=relevance&target=slow-one&at=none")
    assert told.status == 200


def test_open_shows_whose_answer_it_is_and_what_judges_say(workspace, site):
    write_run(workspace.state, telling_report(1))
    words = site.get(f"{WORK}?metric=relevance").words
    assert "quick-one" in words
    assert "opinion-relevance" in words


def order_of(site, query, amount):
    """The answers in the order in which they are to be labelled."""
    found, got = [], site.get(f"{WORK}?{query}")
    for _ in range(amount):
        found.append(answer(got))
        after = re.findall(r'href="([^"]*)" rel="next"', got.text)
        if not after:
            break
        got = site.get(WORK + after[0].replace("&amp;", "&"))
    return found


def test_the_blind_order_is_drawn_by_the_seed(workspace, visit):
    write_run(workspace.state, telling_report(8))
    first, second = visit("Ada"), visit("Bo")
    one = order_of(first, "metric=tone&blind=1&seed=1", 16)
    assert sorted(one) == list(range(16))
    assert one == order_of(second, "metric=tone&blind=1&seed=1", 16)
    assert one != order_of(first, "metric=tone&blind=1&seed=2", 16)
    assert one != sorted(one)


def test_a_spread_sample_holds_as_many_of_each_verdict_as_it_can(workspace, site):
    report = telling_report(20)
    rare = {3, 17, 30}
    values = [None if place == 5 else place in rare for place in range(40)]
    write_run(workspace.state, with_metric(report, TOXIC, values))
    spread = order_of(site, "metric=toxic&sample=6&spread=1&blind=1", 40)
    assert len(spread) == 6
    assert rare <= set(spread)
    assert 5 not in spread
    more = order_of(site, "metric=toxic&sample=10&spread=1&blind=1", 40)
    assert set(spread) <= set(more)
    drawn = order_of(site, "metric=toxic&sample=6&blind=1", 40)
    assert len(drawn) == 6
    # What the run has no verdict of is only taken when nothing else is left.
    assert 5 in order_of(site, "metric=toxic&sample=40&spread=1&blind=1", 40)


def test_without_a_condition_the_upper_and_the_lower_half_are_the_classes(workspace, site):
    report = telling_report(10)
    loud = Metric(name="loud", judged=True)
    write_run(workspace.state, with_metric(report, loud, [float(place) for place in range(20)]))
    found = order_of(site, "metric=loud&sample=8&spread=1", 20)
    assert Counter(place >= 10 for place in found) == {True: 4, False: 4}


def test_one_target_or_one_case_can_be_labelled_alone(workspace, site):
    report = telling_report(5)
    write_run(workspace.state, report)
    of_target = order_of(site, "metric=tone&target=slow-one", 10)
    assert {report.cells[place].cell.target for place in of_target} == {"slow-one"}
    of_case = order_of(site, "metric=tone&case=2", 10)
    assert {report.cells[place].cell.case for place in of_case} == {list(report.cases)[1]}
    assert len(of_case) == 2


def test_two_people_label_the_same_answer_side_by_side(workspace, visit):
    write_run(workspace.state, telling_report(1, ("v1",)))
    ada, bo = visit("Ada"), visit("Bo")
    ada.label(f"{WORK}?metric=tone", value="curt", comment="ada-was-here")
    got = bo.get(f"{WORK}?metric=tone")
    assert "0 of 1 labelled" in got.words
    assert "ada-was-here" not in got.text
    bo.label(f"{WORK}?metric=tone", value="formal")
    assert sorted((label.who, label.value) for label in labels(workspace)) == [("Ada", "curt"), ("Bo", "formal")]
    case = bo.get(f"/runs/{RUN}/cases/1").words
    assert "tone curt by Ada" in case
    assert "ada-was-here" in case
    setup = bo.get(f"/runs/{RUN}/label").words
    assert "tone Ada 1" in setup
    assert "tone Bo 1" in setup


def test_a_label_metric_without_a_list_offers_what_was_seen_and_takes_a_new_one(workspace, site):
    report = telling_report(2, ("v1",))
    topic = Metric(name="topic", kind=MetricKind.LABEL)
    write_run(workspace.state, with_metric(report, topic, ["fares", None]))
    site.label(f"{WORK}?metric=topic", other="times")
    got = site.get(f"{WORK}?metric=topic")
    assert re.findall(r'name="value" value="(\w+)"', got.text) == ["fares", "times"]


def test_an_answer_that_is_not_among_those_asked_for_takes_no_label(workspace, site):
    write_run(workspace.state, telling_report(1))
    page = site.get(f"{WORK}?metric=tone&target=slow-one")
    form = {**page.hidden, "value": "curt"}
    assert site.post(f"{WORK}?metric=tone&target=quick-one", form).status == 409
    assert site.post(f"{WORK}?metric=tone", {**form, "answer": "0" * 24}).status == 409
    assert labels(workspace) == []


def test_a_damaged_file_of_labels_is_named_with_its_line_and_nothing_is_lost(workspace, site):
    write_run(workspace.state, telling_report(1))
    (workspace.state / "labels.jsonl").write_text("nonsense\n")
    got = site.get(f"{WORK}?metric=tone")
    assert (got.status, "labels.jsonl:1: damaged label" in got.words) == (500, True)
    assert (workspace.state / "labels.jsonl").read_text() == "nonsense\n"


def test_a_withdrawn_label_counts_for_nothing_and_a_new_one_does(tmp_path):
    store = LabelStore(tmp_path)
    word = HumanLabel(run="r", cell=CellId("v1", "a"), name="tone", value="curt", who="Ada", at="1")
    store.append([word, replace(word, value=None, at="2")])
    assert list(store) == []
    store.append([replace(word, value="formal", at="3")])
    assert [label.value for label in store] == ["formal"]
