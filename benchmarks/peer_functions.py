"""lmms-eval's and VLMEvalKit's own functions beside ours on the same replies, boxes and spans, one input at a time.

    python benchmarks/peer_functions.py --lmms-eval FOLDER --vlmevalkit FOLDER      print where they differ
    python benchmarks/peer_functions.py ... --record                                 and write the record for the tests

FOLDER is what `pip download --no-deps lmms-eval==0.7.3` unpacks to, and a clone of open-compass/VLMEvalKit. Either may
be left out. The functions are taken out of their files by name, so that nothing that the files import besides need be
installed. docs/agreement.md says of every difference why ours is right.
"""

from __future__ import annotations

import argparse
import ast
import json
import logging
import os
import random
import re
import string
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "tests" / "evaluate" / "official" / "recorded" / "peers.json"
OPTIONS = {"A": "walking a dog", "B": "riding a horse", "C": "driving a car", "D": "reading a book"}
CHOICES = (
    "B", "b", "(B)", "B.", "B) riding a horse", "The answer is B.", "The correct answer is (B).", "**B**",
    "Answer: B", "Best answer: B", "Option B", "riding a horse", "Riding a horse.", "The answer is riding a horse.",
    "A horse is seen.", "A man rides, so B", "I would say C.", "A or B", "(A) or (B)", "Not A, but B.",
    "The answer is not A.", "None of the above", "", "hm", "Z", "E", "I cannot see the video.",
    "A. walking a dog\nB. riding a horse\nThe answer is B.", "B because A is not visible.",
    "Between C and D, I choose D.", "Based on the video, (C).", "Dogs walk.", "Because Cars drive.",
    "The answer is B, not C", "<answer>B</answer>", "\\boxed{B}", "B or not B", "Both A and C", "C, clearly",
    "<answer>B", "<B>", "<|begin_of_box|>B<|end_of_box|>", "B riding a horse", "The person is riding a horse.",
    "I believe B.", "Definitely B!", "It is not A; it is B.", "B rather than A.", "\\boxed{\\textbf{B}}",
    "\\boxed{riding a horse}", "\u7b54\u6848\u662fB", "\u7b54\u6848\uff1aB", "\u9009B\u3002",
    "\u7b54\u6848\u4e0d\u662fB", "La respuesta es B.",
    "La respuesta no es B.", "A: 30 %, B: 70 %", "a) b) c) d)", "C'est la vie", '{"answer": "B",}', "\uff22",
)  # fmt: skip
WORDS = (
    "Yes", "no", "Yes.", "No, it does not.", "Nothing moves.", "Now it turns.", "yes and no", "north",
    "The answer is yes.", "It does.", "", "No. 5 is seen.", "not sure", "Yes/No", "I cannot see the video.",
    "Yes, there is no car.", "\u662f\u7684\u3002", "There is no car.", "No information.", "If yes, then it turns.",
    "The sign says NO PARKING.", "<answer>No</answer>", "Yes\u2014it does", "\\boxed{Yes}", "I would not say yes.",
)  # fmt: skip
TRUTH = (3.0, 7.0)
TIMES = (
    "3 - 7", "3.0 - 7.0 seconds", "from 3 to 7 seconds", "between 3 and 7 seconds", "00:03 - 00:07", "0:03 to 0:07",
    "00:00:03 - 00:00:07", '{"start": "00:03", "end": "00:07"}', '{"start": "00:00:03", "end": "00:00:07"}', "3s-7s",
    "3\u20137", "7 - 3", "[3, 7]", "The event happens in 3 - 7 seconds", "starts at 3 seconds, ends at 7 seconds",
    "frames 3 to 7", "2 men, 3 - 7 seconds", "3 - 7 or 8 - 9", "tomorrow", "", "the dog runs to 7",
    "00:03.5 - 00:07.5", "<answer>3 to 7</answer>", "<answer>7 to 3</answer>", "Answer: 3 - 7", "\\boxed{3 - 7}",
    '{"timestamp": [3, 7]}', '{"start": 3, "end": 7,}', "3 - 5, 6 - 7 s", "00:00:03,000 --> 00:00:07,000",
    "3\u79d2\u52307\u79d2", "3 s through 7 s", "in the interval [3s, 7s]", "the ratio is 3 to 7", "from 3 to 7 cars",
    "-3 - 7", "3 - 7 minutes", "1:00:03 - 1:00:07",
)  # fmt: skip
BOX = (0.1, 0.1, 0.5, 0.5)
BOXES = (
    (0.1, 0.1, 0.5, 0.5), (0.3, 0.3, 0.7, 0.7), (0.1, 0.1, 0.5, 0.3), (0.6, 0.6, 0.9, 0.9), (0.5, 0.5, 0.1, 0.1),
    (0.1, 0.1, 0.1, 0.1), (0.0, 0.0, 1.0, 1.0), (0.1, 0.5, 0.5, 0.1),
)  # fmt: skip
CLUES = [[0.0, 10.0], [30.0, 40.0]]
INTERVALS = (
    [[0, 10]], [[0, 10], [30, 40]], [[0, 10], [5, 10]], [[0, 20], [15, 10]], [[50, 60]], [], [[0, 40]], [[0.1, 0.2]],
    [[15, 10], [0, 10]],
)  # fmt: skip


