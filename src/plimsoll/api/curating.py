"""Curated cases out of labels: written as a file of their own, or into a dataset, whole or not at all.

Nothing is written into a dataset over what somebody changed there since the run: that is a conflict, and told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from plimsoll.api.labelling import absent_told, joined_labels, write_rows
from plimsoll.api.opened import load_suite
from plimsoll.canonical import dumps
from plimsoll.config import Suite, Workspace
from plimsoll.datasets import Dataset, open_dataset
from plimsoll.datasets.cases import CaseReader
from plimsoll.datasets.jsonl import JsonlFile
from plimsoll.datasets.source import Row
from plimsoll.errors import ConfigError, Mistake, UsageError, Where, unwritable
from plimsoll.labels import FROM_FIELD, NOTE_FIELD, CuratedCase, curated_cases
from plimsoll.types import EXPECTED, Case

DATASETS = "datasets"


class Standing(StrEnum):
    """What a curated case is to a dataset."""

    NEW = "new"
    """It has no such case."""
    UPDATE = "update"
    """It expects another answer."""
    SAME = "same"
    """It has the case, and expects that answer."""
    CHANGED = "changed"
    """Its case was changed since the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CasesFile:
    """Cases that were written."""

    file: str
    into: bool
    """It is a dataset that was there before."""
    new: tuple[str, ...]
    """Ids of cases that the dataset has not."""
    updates: tuple[str, ...]
    """Ids of those that expect another answer there."""
    same: tuple[str, ...]
    """Ids of those that are there as they are: written only into a file of their own, for answers called bad."""
    told: tuple[str, ...]
    """What was left out, and why."""


def curate_cases(
    workspace: Workspace,
    suite: str | None = None,
    *,
    out: Path | None = None,
    into: Path | None = None,
    force: bool = False,
) -> CasesFile:
    """Write the cases of answers that people corrected or called bad.

    Args:
        workspace: Where the labels are kept.
        suite: Whose runs; needed where there are several suites.
        out: A new file; None is `datasets/SUITE-labelled.jsonl`.
        into: A dataset to change in place, instead: its expected answers, and cases that it has not.
        force: Write over a new file that is there and holds something else.

    Raises:
        UsageError: nobody corrected an answer or called one bad, or the file can't be used.
        ConfigError: conflicts with the dataset, or mistakes in it; nothing was written.
        InfrastructureError: the file can't be written.
    """
    if out is not None and into is not None:
        raise UsageError("--out writes a new file, --into changes a dataset", remedy="give one of them")
    chosen = _suite(workspace, suite)
    joined = joined_labels(workspace, [chosen.name])
    curated = curated_cases(joined.answers)
    told = (*curated.told, *joined.told, *absent_told(joined))
    if not curated.cases:
        raise UsageError(
            f"nobody corrected an answer of {chosen.name}, or called one bad, in a way that can be used",
            remedy="; ".join(told[:3]) or "label answers in MLflow, then `plimsoll labels pull`; or in `plimsoll view`",
        )
    cases = {each.case.id: each for each in curated.cases}
    if into is not None:
        return _merged(workspace, chosen, into.resolve(), cases, told)
    path = workspace.path(chosen.dataset)
    found = _standings(_counterparts(open_dataset(path, workspace.shown(path), chosen.defaults), cases), cases)
    kept = [each for name, each in cases.items() if found[name] is not Standing.SAME or each.failing]
    changed = [
        f"{name} was changed in {chosen.dataset} since the run: this is it as it was then"
        for name, standing in found.items()
        if standing is Standing.CHANGED
    ]
    target = out.resolve() if out is not None else workspace.root / DATASETS / f"{chosen.name}-labelled.jsonl"
    if target == path.resolve():
        raise UsageError(f"{chosen.dataset} is the dataset itself", remedy=f"--into {chosen.dataset}")
    if not kept:
        raise UsageError(f"{chosen.dataset} expects what people said already", remedy="there is nothing to write")
    write_rows(workspace, target, (each.row() for each in kept), force=force)
    return _told_file(workspace, target, found, {each.case.id for each in kept}, (*told, *changed), into=False)


def _suite(workspace: Workspace, name: str | None) -> Suite:
    names = [name] if name is not None else [str(path) for path in workspace.suite_files()]
    if len(names) != 1:
        known = ", ".join(Path(each).stem for each in names)
        raise UsageError("of which suite?", remedy=f"name it: {known}" if known else "`plimsoll init` starts one")
    return load_suite(workspace, names[0])


def _told_file(
    workspace: Workspace,
    path: Path,
    found: Mapping[str, Standing],
    written: set[str],
    told: Sequence[str],
    *,
    into: bool,
) -> CasesFile:
    def those(*standings: Standing) -> tuple[str, ...]:
        return tuple(name for name, standing in found.items() if standing in standings and name in written)

    return CasesFile(
        file=workspace.shown(path).as_posix(),
        into=into,
        new=those(Standing.NEW),
        updates=those(Standing.UPDATE, Standing.CHANGED),
        same=those(Standing.SAME),
        told=tuple(told),
    )


