"""How often the 95 % intervals of `evaluate.stats` hold the truth, and how often its tests cry wolf, by simulation.

    python benchmarks/coverage.py [--studies 2000] [--only WORD]

Each line is a kind of study of 50 or more videos with unlike numbers of questions, drawn anew so many times, whose
truth is known. An interval should cover in 93 to 97 % of them; a test at 5 % should find something in 3 to 7 %. Lines
marked "known" are of designs whose intervals are wider or narrower than they say, and of the test that does not heed
videos: docs/statistics.md says when not to trust them. The last line is JSON; the exit code is 1 if another line is
out of bounds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout, when this is run as a script

from benchmarks.coverage_draws import (
    ICC,
    VIDEOS,
    Array,
    Chance,
    Sizes,
    geometric,
    giants,
    latent,
    lopsided,
    mean_score,
    of_videos,
    pareto,
    rare_giants,
    scored,
    singles,
    uneven,
)
from evaluate.stats import (
    balanced_accuracy,
    bounded_mean,
    clustered_mean,
    corrected_mean,
    krippendorff_alpha,
    length_controlled,
    mcnemar_exact,
    mean_absolute_error,
    paired_bootstrap,
    proportion,
    ratio,
    ratio_values,
    rogan_gladen,
    sign_flip,
    spearman,
    weighted_kappa,
)

COVERAGE, FALSE_ALARMS = (0.93, 0.97), (0.03, 0.07)


@dataclass(frozen=True)
class Design:
    """One line: `holds` draws a study and says if the interval covers, or, for an alarm, if the test rejects."""

    name: str
    holds: Callable[[Chance], bool]
    bounds: tuple[float, float] = COVERAGE
    known: bool = False


def inside(interval: tuple[float, float] | None, truth: float) -> bool:
    """Whether the interval holds the truth; one that is not there does not."""
    return interval is not None and interval[0] <= truth <= interval[1]


def mean(sizes: Sizes, shift: float = 0.0) -> Callable[[Chance], bool]:
    """The mean of scores from 1 to 5."""

    def holds(chance: Chance) -> bool:
        places, names = of_videos(sizes(chance))
        found = bounded_mean(scored(latent(chance, places) + shift), names, 1, 5)
        return inside(found.interval, mean_score(shift))

    return holds


def share(truth: float, icc: float = ICC, videos: int = VIDEOS, sizes: Sizes = uneven) -> Callable[[Chance], bool]:
    """A share of right answers."""

    def holds(chance: Chance) -> bool:
        places, names = of_videos(sizes(chance, videos))
        rates = chance.beta(truth * (1 / icc - 1), (1 - truth) * (1 / icc - 1), videos)
        return inside(proportion(chance.random(len(names)) < rates[places], names).interval, truth)

    return holds


def logit_share(centre: float, spread: float, videos: int = VIDEOS) -> Callable[[Chance], bool]:
    """A share of right answers whose odds are log-normal from video to video: most at an end, a few far from it."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    truth = float(weights @ expit(centre + spread * nodes) / weights.sum())

    def holds(chance: Chance) -> bool:
        places, names = of_videos(uneven(chance, videos))
        rates = expit(centre + spread * chance.normal(size=videos))
        return inside(proportion(chance.random(len(names)) < rates[places], names).interval, truth)

    return holds


def arms(chance: Chance, shift: float, sizes: Sizes) -> tuple[Array, Array, list[str]]:
    """Latent values before and after, alike by item and by video, and the videos; the gain differs by video too."""
    places, names = of_videos(sizes(chance))
    shared = latent(chance, places)
    before, after = (np.sqrt(0.6) * shared + np.sqrt(0.4) * latent(chance, places) for _ in range(2))
    return before, after + shift, names


def score_change(sizes: Sizes) -> Callable[[Chance], bool]:
    """The paired change of scores."""

    def holds(chance: Chance) -> bool:
        before, after, names = arms(chance, 0.2, sizes)
        found = paired_difference_interval(scored(before), scored(after), names)
        return inside(found, mean_score(0.2) - mean_score())

    return holds


