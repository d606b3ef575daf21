"""The project's own functions against reference values that were computed independently."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import stdtr

from plimsoll.stats import (
    RankMethod,
    Zeros,
    benjamini_hochberg,
    benjamini_yekutieli,
    bonferroni,
    bootstrap_mean,
    cases_needed,
    cases_with_repeats,
    clopper_pearson,
    cohen_kappa,
    detectable_with_repeats,
    equivalence,
    holm,
    krippendorff_alpha,
    mcnemar_chi2,
    mcnemar_exact,
    mcnemar_mid_p,
    mean_interval,
    newcombe,
    non_inferiority,
    p_value_above,
    pass_at_k,
    pass_hat_k,
    sign_flip_test,
    sign_test,
    signed_ranks,
    smallest_detectable,
    variance_components,
    wilson,
)
from plimsoll.stats.estimate import z_quantile
from plimsoll.stats.means import Range, p_above
from plimsoll.stats.units import units_of

_ROOT = Path(__file__).resolve().parents[2]
_FILE = Path(os.environ.get("PLIMSOLL_SHARED") or _ROOT.parent / "shared") / "oracle" / "statistics.json"
pytestmark = pytest.mark.skipif(
    not _FILE.is_file(), reason="no reference values: set PLIMSOLL_SHARED to the folder that holds oracle/"
)

_NOT_OURS = {
    "versions": "of the libraries that computed the values",
    "se_unpaired": "what comparing without pairing would give; every comparison here is paired",
    "pearson_AB": "why pairing pays; the paired differences already hold it",
    "k=(z.975+z.8)^2": "a step on the way to the numbers of cases, which are compared",
    "prop_45of50_jeffreys": "an interval that the package does not offer: Clopper-Pearson decides, Wilson is shown",
    "naive pass@5 / pass^2": "biased: the observed share put into the formula",
}
"""Key → why no function of the project computes it."""


@pytest.fixture(scope="module")
def oracle() -> dict[str, Any]:
    return dict(json.loads(_FILE.read_text(encoding="utf-8")))


def differences(oracle: dict[str, Any]) -> list[float]:
    return [after - before for before, after in zip(oracle["A"], oracle["B"], strict=True)]


def same(*expected: float) -> Any:
    return pytest.approx(expected, abs=1e-6)


def test_every_reference_value_is_compared_or_has_a_reason_not_to_be(oracle: dict[str, Any]) -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_oracle*.py"))
    forgotten = [key for key in oracle if key not in _NOT_OURS and f'"{key.strip()}"' not in written]
    assert forgotten == []
    assert set(_NOT_OURS) <= set(oracle)


def test_the_paired_difference_and_its_interval(oracle: dict[str, Any]) -> None:
    values = differences(oracle)
    found, error = mean_interval(values, 0.95), units_of(values).standard_error
    assert found.value == pytest.approx(oracle["mean_diff"], abs=1e-6)
    assert error == pytest.approx(oracle["se_paired"], abs=1e-6)
    p_value = p_value_above(lambda confidence: mean_interval(values, confidence), 0.0)
    assert (found.value / error, p_value, found.degrees, found.low, found.high) == same(*oracle["paired_t"])
    assert 2 * p_above(values, 0.0) == pytest.approx(p_value, abs=1e-6)
    half = z_quantile(0.95) * error
    assert (found.value - half, found.value + half) == same(*oracle["z_ci95"])


def test_the_clustered_difference_and_its_interval(oracle: dict[str, Any]) -> None:
    groups = [str(cluster) for cluster in oracle["cluster"]]
    error = units_of(differences(oracle), groups=groups).standard_error
    found = mean_interval(differences(oracle), 0.95, groups=groups)
    assert error == pytest.approx(oracle["se_cluster_statsmodels_corr(G/(G-1)*(N-1)/(N-K))"], abs=1e-6)
    assert (found.low, found.high) == same(*oracle["ci95_cluster_tG-1_corr"])
    # Four groups of equal size: CR2 is CR0 · √(G/(G−1)).
    uncorrected = error * math.sqrt(3 / 4)
    assert uncorrected == pytest.approx(oracle["se_cluster_CR0_Miller"], abs=1e-6)
    assert uncorrected == pytest.approx(oracle["se_cluster_statsmodels_nocorr"], abs=1e-6)


def test_ranks_and_signs(oracle: dict[str, Any]) -> None:
    values = differences(oracle)
    assert signed_ranks(values, method=RankMethod.TABLE) == same(*oracle["wilcoxon_wilcox"])
    assert signed_ranks(values, method=RankMethod.NORMAL) == same(*oracle["wilcoxon_wilcox_normalapprox"])
    found = signed_ranks(values, zeros=Zeros.PRATT, method=RankMethod.NORMAL)
    assert found == same(*oracle["wilcoxon_pratt"])
    assert sign_test(values) == pytest.approx(oracle["sign_test"], abs=1e-6)
    assert sign_flip_test(values) == pytest.approx(oracle["exact_signflip_p_two_sided"], abs=1e-6)


def test_non_inferiority(oracle: dict[str, Any]) -> None:
    values = differences(oracle)
    found = non_inferiority(values, 0.25)
    statistic = (found.estimate.value + 0.25) / units_of(values).standard_error
    assert (statistic, found.p_value) == same(*oracle["noninferiority_margin0.25"])
    assert found.estimate.low == pytest.approx(oracle["noninf_lower_one_sided95"], abs=1e-6)


def test_equivalence(oracle: dict[str, Any]) -> None:
    values = differences(oracle)
    below = p_above([-value for value in values], -0.75)
    assert (equivalence(values, 0.75).p_value, p_above(values, -0.75), below) == same(*oracle["TOST_paired_pm0.75"])


@pytest.mark.parametrize("corrected", [False, True])
def test_the_bootstrap(oracle: dict[str, Any], corrected: bool) -> None:
    values, (low, high) = differences(oracle), oracle["bootstrap_percentile_seed0_9999"]
    assert oracle["bootstrap_BCa_seed0_9999"] == [low, high]
    exact_low, exact_high = oracle["bootstrap_exact_quantiles_2.5_97.5"]
    found = bootstrap_mean(values, 0.95, np.random.default_rng(0), corrected=corrected)
    # Resampled means are twelfths, and the chance of one at or below 0 is so near 2.5% that the draws decide.
    assert round(found.estimate.low or 0.0, 9) in (low, round(exact_low, 9))
    assert found.estimate.high == pytest.approx(high) == exact_high
    # The standard error of a standard error from 9,999 draws is about 0.7%.
    assert found.standard_error == pytest.approx(oracle["bootstrap_exact_sd"], rel=0.03)


def test_the_bootstraps_share_of_means_at_or_below_zero(oracle: dict[str, Any]) -> None:
    exact, values = oracle["bootstrap_exact_P(mean<=0)"], differences(oracle)

    def limit(tail: float) -> float:
        generator = np.random.default_rng(1)
        found = bootstrap_mean(values, 1 - 2 * tail, generator, corrected=False, resamples=40_000)
        return found.estimate.low if found.estimate.low is not None else math.nan

    # Four Monte-Carlo standard errors to either side of the exact share the quantile moves from 0 to the next twelfth.
    slack = 4 * math.sqrt(exact * (1 - exact) / 40_000)
    assert limit(exact - slack) == pytest.approx(0.0, abs=1e-9)
    assert limit(exact + slack) == pytest.approx(1 / 12, abs=1e-9)


def test_mcnemar(oracle: dict[str, Any]) -> None:
    assert mcnemar_exact(9, 2) == pytest.approx(oracle["mcnemar_exact_b9_c2"], abs=1e-6)
    assert mcnemar_mid_p(9, 2) == pytest.approx(oracle["mcnemar_midp"], abs=1e-6)
    assert mcnemar_chi2(9, 2, corrected=True) == same(*oracle["mcnemar_chi2_cc"])
    assert mcnemar_chi2(9, 2) == same(*oracle["mcnemar_chi2"])
    # The gate's interval of truth values inverts the same score, by Student's quantile.
    changes = [1.0] * 9 + [-1.0] * 2 + [0.0] * 89
    expected = 2 * stdtr(50, -math.sqrt(oracle["mcnemar_chi2"][0]))
    assert 2 * p_above(changes, 0.0, span=Range(-1, 1), truth=True) == pytest.approx(expected, abs=1e-6)


def test_paired_shares(oracle: dict[str, Any]) -> None:
    value, low, high, _ = oracle["paired_prop_diff_newcombe10"]
    changes = [1.0] * 9 + [-1.0] * 2 + [0.0] * 89
    assert newcombe(60, 9, 2, 29, 0.95) == same(low, high)
    assert newcombe(60, 9, 2, 29, 0.95) == same(0.0034708, 0.1359849)
    # Wald's takes the maximum-likelihood variance, n in the place of n − 1.
    found, error = mean_interval(changes, 0.95), units_of(changes).standard_error * math.sqrt(99 / 100)
    half = z_quantile(0.95) * error
    wald = (found.value, error, found.value - half, found.value + half)
    assert wald == same(*oracle["paired_prop_diff_wald"])
    assert found.value == pytest.approx(value, abs=1e-6)


def test_shares(oracle: dict[str, Any]) -> None:
    low, high = wilson(45, 50, 0.95)
    assert (low, high) == same(*oracle["prop_45of50_wilson"])
    assert clopper_pearson(45, 50, 0.95) == same(*oracle["prop_45of50_beta"])
    # Agresti and Coull's interval has Wilson's centre.
    assert low + high == pytest.approx(sum(oracle["prop_45of50_agresti_coull"]), abs=1e-6)
    error = units_of([1.0] * 45 + [0.0] * 5).standard_error * math.sqrt(49 / 50)
    half = z_quantile(0.95) * error
    assert (0.9 - half, 0.9 + half) == same(*oracle["prop_45of50_normal"])


def test_corrections_of_several_p_values(oracle: dict[str, Any]) -> None:
    raw = [single / 5 for single in oracle["adj_bonferroni"][:4]] + [0.2]
    assert bonferroni(raw) == same(*oracle["adj_bonferroni"])
    assert holm(raw) == same(*oracle["adj_holm"])
    assert benjamini_hochberg(raw) == same(*oracle["adj_fdr_bh"])
    assert benjamini_yekutieli(raw) == same(*oracle["adj_fdr_by"])


def test_power(oracle: dict[str, Any]) -> None:
    assert smallest_detectable(0.04, 99, 0.95) == pytest.approx(oracle["MDE_n100_sd0.4_t"], abs=1e-6)
    assert cases_needed(0.4, 0.1, 0.95) == pytest.approx(oracle["n_for_delta.1_sd.4_t"], abs=1e-6)
    normal = smallest_detectable(0.04, 1e7, 0.95)
    assert normal == pytest.approx(oracle["MDE_n100_sd0.4_z"], abs=1e-6)


def test_power_with_repeats(oracle: dict[str, Any]) -> None:
    single = cases_with_repeats(0.03, 0.95, between=1 / 9)
    # Both sides' repeats vary by a sixth each.
    one, ten = (cases_with_repeats(0.03, 0.95, between=1 / 9, within=2 / 6, repeats=repeats) for repeats in (1, 10))
    assert single == pytest.approx(oracle["miller_n(omega2=1/9,sig2=0,delta=.03)"], abs=1e-6)
    assert one == pytest.approx(oracle["miller_n(K=1,sig2=1/6 each)"], abs=1e-6)
    assert ten == pytest.approx(oracle["miller_n(K=10)"], abs=1e-6)
    found = detectable_with_repeats(100, 0.95, between=0.16)
    assert found == pytest.approx(oracle["MDE_n100_sd0.4_z"], abs=1e-6)
    cases = cases_with_repeats(0.1, 0.9, between=0.16)
    assert cases == pytest.approx(oracle["noninf_n_margin.1_sd.4_truediff0_onesided.05_power.8"], abs=1e-6)


def test_attempts(oracle: dict[str, Any]) -> None:
    assert [pass_at_k(10, 3, k) for k in (1, 5, 8)] == pytest.approx(oracle["pass@k n10 c3 k1,5,8"], abs=1e-6)
    found = [pass_hat_k(10, 3, k) for k in (1, 2, 3, 4)]
    assert found == pytest.approx(oracle["pass^k n10 c3 k1,2,3,4"], abs=1e-6)


def test_variance_components(oracle: dict[str, Any]) -> None:
    found = variance_components(oracle["Y"])
    assert found is not None
    values = (found.mean_square_between, found.mean_square_within, found.between, found.within, found.intraclass)
    assert values == same(*oracle["anova MSB,MSW,var_between,var_within,ICC1"])
    error = found.standard_error(5, 3)
    assert error == pytest.approx(oracle["SE_mean=sqrt(MSB/(IK))"], abs=1e-6)
    errors = [found.standard_error(5, repeats) for repeats in (1, 3, 10, math.inf)]
    assert errors == pytest.approx(oracle["SE_if_K=1,3,10,inf (I=5)"], abs=1e-6)
    # The restricted likelihood has the same maximum in balanced data, and was found by steps.
    assert (found.between, found.within, error) == pytest.approx(
        oracle["MixedLM_REML var_between,var_within,SE"], abs=1e-4
    )
    everything = [value for case in oracle["Y"] for value in case]
    naive = units_of(everything).standard_error
    assert naive == pytest.approx(oracle["naive_SE_treating_15_indep"], abs=1e-6)


def test_agreement(oracle: dict[str, Any]) -> None:
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    found = cohen_kappa([first for first, _ in pairs], [second for _, second in pairs])
    assert found == pytest.approx(oracle["cohen_kappa [[20,5],[10,15]]"], abs=1e-6)
    assert krippendorff_alpha(pairs) == pytest.approx(0.4, abs=1e-6)


def coverage(interval: Callable[[int], tuple[float, float]], n: int, share: float) -> float:
    """The exact chance that the interval of a binomial count holds the true share."""
    covered = 0.0
    for count in range(n + 1):
        low, high = interval(count)
        if low <= share <= high:
            covered += math.comb(n, count) * share**count * (1 - share) ** (n - count)
    return covered


@pytest.mark.parametrize(
    ("n", "simulated_wald", "simulated_wilson"), [(10, 0.646, 0.928), (30, 0.813, 0.976), (100, 0.930, 0.934)]
)
def test_the_coverage_of_share_intervals(n: int, simulated_wald: float, simulated_wilson: float) -> None:
    def wald(count: int) -> tuple[float, float]:
        share = count / n
        half = z_quantile(0.95) * math.sqrt(share * (1 - share) / n)
        return share - half, share + half

    assert coverage(wald, n, 0.9) == pytest.approx(simulated_wald, abs=0.005)
    assert coverage(lambda count: wilson(count, n, 0.95), n, 0.9) == pytest.approx(simulated_wilson, abs=0.005)
    assert coverage(lambda count: clopper_pearson(count, n, 0.95), n, 0.9) >= 0.95
