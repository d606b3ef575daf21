"""Lines, titles and flipped cases on a terminal, the same for all that is printed there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from plimsoll.reports.flip_model import FlipRow
from plimsoll.reports.phrases import flip_text
from plimsoll.reports.text import apart, count, one_line

FLIPS_SHOWN_WORSE = 5
FLIPS_SHOWN_BETTER = 2
SIDE_WIDTH = 16
"""Characters of a target's name beside its answer."""


def title(console: Console, text: str) -> None:
    """An empty line and a title."""
    console.print()
    say(console, text, "bold")


def more(console: Console, hidden: int, what: str, rest: str = "in the HTML report") -> None:
    """How many more there are, and where; nothing where none."""
    if hidden > 0:
        between = " " if rest.startswith("in ") else ": "
        indented(console, Text(f"{count(hidden, f'more {what}')}{between}{rest}", style="dim"))


def indented(console: Console, text: Text) -> None:
    """Text two columns in, wrapped there too."""
    console.print(Padding(text, (0, 0, 0, 2), expand=False))


def say(console: Console, text: str, style: str = "") -> None:
    """A line, never as markup."""
    console.print(Text(text, style=style))


def print_flip(flip: FlipRow, names: tuple[str, str], console: Console, style: str = "") -> None:
    """A case that flipped, by which metrics, and both answers under the sides' names."""
    line = Text.assemble((flip.case, "bold"), "  ", (flip_text(flip), style))
    console.print(line, no_wrap=True, overflow="ellipsis")
    both = Table.grid(padding=(0, 2, 0, 0))
    both.add_column(no_wrap=True)
    both.add_column()
    # Two lines each at the most: what changed is seen at once, the whole is in the HTML report.
    for name, text in _sides(flip, names, 2 * (console.width - SIDE_WIDTH - 8)):
        both.add_row(Text(name, style="dim"), Text(text))
    console.print(Padding(both, (0, 0, 0, 2), expand=False))


def _sides(flip: FlipRow, names: tuple[str, str], limit: int) -> Iterable[tuple[str, str]]:
    if flip.short:
        yield "case", one_line(flip.short, limit)
    if flip.expected is not None:
        yield "expected", one_line(flip.expected, limit)
    if flip.before is None or flip.after is None:
        for name, text in zip(names, (flip.before, flip.after), strict=True):
            yield name, "not at hand" if text is None else one_line(text, limit)
    elif flip.before == flip.after:
        yield "answer", one_line(flip.after, limit) + "  (the same)"
    else:
        yield from zip(names, apart(flip.before, flip.after, limit), strict=True)


def print_notes(notes: Sequence[str], console: Console) -> None:
    """Notes under their title; nothing where none."""
    if not notes:
        return
    title(console, "Notes")
    for note in notes:
        console.print(hanging("-", Text(note)))


def hanging(mark: str, text: Text) -> Table:
    """Text beside a mark, wrapped beside it too."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(mark, text)
    return grid
