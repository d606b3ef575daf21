"""The one error taxonomy: what can go wrong, what it is called, and which exit code it ends in.

Two families. A `PlimsollError` ends a command: its class decides the exit code. A `CellError` concerns
one cell only; it becomes a `types.Failure` on that cell and the run goes on. Authors of plug-ins raise
plain Python; `boundary` classifies what they raised, once, where their code is called.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path


class ExitCode(IntEnum):
    """What a command's exit code says. The only table of them."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INFRASTRUCTURE = 4
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line for `--help` and the docs."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.PASS: "done; of a gate: passed",
    ExitCode.FAIL: "the gate or judge failed, or a metric fell: measured, not good enough",
    ExitCode.USAGE: "usage or configuration: nothing was measured",
    ExitCode.INCONCLUSIVE: "inconclusive: too little was measured, or the spend cap was reached",
    ExitCode.INFRASTRUCTURE: "infrastructure: provider down, or too many failed cells",
    ExitCode.INTERRUPTED: "interrupted; `plimsoll run --resume` goes on",
}

_PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.USAGE,
    ExitCode.INFRASTRUCTURE,
    ExitCode.FAIL,
    ExitCode.INCONCLUSIVE,
    ExitCode.PASS,
)


def first_that_applies(codes: Iterable[ExitCode]) -> ExitCode:
    """Of several causes or suites, the exit code that speaks for all; no cause at all is a pass."""
    seen = set(codes)
    return next((code for code in _PRECEDENCE if code in seen), ExitCode.PASS)


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file that a person wrote."""

    file: Path | str
    """The file, as the user would name it (relative to the workspace where it lies inside)."""
    line: int | None = None
    """1-based; None where the mistake is about the whole file."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


NO_SUCH_FILE = "no such file"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in what the user wrote, with its place and its mend."""

    message: str
    where: Where | None = None
    remedy: str | None = None

    @property
    def told(self) -> str:
        """Without the place."""
        return f"{self.message} ({self.remedy})" if self.remedy else self.message

    def __str__(self) -> str:
        return f"{self.where}: {self.told}" if self.where else self.told


class PlimsollError(Exception):
    """Ends a command. `exit_code` is the class's; `remedy` says what to do about it."""

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, message: str, *, remedy: str | None = None, where: Where | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.where = where

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The single mistake that this error is about; `ConfigError` may hold many."""
        return (Mistake(self.message, self.where, self.remedy),)

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)


class UsageError(PlimsollError):
    """The command or call asks for something that can't be: a name that doesn't exist, flags that clash."""


class ConfigError(PlimsollError):
    """One or many mistakes in files that the user wrote; all of them are listed at once."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        if not mistakes:
            raise ValueError("a ConfigError needs at least one mistake")
        first = mistakes[0]
        super().__init__(first.message, remedy=first.remedy, where=first.where)
        self._mistakes = tuple(mistakes)

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """All of them, in the order they were found."""
        return self._mistakes


