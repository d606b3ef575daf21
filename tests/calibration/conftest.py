from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.calibration.parts import Bench, write_workspace

from plimsoll.config import Workspace
from plimsoll.testing import ScriptedEndpoint


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def workspace(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The workspace as the current folder, its judge's model at the bench."""
    for name in ("OPENAI_API_KEY", "MLFLOW_TRACKING_URI", "PLIMSOLL_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    with ScriptedEndpoint(bench) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        found = write_workspace(tmp_path / "desk")
        monkeypatch.chdir(found.root)
        yield found
        assert not server.errors
