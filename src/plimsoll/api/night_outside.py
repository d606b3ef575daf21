"""A night as it may be told outside: in an issue and to a webhook, by the rules by which a run leaves this machine.

What is behind a move is told with it: the cases that flipped between the last night before it and tonight, and what was
answered on both where the runs are on this disk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from plimsoll.api.outside import redaction_outside, without
from plimsoll.api.runs import RUNS
from plimsoll.ci.flips import MOST_FLIPS, flipped
from plimsoll.ci.moves import Move, Watched
from plimsoll.ci.night_report import MoveFlips, SuiteNight
from plimsoll.ci.nights import Night
from plimsoll.config import Workspace, environment
from plimsoll.config.secrets import Redactor, secrets_of
from plimsoll.errors import PlimsollError
from plimsoll.gates import with_baseline
from plimsoll.reports.flips import flip_rows
from plimsoll.runs.folders import is_complete
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import load_plan
from plimsoll.tracking.privacy import Redaction
from plimsoll.types import Flip, Report


def outside_night(workspace: Workspace, found: SuiteNight) -> SuiteNight:
    """A night as it may be told: without what privacy settings take out, and with the cases behind each move.

    Where that can't be made sure, no case and no server's words are in it.
    """
    if found.tonight is None:
        rules = Redaction(workspace.settings.privacy, closed=False).rules
        return replace(found, problems=tuple(one._replace(words=rules.text(one.words)) for one in found.problems))
    try:
        return _Outside(workspace, found.tonight).night(found)
    except (PlimsollError, OSError):
        problems = tuple(one._replace(words="see the job's output") for one in found.problems)
        note = "cases are not told: what the privacy settings take out of them can't be told"
        return replace(found, problems=problems, flaky=(), notes=(note,))


@dataclass(frozen=True, slots=True)
class _Rule:
    """What flip rows are made of."""

    metric: str
    flipped: tuple[Flip, ...]


class _Outside:
    """One night on its way out."""

    def __init__(self, workspace: Workspace, tonight: Night) -> None:
        self._workspace, self._tonight = workspace, tonight
        self._environ = environment(workspace.root)
        folder = workspace.state / RUNS / tonight.run
        self._secrets = Redactor(secrets_of(self._environ, load_plan(folder).settings))
        self._whole: Report = read_report(folder)
        self._report, self._redaction = self._redacted(folder, self._whole)

    def night(self, found: SuiteNight) -> SuiteNight:
        """The night without it, and the cases behind its moves."""
        return replace(
            found,
            problems=tuple(one._replace(words=self._told(one.words)) for one in found.problems),
            flaky=tuple(replace(one, case=self._called(one.case)) for one in found.flaky),
            notes=tuple(map(self._told, found.notes)),
            flips={
                (one.target, one.metric.name): self._flips(one, move)
                for one, move in found.moves
                if move.worse and one.compared(self._tonight)
            },
        )

    def _flips(self, one: Watched, move: Move) -> MoveFlips:
        every = flipped(one, move.before, self._tonight)
        shown = tuple(
            Flip(case=self._called(flip.case), baseline=flip.baseline, challenger=flip.challenger)
            for flip in every[:MOST_FLIPS]
        )
        report, name = self._beside(one.target, move.before.run)
        rows = flip_rows([_Rule(one.metric.name, shown)], report, name, one.target)
        return MoveFlips(len(every), rows)

    def _beside(self, target: str, before: str) -> tuple[Report, str | None]:
        """Tonight's report, with the answers of the night before the move where its run is here and is readable."""
        try:
            folder = self._workspace.state / RUNS / before
            if not folder.is_dir() or not is_complete(folder):
                return self._report, None
            other, _ = self._redacted(folder, read_report(folder))
            name = f"{before}:{target}"
            return with_baseline(self._report, other, target, name), name
        except (PlimsollError, OSError):
            return self._report, None

    def _redacted(self, folder: Path, report: Report) -> tuple[Report, Redaction | None]:
        again = f"plimsoll nightly {self._tonight.suite}"
        redaction = redaction_outside(self._workspace, folder, self._environ, again)
        return (report, None) if redaction is None else (without(report, redaction), redaction)

    def _called(self, case: str) -> str:
        """What a case is called outside."""
        ids = {} if self._redaction is None else self._redaction.ids
        return self._secrets.text(ids.get(case, case))

    def _told(self, words: str) -> str:
        told = self._secrets.text(words)
        return told if self._redaction is None else self._redaction.told([told], self._whole)[0]
