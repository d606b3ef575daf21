"""What answers cost, and the cap on it, with real requests to a scripted endpoint."""

import asyncio
import threading

import pytest

from plimsoll.config import ModelSettings, PriceSettings
from plimsoll.errors import CellError, FailureKind
from plimsoll.models import open_models
from plimsoll.models.prices import Price
from plimsoll.models.retries import Backoff
from plimsoll.models.spending import Meter, Spend
from plimsoll.testing import Reply, ScriptedEndpoint
from plimsoll.types import ChatRequest, Usage

PRICE = {"input": 1, "output": 2, "cached_input": 0.5}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}
COST = 0.0012
"""Of `USAGE` at `PRICE`."""
ASKED = ChatRequest(messages=({"role": "user", "content": "What is the capital of France?"},))


def paid(**more):
    return Reply(text="Paris", usage={**USAGE, **more})


async def spend_on(script, spend, *, times=1, prices=None, **settings):
    """Ask `times` at once; the replies and errors, and the endpoint."""
    async with ScriptedEndpoint(script) as endpoint:
        given = {"it": ModelSettings(**{"model": "m", "base_url": endpoint.base_url, **settings})}
        quick = Backoff(initial=0.001, longest=0.01, jitter=0)
        async with open_models(given, 32, {}, backoff=quick, spend=spend, prices=prices) as models:
            asking = (models["it"].chat(ASKED) for _ in range(times))
            return await asyncio.gather(*asking, return_exceptions=True), endpoint


def run(script, spend, **more):
    return asyncio.run(spend_on(script, spend, **more))


def test_a_reply_tells_its_cost_and_the_ledger_the_sum():
    spend = Spend()
    replies, _ = run(lambda _: paid(), spend, times=3, price=PRICE)
    assert [reply.usage.cost for reply in replies] == pytest.approx([COST] * 3)
    assert spend.cost == pytest.approx(3 * COST)


def test_prompt_tokens_that_the_provider_had_cached_cost_less():
    replies, _ = run(lambda _: paid(prompt_tokens_details={"cached_tokens": 800}), Spend(), price=PRICE)
    assert replies[0].usage.cached_tokens == 800
    assert replies[0].usage.cost == pytest.approx(COST - 800 * 0.5e-6)


def test_the_projects_price_holds_for_a_model_without_its_own():
    prices = {"m": PriceSettings(input=10, output=20)}
    replies, _ = run(lambda _: paid(), Spend(), prices=prices)
    assert replies[0].usage.cost == pytest.approx(10 * COST)


def test_without_a_price_the_cost_is_unknown_and_not_zero():
    spend = Spend()
    replies, _ = run(lambda _: paid(), spend)
    assert replies[0].usage.cost is None
    assert (spend.cost, spend.unpriced) == (None, 1)


def test_without_counted_tokens_the_cost_is_unknown():
    spend = Spend()
    replies, _ = run(lambda _: Reply(text="Paris", usage=None), spend, price=PRICE)
    assert replies[0].usage.cost is None
    assert spend.cost is None


def test_before_the_first_answer_nothing_is_spent():
    assert Spend().cost == 0.0


@pytest.mark.parametrize(
    ("useless", "kind"),
    [
        (Reply(text="", usage=USAGE), FailureKind.EMPTY),
        (Reply(text=None, refusal="no", usage=USAGE), FailureKind.REFUSED),
        (Reply(text="Par", finish_reason="abort", usage=USAGE), FailureKind.BAD_RESPONSE),
    ],
)
def test_a_useless_answer_is_paid_all_the_same(useless, kind):
    spend = Spend()
    (error,), _ = run(lambda _: useless, spend, price=PRICE)
    assert error.kind is kind
    assert spend.cost == pytest.approx(COST)


@pytest.mark.parametrize("answer", [Reply(status=500, body={"error": {"message": "down"}}), Reply(body="<html>")])
def test_what_is_no_answer_of_a_model_costs_nothing(answer):
    spend = Spend()
    (error,), _ = run(lambda _: answer, spend, price=PRICE, retries=1)
    assert isinstance(error, CellError)
    assert spend.cost == 0.0


