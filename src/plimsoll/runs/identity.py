"""What makes two cells the same cell: the keys of generations and of scores, and the parts that they are made of.

A key decides; parts only explain. They are flat and short: a setting in clear, a case's or a prompt's content as the
beginning of its digest, so that nothing of it is stored a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll import canonical
from plimsoll.evaluators.contract import Evaluator
from plimsoll.types import Case, CellId, Output

# Raised when the meaning of a stored cell changes, so that older ones are not reused.
_GENERATION_FORMAT = 1
_SCORE_FORMAT = 2

_CONTENT = frozenset({"messages", "values"})
"""The parts of a generation that hold what a case or a prompt says."""
_CLEAR = 40
"""Characters of a setting that is short enough to be kept as it is."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is the same for every score of an evaluator."""

    evaluator: Evaluator
    digest: str
    fields: tuple[str, ...]
    parts: Mapping[str, str]
    epoch: Mapping[str, str]
    """Of a judge the drawing: what a model says of the same answer is drawn anew, too. Else nothing."""


class Keys:
    """The keys of one run's cells. What does not change from cell to cell is digested once."""

    def __init__(self, epoch: str = "") -> None:
        """Keys of a drawing of samples.

        Args:
            epoch: Names the drawing: answers of another epoch are other answers. Empty is the one that is reused.
        """
        self._epoch = epoch
        self._evaluators: dict[int, _Known] = {}
        self._settings: dict[tuple[str, str], dict[str, str]] = {}
        self._scored: tuple[Output | None, str] = (None, "")

    def generation(self, generation: Mapping[str, Any], repeat: int) -> str:
        """The key of one answer: what the target says it depends on, which repeat, and which drawing of samples."""
        return canonical.digest(
            {"format": _GENERATION_FORMAT, "generation": generation, "repeat": repeat, "epoch": self._epoch}
        )

    def score(self, evaluator: Evaluator, case: Case, output: Output) -> str:
        """The key of an evaluator's scores of one output: not the threshold, and only the fields that it reads.

        Args:
            evaluator: Its identity must not change while these keys are in use.
            case: Whose fields it reads.
            output: What it scores.
        """
        known, fields = self._known(evaluator), case.fields()
        read = {name: fields.get(name) for name in known.fields}
        key = {"format": _SCORE_FORMAT, "evaluator": known.digest, "output": self._output(output), "fields": read}
        key |= known.epoch
        return canonical.digest({**key, "turns": _of_turns(case, known.fields)} if case.turns else key)

    def generation_parts(self, generation: Mapping[str, Any], repeat: int) -> dict[str, str]:
        """What a generation's key was made of: dotted name → value in clear, or a short digest."""
        parts = {"format": str(_GENERATION_FORMAT), "repeat": str(repeat), "epoch": self._epoch}
        for name, part in generation.items():
            if name not in _CONTENT:
                parts |= self._flat_settings(name, part)
            elif isinstance(part, Mapping):
                parts |= {f"{name}.{key}": _short(item) for key, item in part.items()}
            else:
                parts[name] = _short(part)
        return parts

    def score_parts(self, evaluator: Evaluator, case: Case, output: Output) -> dict[str, str]:
        """What a score's key was made of, likewise."""
        known, fields = self._known(evaluator), case.fields()
        read = {f"fields.{name}": _short(fields.get(name)) for name in known.fields}
        read |= {f"turns.{name}": _short(turn) for name, turn in _of_turns(case, known.fields).items()}
        parts = {"format": str(_SCORE_FORMAT), "output": _tagged(self._output(output)), **known.parts, **read}
        return {**parts, **known.epoch}

    def _output(self, output: Output) -> str:
        # The evaluators of an answer come one after the other.
        if output is not self._scored[0]:
            self._scored = output, output_digest(output)
        return self._scored[1]

    def _known(self, evaluator: Evaluator) -> _Known:
        # By identity, as settings are not hashable; the entry keeps its evaluator alive, and so its id its own.
        known = self._evaluators.get(id(evaluator))
        if known is None:
            identity = evaluator.identity()
            digest, fields = canonical.digest(identity), tuple(sorted(evaluator.requires))
            judged = any(metric.judged for metric in evaluator.metrics)
            epoch = {"epoch": self._epoch} if self._epoch and judged else {}
            known = _Known(evaluator, digest, fields, dict(_flat("evaluator", identity)), epoch)
            self._evaluators[id(evaluator)] = known
        return known

    def _flat_settings(self, name: str, part: Any) -> dict[str, str]:
        # By repr, which tells 0 from 0.0 and from False: equal values need not have equal digests.
        place = (name, repr(part))
        if place not in self._settings:
            self._settings[place] = dict(_flat(name, part))
        return self._settings[place]


def output_digest(output: Output) -> str:
    """The digest of what an evaluator may read of an output. Not its latency: the same answer scores the same."""
    read = _read_of(output)
    return canonical.digest({**read, "turns": [_read_of(turn) for turn in output.turns]} if output.turns else read)


def _read_of(output: Output) -> dict[str, Any]:
    return {
        "text": output.text,
        "value": output.value,
        "finish": output.finish,
        "tool_calls": output.tool_calls,
        "extra": output.extra,
        "usage": [output.usage.prompt_tokens, output.usage.completion_tokens, output.usage.cost],
    }


def _of_turns(case: Case, names: Iterable[str]) -> dict[str, Any]:
    """What an evaluator that reads these fields reads of each turn: them, and what the user says."""
    found = {}
    for number, turn in enumerate(case.turns, start=1):
        fields = {**turn.inputs, "expected": turn.expected}
        found[f"turn {number}"] = [turn.user, {name: fields[name] for name in names if name in fields}]
    return found


def cell_name(suite: str, cell: CellId, evaluator: str = "") -> str:
    """What a cell is called in the cache, whatever its content. The case comes last: its id may hold anything."""
    return f"{suite}/{cell.target}/{cell.repeat}/{evaluator}/{cell.case}"


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Dotted name → value of what is set: an absent part is told as well by being absent."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}", item)
    elif value is not None:
        text = canonical.dumps(value)
        yield name, text.decode() if len(text) <= _CLEAR else _tagged(canonical.digest_bytes(text))


def _short(value: Any) -> str:
    return _tagged(canonical.digest(value))


def _tagged(digest: str) -> str:
    return canonical.DIGEST_PREFIX + canonical.short(digest)
