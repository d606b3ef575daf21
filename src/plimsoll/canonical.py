"""Canonical bytes, tagged digests, and files that are written whole or not at all.

Everything whose identity matters is digested here and nowhere else. Canonical JSON: keys sorted, no spaces,
UTF-8, no NaN or infinity, string keys only. Written and read by this package alone, so the platform's own
shortest float form is kept (RFC 8785 differs from it only above 1e16).
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

DIGEST_PREFIX = "sha256:"

# Made once: json.dumps makes a new one for every call that isn't its default.
_exact = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
# Ten times as fast. It writes large and small floats in another form, and takes keys and values that have no place
# here: it is given only what `_is_plain` admits, of which both make the same bytes.
_quick = msgspec.json.Encoder(order="sorted")

_SAME_IN_BOTH = frozenset({str, int, bool, type(None)})
_LEAST_PLAIN, _MOST_PLAIN = 1e-4, 1e16
"""Between them a float is written without an exponent."""


def dumps(value: Any) -> bytes:
    """`value` as canonical JSON bytes.

    Raises:
        TypeError: a key is not a string, or a value has no JSON form.
        ValueError: a number is not finite, or a string can't be encoded as UTF-8.
    """
    if _is_plain(value):
        return _quick.encode(value)
    _refuse_other_keys(value)
    return _exact.encode(value).encode("utf-8")


def _is_plain(value: Any) -> bool:
    """Whether a value is of JSON's own types throughout, with string keys, and has no float in exponent form."""
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or (type(item) not in _SAME_IN_BOTH and not _is_plain(item)):
                return False
        return True
    if kind is list or kind is tuple:
        for item in value:  # noqa: SIM110  # a generator takes half as long again
            if type(item) not in _SAME_IN_BOTH and not _is_plain(item):
                return False
        return True
    if kind is float:
        return bool(value == 0 or _LEAST_PLAIN <= abs(value) < _MOST_PLAIN)
    return kind in _SAME_IN_BOTH


def _refuse_other_keys(value: Any) -> None:
    # json.dumps turns 1 and "1" into the same key: two values, one digest.
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"canonical JSON has string keys only, not {key!r}")
            _refuse_other_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_other_keys(item)


def digest(value: Any) -> str:
    """The tagged digest of a JSON value."""
    return digest_bytes(dumps(value))


def digest_lines(values: Iterable[Any]) -> str:
    """The tagged digest of JSON values in a row, one in memory at a time."""
    whole = hashlib.sha256()
    for value in values:
        whole.update(dumps(value) + b"\n")
    return DIGEST_PREFIX + whole.hexdigest()


def digest_bytes(data: bytes) -> str:
    """The tagged digest of raw bytes."""
    return DIGEST_PREFIX + hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """The tagged digest of a file's content, read in blocks."""
    with path.open("rb") as file:
        return DIGEST_PREFIX + hashlib.file_digest(file, "sha256").hexdigest()


def short(tagged: str, length: int = 12) -> str:
    """A digest's first characters, for people: never compared."""
    return tagged.removeprefix(DIGEST_PREFIX)[:length]


def digest_files(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """Relative POSIX path → digest for `files`, sorted by path: what a folder's identity is made of."""
    entries = {PurePosixPath(path.relative_to(root)).as_posix(): digest_file(path) for path in files}
    return dict(sorted(entries.items()))


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the whole new one, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
