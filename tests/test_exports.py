"""The public names of the package, and that they stay what they are."""

import subprocess
import sys

import plimsoll


def test_the_public_functions_are_these():
    assert plimsoll.__all__ == ["__version__", "evaluate", "gate", "promote", "run"]
    assert plimsoll.__doc__ is not None
    for name in plimsoll.__all__[1:]:
        assert getattr(plimsoll, name).__doc__


def test_functions_are_not_overlaid_by_the_packages_of_the_same_names():
    program = (
        "import plimsoll, importlib\n"
        "for name in ('run', 'gate', 'run.engine', 'gate.decide'):\n"
        "    assert importlib.import_module(f'plimsoll.{name}').__name__ == f'plimsoll.{name}'\n"
        "from plimsoll.run.plan import Plan\n"
        "from plimsoll.gate import decide\n"
        "print(*(type(getattr(plimsoll, name)).__name__ for name in ('run', 'gate', 'errors')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["function", "function", "module"]
