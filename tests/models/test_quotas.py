from plimsoll.config import ModelSettings
from plimsoll.models.connection import resolve_connections
from plimsoll.models.quotas import shared_breakers, shared_limiters, slots_limiter
from plimsoll.models.retries import Backoff

ENVIRON = {"ONE": "key-one", "OTHER": "key-other"}


def settings(**models):
    return {
        name: ModelSettings(**{"model": "m", "base_url": "http://127.0.0.1:1/v1", "api_key": "${ONE}", **given})
        for name, given in models.items()
    }


def limiters(**models):
    given = settings(**models)
    return shared_limiters(given, resolve_connections(given, ENVIRON), 16)


def breakers(**models):
    return shared_breakers(resolve_connections(settings(**models), ENVIRON), Backoff())


def test_models_of_one_address_key_and_model_share_their_limits_whatever_their_parameters():
    found = limiters(cold={"temperature": 0}, warm={"temperature": 1})
    assert found["cold"] is found["warm"]
    for other in ({"model": "n"}, {"base_url": "http://127.0.0.1:2/v1"}, {"api_key": "${OTHER}"}):
        found = limiters(one={}, other=other)
        assert found["one"] is not found["other"]


def test_models_of_one_quota_share_their_limits_and_each_has_its_endpoints_breaker():
    models = {"one": {"quota": "team"}, "two": {"model": "n", "quota": "team"}, "three": {}}
    found = limiters(**models)
    assert found["one"] is found["two"]
    assert found["three"] is not found["one"]
    found = breakers(**models)
    assert found["one"] is found["three"]
    assert found["two"] is not found["one"]


def test_of_what_sharing_models_say_the_strictest_holds():
    assert limiters(a={"concurrency": 8}, b={"concurrency": 3}, c={})["a"].concurrency == 3
    assert limiters(a={"concurrency": "adaptive"}, b={})["b"].concurrency == 64
    found = limiters(a={"concurrency": "adaptive", "max_concurrency": 20}, b={"concurrency": "adaptive"})
    assert found["b"].concurrency == 20
    assert limiters(a={"concurrency": "adaptive"}, b={"concurrency": 5})["a"].concurrency == 5
    assert limiters(a={"tokens_per_minute": 9000}, b={})["b"].counts_tokens


def test_where_none_says_the_suites_concurrency_holds():
    found = limiters(a={}, b={"model": "n"})
    assert found["a"].concurrency == found["b"].concurrency == 16
    assert not found["a"].counts_tokens


def test_embedded_models_share_the_slots_of_their_server():
    embedded = [ModelSettings(provider="embedded"), ModelSettings(provider="embedded", concurrency=64)]
    hosted = ModelSettings(model="m", concurrency=1)
    assert slots_limiter([*embedded, hosted], 2).concurrency == 2
    assert slots_limiter([*embedded, ModelSettings(provider="embedded", concurrency=1)], 2).concurrency == 1
