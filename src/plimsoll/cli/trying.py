"""`try`: one prompt, one set of variables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plimsoll.api.trying import Tried, try_prompt
from plimsoll.cli.console import print_result, to_stderr, to_stdout
from plimsoll.errors import UsageError


def variables(written: Iterable[str]) -> dict[str, Any]:
    """NAME=VALUE arguments; `@FILE` reads a file, and what is a JSON list or object is one.

    Raises:
        UsageError: one has no `=`, or its file can't be read.
    """
    values: dict[str, Any] = {}
    for text in written:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"--var {text!r} is not NAME=VALUE", remedy="for example --var question='How late?'")
        if value.startswith("@"):
            try:
                value = Path(value[1:]).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"--var {name}: {value[1:]} can't be read: {_reason(error)}") from None
        values[name] = _structured(value)
    return values


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "no such file" if isinstance(error, OSError) else "it is not UTF-8"


def _structured(text: str) -> Any:
    if not text.startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def try_(
    path: Path, written: Iterable[str], *, model: str | None, base_url: str | None, send: bool, as_json: bool
) -> None:
    """Show the messages on stderr and the answer on stdout."""
    tried = try_prompt(path, variables(written), model=model, base_url=base_url, send=send)
    if as_json:
        print_result(tried)
        return
    _show(tried)


def _show(tried: Tried) -> None:
    messages = to_stdout() if tried.reply is None else to_stderr()
    for message in tried.messages:
        content = message.get("content")
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        messages.print(f"{message.get('role')}:", style="bold")
        messages.print(text, soft_wrap=True)
    if tried.reply is None:
        return
    messages.print("answer:", style="bold")
    to_stdout().print(tried.reply.text or json.dumps(tried.reply.tool_calls), soft_wrap=True)
    usage = tried.reply.usage
    messages.print(
        f"({tried.reply.latency:.2f} s, {usage.prompt_tokens} tokens in, {usage.completion_tokens} out, "
        f"{tried.reply.finish})",
        style="dim",
    )
