"""`flow` among the evaluators: listing it imports nothing of promptflow's."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.config import Strict
from plimsoll.evaluators.contract import BROUGHT, About, BuildContext, Evaluator

_ABOUT = About(
    summary="A promptflow evaluation flow, unmodified, with its aggregation.",
    needs=("the fields that its inputs name",),
    gives="its outputs, as declared under `metrics`",
    source=BROUGHT,
    cost="as many requests as the flow sends",
    extra="promptflow",
)


@dataclass(frozen=True, slots=True)
class FlowFactory:
    """A flow that the suite names by its folder or YAML."""

    about: About = _ABOUT

    def settings(self) -> type[Strict]:
        """With `flow`."""
        from plimsoll.evaluators.flows.settings import FlowSettings

        return FlowSettings

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """Read the flow, check the settings against it."""
        from plimsoll.evaluators.flows.build import build_flow

        return build_flow(settings, context)
