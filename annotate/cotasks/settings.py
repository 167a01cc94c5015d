"""What can be set where CoTasks come from annotation. docs/cotasks.md says what each rule does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demitasse.chat.kinds import BOX_STYLES
from demitasse.config import read_config
from demitasse.config.setting import setting
from demitasse.config.source import read_file
from demitasse.cotasks.text import FORMS, Form
from demitasse.dataset import DIALECTS, Dialect
from demitasse.dataset.grounding import MAX_PIXELS, MIN_PIXELS
from demitasse.errors import ConfigError

SOURCES = ("nextqa", "star", "teacher")  # a teacher's spec is another one: annotate.cotasks.teacher
_NEEDED = {"nextqa": ("questions", "vidor"), "star": ("items",)}
_NOT_FOR = {"nextqa": ("items", "fps", "contacts"), "star": ("questions", "vidor", "video_map", "spans", "manual_only")}


@dataclass
class Building:
    """How CoTasks are made of annotation, whichever it is.

    The paper samples 64 frames and says nothing of the rest: entities, gaps and limits are our choice.
    """

    frames: int = setting(64, "frames sampled evenly from the first to the last; key frames are some of them", ge=2)
    entities: str = setting(
        "question",
        "those that the question's words may mean, or all if it names none; or all",
        choices=("question", "all"),
    )
    boxed_frames: int = setting(16, "boxes and relations at so many key frames at most, spread evenly; 0: at all", ge=0)
    min_gap: float = setting(0.0, "seconds between two key frames with boxes and relations, at least", ge=0)
    manual_only: bool = setting(False, "VidOR: only boxes that a person drew, about one in sixteen")
    geometry: bool = setting(False, "add left_of, right_of, above, below and overlaps, as the boxes have them")
    contacts: str = setting(
        "none",
        "STAR: leave holding, sitting_on ... out, or give them as relations or events",
        choices=("none", "relations", "events"),
    )


@dataclass
class Cotasks(Building):
    """`demitasse annotate cotasks` from annotation."""

    source: str = setting("nextqa", "whose annotation", choices=SOURCES)
    results_dir: str = setting("", "gets cotasks.jsonl, items/, left_out.jsonl and summary.json")
    questions: str = setting("", "NExT-QA or NExT-OE: the CSV, JSON or Parquet file of questions")
    vidor: str = setting("", "VidOR: the folder of annotation files")
    video_map: str = setting("", "NExT-QA: map_vid_vidorID.json, for the videos' places in VidOR's folders")
    spans: str = setting("", "NExT-GQA: gsub_val.json or gsub_test.json, a person's time spans")
    items: str = setting("", "STAR: STAR_train.json or STAR_val.json")
    fps: str = setting("", "STAR: video_fps, the frame rate of each video; without it 30 is assumed where that fits")
    videos: str = setting("", "folder of the videos; STAR's clips are cut out of them")
    box_style: str = setting("qwen_1000", "how the student's family writes boxes", choices=tuple(BOX_STYLES))
    min_pixels: int = setting(MIN_PIXELS, "qwen2_5_vl_px: the student's bound for a frame", ge=1)
    max_pixels: int = setting(MAX_PIXELS, "qwen2_5_vl_px: the student's bound for a frame", ge=1)
    options: bool = setting(True, "false asks without the options: the words of the right one are the answer")
    form: Form = setting("json", "how facts are written", choices=FORMS)
    dialect: Dialect = setting("tao", "how options and answers are written", choices=DIALECTS)
    license: str = setting("", "of the files; empty: what the annotation demands")


def read_settings(path: Path | None, overrides: Sequence[str]) -> Cotasks:
    """Read a file, or the section `annotate` of a recipe, and `key=value` overrides.

    Raises:
        ConfigError: as `read_config`; if a key that the source needs is missing, or one has no meaning for it.
    """
    section = "annotate" if path is not None and "annotate" in read_file(path).content else None
    settings = read_config(Cotasks, path, overrides, section)
    for key in (*_NEEDED[settings.source], "results_dir"):
        if not getattr(settings, key):
            raise ConfigError(f"source={settings.source} needs {key}={_example(key)}")
    unset = Cotasks()
    for key in _NOT_FOR[settings.source]:
        if getattr(settings, key) != getattr(unset, key):
            raise ConfigError(f"{key} has no meaning with source={settings.source}; leave it out")
    if settings.min_pixels > settings.max_pixels:
        raise ConfigError(f"min_pixels {settings.min_pixels} is more than max_pixels {settings.max_pixels}")
    return settings


def _example(key: str) -> str:
    return {"questions": "val.csv", "items": "STAR_val.json"}.get(key, "DIR")
