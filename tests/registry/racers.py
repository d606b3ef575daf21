"""Real processes that promote at the same time, or are killed in the middle; run by test_processes.py.

MLflow is imported once, then this process forks: each child opens its own store, the one that MLFLOW_TRACKING_URI names
or else the workspace's. Prints one JSON object.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from plimsoll.canonical import digest_bytes
from plimsoll.config import ProjectSettings, TargetSettings, Workspace
from plimsoll.registry import (
    Approval,
    Bundle,
    Evidence,
    StaleChampionError,
    champion,
    count_approvals,
    history,
    keep_approval,
    promote,
    rollback,
    sign_approval,
)
from plimsoll.tracking import MlflowRegistryStore, load_mlflow, open_store
from plimsoll.types import Decision

NOW = "2026-10-01T12:00:00Z"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
fork = multiprocessing.get_context("fork")


def bundle_of(text: str) -> Bundle:
    return Bundle.of(TargetSettings(prompt="p.jinja2"), {}, {"p.jinja2": text.encode()})


def attempt(store: Any, suite: str, text: str, expected: str | None, alias: str = "champion") -> bool:
    bundle = bundle_of(text)
    evidence = Evidence(text.encode(), bundle.digest, Decision.PASS, "run", "v", expected)
    try:
        promote(store, suite, bundle, evidence, who=text, now=NOW, expected_champion=expected, alias=alias)
    except StaleChampionError:
        return False
    return True


def race(workspace: Workspace, name: int, rounds: int, shared: dict[str, Any]) -> None:
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MlflowRegistryStore(tracking)
        for round_ in range(rounds):
            shared["gate"].wait()
            now = champion(store, "raced")
            shared["gate"].wait()
            # The same for all of them: it changes only while they wait at a gate.
            if shared["over"].value:
                break
            won = attempt(store, "raced", f"{round_}/{name}", now.digest if now else None)
            shared["results"].put((round_, won))
        shared["results"].put(None)


def race_all(workspace: Workspace, racers: int, rounds: int, limit: float = 120) -> dict[str, Any]:
    """So many rounds, or as many as there is time for in `limit` seconds."""
    started = time.monotonic()
    over = fork.Value("b", False)  # a value, not a flag of the call

    def look_at_the_clock() -> None:
        over.value = time.monotonic() - started > limit

    shared: dict[str, Any] = {
        "gate": fork.Barrier(racers, action=look_at_the_clock, timeout=limit),
        "results": fork.Queue(),
        "over": over,
    }
    children = [fork.Process(target=race, args=(workspace, name, rounds, shared)) for name in range(racers)]
    for child in children:
        child.start()
    outcomes, ended = [], 0
    while ended < racers:
        outcome = shared["results"].get(timeout=limit)
        ended += outcome is None
        outcomes += [outcome] if outcome else []
    for child in children:
        child.join()
    done = len({number for number, _ in outcomes})
    seconds = time.monotonic() - started
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MlflowRegistryStore(tracking)
        found = champion(store, "raced")
        return {
            "winners": [sum(won for number, won in outcomes if number == round_) for round_ in range(done)],
            "attempts": len(outcomes),
            "history": [entry.who for entry in history(store, "raced")],
            "alias": store.aliases("raced").get("champion"),
            "champion": found.version if found else None,
            "text": found.entry.who if found else None,
            "prompts": [version.content.text for version in store.prompts("raced.prompt")],
            "prompt": store.prompt_alias("raced.prompt", "champion"),
            "seconds": seconds,
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


def first(store: Any, suite: str) -> None:
    attempt(store, suite, "first", None)


def back(store: Any, suite: str) -> None:
    now = champion(store, suite)
    if now is not None and now.entry.action == "promote":
        rollback(store, suite, who="back", now=NOW)


def approve(store: Any, suite: str) -> None:
    attestation = digest_bytes(b"first")
    if not count_approvals(store, suite, "champion", attestation, {"ada": KEY.public_key()}).approved:
        approval = Approval(attestation=attestation, suite=suite, alias="champion", name="ada", time=NOW)
        keep_approval(store, suite, attestation, sign_approval(approval, KEY))


MOVES: dict[str, Callable[[Any, str], None]] = {
    "first": first,
    "rollback": back,
    "approve": approve,
}
_BEFORE = {"first": 0, "rollback": 2, "approve": 0}
"""Promotions that each begins with."""


def prepare(workspace: Workspace, suites: dict[str, str]) -> None:
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MlflowRegistryStore(tracking)
        for suite, move in suites.items():
            before = None
            for text in ("first", "second")[: _BEFORE[move]]:
                attempt(store, suite, text, before)
                before = bundle_of(text).digest


def die(workspace: Workspace, suite: str, move: str, steps: int) -> None:
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MortalStore(tracking)
        store.left = steps
        MOVES[move](store, suite)


def finish(workspace: Workspace, suites: dict[str, str], results: Any) -> None:
    with open_store(None, workspace, dict(os.environ)) as tracking:
        store = MlflowRegistryStore(tracking)
        for suite, move in suites.items():
            alias = "champion"
            before = len(history(store, suite, alias))
            MOVES[move](store, suite)
            MOVES[move](store, suite)
            after = champion(store, suite, alias)
            approved = count_approvals(store, suite, "champion", digest_bytes(b"first"), {"ada": KEY.public_key()})
            prompt = store.prompt_alias(f"{suite}.prompt", alias)
            texts = {version.number: version.content.text for version in store.prompts(f"{suite}.prompt")}
            results.put(
                {
                    "before": before,
                    "who": after.entry.who if after else None,
                    "alias_follows": store.aliases(suite).get(alias) == (after.version if after else None),
                    "prompt": texts.get(prompt) if prompt else None,
                    "prompts": len(texts),
                    "entries": len(history(store, suite, alias)),
                    "versions": len(store.versions(suite)),
                    "approved": approved.names,
                    "not_counted": approved.refused,
                }
            )


def kill_all(workspace: Workspace, most: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
    """Each move killed before its first change, its second, and so on until it ends by itself."""
    suites = {f"{move}-{steps:02d}": move for move, number in most.items() for steps in range(number)}
    preparing = fork.Process(target=prepare, args=(workspace, suites))
    preparing.start()
    preparing.join()
    killed: dict[str, bool] = {}
    for suite, move in suites.items():
        if killed.get(f"{move}-{int(suite[-2:]) - 1:02d}", True):
            victim = fork.Process(target=die, args=(workspace, suite, move, int(suite[-2:])))
            victim.start()
            victim.join()
            killed[suite] = victim.exitcode == -signal.SIGKILL
            assert killed[suite] or victim.exitcode == 0
        else:
            killed[suite] = False
    ended = {suite: move for suite, move in suites.items() if suite in killed}
    results = fork.Queue()
    heir = fork.Process(target=finish, args=(workspace, ended, results))
    heir.start()
    found: dict[str, list[dict[str, Any]]] = {move: [] for move in most}
    for suite, move in ended.items():
        found[move].append({"killed": killed[suite], **results.get(timeout=60)})
    heir.join()
    return found


def main() -> None:
    asked = json.loads(sys.argv[1])
    load_mlflow({})
    import mlflow.store.model_registry.sqlalchemy_store  # noqa: F401  # once here, and not in each child

    found = {}
    if "race" in asked:
        root, *numbers = asked["race"]
        found["race"] = race_all(Workspace(Path(root), ProjectSettings()), *numbers)
    if "kill" in asked:
        root, most = asked["kill"]
        found["kill"] = kill_all(Workspace(Path(root), ProjectSettings()), most)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
