"""What the challenger is otherwise than the baseline: prompt text, settings and models, as a unified difference.

Pure. Promises that equal bundles differ in nothing, that a file whose text is not at hand is named all the same, and
that every line is plain: what a prompt holds can't act where the difference is shown.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.reports.text import clip, plain

LINE_LIMIT = 400
"""Characters of one line that are shown."""
TEXT_LIMIT = 400_000
"""Bytes of a file that is compared line by line."""
_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared."""

    name: str
    content: Mapping[str, Any]
    """What a bundle's digest is over: `settings`, `models`, and `files` with their digests."""
    files: Mapping[str, bytes]
    """Path → content, of those that are at hand."""
    prompt: str | None = None
    """The path of its prompt file."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file, or the settings, in which the two differ."""

    title: str
    lines: tuple[str, ...]
    """Of a unified difference, headers first; empty where the text is not at hand, or is none."""
    note: str = ""
    """Why there are no lines."""

    @property
    def added(self) -> int:
        """Lines that only the challenger has."""
        return sum(line.startswith("+") for line in self.lines[2:])

    @property
    def removed(self) -> int:
        """Lines that only the baseline has."""
        return sum(line.startswith("-") for line in self.lines[2:])


@dataclass(frozen=True, slots=True)
class Difference:
    """In what two targets differ."""

    parts: tuple[Part, ...]
    """The prompt first; none where both are the same."""
    unknown: str = ""
    """Why it can't be told, where it can't."""


def difference(before: Side, after: Side, redacted: Callable[[str], str] = lambda text: text) -> Difference:
    """What differs between the baseline and the challenger.

    Args:
        before: The baseline.
        after: The challenger.
        redacted: Takes secrets out of a text.
    """
    parts = [*_files(before, after, redacted), *_settings(before, after, redacted)]
    return Difference(tuple(parts))


def first_changed_line(before: bytes, after: bytes) -> int | None:
    """The first line of `after`, from 1, that is not as in `before`; None where every one of them is.

    Where lines were only taken away, the one that stands in their place.
    """
    old, new = (data.decode("utf-8", "replace").splitlines() for data in (before, after))
    if old == new or not new:
        return None
    same = next((place for place, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    return min(same, len(new) - 1) + 1


def _files(before: Side, after: Side, redacted: Callable[[str], str]) -> Iterator[Part]:
    old, new = dict(before.content.get("files", {})), dict(after.content.get("files", {}))
    pairs = [(before.prompt, after.prompt)] if before.prompt and after.prompt else []
    paired = {path for pair in pairs for path in pair}
    pairs += [(path, path) for path in sorted({*old, *new} - paired)]
    for left, right in pairs:
        was, now = old.get(left or ""), new.get(right or "")
        if was == now and was is not None:
            continue
        yield _file(before, after, (left if was else None, right if now else None), redacted)


def _file(before: Side, after: Side, paths: tuple[str | None, str | None], redacted: Callable[[str], str]) -> Part:
    left, right = paths
    title = plain(right or left or "")
    if left and right and left != right:
        title = f"{plain(left)} → {plain(right)}"
    texts = [_text(side, path) for side, path in ((before, left), (after, right))]
    if texts[0] is None or texts[1] is None:
        known = "added" if left is None else "removed" if right is None else "changed"
        return Part(title, (), f"{known}; its text is not at hand, or is too long to compare")
    names = (f"{before.name}: {left or 'no such file'}", f"{after.name}: {right or 'no such file'}")
    return Part(title, _unified(redacted(texts[0]), redacted(texts[1]), names))


def _text(side: Side, path: str | None) -> str | None:
    """The file's text; empty where the side has no such file, None where it can't be compared."""
    if path is None:
        return ""
    data = side.files.get(path)
    if data is None or len(data) > TEXT_LIMIT or b"\x00" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _settings(before: Side, after: Side, redacted: Callable[[str], str]) -> Iterator[Part]:
    for title, key in (("the target's settings", "settings"), ("its models", "models")):
        old, new = (
            json.dumps(_named(side, key), indent=1, sort_keys=True, ensure_ascii=False) for side in (before, after)
        )
        if old != new:
            yield Part(title, _unified(redacted(old), redacted(new), (before.name, after.name)))


def _named(side: Side, key: str) -> Any:
    """Without the prompt's path, which the files tell."""
    found = dict(side.content.get(key, {}))
    return {name: value for name, value in found.items() if (key, name) != ("settings", "prompt")}


def _unified(old: str, new: str, names: tuple[str, str]) -> tuple[str, ...]:
    lines = difflib.unified_diff(_lines(old), _lines(new), plain(names[0]), plain(names[1]), n=_CONTEXT, lineterm="")
    return tuple(clip(line, LINE_LIMIT) for line in lines)


def _lines(text: str) -> list[str]:
    # Not by `splitlines`: what else it takes for the end of a line `plain` has made visible.
    return plain(text).split("\n")
