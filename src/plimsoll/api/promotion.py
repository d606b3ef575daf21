"""Promotion, rollback and history: the registry's moves on verified evidence, or by force and on record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from plimsoll.api.approving import approvals_of, lacking
from plimsoll.api.evidence import Verified, attestations, believe, newest, newest_passing, verify_attestation
from plimsoll.api.fetched_gates import attestation_of_champion, attestation_of_run
from plimsoll.api.git import git_state
from plimsoll.api.gone import measured_lines
from plimsoll.api.opened import author, load_suite, now_utc, registry_store
from plimsoll.api.own_state import refuse_committed_state
from plimsoll.api.prepare import prepare
from plimsoll.api.run_words import Server, run_word
from plimsoll.api.runs import select_targets
from plimsoll.api.syncing import unlogged
from plimsoll.api.verifying import Trust
from plimsoll.canonical import short
from plimsoll.config import Suite, Workspace
from plimsoll.config.promotion import ALL, CHAMPION
from plimsoll.errors import PlimsollError, UsageError, near_match
from plimsoll.registry import (
    Bundle,
    Entry,
    Evidence,
    StaleChampionError,
    aliases_of,
    called,
    champion,
    expected_bundle,
    history,
    keep_measured,
    promote,
    rollback,
)
from plimsoll.tracking import MlflowWriter, RegistryStore

_SHOWN_OF_A_DOUBT = 400
"""Characters of one reason that a forced promotion's entry keeps: an entry has room for several."""


@dataclass(frozen=True, slots=True)
class _Case:
    """What speaks for a promotion."""

    bundle: Bundle
    evidence: Evidence
    measured: bytes | None = None
    """The lines of the cases that the attestation rests on; None where there are none to be read."""


def promote_suite(
    workspace: Workspace,
    name: str,
    *,
    attestation: Path | str | None = None,
    reason: str = "",
    who: str | None = None,
    alias: str = CHAMPION,
    force: bool = False,
    target: str | None = None,
    tell: Callable[[str], object] = lambda _: None,
    server: Server | None = None,
) -> Entry:
    """Make what a passing attestation is about what the suite's alias names.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        attestation: The evidence: its file, or `run:ID` or `run:ID:TARGET`, from the tracking server where the run is
            not on this disk; None is the suite's newest passing one here, by force the newest of any verdict.
        reason: Why, for the history.
        who: Who, for the history; None is git's user, else the login name.
        alias: Where to: champion, challenger, or one of the project's environments.
        force: Promote whatever speaks against it; needs a reason, and stays in the history with it.
        target: By force and without attestation: the workspace's target as it is.
        tell: Hears of approvals that do not count, and of what could not be brought up to date.
        server: Has runs that are not on this disk; None is a writer of its own, started where it is needed.

    Raises:
        UsageError: there is no such evidence or alias, it was used already, or force has no reason.
        ApprovalsMissingError: fewer people have approved than the project asks for.
        VerificationError: it does not verify, or the policy changed since.
        RefusedVerdictError: its verdict is not a pass.
        StaleChampionError: it was measured against something else than what the alias names today.
        InfrastructureError: its run was to be logged, is not in MLflow, and can't be logged now.
    """
    refuse_committed_state(workspace)
    suite = load_suite(workspace, name)
    workspace.settings.promotion.checked(alias)
    _refuse_clash(reason, attestation, target, force=force)
    path = _file_of(workspace, suite.name, attestation, server)
    case = _case(workspace, name, suite, alias, attestation=path, target=target, force=force)
    store = registry_store(workspace)
    counted = approvals_of(workspace, store, suite.name, alias, case.evidence.digest)
    missing = lacking(workspace, suite.name, alias, counted)
    evidence = dataclasses.replace(
        case.evidence,
        approvals=counted.approved,
        doubts=(*case.evidence.doubts, *([missing] if missing else [])),
    )
    if missing is None:
        for refused in counted.refused:
            tell(f"not counted: {refused}")
    if force:
        evidence, expected = _forced(store, suite.name, alias, evidence)
    else:
        expected = expected_bundle(store, suite.name, alias, evidence)
    if case.measured is not None:
        keep_measured(store, suite.name, evidence.digest, case.measured)
    return promote(
        store,
        suite.name,
        case.bundle,
        evidence,
        who=who or author(workspace),
        now=now_utc(),
        expected_champion=expected,
        reason=reason,
        alias=alias,
        tell=tell,
    )


def rollback_suite(
    workspace: Workspace,
    name: str,
    *,
    to: str | None = None,
    reason: str = "",
    who: str | None = None,
    alias: str = CHAMPION,
    tell: Callable[[str], object] = lambda _: None,
) -> Entry:
    """Bring back what an alias named earlier: the one before, or the one named.

    Raises:
        UsageError: there is no such alias, or it never named that.
    """
    suite = load_suite(workspace, name).name
    workspace.settings.promotion.checked(alias)
    return rollback(
        registry_store(workspace),
        suite,
        who=who or author(workspace),
        now=now_utc(),
        to=to,
        reason=reason,
        alias=alias,
        tell=tell,
    )


