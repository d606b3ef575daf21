"""The registry: bundles as versions, a ledger that decides what an alias names, promotion on evidence, rollback."""

from plimsoll.registry.approvals import (
    Approval,
    ApprovalsMissingError,
    Counted,
    count_approvals,
    keep_approval,
    sign_approval,
)
from plimsoll.registry.bundle import MANIFEST, Bundle, load_folder, make_bundle, materialise, read_bundle
from plimsoll.registry.errors import RefusedVerdictError, StaleChampionError, TamperedError
from plimsoll.registry.evidence import Evidence
from plimsoll.registry.ledger import CHAMPION, Approved, Entry, aliases_of, called, history
from plimsoll.registry.measured import keep_measured, load_measured
from plimsoll.registry.projection import Champion, champion
from plimsoll.registry.promotion import expected_bundle, promote
from plimsoll.registry.prompts import prompt_draft, prompt_name
from plimsoll.registry.rollback import entry_named, rollback
from plimsoll.registry.versions import load_attestation, load_bundle

__all__ = [
    "CHAMPION",
    "MANIFEST",
    "Approval",
    "ApprovalsMissingError",
    "Approved",
    "Bundle",
    "Champion",
    "Counted",
    "Entry",
    "Evidence",
    "RefusedVerdictError",
    "StaleChampionError",
    "TamperedError",
    "aliases_of",
    "called",
    "champion",
    "count_approvals",
    "entry_named",
    "expected_bundle",
    "history",
    "keep_approval",
    "keep_measured",
    "load_attestation",
    "load_bundle",
    "load_folder",
    "load_measured",
    "make_bundle",
    "materialise",
    "promote",
    "prompt_draft",
    "prompt_name",
    "read_bundle",
    "rollback",
    "sign_approval",
]
