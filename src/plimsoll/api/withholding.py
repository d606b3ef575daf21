"""Why a run may not be sent: a field that is to be redacted has a name that nothing has, so nothing would be redacted.

What has left can't be taken back. So a run of which some case has no such field is sent only where another case of the
workspace has it: the settings are for every suite, and a field that only some have is right. Otherwise, and where that
can't be told, the run stays owed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plimsoll.api.opened import load_suite
from plimsoll.api.prepare import DATASETS
from plimsoll.config import Workspace
from plimsoll.config.privacy import RESERVED
from plimsoll.datasets import open_dataset
from plimsoll.errors import ConfigError, Mistake, PlimsollError, near_match
from plimsoll.runs.cases import StoredCases
from plimsoll.runs.plan import CASES_FILE
from plimsoll.tracking.private_rows import Rules


def refuse_unredacted(workspace: Workspace, run: Path, again: str | None = None) -> None:
    """Refuse to send a run where a field of `redact` is known nowhere.

    Args:
        workspace: Whose settings, and whose suites' cases are looked at where the run's own lack a field.
        run: The run's folder.
        again: The command that tries again; None sends the run.

    Raises:
        ConfigError: no case has such a field, or it can't be told; each by its name.
    """
    policy = workspace.settings.privacy
    # What every case may have is spelt right, whether any has it or not.
    fields = [path for path in policy.redact if path not in RESERVED]
    rules = Rules.of(policy.model_copy(update={"redact": fields, "patterns": {}}), closed=False)
    if not rules.unseen:
        return
    rules.look_through(StoredCases(run / CASES_FILE).values())
    unread = tuple(_look_elsewhere(workspace, rules)) if rules.unseen else ()
    if rules.unseen:
        raise ConfigError(
            [_unknown(path, rules, workspace, again or f"plimsoll sync {run.name}", unread) for path in rules.unseen]
        )


def _look_elsewhere(workspace: Workspace, rules: Rules) -> Iterator[str]:
    """Look through the cases of every suite; the files of those that can't be read."""
    for file in workspace.suite_files():
        if not rules.unseen:
            return
        try:
            suite = load_suite(workspace, str(file))
            path, copies = workspace.path(suite.dataset), workspace.state / DATASETS
            rules.look_through(open_dataset(path, suite.dataset, suite.defaults, copies=copies))
        except PlimsollError:
            yield str(workspace.shown(file))


def _unknown(path: str, rules: Rules, workspace: Workspace, again: str, unread: tuple[str, ...]) -> Mistake:
    near = near_match(path, rules.fields)
    named = "" if near is None else near if near.endswith("?") else f"{near};"
    told = f", as far as they can be read ({', '.join(unread)} can't)" if unread else ""
    return Mistake(
        f"nothing was sent: redact names {path!r}, and no case of this run or of any suite has it{told}",
        workspace.setting("privacy", "redact"),
        f"{named} correct it there, then: {again}".lstrip(),
    )
