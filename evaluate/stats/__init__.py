"""Intervals, tests and figures that a hostile reader may check."""

from evaluate.stats.estimate import (
    Estimate,
    Interval,
    clustered_mean,
    group_mean_values,
    proportion,
    ratio,
    ratio_values,
    wilson,
)
from evaluate.stats.paired import Difference, mcnemar_exact, paired_difference, sign_flip

__all__ = [
    "Difference",
    "Estimate",
    "Interval",
    "clustered_mean",
    "group_mean_values",
    "mcnemar_exact",
    "paired_difference",
    "proportion",
    "ratio",
    "ratio_values",
    "sign_flip",
    "wilson",
]
