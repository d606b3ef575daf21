"""A gate as its reviewer is told of it: with its places in the repository, the prompt's difference, how to repeat it.

Promises that no secret's value, and nothing that the project's privacy settings keep on this machine, is in any of it;
and that what can't be found out (outside git, without a bundle) lacks and is said to, and never keeps a verdict from
being told.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from plimsoll.api.circumstances import PR, circumstances
from plimsoll.api.git import git_state, prefix_of
from plimsoll.api.options import GateOptions
from plimsoll.api.outside import Pairs, outside
from plimsoll.api.prepare import Prepared
from plimsoll.api.sealing import GateRun
from plimsoll.api.sides import Sides
from plimsoll.api.targets import TargetSpec
from plimsoll.config import Workspace, environment
from plimsoll.config.secrets import Redactor, secrets_of
from plimsoll.errors import Mistake, PlimsollError, UsageError, Where
from plimsoll.prompts.front_matter import split
from plimsoll.reports.diffs import Difference, Side, difference, first_changed_line
from plimsoll.reports.findings import named_cases
from plimsoll.reports.model import View
from plimsoll.reports.review import Places, Review
from plimsoll.reports.text import one_line, plain
from plimsoll.tracking.privacy import Redaction
from plimsoll.types import Part, Report, rule_name

_BY_LINES = (".jsonl", ".csv")
"""Forms of a dataset in which a case stands on a line."""


def review_of(found: GateRun, options: GateOptions) -> Review:
    """A gate that was decided.

    Args:
        found: The gate.
        options: As it was asked for.

    Raises:
        ConfigError: the run is damaged, or a field that is to be redacted is known nowhere.
        InfrastructureError: the disk refuses.
    """
    prepared, sides, run = found.prepared, found.sides, found.run
    told = outside(found)
    view = told.view
    [section] = view.verdicts
    return Review(
        suite=plain(prepared.suite.name),
        code=found.exit_code,
        view=view,
        problems=(Mistake(section.problem),) if section.problem else (),
        difference=_difference(sides, run.report, told.text),
        again=told.text(_again(found, options, told.filters(options.run.filters))),
        places=_places(prepared, sides, told.report, view),
    )


def review_of_error(
    workspace: Workspace, name: str, error: PlimsollError, options: GateOptions | None = None
) -> Review:
    """A suite that could not be gated.

    Args:
        workspace: Where it lies.
        name: As it was named.
        error: Why, without secrets.
        options: As it was to be gated; None leaves out how to do it again.
    """
    redaction = Redaction(workspace.settings.privacy, closed=False)
    prefix, text = _prefix(workspace.root), redaction.rules.text
    suite = _suite_place(workspace, name, prefix)
    problems = []
    for mistake in error.mistakes:
        where = mistake.where
        place = suite
        if where is not None and not Path(where.file).is_absolute():
            place = Where(prefix + Path(where.file).as_posix(), where.line or 1)
        remedy = None if mistake.remedy is None else one_line(text(mistake.remedy))
        problems.append(Mistake(one_line(text(mistake.message)), place, remedy))
    again = ""
    if options is not None and suite is not None:
        state, secrets = git_state(workspace.root), Redactor(secrets_of(environment(workspace.root)))
        command = _command(name, options.target, options, redaction.filters(options.run.filters))
        again = text(secrets.text(_at(workspace.root, state.commit, state.dirty, options) + command))
    return Review(suite_title(name), error.exit_code, problems=tuple(problems), again=again, places=Places(suite))


def suite_title(name: str) -> str:
    """A suite as people say it, where it was named by its path."""
    path = Path(name)
    return plain(path.stem if path.suffix in (".yaml", ".yml") else name)


def _suite_place(workspace: Workspace, name: str, prefix: str) -> Where | None:
    try:
        path = workspace.find_suite(name)
    except PlimsollError:
        return None
    return _place(workspace, path, 1, prefix)


def _place(workspace: Workspace, path: Path, line: int, prefix: str) -> Where | None:
    shown = workspace.shown(path)
    return None if shown.is_absolute() else Where(prefix + shown.as_posix(), line)


def _prefix(root: Path) -> str:
    try:
        return prefix_of(root)
    except UsageError:
        return ""


def _places(prepared: Prepared, sides: Sides, report: Report, view: View) -> Places:
    workspace, document, prefix = prepared.workspace, prepared.document, _prefix(prepared.workspace.root)

    def in_suite(*place: str | int) -> Where | None:
        return _place(workspace, prepared.path, document.where(place).line or 1, prefix)

    rules: dict[str, Where] = {}
    for number, rule in enumerate(prepared.suite.gate.rules if prepared.suite.gate else ()):
        place = in_suite("gate", "rules", number)
        if place is not None:
            for words in (rule.words, rule.words.replace("baseline", "anchor")):
                rules.setdefault(plain(rule_name(rule.metric, rule.slice, words)), place)
    name = sides.challenger.name.partition("@")[0]
    prompt = _prompt_place(sides, workspace, prefix) or in_suite("targets", name)
    return Places(in_suite("gate"), rules, prompt, dict(_case_places(prepared, report, view, prefix)))


def _prompt_place(sides: Sides, workspace: Workspace, prefix: str) -> Where | None:
    """The line that was changed, else where the template begins."""
    challenger = sides.challenger
    if challenger.settings.prompt is None:
        return None
    path = challenger.root / challenger.settings.prompt
    try:
        data = path.read_bytes()
    except OSError:
        return None
    before = _prompt_of(sides.baseline)
    line = None if before is None else first_changed_line(before, data)
    return _place(workspace, path, line or _template_line(path, data), prefix)


def _prompt_of(spec: TargetSpec | None) -> bytes | None:
    if spec is None or spec.bundle is None or spec.settings.prompt is None:
        return None
    return spec.bundle.files.get(spec.settings.prompt)


def _template_line(path: Path, data: bytes) -> int:
    """The first line that a model is asked with."""
    text, first = data.decode("utf-8-sig", "replace"), 1
    if path.suffix == ".prompty":
        try:
            parts = split(text, path)
        except PlimsollError:
            return 1
        text, first = parts.template, parts.template_line
    lines = text.split("\n")
    return first + next((number for number, line in enumerate(lines) if line.strip()), 0)


def _case_places(prepared: Prepared, report: Report, view: View, prefix: str) -> Iterator[tuple[str, Where]]:
    path = prepared.workspace.path(prepared.suite.dataset)
    if report.run.part is Part.HELD_OUT or path.suffix.lower() not in _BY_LINES:
        return
    named = named_cases(view)
    # The view calls them as they can be shown.
    cases = ((plain(name), case.line) for name, case in report.cases.items()) if named else ()
    lines = {name: line for name, line in cases if name in named}
    for name, line in sorted(lines.items()):
        place = _place(prepared.workspace, path, line, prefix) if line else None
        if place is not None:
            yield name, place


def _difference(sides: Sides, report: Report, redacted: Callable[[str], str]) -> Difference | None:
    challenger, name = sides.challenger, sides.baseline_name
    if name is None:
        return None
    if sides.baseline is None:
        # Of another run: its plan says what it was, not what stood in its files.
        content: Mapping[str, Any] = report.run.targets[name].identity
        before = Side(plain(name), content, {}, content.get("settings", {}).get("prompt"))
    elif sides.baseline.bundle is None:
        return Difference((), f"{name} can't be bundled: {one_line(redacted(sides.baseline.unbundled))}")
    else:
        bundle = sides.baseline.bundle
        before = Side(plain(name), bundle.content, bundle.files, bundle.settings.prompt)
    if challenger.bundle is None:
        return Difference((), f"{challenger.name} can't be bundled: {one_line(redacted(challenger.unbundled))}")
    if "files" not in before.content:
        return Difference((), f"the run that {name} is of does not say what it was made of")
    after = Side(plain(challenger.name), challenger.bundle.content, challenger.bundle.files, challenger.settings.prompt)
    return difference(before, after, redacted)


def _again(found: GateRun, options: GateOptions, filters: Pairs) -> str:
    """The command, below the commit that it is about."""
    prepared, record = found.prepared, found.run.report.run
    workspace, suite = prepared.workspace, prepared.suite.name
    # Another suite's file may bear the name.
    named = workspace.find_suite(suite) == prepared.path
    called = suite if named else workspace.shown(prepared.path).as_posix()
    command = _command(called, found.sides.challenger.name, options, filters)
    return _at(workspace.root, record.git_commit, record.git_dirty, options) + command


def _command(suite: str, target: str | None, options: GateOptions, filters: Pairs) -> str:
    words, run = ["plimsoll", "gate", suite], options.run
    for flag, value in (
        ("--target", target),
        ("--baseline", options.baseline),
        ("--anchor", options.anchor),
        ("--base", options.base),
        ("--run", options.run_id),
        ("--sample", run.sample),
        ("--repeats", run.repeats),
    ):
        words += [] if value is None else [flag, str(value)]
    words += [word for field, value in filters for word in ("--filter", f"{field}={value}")]
    words += ["--first"] if options.first else []
    words += [] if options.looks is None else ["--sequential", "--looks", str(options.looks)]
    words += [] if run.track else ["--no-track"]
    return plain(shlex.join(words))


def _at(root: Path, commit: str | None, dirty: bool | None, options: GateOptions) -> str:
    """What a reader can check out to have the files that were looked at, as a comment; empty outside git."""
    if not commit:
        return ""
    how = ", with changes that are not committed" if dirty else ""
    now = circumstances(root, os.environ)
    if options.run_id is None and now.trigger == PR and now.commit and now.commit != commit:
        # The job's own merge is found nowhere later.
        commit, how = now.commit, ", merged into its target branch"
    return f"# at commit {plain(commit)[:10]}{how}\n"