def _counterparts(dataset: Dataset, cases: Mapping[str, CuratedCase]) -> dict[str, Case]:
    """The dataset's case of each: the one of its id, or else the first that asks the same.

    A row without an id is another case once anything in it was changed.
    """
    questions: dict[bytes, list[str]] = {}
    for name, each in cases.items():
        questions.setdefault(dumps(_asked(each.case)), []).append(name)
    found: dict[str, Case] = {}
    alike: dict[str, Case] = {}
    for case in dataset:
        if case.id in cases:
            found[case.id] = case
        for name in questions.get(dumps(_asked(case)), ()):
            alike.setdefault(name, case)
    return alike | found


def _standings(counterparts: Mapping[str, Case], cases: Mapping[str, CuratedCase]) -> dict[str, Standing]:
    return {
        name: _standing(counterparts[name], each) if name in counterparts else Standing.NEW
        for name, each in cases.items()
    }


def _standing(now: Case, curated: CuratedCase) -> Standing:
    """What a curated case is to its counterpart in the dataset."""
    if _asked(now) != _asked(curated.case):
        return Standing.CHANGED
    if now.expected == curated.expected or not curated.corrected:
        return Standing.SAME
    same = now.id == curated.case.id and now.expected == curated.case.expected
    return Standing.UPDATE if same else Standing.CHANGED


def _asked(case: Case) -> Any:
    inputs = {name: value for name, value in case.inputs.items() if name not in (FROM_FIELD, NOTE_FIELD)}
    return inputs, msgspec.to_builtins(case.messages), msgspec.to_builtins(case.turns)


def _merged(
    workspace: Workspace, suite: Suite, path: Path, cases: Mapping[str, CuratedCase], told: Sequence[str]
) -> CasesFile:
    """The cases written into a dataset."""
    shown = workspace.shown(path)
    if path.suffix.lower() != ".jsonl":
        raise UsageError(f"{shown} is no *.jsonl file", remedy="write a file with --out, and add its rows by hand")
    dataset = open_dataset(path, shown, suite.defaults)
    dataset.check()
    now = _counterparts(dataset, cases)
    found = _standings(now, cases)
    changed = [name for name, standing in found.items() if standing is Standing.CHANGED and cases[name].corrected]
    if changed:
        changed.sort(key=lambda name: now[name].line)
        remedy = "change it by hand"
        raise ConfigError(
            [
                Mistake(f"{name} was changed since {cases[name].origin}", Where(shown, now[name].line), remedy)
                for name in changed
            ]
        )
    written = {name for name, standing in found.items() if standing in (Standing.NEW, Standing.UPDATE)}
    if written:
        _write_into(path, dataset, {name: cases[name] for name in written}, found)
    return _told_file(workspace, path, found, written, told, into=True)


def _write_into(path: Path, dataset: Dataset, cases: Mapping[str, CuratedCase], found: Mapping[str, Standing]) -> None:
    """Rewrite a dataset's file: other lines stay as they are, and it is read once more before it takes its place."""
    shown = dataset.reader.shown
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            making = Path(folder, path.name)
            with making.open("wb") as file:
                file.writelines(_lines(path, dataset, cases, found))
            reader = CaseReader(shown, dataset.card, dataset.reader.defaults)
            Dataset(dataset.name, JsonlFile(making, shown), reader).check()
            making.chmod(path.stat().st_mode)
            making.replace(path)
    except OSError as error:
        raise unwritable(error, shown) from error


def _lines(
    path: Path, dataset: Dataset, cases: Mapping[str, CuratedCase], found: Mapping[str, Standing]
) -> Iterator[bytes]:
    columns = _Columns(dataset)
    changed = {row.line: _changed(row, each, columns) for row, each in _rows(dataset, cases)}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            whole = line if line.endswith(b"\n") else line + b"\n"
            yield changed.get(number, whole)
    for name, each in cases.items():
        if found[name] is Standing.NEW:
            yield msgspec.json.encode(columns.named(each.row())) + b"\n"


def _rows(dataset: Dataset, cases: Mapping[str, CuratedCase]) -> Iterator[tuple[Row, CuratedCase]]:
    for row in dataset.source.rows():
        assert isinstance(row, Row), "a JSONL file has no header"
        case = dataset.reader.read(row).case
        if case is not None and case.id in cases:
            yield row, cases[case.id]


def _changed(row: Row, each: CuratedCase, columns: _Columns) -> bytes:
    """A row with the answer that it is to expect. One without an id gets its own, which is made of its content."""
    added = columns.named({"id": each.case.id, EXPECTED: each.expected, **each.provenance})
    return msgspec.json.encode({**(row.values or {}), **added}) + b"\n"


class _Columns:
    """A dataset's names for fields, which its card may give."""

    def __init__(self, dataset: Dataset) -> None:
        self._fields = dataset.card.fields if dataset.card is not None else {}

    def named(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row by the file's names; without where it comes from, if the card knows no such field."""
        known = {name: value for name, value in row.items() if not self._is_unknown(name)}
        return {self._column(name): value for name, value in known.items()}

    def _is_unknown(self, name: str) -> bool:
        return name in (FROM_FIELD, NOTE_FIELD) and bool(self._fields) and name not in self._fields

    def _column(self, name: str) -> str:
        field = self._fields.get(name)
        return name if field is None or field.column is None else field.column
