from collections.abc import Iterator

import pytest
from tests.evaluators.adapters.parts import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    found = Bench(tmp_path_factory.mktemp("workspace"))
    found.open()
    yield found
    found.close()
