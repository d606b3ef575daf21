"""From a verdict to evidence: sealed beside the cells that it rests on, with the bundle that it is about; logged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from plimsoll.api.ages import age_doubt
from plimsoll.api.certificates import STORED, store_certificates
from plimsoll.api.noting import note_down
from plimsoll.api.options import GateOptions
from plimsoll.api.owed import gate_files
from plimsoll.api.prepare import Prepared
from plimsoll.api.recorded import REASON
from plimsoll.api.results import SuiteRun, log, problem_of, write_up
from plimsoll.api.runs import Ran
from plimsoll.api.sides import Sides
from plimsoll.calibration import Certificates
from plimsoll.canonical import digest_file, write_atomic
from plimsoll.config import GatePolicy, environment
from plimsoll.errors import ExitCode, first_that_applies
from plimsoll.gates import SealedFile, Stored, list_contents, seal, signing_key
from plimsoll.registry import Bundle, materialise
from plimsoll.registry.bundle import MANIFEST
from plimsoll.reports.looks import requests_saved
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, PLAN_FILE
from plimsoll.tracking import MlflowWriter
from plimsoll.types import Look, Report, Verdict

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

GATE_FOLDER = "gate"
ATTESTATION_FILE = "attestation.json"
VERDICT_FILE = "verdict.json"
LISTING_FILE = "digests.jsonl"
"""What a difference is named by: the digest of every case and cell."""
BUNDLE_FOLDER = "bundle"


@dataclass(frozen=True, slots=True)
class GateRun:
    """A gate's decision, and the run that it rests on."""

    run: SuiteRun
    verdict: Verdict
    attestation: Path | None
    """None where the verdict is no evidence; `unsealed` says why."""
    prepared: Prepared
    """The suite that was gated."""
    sides: Sides
    """What was compared."""

    @property
    def unsealed(self) -> str | None:
        """Why no promotion can rest on the verdict; None where one can."""
        return self.verdict.unsealed

    @property
    def look(self) -> Look | None:
        """Of a sequential run: where it was decided, or what it was on the way to."""
        return self.verdict.look

    @property
    def cells_saved(self) -> int:
        """Cells that were planned and did not have to be run."""
        return self.run.report.run.saved

    @property
    def requests_saved(self) -> int | None:
        """About how many requests they would have taken; None where that is not known."""
        return requests_saved(self.run.report)

    @property
    def exit_code(self) -> ExitCode:
        """The first that applies of the run's and the verdict's."""
        return first_that_applies([self.run.exit_code, self.verdict.outcome.exit_code])


@dataclass(frozen=True, slots=True)
class Decided:
    """A verdict, with what it was decided by."""

    policy: GatePolicy
    verdict: Verdict
    certificates: Certificates
    notes: tuple[str, ...] = ()
    """What else a reader must know, in sentences."""
    undrawn: tuple[str, ...] = ()
    """Cases of the baseline's evidence that the run's sample left out, in sentences: they make it no evidence."""


def seal_and_publish(
    prepared: Prepared,
    sides: Sides,
    decided: Decided,
    *,
    options: GateOptions,
    ran: Ran,
    writer: MlflowWriter,
) -> GateRun:
    """Write the verdict into the run's folder, report and log the run, and seal it where it is evidence.

    Args:
        prepared: The suite.
        sides: What was compared.
        decided: The verdict, and what it was decided by.
        options: How the run was run.
        ran: The run.
        writer: Logs it.

    Raises:
        UsageError: the signing key that the environment names can't be read.
    """
    unsealed = next(_doubts(prepared, sides, decided, ran), None)
    verdict = replace(decided.verdict, unsealed=unsealed)
    folder = ran.folder / GATE_FOLDER / sides.challenger.name
    write_atomic(folder / VERDICT_FILE, msgspec.json.format(msgspec.json.encode(verdict), indent=1))
    run = write_up(prepared, ran, options.run, verdicts=(verdict,), notes=decided.notes)
    files = {VERDICT_FILE: folder / VERDICT_FILE}
    path = None
    if unsealed is None:
        assert sides.challenger.bundle is not None, "_doubts has looked"
        key = signing_key(environment(prepared.workspace.root))
        path = write_evidence(folder, decided, ran.report, sides.challenger.bundle, key)
        files[ATTESTATION_FILE] = path
    outcome = None if unsealed else verdict.outcome.value
    gates = gate_files(ran.folder, sides.challenger.name, files, outcome)
    note_down(prepared, ran, options.run, gates=gates, baseline=sides.stored)
    if unsealed is not None:
        # An older gate's over the same run must not stand beside a verdict that is no evidence.
        (folder / ATTESTATION_FILE).unlink(missing_ok=True)
    return GateRun(log(run, prepared, options.run, writer), verdict, path, prepared, sides)


