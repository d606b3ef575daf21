"""One comment, on each forge's API as a loopback server has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plimsoll.api.commenting import Asked, Did, Posted, post_comment, read_comment
from plimsoll.ci.forges import TOKENS
from plimsoll.ci.rest import PassingError, RefusedError
from plimsoll.config.secrets import secrets_of
from plimsoll.errors import ExitCode, UsageError
from plimsoll.reports.markdown import carries, marker
from plimsoll.testing.forge import COMMIT, OURS, TOKEN, LoopbackForge

FORGES = ["github", "azure", "gitlab"]
TEXT = f"**FAIL** desk: worse\n{marker('gate')}\n"


@pytest.fixture
def forge() -> Iterator[LoopbackForge]:
    with LoopbackForge() as server:
        yield server


def job(forge: LoopbackForge, name: str) -> dict[str, str]:
    variables: Callable[[], dict[str, str]] = getattr(forge, name)
    return variables()


def post(environ: dict[str, str], text: str = TEXT, waits: list[float] | None = None, **more: object) -> Posted:
    return post_comment(Asked(text, **more), environ, sleep=(waits if waits is not None else []).append)  # type: ignore[arg-type]


def bodies(forge: LoopbackForge) -> list[str]:
    return [kept.body for kept in forge.comments]


@pytest.mark.parametrize("name", FORGES)
def test_it_is_written_once_and_changed_from_then_on(forge: LoopbackForge, name: str):
    environ = job(forge, name)
    forge.add("reviewer", "nice")
    assert post(environ).did is Did.CREATED
    assert post(environ).did is Did.UNCHANGED
    assert post(environ, TEXT.replace("FAIL", "PASS")).did is Did.UPDATED
    assert len(forge.comments) == 2
    assert forge.comments[0].body == "nice"
    assert forge.comments[1].body.startswith("**PASS**")


@pytest.mark.parametrize("name", FORGES)
def test_a_comment_of_another_s_with_the_mark_is_never_changed(forge: LoopbackForge, name: str):
    environ = job(forge, name)
    forge.add("stranger", f"**PASS**\n{marker('gate')}\n")
    done = post(environ)
    assert done.did is Did.CREATED
    assert "left as they are" in done.notes[0]
    assert forge.comments[0].body.startswith("**PASS**")
    assert post(environ, TEXT + "more").did is Did.UPDATED
    assert [kept.author for kept in forge.comments] == ["stranger", OURS]


@pytest.mark.parametrize("name", FORGES)
def test_of_two_the_newest_is_changed(forge: LoopbackForge, name: str):
    for text in ("older", "newer"):
        forge.add(OURS, f"{text}\n{marker('gate')}\n")
    forge.add(OURS, f"night\n{marker('night')}\n")
    assert post(job(forge, name)).did is Did.UPDATED
    assert [body.split("\n")[0] for body in bodies(forge)] == ["older", "**FAIL** desk: worse", "night"]


def test_a_comment_that_quotes_the_mark_is_not_ours(forge: LoopbackForge):
    forge.add(OURS, f"a release note\n\nas in {marker('gate')}\n{marker('gate')}\n")
    assert post(forge.github()).did is Did.CREATED


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_it_is_found_behind_many_others(forge: LoopbackForge, name: str):
    for n in range(250):
        forge.add("reviewer", f"remark {n}")
    environ = job(forge, name)
    assert post(environ).did is Did.CREATED
    assert post(environ, TEXT + "more").did is Did.UPDATED
    assert len(forge.comments) == 251


def test_where_nobody_says_whose_the_token_is_none_is_changed(forge: LoopbackForge):
    forge.author = None
    assert [post(forge.github(), TEXT + text).did for text in ("a", "b")] == [Did.CREATED, Did.CREATED]
    assert "does not tell" in post(forge.github()).notes[0]


@pytest.mark.parametrize("name", FORGES)
def test_a_server_that_is_busy_is_asked_again_and_not_for_ever(forge: LoopbackForge, name: str):
    waits: list[float] = []
    forge.replies = [(503, {}), (429, {"Retry-After": "7"}), (502, {})]
    assert post(job(forge, name), waits=waits).did is Did.CREATED
    assert len(waits) == 3
    assert waits[1] == 7
    forge.replies = [(503, {})] * 50
    waits.clear()
    with pytest.raises(PassingError, match="503") as raised:
        post(job(forge, name), waits=waits)
    assert raised.value.exit_code is ExitCode.INFRASTRUCTURE
    assert len(waits) == 4
    forge.replies = [(429, {"Retry-After": "3600"})]
    with pytest.raises(PassingError):
        post(job(forge, name))


def test_a_write_whose_answer_was_lost_is_not_repeated(forge: LoopbackForge):
    environ = forge.gitlab()
    post(environ)
    forge.comments[0].body = TEXT.strip()
    forge.replies = [(502, {})]
    assert post(environ).did is Did.UNCHANGED
    assert len(forge.comments) == 1


@pytest.mark.parametrize("name", FORGES)
def test_a_job_that_may_only_read_is_told_so(forge: LoopbackForge, name: str):
    forge.refused = 403
    waits: list[float] = []
    with pytest.raises(RefusedError, match="403") as raised:
        post(job(forge, name), waits=waits)
    assert raised.value.exit_code is ExitCode.INFRASTRUCTURE
    assert raised.value.remedy
    assert not waits


@pytest.mark.parametrize("name", FORGES)
def test_no_token_is_in_what_is_told(forge: LoopbackForge, name: str):
    environ = {key: value.replace(TOKEN, "other-secret-0123456789") for key, value in job(forge, name).items()}
    with pytest.raises(RefusedError) as raised:
        post(environ)
    assert "401" in str(raised.value)
    assert "other-secret" not in str(raised.value)
    without = {key: value for key, value in environ.items() if "other-secret" not in value}
    with pytest.raises(UsageError, match="not set"):
        post(without)
    with pytest.raises(UsageError, match="not set"):
        post(forge.azure() | {"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"})


@pytest.mark.parametrize("name", FORGES)
def test_no_token_is_posted(forge: LoopbackForge, name: str):
    post(job(forge, name), f"{TEXT}\nan error of the provider: {TOKEN}\n")
    assert TOKEN not in bodies(forge)[0]


def test_the_tokens_of_forges_are_secrets_by_their_names():
    assert set(secrets_of(dict.fromkeys(TOKENS, TOKEN))) == set(TOKENS)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("github", {"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "push"}),
        ("azure", {"SYSTEM_PULLREQUEST_PULLREQUESTID": "", "BUILD_REASON": "IndividualCI"}),
        ("gitlab", {"CI_MERGE_REQUEST_IID": "", "CI_EXTERNAL_PULL_REQUEST_IID": "3"}),
    ],
)
def test_a_job_about_no_pull_request_posts_nothing(forge: LoopbackForge, name: str, more: dict[str, str]):
    done = post(job(forge, name) | more)
    assert (done.did, forge.requests) == (Did.NOTHING, [])
    assert "no pull or merge request" in done.notes[0]


def test_outside_a_known_ci_system_it_is_a_mistake():
    with pytest.raises(UsageError, match="no job of"):
        post({"CI": "true"})


@pytest.mark.parametrize("number", ["0", "-1", "7/../8", "7?x=1", "seven", "7\n"])
@pytest.mark.parametrize("name", FORGES)
def test_what_is_no_number_reaches_no_address(forge: LoopbackForge, name: str, number: str):
    with pytest.raises(UsageError, match="number"):
        post(job(forge, name), number=number)
    assert not forge.requests


def test_azure_pipelines_on_a_repository_of_github_comments_there(forge: LoopbackForge):
    github = {name: value for name, value in forge.github().items() if name not in ("GITHUB_ACTIONS", "GITHUB_REF")}
    provider = {"BUILD_REPOSITORY_PROVIDER": "GitHub", "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "7"}
    done = post({**github, "TF_BUILD": "True", **provider})
    assert (done.did, done.forge) == (Did.CREATED, "GitHub")


def after_workflow(forge: LoopbackForge, folder: Path, owner: str = "stranger", sha: str = "abc") -> dict[str, str]:
    """A second workflow's variables: it runs on the default branch, after that of a pull request."""
    run = {
        "event": "pull_request",
        "head_branch": "fares",
        "head_sha": sha,
        "head_repository": {"full_name": f"{owner}/desk"},
        "repository": {"full_name": "ferries/desk"},
    }
    event = folder / "event.json"
    event.write_text(json.dumps({"workflow_run": run}))
    more = {"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": str(event)}
    return forge.github() | more


