"""The pages of the documentation, read as a user reads them: their code blocks and the commands in them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
USER_PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "CONTRIBUTING.md"]

_BLOCK = re.compile(r"^```([a-z]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`(plimsoll [^`]+)`")


def blocks(page: Path, language: str) -> list[str]:
    return [body for found, body in _BLOCK.findall(page.read_text(encoding="utf-8")) if found == language]


def block_with(page: Path, language: str, words: str) -> str:
    (found,) = [body for body in blocks(page, language) if words in body]
    return found


def table(page: Path, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    text = page.read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1]
    rows = []
    for line in text.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif rows:
            break
    return rows[2:]


def commands(page: Path) -> Iterator[str]:
    """Every `plimsoll …` command line of a page, in blocks and in running text."""
    yield from _SPAN.findall(page.read_text(encoding="utf-8"))
    for language in ("sh", "console"):
        for block in blocks(page, language):
            for line in block.replace("\\\n", " ").splitlines():
                words = line.partition("#")[0].strip().removeprefix("$ ")
                for part in re.split(r"&&|\|\|?|;", words):
                    if part.strip().startswith("plimsoll "):
                        yield part.strip()
