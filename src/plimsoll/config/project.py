"""The workspace: where it is, what it holds, and its project settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from plimsoll.config.calibration import CalibrationPolicy
from plimsoll.config.ci import CiPolicy
from plimsoll.config.document import Document, Strict, mistakes_of, read_text, read_yaml, validate
from plimsoll.config.nightly import NightlyPolicy
from plimsoll.config.privacy import PrivacyPolicy
from plimsoll.config.promotion import PromotionPolicy
from plimsoll.config.quantities import Seconds
from plimsoll.config.suite import PriceEntry, Suite
from plimsoll.config.toml import parse_toml, with_lines
from plimsoll.config.tracking import TrackingPolicy
from plimsoll.errors import ConfigError, Mistake, UsageError, Where, near_match

STATE_FOLDER = ".plimsoll"
_PROJECT_FILE = "pyproject.toml"
_TABLE = ("tool", "plimsoll")


class ProjectSettings(Strict):
    """`[tool.plimsoll]` in pyproject.toml."""

    experiment: str | None = Field(None, description="MLflow experiment. Default: the workspace folder's name.")
    tracking_uri: str | None = Field(
        None, description="Default: MLFLOW_TRACKING_URI, else SQLite inside the workspace."
    )
    tracking: TrackingPolicy = Field(
        default_factory=TrackingPolicy, description="What of a run is logged to MLflow, and how long that may take."
    )
    privacy: PrivacyPolicy = Field(
        default_factory=PrivacyPolicy, description="What is redacted before anything goes to the tracking server."
    )
    trusted_keys: list[str] = Field(
        default_factory=list, description="Files with the public keys (PEM) whose attestations are trusted."
    )
    require_signature: bool = Field(False, description="Promote only on signed attestations.")
    attestation_max_age: Seconds | Literal["none"] = Field(
        30 * 86400.0, description="An attestation older than this is not promoted on; none takes them however old."
    )
    prices: dict[str, PriceEntry] = Field(
        default_factory=dict, description="Model's name at its endpoint → its price, over the provider's list price."
    )
    calibration: CalibrationPolicy = Field(
        default_factory=CalibrationPolicy, description="What a judge must show to be certified."
    )
    promotion: PromotionPolicy = Field(
        default_factory=PromotionPolicy, description="Where versions may go, and who has to agree."
    )
    ci: CiPolicy = Field(default_factory=CiPolicy, description="What continuous integration is told of the project.")
    nightly: NightlyPolicy = Field(
        default_factory=NightlyPolicy, description="What runs at night, what is watched, and who is told."
    )
    environments: dict[str, str] = Field(
        default_factory=dict,
        description="Library of an adapter → where it is installed: an environment's folder, or a Python.",
    )


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with suites, prompts, flows, datasets and evaluators. Paths in files are relative to its root."""

    root: Path
    settings: ProjectSettings

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The workspace that holds `start`: the nearest folder with `[tool.plimsoll]`, else with `suites/`.

        Raises:
            UsageError: there is none.
            ConfigError: its project settings are wrong.
        """
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            settings = _project_settings(folder, _PROJECT_FILE if folder == here else folder / _PROJECT_FILE)
            if settings is not None:
                return cls(folder, settings)
            if (folder / "suites").is_dir():
                return cls(folder, ProjectSettings())
        raise UsageError(
            f"no workspace here: neither {here} nor a folder above it has suites/ or [tool.plimsoll]",
            remedy="run `plimsoll init` to start one",
        )

    @property
    def state(self) -> Path:
        """Where runs, cache and the tracking database live; never under version control."""
        return self.root / STATE_FOLDER

    def setting(self, *place: str) -> Where:
        """Where a project setting is written, by its keys below `[tool.plimsoll]`."""
        file = self.root / _PROJECT_FILE
        if not file.is_file():
            return Where(_PROJECT_FILE)
        return with_lines(read_text(file, _PROJECT_FILE), _PROJECT_FILE, _TABLE).where(place)

    def path(self, written: str) -> Path:
        """A path as written in a file of the workspace."""
        return self.root / Path(written).expanduser()

    def shown(self, path: Path) -> Path:
        """A path as messages show it: relative to the root where it lies inside."""
        return path.relative_to(self.root) if path.is_relative_to(self.root) else path

    def suite_files(self) -> Iterator[Path]:
        """Every suite of the workspace, sorted by path."""
        yield from sorted(
            path for path in (self.root / "suites").rglob("*") if path.suffix in (".yaml", ".yml") and path.is_file()
        )

    def find_suite(self, name: str) -> Path:
        """The file of a suite given by path, by the name of its file, or by its own name.

        Raises:
            UsageError: there is none of that name.
        """
        for candidate in (Path(name), self.root / name):
            if candidate.is_file():
                return candidate.resolve()
        files = {path.stem: path for path in self.suite_files()}
        if name in files:
            return files[name]
        named = {written: path for path in files.values() if (written := _name_in(path)) is not None}
        if name in named:
            return named[name]
        raise UsageError(f"no suite named {name!r}", remedy=near_match(name, {*files, *named}) or "suites/ is empty")

    def load_suite(self, path: Path) -> tuple[Suite, Document]:
        """A suite and the document it was read from.

        Raises:
            ConfigError: every mistake in the file.
        """
        shown = self.shown(path)
        document = read_yaml(path, shown)
        if not isinstance(document.data, dict):
            raise ConfigError([Mistake("a suite is a mapping with name, dataset, targets, evaluators", Where(shown))])
        return validate(document, Suite), document


def _name_in(path: Path) -> str | None:
    """The name that a suite's file gives it; None where it can't be read."""
    try:
        data = read_yaml(path).data
    except ConfigError:
        return None
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else None


def _project_settings(folder: Path, shown: Path | str) -> ProjectSettings | None:
    """What a folder's pyproject.toml sets; None where it sets nothing. Until that is known it is called `shown`."""
    path = folder / _PROJECT_FILE
    if not path.is_file():
        return None
    text = read_text(path, shown)
    tool = parse_toml(text, shown).get("tool")
    table = tool.get("plimsoll") if isinstance(tool, dict) else None
    if table is None:
        return None
    try:
        return ProjectSettings.model_validate(table)
    except ValidationError as error:
        # The lines are looked for only now: every command reads this file.
        document = with_lines(text, _PROJECT_FILE, _TABLE)
        raise ConfigError(mistakes_of(error, document, ProjectSettings)) from None
