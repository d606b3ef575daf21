"""Bundles as versions of the suite's registered model: one version for each digest, verified whenever it is loaded.

A version's folder is a model that MLflow loads (`model_files`) with the bundle in a folder of its own below it: MLflow
writes beside its `MLmodel` when it loads one. Versions of the first layout are the bundle and nothing else; they are
read as ever, and MLflow can't load them.
"""

from __future__ import annotations

from plimsoll.canonical import DIGEST_PREFIX, digest_bytes
from plimsoll.registry.bundle import Bundle, read_bundle
from plimsoll.registry.errors import TamperedError
from plimsoll.registry.model_files import BUNDLE_FOLDER, model_files
from plimsoll.tracking.contract import DIGEST_TAG, RegistryStore

_ATTESTATION = "attestation.json"


def version_of(store: RegistryStore, suite: str, digest: str) -> int | None:
    """The version that was last made for the bundle, be it there or deleted in MLflow; None where none was."""
    return _recorded(store, suite, digest)[0]


def is_there(store: RegistryStore, suite: str, digest: str, number: int) -> bool:
    """Whether a version of the bundle has this number: anybody with access may delete one."""
    folders = (_model_folder(digest), _first_folder(digest))
    return any(version.number == number for folder in folders for version in store.versions(suite, folder))


def keep_bundle(store: RegistryStore, suite: str, bundle: Bundle) -> int:
    """The version that holds the bundle: the one there is, or a new one.

    Raises:
        TamperedError: it was kept before, and what is stored is something else.
    """
    if version_of(store, suite, bundle.digest) is not None:
        load_bundle(store, suite, bundle.digest)
    return _kept(store, suite, bundle)


def restore_bundle(store: RegistryStore, suite: str, digest: str) -> int:
    """The version that holds a stored bundle, which is verified; a new one where it was deleted in MLflow.

    Raises:
        TamperedError: the bundle is missing, or what is stored is something else.
    """
    return _kept(store, suite, load_bundle(store, suite, digest))


def _kept(store: RegistryStore, suite: str, bundle: Bundle) -> int:
    """Files first, then the version, then the record that joins them.

    What a crash leaves behind is found and used by the next attempt, and of two that do it at the same time one
    version stays.
    """
    known, key = _recorded(store, suite, bundle.digest)
    if known is not None and is_there(store, suite, bundle.digest, known):
        return known
    folder = _model_folder(bundle.digest)
    store.put_files(suite, folder, model_files(bundle))
    orphans = [entry.number for entry in store.versions(suite, folder)]
    number = orphans[0] if orphans else store.create_version(suite, folder, {DIGEST_TAG: bundle.digest})
    winner = int(store.create_record(suite, key, str(number)))
    if winner != number and not orphans:
        # Only one's own: what was found may be a version that another process has recorded since.
        store.delete_version(suite, number)
    return winner


def load_bundle(store: RegistryStore, suite: str, digest: str) -> Bundle:
    """The bundle of this digest, verified byte for byte.

    Raises:
        TamperedError: it is missing, or what is stored is something else.
    """
    place = f"the stored bundle of {suite}"
    files = store.get_files(suite, f"{_model_folder(digest)}/{BUNDLE_FOLDER}")
    files = files or store.get_files(suite, _first_folder(digest))
    if not files:
        raise TamperedError(f"{place} {digest} is missing", remedy="promote again from the files that were gated")
    return read_bundle(files, digest, place)


def keep_attestation(store: RegistryStore, suite: str, envelope: bytes) -> str:
    """Store an attestation's envelope beside the bundles; its digest."""
    digest = digest_bytes(envelope)
    store.put_files(suite, _attestation_folder(digest), {_ATTESTATION: envelope})
    return digest


def load_attestation(store: RegistryStore, suite: str, digest: str) -> bytes:
    """The envelope of this digest.

    Raises:
        TamperedError: it is missing or altered.
    """
    envelope = store.get_files(suite, _attestation_folder(digest)).get(_ATTESTATION)
    if envelope is None or digest_bytes(envelope) != digest:
        state = "missing" if envelope is None else f"altered: its digest is {digest_bytes(envelope)}"
        raise TamperedError(f"the stored attestation {digest} of {suite} is {state}")
    return envelope


def _recorded(store: RegistryStore, suite: str, digest: str) -> tuple[int | None, str]:
    """The version that the last record of the bundle names, and the next record's key.

    A record can't change: each version made in place of a deleted one has a record of its own, `version.DIGEST.2` on.
    """
    records = store.records(suite)
    first = key = f"version.{digest.removeprefix(DIGEST_PREFIX)}"
    number, version = 1, None
    while key in records:
        number, version = number + 1, int(records[key])
        key = f"{first}.{number}"
    return version, key


def _model_folder(digest: str) -> str:
    return f"models/{digest.removeprefix(DIGEST_PREFIX)}"


def _first_folder(digest: str) -> str:
    return f"bundles/{digest.removeprefix(DIGEST_PREFIX)}"


def _attestation_folder(digest: str) -> str:
    return f"attestations/{digest.removeprefix(DIGEST_PREFIX)}"
