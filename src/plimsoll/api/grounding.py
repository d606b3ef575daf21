"""What a gate's decision rests on beside its cells: read from the baseline's side before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from plimsoll.api.certificates import identified
from plimsoll.api.git import find_commit
from plimsoll.api.gone import gone_since_commit, gone_since_gate
from plimsoll.api.prepare import Prepared
from plimsoll.api.quarantine import Origin, applied_quarantine
from plimsoll.api.refs import Snapshot, SuiteAt, find_suite, snapshot
from plimsoll.api.sides import Sides
from plimsoll.canonical import short
from plimsoll.config import GatePolicy
from plimsoll.gates import Attestation, verify
from plimsoll.registry import load_attestation, load_measured
from plimsoll.reports.text import count, some
from plimsoll.tracking import RegistryStore
from plimsoll.types import Quarantined

_DECIDING = ("gate", "evaluators", "dataset", "sample", "seed", "repeats", "held_out", "max_failed")
"""Settings of a suite that what is decided hangs on."""
_CODE = "evaluators"
"""Folder of the workspace: evaluators, and the code and prompts that they use."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """Of one gate."""

    quarantine: tuple[Quarantined, ...] = ()
    gone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know of them, in sentences."""


def grounding_of(
    prepared: Prepared, policy: GatePolicy, sides: Sides, store: RegistryStore | None, *, base: str | None, at: datetime
) -> Grounding:
    """The quarantine that holds, and the cases that are gone since the baseline was measured.

    Args:
        prepared: The suite.
        policy: Says whether the dataset may change.
        sides: What is compared.
        store: The registry; needed where the baseline is what an alias names.
        base: The git ref that a change starts from; None where it was not given.
        at: When it is decided.

    Raises:
        UsageError: there is no such ref.
        ConfigError: mistakes in the files of that commit.
        TamperedError: what the registry holds was altered.
    """
    files = None if base is None else snapshot(prepared.workspace, base)
    here = None if files is None else find_suite(files, prepared.suite.name)
    quarantine = applied_quarantine(prepared, _origin(prepared, files, sides, store), at)
    gone: set[str] = set()
    if policy.dataset_changes == "count":
        gone.update(*(gone_since_commit(prepared, suite) for suite in (here, sides.ref) if suite is not None))
        if sides.entry is not None and store is not None:
            gone.update(gone_since_gate(prepared, store, sides.entry))
    notes = (
        *quarantine.notes,
        *_gone_notes(gone),
        *_notes(policy, sides, files, here),
        *_edited_since(prepared, here or sides.ref),
        *(() if base is not None else _against_evidence(prepared, policy, sides, store)),
    )
    return Grounding(quarantine.entries, tuple(sorted(gone)), notes)


def _origin(prepared: Prepared, base: Snapshot | None, sides: Sides, store: RegistryStore | None) -> Origin:
    """Of what the caller named, a baseline out of git, and the evidence of what an alias names, the first there is."""
    files = base or (None if sides.ref is None else sides.ref.files)
    if files is not None:
        return Origin(files.commit, files.words)
    if sides.entry is None or store is None:
        return Origin(None, "no commit of the baseline's side is known; name one with --base REF")
    alias = sides.entry.alias
    if not sides.entry.attestation:
        return Origin(None, f"the {alias} was promoted without an attestation; name a commit with --base REF")
    commit = verify(load_attestation(store, prepared.suite.name, sides.entry.attestation)).commit
    if commit is None:
        return Origin(None, f"the {alias} was not measured at a clean git commit; name one with --base REF")
    if find_commit(prepared.workspace.root, commit) is None:
        why = f"the commit {commit[:8]} that the {alias} was measured at is not in this clone"
        return Origin(None, f"{why}; fetch it (fetch-depth: 0), or name another with --base REF")
    return Origin(commit, commit[:8])


def _gone_notes(gone: set[str]) -> Iterator[str]:
    if gone:
        yield (
            f"missing, since gone from the dataset or changed after the baseline was measured: "
            f"{count(len(gone), 'case')}, {some(sorted(gone), 5)} (restore them; where the change is meant, write "
            "dataset_changes: allow under gate)"
        )


def _notes(policy: GatePolicy, sides: Sides, base: Snapshot | None, here: SuiteAt | None) -> Iterator[str]:
    if sides.ref is not None:
        yield f"the baseline is what {sides.ref.files.words} has: it was read out of git, and run beside the challenger"
    if sides.anchor is not None:
        same = ", which is the baseline too" if sides.anchor is sides.baseline else ""
        yield f"the anchor {policy.anchor} is the bundle {short(sides.anchor.info.digest)}{same}"
    if policy.anchor is not None and sides.anchor is None:
        yield f"the anchor {policy.anchor} is not applied: there is no champion yet"
    if base is not None and here is None:
        yield f"the suite is new since {base.words}: nothing there to hold it against"


def _edited_since(prepared: Prepared, then: SuiteAt | None) -> Iterator[str]:
    """What a change edits of that which decides over it: it needs a review of its own."""
    if then is None:
        return
    review = f"which decides over it, since {then.files.words}: have it reviewed"
    for what in _DECIDING:
        if getattr(prepared.suite, what) != getattr(then.suite, what):
            yield f"this change edits the suite's {what}, {review}"
    before, now = _code(then.files.root), _code(prepared.workspace.root)
    edited = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if edited:
        yield f"this change edits {', '.join(edited[:5])}{', …' if len(edited) > 5 else ''}, {review}"


def _code(root: Path) -> dict[str, bytes]:
    """The evaluators' files, with the line ends that git may have changed all alike."""
    found = (path for kind in ("*.py", "*.prompty") for path in (root / _CODE).rglob(kind))
    return {path.relative_to(root).as_posix(): path.read_bytes().replace(b"\r\n", b"\n") for path in found}


def _against_evidence(
    prepared: Prepared, policy: GatePolicy, sides: Sides, store: RegistryStore | None
) -> Iterator[str]:
    """What an alias's evidence was decided by, and is otherwise today; and what is not known of one without."""
    entry = sides.entry
    if entry is None or store is None:
        return
    suite, attestation = prepared.suite.name, entry.attestation
    sealed = verify(load_attestation(store, suite, attestation)) if attestation else None
    known = sealed is not None and load_measured(store, suite, attestation, sealed.digests.cases) is not None
    if policy.dataset_changes == "count" and not known:
        # Of one that was not forced the registry has them, or is told to be altered.
        yield (
            f"nothing is known of the cases that the {entry.alias} was measured on, it was forced: none that is gone "
            "since counts as missing; name what the change starts from, with --base REF"
        )
    if sealed is None:
        return
    since = f"since the {entry.alias} was gated: have that reviewed"
    if _another_policy(prepared.suite.gate, sealed):
        yield f"the suite's gate was edited {since}"
    now = {name: found.digest for name, found in (identified(prepared) or {}).items()}
    then = sealed.digests.evaluators
    edited = sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name)) if now else []
    if edited:
        yield f"evaluators, or models that they ask, were edited ({', '.join(edited)}) {since}"


def _another_policy(policy: GatePolicy | None, sealed: Attestation) -> bool:
    """Whether an attestation was decided by another policy; baseline and anchor may have been that gate's alone."""
    try:
        then = GatePolicy.model_validate(sealed.policy)
    except ValidationError:
        return True
    return policy is None or policy != then.model_copy(update={"baseline": policy.baseline, "anchor": policy.anchor})
