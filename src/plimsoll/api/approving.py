"""Approvals: a named person agrees to a promotion, from any machine that has the attestation and the registry."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.api.evidence import newest_passing, read_envelope, trusted_keys
from plimsoll.api.opened import load_suite, now_utc, registry_store
from plimsoll.canonical import digest_bytes
from plimsoll.config import Workspace, environment
from plimsoll.config.promotion import CHAMPION
from plimsoll.errors import ConfigError, Mistake, UsageError
from plimsoll.gates import KEY_VARIABLE, Attestation, key_id, load_public_key, signing_key, verify
from plimsoll.registry import (
    Approval,
    ApprovalsMissingError,
    Approved,
    Counted,
    RefusedVerdictError,
    called,
    count_approvals,
    keep_approval,
    sign_approval,
)
from plimsoll.tracking import RegistryStore
from plimsoll.types import Decision

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Approving:
    """An approval that the registry holds now."""

    path: Path
    """The attestation that it is about."""
    attestation: Attestation
    alias: str
    given: Approved
    counted: Counted
    """All approvals for this alias, with this one."""
    needed: int
    """How many the project asks for."""


def approve_suite(
    workspace: Workspace, name: str, *, attestation: Path | None = None, alias: str = CHAMPION
) -> Approving:
    """Sign, with the key in PLIMSOLL_SIGNING_KEY, that what an attestation is about may be promoted.

    The attestation's form, signature and verdict are checked; its cells may lie on another machine, where `promote`
    checks them. Approving again changes nothing.

    Args:
        workspace: Whose settings name the approvers.
        name: The suite's name or path.
        attestation: What is approved; None is the suite's newest passing one on this machine.
        alias: Where it may be promoted to.

    Raises:
        UsageError: there is no key, it is no approver's, or the attestation is about another suite.
        ConfigError: an approver's key can't be read.
        VerificationError: the attestation is malformed, or not signed as the project asks.
        RefusedVerdictError: its verdict is not a pass.
        InfrastructureError: the registry can't be reached.
    """
    suite = load_suite(workspace, name).name
    workspace.settings.promotion.checked(alias)
    known = approvers(workspace)
    key = signing_key(environment(workspace.root))
    if key is None:
        raise UsageError("an approval has to be signed", remedy=f"set {KEY_VARIABLE} to your private key, or its file")
    person = next((name for name, public in known.items() if key_id(public) == key_id(key.public_key())), None)
    if person is None:
        raise UsageError(
            f"the key in {KEY_VARIABLE} is no approver's; approvers: {', '.join(known) or 'none'}",
            remedy='add its public half: [tool.plimsoll.promotion.approvers], NAME = "keys/NAME.pem"',
        )
    path = attestation or newest_passing(workspace, suite)
    envelope = read_envelope(suite, path)
    found = verify(
        envelope, public_keys=trusted_keys(workspace), require_signature=workspace.settings.require_signature
    )
    if found.suite != suite:
        raise UsageError(f"{path} is about {found.suite}", remedy=f"plimsoll approve {found.suite}")
    if found.verdict.outcome is not Decision.PASS:
        raise RefusedVerdictError(found.verdict.outcome, "there is nothing to approve; see what decided")
    store, digest = registry_store(workspace), digest_bytes(envelope)
    if person not in count_approvals(store, suite, alias, digest, known).names:
        approval = Approval(attestation=digest, suite=suite, alias=alias, name=person, time=now_utc())
        keep_approval(store, suite, digest, sign_approval(approval, key))
    counted = count_approvals(store, suite, alias, digest, known)
    given = next(each for each in counted.approved if each.name == person)
    return Approving(path, found, alias, given, counted, workspace.settings.promotion.approvals_for(alias))


def approvers(workspace: Workspace) -> dict[str, Ed25519PublicKey]:
    """Who may approve: name → public key.

    Raises:
        ConfigError: keys that can't be read, or that two people share.
    """
    found: dict[str, Ed25519PublicKey] = {}
    mistakes = []
    holders: dict[str, str] = {}
    for name, file in workspace.settings.promotion.approvers.items():
        try:
            found[name] = load_public_key(workspace.path(file))
        except UsageError as error:
            where = workspace.setting("promotion", "approvers", name)
            mistakes.append(Mistake(f"approver {name}, {file}: {error.message}", where, error.remedy))
            continue
        holder = holders.setdefault(key_id(found[name]), name)
        if holder != name:
            where = workspace.setting("promotion", "approvers", name)
            remedy = "each approves with a key of their own"
            mistakes.append(Mistake(f"approvers {holder} and {name} have one key", where, remedy))
    if mistakes:
        raise ConfigError(mistakes)
    return found


def key_holders(workspace: Workspace) -> dict[str, str]:
    """Whose the keys are that the project names: key id → an approver's name, else the key's file.

    For showing only: a key that can't be read is left out.
    """
    settings = workspace.settings
    named = {file: file for file in settings.trusted_keys}
    named |= {file: name for name, file in settings.promotion.approvers.items()}
    found = {}
    for file, holder in named.items():
        with suppress(UsageError):
            found[key_id(load_public_key(workspace.path(file)))] = holder
    return found


def approvals_of(workspace: Workspace, store: RegistryStore, suite: str, alias: str, attestation: str) -> Counted:
    """The approvals of an attestation that count for the alias.

    Args:
        workspace: Whose settings name the approvers.
        store: Where the approvals are.
        suite: Its name.
        alias: Where the promotion goes.
        attestation: The digest of the envelope's bytes; empty is none, which nobody can have approved.

    Raises:
        ConfigError: an approver's key can't be read.
        InfrastructureError: the registry can't be read.
    """
    known = approvers(workspace)
    return count_approvals(store, suite, alias, attestation, known) if known and attestation else Counted((), ())


def lacking(workspace: Workspace, suite: str, alias: str, counted: Counted) -> ApprovalsMissingError | None:
    """That too few have approved, with who else may; None where enough have."""
    policy = workspace.settings.promotion
    needed = policy.approvals_for(alias)
    if len(counted.approved) >= needed:
        return None
    by = f" ({', '.join(counted.names)})" if counted.approved else ""
    others = [name for name in policy.approvers if name not in counted.names]
    passed_over = "".join(f"; {reason}" for reason in counted.refused)
    to = "" if alias == CHAMPION else f" --alias {alias}"
    return ApprovalsMissingError(
        f"{len(counted.approved)} of {needed} approvals for {called(alias)} of {suite}{by}{passed_over}",
        remedy=f"plimsoll approve {suite}{to}, with the key of: {', '.join(others)}",
    )
