"""What the agreement of two accounts comes to over many questions, by CoTask: each figure a ratio of sums.

The paper prints one accuracy a CoTask and not how it is counted, so these stand side by side: how much was found, how
much was invented, what was told of the right two things but with another word, and how much of the order was kept.
Details are those of `agreement`'s `to_json`. The first figure of a CoTask is its main one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from demitasse.figure import Figure


def _f1(label: str, found: str, predicted: str = "predicted", gold: str = "gold") -> Figure:
    return Figure(label, lambda one: 2 * one[found], lambda one: one[predicted] + one[gold])


def _share(label: str, above: str, below: str, is_signed: bool = False) -> Figure:
    return Figure(label, lambda one: one[above], lambda one: one[below], is_signed)


_FOUND = {
    "f1": _f1("F1", "found"),
    "precision": _share("precision", "found", "predicted"),
    "recall": _share("recall", "found", "gold"),
}
_BY_KIND = {"f1_by_kind": _f1("F1, any adult for any other", "found_by_kind")}

FIGURES: Mapping[int, Mapping[str, Figure]] = {
    1: _FOUND
    | {
        "span_iou": Figure("IoU of the span", lambda one: one["span_iou"], lambda _: 1),
        "entity_precision": _share("entities, precision", "entities_found", "entities_predicted"),
        "entity_recall": _share("entities, recall", "entities_found", "entities_gold"),
        "entity_f1": _f1("entities, F1", "entities_found", "entities_predicted", "entities_gold"),
    },
    2: {
        "mean_iou": Figure(
            "IoU over all boxes wanted", lambda one: math.fsum(one["overlaps"]), lambda one: one["gold"]
        ),
        "recall_50": _share("recall at IoU 0.5", "found", "gold"),
        "precision_50": _share("precision at IoU 0.5", "found", "predicted"),
        "f1_50": _f1("F1 at IoU 0.5", "found"),
        "same_name": _share("found under the right name", "same_name", "found"),
        "hidden": _share("out of sight, recall", "hidden_found", "hidden_gold"),
    },
    3: _FOUND
    | _BY_KIND
    | {
        "predicate": _share("predicate, of the right two", "same_predicate", "related"),
        "swapped": _share("subject and object swapped", "swapped", "gold"),
    },
    4: _FOUND
    | _BY_KIND
    | {
        "f1_any_time": _f1("F1 at any time", "named"),
        "kendall_tau": _share("order, Kendall's tau", "in_order", "pairs", is_signed=True),
    },
}
