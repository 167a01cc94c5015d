"""Intervals, tests and figures that a hostile reader may check; docs/statistics.md has their formulas and sources."""

from evaluate.stats.adjust import benjamini_hochberg, holm
from evaluate.stats.agreement import (
    Agreement,
    bias,
    exact,
    krippendorff_alpha,
    mean_absolute_error,
    spearman,
    weighted_kappa,
    within,
)
from evaluate.stats.bootstrap import paired_bootstrap
from evaluate.stats.calibration import Corrected, corrected_mean, rogan_gladen
from evaluate.stats.closed import balanced_accuracy, confusion
from evaluate.stats.effect import cliffs_delta
from evaluate.stats.estimate import (
    Estimate,
    Interval,
    bounded_mean,
    clustered_mean,
    group_mean_values,
    proportion,
    ratio,
    ratio_values,
    wilson,
)
from evaluate.stats.length import length_controlled, uncontrollable
from evaluate.stats.ordinal import class_error, class_kappa
from evaluate.stats.paired import Difference, mcnemar_exact, paired_difference, sign_flip
from evaluate.stats.power import (
    Design,
    clusters_for,
    clusters_needed,
    design_effect,
    intraclass_correlation,
    items_needed,
    minimum_detectable_effect,
)
from evaluate.stats.replacing import AltTest, alternative_annotator_test
from evaluate.stats.verdict import JudgesVerdict, judges_verdict

__all__ = [
    "Agreement",
    "AltTest",
    "Corrected",
    "Design",
    "Difference",
    "Estimate",
    "Interval",
    "JudgesVerdict",
    "alternative_annotator_test",
    "balanced_accuracy",
    "benjamini_hochberg",
    "bias",
    "bounded_mean",
    "class_error",
    "class_kappa",
    "cliffs_delta",
    "clustered_mean",
    "clusters_for",
    "clusters_needed",
    "confusion",
    "corrected_mean",
    "design_effect",
    "exact",
    "group_mean_values",
    "holm",
    "intraclass_correlation",
    "items_needed",
    "judges_verdict",
    "krippendorff_alpha",
    "length_controlled",
    "mcnemar_exact",
    "mean_absolute_error",
    "minimum_detectable_effect",
    "paired_bootstrap",
    "paired_difference",
    "proportion",
    "ratio",
    "ratio_values",
    "rogan_gladen",
    "sign_flip",
    "spearman",
    "uncontrollable",
    "weighted_kappa",
    "wilson",
    "within",
]