def paired_difference_interval(before: Array, after: Array, names: list[str]) -> tuple[float, float] | None:
    """The interval of `paired_difference`, without its permutation test, which takes most of the time."""
    return clustered_mean(after - before, names).interval


def accuracy_change(threshold: float) -> Callable[[Chance], bool]:
    """The paired change of right answers."""

    def holds(chance: Chance) -> bool:
        before, after, names = arms(chance, 0.15, uneven)
        truth = float(norm.sf(threshold - 0.15) - norm.sf(threshold))
        first, second = ((side > threshold).astype(float) for side in (before, after))
        return inside(paired_difference_interval(first, second, names), truth)

    return holds


def few_changes(icc: float, videos: int = VIDEOS) -> Callable[[Chance], bool]:
    """The paired change where 2 % of the items changed, alike within a video, and of ten such nine for the better."""
    changed, better = 0.02, 0.9

    def holds(chance: Chance) -> bool:
        places, names = of_videos(uneven(chance, videos))
        rates = chance.beta(changed * (1 / icc - 1), (1 - changed) * (1 / icc - 1), videos)
        change = np.where(chance.random(len(names)) < better, 1.0, -1.0) * (chance.random(len(names)) < rates[places])
        return inside(clustered_mean(change, names).interval, changed * (2 * better - 1))

    return holds


def resampled_change(sizes: Sizes) -> Callable[[Chance], bool]:
    """The bootstrap interval of the paired change of scores."""

    def holds(chance: Chance) -> bool:
        before, after, names = arms(chance, 0.2, sizes)
        found = paired_bootstrap(scored(after) - scored(before), names, draws=2_000, seed=int(chance.integers(2**31)))
        return inside(found, mean_score(0.2) - mean_score())

    return holds


def boxes(chance: Chance, places: NDArray[np.int64], rate: float, icc: float = ICC) -> tuple[Array, Array]:
    """How many boxes each answer has, and how many are right, at a rate that differs by video."""
    given = 1 + chance.poisson(1.5, len(places))
    rates = chance.beta(rate * (1 / icc - 1), (1 - rate) * (1 / icc - 1), places.max() + 1)
    return chance.binomial(given, rates[places]).astype(float), given.astype(float)


def precision(rate: float) -> Callable[[Chance], bool]:
    """Right boxes over boxes given."""

    def holds(chance: Chance) -> bool:
        places, names = of_videos(uneven(chance))
        right, given = boxes(chance, places, rate)
        return inside(ratio(list(right), list(given), names).interval, rate)

    return holds


def precision_change(chance: Chance) -> bool:
    """The paired change in precision from 0.6 to 0.7."""
    places, names = of_videos(uneven(chance))
    first, second = (ratio_values(*boxes(chance, places, rate)) for rate in (0.6, 0.7))
    return inside(paired_difference_interval(first, second, names), 0.1)


def balanced(chance: Chance) -> bool:
    """Balanced accuracy where nine in ten references are "no"."""
    places, names = of_videos(uneven(chance))
    values = latent(chance, places)
    gold = np.where(chance.random(len(names)) < 0.9, "no", "yes")
    right = values < np.where(gold == "no", norm.ppf(0.9), norm.ppf(0.6))
    given = np.where(right, gold, np.where(gold == "no", "yes", "no"))
    found = balanced_accuracy(gold.tolist(), given.tolist(), names)
    return found is not None and inside(found.interval, 0.75)


def labels(chance: Chance, truth: Array, chosen: Array, labelled: int = 150) -> tuple[list[float | None], Array]:
    """Human scores of some items, chosen with these odds, and how many items each stands for."""
    odds = np.minimum(1.0, labelled * chosen / chosen.sum())
    taken = chance.random(len(truth)) < odds
    return [float(score) if one else None for score, one in zip(truth, taken, strict=True)], 1 / odds


