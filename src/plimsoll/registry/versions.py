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
    """The version that holds the bundle; None where none does."""
    number = store.records(suite).get(_key(digest))
    return int(number) if number is not None else None


def keep_bundle(store: RegistryStore, suite: str, bundle: Bundle) -> int:
    """The version that holds the bundle: the one there is, or a new one.

    Files first, then the version, then the record that joins them: what a crash leaves behind is found and used by
    the next attempt, and of two that do it at the same time one version stays.
    """
    known = version_of(store, suite, bundle.digest)
    if known is not None:
        load_bundle(store, suite, bundle.digest)
        return known
    folder = _model_folder(bundle.digest)
    store.put_files(suite, folder, model_files(bundle))
    orphans = [entry.number for entry in store.versions(suite, folder)]
    number = orphans[0] if orphans else store.create_version(suite, folder, {DIGEST_TAG: bundle.digest})
    winner = int(store.create_record(suite, _key(bundle.digest), str(number)))
    if winner != number:
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


def _key(digest: str) -> str:
    return f"version.{digest.removeprefix(DIGEST_PREFIX)}"


def _model_folder(digest: str) -> str:
    return f"models/{digest.removeprefix(DIGEST_PREFIX)}"


def _first_folder(digest: str) -> str:
    return f"bundles/{digest.removeprefix(DIGEST_PREFIX)}"


def _attestation_folder(digest: str) -> str:
    return f"attestations/{digest.removeprefix(DIGEST_PREFIX)}"
