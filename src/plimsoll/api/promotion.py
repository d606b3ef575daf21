"""Promotion, rollback and history: the registry's moves on verified evidence."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from plimsoll.api.certificates import stored_certificates
from plimsoll.api.runs import RUNS
from plimsoll.api.sealing import ATTESTATION_FILE, BUNDLE_FOLDER, GATE_FOLDER
from plimsoll.config import GatePolicy, Suite, Workspace, environment
from plimsoll.config.policy import NO_BASELINE
from plimsoll.errors import UsageError
from plimsoll.gates import Attestation, load_public_key, signing_key, verify
from plimsoll.registry import Bundle, Champion, Entry, Evidence, champion, history, load_folder, promote, rollback
from plimsoll.runs.folders import run_folders
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import PLAN_FILE
from plimsoll.tracking import MlflowRegistryStore, RegistryStore, open_store
from plimsoll.types import Decision, Verdict


@dataclass(frozen=True, slots=True)
class Verified:
    """An attestation that verified, with all that it rests on."""

    path: Path
    attestation: Attestation
    envelope: bytes
    bundle: Bundle

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
        )


def promote_suite(
    workspace: Workspace, name: str, *, attestation: Path | None = None, reason: str = "", who: str | None = None
) -> Entry:
    """Make what a passing attestation is about the suite's champion.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        attestation: The evidence; None is the suite's newest passing one.
        reason: Why, for the history.
        who: Who, for the history; None is git's user, else the login name.

    Raises:
        UsageError: there is no such evidence, or it was used already.
        VerificationError: it does not verify, or the policy changed since.
        RefusedVerdictError: its verdict is not a pass.
        StaleChampionError: it was measured against another champion than today's.
    """
    suite = _suite(workspace, name)
    found = verify_attestation(workspace, suite.name, attestation or newest_passing(workspace, suite.name), suite.gate)
    store = registry_store(workspace)
    now = champion(store, suite.name)
    return promote(
        store,
        suite.name,
        found.bundle,
        found.evidence,
        who=who or author(workspace),
        now=_now(),
        expected_champion=_measured_against(found.attestation, now),
        reason=reason,
    )


def rollback_suite(
    workspace: Workspace, name: str, *, to: str | None = None, reason: str = "", who: str | None = None
) -> Entry:
    """Bring back an earlier champion: the one before, or the one named.

    Raises:
        UsageError: there is no such champion.
    """
    suite = _suite(workspace, name)
    return rollback(
        registry_store(workspace), suite.name, who=who or author(workspace), now=_now(), to=to, reason=reason
    )


def history_of(workspace: Workspace, name: str) -> tuple[Entry, ...]:
    """Every promotion and rollback of a suite, oldest first, its chain verified.

    Raises:
        TamperedError: the ledger was altered.
    """
    return history(registry_store(workspace), _suite(workspace, name).name)


def verify_suite(workspace: Workspace, name: str, attestation: Path | None = None) -> Verified:
    """Recompute a suite's newest attestation, or the one named, from the stored cells.

    Raises:
        UsageError: there is none.
        VerificationError: with everything that differs.
    """
    suite = _suite(workspace, name)
    path = attestation or next(attestations(workspace, suite.name), None)
    if path is None:
        raise UsageError(f"{suite.name} has no attestation", remedy=f"plimsoll gate {suite.name}")
    return verify_attestation(workspace, suite.name, path, None)


def verify_attestation(workspace: Workspace, suite: str, path: Path, policy: GatePolicy | None) -> Verified:
    """Check an attestation against cells, bundle, keys, and the policy that should have been applied.

    Raises:
        UsageError: the file is not in a run's `gate/TARGET` folder, or is about another suite.
        VerificationError: with everything that differs.
    """
    folder = path.parent
    try:
        envelope = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", remedy=f"plimsoll gate {suite}") from None
    bundle = load_folder(folder / BUNDLE_FOLDER)
    run = folder.parent.parent
    if not (run / PLAN_FILE).is_file():
        raise UsageError(f"{path} does not lie in a run's folder", remedy="name one that `plimsoll gate` wrote")
    keys = [load_public_key(workspace.path(name)) for name in workspace.settings.trusted_keys]
    own = signing_key(environment(workspace.root))
    if own is not None:
        keys.append(own.public_key())
    found = verify(
        envelope,
        public_keys=keys,
        report=read_report(run),
        policy=policy,
        bundle_digest=bundle.digest,
        require_signature=workspace.settings.require_signature,
        certificates=stored_certificates(folder),
    )
    if found.suite != suite:
        raise UsageError(f"{path} is about {found.suite}", remedy=f"plimsoll promote {found.suite}")
    return Verified(path, found, envelope, bundle)


def attestations(workspace: Workspace, suite: str) -> Iterator[Path]:
    """The suite's attestations, newest first."""
    # By when they were sealed, not by their runs: an older run may have been gated last.
    folders = run_folders(workspace.state / RUNS, suite)
    found = [path for folder in folders for path in (folder / GATE_FOLDER).glob(f"*/{ATTESTATION_FILE}")]
    yield from sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


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
        f"{suite} was never gated", remedy=f"plimsoll gate {suite}, or with --first for the first champion"
    )


def registry_store(workspace: Workspace) -> RegistryStore:
    """The registry of the workspace's tracking store.

    Raises:
        InfrastructureError: it can't be reached.
    """
    return MlflowRegistryStore(open_store(None, workspace, environment(workspace.root)))


def author(workspace: Workspace) -> str:
    """Who acts, for the history: git's user, else the login name."""
    try:
        words = ["git", "-C", str(workspace.root), "config", "user.name"]
        name = subprocess.run(words, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603  # fixed words
    except (OSError, subprocess.SubprocessError):
        name = ""
    try:
        return name or getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _suite(workspace: Workspace, name: str) -> Suite:
    return workspace.load_suite(workspace.find_suite(name))[0]


def _measured_against(attestation: Attestation, now: Champion | None) -> str | None:
    """The digest of the champion that the gate measured against; a policy without baseline compares with none."""
    if attestation.policy.get("baseline") == NO_BASELINE and not attestation.verdict.first:
        return None if now is None else now.digest
    return attestation.verdict.baseline_digest


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