def corrected(stratified: bool) -> Callable[[Chance], bool]:
    """The human mean of 120 videos' scores, from a judge that is half a point too kind and 150 labels."""

    def holds(chance: Chance) -> bool:
        places, names = of_videos(uneven(chance, 120))
        values = latent(chance, places)
        truth, judged = scored(values), scored(0.8 * values + 0.6 * latent(chance, places, 0.1) + 0.5)
        odds = np.array([5.0, 3.0, 1.0, 2.0, 4.0])[judged.astype(int) - 1] if stratified else np.ones(len(judged))
        human, weights = labels(chance, truth, odds)
        found = corrected_mean(judged, human, names, weights)
        return found is not None and inside(found.interval, mean_score())

    return holds


def passes(specificity: float, sensitivity: float, rate: float) -> Callable[[Chance], bool]:
    """The share that humans pass, from a judge that errs and 200 labels."""

    def holds(chance: Chance) -> bool:
        places, names = of_videos(uneven(chance, 120))
        truth = latent(chance, places) < norm.ppf(rate)
        says = np.where(truth, sensitivity, 1 - specificity)
        judged = (chance.random(len(names)) < says).astype(float)
        human, _ = labels(chance, truth.astype(float), np.ones(len(names)), 200)
        return inside(rogan_gladen(judged, human, names).interval, rate)

    return holds


def without_length(gain: float) -> Callable[[Chance], bool]:
    """The gain that is no matter of length, where longer answers gain half a point more."""

    def holds(chance: Chance) -> bool:
        places, names = of_videos(uneven(chance))
        longer = 40 + 30 * latent(chance, places, 0.2)
        deltas = gain + 0.5 * np.tanh(longer / longer.std()) + latent(chance, places)
        found = length_controlled(deltas, longer, names)
        return found is not None and inside(found.interval, gain)

    return holds


def two_raters(chance: Chance, videos: int) -> tuple[list[float], list[float], list[str]]:
    """Two raters' scores of 150 items or so, half a step apart."""
    places, names = of_videos(chance.integers(1, 6, videos))
    values = latent(chance, places)
    raters = [scored(np.sqrt(0.8) * values + np.sqrt(0.2) * latent(chance, places, 0.1) + kind) for kind in (0, 0.3)]
    return list(raters[0]), list(raters[1]), names


def agreement(figure: str) -> Callable[[Chance], bool]:
    """Agreement of two raters over 50 videos; the truth is taken from 100,000."""
    figures = {
        "kappa": weighted_kappa,
        "spearman": spearman,
        "alpha": lambda one, two, names: krippendorff_alpha([one, two], "ordinal", names),
        "error": mean_absolute_error,
    }
    truth: list[float] = []

    def holds(chance: Chance) -> bool:
        if not truth:
            one, two, _ = two_raters(np.random.default_rng(1), 100_000)
            truth.append(figures[figure](one, two, ["a"] * len(one)).value)
        return inside(figures[figure](*two_raters(chance, VIDEOS)).interval, truth[0])

    return holds


def alarm(test: str, sizes: Sizes) -> Callable[[Chance], bool]:
    """Whether a test finds a change between two arms that have none."""

    def rejects(chance: Chance) -> bool:
        before, after, names = arms(chance, 0.0, sizes)
        first, second = ((side > 0.3).astype(float) for side in (before, after))
        if test == "sign_flip":
            return sign_flip(second - first, names, seed=int(chance.integers(2**31))) < 0.05
        return mcnemar_exact(int((second > first).sum()), int((first > second).sum())) < 0.05

    return rejects


