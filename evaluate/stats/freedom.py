"""How much the clusters' sums tell of a mean's error: degrees of freedom, and how far the standard error falls short.

Bell and McCaffrey (2002) take both from a working covariance of the clusters' sums. Where few clusters hold most items,
it matters how alike the items of a cluster are: with all taken as copies of one another, intervals that say 95 % cover
up to 99 %. So that is estimated, by likelihood, from the sums themselves. And where the error comes from a few clusters
for their scores and not for their sizes, as of a student that fails on three videos of fifty, the sums' fourth moment
tells so. benchmarks/coverage.py shows the outcome.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
ALIKE = np.linspace(0.0, 1.0, 21)  # how alike items of a cluster may be: 0 as those of different ones, 1 copies


class Freedom(NamedTuple):
    """`df` are the degrees of freedom; `widening`, 1 or more, multiplies the standard error in an interval."""

    df: float
    widening: float


def freedom(sums: Table, sizes: Table) -> Freedom:
    """What the clusters' sums of residuals [C] and the clusters' sizes [C] allow to be known.

    At most C-1 degrees of freedom, and no widening where all sizes are one. Copies of all items change nothing.
    """
    variances = _covariance(sums, sizes)
    by_sizes = _satterthwaite(sizes, variances)
    return by_sizes._replace(df=max(1.0, by_sizes.df * 2 / (_kurtosis(sums, variances) - 1)))


def moving_together(sizes: Table) -> Freedom:
    """The same for items of a cluster that are all alike: where there are no sums to tell."""
    return _satterthwaite(sizes, sizes**2)


def _kurtosis(sums: Table, variances: Table) -> float:
    """Of the sums in terms of their own `variances`, by whose squares they count; 3, a normal value's, if it is below.

    The variance of Σ sums² is (kurtosis - 1)·Σ variances², where Satterthwaite has 2. Without that a share of 3 % in
    50 videos was covered 90 % of the time.
    """
    found = float(np.sum(sums**4) / np.sum(sums**2) ** 2) / float(np.sum(variances**2) / np.sum(variances) ** 2)
    return max(found, 3.0)


def _covariance(sums: Table, sizes: Table) -> Table:
    """Variances [C] of the sums, up to a factor: the mean over how alike items may be, by the likelihood of each.

    A sum's variance goes with the cluster's size for unlike items and with its square for copies. Sizes are told in
    terms of their own mean, so that copies of all items leave the shape as it is.
    """
    typical = float(np.sum(sizes**2) / np.sum(sizes))
    variances = (1 - ALIKE)[:, None] * sizes * typical + ALIKE[:, None] * sizes**2
    scale = np.mean(sums**2 / variances, axis=1)
    likelihood = -0.5 * (np.sum(np.log(variances), axis=1) + len(sizes) * np.log(scale))
    weights = np.exp(likelihood - likelihood.max())
    alike = float(weights @ ALIKE / weights.sum())
    covariance: Table = (1 - alike) * sizes * typical + alike * sizes**2
    return covariance


def _satterthwaite(sizes: Table, variances: Table) -> Freedom:
    """From the matrix M = (I - s1')·diag(v)·(I - 1s') of the residuals' sums, s being the clusters' shares of items.

    `df` is (tr M)² / tr M². The sums' own variance is Σv, of which the residuals show tr M, and C/(C-1) makes up for it
    as far as clusters are of one size.
    """
    count, shares = len(sizes), sizes / sizes.sum()
    whole, own, second = float(variances.sum()), float(shares @ variances), float(shares @ shares)
    crossed, squares = float(variances @ (shares * shares)), float(variances @ variances)
    trace = whole - 2 * own + second * whole
    of_squares = squares + 2 * (own**2 + second * squares) + (whole * second) ** 2
    of_squares += 2 * whole * crossed - 4 * float(shares @ variances**2) - 4 * whole * own * second
    df = trace**2 / of_squares if of_squares > 0 else 1.0
    short = whole / trace * (count - 1) / count if trace > 0 else 1.0
    return Freedom(min(max(df, 1.0), count - 1.0), math.sqrt(max(short, 1.0)))
