"""What of a run leaves this machine: the run itself, or a copy of it with less, from which all else is made.

Where the project's privacy settings take something out of a run, the writer is given `outgoing/` in the run's folder
instead of the folder: plan, cases, journal, verdicts and report without it. Traces, tables, artifacts, and what another
machine reads back are then without it too, and whoever wants to know what left finds it there. The run itself, which
gates decide on and attestations verify, stays as it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from plimsoll.api.private_copy import write_private
from plimsoll.canonical import write_atomic
from plimsoll.config import PrivacyPolicy
from plimsoll.config.secrets import Redactor, secrets_of, unmistakable
from plimsoll.errors import ConfigError, Mistake, Where, unwritable
from plimsoll.gates import with_baseline
from plimsoll.reports.html import render_html
from plimsoll.reports.view import build_view
from plimsoll.runs.join import StoredReport, read_report
from plimsoll.runs.plan import CASES_FILE, PLAN_FILE, load_plan
from plimsoll.stats import Summary, summarise
from plimsoll.tracking import GateFiles, LogRequest, StoredBaseline
from plimsoll.tracking.contract import PromptDraft
from plimsoll.tracking.privacy import Redaction
from plimsoll.types import MetricKind, Part, Report, Verdict

OUTGOING = "outgoing"
"""In a run's folder: what leaves of it."""
_BASELINE = "baseline"
_REPORT, _VERDICT = "report.html", "verdict.json"


@dataclass(frozen=True, slots=True)
class Leaving:
    """What of a run is to be logged."""

    request: LogRequest
    notes: tuple[str, ...] = ()
    """What somebody must know who trusts in what was redacted, in sentences."""


def leaving(policy: PrivacyPolicy, request: LogRequest, environ: Mapping[str, str] | None = None) -> Leaving:
    """The request for what may leave; the same where nothing has to stay.

    Args:
        policy: The project's.
        request: For the run as it is, with its folder; its other paths start there.
        environ: Where keys are read: cases that hold one are called otherwise outside. None has none.

    Raises:
        ConfigError: the run, that of its baseline, or a verdict over it is damaged.
        InfrastructureError: the disk refuses.
    """
    folder = Path(request.folder)
    try:
        # What another policy let out lies there otherwise: the evidence of a gate, for one.
        _remove(folder / OUTGOING)
        own = redaction_of(policy, folder, environ or {})
        beside = None if request.baseline is None else folder / request.baseline.folder
        other = None if beside is None else redaction_of(policy, beside, environ or {})
        if not any((own, other)):
            return Leaving(request)
        unchanged = Redaction(policy, closed=False)
        return _Outgoing(folder, request, own or unchanged).leaving(None if beside is None else other or unchanged)
    except OSError as error:
        raise unwritable(error, error.filename or folder / OUTGOING) from error


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def redaction_of(policy: PrivacyPolicy, folder: Path, environ: Mapping[str, str]) -> Redaction | None:
    """What is taken out of a run; None where that is nothing.

    Args:
        policy: The project's.
        folder: The run's.
        environ: Where keys are read.

    Raises:
        ConfigError: the run is damaged.
        OSError: the disk refuses.
    """
    plan = load_plan(folder)
    closed = policy.held_out and plan.part is Part.HELD_OUT
    secrets = Redactor(unmistakable(secrets_of(environ, plan.settings)))
    if not closed and policy.is_empty and not _finds(secrets, folder / CASES_FILE):
        return None
    metrics = {metric.name: metric for info in plan.evaluators.values() for metric in info.metrics}
    return Redaction(policy, closed=closed, metrics=metrics, secrets=secrets)


def _finds(secrets: Redactor, path: Path) -> bool:
    """Whether a key stands in a file of lines."""
    if not secrets:
        return False
    with path.open("rb") as file:
        return any(map(secrets.finds, file))


