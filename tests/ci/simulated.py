"""Nights without a run: a target whose cases pass by chances of their own, and what changes it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from plimsoll.ci.nights import Night, TargetNight
from plimsoll.types import Metric, MetricKind

START = date(2026, 10, 1)
METRICS = {name: Metric(name=name, kind=MetricKind.BOOL) for name in ("correct", "short", "polite", "grounded")}


def month(
    seed: int,
    nights: int = 30,
    *,
    drift: int | None = None,
    drop: float = 0.15,
    cases: int = 200,
    ours: int | None = None,
    steady: bool = False,
) -> list[Night]:
    """Nights of which, from the night `drift` on, `correct` is lower by `drop`; `ours` is a night with an edit."""
    generator = np.random.default_rng(seed)
    sure = generator.random((len(METRICS), cases)) < 0.75
    chances = np.where(sure, generator.random((len(METRICS), cases)) < 0.9, generator.uniform(0.2, 1, sure.shape))
    if steady:
        chances = np.ones_like(chances)
    fates = generator.random((len(METRICS), cases))
    found = []
    for night in range(nights):
        now, moved = chances.copy(), drift is not None and night >= drift
        if moved:
            now[0] *= 1 - drop / now[0].mean()
        dice = fates if steady else generator.random(now.shape)
        values = (dice < now).astype(float)
        words = [f"{case}{'b' if moved and values[0, case] == 0 else 'a'}" for case in range(cases)]
        noise = ["" if steady else str(generator.integers(3)) for _ in range(cases)]
        changed = ours is not None and night >= ours
        found.append(
            Night(
                run=f"run-{night:02}",
                suite="desk",
                started=f"{(START + timedelta(days=night)).isoformat()}T02:00:00+00:00",
                complete=True,
                commit=f"{night:040x}",
                dirty=False,
                dataset="sha256:d",
                metrics=METRICS,
                evaluators=dict.fromkeys(METRICS, "sha256:e"),
                cases=[f"c{case}" for case in range(cases)],
                contents=["x"] * cases,
                targets={
                    "champion": TargetNight(
                        digest="sha256:new" if changed else "sha256:old",
                        reported=("scripted",),
                        cells=cases,
                        values={name: list(row) for name, row in zip(METRICS, values.tolist(), strict=True)},
                        passes={name: list(row) for name, row in zip(METRICS, values.tolist(), strict=True)},
                        answers=[word + other for word, other in zip(words, noise, strict=True)],
                    )
                },
            )
        )
    return found
