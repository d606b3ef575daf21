"""Looks, anytime-valid figures and corrections for a judge, against values that were computed independently."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from plimsoll.stats import (
    Spending,
    always_valid_p,
    classic_bounds,
    crossing_probability,
    hoeffding_half_width,
    mixture_half_width,
    mixture_ratio,
    mixture_scale,
    power_tuning,
    ppi_mean,
    rogan_gladen,
    spent,
)
from plimsoll.stats.estimate import z_quantile

_ROOT = Path(__file__).resolve().parents[2]
_FILE = Path(os.environ.get("PLIMSOLL_SHARED") or _ROOT.parent / "shared") / "oracle" / "statistics.json"
pytestmark = pytest.mark.skipif(
    not _FILE.is_file(), reason="no reference values: set PLIMSOLL_SHARED to the folder that holds oracle/"
)
FIVE = [look / 5 for look in range(1, 6)]


@pytest.fixture(scope="module")
def oracle() -> dict[str, Any]:
    read = json.loads(_FILE.read_text(encoding="utf-8"))
    return {name.strip(): value for name, value in read.items()}


def test_looks_at_the_plain_quantile_err_in_fourteen_per_cent(oracle: dict[str, Any]) -> None:
    found = crossing_probability([z_quantile(0.95)] * 5, FIVE, both_sides=True)
    assert found == pytest.approx(oracle["type-I of 5 naive looks at 1.96"], abs=1e-6)
    assert found == pytest.approx(0.1417, abs=5e-5)


def test_the_classic_bounds(oracle: dict[str, Any]) -> None:
    constant, *bounds = oracle["OBrienFleming_K5_c & z-bounds"]
    pocock = oracle["Pocock_K5_z"]
    # The reference comes from quasi-random integration: its bounds err by 0.05 to 1e-6, and so are 1e-5 off themselves.
    assert crossing_probability(bounds, FIVE, both_sides=True) == pytest.approx(0.05, abs=1e-6)
    assert crossing_probability([pocock] * 5, FIVE, both_sides=True) == pytest.approx(0.05, abs=1e-6)
    found = classic_bounds(0.95, 5, Spending.OBRIEN_FLEMING)
    assert found == pytest.approx(bounds, abs=1e-5)
    assert found[-1] == pytest.approx(constant, abs=1e-5)
    assert found == pytest.approx((4.5617, 3.2256, 2.6337, 2.2809, 2.0401), abs=5e-5)
    assert classic_bounds(0.95, 5, Spending.POCOCK) == pytest.approx([pocock] * 5, abs=1e-5)


def test_spending(oracle: dict[str, Any]) -> None:
    expected = oracle["LanDeMets OBF-like spend alpha(t)=2-2Phi(z/sqrt t) t=.2..1"]
    assert [spent(0.05, fraction) for fraction in FIVE] == pytest.approx(expected, abs=1e-9)


def test_the_confidence_sequence(oracle: dict[str, Any]) -> None:
    rho = mixture_scale(0.95, 100)
    assert rho == pytest.approx(oracle["asympCS rho opt for t*=100"], abs=1e-9)
    expected = oracle["asympCS halfwidth sd=.4 t=50,100,400 (vs CLT)"]
    for count, (half, single_look) in zip((50, 100, 400), expected, strict=True):
        assert mixture_half_width(0.4, count, 0.95, rho) == pytest.approx(half, abs=1e-9)
        assert z_quantile(0.95) * 0.4 / math.sqrt(count) == pytest.approx(single_look, abs=1e-5)


def test_the_mixture_test(oracle: dict[str, Any]) -> None:
    ratio = mixture_ratio(0.1, 100, 0.4, 0.1)
    assert [ratio, always_valid_p([ratio])] == pytest.approx(
        oracle["mSPRT Lambda,p (sd.4,tau.1,n100,xbar.1)"], abs=1e-9
    )


def test_hoeffdings_limit(oracle: dict[str, Any]) -> None:
    expected = oracle["Hoeffding one-sided n=100 alpha .05 halfwidth"]
    assert hoeffding_half_width(100, 0.95) == pytest.approx(expected, abs=1e-9)


def test_rogan_and_gladens_share(oracle: dict[str, Any]) -> None:
    found = rogan_gladen((0.78, 1000), (0.9, 100), (0.85, 100), 0.95)
    expected = oracle["rogan_gladen p=.78 se=.9 sp=.85 n=1000 m1=m0=100"]
    assert [found.value, found.error, found.low, found.high] == pytest.approx(expected, abs=1e-6)
    known = rogan_gladen((0.78, 1000), (0.9, math.inf), (0.85, math.inf), 0.95)
    assert known.error == pytest.approx(oracle["sd with known se/sp"], abs=1e-9)
    perfect = rogan_gladen((0.78, 1000), (1.0, math.inf), (1.0, math.inf), 0.95)
    assert [perfect.low, perfect.high] == pytest.approx(oracle["naive CI"], abs=1e-6)


LABELS = [1.0] * 7 + [0.0] * 3
"""The reference's inputs are not kept, but its values fix the moments; these have them."""
PREDICTIONS = [0.9, 0.9, 0.8, 0.6, 0.9, 0.9, 0.7, 0.2, 0.3, 0.3]
UNLABELLED = [0.6, 0.2, 0.7, 1.0, 0.3, 0.8, 0.7, 0.9, 0.8, 0.7, 1.0, 0.8, 0.9, 0.6, 0.7, 0.9, 0.7, 0.1, 1.0, 0.2]


@pytest.mark.parametrize(
    ("name", "tuning"),
    [
        ("ppi_py mean lam=0.0", 0.0),
        ("ppi_py mean lam=1.0", 1.0),
        ("ppi_py mean lam=None", None),
    ],
)
def test_prediction_powered_means(oracle: dict[str, Any], name: str, tuning: float | None) -> None:
    found = ppi_mean(LABELS, PREDICTIONS, UNLABELLED, 0.95, tuning=tuning)
    assert [found.value, found.low, found.high] == pytest.approx(oracle[name], abs=1e-6)


@pytest.mark.parametrize("name", ["manual lam=ddof1", "manual lam=ddof0", "manual lam=1"])
def test_prediction_powered_means_by_hand(oracle: dict[str, Any], name: str) -> None:
    weight = power_tuning(LABELS, PREDICTIONS, UNLABELLED)
    found = ppi_mean(LABELS, PREDICTIONS, UNLABELLED, 0.95, tuning=weight)
    assert [weight, found.value, found.low, found.high] == pytest.approx(oracle[name], abs=1e-6)


def test_without_predictions_the_labels_speak_alone(oracle: dict[str, Any]) -> None:
    found = ppi_mean(LABELS, [0.5] * 10, UNLABELLED, 0.95)
    assert [found.value, found.low, found.high] == pytest.approx(oracle["classical"], abs=1e-6)
