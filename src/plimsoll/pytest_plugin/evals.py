"""The fixture."""

from pathlib import Path


class Evals:
    def __init__(self, folder: Path) -> None: ...
