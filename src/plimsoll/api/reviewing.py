"""A gate as its reviewer is told of it: with its places in the repository, the prompt's difference, how to repeat it.

Promises that no secret's value is in any of it, and that what can't be found out (outside git, without a bundle) lacks
and is said to, and never keeps a verdict from being told.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from plimsoll.api.git import prefix_of
from plimsoll.api.options import GateOptions
from plimsoll.api.prepare import Prepared
from plimsoll.api.sealing import GateRun
from plimsoll.api.sides import Sides
from plimsoll.api.targets import TargetSpec
from plimsoll.config import Workspace, environment
from plimsoll.config.secrets import Redactor, secrets_of
from plimsoll.errors import PlimsollError, UsageError
from plimsoll.prompts.front_matter import split
from plimsoll.reports.diffs import Difference, Side, difference, first_changed_line
from plimsoll.reports.findings import named_cases
from plimsoll.reports.model import View
from plimsoll.reports.review import Place, Places, Problem, Review
from plimsoll.reports.text import one_line, plain
from plimsoll.types import Part, Report

_BY_LINES = (".jsonl", ".csv")
"""Forms of a dataset in which a case stands on a line."""


def review_of(found: GateRun, options: GateOptions) -> Review:
    """A gate that was decided.

    Args:
        found: The gate.
        options: As it was asked for.
    """
    prepared, sides, run = found.prepared, found.sides, found.run
    redactor = Redactor(secrets_of(environment(prepared.workspace.root), prepared.document.data))
    view = run.view
    problems: tuple[Problem, ...] = ()
    if run.problem is not None:
        message = one_line(redactor.text(run.problem.message))
        problems = (Problem(message),)
        # The first line says it.
        view = replace(view, notes=tuple(note for note in view.notes if note != message))
    return Review(
        suite=plain(prepared.suite.name),
        code=found.exit_code,
        view=view,
        problems=problems,
        difference=_difference(sides, run.report, redactor.text),
        again=redactor.text(_again(prepared, sides, options, run.report)),
        places=_places(prepared, sides, run.report, view),
    )


def review_of_error(workspace: Workspace, name: str, error: PlimsollError) -> Review:
    """A suite that could not be gated.

    Args:
        workspace: Where it lies.
        name: As it was named.
        error: Why, without secrets.
    """
    prefix = _prefix(workspace.root)
    suite = _suite_place(workspace, name, prefix)
    problems = []
    for mistake in error.mistakes:
        where = mistake.where
        place = suite
        if where is not None and not Path(where.file).is_absolute():
            place = Place(prefix + Path(where.file).as_posix(), where.line or 1)
        remedy = None if mistake.remedy is None else one_line(mistake.remedy)
        problems.append(Problem(one_line(mistake.message), remedy, place))
    return Review(suite_title(name), error.exit_code, problems=tuple(problems), places=Places(suite))


def suite_title(name: str) -> str:
    """A suite as people say it, where it was named by its path."""
    path = Path(name)
    return plain(path.stem if path.suffix in (".yaml", ".yml") else name)


def _suite_place(workspace: Workspace, name: str, prefix: str) -> Place | None:
    try:
        path = workspace.find_suite(name)
    except PlimsollError:
        return None
    return _place(workspace, path, 1, prefix)


def _place(workspace: Workspace, path: Path, line: int, prefix: str) -> Place | None:
    shown = workspace.shown(path)
    return None if shown.is_absolute() else Place(prefix + shown.as_posix(), line)


def _prefix(root: Path) -> str:
    try:
        return prefix_of(root)
    except UsageError:
        return ""


def _places(prepared: Prepared, sides: Sides, report: Report, view: View) -> Places:
    workspace, document, prefix = prepared.workspace, prepared.document, _prefix(prepared.workspace.root)

    def in_suite(*place: str | int) -> Place | None:
        return _place(workspace, prepared.path, document.where(place).line or 1, prefix)

    rules: dict[tuple[str, str | None, str], Place] = {}
    for number, rule in enumerate(prepared.suite.gate.rules if prepared.suite.gate else ()):
        place = in_suite("gate", "rules", number)
        if place is not None:
            for words in (rule.words, rule.words.replace("baseline", "anchor")):
                rules.setdefault((rule.metric, rule.slice, words), place)
    name = sides.challenger.name.partition("@")[0]
    prompt = _prompt_place(sides, workspace, prefix) or in_suite("targets", name)
    return Places(in_suite("gate"), rules, prompt, dict(_case_places(prepared, report, view, prefix)))


def _prompt_place(sides: Sides, workspace: Workspace, prefix: str) -> Place | None:
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


def _case_places(prepared: Prepared, report: Report, view: View, prefix: str) -> Iterator[tuple[str, Place]]:
    path = prepared.workspace.path(prepared.suite.dataset)
    if report.run.part is Part.HELD_OUT or path.suffix.lower() not in _BY_LINES:
        return
    for name in sorted(named_cases(view)):
        line = report.cases[name].line if name in report.cases else 0
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


def _again(prepared: Prepared, sides: Sides, options: GateOptions, report: Report) -> str:
    """The command, below the commit that it is about."""
    run = options.run
    words = ["plimsoll", "gate", prepared.suite.name, "--target", sides.challenger.name]
    for flag, value in (
        ("--baseline", options.baseline),
        ("--anchor", options.anchor),
        ("--base", options.base),
        ("--run", options.run_id),
        ("--sample", run.sample),
        ("--repeats", run.repeats),
    ):
        words += [] if value is None else [flag, str(value)]
    words += [word for field, value in run.filters for word in ("--filter", f"{field}={value}")]
    words += ["--first"] if options.first else []
    words += [] if options.looks is None else ["--sequential", "--looks", str(options.looks)]
    commit = report.run.git_commit
    above = f"# at commit {plain(commit)[:10]}\n" if commit else ""
    return above + plain(shlex.join(words))
