"""The `RegistryStore` on MLflow: one ledger run and one registered model for each suite.

What makes it exact, on SQLite, PostgreSQL and through a server: a param of a run, once logged, can't be given another
value, and of two registered models of one name only the first is made. So a model's records are params of a run that is
named by a tag which the model was made with: who loses the race to make the model drops its own run and uses the
winner's. Aliases and tags may be moved by anybody; the registry treats them as projections.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.tracking.contract import ModelVersion, refuse_longer
from plimsoll.tracking.prompt_versions import PromptVersions
from plimsoll.tracking.store import AlreadyExistsError, MissingError, TrackingStore

LEDGER_TAG = "plimsoll.ledger"


class MlflowRegistryStore(PromptVersions):
    """A `RegistryStore` over an open tracking store."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store
        self._client = store.client
        self._runs: dict[str, str] = {}

    def create_record(self, model: str, key: str, value: str) -> str:
        """Make a record unless there is one; what it holds now."""
        refuse_longer(value)
        run = self._open(model)
        try:
            self._call("writing the ledger", self._client.log_param, run, key, value)
        except InfrastructureError:
            # Either the param is there already, with another value, or the store failed: the reading tells which.
            found = self._params(run).get(key)
            if found is None:
                raise
            return found
        return self._params(run)[key]

    def records(self, model: str) -> dict[str, str]:
        """Every record of the model."""
        run = self._find(model)
        return self._params(run) if run else {}

    def put_files(self, model: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files into a folder."""
        run = self._open(model)
        with tempfile.TemporaryDirectory(prefix="plimsoll-") as local:
            for path, data in files.items():
                file = Path(local, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            self._call("writing files", self._client.log_artifacts, run, local, folder)

    def get_files(self, model: str, folder: str) -> dict[str, bytes]:
        """Every file in the folder."""
        run = self._find(model)
        if run is None or not self._call("listing files", self._client.list_artifacts, run, folder):
            return {}
        with tempfile.TemporaryDirectory(prefix="plimsoll-") as local:
            root = Path(self._call("reading files", self._client.download_artifacts, run, folder, local))
            return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def create_version(self, model: str, folder: str, tags: Mapping[str, str]) -> int:
        """A new version; its number."""
        run = self._open(model)
        made = self._call(
            "making a version",
            self._client.create_model_version,
            model,
            f"{self._artifacts(run)}/{folder}",
            run_id=run,
            tags=dict(tags),
        )
        return int(made.version)

    def delete_version(self, model: str, number: int) -> None:
        """Remove a version."""
        with suppress(MissingError):
            self._call("removing a version", self._client.delete_model_version, model, str(number))

    def versions(self, model: str, folder: str | None = None) -> tuple[ModelVersion, ...]:
        """Every version, or those of the folder; oldest first."""
        run = self._find(model)
        if run is None:
            return ()
        root = f"{self._artifacts(run)}/"
        only = f" AND source_path='{root}{folder}'" if folder is not None else ""
        return tuple(
            ModelVersion(
                number=int(version.version), folder=version.source.removeprefix(root), tags=dict(version.tags or {})
            )
            for version in self._numbered(f"name='{model}'{only}")
        )

    def set_alias(self, model: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        set_alias = self._client.set_registered_model_alias
        self._call(f"setting the alias {alias}", set_alias, model, alias, str(number))

    def aliases(self, model: str) -> dict[str, int]:
        """Alias → version."""
        found = self._model(model)
        return {alias: int(number) for alias, number in found.aliases.items()} if found else {}

    def set_tag(self, model: str, key: str, value: str) -> None:
        """A tag of the model itself."""
        self._open(model)
        self._call("tagging the model", self._client.set_registered_model_tag, model, key, value)

    def tags(self, model: str) -> dict[str, str]:
        """The tags of the model itself."""
        found = self._model(model)
        return dict(found.tags) if found else {}

    def models(self) -> tuple[str, ...]:
        """The models that this store keeps records of."""
        found: list[str] = []
        token = None
        while True:
            page = self._call(
                "listing models", self._client.search_registered_models, max_results=200, page_token=token
            )
            found += [model.name for model in page if LEDGER_TAG in model.tags]
            token = page.token
            if not token:
                return tuple(sorted(found))

    def _call(self, doing: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self._store.call(doing, function, *args, **kwargs)

    def _model(self, model: str) -> Any:
        try:
            return self._call("reading the registered model", self._client.get_registered_model, model)
        except MissingError:
            return None

    def _find(self, model: str) -> str | None:
        """The ledger run, if there is one."""
        if model not in self._runs:
            found = self._model(model)
            if found is None:
                ledger = self._ledger_without_model(model)
                # Another process may have made the two since we looked.
                found = self._model(model) if ledger else None
                if ledger and found is None:
                    raise _lost(model, ledger)
            if found is None:
                return None
            if LEDGER_TAG not in found.tags:
                raise UsageError(
                    f"MLflow has a registered model {model!r} that is not of plimsoll's making",
                    remedy="give the suite another name, or rename that model",
                )
            self._runs[model] = found.tags[LEDGER_TAG]
        return self._runs[model]

    def _ledger_without_model(self, model: str) -> str | None:
        """The ledger that a deleted model leaves: starting a new one would forget every champion."""
        left = self._call(
            "looking for an earlier ledger",
            self._client.search_runs,
            [self._store.ledger_experiment_id],
            filter_string=f"tags.`{LEDGER_TAG}` = '{model}'",
        )
        return next((str(run.info.run_id) for run in left if run.data.params), None)

    def _open(self, model: str) -> str:
        """The ledger run, made with its model where there is none."""
        known = self._find(model)
        if known:
            return known
        run = self._call(
            "making the ledger",
            self._client.create_run,
            self._store.ledger_experiment_id,
            tags={LEDGER_TAG: model},
            run_name=f"ledger of {model}",
        ).info.run_id
        try:
            self._call(
                "making the registered model",
                self._client.create_registered_model,
                model,
                tags={LEDGER_TAG: run},
                description="Bundles promoted by plimsoll; the ledger run that the tag names decides the aliases.",
            )
        except AlreadyExistsError:
            self._call("dropping a second ledger", self._client.delete_run, run)
            known = self._find(model)
            if known is None:
                raise
            return known
        self._runs[model] = run
        return str(run)

    def _params(self, run: str) -> dict[str, str]:
        found = self._call("reading the ledger", self._client.get_run, run)
        if found.info.lifecycle_stage != "active":
            raise InfrastructureError(
                f"the ledger, MLflow run {run}, was deleted",
                remedy=f"`mlflow runs restore --run-id {run}` brings it back with every entry",
            )
        return dict(found.data.params)

    def _artifacts(self, run: str) -> str:
        return str(self._call("reading the ledger", self._client.get_run, run).info.artifact_uri)


def _lost(model: str, ledger: str) -> InfrastructureError:
    return InfrastructureError(
        f"the registered model {model!r} was deleted in MLflow; its history is still in run {ledger}",
        remedy="restore the tracking store from a backup; or, to start anew, delete that run as well",
    )
