"""Where a library is installed, which version that is, and what its worker may know of the machine.

The worker gets no key of ours: what its evaluator asks goes to the suite's models by the harness. So its environment
is made of a few names that any program needs; what a library would send home is turned off, and what it would write
home goes to a folder that is thrown away.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from plimsoll.errors import UsageError

_KEPT = re.compile(
    r"PATH|PATHEXT|SYSTEMROOT|WINDIR|COMSPEC|(DY)?LD_LIBRARY_PATH|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TEMP|TMP"
    r"|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|HF_HOME|NLTK_DATA|TIKTOKEN_CACHE_DIR|OMP_NUM_THREADS",
    re.IGNORECASE,
)
"""Of the machine: programs, language, folders for temporary files and data, certificates.

No proxy: its address may hold a password, and the models are asked by way of our own loopback.
"""
_QUIET = {
    "ANONYMIZED_TELEMETRY": "False",
    "DEEPEVAL_DISABLE_DOTENV": "1",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "DEEPEVAL_UPDATE_WARNING_OPT_OUT": "YES",
    "DO_NOT_TRACK": "1",
    "ERROR_REPORTING": "NO",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OTEL_SDK_DISABLED": "true",
    "RAGAS_DO_NOT_TRACK": "true",
}
"""Each library's own switch against sending home, and against fetching what it does not need."""
_LOCAL = "127.0.0.1,localhost"
_VERSION = "import importlib.metadata as m, sys\nprint(m.version(sys.argv[1]))"
_PATIENCE = 60.0


def interpreter(library: str, environments: Mapping[str, str], root: Path) -> Path | None:
    """The Python that a library runs in; None is ours.

    Args:
        library: Its name in suites.
        environments: The project's setting: an environment's folder or a Python, relative to `root`.
        root: The workspace's root.

    Raises:
        UsageError: the setting names neither.
    """
    written = environments.get(library)
    if written is None:
        return None
    place = root / Path(written).expanduser()
    # Not resolved: an environment's Python is a link, and what it is linked to has other packages.
    for found in (place, place / "bin" / "python", place / "Scripts" / "python.exe"):
        if found.is_file():
            return found
    raise UsageError(
        f"environments.{library}: there is no environment at {written}", remedy=f"make it: `uv venv {written}`"
    )


def installed_version(package: str, python: Path | None) -> str | None:
    """The version of a distribution where the library runs; None where it is not installed.

    Raises:
        UsageError: the other Python does not run.
    """
    if python is None:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return None
    try:
        asked = subprocess.run(  # noqa: S603  # the workspace's own setting
            [str(python), "-I", "-c", _VERSION, package], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{python} does not run: {error}", remedy="make that environment anew") from None
    if asked.returncode == 0:
        return asked.stdout.strip()
    if "PackageNotFoundError" in asked.stderr:
        return None
    said = asked.stderr.strip().splitlines()
    raise UsageError(f"{python} does not run: {said[-1] if said else f'exit code {asked.returncode}'}")


def worker_environment(environ: Mapping[str, str], home: Path, python: Path | None) -> dict[str, str]:
    """The worker's whole environment.

    Args:
        environ: Ours.
        home: A folder that is thrown away, in place of the user's.
        python: The worker's interpreter; None is ours, which also finds packages as we do.
    """
    found = {name: value for name, value in environ.items() if _KEPT.fullmatch(name)}
    if python is None and "PYTHONPATH" in environ:
        found["PYTHONPATH"] = environ["PYTHONPATH"]
    return {
        **found,
        **_QUIET,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db",
        # The system's own proxy would look for the gateway on its own loopback.
        "NO_PROXY": _LOCAL,
        "no_proxy": _LOCAL,
    }
