"""Runs on disk for the viewer to show, and the viewer as a browser meets it: over HTTP, on loopback."""

from __future__ import annotations

import asyncio
import html
import re
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
from msgspec.structs import replace
from yarl import URL

from plimsoll.canonical import digest
from plimsoll.datasets import digest_cases
from plimsoll.runs.journal import EndLine, Journal, OutputLine, ScoreLine
from plimsoll.runs.plan import Plan, save_plan
from plimsoll.testing.reports import example_report
from plimsoll.types import Case, Output, Part, Report, Scored
from plimsoll.viewer import Desk
from plimsoll.viewer.server import ViewServer

T = TypeVar("T")
RUN = "20260314-150926000-ferry-desk-c0ff"


def write_run(state: Path, report: Report, name: str = RUN, *, part: Part = Part.WHOLE, ended: bool = True) -> Path:
    """A run's folder as the engine leaves it: plan, cases, journal."""
    run, cases = report.run, list(report.cases.values())
    plan = Plan(
        run=name,
        suite=run.suite,
        started=run.started,
        settings={"targets": {target: {} for target in run.targets}},
        dataset=run.dataset,
        dataset_digest=run.dataset_digest,
        cases=len(cases),
        cases_digest=digest_cases(cases),
        targets=run.targets,
        evaluators=run.evaluators,
        repeats=run.repeats,
        part=part,
    )
    folder = state / "runs" / name
    save_plan(plan, cases, folder)
    append(folder, report, ended=ended)
    return folder


def append(folder: Path, report: Report, *, ended: bool = True) -> None:
    """Go on with a run: what the report holds, and an end."""
    with Journal(folder) as journal:
        for record in report.cells:
            line = OutputLine(
                cell=record.cell,
                key=record.key,
                outcome=record.outcome,
                cached=record.cached,
                started=record.started,
            )
            journal.append(line)
            for metric, score in record.scores.items():
                key = digest([metric, str(record.cell)])
                journal.append(ScoreLine(cell=record.cell, evaluator=metric, key=key, scores={metric: score}))
        if ended:
            journal.append(EndLine(seconds=83.4, requests=len(report.cells), complete=report.run.complete))


def telling_report(cases: int = 6, targets: tuple[str, ...] = ("quick-one", "slow-one"), **more: Any) -> Report:
    """Every answer says whose it is not, and its scores' reasons are words that stand nowhere else."""
    made = example_report(cases, targets, flawless=True, hostile=False, **more)
    cells = []
    for number, record in enumerate(made.cells):
        assert isinstance(record.outcome, Output)
        scores = {
            name: replace(score, reason=f"opinion-{name}") if isinstance(score, Scored) else score
            for name, score in record.scores.items()
        }
        cells.append(replace(record, outcome=replace(record.outcome, text=f"answer number {number}"), scores=scores))
    return replace(made, cells=tuple(cells))


def hostile_report(text: str) -> Report:
    """Whatever a model, a dataset or an endpoint may write is this text."""
    made = example_report(6, hostile=False)
    cases = {
        name: Case(
            id=f"{name} {text}", inputs={"question": text, text: text}, expected=text, group=text, slices=(text,)
        )
        for name in made.cases
    }
    cells = []
    for record in made.cells:
        outcome = record.outcome
        if isinstance(outcome, Output):
            outcome = replace(outcome, text=text, finish=text, model=text, messages=({"role": text, "content": text},))
        else:
            outcome = replace(outcome, message=text, remedy=text)
        scores = {
            name: replace(score, reason=text) if isinstance(score, Scored) else score
            for name, score in record.scores.items()
        }
        cell = replace(record.cell, case=f"{record.cell.case} {text}")
        cells.append(replace(record, cell=cell, outcome=outcome, scores=scores))
    return replace(
        made,
        cases={case.id: case for case in cases.values()},
        cells=tuple(cells),
        run=replace(made.run, suite=text, dataset=text),
    )


@dataclass(frozen=True)
class Got:
    """What the viewer answered."""

    status: int
    text: str
    headers: Mapping[str, str]

    def field(self, name: str) -> str:
        """What a hidden field of the page holds."""
        found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', self.text)
        assert found, f"the page has no field {name}"
        return html.unescape(found[1])

    @property
    def hidden(self) -> dict[str, str]:
        """What the page's form sends untold."""
        return {name: self.field(name) for name in ("token", "answer", "shown")}

    @property
    def words(self) -> str:
        """The page's text without its tags, as it is read."""
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.text)).split())


class Site:
    """A viewer that is running, in a thread, and a client of it. A context manager."""

    def __init__(self, desk: Desk, port: int = 0) -> None:
        self.server = ViewServer(desk, port)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        try:
            self._run(self.server.__aenter__())
        except BaseException:
            self._end()
            raise
        self._client = self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._client.close())
        self._run(self.server.__aexit__(None, None, None))
        self._end()

    def get(self, path: str, **headers: str) -> Got:
        """A page."""
        return self._run(self._send("GET", path, headers, None))

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Got:
        """Send a form; where it leads to is not followed."""
        return self._run(self._send("POST", path, headers, form))

    def label(self, path: str, **form: str) -> Got:
        """Open a page of `label/answers`, send its form filled in, and follow to the next."""
        page = self.get(path)
        sent = self.post(path, {**page.hidden, **form})
        return self.get(sent.headers["Location"]) if sent.status == 303 else sent

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def _send(self, method: str, path: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> Got:
        url = URL(self.server.url + path, encoded=True)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._client.request(method, url, headers=sent, data=form, allow_redirects=False) as answer:
            return Got(answer.status, await answer.text(), answer.headers)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
