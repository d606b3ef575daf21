"""Public seams for tests: a scripted endpoint, a scripted model, a clock, one score of one answer."""

from plimsoll.testing.clock import ManualClock
from plimsoll.testing.endpoint import Received, Reply, Script, ScriptedEndpoint
from plimsoll.testing.scoring import score_all, score_one
from plimsoll.testing.scripted import ScriptedModel

__all__ = ["ManualClock", "Received", "Reply", "Script", "ScriptedEndpoint", "ScriptedModel", "score_all", "score_one"]
