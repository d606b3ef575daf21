"""What `plimsoll affected --json` prints, with its JSON Schema made of the same type."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from plimsoll.ci.affected import Affected, Cause, Effect, LeftOut
from plimsoll.reports.jsonform import MistakeForm


class AffectedDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `plimsoll affected --json` prints. Of the lists but `suites`, one with nothing in it is absent."""

    exit_code: int
    suites: tuple[Effect, ...]
    """All of the workspace; empty where an error ended the command."""
    base: str | None = None
    """The git ref that the change starts from; absent where an error ended the command."""
    merge_base: str | None = None
    """The newest commit that HEAD has in common with it; absent likewise."""
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


def affected_document(found: Affected, base: str, merge_base: str) -> AffectedDocument:
    """The whole object."""
    return AffectedDocument(
        exit_code=0,
        suites=tuple(_effect(effect) for effect in found.suites),
        base=base,
        merge_base=merge_base,
        changed=_names(found.changed),
        unknown=_names(found.unknown),
        ignored=tuple(LeftOut(file=_name(left.file), why=left.why) for left in found.ignored),
        deleted=_names(found.deleted),
    )


def _effect(effect: Effect) -> Effect:
    causes = tuple(Cause(file=_name(cause.file), used_for=cause.used_for) for cause in effect.causes)
    return replace(effect, suite=_name(effect.suite), file=_name(effect.file), causes=causes)


def _names(files: Iterable[str]) -> tuple[str, ...]:
    return tuple(_name(file) for file in files)


def _name(file: str) -> str:
    r"""A file's name as JSON can hold it: a byte that is no text as `\xff`."""
    return os.fsencode(file).decode("utf-8", "backslashreplace")


def affected_schema() -> dict[str, Any]:
    """Its JSON Schema (2020-12)."""
    return msgspec.json.schema(AffectedDocument)
