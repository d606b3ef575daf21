"""Statistics: intervals that stay honest, power, multiplicity, and a run's summary. Pure; nothing here is random."""

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
    "Estimate",
    "Lack",
    "LackKind",
    "Method",
    "MetricSummary",
    "Range",
    "Reading",
    "Summary",
    "TargetSummary",
    "cases_needed",
    "clopper_pearson",
    "detectable",
    "holm",
    "mean_interval",
    "newcombe",
    "p_value_above",
    "percentile_interval",
    "rate_interval",
    "readings",
    "slice_counts",
    "smallest_detectable",
    "summarise",
    "wilson",
]
