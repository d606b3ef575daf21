"""An open tracking store: MLflow's clients for one address, and the one boundary between its errors and ours.

Opening is bounded in time and says at once what is wrong: a server that doesn't answer or refuses us, a database that
is locked or read-only. Nothing is written to the home folder or the current folder; MLflow's process-wide address
(`mlflow.set_tracking_uri`) is never set, so that whatever else uses MLflow in this process is left alone.
"""

from __future__ import annotations

import random
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import ParamSpec, Self, TypeVar
from urllib.parse import quote

from plimsoll.config import Workspace
from plimsoll.config.secrets import Redactor, secrets_of
from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.tracking import postgres, sqlite
from plimsoll.tracking.loading import load_mlflow
from plimsoll.tracking.location import Location, at_database, locate
from plimsoll.tracking.redact import TrackingRedactor

P = ParamSpec("P")
R = TypeVar("R")

_LOCK_RETRIES = 12
_FIRST_ANSWER_SECONDS = 5
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "genai_development"}
_USERNAME, _PASSWORD, _TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
LEDGER_EXPERIMENT = "plimsoll-registry"


class TrackingStore:
    """An MLflow tracking store and registry, made by `open_store`; leaving its context lets go of the connections."""

    def __init__(self, location: Location, experiment: str, redactor: Redactor) -> None:
        from mlflow.tracking import MlflowClient

        self.location = location
        self.experiment = experiment
        """The experiment's name."""
        self.redactor = redactor
        self.client: MlflowClient = self.call(
            "opening the tracking store", MlflowClient, location.uri, registry_uri=location.uri
        )

    def keep(self, names: Iterable[str]) -> None:
        """Leave these names whole from now on, whatever secret is a part of them: runs are found again by them."""
        self.redactor = self.redactor.keeping(names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database's connections. The store opens new ones where it is used again."""
        if self.location.remote:
            return
        from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Tracking

        for engines in (Tracking._engine_map, Registry._engine_map):  # noqa: SLF001  # the only way to close them
            if engine := engines.get(self.location.uri):
                engine.dispose()

    @cached_property
    def experiment_id(self) -> str:
        """The experiment for runs, made where it is missing."""
        return self.open_experiment(self.experiment, _EXPERIMENT_TAGS)

    @cached_property
    def ledger_experiment_id(self) -> str:
        """The experiment for the registry's ledgers: apart from the runs, so that clearing those leaves it."""
        return self.open_experiment(LEDGER_EXPERIMENT, {})

    def open_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """An experiment's id; made where it is missing.

        Raises:
            UsageError: it was deleted in MLflow.
            InfrastructureError: the store can't be reached.
        """
        found = self.call("reading the experiment", self.client.get_experiment_by_name, name)
        if found is None:
            # Of two processes that make it at the same time one is told that it exists.
            with suppress(AlreadyExistsError):
                return self.call(
                    "making the experiment",
                    self.client.create_experiment,
                    name,
                    artifact_location=self._artifacts_of(name),
                    tags=dict(tags),
                )
            found = self.call("reading the experiment", self.client.get_experiment_by_name, name)
        if found is None or found.lifecycle_stage != "active":
            raise UsageError(
                f"the MLflow experiment {name!r} was deleted",
                remedy="restore it in MLflow, or name another one in [tool.plimsoll]",
            )
        for key in tags.keys() - found.tags.keys():
            self.call("tagging the experiment", self.client.set_experiment_tag, found.experiment_id, key, tags[key])
        return str(found.experiment_id)

    def call(self, doing: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call into MLflow. A locked database is tried again: the failed transaction was rolled back whole.

        Raises:
            InfrastructureError: it failed; the message says what was being done, and no secret.
        """
        for attempt in range(_LOCK_RETRIES + 1):
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if attempt < _LOCK_RETRIES and "database is locked" in str(error):
                    # Jitter for politeness among processes; nothing that is measured depends on it.
                    time.sleep(random.uniform(0.5, 1.5) * min(0.02 * 2**attempt, 1.0))  # noqa: S311
                    continue
                raise self._told(doing, error) from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _told(self, doing: str, error: Exception) -> InfrastructureError:
        code = getattr(error, "error_code", "")
        if code == "RESOURCE_ALREADY_EXISTS":
            return AlreadyExistsError(str(error))
        if code == "RESOURCE_DOES_NOT_EXIST":
            return MissingError(f"{doing}: {self.redactor.text(str(error))}")
        told = _infrastructure(doing, self.location, self.redactor.text(str(error)))
        return RefusedError(told.message, remedy=told.remedy) if code == "INVALID_PARAMETER_VALUE" else told

    def _artifacts_of(self, experiment: str) -> str | None:
        root = self.location.artifacts
        return f"{root}/{quote(experiment, safe='')}" if root else None


class AlreadyExistsError(InfrastructureError):
    """Somebody made it first."""


class MissingError(InfrastructureError):
    """It isn't there."""


class RefusedError(InfrastructureError):
    """MLflow does not take such a value, however often it is tried."""


def open_store(
    uri: str | None, workspace: Workspace, environ: Mapping[str, str], *, patience: float = 10.0
) -> TrackingStore:
    """Open the tracking store that caller, environment and settings name (see `location`).

    Args:
        uri: the caller's own choice; None where it has none.
        workspace: its settings, and the place of the default store.
        environ: the environment, completed from `.env`.
        patience: seconds to wait for a locked database.

    Raises:
        UsageError: the URI names no store that can be used.
        InfrastructureError: it can't be reached or written.
    """
    location = locate(uri, workspace, environ)
    redactor = TrackingRedactor(secrets_of(environ), (location.password,))
    load_mlflow(environ)
    experiment = workspace.settings.experiment or workspace.root.name or "plimsoll"
    if location.uri.startswith("http"):
        _knock(location, environ, redactor)

    def make(database: Path) -> None:
        TrackingStore(at_database(database), experiment, redactor).close()

    if location.database is not None:
        sqlite.prepare(location.database, make, patience)
    if location.uri.startswith("postgresql"):
        with postgres.opened_alone(location, redactor):
            return TrackingStore(location, experiment, redactor)
    return TrackingStore(location, experiment, redactor)


def _knock(location: Location, environ: Mapping[str, str], redactor: Redactor) -> None:
    """One small request with short limits, so that a dead server is known in seconds."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    limit = environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "")
    try:
        answer = http_request(  # type: ignore[no-untyped-call]  # MLflow's own, without annotations
            get_default_host_creds(location.uri),  # type: ignore[no-untyped-call]  # the same
            "/api/2.0/mlflow/experiments/get?experiment_id=0",
            "GET",
            timeout=int(limit) if limit.isdecimal() else _FIRST_ANSWER_SECONDS,
            max_retries=1,
            backoff_factor=0,
            raise_on_status=False,
        )
    except Exception as error:
        raise InfrastructureError(
            f"no answer from the tracking server {location.shown}: {redactor.text(str(_root_cause(error)))}",
            remedy="start it, or set MLFLOW_TRACKING_URI to another place; `plimsoll doctor` tries the connection",
        ) from error
    if answer.status_code in (401, 403):
        raise InfrastructureError(
            f"the tracking server {location.shown} refuses us: {answer.status_code} {redactor.text(answer.text)[:200]}",
            remedy=_credentials(environ),
        )
    if answer.status_code not in (200, 404) or "json" not in answer.headers.get("content-type", ""):
        raise InfrastructureError(
            f"{location.shown} does not answer like an MLflow server: {answer.status_code} {answer.reason}",
            remedy="check MLFLOW_TRACKING_URI; `plimsoll doctor` tries the connection",
        )


def _credentials(environ: Mapping[str, str]) -> str:
    """What is to be done about a name and a password, or a token, that were not taken."""
    if environ.get(_USERNAME) and environ.get(_PASSWORD):
        return f"{_USERNAME} and {_PASSWORD} are set: check both, and what that name may do there"
    if environ.get(_TOKEN):
        return f"{_TOKEN} is set: check it, and what it allows there"
    return f"set {_USERNAME} and {_PASSWORD}, or {_TOKEN}"


def _root_cause(error: BaseException) -> BaseException:
    """The innermost error: `Connection refused` rather than the three layers of client around it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _infrastructure(doing: str, location: Location, detail: str) -> InfrastructureError:
    if "out-of-date database schema" in detail:
        return InfrastructureError(
            f"{doing}: the tracking database was made by another version of MLflow",
            remedy=f"back it up, then run `mlflow db upgrade {location.shown}`, or use the version that made it",
        )
    if "mlflow-artifacts URI" in detail:
        return InfrastructureError(
            f"{doing} ({location.shown}): it was logged through a server, which has the files",
            remedy="start that server, and set MLFLOW_TRACKING_URI to it",
        )
    first = textwrap.shorten(detail, 500, placeholder=" …") or "no message"
    return InfrastructureError(
        f"{doing} ({location.shown}): {first}",
        remedy="check the tracking server or database; `plimsoll doctor` tries it",
    )
