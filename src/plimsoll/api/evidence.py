"""Attestations on this machine: found, verified against what they rest on, and made the registry's evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.api.drawing import refuse_other_draw
from plimsoll.api.opened import load_suite
from plimsoll.api.runs import RUNS
from plimsoll.api.sealing import ATTESTATION_FILE, BUNDLE_FOLDER, GATE_FOLDER
from plimsoll.api.verifying import Trust, refuse_outdated, trust_of, verify_file
from plimsoll.config import GatePolicy, Workspace
from plimsoll.config.policy import ALIAS_WORD, NO_BASELINE
from plimsoll.config.promotion import CHAMPION
from plimsoll.errors import PlimsollError, UsageError
from plimsoll.gates import Attestation, VerificationError, load_public_key, verify
from plimsoll.registry import Bundle, Evidence, load_folder
from plimsoll.runs.folders import run_folders
from plimsoll.runs.plan import PLAN_FILE, Plan, load_plan
from plimsoll.types import Decision, Verdict

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Verified:
    """An attestation that verified, with all that it rests on."""

    path: Path
    attestation: Attestation
    envelope: bytes
    bundle: Bundle
    commit: str = ""
    """Where the workspace stood when the run was made; empty outside git."""

    @property
    def run(self) -> Path:
        """The folder of the run that it rests on."""
        return self.path.parent.parent.parent

    @property
    def evidence(self) -> Evidence:
        """What the registry asks for."""
        verdict = self.attestation.verdict
        return Evidence(
            envelope=self.envelope,
            subject=self.attestation.bundle,
            verdict=verdict.outcome,
            run=self.attestation.run,
            target=verdict.target,
            baseline=verdict.baseline_digest,
            compared=verdict.first or self.attestation.policy.get("baseline") != NO_BASELINE,
            signed_by=self.attestation.signed_by,
            attempts=verdict.attempts.number if verdict.attempts else None,
            commit=self.commit,
        )


def verify_attestation(
    workspace: Workspace,
    suite: str,
    path: Path,
    policy: GatePolicy | None,
    trust: Trust | None = None,
    *,
    alias: str | None = None,
) -> Verified:
    """Check an attestation against cells, bundle, keys, and the policy that should have been applied.

    Args:
        workspace: Whose settings apply.
        suite: That it must be about.
        path: The attestation.
        policy: The one that should have been applied; None is its own.
        trust: Whose signatures count; None is as the workspace says.
        alias: What it is to move: refuse also what has expired, or whose policy is gone.

    Raises:
        UsageError: the file is not in a run's `gate/TARGET` folder, or is about another suite.
        VerificationError: with everything that differs.
    """
    return _verified(workspace, suite, _read(suite, path), policy, trust, alias=alias)


def believe(
    workspace: Workspace, suite: str, path: Path, policy: GatePolicy | None, alias: str
) -> tuple[Verified, tuple[PlimsollError, ...]]:
    """An attestation for a forced promotion: as it is, with what `verify_attestation` says against it.

    Raises:
        UsageError: there is no such file, or it is about another suite.
        VerificationError: it can't be read at all.
        TamperedError: the bundle beside it is not whole.
    """
    files = _read(suite, path)
    try:
        return _verified(workspace, suite, files, policy, alias=alias), ()
    except PlimsollError as error:
        found = verify(files.envelope)
        _refuse_other(found, suite, path)
        return Verified(path, found, files.envelope, files.bundle), (error,)


def attestations(workspace: Workspace, suite: str) -> Iterator[Path]:
    """The suite's attestations, newest first."""
    # By when they were sealed, not by their runs: an older run may have been gated last.
    folders = run_folders(workspace.state / RUNS, suite)
    found = [path for folder in folders for path in (folder / GATE_FOLDER).glob(f"*/{ATTESTATION_FILE}")]
    yield from sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def newest(workspace: Workspace, suite: str) -> Path:
    """The suite's newest attestation, whatever its verdict.

    Raises:
        UsageError: there is none.
    """
    path = next(attestations(workspace, suite), None)
    if path is None:
        raise UsageError(f"{suite} has no attestation", remedy=f"plimsoll gate {suite}")
    return path


