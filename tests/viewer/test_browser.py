"""The pages in a real browser: labels by keyboard alone, nothing wider than a telephone, no complaints."""

import asyncio

import pytest
from tests.viewer.browser import CHROMIUM, Browser
from tests.viewer.parts import RUN, hostile_report, telling_report, write_run
from tests.viewer.test_safety import HOSTILE

from plimsoll.labels import LabelStore

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: install it to test the pages in a browser"),
]
WORK = f"/runs/{RUN}/label/answers"


def test_three_answers_are_labelled_by_keyboard(workspace, site, tmp_path):
    report = telling_report(4)
    write_run(workspace.state, report)

    async def walk():
        async with Browser(tmp_path / "profile") as browser:
            await browser.go(f"{site.server.url}{WORK}?metric=exact_match")
            await browser.press("p", loads=True)
            await browser.press("c")
            await browser.write("it is pinned to 6, not fed p or f")
            await browser.press("Escape")
            await browser.press("e")
            await browser.write("At six.")
            await browser.press("Escape")
            await browser.press("f", loads=True)
            await browser.press("ArrowRight", loads=True)
            await browser.press("p", loads=True)
            # The last one goes back to the one that was passed over.
            assert await browser.read("document.querySelector('.progress').textContent.trim()") == "3 of 8 labelled"
            await browser.press("ArrowLeft", loads=True)
            await browser.press("u", loads=True)
            assert await browser.read("document.querySelector('.progress').textContent.trim()") == "2 of 8 labelled"
            await browser.press("p", loads=True)
            return browser.said

    assert asyncio.run(walk()) == []
    kept = list(LabelStore(workspace.state))
    assert [label.value for label in kept if label.name == "exact_match"] == [True, False, True]
    assert [(label.name, label.value) for label in kept if label.name == "expected"] == [("expected", "At six.")]
    assert [label.rationale for label in kept if label.name == "exact_match"][1] == "it is pinned to 6, not fed p or f"


def test_a_number_is_typed_and_a_case_left_by_keyboard(workspace, site, tmp_path):
    report = telling_report(3)
    write_run(workspace.state, report)

    async def walk():
        async with Browser(tmp_path / "profile") as browser:
            await browser.go(f"{site.server.url}{WORK}?metric=relevance&blind=1")
            await browser.write("0.7")
            await browser.press("Enter", loads=True)
            await browser.go(f"{site.server.url}/runs/{RUN}/cases/2")
            await browser.press("ArrowRight", loads=True)
            at = await browser.read("location.pathname")
            await browser.press("Escape", loads=True)
            return at, await browser.read("location.pathname"), browser.said

    assert asyncio.run(walk()) == (f"/runs/{RUN}/cases/3", f"/runs/{RUN}/cases", [])
    assert [label.value for label in LabelStore(workspace.state)] == [0.7]


def test_no_page_is_wider_than_a_telephone_and_hostile_text_runs_nothing(workspace, site, tmp_path):
    write_run(workspace.state, hostile_report(HOSTILE))
    paths = ["/", f"/runs/{RUN}", f"/runs/{RUN}/cases", f"/runs/{RUN}/cases/1", f"/runs/{RUN}/label"]
    paths += [f"{WORK}?metric=exact_match", f"{WORK}?metric=relevance&blind=1"]

    async def walk():
        found = {}
        async with Browser(tmp_path / "profile") as browser:
            await browser.look(375, 800)
            for path in paths:
                await browser.go(site.server.url + path)
                found[path] = await browser.read("document.documentElement.scrollWidth")
                assert await browser.read("document.querySelectorAll('img, iframe, object, svg[onload]').length") == 0
            return found, browser.said

    found, said = asyncio.run(walk())
    assert {path: width for path, width in found.items() if width > 375} == {}
    assert said == []
