"""Statistics: honest intervals, tests, agreement, power, a run's summary. Pure; what draws is given its generator."""

from plimsoll.stats.agreement import (
    Level,
    Weights,
    auc,
    cohen_kappa,
    krippendorff_alpha,
    partial_spearman,
    spearman,
)
from plimsoll.stats.agreement_intervals import (
    Detection,
    alpha_interval,
    auc_interval,
    detection,
    kappa_interval,
    spearman_interval,
)
from plimsoll.stats.anytime import (
    always_valid_p,
    confidence_sequence,
    hoeffding_half_width,
    mixture_half_width,
    mixture_ratio,
    mixture_scale,
)
from plimsoll.stats.attempts import mean_pass_at_k, mean_pass_hat_k, pass_at_k, pass_hat_k
from plimsoll.stats.bootstrap import Bootstrap, bootstrap_mean
from plimsoll.stats.estimate import Estimate, Method
from plimsoll.stats.judge_bias import (
    NormalEstimate,
    corrected_difference,
    corrected_rate,
    power_tuning,
    ppi_mean,
    rogan_gladen,
)
from plimsoll.stats.margins import MarginPower, cases_for_margin, margin_power
from plimsoll.stats.mcnemar import mcnemar_chi2, mcnemar_exact, mcnemar_mid_p
from plimsoll.stats.means import Range, mean_interval
from plimsoll.stats.multiplicity import (
    benjamini_hochberg,
    benjamini_yekutieli,
    bonferroni,
    holm,
    p_value_above,
)
from plimsoll.stats.paired import newcombe
from plimsoll.stats.percentiles import percentile_interval
from plimsoll.stats.power import (
    cases_needed,
    cases_with_repeats,
    chance_to_find,
    detectable,
    detectable_with_repeats,
    smallest_detectable,
)
from plimsoll.stats.rates import clopper_pearson, rate_interval, wilson
from plimsoll.stats.readings import PERCENTILES, Cell, Lack, LackKind, Reading, readings
from plimsoll.stats.sequential import (
    Spending,
    classic_bounds,
    crossing_probability,
    look_confidence,
    spending_bounds,
    spent,
)
from plimsoll.stats.signs import RankMethod, SignedRanks, Zeros, sign_flip_test, sign_test, signed_ranks
from plimsoll.stats.summary import MetricSummary, Summary, TargetSummary, slice_counts, summarise
from plimsoll.stats.tost import Equivalence, NonInferiority, equivalence, non_inferiority
from plimsoll.stats.variance import Components, repeats_needed, variance_components

__all__ = [
    "PERCENTILES",
    "Bootstrap",
    "Cell",
    "Components",
    "Detection",
    "Equivalence",
    "Estimate",
    "Lack",
    "LackKind",
    "Level",
    "MarginPower",
    "Method",
    "MetricSummary",
    "NonInferiority",
    "NormalEstimate",
    "Range",
    "RankMethod",
    "Reading",
    "SignedRanks",
    "Spending",
    "Summary",
    "TargetSummary",
    "Weights",
    "Zeros",
    "alpha_interval",
    "always_valid_p",
    "auc",
    "auc_interval",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "bonferroni",
    "bootstrap_mean",
    "cases_for_margin",
    "cases_needed",
    "cases_with_repeats",
    "chance_to_find",
    "classic_bounds",
    "clopper_pearson",
    "cohen_kappa",
    "confidence_sequence",
    "corrected_difference",
    "corrected_rate",
    "crossing_probability",
    "detectable",
    "detectable_with_repeats",
    "detection",
    "equivalence",
    "hoeffding_half_width",
    "holm",
    "kappa_interval",
    "krippendorff_alpha",
    "look_confidence",
    "margin_power",
    "mcnemar_chi2",
    "mcnemar_exact",
    "mcnemar_mid_p",
    "mean_interval",
    "mean_pass_at_k",
    "mean_pass_hat_k",
    "mixture_half_width",
    "mixture_ratio",
    "mixture_scale",
    "newcombe",
    "non_inferiority",
    "p_value_above",
    "partial_spearman",
    "pass_at_k",
    "pass_hat_k",
    "percentile_interval",
    "power_tuning",
    "ppi_mean",
    "rate_interval",
    "readings",
    "repeats_needed",
    "rogan_gladen",
    "sign_flip_test",
    "sign_test",
    "signed_ranks",
    "slice_counts",
    "smallest_detectable",
    "spearman",
    "spearman_interval",
    "spending_bounds",
    "spent",
    "summarise",
    "variance_components",
    "wilson",
]