SPANS_ASKED = 200  # seeded replies for the figures of Charades-STA, and boxes for those of RefCOCO


def many_spans() -> list[list[float]]:
    """Right and predicted spans of Charades-STA's size, in tenths of a second; some replies say none (-1)."""
    chance, found = random.Random(0), []
    for _ in range(SPANS_ASKED):
        start, said = round(chance.uniform(0, 20), 1), round(chance.uniform(0, 20), 1)
        near = round(start + chance.uniform(-2, 2), 1) if chance.random() < 0.7 else said
        span = [start, round(start + chance.uniform(2, 10), 1), max(0.0, near), round(max(0.0, near) + 6, 1)]
        found.append(span if chance.random() < 0.9 else [*span[:2], -1.0, -1.0])
    return found


def many_boxes() -> list[list[float]]:
    """Right and predicted boxes in whole thousandths, near each other."""
    chance, found = random.Random(0), []
    for _ in range(SPANS_ASKED):
        left, top = chance.randrange(0, 400), chance.randrange(0, 400)
        moved = [chance.randrange(0, 250), chance.randrange(0, 250)]
        right = [left, top, left + 300, top + 300]
        found.append([one / 1000 for one in (*right, left + moved[0], top + moved[1], left + 300, top + 300)])
    return found


def taken(path: Path, *names: str, **given: Any) -> Callable[..., Any]:
    """The last of the named functions of a file, with the other names that it needs."""
    wanted = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if (isinstance(node, ast.FunctionDef) and node.name in names)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in names)
    ]
    space: dict[str, Any] = {"re": re, "os": os, "json": json, "string": string, "cp": __import__("copy")} | given
    space |= {name: getattr(__import__("typing"), name) for name in ("Any", "Dict", "List", "Optional", "Tuple")}
    exec(compile(ast.Module(wanted, []), str(path), "exec"), space)
    found: Callable[..., Any] = space[names[-1]]
    return found


def of_lmms_eval(folder: Path) -> dict[str, Callable[[Any], Any]]:
    tasks = folder / "lmms_eval" / "tasks"
    names = ("_DEFAULT_CHOICES", "_ANSWER_PHRASES", "_FORMAT_PRIORITY", "extract_mcq_answer")
    extract = taken(tasks / "_task_utils" / "mcq_extract.py", *names)
    accuracy = taken(tasks / "mvbench" / "utils.py", "mcq_acc")
    extract_time = taken(tasks / "charades_sta" / "utils.py", "_time_to_seconds", "extract_time")
    overlap = taken(tasks / "charades_sta" / "utils.py", "iou")
    first, second = (
        taken(tasks / "refcoco" / "utils_rec.py", "compute_iou"),
        taken(tasks / "refcoco_grounding" / "utils.py", "_compute_iou"),
    )
    return {
        "lmms-eval extract_mcq_answer": lambda reply: extract(reply, list(OPTIONS)) or None,
        "lmms-eval mvbench mcq_acc": lambda reply: next((one for one in OPTIONS if accuracy(one, reply)), None),
        "lmms-eval charades extract_time and iou": lambda reply: _one_span(extract_time, overlap, reply),
        "lmms-eval refcoco compute_iou": lambda box: _number(first, list(BOX), list(box)),
        "lmms-eval refcoco_grounding _compute_iou": lambda box: _number(second, list(BOX), list(box)),
        "lmms-eval charades figures": lambda spans: _charades(tasks, spans),
        "lmms-eval refcoco ACC@0.5": lambda boxes: round(
            sum(first(one[:4], one[4:]) >= 0.5 for one in boxes) / len(boxes), 6
        ),
    }


