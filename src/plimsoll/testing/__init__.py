"""Public seams for tests: a scripted endpoint, a scripted model, a clock, in-memory parts."""

from plimsoll.testing.clock import ManualClock
from plimsoll.testing.endpoint import Received, Reply, Script, ScriptedEndpoint
from plimsoll.testing.scripted import ScriptedModel

__all__ = ["ManualClock", "Received", "Reply", "Script", "ScriptedEndpoint", "ScriptedModel"]