def history_of(workspace: Workspace, name: str, alias: str = CHAMPION) -> tuple[Entry, ...]:
    """Every promotion and rollback of a suite's alias, oldest first, its chain verified.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        alias: One alias, or `all`: then of each that has a history, one alias after the other.

    Raises:
        UsageError: no alias of that name is in the settings or has a history.
        TamperedError: the ledger was altered.
    """
    suite = load_suite(workspace, name).name
    known = workspace.settings.promotion.aliases
    store = registry_store(workspace)
    if alias in known:
        return history(store, suite, alias)
    found = aliases_of(store, suite)
    if alias == ALL:
        ordered = [*(each for each in known if each in found), *(each for each in found if each not in known)]
        return tuple(entry for each in ordered for entry in history(store, suite, each))
    if alias not in found:
        raise UsageError(f"no alias named {alias!r}", remedy=near_match(alias, {*known, *found, ALL}))
    return history(store, suite, alias)


def verify_suite(
    workspace: Workspace,
    name: str,
    attestation: Path | None = None,
    trust: Trust | None = None,
    *,
    server: Server | None = None,
) -> Verified:
    """Recompute a suite's newest attestation, or the one named, from the stored cells.

    Where none lies on this disk, it is the one that the champion was promoted on, with its run from the server.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        attestation: The one that is meant.
        trust: Whose signatures count; None is as the workspace says.
        server: Has the champion's; None is a writer of its own, started where it is needed.

    Raises:
        UsageError: there is none.
        VerificationError: with everything that differs.
        TamperedError: what the server has is not what was logged or promoted.
        InfrastructureError: the server can't be asked.
    """
    suite = load_suite(workspace, name).name
    path = attestation or next(attestations(workspace, suite), None)
    if path is None:
        with nullcontext(server) if server else MlflowWriter(workspace) as there:
            path = attestation_of_champion(workspace, suite, there)
    return verify_attestation(workspace, suite, path, None, trust)


def _file_of(workspace: Workspace, suite: str, attestation: Path | str | None, server: Server | None) -> Path | None:
    word = run_word(attestation) if isinstance(attestation, str) else None
    if word is None:
        return None if attestation is None else Path(attestation)
    if word.by != "run":
        raise UsageError(f"{attestation} may be another run tomorrow", remedy="name the run by its id: run:ID")
    with nullcontext(server) if server else MlflowWriter(workspace) as there:
        return attestation_of_run(workspace, suite, word, there)


def _refuse_clash(reason: str, attestation: Path | str | None, target: str | None, *, force: bool) -> None:
    if force and not reason.strip():
        raise UsageError("--force needs a reason", remedy="--reason TEXT: it stays in the history")
    if target is not None and not force:
        raise UsageError(
            "an attestation says which target is promoted", remedy="leave --target out; it is for --force without one"
        )
    if target is not None and attestation is not None:
        raise UsageError("--attestation and --target each say what is promoted", remedy="leave one of them out")


def _case(
    workspace: Workspace,
    name: str,
    suite: Suite,
    alias: str,
    *,
    attestation: Path | None,
    target: str | None,
    force: bool,
) -> _Case:
    if target is not None:
        return _bare(workspace, name, target)
    if not force:
        path = attestation or newest_passing(workspace, suite.name)
        found = verify_attestation(workspace, suite.name, path, suite.gate, alias=alias)
        missing = unlogged(workspace, found.run)
        if missing is not None:
            raise missing
        return _Case(found.bundle, found.evidence, measured_lines(found.path))
    found, doubts = believe(workspace, suite.name, attestation or newest(workspace, suite.name), suite.gate, alias)
    missing = unlogged(workspace, found.run)
    evidence = dataclasses.replace(found.evidence, doubts=(*doubts, *([missing] if missing else [])), force=True)
    return _Case(found.bundle, evidence, None if doubts else measured_lines(found.path))


def _bare(workspace: Workspace, name: str, target: str) -> _Case:
    """The workspace's target as it is, with nothing that speaks for it."""
    spec = select_targets(prepare(workspace, name), [target])[target]
    if spec.bundle is None:
        raise UsageError(f"{target} can't be bundled: {spec.unbundled}")
    git = git_state(workspace.root)
    return _Case(
        spec.bundle,
        Evidence(
            envelope=None,
            subject=spec.bundle.digest,
            verdict=None,
            run="",
            target=target,
            baseline=None,
            compared=False,
            commit=f"{git.commit}{'-dirty' if git.dirty else ''}" if git.commit else "",
            doubts=(UsageError("there is no attestation"),),
            force=True,
        ),
    )


def _forced(store: RegistryStore, suite: str, alias: str, evidence: Evidence) -> tuple[Evidence, str | None]:
    """The evidence with all that speaks against it, and what the alias names now: only that may be replaced."""
    seen = champion(store, suite, alias)
    now = seen.digest if seen else None
    doubts: list[PlimsollError] = list(evidence.doubts)
    try:
        measured = expected_bundle(store, suite, alias, evidence)
        if measured != now:
            against = short(measured) if measured else "nothing"
            doubts.append(
                StaleChampionError(
                    f"it was measured against {against}, and {called(alias)} is {short(now) if now else 'none'}"
                )
            )
    except StaleChampionError as error:
        doubts.append(error)
    told = tuple(UsageError(_cut(" ".join(error.message.split()))) for error in doubts)
    return dataclasses.replace(evidence, doubts=told), now


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_OF_A_DOUBT else f"{text[:_SHOWN_OF_A_DOUBT]} …"
