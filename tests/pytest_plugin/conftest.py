from __future__ import annotations

import pytest
from tests.api.conftest import desk, endpoint
from tests.api.parts import Desk, write_workspace
from tests.pytest_plugin.parts import ABSOLUTE, Bed

import plimsoll
import plimsoll.pytest_plugin.collecting
import plimsoll.pytest_plugin.evals
import plimsoll.pytest_plugin.items
from plimsoll.testing import ScriptedEndpoint

__all__ = ["bed", "desk", "endpoint", "warm"]


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import whatever a run and a gate need: pytester forgets what is imported inside it, and numpy bears no second
    import."""
    folder = tmp_path_factory.mktemp("warm")
    with ScriptedEndpoint(Desk()) as server:
        text = ABSOLUTE.replace("${OPENAI_BASE_URL}", server.base_url)
        write_workspace(folder, text, amount=2)
        plimsoll.gate("desk", workspace=folder, track=False)


@pytest.fixture
def bed(pytester: pytest.Pytester, endpoint: ScriptedEndpoint, warm: None, monkeypatch: pytest.MonkeyPatch) -> Bed:
    """A workspace with twelve cases, two targets and a gate."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    write_workspace(pytester.path, ABSOLUTE)
    return Bed(pytester)