class _Outgoing:
    """One run on its way out."""

    def __init__(self, folder: Path, request: LogRequest, redaction: Redaction) -> None:
        self._folder, self._request, self._redaction = folder, request, redaction
        self._out = folder / OUTGOING
        self._report: StoredReport = read_report(folder)
        self._others: dict[str, str] = {}
        """Cases of the baseline's run, and what they are called outside."""

    def leaving(self, other: Redaction | None) -> Leaving:
        """Write the copy; the request for it.

        Args:
            other: For the baseline's run, where it is another.
        """
        request, settings = self._request, load_plan(self._folder).settings
        write_private(self._folder, self._out, self._report, self._redaction)
        baseline = None if other is None or request.baseline is None else self._beside(request.baseline, other)
        gates = {target: self._gate(gate) for target, gate in request.gates.items()}
        prompts = {
            target: replace(draft, tags=self._all_told(draft.tags), message=self._redaction.rules.text(draft.message))
            for target, draft in request.prompts.items()
            if self._may_leave(draft)
        }
        summary = self._written_report(baseline, gates)
        files = {name: path for name, path in request.files.items() if path in (PLAN_FILE, CASES_FILE, _REPORT)}
        left = replace(
            request,
            folder=str(self._out),
            files=files,
            suite_text=self._redaction.suite(request.suite_text, settings),
            tags=self._all_told(request.tags),
            baseline=baseline,
            gates=gates,
            prompts=prompts,
            summary=summary,
        )
        staying = [target for target, gate in request.gates.items() if gate.files.keys() > gates[target].files.keys()]
        notes = [
            *self._redaction.notes(self._report.cases.values()),
            *(f"the attestation of {target} stays here: its verdict names what is redacted" for target in staying),
            *(
                f"the prompt of {target} stays here: a pattern finds something in it"
                for target in request.prompts.keys() - prompts.keys()
            ),
        ]
        return Leaving(left, tuple(f"privacy: {note}" for note in notes))

    def _may_leave(self, draft: PromptDraft) -> bool:
        """Whether no pattern finds anything in a prompt: with a word changed it would be another one."""
        content = msgspec.to_builtins(draft.content)
        return bool(self._redaction.rules.all(content) == content)

    def _all_told(self, tags: Mapping[str, str]) -> dict[str, str]:
        return {key: self._redaction.rules.all(value) for key, value in tags.items()}

    def _beside(self, baseline: StoredBaseline, redaction: Redaction) -> StoredBaseline:
        source = self._folder / baseline.folder
        report = read_report(source)
        write_private(source, self._out / _BASELINE, report, redaction)
        self._others = {case: redaction.ids.get(case, case) for case in report.cases}
        return replace(baseline, folder=_BASELINE)

    def _gate(self, gate: GateFiles) -> GateFiles:
        """What a gate left. An attestation holds the verdict: where a word of that must stay, the attestation does."""
        if _VERDICT not in gate.files:
            return replace(gate, files={})
        verdict = _read_verdict(self._folder / gate.files[_VERDICT])
        shown = self._redaction.verdict(verdict, self._report, self._others)
        whole = shown == verdict and not self._redaction.ids
        files = gate.files if whole else {_VERDICT: gate.files[_VERDICT]}
        for name, path in files.items():
            target = self._out / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if name == _VERDICT:
                write_atomic(target, msgspec.json.format(msgspec.json.encode(shown), indent=1))
            else:
                shutil.copyfile(self._folder / path, target)
        return replace(gate, files=files)

    def _written_report(self, baseline: StoredBaseline | None, gates: dict[str, GateFiles]) -> Summary:
        report: Report = read_report(self._out)
        if baseline is not None:
            report = with_baseline(report, read_report(self._out / baseline.folder), baseline.target)
        summary = figures_of(report, self._request.summary, self._redaction)
        found = [_read_verdict(self._out / gate.files[_VERDICT]) for gate in gates.values() if _VERDICT in gate.files]
        # One that was decided against another run's cells has sides that this report lacks.
        verdicts = [
            each for each in found if {each.target, each.baseline, each.anchor} - {None} <= {*report.run.targets}
        ]
        write_atomic(self._out / _REPORT, render_html(build_view(report, summary, verdicts)).encode("utf-8"))
        return summary


def figures_of(report: Report, given: Summary | None, redaction: Redaction) -> Summary:
    """The figures of a redacted report: the run's own, unless they have names that had to be changed.

    Args:
        report: Without what was taken out.
        given: The run's, where they are at hand.
        redaction: By which it was.
    """
    labelled = any(metric.kind is MetricKind.LABEL for metric in report.metrics.values())
    if given is None or labelled or report.aggregates or redaction.renamed:
        return summarise(report)
    return given


def _read_verdict(path: Path) -> Verdict:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Verdict)
    except FileNotFoundError:
        raise ConfigError([Mistake("the verdict is missing", Where(path), "gate the run again")]) from None
    except msgspec.MsgspecError as error:
        raise ConfigError([Mistake(f"damaged: {error}", Where(path), "gate the run again")]) from None
