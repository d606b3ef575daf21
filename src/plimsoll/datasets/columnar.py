"""Parquet through pyarrow, batch by batch. The only importer of pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.datasets.source import Header, Row
from plimsoll.datasets.values import plain
from plimsoll.errors import Mistake, Where

_BATCH_ROWS = 128
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """Rows of a Parquet file. A row's line is its number, from 1."""

    path: Path
    shown: Path | str

    def rows(self) -> Iterator[Header | Row]:
        """The columns, then each row; one batch of rows is in memory at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = 0
        try:
            # Buffered streams: without them a whole row group, often the whole file, is read at once.
            with pq.ParquetFile(self.path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
                names = tuple(file.schema_arrow.names)
                wrong = self._column_mistakes(names)
                if wrong:
                    yield Row(0, None, wrong)
                    return
                yield Header(names)
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                    rows: list[dict[str, Any]] = batch.to_pylist()
                    for values in rows:
                        number += 1
                        yield Row(number, plain(values))
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            detail = next(iter(str(error).strip().splitlines()), type(error).__name__)
            message = f"can't be read as Parquet: {detail}"
            yield Row(number, None, (Mistake(message, Where(self.shown, number + 1)),))

    def _column_mistakes(self, names: tuple[str, ...]) -> tuple[Mistake, ...]:
        return tuple(
            Mistake(f"{names.count(name)} columns are named {name!r}", Where(self.shown))
            for name in dict.fromkeys(names)
            if names.count(name) > 1
        )
