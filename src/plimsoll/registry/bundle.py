"""A bundle: all that is needed to run a target again, identified by its content.

Promises: equal content, equal digest, whatever the target is called and wherever the files came from; a bundle that is
read back has the digest that it was asked for, or a `TamperedError` says what differs; no secret's value is inside.

A materialised bundle is a folder that holds the target's files at their own relative paths and `bundle.json`. The
target's settings name files relative to that folder, so that it serves as a workspace root.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from plimsoll.canonical import digest, digest_bytes, dumps, write_atomic
from plimsoll.config import ModelSettings, TargetSettings
from plimsoll.config.secrets import unmistakable
from plimsoll.errors import ConfigError, Mistake, UsageError, Where
from plimsoll.registry.errors import TamperedError

MANIFEST = "bundle.json"
FORMAT = 1
_WITHOUT_FILES = ("http", "function")
"""Kinds that may need no file: an endpoint's address, a function of an installed package."""
_LEFT_BY_RUNNING = frozenset({"__pycache__", ".promptflow"})
"""Folders that running a bundle's code leaves in a materialised one; what is stored has none."""


@dataclass(frozen=True)
class Bundle:
    """A target's files, settings and models. Made by `make_bundle`, read by `load_folder`."""

    content: Mapping[str, Any]
    """What the digest is over, as it was first written: a later version's other defaults don't change it."""
    files: Mapping[str, bytes] = field(repr=False)
    """Relative POSIX path → content."""

    @classmethod
    def of(cls, settings: TargetSettings, models: Mapping[str, ModelSettings], files: Mapping[str, bytes]) -> Bundle:
        """A bundle of these parts. Settings that have their default are left out of its content."""
        content = {
            "format": FORMAT,
            "kind": settings.kind,
            "settings": settings.model_dump(mode="json", exclude_defaults=True),
            "models": {
                # Not its price: another price is no other target.
                name: model.model_dump(mode="json", exclude_defaults=True, exclude={"price"})
                for name, model in sorted(models.items())
            },
            "files": {path: digest_bytes(data) for path, data in sorted(files.items())},
        }
        return cls(content, dict(files))

    @cached_property
    def settings(self) -> TargetSettings:
        """The target's settings."""
        return TargetSettings.model_validate(self.content["settings"])

    @cached_property
    def models(self) -> dict[str, ModelSettings]:
        """The models that the target uses, by the suite's name for them."""
        return {name: ModelSettings.model_validate(model) for name, model in self.content["models"].items()}

    @property
    def kind(self) -> str:
        """`prompt`, `flow`, `function`, `http`, `recorded`."""
        return self.settings.kind

    @cached_property
    def digest(self) -> str:
        """The tagged digest over `content`: the bundle's identity."""
        return digest(dict(self.content))

    def written(self) -> dict[str, bytes]:
        """The files of the bundle as stored, with its manifest."""
        return {**self.files, MANIFEST: dumps({**self.content, "digest": self.digest})}


def make_bundle(
    root: Path,
    files: Iterable[Path],
    settings: TargetSettings,
    models: Mapping[str, ModelSettings],
    secrets: Mapping[str, str] | None = None,
) -> Bundle:
    """The bundle of a target whose files lie under `root`.

    Args:
        root: the folder that the settings' paths are relative to: the workspace.
        files: every file that the target reads, absolute or relative to `root`.
        settings: the target's own, with whatever the suite adds to it (a transform) filled in.
        models: the suite's models that the target uses.
        secrets: environment variables whose value must not be in a bundle, name → value.

    Raises:
        ConfigError: a file lies outside the root, is missing, or holds a secret; a kind that needs files has none.
    """
    mistakes: list[Mistake] = []
    content: dict[str, bytes] = {}
    for file in files:
        path = file if file.is_absolute() else root / file
        try:
            # Not resolved: a link inside the workspace keeps its own place, where the target looks for it.
            relative = Path(os.path.abspath(path)).relative_to(os.path.abspath(root)).as_posix()  # noqa: PTH100  # resolve() follows links
            content[relative] = path.read_bytes()
        except ValueError:
            mistakes.append(
                Mistake("lies outside the workspace", Where(file), "move it inside: a bundle holds all its files")
            )
        except OSError as error:
            mistakes.append(Mistake(f"can't be read: {error.strerror}", Where(file)))
    if MANIFEST in content:
        mistakes.append(Mistake("a bundle has a file of this name itself", Where(MANIFEST), "rename it"))
    if not content and not mistakes and settings.kind not in _WITHOUT_FILES:
        mistakes.append(Mistake(f"a {settings.kind} target without a file can't be bundled"))
    bundle = Bundle.of(settings, models, content)
    mistakes += _secrets_inside(bundle, secrets or {})
    if mistakes:
        raise ConfigError(mistakes)
    return bundle


