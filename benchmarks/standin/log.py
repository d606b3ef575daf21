"""What the stand-in answered, read from its access log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answered:
    """One request that was answered, or that its client gave up (status 499)."""

    ended: float
    """Unix time, seconds, to the millisecond."""
    took: float
    """Seconds from the request's first byte to the answer's last."""
    status: int
    path: str

    @property
    def began(self) -> float:
        return self.ended - self.took


@dataclass(frozen=True)
class Span:
    """From the first request to the last answer, as the server saw them."""

    requests: int
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def answers(path: Path) -> Iterator[Answered]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            ended, took, status, uri = line.split(" ", 3)
            yield Answered(float(ended), float(took), int(status), uri.strip())


def span(found: Sequence[Answered]) -> Span | None:
    """None where nothing was asked."""
    if not found:
        return None
    return Span(len(found), min(each.began for each in found), max(each.ended for each in found))
