"""Importing MLflow: what must be set beforehand, and the one place where it happens.

MLflow is told everything by environment variables, which it reads when imported and at each request; so the process's
own environment is completed (never overridden) before the first import. It takes 3 to 9 seconds of one core, so runs
are logged by a process of its own, which leaves out what it does not need.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.metadata import entry_points

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # random.seed() anywhere in the process would otherwise make trace ids collide.
    "MLFLOW_TRACE_USE_ISOLATED_RANDOM_ID_GENERATOR": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # What goes wrong is told by our own errors; MLflow's log would add a stack trace on the user's terminal.
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    # It would print a run's address on stdout, where `--json` promises one JSON object.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow's own limits (120 s, 7 retries) keep a command waiting for a quarter of an hour on a dead server.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ASYNC_TRACE_LOGGING_RETRY_TIMEOUT": "20",
}
_PASSED_ON = (
    "MLFLOW_",
    "DATABRICKS_",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
"""Starts of names that MLflow and its storage clients read: those in `.env` have to reach them."""


def load_mlflow(environ: Mapping[str, str]) -> None:
    """Set what MLflow reads, then import the parts of it that are used here.

    Args:
        environ: the environment as the workspace completes it (`config.environment`).
    """
    wanted = {name: value for name, value in environ.items() if name.upper().startswith(_PASSED_ON)}
    wanted.pop("MLFLOW_TRACKING_URI", None)
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("SSL_CERT_FILE")
    if bundle:
        wanted["REQUESTS_CA_BUNDLE"] = bundle
    for name, value in {**_DEFAULTS, **wanted}.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        # MLflow's models use a loader that SQLAlchemy 2.1 deprecates; nothing that we or the user could change.
        warnings.simplefilter("ignore", DeprecationWarning)
        import mlflow.store.tracking.sqlalchemy_store
        import mlflow.tracking  # noqa: F401  # both imported for their effect: whoever needs a part imports it again


def load_for_writing(environ: Mapping[str, str]) -> None:
    """The same for a process that only logs: without pandas, a third of the time and 50 MB less.

    MLflow without pandas is what its own distribution `mlflow-skinny` is.

    Args:
        environ: the environment as the workspace completes it.
    """
    gc.disable()
    try:
        with _without_pandas():
            load_mlflow(environ)
            import pyarrow as pa
            import pyarrow.parquet  # for its effect, while nobody waits for it

            # Asks once for pandas, and remembers that there is none.
            pa.array([0])
    finally:
        # What was imported stays: going through it takes the collector a quarter of a second each time.
        gc.freeze()
        gc.enable()


@contextmanager
def _without_pandas() -> Iterator[None]:
    """An import of pandas fails inside the block, as if it were not installed."""
    if "pandas" in sys.modules or _has_plugins():
        yield
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _has_plugins() -> bool:
    """Whether MLflow loads code of others with itself, a company's own login for one: that may need pandas."""
    found = entry_points()
    groups = [group for group in found.groups if group.startswith("mlflow.")]
    return any(not entry.value.startswith("mlflow.") for group in groups for entry in found.select(group=group))


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002  # the import system's signature
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is left out here", name=fullname)
