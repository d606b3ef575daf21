"""The registry: bundles as versions, a ledger that decides which is champion, promotion on evidence, rollback."""

from plimsoll.registry.bundle import MANIFEST, Bundle, load_folder, make_bundle, materialise, read_bundle
from plimsoll.registry.errors import RefusedVerdictError, StaleChampionError, TamperedError
from plimsoll.registry.ledger import CHAMPION, Entry, history
from plimsoll.registry.promotion import Champion, Evidence, champion, promote, rollback
from plimsoll.registry.versions import load_attestation, load_bundle

__all__ = [
    "CHAMPION",
    "MANIFEST",
    "Bundle",
    "Champion",
    "Entry",
    "Evidence",
    "RefusedVerdictError",
    "StaleChampionError",
    "TamperedError",
    "champion",
    "history",
    "load_attestation",
    "load_bundle",
    "load_folder",
    "make_bundle",
    "materialise",
    "promote",
    "read_bundle",
    "rollback",
]