def of_vlmevalkit(folder: Path) -> dict[str, Callable[[Any], Any]]:
    matching, smp = folder / "vlmeval" / "utils" / "matching_util.py", folder / "vlmeval" / "smp" / "misc.py"
    utils = folder / "vlmeval" / "dataset" / "utils"
    names = ("_VERBOSE_ANSWER_RE", "can_infer_option", "can_infer_text", "can_infer")
    infer = taken(matching, *names)
    yes_or_no = taken(utils / "yorn.py", "YOrN_Extraction", process_punctuation=taken(smp, "process_punctuation"))
    overlap = taken(utils / "cgbench.py", "merge_intervals", "calculate_intervals_iou")
    return {
        "VLMEvalKit can_infer": lambda reply: infer(reply, dict(OPTIONS)) or None,
        "VLMEvalKit YOrN_Extraction": lambda reply: {"Yes": "yes", "No": "no"}.get(yes_or_no(reply)),
        "VLMEvalKit cgbench calculate_intervals_iou": lambda spans: round(overlap(_copied(spans), _copied(CLUES)), 6),
    }


def ours() -> dict[str, tuple[Sequence[Any], Callable[[Any], Any]]]:
    """For each of the peers' functions its inputs, and ours."""
    from demitasse.answers import read_binary, read_mcq, read_times
    from demitasse.answers.times import span_iou
    from demitasse.errors import DataError
    from demitasse.geometry import iou
    from evaluate.score.intervals import read_intervals, union_iou

    def option(reply: str) -> str | None:
        return read_mcq(reply, OPTIONS).value

    def span(reply: str) -> float:
        value = read_times(reply).value
        return round(span_iou(value, TRUTH), 6) if value else 0.0

    def box(corners: Sequence[float]) -> float:
        try:
            return round(iou(BOX, corners), 6)
        except DataError:
            return 0.0

    def union(spans: Sequence[Sequence[float]]) -> float:
        value = read_intervals(json.dumps(spans)).value
        return round(union_iou(value, CLUES), 6) if value else 0.0

    return {
        "lmms-eval extract_mcq_answer": (CHOICES, option),
        "lmms-eval mvbench mcq_acc": (CHOICES, option),
        "lmms-eval charades extract_time and iou": (TIMES, span),
        "lmms-eval refcoco compute_iou": (BOXES, box),
        "lmms-eval refcoco_grounding _compute_iou": (BOXES, box),
        "lmms-eval charades figures": ([many_spans()], _our_charades),
        "lmms-eval refcoco ACC@0.5": ([many_boxes()], _our_refcoco),
        "VLMEvalKit can_infer": (CHOICES, option),
        "VLMEvalKit YOrN_Extraction": (WORDS, lambda reply: read_binary(reply).value),
        "VLMEvalKit cgbench calculate_intervals_iou": (INTERVALS, union),
    }


def compared(theirs: Mapping[str, Callable[[Any], Any]]) -> dict[str, list[dict[str, Any]]]:
    """Every input with what either makes of it, by the peer's function."""
    sides = ours()
    return {
        name: [{"input": one, "theirs": call(one), "ours": sides[name][1](one)} for one in sides[name][0]]
        for name, call in theirs.items()
    }


