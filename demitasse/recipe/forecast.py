"""What a stage will cost before it starts, as the command's own plan says it; in one line, for the plan of a recipe.

A forecast is a courtesy. Whatever goes wrong with it is told in its place, and stops nothing.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from demitasse.recipe.words import Words, section_read

# The kinds of `annotate` that ask a model, and the section that a plan is told of them by.
ASKING = {
    "video": "video_reasoning_annotation",
    "image": "image_referring_expression",
    "espresso": "video_espresso",
    "cotasks": "cotasks",
}
COSTLY = ("annotate", "train", "judge", "predict")
LONGEST = 160  # characters of a reason
_SETS = re.compile(r"[^-=/][^=/]*=")

Json = dict[str, Any]


def forecast(words: Words, gpus: Sequence[str] = ()) -> str:
    """One line on a stage that costs; "" for one that costs nothing to speak of.

    Args:
        words: the stage's.
        gpus: `--gpu` and its like for the plan of a training.
    """
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return _told(words, gpus)
    except SystemExit:  # of argparse
        return f"not known: {_cut(said.getvalue().strip().splitlines()[-1])}"
    except Exception as fault:
        return f"not known: {_cut(str(fault) or type(fault).__name__)}"


def _told(words: Words, gpus: Sequence[str]) -> str:
    if words.name == "annotate":
        return _annotate(words)
    if words.name == "train":
        return _train(words, gpus)
    if words.name == "judge":
        return _judge(words)
    return _predict(words) if words.name == "predict" else ""


def _cut(sentence: str) -> str:
    line = " ".join(sentence.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _annotate(words: Words) -> str:
    kind = words.words[0] if words.words else ""
    if kind not in ASKING or (kind == "cotasks" and not has_teacher(words)):
        return ""
    plan = _plan(words, "annotate", [f"autolabel_type={ASKING[kind]}"])
    asked = [sum(step[name][end] for step in plan["steps"].values()) for name in _TOKENS for end in (0, 1)]
    cost = "there is no price for the model" if plan["dollars"] is None else _dollars(*plan["dollars"])
    tokens = f"about {_range(*asked[:2])} tokens in and {_range(*asked[2:])} out"
    return f"{_range(*plan['requests'])} requests, {tokens}; {cost}"


_TOKENS = ("prompt_tokens", "completion_tokens")


def has_teacher(words: Words) -> bool:
    """Whether an `annotate cotasks` asks a teacher."""
    sections = [section_read(file, words.section) for file in words.configs]
    named = [section["source"] for section in sections if isinstance(section, dict) and "source" in section]
    return "source=teacher" in words.words or "teacher" in named


def _train(words: Words, gpus: Sequence[str]) -> str:
    plan = _plan(words, "train", [], gpus)
    if "steps" not in plan:
        return f"{plan['items']:,} items, of which none can be learnt"
    memory, time = plan["memory"], plan["time"]
    size = next(one["bytes"] for one in memory["per_gpu"] if one["checkpointing"] == memory["checkpointing"])
    told = f"{plan['items']:,} items, {plan['steps']['steps']:,} steps, {plan['steps']['epochs']:.1f} epochs; "
    told += f"{size / 2**30:.1f} GiB"
    if "hours" in time:
        return f"{told}, {_duration(time['hours'] * 3600)} on {time['gpus']} × {time['gpu']}"
    return f"{told}; --gpu NAME tells the time"


def _judge(words: Words) -> str:
    told = _printed(["judge", "--plan", *words.words])
    kept = [line for line in told.splitlines() if line.startswith(("requests:", "cost:", "budget:"))]
    return "; ".join(kept).replace("requests: ", "requests to the judge: ", 1)


def _predict(words: Words) -> str:
    import argparse

    from demitasse import cli
    from demitasse.dataset import read, read_folder

    parser = argparse.ArgumentParser(exit_on_error=False)
    cli.of_stage("evaluate.asking.command").add_predict_arguments(parser)
    args = parser.parse_args(words.words)
    files = [file for path in args.data for file in (read_folder(path) if path.is_dir() else [read(path)])]
    count = sum(not args.tasks or file.task_of(item) in args.tasks for file in files for item in file.items)
    times = f" × {args.repeats}" if args.repeats else ""
    return f"{count:,} questions{times}" + (f", each a request to {args.endpoint}" if args.endpoint else "")


def _plan(words: Words, stage: str, more: list[str], options: Sequence[str] = ()) -> Json:
    """What `demitasse plan` says of a command."""
    config = [] if words.config is None else ["--config", str(words.config)]
    sets = [word for word in words.words if _SETS.match(word)]
    found: Json = json.loads(_printed(["plan", "--stage", stage, "--json", *config, *options, *sets, *more]))
    return found


def _printed(argv: list[str]) -> str:
    """What a command prints.

    Raises:
        RuntimeError: with its own sentence, if it fails.
        KeyboardInterrupt: if it was interrupted: whoever stops a plan wants no run.
    """
    from demitasse import cli  # not above: the command line imports the module that imports this one

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = cli.main(argv)
        except SystemExit as end:  # of argparse, which has said why
            code = int(end.code or 0)
    if code == cli.EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    said = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)]
    if code:
        lines = said[1].strip().splitlines() or [f"exit code {code}"]
        raise RuntimeError(lines[-1].removeprefix("demitasse: "))
    return said[0]


def _range(low: float, high: float) -> str:
    first, last = f"{low:,.0f}", f"{high:,.0f}"
    return first if first == last else f"{first}-{last}"


def _dollars(low: float, high: float) -> str:
    first, last = f"${low:,.2f}", f"{high:,.2f}"
    return first if first.endswith(last) else f"{first}-{last}"


def _duration(seconds: float) -> str:
    """So many seconds in words: 0.4 s, 12 min, 3.5 h."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
