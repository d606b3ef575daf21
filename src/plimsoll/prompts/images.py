"""Images in prompts: named by path, URL or data URI, in the template or in a value; one content part each.

Local files are read and sent as data URIs; a URL is passed on and never fetched from here. A file that does not
begin as an image does is refused, so that a case can't make a prompt send any other file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.prompts.marks import CLOSE, OPEN

_FORM = re.compile(r"^data:image/(.*);(path|base64|url)$")
_FORM_WITH_CONTENT = re.compile(r"^data:image/(.*);(path|base64|url):\s*(.*)$")
_DATA_URI = re.compile(r"^data:image/([A-Za-z0-9.+*-]+);base64,(.*)$", re.DOTALL)
_URL = re.compile(r"^https?://", re.IGNORECASE)
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
)


class ImageError(ValueError):
    """An image that can't be read, and why."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image as it goes to the model: a data URI, or a URL. Rendered, it is a token for one content part."""

    url: str

    def __str__(self) -> str:
        return f"{OPEN}I{self.url}{CLOSE}"


def image_part(url: str) -> dict[str, Any]:
    """The content part that shows an image."""
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


def as_value(value: Any, folder: Path) -> Any:
    """A case's value, or the image that it names in one of the forms that only an image has.

    These are promptflow's `data:image/png;path:FILE` (`base64:…`, `url:…`), as text or as a mapping of one key,
    and OpenAI's image part. A path is relative to the prompt's folder.

    Raises:
        ImageError: the image can't be read.
    """
    if isinstance(value, str):
        named = _FORM_WITH_CONTENT.match(value)
        return _from_form(named[1], named[2], named[3], folder) if named else value
    if isinstance(value, Mapping):
        return _from_mapping(value, folder)
    return value


def _from_mapping(value: Mapping[str, Any], folder: Path) -> Any:
    if value.get("type") == "image_url" and isinstance(value.get("image_url"), Mapping):
        return named_image(str(value["image_url"].get("url", "")), folder)
    if len(value) == 1:
        key, content = next(iter(value.items()))
        form = _FORM.match(str(key))
        if form:
            return _from_form(form[1], form[2], str(content), folder)
    return value


def in_image_position(value: Any, folder: Path) -> Any:
    """What stands in `![image]({{ value }})`: text there names an image, and nothing there is no image."""
    return named_image(value, folder) if isinstance(value, str) and value.strip() else value


def named_image(name: str, folder: Path) -> Image:
    """The image that a URL, a data URI, one of promptflow's forms, or a path names.

    Raises:
        ImageError: it can't be read, or is none.
    """
    if _URL.match(name):
        return Image(name)
    uri = _DATA_URI.match(name)
    if uri:
        return _from_form(uri[1], "base64", uri[2], folder)
    form = _FORM_WITH_CONTENT.match(name)
    if form:
        return _from_form(form[1], form[2], form[3], folder)
    if name.startswith("data:"):
        raise ImageError("a data URI of an image reads data:image/png;base64,…")
    return _from_file(name, "", folder)


def image_file(name: str, folder: Path) -> Path | None:
    """The local file that such a name means; None where it means no file."""
    form = _FORM_WITH_CONTENT.match(name)
    if form:
        return folder / form[3] if form[2] == "path" else None
    return None if _URL.match(name) or name.startswith("data:") else folder / name


def _from_form(subtype: str, source: str, content: str, folder: Path) -> Image:
    if source == "url":
        return Image(content)
    if source == "path":
        return _from_file(content, subtype, folder)
    try:
        data = base64.b64decode("".join(content.rpartition(",")[2].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"not base64: {error}") from None
    return _from_bytes(data, subtype, "the base64 data")


def _from_file(name: str, subtype: str, folder: Path) -> Image:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise ImageError(f"the image {name!r} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise ImageError(f"the image {name!r} can't be read: {error}") from None
    return _from_bytes(data, subtype, repr(name))


def _from_bytes(data: bytes, subtype: str, what: str) -> Image:
    found = _sniff(data)
    if found is None:
        raise ImageError(f"{what} is not a PNG, JPEG, GIF, WebP or BMP image")
    # A type that the author wrote is kept, even image/jpg: that is what promptflow sends.
    kind = subtype.lower() if subtype and subtype != "*" else found
    return Image(f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}")


def _sniff(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), None)
