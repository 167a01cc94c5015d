"""From a file of questions and a folder of videos to records, one a question; each that has no video is left out."""

from __future__ import annotations

import os
from pathlib import Path

from annotate.cotasks.teacher.config import Spec
from annotate.cotasks.vidor import read_video_map
from annotate.run.inputs import Inputs
from demitasse.cotasks.nextqa import Question, read_questions
from demitasse.engine.step import Record
from demitasse.errors import ConfigError
from demitasse.media.walk import find_videos

NO_VIDEO = "the video is not in the folder of videos"
TWICE = "several files in the folder of videos have the video's name"


def read_inputs(spec: Spec) -> Inputs:
    """Find the questions and their videos.

    A video is the file whose path under `videos`, without its suffix, is what `video_map` says or, without a map, is
    the question's own name of it; or else the one file of that name in any folder below.

    Raises:
        ConfigError: if there is no question.
        DataError: if a file or the folder cannot be read.
    """
    read = read_questions(spec.questions)
    if not read.questions:
        raise ConfigError(f"{spec.questions} holds no question that can be used: {read.unusable[0][1]}")
    inputs = Inputs(left_out=list(read.unusable))
    found = find_videos(spec.videos)
    inputs.left_out += [(str(path), reason) for path, reason in found.skipped]
    inputs.notes += found.notes()
    root, places = Path(spec.videos), _places(found.files, Path(spec.videos))
    named = read_video_map(spec.video_map) if spec.video_map else {}
    for question in read.questions:
        mapped = named.get(question.video, question.video)
        paths = places.get(mapped) or places.get(Path(mapped).name, [])
        if len(paths) == 1:
            inputs.records.append(_record(question, paths[0], root))
        else:
            inputs.left_out.append((question.key, TWICE if paths else NO_VIDEO))
    return inputs


def question_of(record: Record) -> Question:
    """The question that a record was made of."""
    given = dict(record.fields["given"])
    return Question(**given | {"options": tuple(given["options"])})


def _places(files: list[Path], root: Path) -> dict[str, list[Path]]:
    """The files by their path under the root without suffix, and by their bare name."""
    places: dict[str, list[Path]] = {}
    for path in files:
        under = path.relative_to(root) if path != root else Path(path.name)
        for key in {under.with_suffix("").as_posix(), under.stem}:
            places.setdefault(key, []).append(path)
    return places


def _record(question: Question, path: Path, root: Path) -> Record:
    status = path.stat()
    given = {name: getattr(question, name) for name in Question.__slots__}
    return Record(
        question.key,
        {
            "question": question.key,
            "asked": question.text,
            "given": given | {"options": list(question.options)},  # never told to the teacher: it holds the answer
            "video": (path.relative_to(root) if path != root else Path(path.name)).as_posix(),
            "path": os.path.abspath(path),
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
        },
    )
