"""Listing evaluators costs nothing of what they need."""

from __future__ import annotations

import subprocess
import sys

_LIBRARIES = (
    "{'jsonschema', 'referencing', 'sqlglot', 'phonenumbers', 'sacrebleu', 'rapidfuzz', 'numpy', 'openai', 'mlflow'}"
)


def test_listing_the_built_in_evaluators_imports_none_of_their_libraries() -> None:
    code = (
        "import sys\n"
        "from plimsoll.evaluators import builtin_evaluators\n"
        "registry = builtin_evaluators()\n"
        "assert all(registry[name].about.summary for name in registry)\n"
        f"print(sorted({_LIBRARIES} & set(sys.modules)))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
