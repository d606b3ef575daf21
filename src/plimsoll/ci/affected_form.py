"""What `plimsoll affected --json` prints, with its JSON Schema made of the same type."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plimsoll.ci.affected import Affected, Effect, LeftOut
from plimsoll.reports.jsonform import MistakeForm


class AffectedDocument(Struct, frozen=True, kw_only=True):
    """What `plimsoll affected --json` prints."""

    exit_code: int
    suites: tuple[Effect, ...] = ()
    """All of the workspace; empty where an error ended the command."""
    base: str | None = None
    """The git ref that the change starts from; null where an error ended the command."""
    commit: str | None = None
    """The newest commit that HEAD has in common with it; null likewise."""
    changed: tuple[str, ...] = ()
    """Every changed file, relative to the workspace."""
    unknown: tuple[str, ...] = ()
    """Those that no suite is known to use, and that nobody says are of no influence: they affect all suites."""
    ignored: tuple[LeftOut, ...] = ()
    """Those that count for nothing."""
    deleted: tuple[str, ...] = ()
    """Suites that were there before the change and are not any more."""
    mistakes: tuple[MistakeForm, ...] = ()
    """Why nothing could be told."""


def affected_document(found: Affected, base: str, commit: str) -> AffectedDocument:
    """The whole object."""
    return AffectedDocument(
        exit_code=0,
        suites=found.suites,
        base=base,
        commit=commit,
        changed=found.changed,
        unknown=found.unknown,
        ignored=found.ignored,
        deleted=found.deleted,
    )


def affected_schema() -> dict[str, Any]:
    """Its JSON Schema (2020-12)."""
    return msgspec.json.schema(AffectedDocument)
