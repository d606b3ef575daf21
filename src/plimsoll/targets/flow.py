"""Temporary."""
from __future__ import annotations
from dataclasses import dataclass
from typing import Any
from pathlib import Path


@dataclass
class FlowTarget:
    """Temporary."""
    info: Any; flow: Any; root: Any; inputs: Any; pick: Any; variant: Any; connections: Any; default_connection: Any
    init: Any; environment: Any; timeout: Any; concurrency: Any; lane: Any

    def open(self) -> Any:
        """Temporary."""


def flow_files(path: Path) -> tuple[Path, ...]:
    """Temporary."""
    return ()
