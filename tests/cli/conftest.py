from tests.api.conftest import database, desk, endpoint, tracked, workspace

__all__ = ["database", "desk", "endpoint", "tracked", "workspace"]
