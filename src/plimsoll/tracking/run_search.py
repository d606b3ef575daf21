"""Finding stored runs in MLflow, by what their params say, and bringing their files here.

A tag is believed only where a tag is asked for. Params are looked for by a pattern that may be too wide, since what is
found is read and looked at again.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from plimsoll.canonical import dumps
from plimsoll.errors import UsageError
from plimsoll.tracking.records import RUN_TAG
from plimsoll.tracking.remote_registry import Ask
from plimsoll.tracking.store import MissingError, TrackingStore
from plimsoll.tracking.stored_runs import FIRST_PARAM, Stored, outcomes_of, states_of
from plimsoll.types import Decision

if TYPE_CHECKING:
    from mlflow.entities import Run

_MOST = 200
"""Runs that one search looks at: the newest."""
_PARENT_TAG = "mlflow.parentRunId"

By: TypeAlias = Literal["run", "branch", "tag"]


class FoundRun(Struct, frozen=True, kw_only=True):
    """A run in the store."""

    mlflow: str
    """Its MLflow run."""
    experiment: str
    """The experiment's name."""
    state: Stored
    earlier: int = 0
    """How many times it was logged complete before, with other contents."""
    outcomes: dict[str, Decision] = {}
    """Target → what the last gate over it decided."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which run is meant."""

    by: By
    value: str
    """`run`: its id, a part of it, or its MLflow run's id; `branch`: a name; `tag`: KEY=VALUE."""
    suite: str | None = None
    """Only this suite's."""


class StoredRuns(Protocol):
    """Reads runs of a tracking store. All raise InfrastructureError where it can't be reached."""

    def find(self, wanted: Wanted) -> tuple[FoundRun, ...]:
        """The runs that are meant, newest first; none where there is none.

        Raises:
            UsageError: runs of several experiments are meant, none of them the workspace's own.
        """
        ...

    def known(self, wanted: Wanted) -> tuple[str, ...]:
        """What could have been meant instead: ids, branches, or values of the tag."""
        ...

    def download(self, run: str, names: list[str], folder: str) -> tuple[str, ...]:
        """Bring artifacts of an MLflow run into a local folder, by their own paths.

        Args:
            run: the MLflow run.
            names: of files; one that ends in `/` is a folder with all in it.
            folder: where to.

        Returns:
            Those that the store does not have.
        """
        ...


def _last(run: Run) -> Stored | None:
    states = states_of(run.data.params)
    return states[-1] if states else None


