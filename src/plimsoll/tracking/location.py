"""Where runs are logged: one URI from four places, and what follows from it.

The first that says something: the caller (a command's option), `MLFLOW_TRACKING_URI` in the environment, `tracking_uri`
in `[tool.plimsoll]`, and the SQLite database inside the workspace. The environment goes over the file because a CI job
or a colleague's machine has to be able to point elsewhere without a change in the repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from plimsoll.config import Workspace
from plimsoll.errors import UsageError

URI_VARIABLE = "MLFLOW_TRACKING_URI"
_SQLITE = "sqlite:///"
_SERVERS = ("http", "https")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


@dataclass(frozen=True, slots=True)
class Location:
    """A tracking store's address."""

    uri: str
    artifacts: str | None
    """Where a new experiment's files go: a `file:` URI; None leaves it to the server."""
    database: Path | None = None
    """The SQLite file, where it is one."""

    @property
    def remote(self) -> bool:
        """Whether it is an MLflow server, and not a database that we open ourselves."""
        return self.artifacts is None

    @property
    def password(self) -> str | None:
        """The password inside the URI, if there is one."""
        return urlsplit(self.uri).password

    @property
    def shown(self) -> str:
        """The URI as messages may show it: without a password."""
        parts = urlsplit(self.uri)
        if parts.password is None:
            return self.uri
        return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))

    def page(self, experiment: str, run: str) -> str | None:
        """The address of a run's page in the server's UI; None without a server."""
        return f"{self.shown.rstrip('/')}/#/experiments/{experiment}/runs/{run}" if self.remote else None


def locate(uri: str | None, workspace: Workspace, environ: Mapping[str, str]) -> Location:
    """The tracking store to use.

    Args:
        uri: the caller's; relative SQLite paths in it, as in `[tool.plimsoll]`, are relative to the workspace.
        workspace: whose settings and folder are used.
        environ: the environment; a relative SQLite path there is relative to the current folder, as with MLflow itself.

    Raises:
        UsageError: the URI names no store that can hold a registry.
    """
    named = environ.get(URI_VARIABLE, "").strip()
    written = uri or named or workspace.settings.tracking_uri
    if not written:
        return at_database(workspace.state / "mlflow.db")
    base = Path.cwd() if not uri and named else workspace.root
    scheme = urlsplit(written).scheme.split("+")[0]
    if scheme == "sqlite":
        path = written.removeprefix(_SQLITE).split("?")[0]
        if not written.startswith(_SQLITE) or not path or path == ":memory:":
            raise UsageError(
                f"not a SQLite database that lasts: {written}", remedy="write sqlite:///FILE, for example mlflow.db"
            )
        return at_database((base / path).resolve())
    if scheme in _SERVERS or written.split(":")[0] == "databricks":
        return Location(written, None)
    if scheme in _DATABASES:
        return Location(written, (workspace.state / "mlartifacts").as_uri())
    raise UsageError(
        f"MLflow's tracking URI {written!r} is no server and no database",
        remedy="write http(s)://SERVER, sqlite:///FILE or postgresql://…; a folder of files can't hold a registry",
    )


def at_database(path: Path) -> Location:
    """A SQLite file as a store, with its artifacts beside it."""
    return Location(f"{_SQLITE}{path.as_posix()}", (path.parent / "mlartifacts").as_uri(), path)
