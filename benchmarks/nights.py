"""How often quiet nights raise an alarm, and how soon and how exactly a planted change is found and dated.

Nights are drawn as a suite gives them: cases of which most always pass or always fail and some go either way, or scores
about a mean of the case's own; answers that vary on their own from night to night; and a weather that all cases of a
night share, which may last (a first-order autoregression). Each night all metrics are looked at with the 30 nights
before, as `plimsoll nightly` does; scan, correction and dating are the package's own (`stats.nights`).

    python -m benchmarks.nights [months]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool

import numpy as np
from benchmarks.common.results import Finding, Section, Table, machine, save, show, today, versions
from numpy.typing import NDArray

from plimsoll.stats.means import Range
from plimsoll.stats.nights import HORIZON, LEAST_NIGHTS, Walk
from plimsoll.stats.splits import Nights, NightSeries

ERROR = 0.05
WINDOW = 30
_PROMOTED = 10
Values = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """How nights are drawn."""

    cases: int
    metrics: int = 1
    truth: bool = True
    weather: float = 0.0
    """Standard deviation of what the cases of a night share, by that of a night's mean without it."""
    lasting: float = 0.0
    """Correlation of the weather of two nights that follow each other."""
    drop: float = 0.0
    history: int = 0
    """Nights before the month."""
    missing: float = 0.01
    still: bool = False
    """Temperature 0: an answer changes only where a change is planted."""
    skewed: bool = False
    """99 of 100 pass, and the weather multiplies those that don't: now and then a night is far worse than others."""
    promotion: float = 0.0
    """By so much the first ten nights were lower."""

    @property
    def name(self) -> str:
        """In a table's row."""
        kind = "deterministic" if self.still else "pass or fail" if self.truth else "score"
        kind += ", 99%" if self.skewed else ", after a gain" if self.promotion else ""
        shared = "none" if not self.weather else f"{self.weather:g} ×"
        return f"{self.cases} | {kind} | {self.metrics} | {shared} | {self.lasting:g} | {self.history}"


def nights(world: World, generator: np.random.Generator, changed: int | None = None) -> Values:
    """Metrics × nights × cases, NaN where a cell failed; from the night `changed` on lower by the world's drop."""
    shape = (world.metrics, world.history + HORIZON, world.cases)
    noise = generator.standard_normal(shape[:2])
    weather = noise.copy()
    for night in range(1, shape[1]):
        weather[:, night] = world.lasting * weather[:, night - 1] + (1 - world.lasting**2) ** 0.5 * noise[:, night]
    if world.skewed:
        chance = (
            1 - 0.01 * np.exp(world.weather * weather)[:, :, None] * generator.uniform(0, 2, shape[::2])[:, None, :]
        )
        values = (generator.random(shape) < chance).astype(np.float64)
    elif world.truth:
        # Three quarters of the cases are sure: of those, nine of ten pass.
        sure = generator.random(shape[::2]) < 0.75
        unsure = 1.0 if world.still else generator.uniform(0.2, 1.0, shape[::2])
        chances = np.where(sure, generator.random(shape[::2]) < 0.9, unsure)
        own = np.sqrt((chances * (1 - chances)).mean(axis=1, keepdims=True) / world.cases)
        # Only what is not sure gives way to the weather.
        sway = weather * world.weather * own / 0.25
        chance = np.clip(chances[:, None, :] + np.where(sure, 0.0, 1.0)[:, None, :] * sway[:, :, None], 0, 1)
        passing = chances.mean(axis=1)[:, None, None]
        if changed is not None:
            chance[:1, changed:] *= 1 - world.drop / passing[:1]
        chance[:1, :_PROMOTED] *= 1 - world.promotion / passing[:1]
        # A case's fate under the change is its own, and lasts where answers don't vary.
        dice = generator.random(shape[::2])[:, None, :] if world.still else generator.random(shape)
        values = (dice < chance).astype(np.float64)
    else:
        values = 0.7 + 0.15 * generator.standard_normal(shape[::2])[:, None, :] + 0.15 * generator.standard_t(4, shape)
        values += (weather * world.weather * 0.15 * 2**0.5 / world.cases**0.5)[:, :, None]
        if changed is not None:
            values[:1, changed:] -= world.drop
    if world.missing:
        values[generator.random(shape) < world.missing] = np.nan
    return values


def month(world: World, changed: int | None, seed: int) -> tuple[int, int, bool] | None:
    """The night of the month on which the first alarm comes, the night that it names, and whether its limits hold it.

    None where none comes. Each night is judged with the nights before it that a workspace has, as `find_moves` does.
    """
    generator = np.random.default_rng([seed, world.cases, world.metrics, round(1000 * world.drop)])
    planted = None if changed is None else world.history + changed
    drawn = nights(world, generator, planted)
    span = Range(0, 1) if world.truth else Range()
    walks = [
        Walk(measured(NightSeries(metric, span=span)), ERROR / HORIZON / world.metrics, WINDOW) for metric in drawn
    ]
    for night in range(LEAST_NIGHTS - 1, world.history + HORIZON):
        found = [walk for walk in walks if walk.go_on(night + 1)]
        splits = [change.split for walk in found for change in walk.standing() if change.new]
        if planted is not None:
            splits = [split for split in splits if split.change < 0]
        if splits and night >= world.history:
            held = planted is not None and splits[0].earliest <= planted <= splits[0].latest
            return night - world.history, splits[0].first - world.history, held
    return None