DESIGNS = [
    Design("mean of 1-5, uneven videos", mean(uneven)),
    Design("mean of 1-5, geometric", mean(geometric)),
    Design("mean of 1-5, lopsided", mean(lopsided)),
    Design("mean of 1-5, three giants", mean(giants)),
    Design("mean of 1-5, Pareto", mean(pareto), known=True),
    Design("mean near 4.8, uneven videos", mean(uneven, 2.0)),
    Design("mean near 4.8, three giants", mean(giants, 2.0)),
    Design("mean near 1.3, Pareto", mean(pareto, -2.0)),
    Design("share 0.5, three giants", share(0.5, sizes=giants)),
    Design("share 0.9, Pareto", share(0.9, sizes=pareto)),
    Design("share 0.5", share(0.5)),
    Design("share 0.5, geometric", share(0.5, sizes=geometric)),
    Design("share 0.1", share(0.1)),
    Design("share 0.03, ICC 0.1", share(0.03, icc=0.1)),
    Design("share 0.97, ICC 0.1", share(0.97, icc=0.1)),
    Design("share 0.03", share(0.03)),
    Design("share 0.97", share(0.97)),
    Design("share 0.03, ICC 0.6", share(0.03, icc=0.6)),
    Design("share 0.03, log-normal odds", logit_share(-5.1, 2.1)),
    Design("share 0.1, log-normal odds", logit_share(-3.0, 1.7)),
    Design("share 0.03, 200 videos", share(0.03, videos=200)),
    Design("share 0.05, giants of 300 videos", share(0.05, icc=0.2, videos=300, sizes=rare_giants), known=True),
    Design("share 0.97, one item in most videos", share(0.97, sizes=singles), known=True),
    Design("change of 1-5, uneven", score_change(uneven)),
    Design("change of 1-5, geometric", score_change(geometric)),
    Design("change of 1-5, lopsided", score_change(lopsided)),
    Design("change of 1-5, three giants", score_change(giants)),
    Design("change of 1-5, Pareto", score_change(pareto)),
    Design("change of accuracy near 0.5", accuracy_change(0.0)),
    Design("change of accuracy near 0.03", accuracy_change(float(norm.isf(0.03)))),
    Design("change of accuracy near 0.99", accuracy_change(float(norm.isf(0.99)))),
    Design("change of few items, ICC 0.2", few_changes(0.2), known=True),
    Design("change of few items, 300 videos", few_changes(0.2, 300), known=True),
    Design("bootstrap, change of 1-5, uneven", resampled_change(uneven)),
    Design("bootstrap, change of 1-5, geometric", resampled_change(geometric)),
    Design("precision 0.7", precision(0.7)),
    Design("precision 0.95", precision(0.95)),
    Design("change of precision", precision_change),
    Design("balanced accuracy, 9 to 1", balanced),
    Design("corrected mean, biased judge", corrected(stratified=False)),
    Design("corrected mean, stratified labels", corrected(stratified=True)),
    Design("Rogan-Gladen, q0 0.7, q1 0.9", passes(0.7, 0.9, 0.6)),
    Design("Rogan-Gladen, q0 0.9, q1 0.98", passes(0.9, 0.98, 0.85)),
    Design("length-controlled, all is length", without_length(0.0)),
    Design("length-controlled, a gain of 0.3", without_length(0.3)),
    Design("weighted kappa", agreement("kappa")),
    Design("Spearman", agreement("spearman")),
    Design("Krippendorff's alpha", agreement("alpha")),
    Design("mean absolute error", agreement("error")),
    Design("sign-flip test, no change", alarm("sign_flip", uneven), FALSE_ALARMS),
    Design("sign-flip test, no change, lopsided", alarm("sign_flip", lopsided), FALSE_ALARMS),
    Design("McNemar's test, no change", alarm("mcnemar", uneven), FALSE_ALARMS, known=True),
]


def measure(design: Design, studies: int, seed: int = 0) -> float:
    """The share of `studies` in which the interval covers, or the test rejects."""
    children = np.random.SeedSequence(seed).spawn(studies)
    return sum(design.holds(np.random.default_rng(child)) for child in children) / studies


def main() -> int:
    """Simulate, print, and say in the last line what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2_000, help="of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", metavar="WORD", help="only lines with this in their name")
    args = parser.parse_args()
    found, missed = {}, []
    for design in (one for one in DESIGNS if args.only in one.name):
        started = time.perf_counter()
        found[design.name] = rate = measure(design, args.studies, args.seed)
        out = not design.bounds[0] <= rate <= design.bounds[1]
        mark = "known" if design.known else "OUT OF BOUNDS" if out else ""
        print(f"{design.name:38}{rate:8.1%}  {time.perf_counter() - started:6.1f} s  {mark}".rstrip(), flush=True)
        missed += [design.name] if out and not design.known else []
    versions = {name: version(name) for name in ("demitasse", "numpy", "scipy")}
    line = {"name": "coverage", "studies": args.studies, "rates": found, "missed": missed, "versions": versions}
    print(json.dumps(line))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