def _secrets_inside(bundle: Bundle, secrets: Mapping[str, str]) -> list[Mistake]:
    texts = {**bundle.files, "the target's or model's settings": "\n".join(_texts(bundle.content)).encode()}
    words = set(secrets.values()) - set(unmistakable(secrets).values())
    return [
        Mistake(
            f"holds the value of the environment variable {name}",
            Where(path),
            f"write ${{{name}}} in its place: what is promoted is stored and shared",
        )
        for path, data in texts.items()
        for name, value in secrets.items()
        if _holds(data, value, by_chance=value in words)
    ]


def _texts(value: Any) -> Iterator[str]:
    """What is said in a document, without what its places are called."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _holds(data: bytes, value: str, *, by_chance: bool) -> bool:
    """Whether a secret stands in a text: by chance one that may be a word does where it is a part of a longer one."""
    if not by_chance:
        return value.encode() in data
    return re.search(rb"(?<![\w-])(?<!\w\.)" + re.escape(value.encode()) + rb"(?![\w-]|\.\w)", data) is not None


def materialise(bundle: Bundle, folder: Path) -> Path:
    """Write the bundle into `folder`: the whole of it or nothing. One that is there already is verified and kept.

    Raises:
        UsageError: the folder holds something else.
        TamperedError: it holds this bundle, altered.
    """
    if _held(bundle, folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for path, data in bundle.written().items():
            write_atomic(making / path, data)
        if folder.is_dir():
            folder.rmdir()
        making.rename(folder)
    except OSError:
        # Another process may have been quicker.
        if not _held(bundle, folder):
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _held(bundle: Bundle, folder: Path) -> bool:
    """Whether the folder holds this bundle; False where it is empty or missing."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    if not (folder / MANIFEST).is_file():
        raise UsageError(f"{folder} is not empty and holds no bundle", remedy="name an empty folder")
    if load_folder(folder).digest != bundle.digest:
        raise UsageError(f"{folder} holds another bundle", remedy="name an empty folder")
    return True


def load_folder(folder: Path, expected: str | None = None) -> Bundle:
    """The bundle that a folder holds. What running it left behind (`__pycache__`) is passed over.

    Raises:
        TamperedError: it isn't the bundle that its manifest, or `expected`, says.
    """
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    files = {
        relative.as_posix(): path.read_bytes()
        for relative, path in found.items()
        if not _LEFT_BY_RUNNING.intersection(relative.parts)
    }
    return read_bundle(files, expected, str(folder))


def read_bundle(files: Mapping[str, bytes], expected: str | None, place: str) -> Bundle:
    """The bundle in `files` (with its manifest), verified.

    Args:
        files: relative POSIX path → content.
        expected: the digest that it must have; None takes the manifest's word.
        place: how messages name where the files came from.

    Raises:
        TamperedError: the manifest is missing or broken, or files or settings are not what it says.
    """
    if MANIFEST not in files:
        raise TamperedError(f"{place}: no {MANIFEST}, so this is no bundle, or only a part of one")
    try:
        content = json.loads(files[MANIFEST])
        recorded = content.pop("digest")
        if content["format"] != FORMAT:
            raise TamperedError(
                f"{place}: a bundle of format {content['format']}; this version reads {FORMAT}",
                remedy="use the version of plimsoll that made it, or a newer one",
            )
        bundle = Bundle(content, {path: data for path, data in files.items() if path != MANIFEST})
        differences = _differences(bundle, expected or recorded)
        if not differences:
            # Read once, so that settings that can't be read are told here and not at their first use.
            _ = (bundle.settings, bundle.models)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TamperedError(f"{place}: {MANIFEST} can't be read: {type(error).__name__}: {error}") from error
    if differences:
        raise TamperedError(
            f"{place} is not the bundle {expected or recorded}; it differs in " + "; ".join(differences),
            remedy="don't run it; promote again from the files that were gated",
        )
    return bundle


def _differences(bundle: Bundle, expected: str) -> list[str]:
    listed = dict(bundle.content["files"])
    found = {path: digest_bytes(data) for path, data in bundle.files.items()}
    differences = _file_differences(listed, found)
    if not all(_safe(path) for path in listed):
        differences.append("a file's path leads out of the bundle")
    if bundle.digest != expected:
        differences.append(f"{MANIFEST}: settings or list of files have the digest {bundle.digest}")
    return differences


def _file_differences(listed: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    missing = [f"{path} (missing)" for path in listed if path not in found]
    added = [f"{path} (added)" for path in found if path not in listed]
    changed = [f"{path} (changed)" for path in listed if path in found and listed[path] != found[path]]
    return sorted(missing + added + changed)


def _safe(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\\" not in path and ":" not in pure.parts[0]
