"""What the tests of flow targets share."""

import os
from pathlib import Path

from plimsoll.errors import CellError, UsageError
from plimsoll.targets.flow import FlowTarget
from plimsoll.types import Case, TargetInfo

FLOWS = Path(__file__).parent / "flows"


def flow_target(name, model=None, **settings):
    given = {
        "info": TargetInfo(name="t", kind="flow", digest="sha256:0"),
        "flow": FLOWS / name,
        "inputs": {},
        "pick": None,
        "variant": None,
        "connections": {},
        "model": model,
        "init": {},
        "environment": {key: value for key, value in os.environ.items() if "OPENAI" not in key},
        "timeout": 60.0,
        "concurrency": 8,
        "lane": "m",
        **settings,
    }
    return FlowTarget(**given)


def a_case(inputs=None, messages=(), **fields):
    return Case(id="c", inputs=inputs or {}, messages=tuple(messages), **fields)


async def outcome(target, inputs=None, messages=()):
    """The output, or the error: a test looks at both."""
    try:
        return await target.run(a_case(inputs, messages))
    except (CellError, UsageError) as error:
        return error
