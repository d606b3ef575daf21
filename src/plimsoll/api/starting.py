"""Starting a workspace: a small suite that runs as it is."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from plimsoll.errors import UsageError, near_match, unwritable

MODELS = {
    "embedded": "{provider: embedded}",
    "openai": '{provider: openai, model: "${PLIMSOLL_MODEL:-gpt-4o-mini}"}',
    "azure": '{provider: azure, model: "${AZURE_OPENAI_DEPLOYMENT:-gpt-4o-mini}"}',
    "ollama": '{provider: openai, base_url: "http://127.0.0.1:11434/v1", model: "${PLIMSOLL_MODEL:-llama3.2}"}',
}


def init_workspace(folder: Path, model: str | None = None) -> tuple[Path, ...]:
    """Write a new workspace's files; those that are there already stay.

    Args:
        folder: Where; made if it is missing.
        model: Which model the suite asks, a key of `MODELS`; None is embedded where it is installed, else openai.

    Returns:
        The files written, relative to `folder`.

    Raises:
        UsageError: an unknown model, or the folder holds a workspace already.
        InfrastructureError: a file can't be written.
    """
    chosen = model or ("embedded" if importlib.util.find_spec("xllamacpp") else "openai")
    if chosen not in MODELS:
        raise UsageError(f"no model {chosen!r} to start with", remedy=near_match(chosen, MODELS))
    suites = folder / "suites"
    if suites.is_dir() and any(suites.iterdir()):
        raise UsageError(f"{suites} is not empty: there is a workspace already", remedy="name another folder")
    written = []
    for relative, source in _walk(files("plimsoll.api") / "template"):
        path = folder / (".gitignore" if relative == Path("gitignore") else relative)
        if path.exists():
            continue
        text = source.read_text(encoding="utf-8").replace("@MODEL@", MODELS[chosen])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(error, remedy="name a folder that can be written: plimsoll init FOLDER") from error
        written.append(path.relative_to(folder))
    return tuple(written)


REFERENCE_FOLDERS = ("suites", "prompts", "flows", "datasets", "evaluators")


def reference_workspace() -> Path:
    """The workspace that the demo runs: inside the installed package, or the repository of an editable install.

    Raises:
        UsageError: it is in neither.
    """
    package = Path(str(files("plimsoll.api")))
    for root in (package / "reference", package.parents[2]):
        if (root / "suites" / "support-qa.yaml").is_file():
            return root
    raise UsageError(
        "the demo's files are not installed", remedy="install plimsoll-llm from its wheel, or its repository"
    )


def lay_demo(folder: Path) -> None:
    """Lay the reference workspace into `folder` anew. What was generated before stays in its cell cache.

    Raises:
        UsageError: the folder holds something else.
    """
    marker = folder / ".plimsoll" / "demo"
    if folder.is_dir() and any(folder.iterdir()) and not marker.is_file():
        raise UsageError(f"{folder} is not empty and no demo", remedy="name another with --folder")
    source = reference_workspace()
    for name in REFERENCE_FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".promptflow"))
    state = marker.parent
    for entry in state.iterdir() if state.is_dir() else ():
        if not entry.name.startswith("cache.db"):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    state.mkdir(exist_ok=True)
    marker.touch()


def _walk(folder: Traversable, below: Path = Path()) -> Iterator[tuple[Path, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name == "__pycache__":
            continue
        if entry.is_dir():
            yield from _walk(entry, below / entry.name)
        else:
            yield below / entry.name, entry
