"""A model that is only identified has the identity of the same model open, and nothing is started to know it."""

import asyncio

import pytest

from plimsoll.config import ModelSettings
from plimsoll.errors import ConfigError, MissingExtraError
from plimsoll.models import open_models
from plimsoll.models.identity import identify_models
from plimsoll.types import ChatRequest

ENVIRON = {"OPENAI_API_KEY": "key-1234567", "AZURE_OPENAI_API_KEY": "key-7654321", "HOST": "127.0.0.1:9"}
SETTINGS = {
    "plain": ModelSettings(model="m", base_url="http://user:pass@${HOST}/v1", temperature=0, max_tokens=5),
    "reasoning": ModelSettings(model="o3-mini", temperature=0.5, max_tokens=5, extra_body={"top_k": 3}),
    "azure": ModelSettings(
        provider="azure", model="deployed", azure_endpoint="https://r.openai.azure.com", api_version="2024-10-21"
    ),
}


def test_it_is_the_identity_of_the_open_model_without_any_secret():
    async def opened():
        async with open_models(SETTINGS, 4, ENVIRON) as models:
            return {name: model.identity() for name, model in models.items()}

    identified = {name: model.identity() for name, model in identify_models(SETTINGS, ENVIRON).items()}
    assert identified == asyncio.run(opened())
    assert not any(secret in str(identified) for secret in ("pass", "key-1234567", "key-7654321"))


@pytest.mark.parametrize("setting", [{"timeout": 5}, {"retries": 9}, {"concurrency": 3}])
def test_how_a_model_is_asked_is_no_part_of_it(setting):
    one, other = (
        identify_models({"m": ModelSettings(model="m", base_url="http://h/v1", **more)}, {})["m"].identity()
        for more in (dict[str, int](), setting)
    )
    assert one == other


def test_what_is_missing_is_told():
    with pytest.raises(ConfigError, match="needs an API key"):
        identify_models({"m": ModelSettings(model="m")}, {})


def test_the_embedded_model_is_known_by_its_weights():
    try:
        known = identify_models({"m": ModelSettings(provider="embedded", temperature=0)}, {})["m"].identity()
    except MissingExtraError:
        pytest.skip("the embedded model's engine is not installed")
    assert known["provider"] == "embedded"
    assert known["weights"].startswith("sha256:")
    assert known["parameters"] == {"temperature": 0.0}


def test_nobody_can_ask_it():
    model = identify_models({"m": ModelSettings(model="m", base_url="http://h/v1")}, {})["m"]
    with pytest.raises(RuntimeError, match="m is not open"):
        asyncio.run(model.chat(ChatRequest(messages=())))
