"""Calibrating a judge: labels are read, the judge is asked, a certificate and a page of disagreements are written.

Nothing is sent before labels, judge and conditions fit together. Ctrl-C, or a model that is down, leaves what was
answered to the same command typed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from plimsoll.api.judges import SuiteJudge, find_judge
from plimsoll.api.loop import run_blocking
from plimsoll.api.runs import CACHE
from plimsoll.calibration import (
    Certificate,
    Comparison,
    Disagreement,
    Figures,
    Judged,
    Kept,
    Labels,
    LabelsInfo,
    ask,
    certificate_file,
    checks_of,
    compare_by,
    disagreements,
    end_session,
    measure,
    open_session,
    outcome_of,
    plan_questions,
    read_labels,
    sealed,
    statement_of,
    write_certificate,
)
from plimsoll.canonical import write_atomic
from plimsoll.config import CalibrationPolicy, Workspace, environment
from plimsoll.errors import (
    ConfigError,
    ExitCode,
    InfrastructureError,
    InterruptedRunError,
    Mistake,
    UsageError,
    Where,
    near_match,
)
from plimsoll.evaluators import Evaluator, evaluator_info
from plimsoll.evaluators.fields import absent
from plimsoll.evaluators.traits import closing, is_optional
from plimsoll.models import open_models
from plimsoll.reports.disagreements import render_disagreements
from plimsoll.runs.cache import CellCache
from plimsoll.runs.scrubbing import Scrub
from plimsoll.types import Decision, Failed
from plimsoll.version import __version__

CALIBRATIONS = "calibrations"
"""In the state folder."""
SESSION = "session.json"
"""There while one is under way."""
_TOLD = 20
"""Rows that lack a field, of which each is told."""
Told = Callable[[int, int], None]
"""Hears how many questions are answered, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOptions:
    """How a judge is calibrated."""

    labels: Path
    suite: str | None = None
    """Where several suites have judges of that name that differ."""
    repeats: int = 3
    """Judgements of each answer of a sample, to see how stable they are; 1 measures none."""
    threshold: str | None = None
    """Which values of the judge are good; default: its pass_if."""
    label_passes: str | None = None
    """Which labels are, where they are not in the judge's terms."""
    valid_days: int | None = None
    """Default: the project's."""
    output_column: str = "output"
    label_column: str | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What came of it."""

    certificate: Certificate
    file: Path
    report: Path
    """The page of the disagreements."""
    outcome: Decision

    @property
    def exit_code(self) -> ExitCode:
        """0 certified, 1 measured and not to be believed, 3 too little to tell."""
        return self.outcome.exit_code


def calibrate(
    workspace: Workspace, name: str, options: CalibrationOptions, told: Told = lambda _done, _all: None
) -> Calibration:
    """Measure a judge against people, and write its certificate.

    Args:
        workspace: Where the judge lies.
        name: The judge's.
        options: Labels, and how.
        told: Hears of the progress.

    Raises:
        ConfigError: every mistake in the labels or the suite.
        UsageError: there is no such judge, or labels and judge don't fit together.
        InfrastructureError: the judge's model is down, or too much of what was asked failed because of it.
        InterruptedRunError: Ctrl-C; what was answered is kept.
    """
    judge = find_judge(workspace, name, options.suite)
    path = options.labels.resolve()
    labels = read_labels(path, str(workspace.shown(path)), output=options.output_column, label=options.label_column)
    comparison = compare_by(judge.metric, labels, threshold=options.threshold, label_passes=options.label_passes)
    if options.repeats < 1:
        raise UsageError("--repeats is at least 1")
    try:
        return run_blocking(_Work(judge, labels, comparison, options).run(told))
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"calibration of {name} interrupted; what was answered is kept", remedy="the same command goes on"
        ) from None


@dataclass(frozen=True, slots=True)
class _Work:
    """One calibration whose parts fit together."""

    judge: SuiteJudge
    labels: Labels
    comparison: Comparison
    options: CalibrationOptions

    @property
    def policy(self) -> CalibrationPolicy:
        """The project's."""
        return self.judge.workspace.settings.calibration

    @property
    def folder(self) -> Path:
        """What is kept of calibrations of this metric."""
        return self.judge.workspace.state / CALIBRATIONS / self.judge.metric.name

    async def run(self, told: Told) -> Calibration:
        judge, workspace = self.judge, self.judge.workspace
        environ, prices = environment(workspace.root), workspace.settings.prices
        async with open_models(judge.models, judge.suite.concurrency, environ, prices=prices) as models:
            evaluator = judge.build(models)
            _refuse_lacking(evaluator, self.labels)
            digest = evaluator_info(evaluator).digest
            session = open_session(self.folder / SESSION, digest, self.labels.digest, datetime.now(UTC))
            plan = plan_questions(evaluator, self.labels, self.options.repeats)
            with CellCache(workspace.state / CACHE) as cache:
                async with closing([evaluator]):
                    answers = await ask(
                        evaluator,
                        judge.metric.name,
                        plan.questions,
                        kept=Kept(cache, session.token),
                        told=lambda done: told(done, len(plan.questions)),
                        down=lambda: next((why for model in models.values() if (why := model.down)), None),
                        scrub=Scrub(environ, judge.suite.model_dump(mode="json", exclude_defaults=True)),
                    )
            asked = tuple(sorted({model.connection.model for model in models.values()}))
        _refuse_infrastructure(judge, answers, self.policy)
        figures = measure(self.labels, self.comparison, plan, answers, self.policy.confidence)
        found = disagreements(self.labels, self.comparison, plan, answers)
        return self._written(self._certificate(figures, digest, asked), found)

    def _certificate(self, figures: Figures, digest: str, models: tuple[str, ...]) -> Certificate:
        made = datetime.now(UTC).replace(microsecond=0)
        checks = checks_of(figures, self.policy)
        outcome, threshold = outcome_of(checks), self.comparison.threshold
        return sealed(
            Certificate(
                metric=self.judge.metric.name,
                judge=self.judge.evaluator,
                judge_digest=digest,
                models=models,
                labels=LabelsInfo(file=self.labels.file, digest=self.labels.digest, answers=len(self.labels.rows)),
                threshold=None if threshold is None else str(threshold),
                label_passes=self.options.label_passes,
                made=made,
                expires=made + timedelta(days=self.options.valid_days or self.policy.valid_days),
                tool=f"plimsoll {__version__}",
                policy=self.policy.model_dump(mode="json"),
                figures=figures,
                checks=checks,
                certified=outcome is Decision.PASS,
                statement=statement_of(figures, outcome, self.policy.confidence),
            )
        )

    def _written(self, certificate: Certificate, found: tuple[Disagreement, ...]) -> Calibration:
        report = self.folder / "disagreements.html"
        write_atomic(report, render_disagreements(certificate, found).encode("utf-8"))
        file = certificate_file(self.judge.workspace.root, certificate.metric)
        write_certificate(file, certificate)
        end_session(self.folder / SESSION)
        return Calibration(certificate, file, report, outcome_of(certificate.checks))


