"""A gate as it may be told on a forge, by the rules by which a run is sent to a tracking server.

A comment, and what a CI system keeps of a job, is read by more people than the folder of a run is. So what the
project's privacy settings take out of a run before it is logged is not in these either, whether it is logged or not.
Held-out cases need nothing here: every view of them is without their contents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from plimsoll.api.outgoing import figures_of, redaction_of
from plimsoll.api.sealing import GateRun
from plimsoll.api.withholding import refuse_unredacted
from plimsoll.config import Workspace, environment
from plimsoll.config.secrets import Redactor, secrets_of
from plimsoll.errors import unwritable
from plimsoll.reports.model import View
from plimsoll.reports.view import build_view
from plimsoll.tracking.privacy import Redaction
from plimsoll.types import CellRecord, Report

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Outside:
    """A gate without what must not be told."""

    report: Report
    view: View
    text: Callable[[str], str]
    """Takes secrets, and what patterns find, out of a text."""
    told: Callable[[str], str]
    """The same, of a sentence about the run: it may quote any of its cases."""
    filters: Callable[[Pairs], Pairs]
    """FIELD, VALUE pairs that cases had to satisfy."""


def outside(found: GateRun) -> Outside:
    """A gate as it may be told.

    Raises:
        ConfigError: the run is damaged, or a field that is to be redacted is known nowhere.
        InfrastructureError: the disk refuses.
    """
    try:
        return _outside(found)
    except OSError as error:
        raise unwritable(error) from error


def _outside(found: GateRun) -> Outside:
    run, prepared = found.run, found.prepared
    environ = environment(prepared.workspace.root)
    secrets = Redactor(secrets_of(environ, prepared.document.data))
    again = f"plimsoll gate {prepared.suite.name} --run {run.folder.name}"
    redaction = redaction_outside(prepared.workspace, run.folder, environ, again)
    if redaction is None:
        return Outside(run.report, run.view, secrets.text, secrets.text, lambda pairs: pairs)
    report = without(run.report, redaction)
    verdict = redaction.verdict(found.verdict, run.report)
    problem = run.problem and replace(run.problem, message=redaction.told([run.problem.message], run.report)[0])
    view = build_view(report, figures_of(report, run.summary, redaction), [verdict], problem=problem)
    view = replace(view, notes=tuple(redaction.told(run.view.notes, run.report)))
    return Outside(
        report,
        view,
        lambda text: redaction.rules.text(secrets.text(text)),
        lambda text: redaction.told([secrets.text(text)], run.report)[0],
        redaction.filters,
    )


def redaction_outside(workspace: Workspace, run: Path, environ: Mapping[str, str], again: str) -> Redaction | None:
    """What the privacy settings take out of a run that is told; None where they take out nothing.

    Args:
        workspace: The run's.
        run: Its folder.
        environ: Of the process, with the secrets.
        again: The command that tells it once the settings are mended.

    Raises:
        ConfigError: a field that is to be redacted is known nowhere.
    """
    redaction = redaction_of(workspace.settings.privacy.model_copy(update={"held_out": False}), run, environ)
    if redaction is not None:
        refuse_unredacted(workspace, run, again)
    return redaction


def without(report: Report, redaction: Redaction) -> Report:
    """The report with all that came of its cases redacted."""
    # All cases before the first cell: by them it is known what they are called outside.
    cases = {case.id: case for case in map(redaction.case, report.cases.values())}
    row = lru_cache(1024)(lambda case: redaction.row(report.cases[case]))

    def changed(record: CellRecord) -> CellRecord:
        of_case = row(record.cell.case)
        return replace(
            record,
            cell=redaction.cell(record.cell),
            outcome=of_case.outcome(record.outcome),
            scores=of_case.scores(record.scores, record.outcome),
        )

    return Report(
        run=replace(report.run, filters=redaction.filters(report.run.filters)),
        cases=cases,
        cells=tuple(map(changed, report.cells)),
        aggregates={
            target: {name: redaction.aggregate(aggregate, report) for name, aggregate in figures.items()}
            for target, figures in report.aggregates.items()
        },
    )
