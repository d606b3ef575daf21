"""Telling people of a night through a webhook that takes Slack's JSON (Slack, Mattermost, Rocket.Chat, and others).

The address is a secret: who has it may post. No message names more of it than the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from plimsoll.ci.night_report import SuiteNight, cause_words, commit_words, move_words
from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.models.network import HttpSessionSettings
from plimsoll.reports.text import clip, one_line

_SECONDS = 15.0
_ATTEMPTS = 2
_BLOCK = 2900
"""Characters; Slack takes 3,000 in a block's text."""
_BLOCKS = 45
"""Slack takes 50."""


def slack_message(nights: Sequence[SuiteNight]) -> dict[str, Any]:
    """The message about nights of which there is news: `text` for notifications, `blocks` to be read."""
    told = [found for found in nights if found.news]
    text = "; ".join(f"{found.suite}: {found.headline}" for found in told)
    lines = [line for found in told for line in _lines(found)]
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": clip(line, _BLOCK)}} for line in lines]
    if len(blocks) > _BLOCKS:
        more = f"and {len(blocks) - _BLOCKS + 1} more"
        blocks = [*blocks[: _BLOCKS - 1], {"type": "section", "text": {"type": "mrkdwn", "text": more}}]
    return {"text": clip(_escaped(f"plimsoll nightly: {text}"), _BLOCK), "blocks": blocks}


def _lines(found: SuiteNight) -> Iterator[str]:
    yield f"*{_escaped(found.suite)}*: {_escaped(found.headline)}"
    yield from (_escaped(problem) for _, problem in found.problems[1:])
    for one, move in found.moves:
        word = ("worse" if move.worse else "better") + (", new" if move.new else ", known")
        told = ". ".join((move_words(one, move), cause_words(move), commit_words(move)))
        yield f"*{word}*: {_escaped(told)}"


def _escaped(text: str) -> str:
    """What Slack takes for its own signs, in its own escapes; `*`, `_`, `~` and backticks can only change the face."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def post(address: str, message: dict[str, Any], network: HttpSessionSettings) -> None:
    """Send a message.

    Args:
        address: Of the webhook; a secret.
        message: Its JSON.
        network: Proxies and CAs.

    Raises:
        UsageError: the address is none.
        InfrastructureError: it was not taken, after two attempts.
    """
    import httpx2

    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("the webhook's address is no http address", remedy="check the variable that it is read from")
    proxy = network.proxy_for(address)
    said = ""
    for _ in range(_ATTEMPTS):
        try:
            # A redirect would carry the message to somebody whom nobody named.
            with httpx2.Client(
                trust_env=False,
                proxy=httpx2.Proxy(proxy) if proxy else None,
                verify=network.ssl_context() if parts.scheme == "https" else False,
                timeout=_SECONDS,
            ) as client:
                answer = client.post(address, json=message)
        except httpx2.TransportError as error:
            said = type(error).__name__
            continue
        if answer.is_success:
            return
        said = f"it answered {answer.status_code}"
        if answer.status_code < 500:
            break
    raise InfrastructureError(
        f"nobody was told: the webhook at {parts.hostname} did not take the message: {said}",
        remedy="check the address and the network",
    )
