"""What can't be told of a night, so that nobody takes it for a quiet one. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plimsoll.ci.moves import Rules, Watched
from plimsoll.ci.nights import Night
from plimsoll.config.nightly import accepted_path
from plimsoll.config.promotion import CHAMPION
from plimsoll.errors import ExitCode
from plimsoll.reports.text import some
from plimsoll.stats.nights import LEAST_NIGHTS
from plimsoll.stats.splits import LEAST_CASES


class Untold(NamedTuple):
    """Something that can't be told of a night."""

    code: ExitCode
    """That says so."""
    words: str
    about: tuple[Watched, ...] = ()
    """What it names, or all there is of the target that it names."""
    known: bool = False
    """The night before said it too, and only the number of nights grew since: that is no news."""
    lost: bool = False
    """It is about tonight's cells, which the run's own problem may tell already."""


def untold(watched: Sequence[Watched], nights: Sequence[Night], rules: Rules) -> Iterator[Untold]:
    """What can't be told.

    A metric that no night has for enough cases is told beside the others, and so is one of which somebody accepted that
    it begins anew: neither is a problem.

    Args:
        watched: What is said of each metric.
        nights: Of one suite, oldest first, one a day; the last is tonight.
        rules: What is watched.
    """
    yield from _gone(nights[-rules.nights :])
    tonight = nights[-1]
    for name, target in tonight.targets.items():
        if not tonight.complete:
            words = f"{target.failed:,} of {target.cells:,} cells have no answer yet, so tonight is not compared"
            yield Untold(ExitCode.INCONCLUSIVE, f"{name}: {words}", lost=True)
        elif target.cells and target.failed > rules.max_failed * target.cells:
            words = f"{target.failed:,} of {target.cells:,} cells failed, so tonight is not compared"
            yield Untold(ExitCode.INFRASTRUCTURE, f"{name}: {words}", lost=True)
        else:
            yield from _of_target(name, [one for one in watched if one.target == name], nights, rules)
    missing = [name for name in rules.metrics if name not in tonight.metrics]
    if missing and len(missing) == len(rules.metrics):
        words = f"no metric that is watched is one of this suite: {', '.join(missing)}"
        yield Untold(ExitCode.INCONCLUSIVE, words)


def _gone(nights: Sequence[Night]) -> Iterator[Untold]:
    """What ran on nights before and does not run tonight: a champion on any, another target the night before."""
    before = [(name, night.date) for night in nights[-2:-1] for name in night.targets if name != CHAMPION]
    before += [(CHAMPION, night.date) for night in nights[:-1] if CHAMPION in night.targets][-1:]
    for name, when in before:
        if name not in nights[-1].targets:
            yield Untold(ExitCode.INCONCLUSIVE, f"{name}: not run tonight, it was on {when}")


def _of_target(name: str, watched: Sequence[Watched], nights: Sequence[Night], rules: Rules) -> Iterator[Untold]:
    """Why a target, or metrics of it, can't be told."""
    if all(one.why for one in watched):
        words = watched[0].why if watched else "no metric that is watched has a value"
        yield Untold(ExitCode.INCONCLUSIVE, f"{name}: {words}", tuple(watched), known=_waiting(watched, nights[-1]))
        return
    found = [one for one in watched if one.why and not _begins(one, nights[-1], rules) and _has_cases(one, nights)]
    if found:
        words = f"{some([one.metric.name for one in found], 3)} can't be told: {found[0].why}"
        yield Untold(ExitCode.INCONCLUSIVE, f"{name}: {words}", tuple(found), known=_waiting(found, nights[-1]))


def _waiting(watched: Sequence[Watched], tonight: Night) -> bool:
    """Whether all that lacks is nights, and did the night before."""
    return bool(watched) and all(one.compared(tonight) and 1 < len(one.nights) < LEAST_NIGHTS for one in watched)


def _begins(one: Watched, tonight: Night, rules: Rules) -> bool:
    """Whether tonight was measured, and all that lacks is nights since somebody accepted a level."""
    return (one.target, one.metric.name) in rules.accepted and one.compared(tonight)


def _has_cases(one: Watched, nights: Sequence[Night]) -> bool:
    columns = (night.targets[one.target].values for night in nights if one.target in night.targets)
    return any(sum(value is not None for value in column.get(one.metric.name, ())) >= LEAST_CASES for column in columns)


def unknown(tonight: Night, rules: Rules) -> Iterator[str]:
    """What is written down of targets and metrics that the night has not."""
    missing = [name for name in rules.metrics if name not in tonight.metrics]
    if missing:
        yield f"to be watched, and no metric of this suite: {', '.join(missing)}"
    for target, metric in rules.accepted:
        if target not in tonight.targets or metric not in tonight.metrics:
            yield f"{accepted_path(tonight.suite)} accepts {metric} of {target}, which the night has not"