@pytest.mark.parametrize("settings", [{"max_tokens": 100}, {}, {"max_tokens": 5}])
def test_the_cap_is_overrun_by_no_more_than_one_answer_with_32_at_once(settings):
    # The prompt has 7 tokens by its length, and the endpoint counts 1000: the first guess is far too low.
    spend = Spend(cap=0.03)
    ended, endpoint = run(
        lambda _: Reply(text="Paris", usage=USAGE, delay=0.01), spend, times=200, price=PRICE, **settings
    )
    refused = [error for error in ended if isinstance(error, CellError)]
    assert {error.kind for error in refused} == {FailureKind.SPEND_CAP}
    assert len(endpoint.requests) == 200 - len(refused)
    assert 0.03 - 2 * COST < spend.spent <= 0.03 + COST
    assert spend.spent == pytest.approx(len(endpoint.requests) * COST)


def test_a_guess_that_is_too_high_waits_for_the_real_cost_instead_of_stopping():
    # There is room for one answer of the greatest length at a time, and for all twelve as they are.
    spend = Spend(cap=0.05)
    replies, endpoint = run(lambda _: paid(), spend, times=12, price=PRICE, max_tokens=15_000)
    assert len(endpoint.requests) == 12
    assert all(reply.usage.cost == pytest.approx(COST) for reply in replies)
    assert spend.why_stop() is None


def test_a_request_that_the_whole_cap_has_no_room_for_is_never_sent():
    spend = Spend(cap=0.01)
    (error,), endpoint = run(lambda _: paid(), spend, price=PRICE, max_tokens=1_000_000)
    assert error.kind is FailureKind.SPEND_CAP
    assert endpoint.requests == []
    told = "no room is left under the spend cap: $0 of $0.01 spent, and the next request may take $2.00"
    assert spend.why_stop() == told


def test_what_earlier_sessions_spent_counts_against_the_cap():
    spend = Spend(cap=1.0, before=0.9999)
    (error,), endpoint = run(lambda _: paid(), spend, price=PRICE)
    assert error.kind is FailureKind.SPEND_CAP
    assert endpoint.requests == []
    assert spend.cost == 0.0


def test_under_a_cap_an_answer_whose_tokens_nobody_counted_is_counted_as_guessed():
    spend = Spend(cap=0.0025)
    ended, endpoint = run(lambda _: Reply(text="Paris", usage=None), spend, times=20, price=PRICE, max_tokens=500)
    # 500 tokens of answer and seven of prompt are 0.001007: two fit.
    assert len(endpoint.requests) == 2
    assert sum(isinstance(error, CellError) for error in ended) == 18
    assert spend.cost is None


def test_a_session_that_was_killed_leaves_the_cost_unknown():
    assert Spend(killed_before=True).cost is None


def test_two_models_share_the_cap():
    async def both():
        spend = Spend(cap=0.012)
        async with ScriptedEndpoint(lambda _: paid()) as endpoint:
            given = {name: ModelSettings(model=name, base_url=endpoint.base_url, price=PRICE) for name in ("a", "b")}
            async with open_models(given, 16, {}, spend=spend) as models:
                asking = (model.chat(ASKED) for model in models.values() for _ in range(30))
                await asyncio.gather(*asking, return_exceptions=True)
            return spend, {request.json["model"] for request in endpoint.requests}

    spend, asked = asyncio.run(both())
    assert spend.spent <= 0.012 + COST
    assert asked == {"a", "b"}


def test_a_price_that_has_to_be_looked_up_is_looked_up_once_and_beside_the_first_requests():
    looked_up_in = []

    def find():
        looked_up_in.append(threading.current_thread())
        return Price.of(PriceSettings(input=1, output=2))

    async def four_at_once():
        meter = Meter(Spend(), find=find)
        assert not meter.unpriced

        async def call():
            async with meter.fare() as fare:
                return await fare.charge(Usage(prompt_tokens=1000, completion_tokens=100, requests=1))

        return await asyncio.gather(*(call() for _ in range(4))), meter.spend.cost

    usages, cost = asyncio.run(four_at_once())
    assert [usage.cost for usage in usages] == pytest.approx([COST] * 4)
    assert cost == pytest.approx(4 * COST)
    assert len(looked_up_in) == 1
    assert looked_up_in[0] is not threading.main_thread()
