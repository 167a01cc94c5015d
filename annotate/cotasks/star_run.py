"""STAR's items turned into CoTasks; their clips are cut where the videos are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from annotate.cotasks.items import Final, Writing, items_of
from annotate.cotasks.output import Made, Results
from annotate.cotasks.progress import watched
from annotate.cotasks.settings import Cotasks
from annotate.cotasks.star import StarItem, read_rates, read_star
from annotate.cotasks.star_rules import Clip, build, by_video, executes, usual_rate, usual_size
from demitasse.errors import DataError

LICENSE = "Apache-2.0"  # of the annotation; Charades' videos are for non-commercial use
CLIPS = "clips"
LONG_SIDE = 480  # of the frames that boxes count in: Charades_v1_480
HIDDEN = "its answer is hidden (test split)"


def run_star(settings: Cotasks, writing: Writing, quiet: bool) -> Results:
    """Build the CoTasks of every item, in the items' order.

    Raises:
        DataError: if a file that all need cannot be used.
    """
    items, unusable = read_star(settings.items)
    rates = read_rates(settings.fps) if settings.fps else {}
    results = Results(left_out=unusable)
    done: dict[str, Made] = {}
    for video, of_video in watched(by_video(items).items(), "videos", quiet):
        try:
            clip = _clip(video, of_video, rates, settings.videos)
        except DataError as fault:
            results.left_out += [(item.question_id, str(fault)) for item in of_video]
            continue
        for item in of_video:
            try:
                done[item.question_id] = _made(item, clip, settings, writing)
                results.notes.update(item.notes)
            except DataError as fault:
                results.left_out.append((item.question_id, str(fault)))
    results.made = [done[item.question_id] for item in items if item.question_id in done]
    return results


def clip_name(item: StarItem) -> str:
    """The file of an item's clip: items that ask about the same seconds share one."""
    return f"{item.video}_{item.start:g}-{item.end:g}.mp4"


def _clip(video: str, items: Sequence[StarItem], rates: dict[str, float], videos: str) -> Clip:
    """What is known of a video: from the file of rates and the video itself, else from the items' own numbers."""
    rate, rate_from = (rates[video], "video_fps") if video in rates else (usual_rate(items), "assumed")
    if not videos:
        return Clip(rate, rate_from, usual_size(items), "assumed")
    from demitasse.media.probe import probe

    path = Path(videos) / f"{video}.mp4"
    if not path.is_file():
        raise DataError("the video is not in the folder of videos")
    seen = probe(path)
    if rate_from == "assumed":
        rate, rate_from = seen.fps, "video"
    shrink = min(1.0, LONG_SIDE / max(seen.width, seen.height))
    size = round(seen.width * shrink / 2) * 2, round(seen.height * shrink / 2) * 2
    return Clip(rate, rate_from, size, "video")


def _made(item: StarItem, clip: Clip, settings: Cotasks, writing: Writing) -> Made:
    if item.right is None:
        raise DataError(HIDDEN)
    cotasks = build(item, clip, settings)
    span = {"video": f"{item.video}.mp4", "start": item.start, "end": item.end}
    extra = {"template": item.template, "clip": span}
    final = Final(item.text, item.choices[item.right], item.type, item.choices, item.right, extra)
    items = items_of(cotasks, clip_name(item), final if settings.options else final.opened(), writing)
    if settings.videos:
        _cut(item, Path(settings.videos), Path(settings.results_dir) / CLIPS / clip_name(item))
    return Made(cotasks, item.type, dict(_provenance(item, clip, settings)), items)


def _cut(item: StarItem, videos: Path, out: Path) -> None:
    """A clip that is there is left alone: thousands of questions share a video, and a run may be started again."""
    from demitasse.media.clip import cut_clip

    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        cut_clip(videos / f"{item.video}.mp4", item.start, item.end, out)


def _provenance(item: StarItem, clip: Clip, settings: Cotasks) -> Iterator[tuple[str, Any]]:
    yield "items", Path(settings.items).name
    yield "question_type", item.type
    yield "template", item.template
    yield "clip", [item.start, item.end]
    yield "fps", clip.rate
    yield "executes", (executes(item) or "no") if item.program else "no program"
    yield "annotation_notes", dict(item.notes)
