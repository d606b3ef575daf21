"""What was accepted of a suite's nights: read for a night, and checked before one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from plimsoll.api.prepare import Prepared
from plimsoll.config import Document, read_yaml, validate
from plimsoll.config.nightly import AcceptedFile, accepted_path, read_accepted
from plimsoll.config.promotion import CHAMPION
from plimsoll.errors import ConfigError, Mistake, near_match


def accepted_moves(prepared: Prepared) -> dict[tuple[str, str], str]:
    """(Target, metric) → the first day that counts; empty where the suite has no such file.

    Raises:
        ConfigError: every mistake in the file.
    """
    document = _document(prepared)
    return {} if document is None else read_accepted(document, datetime.now(UTC).date())


def accepted_mistakes(prepared: Prepared) -> Iterator[Mistake]:
    """Every mistake in the suite's file, each at its line; one about no target or metric of it accepts nothing."""
    try:
        document = _document(prepared)
        moves = [] if document is None else validate(document, AcceptedFile).accepted
        accepted_moves(prepared)
    except ConfigError as error:
        yield from error.mistakes
        return
    metrics = {metric.name for info in prepared.evaluators.values() for metric in info.metrics}
    known = {"target": {CHAMPION, *prepared.targets}, "metric": metrics}
    for place, entry in enumerate(moves):
        assert document is not None, "without it there are none"
        for what, names in known.items():
            named = getattr(entry, what)
            if named not in names:
                message = f"the suite has no {what} {named!r}"
                yield document.mistake(("accepted", place, what), message, near_match(named, names))


def _document(prepared: Prepared) -> Document | None:
    shown = accepted_path(prepared.suite.name)
    path = prepared.workspace.root / shown
    return read_yaml(path, shown) if path.is_file() else None
