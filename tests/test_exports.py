"""The public names of the package, and that they stay what they are."""

import pkgutil

import plimsoll


def test_the_public_functions_are_these():
    assert plimsoll.__all__ == ["__version__", "evaluate", "gate", "promote", "run"]
    assert plimsoll.__doc__ is not None
    for name in plimsoll.__all__[1:]:
        assert getattr(plimsoll, name).__doc__


def test_no_package_bears_the_name_of_a_public_function_and_overlays_it():
    packages = {module.name for module in pkgutil.iter_modules(plimsoll.__path__)}
    assert packages.isdisjoint(plimsoll.__all__)