def newest_passing(workspace: Workspace, suite: str) -> Path:
    """The suite's newest attestation of a passing verdict.

    Raises:
        UsageError: there is none, or the same bundle was gated again since and did not pass.
        VerificationError: one that is as new can't be read.
    """
    latest: Verdict | None = None
    refused: dict[str, Verdict] = {}
    for path in attestations(workspace, suite):
        found = verify(path.read_bytes())
        verdict = found.verdict
        if verdict.outcome is Decision.PASS and found.bundle not in refused:
            return path
        if verdict.outcome is Decision.PASS:
            raise UsageError(
                f"{verdict.target} passed once, but its newest gate is {refused[found.bundle].outcome.value}",
                remedy=f"gate it again; or, if you mean the older verdict, --attestation {workspace.shown(path)}",
            )
        latest = latest or verdict
        refused[found.bundle] = verdict
    if latest is not None:
        raise UsageError(
            f"no gate of {suite} has passed; the newest, over {latest.target}, is {latest.outcome.value}",
            remedy=latest.reasons[0] if latest.reasons else None,
        )
    raise UsageError(
        f"{suite} was never gated here",
        remedy=f"plimsoll gate {suite}, or with --first for the first champion; what was gated on another machine: "
        f"plimsoll promote {suite} --attestation run:ID",
    )


def trusted_keys(workspace: Workspace) -> list[Ed25519PublicKey]:
    """The public keys whose attestations the project trusts.

    Raises:
        UsageError: one of them can't be read.
    """
    return [load_public_key(workspace.path(name)) for name in workspace.settings.trusted_keys]


def read_envelope(suite: str, path: Path) -> bytes:
    """An attestation's bytes.

    Raises:
        UsageError: they can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", remedy=f"plimsoll gate {suite}") from None


@dataclass(frozen=True, slots=True)
class _Files:
    """What lies in a gate's folder, not yet checked against anything."""

    path: Path
    envelope: bytes
    bundle: Bundle

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.path.parent.parent.parent


def _read(suite: str, path: Path) -> _Files:
    envelope = read_envelope(suite, path)
    found = _Files(path, envelope, load_folder(path.parent / BUNDLE_FOLDER))
    if not (found.run / PLAN_FILE).is_file():
        raise UsageError(f"{path} does not lie in a run's folder", remedy="name one that `plimsoll gate` wrote")
    return found


def _verified(
    workspace: Workspace,
    suite: str,
    files: _Files,
    policy: GatePolicy | None,
    trust: Trust | None = None,
    *,
    alias: str | None = None,
) -> Verified:
    asked = policy if policy is None or alias is None else _as_asked(policy, verify(files.envelope), alias)
    try:
        found = verify_file(files.path, trust or trust_of(workspace), asked)
    except VerificationError as error:
        raise VerificationError(error.message, remedy=error.remedy or f"plimsoll gate {suite}") from None
    _refuse_other(found, suite, files.path)
    if alias is not None:
        refuse_outdated(found, policy, workspace.settings.attestation_max_age)
        refuse_other_draw(load_plan(files.run), load_suite(workspace, suite))
    return Verified(files.path, found, files.envelope, files.bundle, _commit(load_plan(files.run)))


def _as_asked(policy: GatePolicy, sealed: Attestation, alias: str) -> GatePolicy:
    """The suite's policy with what `--baseline` and `--anchor` may have put into it for this alias.

    The baseline that was measured is held against what the alias names, whatever the policy calls it. No other name is
    taken: a target's own files may be those of the champion, and its gate knows nothing of the champion's cases. An
    anchor may be added; one that the policy has can be neither left out nor exchanged.
    """
    changed, anchor = {}, sealed.policy.get("anchor")
    if sealed.policy.get("baseline") in (alias, CHAMPION, ALIAS_WORD + alias, ALIAS_WORD + CHAMPION):
        changed["baseline"] = sealed.policy["baseline"]
    if policy.anchor is None and isinstance(anchor, str):
        changed["anchor"] = anchor
    return policy.model_copy(update=changed)


def _refuse_other(found: Attestation, suite: str, path: Path) -> None:
    if found.suite != suite:
        raise UsageError(f"{path} is about {found.suite}", remedy=f"plimsoll promote {found.suite}")


def _commit(run: Plan) -> str:
    return f"{run.git_commit}{'-dirty' if run.git_dirty else ''}" if run.git_commit else ""
