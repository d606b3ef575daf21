"""`judge calibrate` and `judge show`: what was measured of a judge, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stdout
from sys import stderr

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from plimsoll.api.calibrating import Calibration, CalibrationOptions, calibrate
from plimsoll.api.certificates import HeldCertificate, list_certificates
from plimsoll.calibration import Certificate, Figure
from plimsoll.calibration.certificate import day
from plimsoll.calibration.certify import shown
from plimsoll.cli.console import print_json, print_place, print_result, to_stderr, to_stdout
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode
from plimsoll.reports.text import count, number, seconds
from plimsoll.types import Decision

_TONES = {Decision.PASS: "green", Decision.FAIL: "bold red", Decision.INCONCLUSIVE: "yellow"}
_TOLD_EVERY = 20
"""Judgements between two lines of progress where nothing can be drawn over."""


def calibrate_judge(name: str, options: CalibrationOptions, *, as_json: bool) -> ExitCode:
    """Calibrate, show what came of it; the code is the outcome's."""
    workspace = Workspace.find()
    progress = _Progress(to_stderr())
    # What code of the workspace prints is no result, and would break a JSON one.
    with redirect_stdout(stderr):
        try:
            found = calibrate(workspace, name, options, progress.told)
        finally:
            progress.end()
    if as_json:
        print_json(_document(found, workspace))
    else:
        console = to_stdout()
        _show(found.certificate, console)
        print_place(console, "certificate", workspace.shown(found.file))
        print_place(console, "disagreements", workspace.shown(found.report))
    return found.exit_code


def show_certificates(name: str | None, *, as_json: bool) -> None:
    """Every certificate in a line; one that is named in full."""
    workspace = Workspace.find()
    held = list_certificates(workspace, name)
    if as_json:
        print_result({"certificates": held})
        return
    console = to_stdout()
    if not held:
        console.print("no judge has a certificate yet: `plimsoll judge calibrate NAME --labels FILE`")
    for each in held:
        _line(each, console)
        if name is not None and each.certificate is not None:
            _show(each.certificate, console)
            print_place(console, "certificate", workspace.shown(workspace.root / each.file))


def _document(found: Calibration, workspace: Workspace) -> dict[str, object]:
    return {
        "exit_code": int(found.exit_code),
        "outcome": found.outcome,
        "file": str(workspace.shown(found.file)),
        "report": str(workspace.shown(found.report)),
        "certificate": found.certificate,
    }


def _line(held: HeldCertificate, console: Console) -> None:
    tone = "green" if held.standing == "valid" else "yellow"
    console.print(Text.assemble(f"{held.metric}: ", (held.standing, tone)))
    if held.certificate is not None:
        found = held.certificate
        console.print(f"  {found.statement}")
        console.print(f"  made {day(found.made)}, expires {day(found.expires)}")


def _show(certificate: Certificate, console: Console) -> None:
    word = ("CERTIFIED", "green") if certificate.certified else ("NOT CERTIFIED", "bold red")
    console.print(Text.assemble(word, f" {certificate.metric}: {certificate.statement}"))
    console.print()
    for name, figure in _figures(certificate):
        limits = "no limits" if figure.low is None or figure.high is None else _between(figure.low, figure.high)
        console.print(f"  {name:<32} {shown(figure.value):>5}  {limits:<14}  n {figure.n:,}")
    console.print()
    checks = Table.grid(padding=(0, 1))
    for check in certificate.checks:
        checks.add_row("", Text(check.outcome.value, style=_TONES[check.outcome]), f"{check.what}: {check.reason}")
    console.print(checks)
    console.print()
    for line in _beside(certificate):
        console.print(Padding(line, (0, 0, 0, 2)))


def _figures(certificate: Certificate) -> Iterator[tuple[str, Figure]]:
    found, agreement = certificate.figures, certificate.figures.agreement
    for name, figure in (
        ("agreement with people", agreement.accuracy),
        ("Cohen's kappa", agreement.kappa),
        ("Krippendorff's alpha", agreement.alpha),
        ("Spearman's rho", agreement.spearman),
        ("area under the ROC curve", agreement.auc),
        ("sensitivity", agreement.sensitivity),
        ("specificity", agreement.specificity),
        ("people among themselves (alpha)", found.people.alpha),
        ("the judge with itself (alpha)", found.stability.alpha),
        ("length, beyond labels (rho)", found.length),
    ):
        if figure is not None:
            yield name, figure


def _beside(certificate: Certificate) -> Iterator[str]:
    figures, effort = certificate.figures, certificate.figures.effort
    if figures.people.split:
        yield f"people are split evenly on {count(figures.people.split, 'answer')}, left out of the comparison"
    length = figures.length
    if length is not None and length.low is not None and length.low > 0:
        yield "it likes long answers more than people do"
    elif length is not None and length.high is not None and length.high < 0:
        yield "it likes short answers more than people do"
    cost = "cost unknown" if effort.cost is None else number(effort.cost, "USD")
    each = "" if effort.seconds is None else f", {seconds(effort.seconds)} each"
    yield f"{count(effort.judgements, 'judgement')}: {count(effort.requests, 'request')}, {cost}{each}"
    yield f"labels {certificate.labels.file}, {count(certificate.labels.answers, 'answer')}"
    yield f"expires {day(certificate.expires)}; holds for this version of the judge alone"


def _between(low: float, high: float) -> str:
    return f"{shown(low)} to {shown(high)}"


class _Progress:
    """How far it is: drawn over on a terminal, now and then a line elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._drawn = False

    def told(self, done: int, every: int) -> None:
        """Hear of a judgement."""
        if self._console.is_terminal:
            self._console.file.write(f"\r{done:,} of {every:,} judgements")
            self._console.file.flush()
            self._drawn = True
        elif done % _TOLD_EVERY == 0 or done == every:
            self._console.print(f"{done:,} of {every:,} judgements")

    def end(self) -> None:
        """Leave the line free."""
        if self._drawn:
            self._console.file.write("\n")
