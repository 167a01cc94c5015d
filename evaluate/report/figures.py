"""Plots as inline SVG: text stays text, nothing is fetched, and the same numbers draw the same file."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from demitasse.visible import one_visible_line
from evaluate.comparing.boxes import CURVE
from evaluate.records import Json
from evaluate.score.grounding import HIT

INK, FAINT, GRID = "#2b2320", "#7a706a", "#e6dfd9"
VERDICT_COLOURS = {"improved": "#2f7d4f", "worse": "#b3372f"}
UNDECIDED = "#8b8178"
ARM_COLOURS = ("#b9aea4", "#8a5a33", "#5d7f9c", "#c49a3f", "#7d6a9c", "#6f9c7d")
SCORE_COLOURS = {"1": "#efe3d6", "2": "#ddc0a0", "3": "#c09468", "4": "#93602f", "5": "#573216", "unscored": "#9fb3c4"}
LONGEST = 32  # characters of a name beside an axis: longer ones leave the axis no room
ROOM = 85  # characters that stand beside each other above the axes
LINE = 0.22  # inches that a further line of names takes
MOST_ARMS = len(ARM_COLOURS)  # side by side in one figure: more cannot be told apart
NARROWEST_LABELLED = 6  # per cent: a narrower part has no room for its number
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # real text: small, searchable, and in the page's own font
    "text.parse_math": False,  # a dollar sign in a name is no formula
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def forest(tasks: Mapping[str, Json]) -> Markup | None:
    """Paired difference and interval of each task, as points of its scale's range, best task at the top."""
    rows = [(name, entry) for name, entry in tasks.items() if entry.get("delta_ci95")]
    if not rows:
        return None
    rows.sort(key=lambda row: (_points(row[1], row[1]["delta"]), row[0]))

    def draw(axes: Axes) -> None:
        for place, (_, entry) in enumerate(rows):
            low, high = (_points(entry, bound) for bound in entry["delta_ci95"])
            colour = VERDICT_COLOURS.get(entry["verdict"], UNDECIDED)
            axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
            axes.plot([_points(entry, entry["delta"])], [place], "o", color=colour, markersize=6)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(rows)), [label(name) for name, _ in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel("after \u2212 before, in points of the metric's range (100 = from worst to best)")
        axes.grid(axis="x", color=GRID, linewidth=0.8)
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0)

    return svg(draw, (7.6, 0.8 + 0.34 * len(rows)), "Paired difference and 95 % interval of each task")


def distribution(counts: Mapping[str, Json]) -> Markup | None:
    """How the judge's scores are spread, one stacked bar an arm."""
    arms = {name: one for name, one in counts.items() if sum(one[score] for score in "12345")}
    if not arms:
        return None

    def draw(axes: Axes) -> None:
        left = [0.0] * len(arms)
        for score, colour in SCORE_COLOURS.items():
            shares = [100 * one[score] / sum(one.values()) for one in arms.values()]
            if score == "unscored" and not any(shares):
                continue
            axes.barh(range(len(arms)), shares, left=left, color=colour, label=score, height=0.62)
            for place, share in enumerate(shares):
                if share >= NARROWEST_LABELLED:
                    ink = "white" if score in "45" else INK
                    middle = left[place] + share / 2
                    axes.text(middle, place, f"{share:.0f}%", ha="center", va="center", color=ink, size=9)
                left[place] += share
        axes.set_yticks(range(len(arms)), [label(name) for name in arms])
        _bare(axes, "share of the judged items, %")
        axes.set_xlim(0, 100)
        axes.set_ylim(len(arms) - 0.6, -0.4)  # from the top; margins in per cent would be bars' widths of many arms
        legend(axes)

    return svg(draw, (7.6, 1.15 + 0.4 * len(arms)), "Judge scores 1 to 5 of each arm")


def letters(counts: Json | None) -> Markup | None:
    """How often each option letter is the reference's, and the answer of each of the first `MOST_ARMS` arms."""
    if not counts:
        return None
    arms = islice(counts["arms"].items(), MOST_ARMS)
    bars = [("reference", counts["reference"]), *((label(arm), one) for arm, one in arms)]
    names = sorted({letter for _, one in bars for letter in one} - {"none"})
    names += ["none"] if any("none" in one for _, one in bars) else []

    def draw(axes: Axes) -> None:
        width = 0.8 / len(bars)
        colours = (INK, *ARM_COLOURS)
        for place, (name, one) in enumerate(bars):
            total = sum(one.values())
            shares = [100 * one.get(letter, 0) / total for letter in names]
            middles = [index - 0.4 + width * (place + 0.5) for index in range(len(names))]
            axes.bar(middles, shares, width * 0.92, color=colours[place % len(colours)], label=name)
        axes.set_xticks(range(len(names)), names)
        axes.set_ylabel("share of the items, %")
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0)
        legend(axes)

    return svg(draw, (7.6, 2.6), "Option letters of the reference and of each arm")


def recall(curves: Mapping[str, Sequence[float] | None]) -> Markup | None:
    """The share of the references' boxes that each of the first `MOST_ARMS` arms found, by the overlap asked for."""
    shown = dict(islice(((name, curve) for name, curve in curves.items() if curve is not None), MOST_ARMS))
    if not shown:
        return None

    def draw(axes: Axes) -> None:
        for place, (name, curve) in enumerate(shown.items()):
            shares = [100 * share for share in curve]
            axes.plot(CURVE, shares, color=ARM_COLOURS[place % len(ARM_COLOURS)], linewidth=2.2, label=label(name))
        axes.axvline(HIT, color=FAINT, linewidth=0.8, linestyle=":")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 101)  # a curve at 100 keeps its width
        axes.set_xlabel("IoU asked for")
        axes.set_ylabel("boxes found, %")
        axes.grid(color=GRID, linewidth=0.8)
        axes.tick_params(length=0)
        legend(axes)

    return svg(draw, (7.6, 2.8), "Boxes found by the overlap that is asked for, of each arm")


def label(name: str) -> str:
    """A name as a figure has room for it: of a long one its ends, for names of one family differ there."""
    line, half = one_visible_line(name), LONGEST // 2
    short = line if len(line) <= LONGEST else f"{line[: half - 1]}\u2026{line[-half:]}"
    return f"\u200a{short}" if short.startswith("_") else short  # matplotlib leaves such a name out of the legend


def legend(axes: Axes) -> None:
    """The names above the axes, in as many columns as there is room for; the figure grows with their lines."""
    _, names = axes.get_legend_handles_labels()
    columns = max(1, min(len(names), ROOM // (max(map(len, names)) + 5)))
    axes.legend(ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, handlelength=1.2)
    figure = axes.get_figure()
    if isinstance(figure, Figure):
        figure.set_figheight(figure.get_figheight() + LINE * ((len(names) - 1) // columns))


def _points(entry: Json, value: float) -> float:
    low, high = entry["range"]
    return 100 * value / (high - low)


def _bare(axes: Axes, label: str) -> None:
    axes.set_xlabel(label)
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def svg(draw: Any, size: Sequence[float], title: str) -> Markup:
    """Draw on one pair of axes and return the `<svg>` element, sized by the page, named for screen readers."""
    # Ids inside an SVG are the page's: the salt keeps those of two figures apart, and the same each time.
    with rc_context({**_STYLE, "svg.hashsalt": title}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser's fonts write the text, not these
        figure = Figure(figsize=(size[0], size[1]), layout="constrained")
        draw(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1))
