"""Models that would judge their own answers."""

from __future__ import annotations

from plimsoll.config import ModelSettings
from plimsoll.evaluators.judges.self_judging import same_model, self_judging

SMALL = ModelSettings(model="small", base_url="https://models.example/v1", temperature=0)


def like(**changes: object) -> ModelSettings:
    return SMALL.model_copy(update=changes)


def test_parameters_and_limits_make_no_other_model() -> None:
    assert same_model(SMALL, like(temperature=1.0, max_tokens=5, concurrency=3, base_url="https://models.example/v1/"))
    assert not same_model(SMALL, like(model="large"))
    assert not same_model(SMALL, like(base_url="https://other.example/v1"))
    assert not same_model(SMALL, ModelSettings(provider="embedded"))
    azure = ModelSettings(provider="azure", model="d", azure_endpoint="https://a.example")
    assert same_model(azure, azure.model_copy(update={"api_version": "2025-01-01"}))
    assert not same_model(azure, azure.model_copy(update={"azure_endpoint": "https://b.example"}))


def test_a_model_that_judges_itself_is_warned_of_with_its_targets() -> None:
    targets = {"v1": {"local": like(temperature=0.5)}, "v2": {"other": like(model="large")}, "port": {}}
    assert list(self_judging({"judge": SMALL}, targets)) == [
        "model judge judges its own answers, those of v1: models tend to prefer what they wrote; let another one judge"
    ]
    assert list(self_judging({"judge": like(model="judge")}, targets)) == []
