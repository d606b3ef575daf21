"""What a gate's decision rests on beside its cells: read from the baseline's side before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from plimsoll.api.git import find_commit
from plimsoll.api.gone import gone_since_commit, gone_since_gate
from plimsoll.api.prepare import Prepared
from plimsoll.api.quarantine import Origin, applied_quarantine
from plimsoll.api.refs import Snapshot, SuiteAt, find_suite, snapshot
from plimsoll.api.sides import Sides
from plimsoll.canonical import short
from plimsoll.config import GatePolicy
from plimsoll.gates import verify
from plimsoll.registry import load_attestation
from plimsoll.reports.text import count
from plimsoll.tracking import RegistryStore
from plimsoll.types import Quarantined


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
    notes = (*quarantine.notes, *_gone_notes(gone), *_notes(prepared, policy, sides, files, here))
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
        some = ", ".join(sorted(gone)[:5]) + (", …" if len(gone) > 5 else "")
        yield (
            f"{count(len(gone), 'case')} of the baseline's evidence, gone from the dataset or changed, "
            f"count as missing: {some} (where that is meant: dataset_changes: allow, under gate)"
        )


def _notes(
    prepared: Prepared, policy: GatePolicy, sides: Sides, base: Snapshot | None, here: SuiteAt | None
) -> Iterator[str]:
    if sides.ref is not None:
        yield f"the baseline is what {sides.ref.files.words} has: it was read out of git, and run beside the challenger"
    if sides.anchor is not None:
        same = ", which is the baseline too" if sides.anchor is sides.baseline else ""
        yield f"the anchor {policy.anchor} is the bundle {short(sides.anchor.info.digest)}{same}"
    if policy.anchor is not None and sides.anchor is None:
        yield f"the anchor {policy.anchor} is not applied: there is no champion yet"
    if base is not None and here is None:
        yield f"the suite is new since {base.words}: nothing there to hold it against"
    if here is None:
        return
    # A change that edits what decides over it needs an approval of its own.
    now, then = prepared.suite, here.suite
    for what, before, after in (("gate", then.gate, now.gate), ("evaluators", then.evaluators, now.evaluators)):
        if before != after:
            yield f"this change edits the suite's {what}, which decide over it: they are others at {here.files.words}"