def _charades(tasks: Path, spans: Sequence[Sequence[float]]) -> dict[str, float]:
    names = ("_time_to_seconds", "extract_time", "iou", "_parse_ground_truth", "_temporal_grounding_compute_metrics")
    figures = taken(tasks / "charades_sta" / "utils.py", *names, ast=ast, eval_logger=logging.getLogger("theirs"))
    asked = [{f"v>>>{place}>>>[{one[0]}, {one[1]}]": _reply(one)} for place, one in enumerate(spans)]
    return {name: round(value, 6) for name, value in figures(asked).items()}


def _our_charades(spans: Sequence[Sequence[float]]) -> dict[str, float]:
    """By the way of any run: items, replies, rows, figures."""
    from evaluate.comparing.closed_form import closed_form
    from evaluate.metric import TEMPORAL
    from evaluate.records import Asked, Prediction
    from evaluate.score import score_item

    rows = []
    for place, one in enumerate(spans):
        asked = Asked(str(place), "temporal_localization", f"v{place}", "When?", f"{one[0]} - {one[1]} seconds")
        rows.append(score_item(asked, Prediction(asked, _reply(one), "stop"), None))
    found = closed_form(rows, TEMPORAL)
    recalls = {f"IOU@{name}": 100 * found[f"r_at_0.{name}"]["value"] for name in (3, 5, 7)}
    mean = 100 * sum(row.score or 0.0 for row in rows) / len(rows)
    return {name: round(value, 6) for name, value in (recalls | {"mIOU": mean}).items()}


def _our_refcoco(boxes: Sequence[Sequence[float]]) -> float:
    from evaluate.score.grounding import ground, reaches

    found = [ground((tuple(one[4:]),), (tuple(one[:4]),)).first or 0.0 for one in boxes]
    return round(sum(map(reaches, found)) / len(found), 6)


def _reply(span: Sequence[float]) -> str:
    return f"{span[2]} - {span[3]} seconds" if span[2] >= 0 else "It is not shown."


def _one_span(extract: Callable[..., Any], overlap: Callable[..., float], reply: str) -> float:
    found = extract(reply)
    return round(overlap(TRUTH, found[0]), 6) if len(found) == 1 else 0.0


def _number(call: Callable[..., float], *boxes: Sequence[float]) -> float | str:
    try:
        return round(call(*boxes), 6)
    except ZeroDivisionError:
        return "ZeroDivisionError"


def _copied(spans: Iterable[Sequence[float]]) -> list[list[float]]:
    return [list(span) for span in spans]  # theirs write into what they are given


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmms-eval", type=Path, help="the unpacked package")
    parser.add_argument("--vlmevalkit", type=Path, help="a clone of the repository")
    parser.add_argument("--record", action="store_true", help="write the record for the tests")
    parser.add_argument("--quick", action="store_true", help="the same: it takes a second")
    args = parser.parse_args()
    if not (args.lmms_eval or args.vlmevalkit):
        parser.error("give --lmms-eval, --vlmevalkit or both")
    sys.path.insert(0, str(ROOT))
    theirs = of_lmms_eval(args.lmms_eval) if args.lmms_eval else {}
    theirs |= of_vlmevalkit(args.vlmevalkit) if args.vlmevalkit else {}
    found = compared(theirs)
    for name, cases in found.items():
        same = [case for case in cases if case["theirs"] == case["ours"]]
        print(f"{name}: {len(same)} of {len(cases)} alike")
        for case in cases:
            if len(cases) == 1:
                print(f"    theirs {case['theirs']}, ours {case['ours']}")
            elif case not in same:
                print(f"    {str(case['input'])[:60]!r:64} theirs {case['theirs']!r:12} ours {case['ours']!r}")
    if args.record:
        RECORD.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    alike = sum(case["theirs"] == case["ours"] for cases in found.values() for case in cases)
    total = sum(map(len, found.values()))
    result = {"name": "peer_functions", "ratios": {"agree": alike / total}, "ours": alike, "peer": total}
    print(json.dumps(result | {"versions": {"lmms-eval": "0.7.3", "VLMEvalKit": "e8e78f0"}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
