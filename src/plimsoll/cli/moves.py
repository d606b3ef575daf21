"""What `promote`, `approve`, `rollback`, `history` and `verify` print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.text import Text

from plimsoll.api.approving import approve_suite, key_holders
from plimsoll.api.promotion import history_of, verify_suite
from plimsoll.api.verifying import attestations_in, trust_of, verify_path
from plimsoll.canonical import short
from plimsoll.cli.console import print_place, print_result, to_stderr, to_stdout
from plimsoll.config import Workspace
from plimsoll.config.promotion import CHAMPION
from plimsoll.errors import UsageError
from plimsoll.gates import Attestation
from plimsoll.registry import Entry, called

_INDENT = 4
_WIDTH = 80
"""Columns of a sentence, however wide the terminal is."""


def note(text: str) -> None:
    """Tell something beside the result."""
    to_stderr().print(f"note: {text}")


def show_move(entry: Entry, *, as_json: bool) -> None:
    """A new entry of the history, in a line; by force in two."""
    if as_json:
        print_result(entry)
        return
    verb = "promoted" if entry.action == "promote" else "rolled back to"
    console = to_stdout()
    console.print(
        f"{verb} {entry.suite}/{entry.target}: version {entry.version} is {called(entry.alias)} "
        f"(bundle {short(entry.bundle)}, entry #{entry.seq} of the history)"
    )
    if entry.forced:
        console.print(_forced(entry))


def approve(suite: str, attestation: Path | None, alias: str, *, as_json: bool) -> None:
    """Approve, and say how many approvals there are now."""
    workspace = Workspace.find()
    found = approve_suite(workspace, suite, attestation=attestation, alias=alias)
    if as_json:
        print_result(
            {
                "suite": found.attestation.suite,
                "alias": alias,
                "attestation": str(found.path),
                "bundle": found.attestation.bundle,
                "given": found.given,
                "approvals": found.counted.approved,
                "needed": found.needed,
                "not_counted": found.counted.refused,
            }
        )
        return
    console = to_stdout()
    print_place(console, "approved", workspace.shown(found.path))
    console.print(
        f"  {found.attestation.subject} as {called(alias)}, by {found.given.name} "
        f"(bundle {short(found.attestation.bundle)})"
    )
    names = ", ".join(found.counted.names)
    if found.needed:
        console.print(f"  {len(found.counted.approved)} of {found.needed} approvals: {names}")
    else:
        console.print(f"  approved by {names}; the project asks for no approval here")
    for refused in found.counted.refused:
        note(f"not counted: {refused}")


def history(suite: str, alias: str, *, as_json: bool) -> None:
    """Show every move of an alias or of all, newest last."""
    workspace = Workspace.find()
    entries = history_of(workspace, suite, alias)
    if as_json:
        print_result({"suite": suite, "entries": entries})
        return
    console = to_stdout()
    if not entries:
        to = "" if alias == CHAMPION else f" --alias {alias}"
        what = "no champion yet" if alias == CHAMPION else f"nothing promoted to {called(alias)} yet"
        first = f"`plimsoll gate {suite} --first`, then " if alias == CHAMPION else ""
        console.print(f"{suite} has {what}: {first}`plimsoll promote {suite}{to}`", soft_wrap=True)
        return
    holders = key_holders(workspace)
    for number, (_, group) in enumerate(groupby(entries, key=lambda entry: entry.alias)):
        if number:
            console.print()
        _show_history(tuple(group), holders, console)


def verify(suite: str, attestation: Path | None, keys: Sequence[Path], *, as_json: bool) -> None:
    """Say that an attestation verifies, and who signed it."""
    place = Path(suite)
    if attestation is None and attestations_in(place) and place.suffix not in (".yaml", ".yml"):
        # It may lie anywhere: the workspace, if this is in one, only says whom to trust.
        path, seal = verify_path(place, trust_of(_workspace_here(), keys))
    else:
        workspace = Workspace.find()
        found = verify_suite(workspace, suite, attestation, trust_of(workspace, keys))
        path, seal = found.path, found.attestation
    if as_json:
        print_result({"attestation": str(path), "statement": seal})
        return
    console = to_stdout()
    print_place(console, "verifies", path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    console.print(f"  {seal.subject}, {seal.verdict.outcome.value}, decided {seal.time} over run {seal.run}")
    if seal.commit:
        console.print(f"  from commit {seal.commit}")
    for part in Text(_worth(seal)).wrap(console, min(console.width, _WIDTH) - 2):
        part.rstrip()
        console.print(Text("  ").append_text(part))


def _workspace_here() -> Workspace | None:
    try:
        return Workspace.find()
    except UsageError:
        return None


def _worth(seal: Attestation) -> str:
    """What the signature, or the lack of one, makes of it."""
    if seal.signed_by:
        return f"signed by {', '.join(seal.signed_by)}"
    if seal.claims:
        return (
            f"NOT CHECKED: it says that {', '.join(seal.claims)} signed it, and no key is trusted here "
            "(--key PUB.pem, or trusted_keys); so far anyone could have written it"
        )
    return "not signed: damage would show, but anyone who can write these files could have written it"


def _show_history(entries: Sequence[Entry], holders: Mapping[str, str], console: Console) -> None:
    now = entries[-1]
    by_force = f", promoted by force (#{now.restores or now.seq})" if now.forced else ""
    title = f"{now.alias} of {now.suite}: version {now.version}, bundle {short(now.bundle, 8)}{by_force}"
    console.print(Text(title, style="bold"))
    for entry in entries:
        console.print(Text(f"#{entry.seq:<{_INDENT - 2}} {entry.when}  {entry.who}"))
        for line in _told(entry, holders):
            for part in line.wrap(console, console.width - _INDENT):
                part.rstrip()
                console.print(Text(" " * _INDENT).append_text(part))


def _told(entry: Entry, holders: Mapping[str, str]) -> Iterator[Text]:
    verb = "promoted" if entry.action == "promote" else f"rolled back to #{entry.restores}:"
    yield Text(f"{verb} {entry.target}, version {entry.version}, bundle {short(entry.bundle, 8)}")
    if entry.reason:
        yield Text(f"reason: {entry.reason}")
    if entry.forced:
        yield _forced(entry)
    if entry.action == "promote":
        yield Text(f"evidence: {'; '.join(_evidence(entry, holders))}")
        if entry.approvals:
            yield Text(f"approved by {', '.join(each.name for each in entry.approvals)}")


def _evidence(entry: Entry, holders: Mapping[str, str]) -> Iterator[str]:
    if not entry.attestation:
        yield "none"
        return
    yield f"{entry.verdict} in run {entry.run}"
    if entry.attempts is not None:
        yield f"attempt {entry.attempts}"
    if entry.signed_by:
        yield f"signed by {', '.join(holders.get(key, short(key)) for key in entry.signed_by)}"
    elif entry.signed_by is not None:
        yield "not signed"


def _forced(entry: Entry) -> Text:
    return Text(f"FORCED, although: {'; '.join(entry.forced)}", style="bold red")