def _refuse_lacking(evaluator: Evaluator, labels: Labels) -> None:
    """Tell of rows without a field that the judge reads, before anything is paid for.

    Raises:
        ConfigError: each of them.
    """
    if is_optional(evaluator):
        return
    lacking = ((row, absent(evaluator.requires, row.case, row.output)) for row in labels.rows)
    mistakes = [
        Mistake(
            f"{evaluator.name} reads {' and '.join(repr(name) for name in names)}, which the row lacks",
            Where(labels.file, row.case.line),
            near_match(names[0], row.case.fields()),
        )
        for row, names in islice(((row, names) for row, names in lacking if names), _TOLD)
    ]
    if mistakes:
        raise ConfigError(mistakes)


def _refuse_infrastructure(judge: SuiteJudge, answers: Mapping[str, Judged], policy: CalibrationPolicy) -> None:
    """What an endpoint failed to answer says nothing about the judge.

    Raises:
        InfrastructureError: more of it than the policy lets fail.
    """
    failures = [each.score.failure for each in answers.values() if isinstance(each.score, Failed)]
    of_provider = [failure for failure in failures if failure.kind.of_provider]
    if len(of_provider) > policy.max_failed * len(answers):
        [(kind, _)] = Counter(failure.kind for failure in of_provider).most_common(1)
        example = next(failure for failure in of_provider if failure.kind is kind)
        raise InfrastructureError(
            f"{len(of_provider)} of {len(answers)} judgements of {judge.metric.name} failed because of its model; "
            f"most often {kind.value}: {example.message}",
            remedy=f"{example.remedy}; the same command then asks for those only",
        )
