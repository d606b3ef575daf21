"""The workspace that is measured: rows that ask for a capital, one prompt or two, one `contains` evaluator.

Read and driven as a user would: files, the command line, and what a run leaves on disk.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.testing.mlflow_template import migrated_database

SUITE = """\
name: bench
dataset: datasets/rows.jsonl
models:
  m: {{provider: openai, model: stand-in, base_url: "{base_url}", temperature: 0{model}}}
targets:
{targets}
evaluators:
  - contains: {{expected: expected, ignore_case: false}}
concurrency: {concurrency}
"""
PROMPT = "system:\nYou answer briefly.\nuser:\n{{question}}\n"
QUESTION = "What is the capital of country number {number}? Answer in one word, please."


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with the suite `bench`."""

    root: Path

    @property
    def rows_file(self) -> Path:
        """The dataset."""
        return self.root / "datasets" / "rows.jsonl"

    @property
    def state(self) -> Path:
        """What runs leave behind."""
        return self.root / ".plimsoll"

    def fresh(self) -> None:
        """Forget every run and every kept cell; the tracking store becomes a migrated, empty one."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir()
        shutil.copy(migrated_database(self.root.parent), self.state / "mlflow.db")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"{name} does not hold {old!r}")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def newest_run(self) -> Path | None:
        """The folder of the newest run; None where none was planned yet."""
        plans = sorted((self.state / "runs").glob("*/plan.json"))
        return plans[-1].parent if plans else None


def write_workspace(
    root: Path,
    base_url: str,
    rows: int,
    *,
    targets: tuple[str, ...] = ("v1",),
    concurrency: int = 64,
    model: Mapping[str, Any] | None = None,
) -> Workspace:
    """Lay a workspace.

    Args:
        root: Its folder; made.
        base_url: The endpoint.
        rows: Cases.
        targets: Names; each gets a prompt of its own, of the same text but for the second, which says so.
        concurrency: Requests at once.
        model: Further settings of the model.
    """
    for name in ("datasets", "suites", "prompts"):
        (root / name).mkdir(parents=True, exist_ok=True)
    with (root / "datasets" / "rows.jsonl").open("w", encoding="utf-8") as file:
        for number in range(rows):
            row = {"id": f"case-{number:06}", "question": QUESTION.format(number=number), "expected": "Paris"}
            file.write(json.dumps(row) + "\n")
    for number, name in enumerate(targets):
        text = PROMPT if number == 0 else PROMPT.replace("briefly", f"briefly, in manner {number}")
        (root / "prompts" / f"{name}.jinja2").write_text(text, encoding="utf-8")
    suite = SUITE.format(
        base_url=base_url,
        model="".join(f", {name}: {json.dumps(value)}" for name, value in (model or {}).items()),
        targets="\n".join(f"  {name}: {{prompt: prompts/{name}.jinja2, model: m}}" for name in targets),
        concurrency=concurrency,
    )
    (root / "suites" / "bench.yaml").write_text(suite, encoding="utf-8")
    (root / "pyproject.toml").write_text("[tool.plimsoll]\n", encoding="utf-8")
    return Workspace(root)


def journal_lines(run: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a run's journal; a torn last line is left out."""
    path = run / "journal.jsonl"
    if path.is_file():
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)


def finished(run: Path) -> dict[int, dict[str, Any]]:
    """Row → its newest outcome, of the cells that have one; of a suite with one target."""
    outcomes = {}
    for line in journal_lines(run):
        if line["kind"] == "output":
            outcomes[int(line["cell"][1].removeprefix("case-"))] = line["outcome"]
    return outcomes


def scored(run: Path) -> dict[int, dict[str, Any]]:
    """Row → its newest scores by metric."""
    scores: dict[int, dict[str, Any]] = {}
    for line in journal_lines(run):
        row = int(line["cell"][1].removeprefix("case-")) if "cell" in line else -1
        if line["kind"] == "output":
            scores[row] = {}
        elif line["kind"] == "score":
            scores.setdefault(row, {}).update(line["scores"])
    return scores
