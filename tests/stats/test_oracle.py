"""The project's own functions against reference values that were computed independently."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from plimsoll.stats import (
    cases_needed,
    clopper_pearson,
    holm,
    mean_interval,
    newcombe,
    smallest_detectable,
    wilson,
)
from plimsoll.stats.units import units_of

_ROOT = Path(__file__).resolve().parents[2]
_FILE = Path(os.environ.get("PLIMSOLL_SHARED") or _ROOT.parent / "shared") / "oracle" / "statistics.json"
pytestmark = pytest.mark.skipif(
    not _FILE.is_file(), reason="no reference values: set PLIMSOLL_SHARED to the folder that holds oracle/"
)


@pytest.fixture(scope="module")
def oracle() -> dict[str, Any]:
    return dict(json.loads(_FILE.read_text(encoding="utf-8")))


def differences(oracle: dict[str, Any]) -> list[float]:
    return [after - before for before, after in zip(oracle["A"], oracle["B"], strict=True)]


def test_the_paired_difference_and_its_interval(oracle: dict[str, Any]) -> None:
    found = mean_interval(differences(oracle), 0.95)
    assert found.value == pytest.approx(oracle["mean_diff"], abs=1e-6)
    assert units_of(differences(oracle)).standard_error == pytest.approx(oracle["se_paired"], abs=1e-6)
    assert found.degrees == pytest.approx(oracle["paired_t"][2])
    assert (found.low, found.high) == pytest.approx(tuple(oracle["paired_t"][3:]), abs=1e-6)


def test_the_clustered_difference_and_its_interval(oracle: dict[str, Any]) -> None:
    groups = [str(cluster) for cluster in oracle["cluster"]]
    error = units_of(differences(oracle), groups=groups).standard_error
    found = mean_interval(differences(oracle), 0.95, groups=groups)
    assert error == pytest.approx(oracle["se_cluster_statsmodels_corr(G/(G-1)*(N-1)/(N-K))"], abs=1e-6)
    assert (found.low, found.high) == pytest.approx(tuple(oracle["ci95_cluster_tG-1_corr"]), abs=1e-6)


def test_the_one_sided_limit_of_non_inferiority(oracle: dict[str, Any]) -> None:
    found = mean_interval(differences(oracle), 0.9)
    assert found.low == pytest.approx(oracle["noninf_lower_one_sided95"], abs=1e-6)


def test_shares(oracle: dict[str, Any]) -> None:
    assert wilson(45, 50, 0.95) == pytest.approx(tuple(oracle["prop_45of50_wilson"]), abs=1e-6)
    assert clopper_pearson(45, 50, 0.95) == pytest.approx(tuple(oracle["prop_45of50_beta"]), abs=1e-6)


def test_paired_shares(oracle: dict[str, Any]) -> None:
    expected = oracle["paired_prop_diff_newcombe10"]
    assert newcombe(60, 9, 2, 29, 0.95) == pytest.approx(tuple(expected[1:3]), abs=1e-6)


def test_holm(oracle: dict[str, Any]) -> None:
    raw = [single / 5 for single in oracle["adj_bonferroni"][:4]] + [0.2]
    assert holm(raw) == pytest.approx(tuple(oracle["adj_holm"]), abs=1e-6)


def test_power(oracle: dict[str, Any]) -> None:
    assert smallest_detectable(0.04, 99, 0.95) == pytest.approx(oracle["MDE_n100_sd0.4_t"], abs=1e-6)
    assert cases_needed(0.4, 0.1, 0.95) == pytest.approx(oracle["n_for_delta.1_sd.4_t"], abs=1e-6)
    normal = smallest_detectable(0.04, 1e7, 0.95)
    assert normal == pytest.approx(oracle["MDE_n100_sd0.4_z"], abs=1e-6)
