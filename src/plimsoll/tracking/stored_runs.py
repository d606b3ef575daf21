"""What makes a run whole again, kept with it in MLflow: packed when it is logged, verified when it is read back.

Of a run its plan, its cases and its journal are artifacts, without secrets. Artifacts and tags can be changed by
anybody with access, a param that is logged can't: so the digests of the files stand in a param, with all that a run is
chosen by. A run that went on and is logged again has a second such param beside the first; the last one counts. What a
gate decided over a run is a param too, written after: of a run that a gate made, nothing is known until then.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zlib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from plimsoll.canonical import DIGEST_PREFIX, digest, digest_file, dumps, short
from plimsoll.config.secrets import Redactor
from plimsoll.runs.journal import Line, damaged, read_end
from plimsoll.runs.plan import CASES_FILE, JOURNAL_FILE, PLAN_FILE, Plan, load_plan
from plimsoll.tracking.contract import refuse_longer
from plimsoll.types import Case, CellId, Decision, Part

FILES = (PLAN_FILE, CASES_FILE, JOURNAL_FILE)
"""What makes a run."""
_PARAM = "stored."
FIRST_PARAM = f"{_PARAM}1"
"""The param of the MLflow run that a run was first stored in."""
_GATED = "gated."
_KEY = 16
"""Characters of a target's digest: only which run is preferred hangs on them, and a param has little room."""
_PLACE = "run"
_Kind = TypeVar("_Kind")
_FORMS: dict[str, Any] = {PLAN_FILE: Plan, CASES_FILE: Case, JOURNAL_FILE: Line}
_CALLED = ("id", "group", "slices")
"""Of a case."""
_PACKED = ".gz"
_BLOCK = 1 << 20


class StoredFile(Struct, frozen=True, kw_only=True):
    """A file of a run as it was written into the store, before it was packed."""

    digest: str
    size: int
    """Bytes."""


class Stored(Struct, frozen=True, kw_only=True):
    """A run as a param says that it was logged: what it is chosen by, and the digests of what it is made of."""

    run: str
    suite: str
    started: str
    """ISO 8601, UTC."""
    complete: bool
    cases: int
    """How many were planned."""
    targets: tuple[str, ...]
    files: dict[str, StoredFile] = {}
    part: Part = Part.WHOLE
    sample: int | None = None
    seed: int = 0
    filters: tuple[tuple[str, str], ...] = ()
    repeats: int = 1
    early: bool = False
    """It is sequential and was decided before all of its cases were run."""
    branch: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    pr: str | None = None
    trigger: str | None = None
    gate: bool = False
    """A gate made it."""
    keys: tuple[str, ...] = ()
    """Of each target, how its digest begins."""

    @property
    def of_request(self) -> bool:
        """Whether it was made for a pull or merge request."""
        return self.pr is not None or self.trigger == "pr"

    def ran(self, target: str, digest: str) -> bool:
        """Whether its target of that name is the one with that digest."""
        return (target, _key(digest)) in zip(self.targets, self.keys, strict=False)

    @property
    def place(self) -> str:
        """The folder of artifacts that holds it: named by the content, so that no reader sees half of another state."""
        return f"{_PLACE}/{short(digest(msgspec.to_builtins(self.files)), 16)}"

    @property
    def words(self) -> str:
        """Which run it is, for people."""
        at = "" if self.commit is None else f", commit {self.commit[:8]}{' with changes' if self.dirty else ''}"
        on = "" if self.branch is None else f", branch {self.branch}"
        of = "" if self.pr is None else f", pull request {self.pr}"
        return f"run {self.run} of {self.started[:16].replace('T', ' ')} UTC{at}{on}{of}"


class _Gated(Struct, frozen=True, kw_only=True):
    """What a gate decided, as a param says it."""

    target: str
    outcome: Decision


def state_of(folder: Path) -> Stored:
    """What a run's folder is, by its plan and the journal's last line; without digests.

    Raises:
        ConfigError: the plan is missing or damaged.
    """
    plan, end = load_plan(folder), read_end(folder / JOURNAL_FILE)
    complete = end is not None and end.complete
    return Stored(
        run=plan.run,
        suite=plan.suite,
        started=plan.started,
        complete=complete,
        cases=plan.cases,
        targets=tuple(plan.targets),
        part=plan.part,
        sample=plan.sample,
        seed=plan.seed,
        filters=plan.filters,
        repeats=plan.repeats,
        early=end is not None and complete and end.due is not None and end.due < plan.size,
        branch=plan.git_branch,
        commit=plan.git_commit,
        dirty=plan.git_dirty,
        pr=plan.pr,
        trigger=plan.trigger,
        gate=plan.gate,
        keys=tuple(_key(target.digest) for target in plan.targets.values()),
    )


def _key(tagged: str) -> str:
    return tagged.removeprefix(DIGEST_PREFIX)[:_KEY]


def pack(run: Path, to: Path, redactor: Redactor) -> Stored:
    """Write what makes a run into a folder, without secrets and compressed.

    Args:
        run: the run's folder.
        to: a folder of its own; it holds the artifacts of `Stored.place`.
        redactor: takes the secrets out.

    Returns:
        What goes into the param.

    Raises:
        ConfigError: a file of the run is missing or damaged.
        OSError: a file can't be read or written.
    """
    files = {}
    for name in FILES:
        plain = to / name
        _copy(run / name, plain, redactor, _FORMS[name])
        files[name] = StoredFile(digest=digest_file(plain), size=plain.stat().st_size)
    # Of the copy: what the param says has no secret in it, and is what is read back.
    state = state_of(to)
    for name in FILES:
        if name != PLAN_FILE:
            # The plan is small, and people read it in MLflow's UI.
            _compress(to / name, to / f"{name}{_PACKED}")
            (to / name).unlink()
    return msgspec.structs.replace(state, files=files)


