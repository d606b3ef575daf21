"""What the registry names, as targets beside the challenger: rebuilt from their bundles, not from the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from plimsoll.api.prepare import Prepared
from plimsoll.api.run_words import nothing_yet
from plimsoll.api.targets import TargetSpec, describe
from plimsoll.canonical import short
from plimsoll.config import ModelSettings, TargetSettings
from plimsoll.errors import UsageError
from plimsoll.registry import Bundle, Entry, aliases_of, champion, entry_named, history, load_bundle, materialise
from plimsoll.tracking import RegistryStore

BUNDLES = "bundles"
"""In the state folder: bundles that run beside a challenger."""


def entry_of_alias(prepared: Prepared, store: RegistryStore, alias: str) -> Entry:
    """What an alias names now.

    Raises:
        UsageError: nothing was promoted to it yet.
        TamperedError: the ledger was altered.
    """
    suite = prepared.suite.name
    now = champion(store, suite, alias)
    if now is None:
        raise nothing_yet(suite, alias)
    return now.entry


def entry_of_anchor(prepared: Prepared, store: RegistryStore, anchor: str) -> Entry:
    """The release that a policy's anchor means: what an alias names, or one of the champions.

    Raises:
        UsageError: there is none such.
        TamperedError: the ledger was altered.
    """
    suite = prepared.suite.name
    if anchor in {*prepared.workspace.settings.promotion.aliases, *aliases_of(store, suite)}:
        return entry_of_alias(prepared, store, anchor)
    entries = history(store, suite)
    if not entries:
        raise UsageError(f"{suite} has no champion yet, so the anchor {anchor!r} names none", remedy="leave it out")
    return entry_named(entries, anchor)


def entry_spec(name: str, entry: Entry, prepared: Prepared, store: RegistryStore) -> TargetSpec:
    """The bundle of a ledger's entry, as a target of that name.

    Raises:
        TamperedError: the stored bundle was altered.
    """
    bundle = load_bundle(store, prepared.suite.name, entry.bundle)
    folder = materialise(bundle, prepared.workspace.state / BUNDLES / short(entry.bundle, 32))
    return bundle_spec(name, bundle, folder, prepared.suite.models)


def bundle_spec(name: str, bundle: Bundle, folder: Path, known: Mapping[str, ModelSettings]) -> TargetSpec:
    """A materialised bundle as a target.

    A model that `known` has with other settings is renamed `NAME of TARGET`, so that both can be open at once; the
    target's identity stays the bundle's. What a model costs is no part of a bundle: it costs what `known` says.
    """
    settings, models = under_other_names(name, bundle.settings, bundle.models, known)
    return describe(name, settings, root=folder, models=models, bundle=bundle)


def under_other_names(
    name: str, settings: TargetSettings, models: Mapping[str, ModelSettings], known: Mapping[str, ModelSettings]
) -> tuple[TargetSettings, dict[str, ModelSettings]]:
    """A target's settings and models, the models under names that today's suite has not given to others.

    Args:
        name: The target's, in the run.
        settings: Its own.
        models: Those that it uses.
        known: Today's.
    """
    priced = {model: _priced(settings, known.get(model)) for model, settings in models.items()}
    names = {
        model: model if known.get(model, settings) == settings else f"{model} of {name}"
        for model, settings in priced.items()
    }
    renamed = settings.model_copy(
        update={
            "model": names.get(settings.model) if isinstance(settings.model, str) else None,
            "connections": {key: names[model] for key, model in settings.connections.items()},
        }
    )
    return renamed, {names[model]: kept for model, kept in priced.items()}


def _priced(settings: ModelSettings, known: ModelSettings | None) -> ModelSettings:
    same = known is not None and (known.model, known.base_url) == (settings.model, settings.base_url)
    return settings.model_copy(update={"price": known.price}) if known is not None and same else settings
