"""Telling people of a night through a webhook that takes Slack's JSON (Slack, Mattermost, Rocket.Chat, and others).

The address is a secret: who has it may post. No message names more of it than the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from plimsoll.ci.night_report import SuiteNight, cause_words, move_words, night_words, where_words, worst_first
from plimsoll.errors import InfrastructureError, UsageError
from plimsoll.models.network import HttpSessionSettings
from plimsoll.reports.text import clip, one_line

_SECONDS = 15.0
_ATTEMPTS = 2
_BLOCK = 2900
"""Characters; Slack takes 3,000 in a block's text."""
_BLOCKS = 45
"""Slack takes 50."""
_TEXT = 4000
"""Characters: what Slack recommends at most, and other servers take in one message."""


def slack_message(nights: Sequence[SuiteNight], job: str | None = None) -> dict[str, Any]:
    """The message about nights of which there is news: `blocks` for Slack, and the same in `text` for other servers.

    What is worse comes first, so that a limit cuts the rest.

    Args:
        nights: Of all suites.
        job: The page of the CI system's job, where there is one.
    """
    told = worst_first([found for found in nights if found.news])
    lines = [line for found in told for line in _lines(found)]
    if job is not None:
        lines.insert(0, _escaped(job))
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": clip(line, _BLOCK)}} for line in lines]
    if len(blocks) > _BLOCKS:
        more = f"and {len(blocks) - _BLOCKS + 1} more"
        blocks = [*blocks[: _BLOCKS - 1], {"type": "section", "text": {"type": "mrkdwn", "text": more}}]
    return {"text": clip("\n".join(["plimsoll nightly", *lines]), _TEXT), "blocks": blocks}


def _lines(found: SuiteNight) -> Iterator[str]:
    night = f" ({_escaped(night_words(found.tonight))})" if found.tonight is not None else ""
    yield f"*{_escaped(found.suite)}*: {_escaped(found.headline)}{night}"
    yield from (_escaped(problem.words) for problem in found.problems[1:])
    yield from (f"*back*: {_escaped(words)}" for words in found.back)
    for one, move in found.moves:
        word = ("worse" if move.worse else "better") + (", new" if move.new else ", known")
        told = ". ".join((move_words(one, move), cause_words(move), *where_words(move)))
        yield f"*{word}*: {_escaped(told)}"


def _escaped(text: str) -> str:
    """What Slack takes for its own signs, in its own escapes; `*`, `_`, `~` and backticks can only change the face.

    Other servers call people by `@name` in plain text; behind a space without width it is none.
    """
    shown = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return shown.replace("@", "@\u200b")


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

    host, secure = host_of(address)
    proxy = network.proxy_for(address)
    said = ""
    for _ in range(_ATTEMPTS):
        try:
            # A redirect would carry the message to somebody whom nobody named. What is said beside the status is not
            # read, however long it takes to say it.
            with (
                httpx2.Client(
                    trust_env=False,
                    proxy=httpx2.Proxy(proxy) if proxy else None,
                    verify=network.ssl_context() if secure else False,
                    timeout=_SECONDS,
                ) as client,
                client.stream("POST", address, json=message) as answer,
            ):
                status = answer.status_code
        except httpx2.TransportError as error:
            said = type(error).__name__
            continue
        if httpx2.codes.is_success(status):
            return
        said = f"it answered {status}"
        if status < 500:
            break
    raise InfrastructureError(
        f"nobody was told: the webhook at {host} did not take the message: {said}",
        remedy="check the address and the network",
    )


def host_of(address: str) -> tuple[str, bool]:
    """The server of an address, and whether it is spoken to by TLS.

    Raises:
        UsageError: it is no address; no part of it is told.
    """
    import httpx2

    try:
        url = httpx2.URL(address)
        # As the resolver does it, which raises where a label is too long.
        url.host.encode("idna")
        if url.scheme in ("http", "https") and url.host:
            return url.host, url.scheme == "https"
    except (httpx2.InvalidURL, ValueError):
        # What is wrong with it would name a part of it.
        pass
    raise UsageError("the webhook's address is no http address", remedy="check the variable that it is read from")
