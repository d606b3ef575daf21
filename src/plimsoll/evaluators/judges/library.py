"""Judges by name: those that the package brings, and the prompty files of the workspace's `evaluators/`.

Finding them lists file names; reading one happens when a suite names it, or when it is described.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.config import Strict, parse_yaml, read_text
from plimsoll.config.suite import NAME_PATTERN
from plimsoll.errors import ConfigError
from plimsoll.evaluators.contract import BROUGHT, BUILT_IN, About, BuildContext, Evaluator
from plimsoll.evaluators.judges.question import GIVEN

_FOLDER = Path(__file__).with_name("prompts")


@dataclass(frozen=True, slots=True)
class NamedJudgeFactory:
    """A prompty file that is a judge of its file's name."""

    path: Path
    shown: str
    """How messages name it."""
    source: str = BUILT_IN

    @property
    def about(self) -> About:
        """What its front matter says; little where it says little, or can't be read."""
        matter = self._front_matter()
        declared = _mapping(matter.get("judge"))
        description = " ".join(str(matter.get("description") or f"A judge: {self.shown}").split())
        needs = [name for name in _mapping(matter.get("inputs")) if name not in GIVEN]
        pair = declared.get("form") == "pair"
        return About(
            summary=description,
            needs=tuple(needs),
            gives=_gives(declared),
            source=self.source,
            judged=True,
            cost=f"{'two requests' if pair else 'one request'}, more after an unusable answer",
        )

    def _front_matter(self) -> Mapping[str, Any]:
        from plimsoll.prompts.front_matter import split

        try:
            parts = split(read_text(self.path, self.shown), self.shown)
            return _mapping(parse_yaml(parts.yaml, self.shown).data)
        except ConfigError:
            # Whoever uses it is told.
            return {}

    def settings(self) -> type[Strict]:
        """Without `prompt`: the name says it."""
        from plimsoll.evaluators.judges.settings import NamedJudgeSettings

        return NamedJudgeSettings

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """Read the prompt, find the model."""
        # The prompt reader only where a judge is used.
        from plimsoll.evaluators.judges.build import build_judge
        from plimsoll.evaluators.judges.settings import NamedJudgeSettings

        assert isinstance(settings, NamedJudgeSettings)
        return build_judge(settings, self.path, self.shown, context)


@dataclass(frozen=True, slots=True)
class JudgeFactory:
    """`judge`: a prompty file that the suite names by its path."""

    about: About = About(  # noqa: RUF009  # a frozen value
        summary="A model scores the answer, asked by a prompty file of the workspace.",
        needs=("the inputs of its prompt",),
        gives="its range, 1 to 5 unless set",
        source=BROUGHT,
        judged=True,
        cost="one request, more after an unusable answer",
    )

    def settings(self) -> type[Strict]:
        """With `prompt`."""
        from plimsoll.evaluators.judges.settings import JudgeSettings

        return JudgeSettings

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """Read the prompt, find the model."""
        from plimsoll.evaluators.judges.build import build_judge
        from plimsoll.evaluators.judges.settings import JudgeSettings

        assert isinstance(settings, JudgeSettings)
        return build_judge(settings, context.root / settings.prompt, settings.prompt, context)


def built_in_judges() -> dict[str, NamedJudgeFactory]:
    """The judges that the package brings, by name."""
    return {path.stem: NamedJudgeFactory(path, f"the built-in {path.name}") for path in _prompts(_FOLDER)}


def judges_of(root: Path) -> dict[str, NamedJudgeFactory]:
    """The judges of a workspace's `evaluators/`, by name. One whose file is no name is used by its path only."""
    found = _prompts(root / "evaluators")
    shown = {path: path.relative_to(root).as_posix() for path in found}
    return {path.stem: NamedJudgeFactory(path, name, source=name) for path, name in shown.items()}


def _prompts(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.glob("*.prompty")) if re.fullmatch(NAME_PATTERN, path.stem))


def _gives(declared: Mapping[str, Any]) -> str:
    if declared.get("form") in ("claims", "pair"):
        return "0 to 1"
    anchored = declared.get("range")
    if isinstance(anchored, list) and len(anchored) == 2:
        return f"{anchored[0]} to {anchored[1]}"
    return "its range, 1 to 5 unless set"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
