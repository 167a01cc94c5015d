"""Timing a question on this machine: a video of noise, as many tokens read and written as are counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from demitasse.dataset import Item
from demitasse.selector.cost import Case, Seconds, picker_reads
from demitasse.student.encode import Clip, see
from demitasse.student.generate import generate
from demitasse.student.load import Student, load_student
from demitasse.student.sight import only

REPEATS = 3  # the median of them counts


def measure(reasoners: Sequence[Path], captioner: Path | None, picker: Path | None, case: Case) -> list[Seconds]:
    """Seconds of one question for each reasoner, models loaded and nothing else running.

    Raises:
        ConfigError: if a folder holds no student that can be asked here.
    """
    selecting = _captioning(load_student(captioner), case) if captioner else 0.0
    selecting += _picking(load_student(picker), case) if picker else 0.0
    return [_reasoning(load_student(path), case, selecting) for path in reasoners]


def _reasoning(student: Student, case: Case, selecting: float) -> Seconds:
    clip = _noise(student, case)
    kept = np.linspace(0, case.frames - 1, max(1, round(case.kept))).tolist()
    chosen = only(clip, kept, student.encoder.vision)
    whole, part = (_timed(partial(_ask, student, [one], case.prompt, case.answer)) for one in (clip, chosen))
    return Seconds(whole, part, selecting)


def _captioning(student: Student, case: Case) -> float:
    clip = _noise(student, case)
    frames = [only(clip, [float(place)], student.encoder.vision) for place in range(case.frames)]
    return _timed(partial(_ask, student, frames, case.caption_prompt, case.caption))


def _picking(student: Student, case: Case) -> float:
    read, times = picker_reads(case)
    return _timed(partial(_ask, student, [None] * times, read, case.pick))


def _ask(student: Student, clips: Sequence[Clip | None], read: int, written: int) -> None:
    item = Item(" a" * read, "", video_id="noise")
    generate(student, [student.encoder.prompt(item, clip) for clip in clips], max(1, written))


def _noise(student: Student, case: Case) -> Clip:
    pixels = np.random.default_rng(0).integers(0, 256, (case.frames, case.height, case.width, 3), dtype=np.uint8)
    return see(pixels, np.arange(case.frames, dtype=np.float64), student.encoder.vision)


def _timed(work: Callable[[], None]) -> float:
    work()  # what is done once only, such as choosing kernels, is not counted
    spent = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return median(spent)
