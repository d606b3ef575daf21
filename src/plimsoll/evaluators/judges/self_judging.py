"""Whether a judge and what it judges are one model: models are known to prefer their own answers.

Told from settings alone, so that checking a suite can say it before anything is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from plimsoll.config import ModelSettings


def same_model(one: ModelSettings, other: ModelSettings) -> bool:
    """Whether two settings name one model at one address, whatever their parameters and limits."""
    return _identity(one) == _identity(other)


def self_judging(
    judges: Mapping[str, ModelSettings], targets: Mapping[str, Mapping[str, ModelSettings]]
) -> Iterator[str]:
    """A warning for each model that judges itself.

    Args:
        judges: The models that evaluators ask, by their names in the suite.
        targets: Target → the models that it uses, by name.
    """
    for name, judge in judges.items():
        own = [
            target for target, models in targets.items() if any(same_model(judge, model) for model in models.values())
        ]
        if own:
            yield (
                f"model {name} judges its own answers, those of {', '.join(own)}: models tend to prefer what they "
                "wrote; let another one judge"
            )


def _identity(settings: ModelSettings) -> tuple[str | None, ...]:
    address = settings.azure_endpoint if settings.provider == "azure" else settings.base_url
    return settings.provider, address.rstrip("/") if address else None, settings.model
