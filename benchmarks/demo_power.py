"""How often the demo's gate decides rightly at the demo's sample size: measured, not assumed.

Takes the newest run of `support-qa` over every case (`plimsoll run support-qa --sample 0`), draws samples of the
demo's size from its cases many times, and lets the gate itself decide over each. The draws come from the cases that
the prompts were written against, so the figures are a little kind.

    python benchmarks/demo_power.py [DRAWS]
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from plimsoll.config import Workspace
from plimsoll.gates import decide
from plimsoll.runs.folders import run_folders
from plimsoll.runs.join import held, read_report
from plimsoll.types import Decision, Report

PAIRS = (("v2", "v1"), ("brief", "v2"), ("dag", "v2"), ("flex", "v2"))
SEED = 20261122


def whole_report(workspace: Workspace) -> Report:
    for folder in run_folders(workspace.state / "runs", "support-qa"):
        report = read_report(folder)
        if report.run.sample is None and not report.run.filters and report.run.complete:
            return report
    sys.exit("no complete run over all cases: plimsoll run support-qa --sample 0")


def part(report: Report, cases: set[str]) -> Report:
    return replace(
        report,
        cases={name: case for name, case in report.cases.items() if name in cases},
        cells=tuple(record for record in report.cells if record.cell.case in cases),
    )


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    workspace = Workspace.find(Path(__file__).parent)
    suite, _ = workspace.load_suite(workspace.find_suite("support-qa"))
    assert suite.gate is not None
    assert suite.sample is not None
    report = held(whole_report(workspace))
    names = list(report.cases)
    generator = np.random.default_rng(SEED)
    print(f"{draws} draws of {suite.sample} of {len(names)} cases, run {report.run.id}, seed {SEED}\n")
    print("| challenger | baseline | pass | fail | inconclusive |\n|---|---|---|---|---|")
    for challenger, baseline in PAIRS:
        if challenger not in report.run.targets or baseline not in report.run.targets:
            continue
        found: Counter[Decision] = Counter()
        for _ in range(draws):
            chosen = set(generator.choice(names, suite.sample, replace=False))
            found[decide(part(report, chosen), challenger, baseline, suite.gate).outcome] += 1
        shares = " | ".join(f"{found[outcome] / draws:.1%}" for outcome in Decision)
        print(f"| {challenger} | {baseline} | {shares} |")
    first: Counter[Decision] = Counter()
    for _ in range(draws):
        chosen = set(generator.choice(names, suite.sample, replace=False))
        first[decide(part(report, chosen), "v1", None, suite.gate, first=True).outcome] += 1
    print(f"| v1 | none (`--first`) | {' | '.join(f'{first[outcome] / draws:.1%}' for outcome in Decision)} |")


if __name__ == "__main__":
    main()
