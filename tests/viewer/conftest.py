from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.viewer.parts import Site

from plimsoll.api.viewing import open_desk
from plimsoll.config import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty one."""
    (tmp_path / "ferry" / "suites").mkdir(parents=True)
    return Workspace.find(tmp_path / "ferry")


@pytest.fixture
def visit(workspace: Workspace) -> Iterator[Callable[[str], Site]]:
    """Opens the viewer for somebody; it is closed when the test ends."""
    with ExitStack() as opened:
        yield lambda who: opened.enter_context(Site(open_desk(workspace, who)))


@pytest.fixture
def site(visit: Callable[[str], Site]) -> Site:
    """The viewer over the workspace, for Ada."""
    return visit("Ada")