def pull(number: int, owner: str = "stranger", sha: str = "abc") -> dict[str, object]:
    return {"number": number, "head": {"sha": sha, "label": f"{owner}:fares"}}


def test_after_a_fork_s_workflow_github_says_which_pull_request_it_was(forge: LoopbackForge, tmp_path: Path):
    forge.pulls = [pull(7), pull(8, "other")]
    done = post(after_workflow(forge, tmp_path), f"**PASS** thanks @team\n{marker('gate')}\n")
    assert (done.did, done.number) == (Did.CREATED, "7")
    assert "fork" in bodies(forge)[0]
    assert "@team" not in bodies(forge)[0]
    assert carries(bodies(forge)[0], "gate")


def test_a_branch_of_our_own_is_no_fork_s(forge: LoopbackForge, tmp_path: Path):
    forge.pulls = [pull(7, "ferries")]
    assert post(after_workflow(forge, tmp_path, "ferries")).did is Did.CREATED
    assert "fork" not in bodies(forge)[0]


def test_a_number_that_the_artifact_brought_must_stand_at_the_commit(forge: LoopbackForge, tmp_path: Path):
    forge.pulls = [pull(8), pull(9)]
    environ = after_workflow(forge, tmp_path)
    done = post(environ, number="7")
    assert done.did is Did.NOTHING
    assert not forge.comments
    with pytest.raises(UsageError, match="8, 9"):
        post(environ)


