"""The list is read a page at a time, and a run only again when its files changed."""

import shutil

import pytest
from tests.viewer.parts import RUN, append, telling_report, write_run

from plimsoll.api.viewing import first_page, open_desk
from plimsoll.errors import UsageError
from plimsoll.viewer import Refused
from plimsoll.viewer.shelf import LISTED, Shelf


@pytest.fixture
def desk(workspace):
    return open_desk(workspace, "Ada")


def test_a_page_of_the_list_holds_no_more_than_it_may_and_all_pages_hold_every_run_once(workspace, desk):
    folder = write_run(workspace.state, telling_report(1, ("v1",)))
    for number in range(LISTED + 4):
        shutil.copytree(folder, folder.with_name(f"20260401-{number:09d}-ferry-desk-aaaa"))
    shelf = Shelf(desk)
    pages = [shelf.listing(page=page) for page in (1, 2, 3)]
    assert [len(page.lines) for page in pages] == [LISTED, 5, 0]
    assert {page.total for page in pages} == {LISTED + 5}
    names = [line.id for page in pages for line in page.lines]
    assert names == sorted(names, reverse=True)
    assert len(set(names)) == LISTED + 5


def test_journals_beyond_what_a_page_may_read_are_not_counted_yet(workspace, desk):
    folder = write_run(workspace.state, telling_report(4))
    second = write_run(workspace.state, telling_report(4), "20260401-000000000-ferry-desk-aaaa")
    shelf = Shelf(desk, counted=(second / "journal.jsonl").stat().st_size)
    assert [line.finished for line in shelf.listing().lines] == [8, None]
    # What was counted before is not read again, which leaves room for the next.
    assert [line.finished for line in shelf.listing().lines] == [8, 8]
    append(folder, telling_report(4))
    assert [line.finished for line in shelf.listing().lines] == [8, None]


def test_a_run_is_the_same_until_its_files_change(workspace, desk):
    report = telling_report(2, ("v1",))
    folder = write_run(workspace.state, report, ended=False)
    shelf = Shelf(desk)
    first = shelf.open(RUN)
    assert shelf.open(RUN) is first
    append(folder, report)
    assert shelf.open(RUN) is not first
    with pytest.raises(Refused):
        shelf.open(RUN[:-1])


def test_a_word_means_a_suite_a_run_or_nothing(workspace):
    assert first_page(workspace, None) == "/"
    write_run(workspace.state, telling_report())
    (workspace.root / "suites" / "not yet run.yaml").write_text("name: x\n")
    assert first_page(workspace, "ferry-desk") == "/?suite=ferry-desk"
    assert first_page(workspace, "not yet run") == "/?suite=not%20yet%20run"
    assert first_page(workspace, "c0ff") == f"/runs/{RUN}"
    with pytest.raises(UsageError, match="no suite and no run"):
        first_page(workspace, "../..")


def test_who_labels_is_gits_user_where_nobody_is_named(workspace, tmp_path, monkeypatch):
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Grace\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    assert open_desk(workspace).who == "Grace"
    assert open_desk(workspace, " Ada ").who == "Ada"
