"""Real processes that promote at the same time, or are killed in the middle; run by test_processes.py.

MLflow is imported once, then this process forks: each child opens its own store. Prints one JSON object.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

from plimsoll.config import ProjectSettings, TargetSettings, Workspace
from plimsoll.registry import Bundle, Evidence, StaleChampionError, champion, history, promote
from plimsoll.tracking import MlflowRegistryStore, load_mlflow, open_store
from plimsoll.types import Decision

NOW = "2026-10-01T12:00:00Z"
fork = multiprocessing.get_context("fork")


def attempt(store: Any, suite: str, text: str, expected: str | None) -> bool:
    bundle = Bundle.of(TargetSettings(prompt="p.jinja2"), {}, {"p.jinja2": text.encode()})
    evidence = Evidence(text.encode(), bundle.digest, Decision.PASS, "run", "v", expected)
    try:
        promote(store, suite, bundle, evidence, who=text, now=NOW, expected_champion=expected)
    except StaleChampionError:
        return False
    return True


def race(workspace: Workspace, name: int, rounds: int, gate: Any, results: Any) -> None:
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MlflowRegistryStore(tracking)
        for round_ in range(rounds):
            gate.wait()
            now = champion(store, "raced")
            gate.wait()
            results.put((round_, attempt(store, "raced", f"{round_}/{name}", now.digest if now else None)))


def race_all(workspace: Workspace, racers: int, rounds: int) -> dict[str, Any]:
    gate, results = fork.Barrier(racers, timeout=60), fork.Queue()
    children = [fork.Process(target=race, args=(workspace, name, rounds, gate, results)) for name in range(racers)]
    for child in children:
        child.start()
    outcomes = [results.get(timeout=120) for _ in range(racers * rounds)]
    for child in children:
        child.join()
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MlflowRegistryStore(tracking)
        found = champion(store, "raced")
        return {
            "winners": [sum(won for number, won in outcomes if number == round_) for round_ in range(rounds)],
            "history": [entry.who for entry in history(store, "raced")],
            "alias": store.aliases("raced").get("champion"),
            "champion": found.version if found else None,
            "exits": [child.exitcode for child in children],
        }


class MortalStore(MlflowRegistryStore):
    """Kills its own process before its nth change."""

    left = 0

    def _call(self, doing: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        if doing.startswith(("writing", "making", "setting", "tagging")):
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super()._call(doing, function, *args, **kwargs)


def die(workspace: Workspace, suite: str, steps: int) -> None:
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MortalStore(tracking)
        store.left = steps
        attempt(store, suite, "first", None)


def finish(workspace: Workspace, suites: list[str], results: Any) -> None:
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MlflowRegistryStore(tracking)
        for suite in suites:
            before = champion(store, suite)
            won = attempt(store, suite, "first", None)
            after = champion(store, suite)
            results.put(
                {
                    "before": before.entry.who if before else None,
                    "won": won,
                    "after": after.entry.who if after else None,
                    "alias": store.aliases(suite),
                    "entries": len(history(store, suite)),
                    "versions": len(store.versions(suite)),
                }
            )


def kill_all(workspace: Workspace, most: int) -> list[dict[str, Any]]:
    exits: dict[str, int | None] = {}
    for steps in range(most):
        suite = f"killed-{steps:02d}"
        victim = fork.Process(target=die, args=(workspace, suite, steps))
        victim.start()
        victim.join()
        exits[suite] = victim.exitcode
        if victim.exitcode == 0:
            break
    results = fork.Queue()
    heir = fork.Process(target=finish, args=(workspace, list(exits), results))
    heir.start()
    found = [{"killed": code == -signal.SIGKILL, **results.get(timeout=60)} for code in exits.values()]
    heir.join()
    return found


def main() -> None:
    race_root, kill_root, *numbers = sys.argv[1:]
    racers, rounds, most = (int(number) for number in numbers)
    load_mlflow({})
    import mlflow.store.model_registry.sqlalchemy_store  # noqa: F401  # once here, and not in each child

    found = {
        "race": race_all(Workspace(Path(race_root), ProjectSettings()), racers, rounds),
        "kill": kill_all(Workspace(Path(kill_root), ProjectSettings()), most),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