def _copy(source: Path, target: Path, redactor: Redactor, form: Any) -> None:
    """Copy a file without secrets: in what is said in it, and not in what makes it readable."""
    decode, encode = msgspec.json.Decoder(form).decode, msgspec.json.Encoder().encode
    with source.open("rb") as reader, target.open("wb") as writer:
        # The plan is one document on many lines; of the others each line is one.
        for number, raw in enumerate([reader.read()] if form is Plan else reader, 1):
            if not redactor.finds(raw):
                writer.write(raw)
                continue
            if form is not Plan and not raw.endswith(b"\n"):
                # Cut off when the process died: it counts for nothing.
                continue
            try:
                writer.write(encode(_told(decode(raw), redactor)) + b"\n")
            except msgspec.DecodeError as error:
                raise damaged(source, number, error) from None


def _told(value: Any, redactor: Redactor) -> Any:
    """A value of a run without secrets; what cases are called by stays as it is everywhere else."""
    if isinstance(value, CellId | Enum):
        return value
    if isinstance(value, Struct):
        kept = _CALLED if isinstance(value, Case) else ()
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return type(value)(**{name: each if name in kept else _told(each, redactor) for name, each in fields.items()})
    if isinstance(value, Mapping):
        return {redactor.text(key): _told(each, redactor) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_told(each, redactor) for each in value)
    return redactor.text(value) if isinstance(value, str) else value


def _compress(plain: Path, packed: Path) -> None:
    # Without a name and a time in it: equal content is an equal file.
    with (
        plain.open("rb") as reader,
        packed.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as writer,
    ):
        shutil.copyfileobj(reader, writer, _BLOCK)


def packed_names(stored: Stored) -> list[str]:
    """The artifacts that hold a run."""
    return [f"{stored.place}/{name}{'' if name == PLAN_FILE else _PACKED}" for name in FILES]


def unpack(stored: Stored, artifacts: Path, folder: Path) -> tuple[str, ...]:
    """Write a run's files from its artifacts.

    Args:
        stored: as the param says.
        artifacts: a folder with `packed_names`.
        folder: where the run's files go.

    Returns:
        The names of those that are missing, or are not what the param says: nothing of them is to be used.
    """
    return tuple(
        f"{name} is {'missing' if not (artifacts / packed).is_file() else 'not what was logged'}"
        for name, packed in zip(FILES, packed_names(stored), strict=True)
        if not _unpacked(artifacts / packed, folder / name, stored.files.get(name))
    )


def _unpacked(packed: Path, plain: Path, was: StoredFile | None) -> bool:
    if was is None or not packed.is_file():
        return False
    whole, left = hashlib.sha256(), was.size
    try:
        with gzip.open(packed) if packed.suffix == _PACKED else packed.open("rb") as reader, plain.open("wb") as file:
            # One byte more than there may be: what was exchanged may be of any size.
            while left >= 0 and (block := reader.read(min(left + 1, _BLOCK))):
                whole.update(block)
                file.write(block)
                left -= len(block)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    return left == 0 and DIGEST_PREFIX + whole.hexdigest() == was.digest


def is_whole(stored: Stored, folder: Path) -> bool:
    """Whether a folder holds a run's files, byte for byte as they were logged."""
    return all(
        (folder / name).is_file() and digest_file(folder / name) == stored.files[name].digest for name in stored.files
    )


def next_param(stored: Stored, params: Mapping[str, str]) -> tuple[str, str] | None:
    """The param that says what is stored now; None where the last one says so already.

    Args:
        stored: what is stored.
        params: those of the MLflow run.

    Raises:
        ValueError: it is longer than a param may be.
    """
    states = states_of(params)
    form = {key: value for key, value in msgspec.to_builtins(stored).items() if value is not None}
    text = dumps(form).decode()
    refuse_longer(text)
    return None if states and states[-1] == stored else (f"{_PARAM}{len(states) + 1}", text)


def next_verdict(target: str, outcome: Decision, params: Mapping[str, str]) -> tuple[str, str] | None:
    """The param that says what a gate decided over a run's target; None where the last one over it says so already.

    Args:
        target: the challenger.
        outcome: of the gate.
        params: those of the run's MLflow run.
    """
    if outcomes_of(params).get(target) is outcome:
        return None
    gated = _Gated(target=target, outcome=outcome)
    return f"{_GATED}{len(_gated(params)) + 1}", dumps(msgspec.to_builtins(gated)).decode()


def outcomes_of(params: Mapping[str, str]) -> dict[str, Decision]:
    """What gates decided over a run, the last one over each target."""
    return {each.target: each.outcome for each in _gated(params)}


def has_stored(params: Mapping[str, str]) -> bool:
    """Whether an MLflow run with these params holds what makes its run."""
    return FIRST_PARAM in params


def states_of(params: Mapping[str, str]) -> list[Stored]:
    """Every state that was logged, first to last. What can't be read, and what comes after a gap, is none of ours."""
    return _numbered(_PARAM, Stored, params)


def _gated(params: Mapping[str, str]) -> list[_Gated]:
    return _numbered(_GATED, _Gated, params)


def _numbered(prefix: str, kind: type[_Kind], params: Mapping[str, str]) -> list[_Kind]:
    found: list[_Kind] = []
    while (text := params.get(f"{prefix}{len(found) + 1}")) is not None:
        try:
            found.append(msgspec.json.decode(text, type=kind))
        except msgspec.DecodeError:
            break
    return found
