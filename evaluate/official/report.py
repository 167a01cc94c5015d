"""What scoring a benchmark gives: its figures, the script's beside ours, and what they rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evaluate.official.question import Answered
from evaluate.records import Json
from evaluate.stats import Interval

UNKNOWN = "–"
MISSING = ("missing", "missing_answer")  # the faults of questions that the predictions leave out
_ROW = "  {:{}}{:>7}{:>11}{:>10}  {}"
_NAMES = 24  # characters at least for the names of figures


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a benchmark, in per cent unless its name says otherwise.

    Attributes:
        name: as the benchmark calls it.
        items: how many questions it is of.
        official: what the benchmark's script gives, unrounded; None where the script has no such number, or stops.
        ours: the same with every question in the divisor and every known flaw guarded.
        ci95: of `ours`, clustered by video.
        digits: how many decimals the script prints.
    """

    name: str
    items: int
    official: float | None
    ours: float | None
    ci95: Interval | None = None
    digits: int = 2

    def to_json(self) -> Json:
        """Every field but `digits`, with the script's number also as the script prints it."""
        names = ("name", "items", "official", "ours", "ci95")
        row = {name: getattr(self, name) for name in names}
        return row | {"official_printed": None if self.official is None else f"{self.official:.{self.digits}f}"}


@dataclass(frozen=True, slots=True)
class Report:
    """A scored benchmark.

    Attributes:
        profile: the benchmark.
        figures: in the benchmark's order.
        counts: of the questions: all of them, answered, and each kind of fault.
        notes: sentences that a reader of the figures must know.
    """

    profile: str
    figures: tuple[Figure, ...]
    counts: Json
    notes: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """The report as the `--json` file holds it."""
        return {
            "format": "demitasse-official-v1",
            "profile": self.profile,
            "counts": self.counts,
            "figures": [figure.to_json() for figure in self.figures],
            "notes": list(self.notes),
        }

    def figure(self, name: str) -> Figure:
        """The figure of that name.

        Raises:
            KeyError: if there is none.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)


def count(answered: Sequence[Answered], clusters: Iterable[str], unknown: int) -> Json:
    """What became of the questions; a fault is counted as wrong, and apart."""
    faults = Counter(one.fault.value for one in answered if one.fault)
    return {
        "questions": len(answered),
        "videos": len(set(clusters)),
        "answered": len(answered) - sum(faults.values()),
        "faults": dict(sorted(faults.items())),
        "predictions_of_unknown_questions": unknown,
    }


def not_asked(unknown: int) -> list[str]:
    """What a reader must know where a script scores all that is in the predictions, asked or not."""
    if not unknown:
        return []
    return [f"the script would count {unknown} predictions besides, of no question of the references: it has no column"]


def write_report(report: Report) -> str:
    """The report as a person reads it in the terminal."""
    counts = report.counts
    faults = "".join(f", {many} {kind.replace('_', ' ')}" for kind, many in counts["faults"].items())
    if unknown := counts["predictions_of_unknown_questions"]:
        faults += f"; {unknown} predictions are of no question of the references, and left out"
    head = (
        f"{report.profile}: {counts['questions']} questions of {counts['videos']} videos, {counts['answered']} answered"
    )
    width = max(_NAMES, *(len(figure.name) + 1 for figure in report.figures))
    lines = [head + faults, _ROW.format("figure", width, "items", "official", "ours", "95 %").rstrip()]
    lines += [_line(figure, width) for figure in report.figures]
    return "\n".join(lines + [f"note: {note}" for note in report.notes])


def _line(figure: Figure, width: int) -> str:
    official, ours = (_number(value, figure.digits) for value in (figure.official, figure.ours))
    bounds = f"[{', '.join(_number(bound, figure.digits) for bound in figure.ci95)}]" if figure.ci95 else ""
    return _ROW.format(figure.name, width, figure.items, official, ours, bounds).rstrip()


def _number(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else f"{value:.{digits}f}"
