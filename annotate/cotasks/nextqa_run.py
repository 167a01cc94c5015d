"""NExT-QA's questions, VidOR's boxes, NExT-GQA's spans: joined by video and question, and turned into CoTasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from annotate.cotasks.items import Final, Writing, items_of
from annotate.cotasks.output import Made, Results
from annotate.cotasks.progress import watched
from annotate.cotasks.rules import build
from annotate.cotasks.settings import Cotasks
from annotate.cotasks.vidor import Annotation, Vidor, read_annotation, read_video_map
from demitasse.cotasks.nextgqa import VideoSpans, read_spans
from demitasse.cotasks.nextqa import Question, read_questions
from demitasse.errors import DataError

LICENSE = "CC-BY-SA-4.0"  # VidOR's, which what is derived from its boxes inherits
NO_ANNOTATION = "VidOR has no annotation of the video"
NO_VIDEO = "the video is not in the folder of videos"


def run_nextqa(settings: Cotasks, writing: Writing, quiet: bool) -> Results:
    """Build the CoTasks of every question, in the questions' order.

    Raises:
        DataError: if a file that all need cannot be used.
    """
    read = read_questions(settings.questions)
    video_map = read_video_map(settings.video_map) if settings.video_map else {}
    spans = read_spans(settings.spans) if settings.spans else {}
    vidor = Vidor(settings.vidor, video_map)
    by_video = _by_video(read.questions)
    if by_video and not any(map(vidor.path, by_video)):
        raise DataError(
            f"{settings.vidor} has no annotation of the {len(by_video)} videos that are asked about; give the folder "
            "of VidOR's annotation files"
        )
    results = Results(left_out=list(read.unusable))
    done: dict[str, Made] = {}
    for video, questions in watched(by_video.items(), "videos", quiet):
        path = vidor.path(video)
        if path is None:
            results.left_out += [(question.key, NO_ANNOTATION) for question in questions]
            continue
        annotation = _annotation(path, questions, results)
        if annotation is None:
            continue
        video_id = _video_id(video, annotation, video_map, settings.videos)
        for question in questions:
            try:
                if video_id is None:
                    raise DataError(NO_VIDEO)
                done[question.key] = _made(question, annotation, path, video_id, spans, settings, writing)
            except DataError as fault:
                results.left_out.append((question.key, str(fault)))
    results.made = [done[question.key] for question in read.questions if question.key in done]
    return results


def _by_video(questions: Sequence[Question]) -> dict[str, list[Question]]:
    grouped: dict[str, list[Question]] = {}
    for question in questions:
        grouped.setdefault(question.video, []).append(question)
    return grouped


def _annotation(path: Path, questions: Sequence[Question], results: Results) -> Annotation | None:
    """A file that cannot be read costs its own video's questions, and no other's."""
    try:
        annotation = read_annotation(path)
    except DataError as fault:
        results.left_out += [(question.key, str(fault).replace(str(path), path.name)) for question in questions]
        return None
    results.notes.update(annotation.notes)
    return annotation


def _video_id(video: str, annotation: Annotation, video_map: dict[str, str], videos: str) -> str | None:
    """The video's path in the folder of videos; the most likely one where no folder is given to look in."""
    mapped = video_map.get(video)
    likely = [path for path in (f"{mapped}.mp4" if mapped else "", annotation.path, f"{video}.mp4") if path]
    if not videos:
        return likely[0]
    return next((path for path in likely if (Path(videos) / path).is_file()), None)


def _made(
    question: Question,
    annotation: Annotation,
    path: Path,
    video_id: str,
    spans: dict[str, VideoSpans],
    settings: Cotasks,
    writing: Writing,
) -> Made:
    of_video = spans.get(question.video)
    own = of_video.spans.get(question.qid) if of_video and not question.repeat else None
    cotasks = build(question, annotation, own, settings)
    extra = {} if question.second_answer is None else {"additional_ref_answer": question.second_answer}
    final = Final(question.text, question.answer, question.type, question.options, question.right, extra)
    items = items_of(cotasks, video_id, final if settings.options else final.opened(), writing)
    return Made(cotasks, question.type, dict(_provenance(question, annotation, path, own, settings)), items)


def _provenance(
    question: Question, annotation: Annotation, path: Path, spans: Any, settings: Cotasks
) -> Iterator[tuple[str, Any]]:
    yield "questions", Path(settings.questions).name
    yield "question_type", question.type
    yield "annotation", path.name
    yield "annotation_version", annotation.version
    yield "video_hash", annotation.video_hash
    yield "fps", annotation.fps
    yield "frame_count", annotation.frame_count
    yield "spans", [list(span) for span in spans or ()]
    yield "annotation_notes", dict(annotation.notes)
