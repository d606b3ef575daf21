"""When another change was promoted meanwhile: gating again is one command, and asks only what the cache lacks."""

from __future__ import annotations

import pytest
from tests.api.conftest import database, desk, endpoint, tracked, workspace
from tests.api.parts import Desk, edit
from tests.cli.parts import Ended, plimsoll

from plimsoll.config import Workspace

__all__ = ["database", "desk", "endpoint", "tracked", "workspace"]

pytestmark = [pytest.mark.long, pytest.mark.mlflow]


def test_after_another_promotion_the_gate_is_run_again_out_of_the_cache(
    tracked: Workspace, desk: Desk, capsys: pytest.CaptureFixture[str]
):
    def said(*words: str) -> Ended:
        return plimsoll(capsys, *words)

    root = tracked.root
    assert said("gate", "desk", "--first").code == 0
    assert said("promote", "desk", "--reason", "first").code == 0
    edit(root, "prompts/v1.jinja2", "one", "zwei")
    assert said("gate", "desk").code == 0
    # The change has passed and waits; meanwhile another one is gated and promoted.
    passed = max(root.glob(".plimsoll/runs/*/gate/v1/attestation.json"), key=lambda path: path.stat().st_mtime)
    edit(root, "prompts/v1.jinja2", "zwei", "drei")
    assert said("gate", "desk").code == 0
    assert said("promote", "desk", "--reason", "another").code == 0
    edit(root, "prompts/v1.jinja2", "drei", "zwei")
    refused = said("promote", "desk", "--attestation", str(passed), "--reason", "mine")
    assert refused.code == 2
    assert "plimsoll gate desk" in refused.err
    asked = desk.requests
    assert said("gate", "desk").code == 0
    assert desk.requests == asked
    assert said("promote", "desk", "--reason", "mine, again").code == 0
