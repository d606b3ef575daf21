"""A dataset: a file, a DataFrame or rows in memory, read as cases one by one.

`cases()` holds one row at a time and stops at the first mistake; `check()` reads everything and lists every
mistake. Neither drops a row: a dataset with a mistake gives no result that looks whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll import canonical
from plimsoll.config import CaseDefaults
from plimsoll.datasets.card import Card, read_card
from plimsoll.datasets.cases import CaseReader
from plimsoll.datasets.checked import CheckedCopy, CopyWriter, read_cases
from plimsoll.datasets.columnar import ParquetFile
from plimsoll.datasets.delimited import CsvFile
from plimsoll.datasets.jsonl import JsonlFile
from plimsoll.datasets.source import Header, RowsInMemory, RowSource, file_mistake, open_binary
from plimsoll.datasets.summary import Summary, check_rows
from plimsoll.errors import ConfigError, Mistake, Where
from plimsoll.types import Case

_FORMS: dict[str, Callable[[Path, Path | str], RowSource]] = {
    ".jsonl": JsonlFile,
    ".csv": CsvFile,
    ".parquet": ParquetFile,
}

IN_MEMORY = "data"
"""How messages name rows that come from no file."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Curated cases. Iterating over it is `cases()`."""

    name: str
    source: RowSource
    reader: CaseReader
    path: Path | None = None
    """None where the rows come from memory."""
    file_digest: str | None = None
    """Of the file's bytes when it was opened; the digest of its cases is in `check()`'s summary."""
    copy: CheckedCopy | None = None
    """Its cases as they were checked before; None where no such copies are kept."""

    @property
    def card(self) -> Card | None:
        """The card, where there is one."""
        return self.reader.card

    def cases(self) -> Iterator[Case]:
        """Each case in the dataset's order, with the suite's defaults; one row in memory at a time.

        What only the whole shows (duplicate ids, slices that never occur) is `check`'s to tell.

        Raises:
            ConfigError: the mistakes of the first row that has any, or there are no rows at all; at the end, if the
                file is not what it was when it was opened.
        """
        file = None if self.copy is None else self.copy.open()
        if file is None:
            yield from self._cases_of_source()
            self._refuse_changed()
            return
        with file:
            yield from read_cases(file)

    def _cases_of_source(self) -> Iterator[Case]:
        told: frozenset[str] = frozenset()
        empty = True
        for item in self.source.rows():
            if isinstance(item, Header):
                told, mistakes = self.reader.header(item)
                if mistakes:
                    raise ConfigError(mistakes)
                continue
            reading = self.reader.read(item, told)
            if reading.case is None:
                raise ConfigError(reading.mistakes)
            empty = False
            yield reading.case
        if empty:
            raise ConfigError([Mistake("no cases: the dataset has no rows", Where(self.reader.shown))])

    def __iter__(self) -> Iterator[Case]:
        return self.cases()

    def check(self) -> Summary:
        """Read everything once, unless a copy says that this was done before; see `Summary`.

        Raises:
            ConfigError: every mistake in the dataset, or the file is not what it was when it was opened.
        """
        if self.copy is None:
            found = check_rows(self.name, self.source, self.reader)
            self._refuse_changed()
            return found
        before = self.copy.summary()
        if before is not None:
            return before
        with CopyWriter(self.copy) as writer:
            found = check_rows(self.name, self.source, self.reader, writer.add)
            self._refuse_changed()
            writer.finish(found)
        return found

    def _refuse_changed(self) -> None:
        """Passes over the file have to agree: what was checked is what is run."""
        if self.path is None:
            return
        try:
            same = canonical.digest_file(self.path) == self.file_digest
        except OSError:
            same = False
        if not same:
            mistake = Mistake("the file changed while it was read", Where(self.reader.shown), "run the command again")
            raise ConfigError([mistake])


def open_dataset(
    path: Path,
    shown: Path | str | None = None,
    defaults: CaseDefaults | None = None,
    *,
    copies: Path | None = None,
) -> Dataset:
    """The dataset in a *.jsonl, *.csv or *.parquet file, with the card beside it.

    Args:
        path: The file.
        shown: How messages name it.
        defaults: The suite's, for rows that say nothing.
        copies: The folder for what was checked, so that it is checked once; None keeps nothing.

    Raises:
        ConfigError: the file can't be opened, is not of its form, or its card or the defaults are wrong.
    """
    name = path if shown is None else shown
    mistakes: list[Mistake] = []
    source, card = None, None
    try:
        source = row_source(path, name)
    except ConfigError as error:
        mistakes += error.mistakes
    try:
        card = read_card(path, name)
    except ConfigError as error:
        mistakes += error.mistakes
    if source is None or mistakes:
        raise ConfigError(mistakes)
    reader = CaseReader(name, card, defaults or CaseDefaults())
    called, digest = card.name if card else path.stem, canonical.digest_file(path)
    copy = None if copies is None else CheckedCopy.of(copies, called, path, digest, reader)
    return Dataset(called, source, reader, path, digest, copy)


def from_rows(
    rows: Iterable[Mapping[str, Any]],
    *,
    name: str = IN_MEMORY,
    card: Card | None = None,
    defaults: CaseDefaults | None = None,
) -> Dataset:
    """A dataset of dictionaries, with the same fields and checks as a row of a JSONL file.

    Raises:
        ConfigError: the defaults are wrong; mistakes in rows are told by `check` and `cases`.
    """
    source = RowsInMemory(tuple(rows), IN_MEMORY)
    return Dataset(card.name if card else name, source, CaseReader(IN_MEMORY, card, defaults or CaseDefaults()))


def row_source(path: Path, shown: Path | str) -> RowSource:
    """The rows of a *.jsonl, *.csv or *.parquet file.

    Raises:
        ConfigError: the file can't be opened, or is not of its form.
    """
    suffix = path.suffix.lower()
    form = _FORMS.get(suffix)
    if form is None:
        open_binary(path, shown).close()  # a file that isn't there is the greater mistake
        named = f"of the form {suffix}" if suffix else "without a suffix"
        message = f"a file {named} can't be read as a dataset"
        raise ConfigError([Mistake(message, Where(shown), f"supported: {', '.join(_FORMS)}")])
    mistake = file_mistake(path, shown, suffix)
    if mistake is not None:
        raise ConfigError([mistake])
    return form(path, shown)
