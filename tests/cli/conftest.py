from collections.abc import Iterator

import pytest
from tests.api.conftest import database, desk, endpoint, tracked, workspace
from tests.cli.sessions import Sessions

__all__ = ["database", "desk", "endpoint", "tracked", "workspace"]


@pytest.fixture(scope="session")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    """Where commands start as processes: one at a time, each without waiting for its imports."""
    with Sessions(tmp_path_factory.mktemp("sessions")) as opened:
        yield opened
