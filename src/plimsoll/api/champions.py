"""The champion as a target beside the challenger: rebuilt from its bundle, not from the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from plimsoll.api.prepare import Prepared
from plimsoll.api.targets import CHAMPION_TARGET, TargetSpec, describe
from plimsoll.canonical import short
from plimsoll.config import ModelSettings
from plimsoll.errors import UsageError
from plimsoll.registry import Bundle, champion, load_bundle, materialise
from plimsoll.tracking import RegistryStore

_BUNDLES = "bundles"


def champion_spec(prepared: Prepared, store: RegistryStore) -> TargetSpec:
    """The suite's champion as a target named `champion`.

    Raises:
        UsageError: there is no champion yet.
        TamperedError: the ledger or the stored bundle was altered.
    """
    suite = prepared.suite.name
    now = champion(store, suite)
    if now is None:
        raise UsageError(
            f"{suite} has no champion yet", remedy=f"plimsoll gate {suite} --first, then plimsoll promote {suite}"
        )
    bundle = load_bundle(store, suite, now.digest)
    folder = materialise(bundle, prepared.workspace.state / _BUNDLES / short(now.digest, 32))
    return bundle_spec(CHAMPION_TARGET, bundle, folder, prepared.suite.models)


def bundle_spec(name: str, bundle: Bundle, folder: Path, known: Mapping[str, ModelSettings]) -> TargetSpec:
    """A materialised bundle as a target.

    A model that `known` has with other settings is renamed `NAME of TARGET`, so that both can be open at once; the
    target's identity stays the bundle's. What a model costs is no part of a bundle: it costs what `known` says.
    """
    priced = {model: _priced(settings, known.get(model)) for model, settings in bundle.models.items()}
    names = {
        model: model if known.get(model, settings) == settings else f"{model} of {name}"
        for model, settings in priced.items()
    }
    settings = bundle.settings
    renamed = settings.model_copy(
        update={
            "model": names.get(settings.model) if isinstance(settings.model, str) else None,
            "connections": {key: names[model] for key, model in settings.connections.items()},
        }
    )
    models = {names[model]: kept for model, kept in priced.items()}
    return describe(name, renamed, root=folder, models=models, bundle=bundle)


def _priced(settings: ModelSettings, known: ModelSettings | None) -> ModelSettings:
    same = known is not None and (known.model, known.base_url) == (settings.model, settings.base_url)
    return settings.model_copy(update={"price": known.price}) if known is not None and same else settings
