"""Statistics: honest intervals, agreement, power, multiplicity, and a run's summary. Pure; nothing here is random."""

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
from plimsoll.stats.estimate import Estimate, Method
from plimsoll.stats.means import Range, mean_interval
from plimsoll.stats.multiplicity import holm, p_value_above
from plimsoll.stats.paired import newcombe
from plimsoll.stats.percentiles import percentile_interval
from plimsoll.stats.power import cases_needed, detectable, smallest_detectable
from plimsoll.stats.rates import clopper_pearson, rate_interval, wilson
from plimsoll.stats.readings import PERCENTILES, Cell, Lack, LackKind, Reading, readings
from plimsoll.stats.summary import MetricSummary, Summary, TargetSummary, slice_counts, summarise

__all__ = [
    "PERCENTILES",
    "Cell",
    "Detection",
    "Estimate",
    "Lack",
    "LackKind",
    "Level",
    "Method",
    "MetricSummary",
    "Range",
    "Reading",
    "Summary",
    "TargetSummary",
    "Weights",
    "alpha_interval",
    "auc",
    "auc_interval",
    "cases_needed",
    "clopper_pearson",
    "cohen_kappa",
    "detectable",
    "detection",
    "holm",
    "kappa_interval",
    "krippendorff_alpha",
    "mean_interval",
    "newcombe",
    "p_value_above",
    "partial_spearman",
    "percentile_interval",
    "rate_interval",
    "readings",
    "slice_counts",
    "smallest_detectable",
    "spearman",
    "spearman_interval",
    "summarise",
    "wilson",
]
