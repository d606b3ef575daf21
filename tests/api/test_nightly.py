"""Nights over a real workspace, a model behind a socket, and a tracking store."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.api.parts import SUITE, Desk, edit, write_workspace
from tests.api.test_gating import gate, without_registry

from plimsoll.api import promote_suite
from plimsoll.api.night_outside import outside_night
from plimsoll.api.nightly import Ended, NightOptions, nightly_suite
from plimsoll.ci.moves import Cause
from plimsoll.ci.night_report import issue_body
from plimsoll.ci.nights import Night, save_night, saved_nights
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, ExitCode
from plimsoll.runs.folders import run_folders
from plimsoll.runs.observer import Silent
from plimsoll.tracking import MlflowWriter

LOCAL = NightOptions(track=False)


def night(workspace: Workspace, options: NightOptions = LOCAL) -> Ended:
    with MlflowWriter(workspace) as writer:
        return nightly_suite(workspace, "desk", options, Silent(), writer)


def before(workspace: Workspace, tonight: Night, nights: int) -> None:
    """The same night on so many days before tonight."""
    for ago in range(1, nights + 1):
        before_one(workspace, tonight, ago)


def before_one(workspace: Workspace, tonight: Night, ago: int) -> None:
    started = (datetime.now(UTC) - timedelta(days=ago)).isoformat(timespec="seconds")
    save_night(workspace.state, msgspec.structs.replace(tonight, started=started, run=f"{started[:10]}-desk"))


def kept(workspace: Workspace) -> list[Night]:
    return list(saved_nights(workspace.state, "desk"))


def test_the_first_night_says_that_it_cannot_tell(workspace: Workspace, desk: Desk) -> None:
    found = night(workspace)

    assert found.night.exit_code is ExitCode.INCONCLUSIVE
    assert "v1: too few nights to tell: 1 of 7" in found.night.headline
    [written] = kept(workspace)
    assert set(written.targets) == {"v1"}, "the gate's target"
    assert written.targets["v1"].values["exact_match"] == [1.0] * 12
    assert "answer 1" not in msgspec.json.encode(written).decode(), "a night holds no text of a model"
    assert desk.requests == 12


def test_the_same_day_nothing_is_paid_twice(workspace: Workspace, desk: Desk) -> None:
    first = night(workspace)
    again = night(workspace)

    assert desk.requests == 12
    assert again.night.tonight == first.night.tonight
    assert first.run is not None
    assert f"tonight was measured before, as run {first.run.folder.name}: nobody was asked again" in again.night.notes


def test_a_night_goes_on_where_it_was_cut(workspace: Workspace, desk: Desk) -> None:
    night(workspace)
    [folder] = run_folders(workspace.state / "runs")
    journal = folder / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    # As a kill leaves it: the beginning, and half a line.
    journal.write_bytes(b"".join(lines[:9]) + lines[9][:20])
    asked = desk.requests

    found = night(workspace)

    assert len(list(run_folders(workspace.state / "runs"))) == 1
    assert desk.requests == asked, "what was paid is in the cache, under the night's own drawing"
    assert found.night.tonight is not None
    assert found.night.tonight.complete


def test_a_silent_change_of_the_model_is_found_dated_and_told_from_ours(workspace: Workspace, desk: Desk) -> None:
    good = night(workspace).night.tonight
    assert good is not None
    shutil.rmtree(workspace.state / "runs")
    shutil.rmtree(workspace.state / "nights")
    before(workspace, good, 10)
    desk.wrong["one"] = set(range(9))

    found = night(workspace).night

    assert found.exit_code is ExitCode.FAIL
    (one, move), *_ = found.moves
    assert (one.target, one.metric.name, move.worse, move.new) == ("v1", "exact_match", True, True)
    assert move.first.date == f"{datetime.now(UTC):%Y-%m-%d}"
    assert move.cause is Cause.PROVIDER
    assert move.answers is not None
    assert (move.answers.usual, move.answers.across) == (1.0, 0.25)


def test_the_same_drop_after_an_edit_of_the_prompt_is_ours(workspace: Workspace, desk: Desk) -> None:
    good = night(workspace).night.tonight
    assert good is not None
    before(workspace, good, 10)
    edit(workspace.root, "prompts/v1.jinja2", "one", "ten")
    desk.wrong["ten"] = set(range(9))

    found = night(workspace).night

    [(_, move)] = found.moves
    assert (move.cause, move.why) == (Cause.OURS, "v1 was changed")


def test_a_drop_that_was_accepted_is_quiet(workspace: Workspace, desk: Desk) -> None:
    good = night(workspace).night.tonight
    assert good is not None
    before(workspace, good, 10)
    edit(workspace.root, "prompts/v1.jinja2", "one", "ten")
    desk.wrong["ten"] = set(range(9))
    path = workspace.root / "nightly" / "desk.yaml"
    path.parent.mkdir()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    path.write_text(
        f"accepted:\n  - {{target: v1, metric: exact_match, since: {today}, reason: harder}}\n", encoding="utf-8"
    )

    found = night(workspace).night

    assert not found.moves
    assert found.exit_code is ExitCode.PASS, "the other metric can be told"


def test_a_level_that_is_accepted_from_a_day_to_come_is_refused(workspace: Workspace, desk: Desk) -> None:
    path = workspace.root / "nightly" / "desk.yaml"
    path.parent.mkdir()
    path.write_text(
        "accepted:\n  - {target: v1, metric: exact_match, since: 2062-01-01, reason: a slip}\n", encoding="utf-8"
    )

    with pytest.raises(ConfigError, match=r"nightly/desk.yaml:2: 2062-01-01 is still to come"):
        night(workspace)
    assert desk.requests == 0


def test_a_metric_that_begins_anew_is_no_quiet_night(workspace: Workspace, desk: Desk) -> None:
    good = night(workspace).night.tonight
    assert good is not None
    before(workspace, good, 10)
    edit(workspace.root, "evaluators/short.py", "<= 3", "<= 0")

    found = night(workspace).night

    assert found.exit_code is ExitCode.INCONCLUSIVE
    assert found.headline == "v1: short can't be told: too few nights to tell: 1 of 7"


def test_a_champion_that_is_gone_is_no_quiet_night(workspace: Workspace, desk: Desk) -> None:
    good = night(workspace).night.tonight
    assert good is not None
    both = {"champion": good.targets["v1"], "v1": good.targets["v1"]}
    before(workspace, msgspec.structs.replace(good, targets=both), 10)

    found = night(workspace).night

    assert found.exit_code is ExitCode.INCONCLUSIVE
    assert found.headline.startswith("champion: not run tonight, it was on ")


def test_a_judge_judges_the_same_answer_anew_each_night(workspace: Workspace, desk: Desk) -> None:
    judged = SUITE.replace("  - short\n", "  - judge: {prompt: evaluators/kind.prompty, model: main}\n")
    judge = "---\ninputs: {output: {type: string}}\n---\nuser:\nIs it kind? {{ output }}\n"
    write_workspace(workspace.root, judged, {"evaluators/kind.prompty": judge})
    good = night(workspace).night.tonight
    assert good is not None
    before(workspace, good, 10)
    shutil.rmtree(workspace.state / "runs")
    desk.judgement = '{"reason": "it is not", "score": 1}'

    found = night(workspace).night

    [(one, move)] = found.moves
    assert one.metric.name == "kind"
    assert [move.split.before, move.split.after] == pytest.approx([4, 1])
    assert move.cause is Cause.JUDGE


def test_a_night_that_somebody_edited_is_left_out_and_told(workspace: Workspace, desk: Desk) -> None:
    good = night(workspace).night.tonight
    assert good is not None
    before(workspace, good, 10)
    torn, dated, *_ = sorted((workspace.state / "nights" / "desk").glob("*.json"))
    edited = json.loads(torn.read_bytes())
    edited["targets"]["v1"]["values"]["exact_match"].pop()
    torn.write_text(json.dumps(edited), encoding="utf-8")
    dated.write_text(dated.read_text(encoding="utf-8").replace('"started":"20', '"started":"x0'), encoding="utf-8")

    found = night(workspace).night

    assert found.exit_code is ExitCode.PASS
    assert [len(one.nights) for one in found.watched] == [9, 9]
    assert any(note.startswith("2 nights can't be read") for note in found.notes)


def test_a_case_in_quarantine_is_not_proposed_again(workspace: Workspace, desk: Desk) -> None:
    good = night(workspace).night.tonight
    assert good is not None
    passes = good.targets["v1"].passes["short"]
    for ago in range(1, 12):
        target = msgspec.structs.replace(
            good.targets["v1"], passes={"short": [float(ago % 2), float(ago % 2), *passes[2:]]}
        )
        before_one(workspace, msgspec.structs.replace(good, targets={"v1": target}), ago)
    path = workspace.root / "quarantine" / "desk.yaml"
    path.parent.mkdir()
    expires = datetime.now(UTC).date() + timedelta(days=9)
    path.write_text(
        f"cases:\n  - {{case: c0, metric: short, reason: it flips, owner: ada, expires: {expires}}}\n", encoding="utf-8"
    )

    assert [one.case for one in night(workspace).night.flaky] == ["c1"]


def test_a_suite_spends_no_more_at_night_than_it_may(workspace: Workspace, desk: Desk) -> None:
    priced = SUITE.replace("concurrency: 4}", "concurrency: 1, price: {input: 1000, output: 1000}, max_tokens: 5}")
    write_workspace(workspace.root, priced.replace("dataset:", "max_cost: 0.05\ndataset:"))

    found = night(workspace, NightOptions(max_cost=100, track=False))

    assert 0 < desk.requests < 12
    assert found.night.exit_code is ExitCode.INCONCLUSIVE


def test_a_night_on_which_too_much_failed_is_no_quiet_night(workspace: Workspace, desk: Desk) -> None:
    from plimsoll.testing import Reply

    good = night(workspace).night.tonight
    assert good is not None
    before(workspace, good, 10)
    shutil.rmtree(workspace.state / "runs")
    desk.replies = dict.fromkeys(range(6), Reply(status=500))

    found = night(workspace).night

    assert found.exit_code is ExitCode.INFRASTRUCTURE
    assert not found.moves
    assert "today plimsoll nightly desk asks again for what failed" in found.headline
    assert len([one for one in found.problems if "failed" in one.words]) == 1, "once, with the reason"
    desk.replies.clear()
    assert night(workspace).night.exit_code is ExitCode.PASS


def test_a_budget_that_ends_the_night_is_no_verdict(workspace: Workspace, desk: Desk) -> None:
    priced = SUITE.replace("concurrency: 4}", "concurrency: 1, price: {input: 1000, output: 1000}, max_tokens: 5}")
    write_workspace(workspace.root, priced)

    found = night(workspace, NightOptions(max_cost=0.05, track=False))

    assert 0 < desk.requests < 12
    assert found.night.exit_code is ExitCode.INCONCLUSIVE
    assert found.cost > 0


@pytest.mark.mlflow
@pytest.mark.long
def test_the_champion_runs_too_and_another_machine_reads_the_nights_from_the_tracking_server(
    tracked: Workspace, desk: Desk
) -> None:
    without_registry(tracked)
    gate(tracked)
    promote_suite(tracked, "desk", who="somebody")

    first = night(tracked, NightOptions())
    assert first.run is not None
    assert set(first.run.report.run.targets) == {"champion", "v1"}
    assert first.run.logged is not None
    shutil.rmtree(tracked.state / "nights")
    there = tracked.state / "runs"
    shutil.rmtree(there)

    found = night(tracked, NightOptions())

    assert found.run is not None
    assert found.run.folder.name != first.run.folder.name, "nothing of it was on this disk"
    assert {each.run for each in kept(tracked)} == {first.run.folder.name, found.run.folder.name}


def fallen(workspace: Workspace, desk: Desk) -> Night:
    """Ten good nights, the newest with its run, and tonight a drop; the run of the last good night."""
    good = night(workspace).night.tonight
    assert good is not None
    before(workspace, good, 10)
    yesterday = f"{(datetime.now(UTC) - timedelta(days=1)).date()}"
    (workspace.state / "nights" / "desk" / f"{yesterday}-desk.json").unlink()
    save_night(workspace.state, msgspec.structs.replace(good, started=f"{yesterday}T02:00:00+00:00"))
    edit(workspace.root, "prompts/v1.jinja2", "one", "ten")
    desk.wrong["ten"] = set(range(9))
    return good


def test_an_issue_has_the_cases_that_flipped_with_both_answers(workspace: Workspace, desk: Desk) -> None:
    good = fallen(workspace, desk)

    found = night(workspace).night
    body = issue_body([outside_night(workspace, found)])

    assert found.tonight is not None
    assert f"`plimsoll compare {good.run}:v1 {found.tonight.run}:v1 --metric exact_match`" in body
    assert "9 cases worse tonight than on" in body
    assert "`c0`: " in body
    assert "<code>answer 0</code>" in body
    assert "not at hand" not in body


def test_what_privacy_takes_out_is_not_in_an_issue(workspace: Workspace, desk: Desk) -> None:
    (workspace.root / "pyproject.toml").write_text(
        '[tool.plimsoll.privacy]\nredact = ["output", "expected"]\n'
        '[tool.plimsoll.privacy.patterns]\ncase = "c[0-9]+"\n',
        "utf-8",
    )
    workspace = Workspace.find(workspace.root)
    fallen(workspace, desk)

    body = issue_body([outside_night(workspace, night(workspace).night)])

    assert "9 cases worse tonight than on" in body
    assert "answer 0" not in body
    assert "`c0`" not in body
