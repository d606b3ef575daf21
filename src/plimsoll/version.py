"""The package's version, in a module that imports nothing: every layer may name it."""

__version__ = "0.1.0"
