"""Which calibration is under way: its answers are kept until it ends, so that going on pays for nothing twice."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from plimsoll.canonical import write_atomic

_KEPT = timedelta(days=7)
"""After so long an unfinished calibration begins anew: its first answers would be too old to stand beside the last."""


class Session(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A calibration that has begun."""

    token: str
    judge_digest: str
    labels_digest: str
    started: datetime


def open_session(path: Path, judge_digest: str, labels_digest: str, now: datetime) -> Session:
    """The unfinished calibration of this judge over these labels, or a new one.

    Args:
        path: Its file in the state folder.
        judge_digest: Of the judge as it is now.
        labels_digest: Of the labels as they are now.
        now: With its zone.
    """
    try:
        before = msgspec.json.decode(path.read_bytes(), type=Session)
    except (OSError, msgspec.MsgspecError):
        before = None
    same = before is not None and (before.judge_digest, before.labels_digest) == (judge_digest, labels_digest)
    if before is not None and same and timedelta() <= now - before.started < _KEPT:
        return before
    session = Session(token=secrets.token_hex(8), judge_digest=judge_digest, labels_digest=labels_digest, started=now)
    write_atomic(path, msgspec.json.encode(session))
    return session


def end_session(path: Path) -> None:
    """It is finished: the next calibration asks anew."""
    path.unlink(missing_ok=True)
