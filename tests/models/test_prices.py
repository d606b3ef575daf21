"""Prices: the user's, the project's, the list's; unknown stays unknown; nothing is fetched."""

import subprocess
import sys

import pytest

from plimsoll.config import ModelSettings, PriceSettings
from plimsoll.models.connection import Connection
from plimsoll.models.prices import FREE, ListPrice, Price, Rate, may_be_listed, settled_price
from plimsoll.types import Usage

OPENAI = "https://api.openai.com/v1"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/openai/"
MILLION = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)
OWN = PriceSettings(input=0.15, output=0.60, cached_input=0.075)


def connection(model: str = "m", base_url: str = OPENAI) -> Connection:
    return Connection(kind="openai", base_url=base_url, model=model)


def test_tokens_are_charged_per_million():
    assert Price.of(OWN).cost(MILLION) == pytest.approx(0.75)
    assert Price.of(OWN).cost(Usage(prompt_tokens=1000, completion_tokens=200)) == pytest.approx(0.00027)


def test_cached_prompt_tokens_cost_what_the_price_says_of_them():
    half = Usage(prompt_tokens=1_000_000, completion_tokens=0, cached_tokens=500_000)
    assert Price.of(OWN).cost(half) == pytest.approx(0.1125)
    assert Price.of(PriceSettings(input=0.15, output=0.60)).cost(half) == pytest.approx(0.15)


def test_a_count_of_cached_tokens_beyond_the_prompt_is_no_discount_below_it():
    absurd = Usage(prompt_tokens=1_000_000, completion_tokens=0, cached_tokens=9_000_000)
    assert Price.of(OWN).cost(absurd) == pytest.approx(0.075)


@pytest.mark.parametrize("usage", [Usage(), Usage(prompt_tokens=5), Usage(completion_tokens=5)])
def test_tokens_that_nobody_counted_cost_nobody_knows_what(usage):
    assert Price.of(OWN).cost(usage) is None
    assert FREE.cost(usage) is None


def test_above_its_threshold_a_tier_holds_for_all_tokens():
    price = Price(Rate(1.0, ((200_000, 2.0),)), Rate(10.0, ((200_000, 15.0),)))
    assert price.cost(Usage(prompt_tokens=200_000, completion_tokens=1000)) == pytest.approx(0.21)
    assert price.cost(Usage(prompt_tokens=200_001, completion_tokens=1000)) == pytest.approx(0.415002)


def test_the_models_own_price_goes_before_the_projects_and_that_before_the_list():
    project = {"gpt-4o-mini": PriceSettings(input=7, output=7)}
    own = ModelSettings(model="gpt-4o-mini", price={"input": 1, "output": 1})
    assert settled_price(own, connection("gpt-4o-mini"), project) == Price(Rate(1), Rate(1))
    assert settled_price(ModelSettings(model="gpt-4o-mini"), connection("gpt-4o-mini"), project) == Price(
        Rate(7), Rate(7)
    )
    assert settled_price(ModelSettings(model="gpt-4o-mini"), connection("gpt-4o-mini"), {}) is None


def test_the_embedded_model_is_free_unless_the_user_prices_it():
    assert settled_price(ModelSettings(provider="embedded"), None, {}) == FREE
    priced = ModelSettings(provider="embedded", price={"input": 1, "output": 2})
    assert settled_price(priced, None, {}) == Price(Rate(1), Rate(2))


def test_a_price_of_0_is_one_that_charges_nothing():
    settings = ModelSettings(model="m", price=0)
    assert settled_price(settings, connection(), {}) == FREE


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://localhost:11434/v1", "http://gpu-box:8000/v1", "http://[::1]:80/v1"]
)
def test_a_local_server_is_not_looked_up_whatever_its_model_is_called(url):
    assert not may_be_listed(connection("gpt-4o-mini", url))


@pytest.mark.parametrize(
    ("model", "base_url"),
    [
        ("gpt-4o-mini", OPENAI),
        ("gpt-4o-mini-2024-07-18", OPENAI),
        ("gemini-2.5-pro", GEMINI),
        ("openai/gpt-4o-mini", "https://openrouter.ai/api/v1"),
        ("gpt-4o", "https://resource.openai.azure.com"),
        ("sonar", "https://api.perplexity.ai"),
    ],
)
@pytest.mark.parametrize("prompt", [1_000, 300_000])
def test_a_list_price_comes_to_what_the_list_itself_says(model, base_url, prompt):
    from genai_prices import Usage as ListedUsage
    from genai_prices import calc_price

    assert may_be_listed(connection(model, base_url))
    found = ListPrice.find(model, base_url)
    assert found is not None
    listed = ListedUsage(input_tokens=prompt, output_tokens=700, cache_read_tokens=500)
    wanted = float(calc_price(listed, model, provider_api_url=base_url).total_price)
    assert wanted > 0
    cost = found.cost(Usage(prompt_tokens=prompt, completion_tokens=700, cached_tokens=500))
    assert cost == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("model", "base_url"),
    [
        ("no-such-model", OPENAI),
        ("gpt-4o-mini", "https://llm.example.com/v1"),
        ("my-deployment", "https://r.azure.com"),
    ],
)
def test_what_the_list_does_not_hold_is_unknown(model, base_url):
    assert ListPrice.find(model, base_url) is None


def test_looking_a_price_up_asks_nothing_of_the_network():
    program = f"""
import sys
def refuse(event, arguments):
    if event.startswith("socket."):
        raise AssertionError(event)
sys.addaudithook(refuse)
from plimsoll.models.prices import ListPrice
from plimsoll.types import Usage
print(ListPrice.find("gpt-4o-mini", "{OPENAI}").cost(Usage(prompt_tokens=10, completion_tokens=1)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) > 0
