"""The figures of progress as people read them: a table that fits the terminal, a last line, and the same in words.

Nothing is wider than the width it is given: figures that have no room are left out, the least telling first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from plimsoll.cli.counts import Counts, total
from plimsoll.reports.text import NOTHING, count, number, plain

_GAP = 2
_NAME_WIDTHS = (24, 16)
_LEAST_NAME = 8
_BAR_WIDTHS = (8, 60)
_LINES_BESIDE = 4
"""The head, the sum, the status line, and the cursor's own."""


@dataclass(frozen=True, slots=True)
class Row:
    """A target's line, or that of several."""

    name: str
    counts: Counts
    owed: int | None
    """Cells; None where only the run's are known."""
    rate: float | None
    """Cells a second."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The run."""

    counts: Counts
    owed: int
    rate: float | None
    elapsed: float
    """Seconds."""
    left: float | None
    """Seconds; None where nothing tells yet."""
    cap: float | None
    """USD that it may spend."""


class _Column(NamedTuple):
    title: str
    text: Callable[[Row], str]
    rank: int
    """Of those that have no room, the highest goes first."""
    optional: bool = False
    """Left out where no row has anything to say."""


def _latency(share: float) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        found = row.counts.latencies.percentiles((share,))
        return number(found[0], "s") if found else ""

    return text


_COLUMNS = (
    _Column("cells", lambda row: _of(row.counts.done, row.owed), 0),
    _Column("failed", lambda row: f"{row.counts.failed:,}" if row.counts.failed else "", 1, optional=True),
    _Column("cached", lambda row: f"{row.counts.cached:,}" if row.counts.cached else "", 5, optional=True),
    _Column("rate", lambda row: _rate(row.rate), 3),
    _Column("p50", _latency(0.5), 6, optional=True),
    _Column("p95", _latency(0.95), 4, optional=True),
    _Column("tokens", lambda row: _tokens(row.counts), 7, optional=True),
    _Column("spend", lambda row: _spend(row.counts), 2, optional=True),
)


def shown_rows(rows: Sequence[Row], whole: Whole, height: int) -> list[Row]:
    """The rows that fit a terminal of `height` lines: the first targets, the others as one, and of several the sum."""
    if len(rows) < 2:
        return list(rows)
    room = max(height - _LINES_BESIDE, 2)
    shown = list(rows)
    if len(rows) > room:
        rest = rows[room - 1 :]
        known = [row.owed for row in rest if row.owed is not None]
        owed = sum(known) if len(known) == len(rest) else None
        shown = [*rows[: room - 1], Row(f"{len(rest)} more", total(row.counts for row in rest), owed, rate=None)]
    return [*shown, Row("all", whole.counts, whole.owed, rate=whole.rate)]


def table_of(rows: Sequence[Row], width: int) -> RenderableType:
    """The rows under their titles, at most `width` columns wide."""
    texts = {column: [column.text(row) for row in rows] for column in _COLUMNS}
    columns = [column for column in _COLUMNS if not column.optional or any(texts[column])]
    names = [plain(row.name) for row in rows]
    name_width = _fit(columns, texts, names, width)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    table.add_column("target", no_wrap=True, width=name_width)
    for column in columns:
        table.add_column(column.title, justify="right", no_wrap=True)
    for place, name in enumerate(names):
        cells = [_cell(column, texts[column][place]) for column in columns]
        table.add_row(_clipped(name, name_width), *cells)
    return table


def _fit(columns: list[_Column], texts: dict[_Column, list[str]], names: Sequence[str], width: int) -> int:
    """Take out of `columns` what has no room.

    Returns:
        How wide the names are.
    """
    longest = max([cell_len(name) for name in names] + [len("target")])
    while True:
        used = sum(_GAP + max(len(column.title), *map(len, texts[column])) for column in columns)
        for limit in _NAME_WIDTHS if len(columns) > 2 else (*_NAME_WIDTHS, _LEAST_NAME):
            if used + min(longest, limit) <= width:
                return min(longest, limit)
        if len(columns) == 1:
            return max(width - used, 1)
        columns.remove(max(columns, key=lambda column: column.rank))


def _clipped(text: str, width: int) -> str:
    """Cut in the middle: names of a matrix differ at their ends."""
    if cell_len(text) <= width:
        return text
    tail = (width - 1) // 2
    end = ""
    while end != text and cell_len(text[-len(end) - 1 :]) <= tail:
        end = text[-len(end) - 1 :]
    return set_cell_size(text, width - 1 - cell_len(end)) + "…" + end


def _cell(column: _Column, text: str) -> Text:
    return Text(text, style="red" if column.title == "failed" else "")


def status_line(whole: Whole, width: int) -> RenderableType:
    """A bar, and behind it how much is done, for how long, what is left, and of a cap what is spent."""
    share = whole.counts.done / whole.owed if whole.owed else 1.0
    parts = [f"{min(int(share * 100), 100)}%", f"after {_clock(whole.elapsed)}"]
    parts += [] if whole.left is None else [f"{_clock(whole.left)} left"]
    parts += [] if whole.cap is None else [_capped(whole)]
    least, most = _BAR_WIDTHS
    while len(parts) > 1 and len("  ".join(parts)) > width:
        parts.pop(1)
    text = "  ".join(parts)
    room = width - len(text) - _GAP
    if room < least:
        return Text(text)
    bar = ProgressBar(total=max(whole.owed, 1), completed=whole.counts.done, width=min(room, most))
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_row(bar, Text(text))
    return grid


def words_of(whole: Whole, *, ended: bool = False) -> list[str]:
    """`1,514 of 4,000 cells`, `3 failed`, `210 cached`, `312/s`, `1.2M tokens`, `$0.62`, `0:08 left`."""
    counts = whole.counts
    words = [f"{counts.done:,} of {count(whole.owed, 'cell')}"]
    words += [f"{counts.failed:,} failed"] if counts.failed else []
    words += [f"{counts.cached:,} cached"] if counts.cached else []
    words += [_rate(whole.rate)] if whole.rate is not None and not ended else []
    if counts.asked:
        words.append(f"{_tokens(counts)} tokens" if counts.tokens is not None else "tokens unknown")
    if whole.cap is not None:
        words.append(_capped(whole))
    elif counts.asked:
        words.append(_spend(counts) if counts.spend is not None else "spend unknown")
    words += [f"{_clock(whole.left)} left"] if whole.left is not None and not ended else []
    return words


def _of(done: int, owed: int | None) -> str:
    return f"{done:,}" if owed is None else f"{done:,}/{owed:,}"


def _rate(rate: float | None) -> str:
    if rate is None:
        return ""
    return f"{number(rate)}/s" if rate >= 1 else f"{number(rate * 60)}/min"


def _tokens(counts: Counts) -> str:
    if not counts.asked:
        return ""
    if counts.tokens is None:
        return NOTHING
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if counts.tokens >= size:
            return f"{counts.tokens / size:.1f}{sign}"
    return str(counts.tokens)


def _spend(counts: Counts) -> str:
    if not counts.asked:
        return ""
    return "unknown" if counts.spend is None else _dollars(counts.spend)


def _capped(whole: Whole) -> str:
    spend = "unknown spend" if whole.counts.spend is None else _dollars(whole.counts.spend)
    return f"{spend} of {_dollars(whole.cap or 0.0)}"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 0.1 or amount == 0 else number(amount, "USD")


def _clock(seconds: float) -> str:
    """`0:08`, `12:05`, `2:03:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