def test_a_request_that_went_on_meanwhile_gets_no_comment_on_an_old_commit(forge: LoopbackForge, tmp_path: Path):
    forge.pulls = [pull(7, sha="newer")]
    assert post(after_workflow(forge, tmp_path)).did is Did.NOTHING
    assert not forge.comments


def event_of(folder: Path, sha: str) -> dict[str, str]:
    """The variable with the file that GitHub writes for a pull request's job."""
    file = folder / "pull-request.json"
    file.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": sha, "ref": "fares"}}}))
    return {"GITHUB_EVENT_PATH": str(file)}


@pytest.mark.parametrize("name", FORGES)
def test_a_job_of_an_older_commit_writes_nothing_over_a_newer_one_s_verdict(
    forge: LoopbackForge, name: str, tmp_path: Path
):
    environ = job(forge, name) | event_of(tmp_path, COMMIT)
    assert post(environ).did is Did.CREATED
    forge.head = "newer"
    done = post(environ, TEXT.replace("FAIL", "PASS"))
    assert (done.did, done.number) == (Did.NOTHING, "7")
    assert "another commit" in done.notes[0]
    assert bodies(forge)[0].startswith("**FAIL**")
    # Whoever names the request says that this is what they mean.
    assert post(environ, TEXT + "more", number="7").did is Did.UPDATED


def test_github_s_limit_of_requests_is_no_lack_of_rights(forge: LoopbackForge):
    forge.replies = [(403, {"X-RateLimit-Remaining": "0"})] * 2
    assert post(forge.github()).did is Did.CREATED
    forge.replies = [(403, {"X-RateLimit-Remaining": "0"})] * 9
    with pytest.raises(PassingError, match="403"):
        post(forge.github())


def test_only_a_plain_text_of_a_sensible_size_is_read(tmp_path: Path):
    secret, link = tmp_path / "secret", tmp_path / "verdict.md"
    secret.write_text("key")
    link.symlink_to(secret)
    large, binary, empty = (tmp_path / name for name in ("large", "binary", "empty"))
    large.write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    binary.write_bytes(b"\xff\xfe\x00")
    empty.write_text(" \n")
    for path in (link, large, binary, empty, tmp_path / "missing", tmp_path):
        with pytest.raises(UsageError):
            read_comment(path)
    assert read_comment(secret) == "key"