def measured(series: NightSeries) -> Nights:
    """The nights of a series, all that there are."""
    nights = Nights.of(series, len(series.values))
    assert isinstance(nights, Nights)
    return nights


QUIET = [
    World(20, 1),
    World(20, 20, history=30),
    World(20, 5, weather=1.0, lasting=0.5, history=30),
    World(200, 5),
    World(200, 5, history=30),
    World(200, 5, weather=1.0, history=30),
    World(200, 5, weather=1.0, lasting=0.5),
    World(200, 5, weather=1.0, lasting=0.5, history=30),
    World(200, 10, weather=2.0, lasting=0.5, history=30),
    World(500, 5, weather=3.0, lasting=0.5, history=30),
    World(500, 5, weather=3.0, lasting=0.7, history=30),
    World(200, 5, truth=False, weather=1.0, lasting=0.5, history=30),
    World(200, 5, weather=0.5, history=30, skewed=True),
    World(200, 5, weather=1.0, history=30, skewed=True),
    World(200, 5, weather=1.0, lasting=0.5, history=30, skewed=True),
]
PLANTED = [
    World(cases, 5, truth, weather, 0.5 if weather else 0.0, drop=drop, history=20, still=still)
    for truth, weather, still in ((True, 0.0, False), (True, 1.0, False), (True, 0.0, True))
    for cases in (50, 200, 500)
    for drop in (0.05, 0.10, 0.20)
] + [World(cases, 5, drop=0.10, history=20, promotion=0.10) for cases in (50, 200, 500)]


def quiet(world: World, months: int, pool: Pool) -> int:
    """In how many quiet months there was an alarm."""
    return sum(one is not None for one in pool.imap_unordered(partial(month, world, None), range(months), 5))


def planted(world: World, months: int, pool: Pool) -> list[tuple[int, int, bool] | None]:
    """After how many nights the drop of the first night was found, how far off it was dated, and whether it told so."""
    found = pool.imap_unordered(partial(month, world, 0), range(months), 4)
    return [None if one is None else (one[0] + 1, one[1], one[2]) for one in found]


def _quiet_table(months: int, pool: Pool) -> tuple[Finding, Table]:
    rows, worst = [], 0.0
    for world in QUIET:
        wrong = quiet(world, months, pool)
        print(f"{world.name} | {wrong}", flush=True)
        rows.append((*world.name.split(" | "), f"{wrong} of {months:,}", f"{wrong / months:.2%}"))
        # Weather beyond what is taken as known is shown, and not promised.
        worst = max(worst, wrong / months if world.lasting <= 0.5 else 0.0)
    columns = ("cases", "values", "metrics", "weather", "lasting", "nights before", "months with an alarm", "share")
    finding = Finding(
        key="quiet",
        what="quiet months with any alarm, of the worst kind of nights whose weather lasts up to 0.5",
        measured=100 * worst,
        unit="%",
        goal="≤ 5",
        reached=worst <= ERROR,
    )
    caption = (
        f"Months of {HORIZON} quiet nights, at a stated rate of at most {ERROR:.0%}. Of 99% that pass the weather "
        "multiplies those that fail, by e to its power: now and then a night is far worse than others."
    )
    return finding, Table(key="quiet", caption=caption, columns=columns, rows=tuple(rows))


def _rows(months: int, pool: Pool) -> Iterator[tuple[str, ...]]:
    for world in PLANTED:
        found = planted(world, months, pool)
        hit = [one for one in found if one is not None]
        waited = sorted(one[0] for one in hit) + [10**6] * (months - len(hit))
        middle = waited[len(waited) // 2]
        week = sum(wait <= 7 for wait in waited) / months
        near = [sum(abs(one[1]) <= off for one in hit) / len(hit) if hit else None for off in (0, 1, 2)]
        near.append(sum(one[2] for one in hit) / len(hit) if hit else None)
        name = world.name.split(" | ")
        row = (name[0], name[1], name[3], f"{100 * world.drop:.0f}")
        row += (str(middle) if middle < 10**6 else "not in 30", f"{week:.0%}", f"{len(hit) / months:.0%}")
        row += tuple("–" if share is None else f"{share:.0%}" for share in near)
        print(" | ".join(row), flush=True)
        yield row


def main() -> None:
    months = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with Pool(2) as pool:
        finding, table = _quiet_table(months, pool)
        show(finding)
        columns = ("cases", "values", "weather", "drop, points", "nights to find it (median)", "within 7", "within 30")
        columns += ("dated exactly", "±1 night", "±2 nights", "between the nights told")
        caption = (
            "A drop planted after 20 nights, in one of 5 metrics. Dated: of those found, at their first alarm. The "
            "weather has a correlation of 0.5. After a gain: ten nights before, the metric had risen by as much."
        )
        rows = tuple(_rows(max(40, months // 5), pool))
    power = Table(key="planted", caption=caption, columns=columns, rows=rows)
    section = Section(
        name="nights",
        command=f"python -m benchmarks.nights {months}",
        date=today(),
        machine=machine(),
        versions=versions("plimsoll-llm", "numpy", "scipy"),
        findings=(finding,),
        tables=(table, power),
    )
    print(save(section))


if __name__ == "__main__":
    main()