class MissingExtraError(UsageError):
    """A feature was asked for whose optional packages are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages that are not installed",
            remedy=f"pip install 'plimsoll-llm[{extra}]'",
        )


class InfrastructureError(PlimsollError):
    """Something outside our control does not work: an endpoint, a disk, a tracking server."""

    exit_code = ExitCode.INFRASTRUCTURE


def unwritable(error: OSError, path: Path | str | None = None, remedy: str | None = None) -> InfrastructureError:
    """What the operating system said of a file, as an error that a person can act on.

    Args:
        error: What was raised.
        path: How messages name the file; None is as the operating system does.
        remedy: What to do; None is to look at the place.
    """
    place = path if path is not None else error.filename
    said = error.strerror or str(error)
    return InfrastructureError(
        said if place is None else f"{place}: {said}", remedy=remedy or "check space and permissions there"
    )


class InterruptedRunError(PlimsollError):
    """The user stopped the command; what was finished is kept."""

    exit_code = ExitCode.INTERRUPTED


class FailureKind(StrEnum):
    """Why a cell has no output or no score."""

    AUTH = "auth"
    NOT_FOUND = "not_found"
    INVALID_REQUEST = "invalid_request"
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    BAD_RESPONSE = "bad_response"
    EMPTY = "empty"
    REFUSED = "refused"
    TEMPLATE = "template"
    TARGET = "target"
    WORKER = "worker"
    MISSING_FIELD = "missing_field"
    EVALUATOR = "evaluator"
    BAD_SCORE = "bad_score"
    SPEND_CAP = "spend_cap"
    NOT_RECORDED = "not_recorded"

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self in _RETRYABLE

    @property
    def of_provider(self) -> bool:
        """Whether it tells of what answers (an endpoint, a worker), and not of what was asked or of the answer."""
        return self in _OF_PROVIDER

    @property
    def remedy(self) -> str:
        """What to do about it, where the failure itself knows nothing more precise."""
        return _REMEDIES[self]


_RETRYABLE = frozenset({FailureKind.RATE_LIMIT, FailureKind.SERVER, FailureKind.CONNECTION, FailureKind.TIMEOUT})
_OF_PROVIDER = _RETRYABLE | {FailureKind.AUTH, FailureKind.NOT_FOUND, FailureKind.BAD_RESPONSE, FailureKind.WORKER}

_REMEDIES = {
    FailureKind.AUTH: "check the API key and that it may use this model",
    FailureKind.NOT_FOUND: "check the model's name and base_url; `plimsoll doctor` lists what the endpoint offers",
    FailureKind.INVALID_REQUEST: "the endpoint refused the request as it stands; check parameters and prompt length",
    FailureKind.RATE_LIMIT: "set `concurrency: adaptive`, or ask the provider for a higher limit",
    FailureKind.SERVER: "the provider failed; later, run it again: what was answered is taken from the cache",
    FailureKind.CONNECTION: "check base_url, network and proxy; `plimsoll doctor` tries the connection",
    FailureKind.TIMEOUT: "raise `timeout`, or find out why the answer takes so long",
    FailureKind.BAD_RESPONSE: "the endpoint's answer is not what its API promises; check base_url",
    FailureKind.EMPTY: "the answer is empty; look at the prompt and at max_tokens",
    FailureKind.REFUSED: "the provider's content filter refused this case",
    FailureKind.TEMPLATE: "mend the template, or the case's fields",
    FailureKind.TARGET: "the target's own code failed; run it alone with `plimsoll try`",
    FailureKind.WORKER: "the worker process died; the case may crash it",
    FailureKind.MISSING_FIELD: "give the case this field, or drop the evaluator for it",
    FailureKind.EVALUATOR: "the evaluator's own code failed",
    FailureKind.BAD_SCORE: "the evaluator must return a finite value inside its declared range",
    FailureKind.NOT_RECORDED: "run it where the models' keys are, and share that cell cache (.plimsoll/cache.db)",
    FailureKind.SPEND_CAP: "raise max_cost, and run it again: what was answered is taken from the cache",
}


class CellError(Exception):
    """One cell can't be finished, and why. Never ends a run by itself."""

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        remedy: str | None = None,
        retry_after: float | None = None,
        requests: int = 0,
        down: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.remedy = remedy or kind.remedy
        self.retry_after = retry_after
        """Seconds that the endpoint asked us to wait before trying again."""
        self.requests = requests
        """Requests that were sent to models before it was given up."""
        self.down = down
        """The endpoint as a whole is plainly down: nothing else that goes there is worth sending."""


@contextmanager
def boundary(kind: FailureKind, doing: str) -> Iterator[None]:
    """Around a call into code that is not ours: whatever it raises becomes a `CellError` of `kind`.

    Cancellation, `KeyboardInterrupt` and `SystemExit` raised by our own shutdown pass through, except that a
    plug-in's `sys.exit()` is its failure, not our end.
    """
    try:
        yield
    except (CellError, PlimsollError):
        # Classified already: about this cell, or about the whole command (a flow that can't be loaded at all).
        raise
    except TimeoutError as error:
        raise CellError(FailureKind.TIMEOUT, f"{doing}: timed out") from error
    except (Exception, SystemExit) as error:
        detail = str(error).strip() or "no message"
        raise CellError(kind, f"{doing}: {type(error).__name__}: {detail}") from error


def near_match(word: str, known: Iterable[str]) -> str | None:
    """A remedy that names what the user may have meant, or lists what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names)}" if names else None
