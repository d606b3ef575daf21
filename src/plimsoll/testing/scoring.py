"""One score of one answer, as a suite would get it: for the tests of one's own evaluators."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.config import Document, Workspace
from plimsoll.evaluators import BuildContext, build_evaluators, discover, score
from plimsoll.evaluators.traits import closing
from plimsoll.models.contract import ChatModel
from plimsoll.types import Case, Output, Score


def score_all(
    entry: str | Mapping[str, Any],
    *,
    output: str | Output,
    models: Sequence[ChatModel] = (),
    workspace: Path | None = None,
    **fields: Any,
) -> dict[str, Score]:
    """The scores of every metric of an evaluator, checked as in a run.

    Args:
        entry: The evaluator as a suite writes it: a name, or one key with its settings.
        output: The answer.
        models: What a judge may ask, such as a `ScriptedModel`.
        workspace: A folder of the workspace; None is the current one.
        fields: The case's.

    Raises:
        PlimsollError: there is no such evaluator, or its settings are wrong.
    """
    found = Workspace.find(workspace)
    context = BuildContext(
        root=found.root,
        models={model.name: model for model in models},
        environments=found.settings.environments,
        state=found.state,
    )
    (evaluator,) = build_evaluators([entry], discover(found.root), context, Document("entry", None, {(): 1}))
    expected, messages = fields.pop("expected", None), fields.pop("messages", ())
    case = Case(id="case", inputs=fields, expected=expected, messages=tuple(messages))
    answer = output if isinstance(output, Output) else Output(text=output)

    async def scored() -> dict[str, Score]:
        async with closing([evaluator]):
            return await score(evaluator, case, answer)

    return asyncio.run(scored())


def score_one(entry: str | Mapping[str, Any], **given: Any) -> Score:
    """The score of an evaluator with one metric; for the arguments see `score_all`.

    Raises:
        ValueError: it has several.
    """
    (found,) = score_all(entry, **given).values()
    return found
