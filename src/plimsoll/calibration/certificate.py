"""A judge's certificate: what was measured of it against people, when, and whether it may be believed. A JSON file.

It lies in the workspace, is reviewed and committed with the judge, and holds for exactly the judge and the labels whose
digests it bears. Its own digest shows damage and an edited figure. It is not signed: whoever can write the file can
write another, and review is what stands against that.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from plimsoll import canonical
from plimsoll.calibration.certify import Check
from plimsoll.calibration.figures import Figures
from plimsoll.errors import ConfigError, Mistake, Where

FOLDER = "evaluators/certificates"
"""In the workspace."""


class LabelsInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The labels that it rests on."""

    file: str
    digest: str
    """Of their content: rows, answers, labels."""
    answers: int


class Certificate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The certificate of one judged metric."""

    format: Literal[1] = 1
    metric: str
    judge: str
    """The evaluator that gives the metric."""
    judge_digest: str
    """Of prompt, model, parameters and version: the only judge that this is about."""
    models: tuple[str, ...]
    """Those that it asks, as their endpoints call them."""
    labels: LabelsInfo
    threshold: str | None
    """Which values of the judge are good."""
    label_passes: str | None
    """Which labels are, where that is another condition."""
    made: datetime
    expires: datetime
    tool: str
    policy: dict[str, Any]
    """What it was held against."""
    figures: Figures
    checks: tuple[Check, ...]
    certified: bool
    statement: str
    """The whole in one sentence."""
    digest: str = ""
    """Of all the rest."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not certified; empty where it is."""
        return tuple(check.reason for check in self.checks if check.outcome.value != "pass")


def sealed(certificate: Certificate) -> Certificate:
    """The certificate with its digest."""
    return replace(certificate, digest=_content_digest(certificate))


def certificate_file(root: Path, metric: str) -> Path:
    """Where the certificate of a metric lies in a workspace."""
    return root / FOLDER / f"{metric}.json"


def write_certificate(path: Path, certificate: Certificate) -> None:
    """Write it so that a reader sees the old one or the whole new one."""
    canonical.write_atomic(path, certificate_bytes(certificate))


def certificate_bytes(certificate: Certificate) -> bytes:
    """The file's content, to be read by people too."""
    return msgspec.json.format(msgspec.json.encode(certificate), indent=2) + b"\n"


def read_certificate(path: Path, shown: Path | str) -> Certificate:
    """The certificate in a file.

    Args:
        path: The file.
        shown: How messages name it.

    Raises:
        ConfigError: it can't be read, is none, or was changed since it was written.
    """
    try:
        return parse_certificate(path.read_bytes(), shown)
    except OSError as error:
        raise ConfigError([Mistake(f"can't be read: {error.strerror}", Where(shown))]) from error


def parse_certificate(data: bytes, shown: Path | str) -> Certificate:
    """The certificate in a file's content.

    Raises:
        ConfigError: it is none, or was changed since it was written.
    """
    again = "calibrate the judge again: plimsoll judge calibrate"
    try:
        found = msgspec.json.decode(data, type=Certificate)
    except msgspec.MsgspecError as error:
        raise ConfigError([Mistake(f"is no certificate of a judge: {error}", Where(shown), again)]) from None
    if _content_digest(found) != found.digest:
        message = "was changed since it was written: its digest does not fit its content"
        raise ConfigError([Mistake(message, Where(shown), again)])
    if found.made.tzinfo is None or found.expires.tzinfo is None:
        raise ConfigError([Mistake("its dates have no time zone", Where(shown), again)])
    return found


def day(moment: datetime) -> str:
    """A date as people read it, UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _content_digest(certificate: Certificate) -> str:
    return canonical.digest(msgspec.to_builtins(replace(certificate, digest="")))