class MlflowStoredRuns:
    """The `StoredRuns` of an open tracking store."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store

    def find(self, wanted: Wanted) -> tuple[FoundRun, ...]:
        """The runs that are meant, newest first."""
        own, others = self._experiments()
        if wanted.by == "run":
            return self._meant(wanted, {**own, **others})
        found = self._meant(wanted, own) if own else ()
        if found:
            return found
        # A clone in a folder of another name has, unless the settings name it, another experiment.
        found = self._meant(wanted, others) if others else ()
        names = sorted({each.experiment for each in found})
        if len(names) > 1:
            raise UsageError(
                f"runs of {wanted.suite or 'the suite'} are in several MLflow experiments, and in none named "
                f"{self._store.experiment!r}: {', '.join(names[:5])}",
                remedy='name yours in pyproject.toml: [tool.plimsoll] experiment = "NAME"',
            )
        return found

    def known(self, wanted: Wanted) -> tuple[str, ...]:
        """What could have been meant instead."""
        own, others = self._experiments()
        stored = self._search({**own, **others}, [f"params.`{FIRST_PARAM}` LIKE '%'", *_suite(wanted)])
        runs = [run for run in stored if (last := _last(run)) and wanted.suite in (None, last.suite)]
        if wanted.by == "tag":
            key = wanted.value.partition("=")[0]
            pairs = ((name, value) for run in runs for name, value in run.data.tags.items())
            ours = [(name, value) for name, value in pairs if not name.startswith("mlflow.")]
            same = {f"{name}={value}" for name, value in ours if name in _keys(key)}
            return tuple(sorted(same or {name for name, _ in ours}))
        states = [last for run in runs if (last := _last(run))]
        names = {state.run if wanted.by == "run" else state.branch or "" for state in states} - {""}
        # `branch:` can't name a fork's: the colon would begin a target.
        return tuple(sorted(name for name in names if ":" not in name))

    def download(self, run: str, names: list[str], folder: str) -> tuple[str, ...]:
        """Bring artifacts into a local folder."""
        missing = []
        for name in names:
            if not self._has(run, name):
                missing.append(name)
                continue
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as local:
                # Where in that folder it puts them depends on the kind of store.
                download = self._store.client.download_artifacts
                there = self._store.call("reading the run", download, run, name.rstrip("/"), local)
                Path(there).rename(place)
        return tuple(missing)

    def _has(self, run: str, name: str) -> bool:
        parent, _, last = name.rstrip("/").rpartition("/")
        there = self._store.call("reading the run", self._store.client.list_artifacts, run, parent or None)
        return any(file.path.rpartition("/")[2] == last for file in there)

    def _experiments(self) -> tuple[dict[str, str], dict[str, str]]:
        """Id → name of the workspace's own, and of all others."""
        found: list[Any] = []
        token = None
        while True:
            page = self._store.call(
                "listing experiments", self._store.client.search_experiments, max_results=1000, page_token=token
            )
            found += page
            token = page.token
            if not token:
                break
        own = {each.experiment_id: each.name for each in found if each.name == self._store.experiment}
        return own, {each.experiment_id: each.name for each in found if each.experiment_id not in own}

    def _meant(self, wanted: Wanted, places: Mapping[str, str]) -> tuple[FoundRun, ...]:
        runs = {run.info.run_id: run for run in self._parents(wanted, places)}
        found = [
            FoundRun(
                mlflow=run.info.run_id,
                experiment=places.get(run.info.experiment_id, run.info.experiment_id),
                state=states[-1],
                earlier=sum(state.complete and state.files != states[-1].files for state in states[:-1]),
                outcomes=outcomes_of(run.data.params),
            )
            for run in runs.values()
            if run.info.lifecycle_stage == "active" and (states := states_of(run.data.params))
        ]
        fitting = [each for each in found if wanted.suite in (None, each.state.suite)]
        return tuple(sorted(fitting, key=lambda each: (each.state.started, each.state.run), reverse=True))

    def _parents(self, wanted: Wanted, places: Mapping[str, str]) -> Iterator[Run]:
        if wanted.by == "run":
            yield from self._by_id(wanted, places)
        elif wanted.by == "branch":
            meant = self._search(
                places, [*_suite(wanted), f"params.`{FIRST_PARAM}` LIKE '%{_like('branch', wanted.value)}%'"]
            )
            yield from (run for run in meant if (last := _last(run)) and last.branch == wanted.value)
        else:
            yield from self._by_tag(wanted, places)

    def _by_id(self, wanted: Wanted, places: Mapping[str, str]) -> Iterator[Run]:
        part = _wild(wanted.value)
        meant = self._search(places, [*_suite(wanted), f"params.`{FIRST_PARAM}` LIKE '%{part}%'"])
        held = [(run, last.run) for run in meant if (last := _last(run)) and wanted.value in last.run]
        exact = [run for run, name in held if name == wanted.value]
        yield from exact or [run for run, _ in held]
        if not held and re.fullmatch(r"[0-9a-f]{32}", wanted.value):
            try:
                run = self._run(wanted.value)
                yield self._run(run.data.tags[_PARENT_TAG]) if _PARENT_TAG in run.data.tags else run
            except MissingError:
                return

    def _by_tag(self, wanted: Wanted, places: Mapping[str, str]) -> Iterator[Run]:
        """A tag may stand on the suite run's MLflow run or on a target's: whoever sets one in the UI sees both."""
        key, _, value = wanted.value.partition("=")
        for name in _keys(key):
            tagged = self._search(places, [f"tags.`{name}` LIKE '{_wild(value)}'", f"tags.`{RUN_TAG}` LIKE '%'"])
            for run in tagged:
                if run.data.tags.get(name) == value:
                    yield self._run(run.data.tags[_PARENT_TAG]) if _PARENT_TAG in run.data.tags else run

    def _run(self, run: str) -> Run:
        return self._store.call("reading an MLflow run", self._store.client.get_run, run)

    def _search(self, places: Mapping[str, str], conditions: Iterable[str]) -> list[Run]:
        return list(
            self._store.call(
                "looking for runs in MLflow",
                self._store.client.search_runs,
                list(places),
                filter_string=" AND ".join(conditions),
                max_results=_MOST,
                order_by=["attributes.start_time DESC"],
            )
        )


def _suite(wanted: Wanted) -> list[str]:
    return [] if wanted.suite is None else [f"params.`{FIRST_PARAM}` LIKE '%{_like('suite', wanted.suite)}%'"]


def _like(key: str, value: str) -> str:
    return _wild(dumps({key: value}).decode()[1:-1])


def _wild(text: str) -> str:
    """Text for a filter's LIKE: whatever could mean something in a filter is any character."""
    return re.sub(r"[^A-Za-z0-9.\-]", "_", text)


def _keys(key: str) -> tuple[str, ...]:
    """The tags that a key means: as it is, and as our own are called."""
    if not re.fullmatch(r"[\w.\- /]+", key):
        raise UsageError(f"{key!r} is no tag's name", remedy="write tag:KEY=VALUE")
    return (key,) if "." in key else (key, f"plimsoll.{key}")


class RemoteStoredRuns:
    """The `StoredRuns` that the MLflow writer holds, seen from the command."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def find(self, wanted: Wanted) -> tuple[FoundRun, ...]:
        """The runs that are meant, newest first."""
        return msgspec.convert(self._ask("find", [msgspec.to_builtins(wanted)]), tuple[FoundRun, ...])

    def known(self, wanted: Wanted) -> tuple[str, ...]:
        """What could have been meant instead."""
        return msgspec.convert(self._ask("known", [msgspec.to_builtins(wanted)]), tuple[str, ...])

    def download(self, run: str, names: list[str], folder: str) -> tuple[str, ...]:
        """Bring artifacts into a local folder."""
        return msgspec.convert(self._ask("download", [run, names, folder]), tuple[str, ...])
