"""An attestation held against everything that it rests on: the files of its run's folder, wherever that was copied to.

Needs neither network nor registry, nor the workspace's dataset, prompts or suites: all of it lies in the run's folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from plimsoll.api.certificates import stored_certificates
from plimsoll.api.sealing import ATTESTATION_FILE, BUNDLE_FOLDER, GATE_FOLDER, LISTING_FILE, evidence_files
from plimsoll.canonical import DIGEST_PREFIX, digest_file
from plimsoll.config import GatePolicy, Workspace, environment
from plimsoll.errors import PlimsollError, UsageError
from plimsoll.gates import (
    Attestation,
    Listing,
    SealedFile,
    VerificationError,
    load_public_key,
    parse_listing,
    signing_key,
    time_of,
    verify,
)
from plimsoll.registry import load_folder
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import JOURNAL_FILE, PLAN_FILE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_BLOCK = 1 << 20
_WRONG = "the attestation does not verify: "


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count, and whether there must be one."""

    keys: tuple[Ed25519PublicKey, ...] = ()
    required: bool = False


def trust_of(workspace: Workspace | None, named: Sequence[Path] = ()) -> Trust:
    """Whom to trust.

    Args:
        workspace: Whose settings say so, where no key is named; None is outside of any.
        named: Files of public keys: then these alone count, and one of them must have signed.

    Raises:
        UsageError: a key can't be read.
    """
    if named:
        return Trust(tuple(load_public_key(path) for path in named), required=True)
    if workspace is None:
        return Trust()
    keys = [load_public_key(workspace.path(name)) for name in workspace.settings.trusted_keys]
    own = signing_key(environment(workspace.root))
    if own is not None:
        keys.append(own.public_key())
    return Trust(tuple(keys), required=workspace.settings.require_signature)


def attestations_in(path: Path) -> tuple[Path, ...]:
    """The attestations that a path means: itself, or those of a run's folder or of a gate's within it."""
    if path.is_file():
        return (path,)
    places = (ATTESTATION_FILE, f"*/{ATTESTATION_FILE}", f"{GATE_FOLDER}/*/{ATTESTATION_FILE}")
    return tuple(sorted(found for place in places for found in path.glob(place)))


def verify_path(path: Path, trust: Trust) -> tuple[Path, Attestation]:
    """Verify the attestation that a path means, wherever it lies.

    Returns:
        Its file, and what it says.

    Raises:
        UsageError: there is none, or there are several.
        PlimsollError: it does not verify, or what it rests on is damaged.
    """
    found = attestations_in(path)
    if len(found) != 1:
        names = ", ".join(str(each) for each in found) or "none"
        raise UsageError(f"{path} has to hold one attestation, and holds {names}", remedy="name the file")
    return found[0], verify_file(found[0], trust)


def verify_file(path: Path, trust: Trust, policy: GatePolicy | None = None) -> Attestation:
    """Verify an attestation with all that lies in its run's folder.

    Args:
        path: The attestation, in `gate/TARGET` of a run's folder.
        trust: Whose signatures count.
        policy: The one that should have been applied; None is its own.

    Raises:
        UsageError: it can't be read, or does not lie there.
        VerificationError: with everything that differs.
        PlimsollError: the run, the bundle or a certificate is damaged.
    """
    path = path.resolve()
    folder, run = path.parent, path.parent.parent.parent
    try:
        envelope = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", remedy="name an attestation that `plimsoll gate` wrote") from None
    if not (run / PLAN_FILE).is_file():
        raise UsageError(f"{path} does not lie in a run's folder", remedy="name one that `plimsoll gate` wrote")
    # Who speaks comes before what is said: nothing of the rest is read for a stranger.
    sealed = verify(envelope, public_keys=trust.keys, require_signature=trust.required)
    changed = list(changed_files(folder, sealed))
    try:
        found = verify(
            envelope,
            public_keys=trust.keys,
            report=read_report(run),
            policy=policy,
            bundle_digest=load_folder(folder / BUNDLE_FOLDER).digest,
            certificates=stored_certificates(folder),
            listing=_listing(folder, sealed),
        )
    except PlimsollError as error:
        if not changed:
            raise
        changed.append(str(error).removeprefix(_WRONG))
    if not changed:
        return found
    raise VerificationError(_WRONG + "; ".join(changed), remedy=f"plimsoll gate {sealed.suite}")


def refuse_outdated(
    attestation: Attestation, policy: GatePolicy | None, max_age: float | Literal["none"], now: datetime | None = None
) -> None:
    """Refuse to promote on an attestation that verified, and that time has passed by.

    Args:
        attestation: It.
        policy: The suite's; that it is the attestation's own was verified.
        max_age: The oldest that is taken, in seconds.
        now: Default the present.

    Raises:
        VerificationError: it is older, or the suite has no policy any more.
    """
    if policy is None:
        raise VerificationError(
            f"{attestation.suite} has no gate any more, and was gated by one", remedy="write `gate:` into the suite"
        )
    age = (now or datetime.now(UTC)) - time_of(attestation)
    if max_age != "none" and age > timedelta(seconds=max_age):
        raise VerificationError(
            f"the attestation has expired: it was sealed {age.days} days ago, and attestation_max_age is "
            f"{max_age / 86400:g} d",
            remedy=f"plimsoll gate {attestation.suite}",
        )


def changed_files(folder: Path, sealed: Attestation) -> Iterator[str]:
    """What is not byte for byte as it was sealed. No path is read that the attestation alone names."""
    there = evidence_files(folder)
    for name in sorted(sealed.files.keys() | there.keys()):
        was, path = sealed.files.get(name), there.get(name)
        if was is None:
            yield f"{name} was not there when it was sealed"
        elif path is None or not path.is_file():
            yield f"{name} is gone"
        elif digest_file(path) == was.digest and path.stat().st_size == was.size:
            continue
        elif name == JOURNAL_FILE and _has_grown(path, was):
            yield "the run has gone on since it was sealed (journal.jsonl has more lines)"
        else:
            yield f"{name} is not, byte for byte, what was sealed"


def _has_grown(path: Path, was: SealedFile) -> bool:
    """Whether the file begins with all that was sealed."""
    whole, left = hashlib.sha256(), was.size
    with path.open("rb") as file:
        while left and (block := file.read(min(left, _BLOCK))):
            whole.update(block)
            left -= len(block)
    return not left and DIGEST_PREFIX + whole.hexdigest() == was.digest


def _listing(folder: Path, sealed: Attestation) -> Listing | None:
    """The digests as they were sealed; None where the list itself is not what it was."""
    path = folder / LISTING_FILE
    was = next((was for name, was in sealed.files.items() if name.endswith(f"/{LISTING_FILE}")), None)
    if was is None or not path.is_file() or digest_file(path) != was.digest:
        return None
    return parse_listing(path.read_bytes())
