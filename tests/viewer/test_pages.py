"""What is read: every run as it stands, its cases found and paged, each with every answer to it."""

import json
import re

import msgspec
import pytest
from msgspec.structs import replace
from tests.viewer.parts import RUN, append, telling_report, write_run

from plimsoll.canonical import write_atomic
from plimsoll.labels import LabelStore
from plimsoll.reports.cases import standing_of
from plimsoll.testing.reports import example_report, example_verdict
from plimsoll.types import CellId, HumanLabel, Output, Part, Scored, Span, Turn

PLACE = re.compile(rf'href="/runs/{RUN}/cases/(\d+)')


def places(got):
    return [int(found) for found in PLACE.findall(got.text)]


def test_an_empty_workspace_says_what_to_do(site):
    got = site.get("/")
    assert got.status == 200
    assert "There are no runs yet." in got.words
    assert "plimsoll run" in got.words


def test_runs_are_listed_newest_first_with_verdict_and_problem_and_damaged_ones_with_the_reason(workspace, site):
    report = example_report(8, hostile=False)
    folder = write_run(workspace.state, report)
    write_atomic(folder / "gate" / "port" / "verdict.json", msgspec.json.encode(example_verdict(report)))
    whole = replace(example_report(4, flawless=True), run=replace(example_report(4, flawless=True).run, suite="other"))
    write_run(workspace.state, whole, "20260401-000000000-other-aaaa")
    broken = write_run(workspace.state, report, "20260101-000000000-ferry-desk-bbbb")
    (broken / "plan.json").write_text("{")
    torn = write_run(workspace.state, report, "20260201-000000000-ferry-desk-cccc")
    lines = (torn / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (torn / "journal.jsonl").write_bytes(b"".join([*lines[:3], b"no journal line\n", *lines[3:]]))
    got = site.get("/")
    order = [got.text.index(name) for name in ("other-aaaa", RUN, "ferry-desk-cccc", "ferry-desk-bbbb")]
    assert order == sorted(order)
    rows = [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in got.text.split("<tr>")[2:]]
    assert rows[0] == "other 20260401-000000000-other-aaaa 2026-03-14 15:09 v1, v2, port 12 – –"
    assert "fail port" in rows[1]
    assert "1 of 24 cells not run" in rows[1]
    assert "journal.jsonl:4: damaged journal line" in rows[2]
    assert "plan.json: damaged plan" in rows[3]
    only = site.get("/?suite=other")
    assert ("other-aaaa" in only.text, RUN in only.text) == (True, False)


def test_held_out_runs_are_not_listed_and_opened_by_id_say_nothing_of_cases_and_answers(workspace, site):
    report = telling_report()
    write_run(workspace.state, report, part=Part.HELD_OUT)
    said = HumanLabel(run=RUN, cell=report.cells[0].cell, name="tone", value="opinion-x", who="Bo", at="now")
    LabelStore(workspace.state).append([said])
    listed = site.get("/")
    assert RUN not in listed.text
    assert "1 run over held-out cases not listed" in listed.words
    pages = [site.get(f"/runs/{RUN}{rest}") for rest in ("", "/cases", "/cases/1", "/cases?text=answer")]
    assert [page.status for page in pages] == [200] * 4
    assert "the cases are the held-out ones" in pages[0].words
    for page in pages:
        assert not re.search(r"answer number \d|opinion-|ferry leave", page.words)
    for rest in ("/label", "/label/answers?metric=relevance"):
        refused = site.get(f"/runs/{RUN}{rest}")
        assert (refused.status, "held out" in refused.words) == (403, True)


def test_a_run_is_shown_as_its_report_with_the_way_to_its_cases(workspace, site):
    report = example_report(20, hostile=False)
    folder = write_run(workspace.state, report)
    write_atomic(folder / "gate" / "port" / "verdict.json", msgspec.json.encode(example_verdict(report)))
    got = site.get(f"/runs/{RUN}")
    for told in ("ERROR", "token_f1", "Failures", "How to reproduce", "1 of 60 cells were not run"):
        assert told in got.words
    assert "by the rules alone it is fail" in got.words
    assert f"/runs/{RUN}/cases?standing=error" in got.text
    assert "<style" not in got.text
    assert "<script>" not in got.text


def test_a_page_of_cases_holds_fifty_and_all_pages_hold_each_case_once(workspace, site):
    write_run(workspace.state, example_report(120, ("v1",)))
    found = [places(site.get(f"/runs/{RUN}/cases?page={page}")) for page in (1, 2, 3)]
    assert [len(page) for page in found] == [50, 50, 20]
    assert sorted(place for page in found for place in page) == list(range(1, 121))
    assert site.get(f"/runs/{RUN}/cases?page=4").status == 404


def test_cases_are_found_by_standing_slice_metric_flip_label_and_text(workspace, site):
    report = example_report(40, repeats=2)
    write_run(workspace.state, report)
    store = LabelStore(workspace.state)
    third = list(report.cases)[2]
    store.append([HumanLabel(run=RUN, cell=CellId("v1", third), name="tone", value="curt", who="Bo", at="now")])
    cells = {record.cell: record for record in report.cells}

    def passes(case, target, metric):
        found = [cells.get(CellId(target, case, repeat)) for repeat in range(2)]
        scores = [record.scores[metric] if record and record.output else None for record in found]
        told = [score.passed if isinstance(score, Scored) else None for score in scores]
        return all(one is True for one in told), any(one is False for one in told)

    def asked(query):
        return places(site.get(f"/runs/{RUN}/cases?{query}"))

    def by(fits):
        return [place for place, case in enumerate(report.cases.values(), start=1) if fits(case)]

    errors = {r.cell.case for r in report.cells if standing_of(r, report.metrics) == "error"}
    assert asked("standing=error") == by(lambda case: case.id in errors)
    assert asked("slice=times") == by(lambda case: "times" in case.slices)
    assert asked("labelled=yes") == [3]
    assert len(asked("labelled=no")) == 39
    worse = asked("before=v1&after=port&metric=exact_match&way=worse")
    assert set(worse) >= set(
        by(lambda c: passes(c.id, "v1", "exact_match")[0] and passes(c.id, "port", "exact_match")[1])
    )
    assert not set(worse) & set(by(lambda c: not passes(c.id, "v1", "exact_match")[0]))
    better = asked("before=v1&after=port&metric=exact_match&way=better")
    assert not set(worse) & set(better)
    assert sorted({*worse, *better}) == asked("before=v1&after=port&metric=exact_match")
    said = {r.cell.case for r in report.cells if isinstance(r.outcome, Output) and "depa" in r.outcome.text}
    assert set(asked("text=DEPA")) == set(by(lambda case: case.id in said))
    assert asked("text=stands+nowhere") == []
    assert asked("before=nobody&after=port") == []
    worst = asked("order=worst")
    assert sorted(worst) == list(range(1, 41))
    assert {list(report.cases)[place - 1] for place in worst[: len(errors)]} == errors


def test_a_case_shows_every_answer_with_scores_reasons_differences_and_what_was_sent(workspace, site):
    report = telling_report(repeats=2)
    first = report.cells[0]
    span = Span(name="retrieve", kind="tool", seconds=0.25, error="no such index")
    sent = ({"role": "system", "content": "Be short."}, {"role": "user", "content": "When?"})
    told = replace(first.outcome, text="The first ferry leaves late.", messages=sent, spans=(span,))
    write_run(workspace.state, replace(report, cells=(replace(first, outcome=told), *report.cells[1:])))
    got = site.get(f"/runs/{RUN}/cases/1")
    for text in ("quick-one #0", "quick-one #1", "slow-one #0", "slow-one #1", "opinion-relevance", "Be short."):
        assert text in got.words
    for text in ("tool retrieve", "0.25 s", "no such index", "answer number 1"):
        assert text in got.words
    case = report.cases[first.cell.case]
    assert case.expected
    if "leaves" in str(case.expected):
        assert "<ins>late</ins>" in got.text
    against = site.get(f"/runs/{RUN}/cases/1?against=quick-one")
    assert re.search(r"answer number <del>1</del><ins>\d+</ins>|<ins>answer</ins>|answer number", against.text)
    assert site.get(f"/runs/{RUN}/cases/7").status == 404
    assert site.get(f"/runs/{RUN}/cases/0").status == 404


def test_the_next_case_is_the_next_of_those_that_fit(workspace, site):
    report = example_report(40)
    write_run(workspace.state, report)
    fitting = places(site.get(f"/runs/{RUN}/cases?slice=times"))
    got = site.get(f"/runs/{RUN}/cases/{fitting[1]}?slice=times")
    assert f'href="/runs/{RUN}/cases/{fitting[0]}?slice=times" rel="prev" data-key="ArrowLeft"' in got.text
    assert f'href="/runs/{RUN}/cases/{fitting[2]}?slice=times" rel="next" data-key="ArrowRight"' in got.text
    assert f"2 of the {len(fitting)} cases that fit" in got.words
    assert 'rel="next"' not in site.get(f"/runs/{RUN}/cases/{fitting[-1]}?slice=times").text


def test_a_conversation_is_shown_turn_by_turn_also_where_it_is_labelled(workspace, site):
    report = telling_report(1, ("v1",))
    [case] = report.cases.values()
    [cell] = report.cells
    turns = (Turn(user="Is there a ferry?"), Turn(user="And back?", expected="At six."))
    outcome = replace(cell.outcome, text="At seven.", turns=(Output(text="There is."), Output(text="At seven.")))
    case = replace(case, turns=turns, expected=None)
    write_run(workspace.state, replace(report, cases={case.id: case}, cells=(replace(cell, outcome=outcome),)))
    for path in ("cases/1", "label/answers?metric=tone&blind=1", "label/answers?metric=tone"):
        words = site.get(f"/runs/{RUN}/{path}").words
        assert words.index("Is there a ferry?") < words.index("There is.") < words.rindex("And back?")
        assert "seven" in words


def test_a_run_that_goes_on_is_shown_as_it_is_now(workspace, site):
    report = telling_report(8, ("v1",))
    folder = write_run(workspace.state, replace(report, cells=report.cells[:3]), ended=False)
    before = site.get(f"/runs/{RUN}/state")
    assert before.headers["Content-Type"].startswith("application/json")
    assert "under way, or interrupted; 5 of 8 cells not run" in site.get("/").words
    assert "Incomplete" in site.get(f"/runs/{RUN}").words
    assert "answer number 5" not in site.get(f"/runs/{RUN}/cases").words
    stamp = re.findall('data-stamp="([^"]*)"', site.get(f"/runs/{RUN}/cases").text)
    assert stamp == [json.loads(before.text)["stamp"]]
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"kind": "output", "cell": ["v1"')
    torn = site.get(f"/runs/{RUN}/cases")
    assert (torn.status, len(places(torn))) == (200, 8)
    append(folder, replace(report, cells=report.cells[3:]))
    assert site.get(f"/runs/{RUN}/state").text != before.text
    assert "answer number 5" in site.get(f"/runs/{RUN}/cases").words
    assert "Complete" in site.get(f"/runs/{RUN}").words


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("journal.jsonl", b"nonsense\n", "journal.jsonl:1: damaged journal line"),
        ("cases.jsonl", b"", "0 cases, and 6 are planned"),
        ("plan.json", b"[]", "damaged plan"),
    ],
)
def test_a_damaged_run_is_said_to_be_one_and_the_others_are_shown(workspace, site, file, content, told):
    folder = write_run(workspace.state, telling_report())
    write_run(workspace.state, telling_report(), "20260401-000000000-ferry-desk-aaaa")
    (folder / file).write_bytes(content)
    for rest in ("", "/cases", "/cases/1", "/label", "/label/answers?metric=tone"):
        got = site.get(f"/runs/{RUN}{rest}")
        assert (got.status, told in got.words) == (500, True)
    assert site.get("/").status == 200
    assert site.get("/runs/20260401-000000000-ferry-desk-aaaa").status == 200


def test_a_run_with_a_plan_and_no_journal_has_not_begun(workspace, site):
    folder = write_run(workspace.state, telling_report())
    (folder / "journal.jsonl").unlink()
    assert "12 of 12 cells not run" in site.get("/").words
    assert "Incomplete" in site.get(f"/runs/{RUN}").words
    assert site.get(f"/runs/{RUN}/cases/1").status == 200
    assert site.get(f"/runs/{RUN}/label/answers?metric=tone").status == 404
