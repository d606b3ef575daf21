"""A tracking server of which only runs are read: packed as they are logged, in a folder, without MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from plimsoll.config.secrets import Redactor
from plimsoll.testing.store import MemoryRegistryStore
from plimsoll.tracking.run_search import FoundRun, Wanted
from plimsoll.tracking.stored_runs import pack
from plimsoll.types import Decision


class FolderServer:
    """Keeps runs; a `Server` for whoever asks for runs by their words."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._kept: list[tuple[FoundRun, Mapping[str, str]]] = []
        self._registry = MemoryRegistryStore()

    def keep(
        self,
        run: Path,
        *,
        experiment: str = "desk",
        tags: Mapping[str, str] | None = None,
        outcomes: Mapping[str, Decision] | None = None,
    ) -> FoundRun:
        """Keep a run's folder.

        Args:
            run: The folder.
            experiment: Where it would be in MLflow.
            tags: Of its MLflow run.
            outcomes: Target → what a gate decided over it.
        """
        mlflow = f"{len(self._kept) + 1:032x}"
        making = self.root / "making"
        making.mkdir(parents=True)
        stored = pack(run, making, Redactor({}))
        place = self.root / mlflow / stored.place
        place.parent.mkdir(parents=True)
        making.rename(place)
        found = FoundRun(mlflow=mlflow, experiment=experiment, state=stored, outcomes=dict(outcomes or {}))
        self._kept.append((found, tags or {}))
        return found

    def registry(self) -> MemoryRegistryStore:
        """A registry, empty at first."""
        return self._registry

    def stored_runs(self) -> FolderServer:
        """Itself."""
        return self

    def find(self, wanted: Wanted) -> tuple[FoundRun, ...]:
        """The runs that are meant, newest first."""
        found = [each for each, tags in self._kept if self._is_meant(wanted, each, tags)]
        of_suite = [each for each in found if wanted.suite in (None, each.state.suite)]
        return tuple(sorted(of_suite, key=lambda each: (each.state.started, each.state.run), reverse=True))

    def known(self, wanted: Wanted) -> tuple[str, ...]:
        """What could have been meant instead."""
        if wanted.by == "tag":
            return tuple(sorted({f"{key}={value}" for _, tags in self._kept for key, value in tags.items()}))
        names = {each.state.run if wanted.by == "run" else each.state.branch for each, _ in self._kept}
        return tuple(sorted(name for name in names if name))

    def download(self, run: str, names: list[str], folder: str) -> tuple[str, ...]:
        """Copy what is kept; a folder's name ends in `/`."""
        missing = []
        for name in names:
            source, target = self.root / run / name, Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            elif source.is_file():
                shutil.copyfile(source, target)
            else:
                missing.append(name)
        return tuple(missing)

    def _is_meant(self, wanted: Wanted, found: FoundRun, tags: Mapping[str, str]) -> bool:
        if wanted.by == "branch":
            return found.state.branch == wanted.value
        if wanted.by == "tag":
            key, _, value = wanted.value.partition("=")
            return tags.get(key) == value
        return wanted.value in found.state.run or wanted.value == found.mlflow
