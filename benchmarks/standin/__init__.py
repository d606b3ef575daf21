"""A model endpoint that costs almost nothing: what is measured against it is the harness, not the model."""

from benchmarks.standin.log import Answered, Span
from benchmarks.standin.server import MissingNginxError, StandIn

__all__ = ["Answered", "MissingNginxError", "Span", "StandIn"]
