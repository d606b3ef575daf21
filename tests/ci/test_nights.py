"""A month of nights: what moved is found, dated and explained; quiet months are quiet; what can't be told is told."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace
from tests.ci.simulated import START, month

from plimsoll.ci.alerts import slack_message
from plimsoll.ci.flaky import Flaky, flaky_cases, quarantine_text
from plimsoll.ci.moves import Cause, Rules, look
from plimsoll.ci.night_report import SuiteNight, issue_body, sparkline, terminal_lines, went_back
from plimsoll.ci.nights import Night, one_a_day
from plimsoll.ci.untold import Untold, untold
from plimsoll.config import parse_yaml
from plimsoll.config.nightly import read_accepted
from plimsoll.config.quarantine import read_quarantine
from plimsoll.errors import ConfigError, ExitCode


def told(nights: list[Night], rules: Rules | None = None) -> SuiteNight:
    return SuiteNight("desk", nights[-1], look(nights, rules or Rules()))


def alarms(nights: list[Night], first: int = 7) -> list[tuple[int, SuiteNight]]:
    found = ((night, told(nights[: night + 1])) for night in range(first, len(nights)))
    return [(night, one) for night, one in found if one.moves]


def test_a_planted_drift_is_found_and_dated_and_only_it() -> None:
    nights = month(1, 25, drift=18)

    (night, first), *later = alarms(nights, 15)

    assert 18 <= night <= 21
    assert first.exit_code is ExitCode.FAIL
    for _, one in [(night, first), *later]:
        [(watched, move)] = one.moves
        assert (watched.target, watched.metric.name, move.worse) == ("champion", "correct", True)
    [(_, move)] = told(nights).moves
    assert abs((date.fromisoformat(move.first.date) - START).days - 18) <= 1
    assert [one.moves[0][1].new for _, one in [(night, first), *later]] == [True] + [False] * len(later)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8))])
def test_a_quiet_month_raises_no_alarm(seed: int) -> None:
    assert not alarms(month(seed))


def test_where_answers_never_vary_a_drop_is_found_the_first_night_and_one_case_is_none() -> None:
    dropped, one_case = month(2, drift=20, drop=0.1, steady=True), month(2, drift=20, drop=0.002, steady=True)

    (night, _), *_ = alarms(dropped, 18)

    assert night == 20
    assert not alarms(one_case, 18)


def test_same_digests_and_other_answers_are_the_providers() -> None:
    [(_, move)] = told(month(3, 25, drift=20, drop=0.2, steady=True)).moves

    assert move.cause is Cause.PROVIDER
    assert move.answers is not None
    assert move.answers.usual == 1
    assert move.answers.across < 0.9


def test_a_change_of_ours_on_that_night_is_ours_and_one_nearby_may_be() -> None:
    [(_, same)] = told(month(3, 25, drift=20, drop=0.2, steady=True, ours=20)).moves
    [(_, near)] = told(month(3, 25, drift=20, drop=0.2, steady=True, ours=19)).moves

    assert (same.cause, same.why) == (Cause.OURS, "another champion was promoted")
    assert (near.cause, near.why) == (Cause.NEAR, "another champion was promoted on 2026-10-20")


def test_a_change_of_the_dataset_beside_the_cases_hides_no_change_of_the_model() -> None:
    nights = month(3, 25, drift=20, drop=0.2, steady=True)
    edited = [replace(night, dataset="sha256:n") if place >= 20 else night for place, night in enumerate(nights)]
    same = [
        replace(night, targets={"champion": replace(night.targets["champion"], answers=["a"] * 200)})
        for night in edited
    ]

    assert told(edited).moves[0][1].cause is Cause.PROVIDER
    [(_, move)] = told(same).moves
    assert (move.cause, move.why) == (
        Cause.NEAR,
        "the dataset was changed that night, though not the cases that are compared",
    )


def test_another_version_of_plimsoll_and_other_repeats_are_not_the_providers() -> None:
    nights = month(3, 25, drift=20, drop=0.2, steady=True)
    updated = [replace(night, made_by="2" if place >= 20 else "1") for place, night in enumerate(nights)]
    repeated = [
        replace(night, targets={"champion": replace(night.targets["champion"], cells=400)}) if place >= 20 else night
        for place, night in enumerate(nights)
    ]

    assert (told(updated).moves[0][1].cause, told(updated).moves[0][1].why) == (Cause.OURS, "plimsoll 1 became 2")
    assert told(repeated).moves[0][1].cause is Cause.UNKNOWN


def test_a_name_of_the_model_that_was_there_before_is_no_change() -> None:
    nights = month(3, 25, drift=20, drop=0.2, steady=True)

    def named(place: int, name: str) -> Night:
        target = replace(nights[place].targets["champion"], reported=(name,), answers=[])
        return replace(nights[place], targets={"champion": replace(target, answers=[""] * 200)})

    def cause(names: list[str]) -> Cause:
        return told([named(place, name) for place, name in enumerate(names)]).moves[0][1].cause

    assert cause(["a"] * 20 + ["b"] * 5) is Cause.PROVIDER
    assert cause(["a", "b"] * 10 + ["a"] * 5) is Cause.UNKNOWN


def test_after_nights_without_a_run_the_move_lies_anywhere_among_them() -> None:
    nights = month(3, 25, drift=20, drop=0.2, steady=True)
    gap = [*nights[:14], *nights[20:]]

    lines = [line for line, _ in terminal_lines(told(gap))]

    assert any("95%: after the night of 2026-10-14, by that of 2026-10-21" in line for line in lines)
    assert any('to accept it, in nightly/desk.yaml: - {target: "champion"' in line for line in lines)


def test_what_accepts_a_move_is_read_and_quiet() -> None:
    nights = month(3, 29, drift=20, drop=0.2, steady=True)
    [line] = [line for line, _ in terminal_lines(told(nights)) if "to accept it" in line]
    entry = line.partition(": ")[2].replace("…", "it is so")

    accepted = read_accepted(parse_yaml(f"accepted:\n  {entry}\n", "nightly/desk.yaml"), date(2026, 11, 1))

    assert told(nights, Rules(accepted=accepted)).exit_code is ExitCode.PASS
    with pytest.raises(ConfigError, match=r"nightly/desk.yaml:2: 2026-10-21 is still to come"):
        read_accepted(parse_yaml(f"accepted:\n  {entry}\n", "nightly/desk.yaml"), date(2026, 10, 20))


def test_nights_before_what_was_accepted_do_not_count() -> None:
    nights = month(3, 29, drift=20, drop=0.2, steady=True)
    since = Rules(accepted={("champion", "correct"): nights[20].date})

    assert told(nights).exit_code is ExitCode.FAIL
    assert told(nights, since).exit_code is ExitCode.PASS


def test_another_evaluator_and_a_broken_night_are_left_out_and_told() -> None:
    nights = month(4, 12)
    nights[0] = replace(nights[0], evaluators={**nights[0].evaluators, "correct": "sha256:other"})
    target = nights[5].targets["champion"]
    nights[5] = replace(nights[5], targets={"champion": replace(target, failed=100)})

    correct = look(nights, Rules())[0]

    assert len(correct.nights) == 10
    assert correct.left_out == ("1 night on which another evaluator gave it", "1 night on which too much failed")


def test_a_case_with_other_content_is_another_case_and_nights_of_other_cases_do_not_count() -> None:
    *before, tonight = month(4, 12)
    few, most = replace(tonight, contents=["y"] * 90 + ["x"] * 110), replace(tonight, contents=["y"] * 194 + ["x"] * 6)

    assert look([*before, few], Rules())[0].why == ""
    assert look([*before, few], Rules())[0].left_out == (
        "90 of 200 cases are not on every night, or not with the same content",
    )
    assert look([*before, most], Rules())[0].why == "too few nights to tell: 1 of 7", "six cases are no quiet night"


def test_after_another_dataset_seven_nights_are_enough() -> None:
    nights = [replace(night, contents=["y"] * 200) if place >= 22 else night for place, night in enumerate(month(4))]

    assert look(nights[:28], Rules())[0].why == "too few nights to tell: 6 of 7"
    assert look(nights[:29], Rules())[0].why == ""


def test_a_metric_without_scores_tonight_is_told_and_what_was_found_before_stands() -> None:
    nights = month(3, 24, drift=20, drop=0.2, steady=True)
    target = nights[-1].targets["champion"]

    def tonight(**changes: Any) -> list[Night]:
        return [*nights[:-1], replace(nights[-1], targets={"champion": replace(target, **changes)})]

    failed = look(tonight(unscored={"correct": 60}), Rules())[0]
    without = look(tonight(values=target.values | {"correct": [None] * 200}), Rules())[0]

    assert failed.why == "60 of 200 cells have no score tonight"
    assert without.why == "not one value tonight"
    assert [one.move and (one.move.first.date, one.move.new) for one in (failed, without)] == [
        ("2026-10-21", False)
    ] * 2
    assert [line.split()[-1] for line, _ in terminal_lines(SuiteNight("desk", nights[-1], (failed,)))][2] == "–"


def test_what_was_accepted_once_hides_no_night_without_scores() -> None:
    nights = month(3, 12)
    lost = {"correct": 60, "short": 0, "polite": 0, "grounded": 0}
    target = replace(nights[-1].targets["champion"], unscored=lost)
    failed = [*nights[:-1], replace(nights[-1], targets={"champion": target})]
    rules = Rules(accepted={("champion", "correct"): nights[6].date})

    assert list(untold(look(nights, rules), nights, rules)) == []
    [problem] = untold(look(failed, rules), failed, rules)
    assert problem.code is ExitCode.INCONCLUSIVE
    assert problem.words == "champion: correct can't be told: 60 of 200 cells have no score tonight"
    assert not problem.known


def test_of_two_runs_of_a_day_the_newest_complete_one_counts() -> None:
    first, second = month(1, 1)[0], replace(month(1, 1)[0], run="run-b", complete=False)
    second = replace(second, started=first.started.replace("02:", "03:"))

    assert one_a_day([second, first]) == (first,)
    assert one_a_day([first, replace(second, complete=True)])[0].run == "run-b"


def test_flaky_cases_are_proposed_and_refused_until_they_have_an_owner() -> None:
    nights = month(5, 20, cases=40)

    found = flaky_cases(nights, 0.05)
    text = quarantine_text(found, date(2026, 10, 20))

    assert found
    assert all(one.flips >= 3 and 0 < one.passed < one.nights for one in found)
    with pytest.raises(ConfigError, match="owner"):
        read_quarantine(parse_yaml(text, "quarantine/desk.yaml"))
    entries = read_quarantine(parse_yaml(text.replace('owner: ""', "owner: ada"), "quarantine/desk.yaml"))
    assert [entry.case for entry in entries] == [one.case for one in found]
    assert not flaky_cases(month(5, 25, drift=20, drop=0.3, steady=True), 0.05), "what began to fail is not flaky"


def test_a_case_that_got_worse_is_not_flaky_nor_one_of_a_metric_that_nobody_watches() -> None:
    def flaky(passed: str, metrics: set[str] | None = None) -> list[str]:
        nights = [
            replace(
                night, targets={"champion": replace(night.targets["champion"], passes={"correct": [float(one == "P")]})}
            )
            for night, one in zip(month(1, len(passed), cases=1), passed, strict=True)
        ]
        return [one.case for one in flaky_cases(nights, 0.05, metrics)]

    assert not flaky("PPPPPPPPPPPPPPFPFFFF")
    assert not flaky("FFFFFFFFFFPFPPPPPPPP")
    assert flaky("PPFPPFPPPFFPPFPPFPPP") == ["c0"]
    assert not flaky("PPFPPFPPPFFPPFPPFPPP", {"short"})


def test_a_case_has_one_line_whatever_metrics_it_flips_in() -> None:
    two = [Flaky("c1", "correct", "champion", 5, 10, 4), Flaky("c1", "short", "champion", 6, 10, 3)]

    lines = [line for line, _ in terminal_lines(SuiteNight("desk", flaky=tuple(two)))]

    assert [line for line in lines if "flaky" in line] == [f"  flaky: c1, correct, short: {two[0].reason}"]


def test_too_few_nights_are_told_once_and_are_no_news_after_the_first() -> None:
    nights = month(1, 3)

    def found(nights: list[Night], rules: Rules) -> SuiteNight:
        watched = look(nights, rules)
        return SuiteNight("desk", nights[-1], watched, problems=tuple(untold(watched, nights, rules)))

    first, later = found(nights[:1], Rules()), found(nights, Rules())
    lost = replace(nights[-1].targets["champion"], unscored={"correct": 60})
    failed = found([*nights[:-1], replace(nights[-1], targets={"champion": lost})], Rules(metrics=("correct",)))

    assert [one.exit_code for one in (first, later, failed)] == [ExitCode.INCONCLUSIVE] * 3
    assert [one.news for one in (first, later, failed)] == [True, False, True]
    assert "\n".join(line for line, _ in terminal_lines(first)).count("too few nights") == 1
    assert any("not compared" in line for line, _ in terminal_lines(failed))


def test_a_move_that_went_back_is_told_once() -> None:
    bad, good = month(3, 25, drift=10, drop=0.2, steady=True), month(3, 25, steady=True)
    nights = [*bad[:16], *good[16:]]

    def back(night: int) -> tuple[str, ...]:
        rules = Rules()
        return went_back(look(nights[:night], rules), look(nights[: night + 1], rules), nights[night])

    told_on = [night for night in range(12, 25) if back(night)]

    [night] = told_on
    assert back(night)[0].startswith("champion correct was worse since 2026-10-11, and has gone back: ")
    found = SuiteNight("desk", nights[night], back=back(night))
    assert found.news
    assert found.exit_code is ExitCode.PASS
    text = slack_message([found], "https://ci/job?id=1")["text"]
    assert text.startswith("plimsoll nightly\nhttps://ci/job?id=1\n*desk*: quiet: no metric moved (night of ")
    assert "*back*: champion correct was worse" in text


@pytest.mark.parametrize("case", ["caf\u00e9 \U0001f600", 'a"b\\c', "x\x7f\x85\u2028y", "tab\tline\n", ": - #"])
def test_a_proposed_case_is_the_case(case: str) -> None:
    text = quarantine_text([Flaky(case, "m", "t", 5, 10, 4)], date(2026, 1, 1)).replace('owner: ""', "owner: ada")

    [entry] = read_quarantine(parse_yaml(text, "quarantine/desk.yaml"))

    assert entry.case == case


def test_what_is_worse_is_read_whatever_the_limits_cut() -> None:
    worse = told(month(3, 21, drift=20, drop=0.2, steady=True))
    quiet = look(month(3, 9, steady=True), Rules())
    long = SuiteNight("long", None, quiet * 5, problems=(Untold(ExitCode.INFRASTRUCTURE, "x" * 100_000),))
    nights = [*[SuiteNight(f"s{place}", None, quiet * 5, problems=long.problems) for place in range(60)], worse]

    body, message = issue_body(nights), slack_message(nights)

    assert len(body) <= 65_536
    assert body.startswith("## desk: 1 metric worse")
    assert body.endswith("The rest is too long for an issue.\n")
    assert len(message["blocks"]) <= 50
    assert max(len(block["text"]["text"]) for block in message["blocks"]) <= 3000
    assert "since 2026-10-21" in message["blocks"][1]["text"]["text"]
    assert len(message["text"]) <= 4000
    assert len(issue_body([long])) <= 65_536


def test_the_terminal_the_issue_and_the_message_say_the_same() -> None:
    nights = [
        replace(each, targets={"<b>@all": each.targets["champion"]})
        for each in month(3, 21, drift=20, drop=0.2, steady=True)
    ]
    found = told(nights)

    lines = [line for line, _ in terminal_lines(found)]
    body, message = issue_body([found]), slack_message([found])

    assert lines[0] == "desk: 1 metric worse"
    assert any("since 2026-10-21" in line for line in lines)
    assert all("since 2026-10-21" in text for text in (body, json.dumps(message)))
    assert "<b>" not in MarkdownIt().render(body)
    assert "&lt;b&gt;@\u200ball" in message["blocks"][1]["text"]["text"], "nobody is called by a name"
    assert "since 2026-10-21" in message["text"], "not every server shows blocks"
    assert max(len(line) for line in lines if "█" in line) <= 80


def test_a_trend_has_the_last_thirty_nights_and_a_blank_where_nothing_is_known() -> None:
    assert sparkline([0.0, None, 1.0]) == "▁ █"
    assert sparkline([0.5, 0.5]) == "▄▄"
    assert len(sparkline([0.1] * 50)) == 30
