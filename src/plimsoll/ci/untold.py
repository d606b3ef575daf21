"""What can't be told of a night, so that nobody takes it for a quiet one. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plimsoll.ci.moves import Rules, Watched
from plimsoll.ci.nights import Night
from plimsoll.config.nightly import accepted_path
from plimsoll.config.promotion import CHAMPION
from plimsoll.errors import ExitCode
from plimsoll.reports.text import some
from plimsoll.stats.splits import LEAST_CASES


def untold(watched: Sequence[Watched], nights: Sequence[Night], rules: Rules) -> Iterator[tuple[ExitCode, str]]:
    """What can't be told, each with the exit code that says so.

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
            yield ExitCode.INCONCLUSIVE, f"{name}: {words}"
        elif target.cells and target.failed > rules.max_failed * target.cells:
            words = f"{target.failed:,} of {target.cells:,} cells failed, so tonight is not compared"
            yield ExitCode.INFRASTRUCTURE, f"{name}: {words}"
        else:
            words = _of_target([one for one in watched if one.target == name], nights, rules)
            if words:
                yield ExitCode.INCONCLUSIVE, f"{name}: {words}"
    missing = [name for name in rules.metrics if name not in tonight.metrics]
    if missing and len(missing) == len(rules.metrics):
        words = f"no metric that is watched is one of this suite: {', '.join(missing)}"
        yield ExitCode.INCONCLUSIVE, words


def _gone(nights: Sequence[Night]) -> Iterator[tuple[ExitCode, str]]:
    """What ran on nights before and does not run tonight: a champion on any, another target the night before."""
    before = [(name, night.date) for night in nights[-2:-1] for name in night.targets if name != CHAMPION]
    before += [(CHAMPION, night.date) for night in nights[:-1] if CHAMPION in night.targets][-1:]
    for name, when in before:
        if name not in nights[-1].targets:
            yield ExitCode.INCONCLUSIVE, f"{name}: not run tonight, it was on {when}"


def _of_target(watched: Sequence[Watched], nights: Sequence[Night], rules: Rules) -> str:
    """Why a target, or a metric of it, can't be told; empty where all can."""
    if all(one.why for one in watched):
        return watched[0].why if watched else "no metric that is watched has a value"
    found = [one for one in watched if one.why and not _begins(one, nights[-1], rules) and _has_cases(one, nights)]
    return f"{some([one.metric.name for one in found], 3)} can't be told: {found[0].why}" if found else ""


def _begins(one: Watched, tonight: Night, rules: Rules) -> bool:
    """Whether tonight was measured, and all that lacks is nights since somebody accepted a level."""
    return (one.target, one.metric.name) in rules.accepted and bool(one.nights) and one.nights[-1].run == tonight.run


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