def write_evidence(
    folder: Path, decided: Decided, report: Report, bundle: Bundle, key: Ed25519PrivateKey | None
) -> Path:
    """Seal a verdict with all that it rests on; the attestation last, so that half of it is none.

    Args:
        folder: `gate/TARGET` of the run's folder, with the verdict in it.
        decided: The verdict, and what it was decided by.
        report: The run's.
        bundle: What may be promoted.
        key: Signs it; None leaves it unsigned.

    Returns:
        The attestation's file.
    """
    listing = list_contents(report)
    write_atomic(folder / LISTING_FILE, listing.written())
    # An older gate's over the same run may have been of other judges.
    shutil.rmtree(folder / STORED, ignore_errors=True)
    store_certificates(folder, decided.certificates)
    materialise(bundle, folder / BUNDLE_FOLDER)
    envelope = seal(
        decided.verdict,
        report,
        decided.policy,
        bundle.digest,
        now=decided.certificates.at,
        key=key,
        certificates=decided.certificates,
        stored=Stored(_as_they_are(folder), listing),
    )
    path = folder / ATTESTATION_FILE
    write_atomic(path, envelope)
    return path


def evidence_files(folder: Path) -> dict[str, Path]:
    """Every file that an attestation in a gate's folder rests on, by its path in the run's folder.

    The bundle's own files are bound by its manifest. What else lies there (reports, logs, approvals) is no evidence of
    the gate's.
    """
    run = folder.parent.parent
    files = [run / name for name in (PLAN_FILE, CASES_FILE, JOURNAL_FILE)]
    files += [folder / name for name in (VERDICT_FILE, LISTING_FILE, f"{BUNDLE_FOLDER}/{MANIFEST}")]
    files += sorted((folder / STORED).glob("*"))
    return {path.relative_to(run).as_posix(): path for path in files}


def _as_they_are(folder: Path) -> dict[str, SealedFile]:
    return {
        name: SealedFile(digest=digest_file(path), size=path.stat().st_size)
        for name, path in evidence_files(folder).items()
    }


def _doubts(prepared: Prepared, sides: Sides, decided: Decided, ran: Ran) -> Iterator[str]:
    """Why a promotion can't rest on the verdict."""
    problem, record, suite = problem_of(ran, prepared.suite.max_failed), ran.report.run, prepared.suite
    if ran.plan.recorded:
        yield REASON
    if problem is not None:
        yield problem.message
    if sides.stored is not None:
        other = Path(sides.stored.folder).name
        yield f"the baseline's answers are those of run {other}, not generated beside the challenger's"
    if sides.challenger.bundle is None:
        yield f"{sides.challenger.name} can't be bundled: {sides.challenger.unbundled}"
    if record.filters:
        yield "a filter left cases out"
    if record.repeats < suite.repeats:
        yield f"{record.repeats} answers for each case, and the suite asks for {suite.repeats}"
    if record.sample is not None and (suite.sample is None or record.sample < suite.sample):
        yield f"only {record.sample} cases were drawn, fewer than the suite asks for"
    yield from decided.undrawn
    too_old = age_doubt(decided.policy, ran, decided.certificates.at)
    if too_old is not None:
        yield too_old
