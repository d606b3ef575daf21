"""Takes the pictures of MLflow's pages that docs/mlflow.md shows.

python -m benchmarks.mlflow_pages [PICTURE ...]      # needs Chromium and git; two to four minutes

A workspace with a scripted model logs to an `mlflow server` of its own; what MLflow's browser application then shows is
what the pages of the documentation promise. Nobody else's server or workspace is touched.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.mlflow_pages.browser import Page, chromium
from benchmarks.mlflow_pages.story import tell, workspace

from plimsoll.testing.mlflow_server import mlflow_server

_IMAGES = Path(__file__).parents[2] / "docs" / "images"
_CASE = "vouchers-03"
_SHOWN = ("contains", "token_f1", "groundedness_overlap", "relevance")
_QUIET = {
    # The assistant's panel and the telemetry notice would cover a third of the page.
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
}


@dataclass(frozen=True, slots=True)
class Logged:
    """What the story left on the server."""

    address: str
    experiment: str
    runs: tuple[dict[str, Any], ...]
    """Newest first."""

    def newest(self, name: str) -> str:
        """The MLflow run that was given this name last."""
        return str(next(run["info"]["run_id"] for run in self.runs if run["info"]["run_name"] == name))

    @property
    def pages(self) -> str:
        """The start of the experiment's pages."""
        return f"{self.address}/#/experiments/{self.experiment}"


async def run_list(page: Page, logged: Logged) -> None:
    """Every run with its targets below it, and the columns that somebody would choose."""
    parents = [run["info"]["run_id"] for run in logged.runs if "/" not in run["info"]["run_name"]]
    state = {
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "selectedColumns": [*(f"metrics.`{name}/mean`" for name in _SHOWN), "tags.`plimsoll.verdict`"],
        "columnWidths": {},
        "runsExpanded": dict.fromkeys(parents, True),
    }
    key = f'MLflowLocalStorage-1.1-ExperimentPage-["{logged.experiment}"]-ReactComponentState'
    await page.before_each(_keep({key: json.dumps(state)}))
    await page.go(f"{logged.pages}/runs")
    await page.shows("matching runs", "support-qa/brief")


async def evaluation(page: Page, logged: Logged) -> None:
    """The evaluation of one target: rates and averages, then the cases."""
    await page.go(f"{logged.pages}/runs/{logged.newest('support-qa/brief')}/traces")
    await page.shows("compare to", "contains", _CASE)


async def comparison(page: Page, logged: Logged) -> None:
    """The same with the champion beside it, case by case."""
    brief, champion = logged.newest("support-qa/brief"), logged.newest("support-qa/champion")
    await page.go(f"{logged.pages}/runs/{brief}/traces?compareToRunUuid={champion}")
    await page.shows("support-qa/champion", "contains", _CASE)


async def trace(page: Page, logged: Logged) -> None:
    """One case: what went in and came out, its spans, and what each evaluator said."""
    await evaluation(page, logged)
    await page.click(_CASE)
    await page.shows("Inputs / Outputs")
    await page.click("Assess", "button")
    await page.shows("Add feedback")
    # A score unfolds to its reason.
    await page.click("relevance", "span", at=(14, 42))
    await page.shows("Add feedback", "not answered")
    await page.scroll("groundedness_overlap", 400)


async def prompt(page: Page, logged: Logged) -> None:
    """The prompt's versions: two were promoted, the newest only ran."""
    await page.go(f"{logged.address}/#/prompts/support-qa.prompt")
    await page.shows("Viewing version 3", "champion")
    await page.click("Version 2")
    await page.shows("Viewing version 2", "Aliases")


_PICTURES: dict[str, Callable[[Page, Logged], Awaitable[None]]] = {
    "runs": run_list,
    "evaluation": evaluation,
    "trace": trace,
    "comparison": comparison,
    "prompt": prompt,
}


def main() -> None:
    """Tell the story, and take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mlflow_pages")
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", choices=[[], *_PICTURES], help="default all")
    parser.add_argument("--store", help="the database of a story that was told before: sqlite:///FILE")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plimsoll-pictures-") as folder, mlflow_server(given.store) as server:
        if given.store is None:
            desk = Path(folder, "support-desk")
            desk.mkdir()
            with workspace(desk) as environ:
                tell(desk, {**environ, "MLFLOW_TRACKING_URI": server.address})
        asyncio.run(_take(given.pictures or list(_PICTURES), _logged(server.address)))


async def _take(pictures: list[str], logged: Logged) -> None:
    async with chromium() as page:
        await page.before_each(_keep(_QUIET))
        for name in pictures:
            await _PICTURES[name](page, logged)
            path = _IMAGES / f"mlflow-{name}.png"
            await page.picture(path)
            print(f"{path} {path.stat().st_size / 1000:.0f} kB")


def _keep(values: dict[str, str]) -> str:
    lines = (f"localStorage.setItem({json.dumps(key)}, {json.dumps(value)});" for key, value in values.items())
    return f"try {{ {' '.join(lines)} }} catch (error) {{}}"


def _logged(address: str) -> Logged:
    def ask(path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{address}/api/2.0/mlflow/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    experiments = ask("experiments/search", {"max_results": 10})["experiments"]
    experiment = next(one["experiment_id"] for one in experiments if one["name"] == "support-desk")
    runs = ask("runs/search", {"experiment_ids": [experiment], "order_by": ["attributes.start_time DESC"]})["runs"]
    return Logged(address, experiment, tuple(runs))


if __name__ == "__main__":
    main()
