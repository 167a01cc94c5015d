"""A dataset as tasks of lmms-eval: `lmms-eval --include_path DIR --tasks NAME` asks and scores it as we do.

For each task a YAML file and its items, one a line; beside them `utils.py`, which is `lmms_functions`, and
`scorer.json`. An item stands as text in one column, for Arrow gives columns types of its own: a date becomes a time,
and extra fields that differ from item to item do not fit. `until` is set, and empty: lmms-eval would else cut replies
at an empty line.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import yaml

from demitasse.atomic import write_text
from demitasse.errors import DataError
from demitasse.interchange.new_folder import new_folder
from demitasse.stages import CHECKOUT
from demitasse.student.modes import Way, asked_question
from evaluate.interop import lmms_functions
from evaluate.interop.dataset_items import Placed
from evaluate.interop.lmms_doc import ANSWERED, CLUSTER, in_order, lmms_tasks, metric_key
from evaluate.metric import MCQ, metric_for
from evaluate.parse.mcq import gold_letter
from evaluate.records import Json, write_rows

TAG = "demitasse"  # `--tasks demitasse` runs all tasks of a folder


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """How the items are asked, as `demitasse predict` means the words."""

    mode: Way = "answer"
    system_prompt: str = ""
    max_new_tokens: int = 512


class _Function(str):
    """The name of a function, which YAML writes with lmms-eval's tag."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Function, lambda dumper, name: dumper.represent_scalar("!function", str(name)))


def write_tasks(placed: Mapping[str, Placed], out: Path, settings: TaskSettings) -> list[str]:
    """Write the folder and return the tasks' names in lmms-eval.

    Args:
        placed: the items; each reference can be scored against.
        out: a folder that is not there yet, or is empty.
        settings: how they are asked.

    Raises:
        DataError: if `out` is not empty, a medium is not there, two tasks have one name, items of a task have different
            metrics, or an item cannot be asked in that mode.
    """
    names = lmms_tasks(one.asked.task for one in placed.values())
    absent = [one.path for one in placed.values() if not one.path.is_file()]
    if absent:
        raise DataError(f"{absent[0]} is not there, of {len(absent)} media that are not; lmms-eval would stop at them")
    with new_folder(out) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        for task, name in names.items():
            _write_task(folder, name, [one for one in placed.values() if one.asked.task == task], settings)
        shutil.copyfile(lmms_functions.__file__, folder / "utils.py")
        scorer = {"python": sys.executable, "checkout": str(CHECKOUT)}
        write_text(folder / lmms_functions.SCORER.name, json.dumps(scorer, indent=2) + "\n")
    return list(names.values())


def _write_task(folder: Path, name: str, own: Sequence[Placed], settings: TaskSettings) -> None:
    metrics = sorted({metric_key(one.asked) for one in own})
    if len(metrics) > 1:
        raise DataError(f"task '{own[0].asked.task}' has items of {' and '.join(metrics)}; give each a task of its own")
    by_id = {one.asked.item_id: one for one in own}
    rows = [_doc(by_id[asked.item_id], settings) for asked in in_order(one.asked for one in own)]
    write_rows(folder / f"{name}.jsonl", rows)
    digest = hashlib.sha256((folder / f"{name}.jsonl").read_bytes()).hexdigest()
    text = yaml.dump(_config(name, metrics[0], settings, digest), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    write_text(folder / f"{name}.yaml", text)


def _doc(one: Placed, settings: TaskSettings) -> Json:
    told = {
        "asked": one.asked.to_json(),
        "prompt": asked_question(one.item, settings.mode),
        "system": settings.system_prompt,
        "medium": "video" if one.item.video_id is not None else "image",
        "path": str(one.path.resolve()),
        "target": gold_letter(one.asked) if metric_for(one.asked) is MCQ else one.asked.reference,
    }
    return {"item_id": one.asked.item_id, "item": orjson.dumps(told).decode()}


def _config(name: str, metric: str, settings: TaskSettings, digest: str) -> Json:
    functions = ("doc_to_messages", "doc_to_visual", "doc_to_text", "doc_to_target", "process_results")
    return {
        "task": name,
        "tag": TAG,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "output_type": "generate_until",
        **{function: _Function(f"utils.{function}") for function in functions},
        "generation_kwargs": {
            "max_new_tokens": settings.max_new_tokens,
            "temperature": 0,
            "do_sample": False,
            "until": [],
        },
        "reasoning_tags": [["<think>", "</think>"]],
        "cluster_key": CLUSTER,
        "score_key": "score",
        "metric_list": [
            {"metric": key, "aggregation": _Function("utils.mean"), "higher_is_better": True}
            for key in ((metric,) if metric == ANSWERED else (metric, "score"))
        ],
        "metadata": {"version": 1.0, "demitasse_items_sha256": digest},
    }
