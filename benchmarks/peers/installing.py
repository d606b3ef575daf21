"""Installs each tool at its pinned versions into a folder outside the repository, once."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

PINS = Path(__file__).with_name("pins")
_SECONDS = 900
_DONE = "installed.txt"


class NotInstalledError(Exception):
    """A tool could not be installed; the message says why."""


def install(name: str, work: Path) -> Path:
    """The folder of a tool's environment, made if it is not there or its pins changed.

    Raises:
        NotInstalledError: the registry or the installer refused.
    """
    pins = _pins(name)
    folder = work / name
    mark = hashlib.sha256(pins.read_bytes()).hexdigest()
    done = folder / _DONE
    if done.is_file() and done.read_text(encoding="ascii") == mark:
        return folder
    print(f"installing {name} into {folder}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    if pins.suffix == ".json":
        _with_npm(pins, folder)
    else:
        _with_uv(pins, folder)
    done.write_text(mark, encoding="ascii")
    return folder


def versions(name: str) -> dict[str, str]:
    """Package → version, as pinned."""
    pins = _pins(name)
    text = pins.read_text(encoding="utf-8")
    if pins.suffix == ".json":
        given = json.loads(text)
        return {**given["dependencies"], **given["optionalDependencies"]}
    return dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", text, re.MULTILINE))


def _pins(name: str) -> Path:
    return next(path for path in (PINS / f"{name}.json", PINS / f"{name}.txt") if path.is_file())


def _with_uv(pins: Path, folder: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise NotInstalledError("uv is not there: `make install` brings it")
    _call(uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder))
    python = str(folder / "bin" / "python")
    _call(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "--requirement", str(pins))


def _with_npm(pins: Path, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalledError("npm is not there")
    shutil.copy(pins, folder / "package.json")
    # No install scripts: they would fetch what a registry does not hold.
    _call(npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def _call(*command: str) -> None:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"{Path(command[0]).name} took more than {_SECONDS} s") from None
    if ended.returncode:
        raise NotInstalledError(f"{Path(command[0]).name}: {(ended.stderr or ended.stdout).strip()[-500:]}")
