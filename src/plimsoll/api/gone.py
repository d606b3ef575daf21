"""Cases that the baseline's evidence has and today's dataset lacks, or has otherwise.

A target is run over today's dataset, and so is its baseline: a case that was dropped is dropped on both sides, and what
got worse there is not seen. So what the baseline was measured on is held against what there is now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from plimsoll.api.prepare import Prepared
from plimsoll.api.refs import SuiteAt
from plimsoll.config import Suite
from plimsoll.datasets import Split
from plimsoll.gates import verify
from plimsoll.gates.listing import case_line
from plimsoll.registry import Entry, TamperedError, load_attestation, load_measured
from plimsoll.runs.cases import StoredCases
from plimsoll.runs.plan import CASES_FILE
from plimsoll.tracking import RegistryStore
from plimsoll.types import Case, Part


def gone_since_commit(prepared: Prepared, suite: SuiteAt) -> tuple[str, ...]:
    """The ids of cases that a gate would have run at the commit, and that are gone or were changed.

    Raises:
        ConfigError: the dataset is not in the commit, or had mistakes.
    """
    then = suite.dataset()
    then.check()
    return _gone(prepared, (case_line(case) for case in _gated(suite.suite, then.cases())))


def gone_since_gate(prepared: Prepared, store: RegistryStore, entry: Entry) -> tuple[str, ...]:
    """The ids of cases that a ledger's entry was measured on, and that are gone or were changed.

    Raises:
        TamperedError: attestation or list of cases are missing or altered.
    """
    return _gone(prepared, lines_of_gate(prepared.suite.name, store, entry))


def lines_of_gate(suite: str, store: RegistryStore, entry: Entry) -> list[bytes]:
    """The lines of the cases that a ledger's entry was measured on.

    Nothing may be known of one that was promoted by force: then there are none.

    Raises:
        TamperedError: attestation or list of cases are missing or altered.
    """
    if not entry.attestation:
        return []
    attested = verify(load_attestation(store, suite, entry.attestation))
    lines = load_measured(store, suite, entry.attestation, attested.digests.cases)
    if lines is None and not entry.forced:
        raise TamperedError(
            f"the cases that the {entry.alias} of {suite} was measured on are not in the registry",
            remedy="promote it again on a new gate; or write dataset_changes: allow under gate",
        )
    return (lines or b"").splitlines()


def measured_lines(attestation: Path) -> bytes:
    """What the registry keeps of the cases that an attestation in a run's folder rests on.

    Raises:
        ConfigError: the run's cases are missing or damaged.
    """
    cases = StoredCases(attestation.parent.parent.parent / CASES_FILE)
    return b"".join(case_line(case) + b"\n" for case in cases.values())


def _gone(prepared: Prepared, before: Iterable[bytes]) -> tuple[str, ...]:
    now = {case_line(case) for case in _gated(prepared.suite, prepared.dataset.cases())}
    return tuple(sorted(json.loads(line)[1] for line in before if line not in now))


def _gated(suite: Suite, cases: Iterable[Case]) -> Iterable[Case]:
    """Those of a dataset's cases that a gate runs, before it draws a sample."""
    if suite.held_out is None:
        return cases
    split = Split(suite.held_out, suite.seed, Part.HELD_OUT)
    return (case for case in cases if case in split)
