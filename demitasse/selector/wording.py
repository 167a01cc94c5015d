"""What captioner and picker are asked, in training and in use alike, and how a picker's reply is read.

VideoEspresso published neither prompt nor format; these words are ours. Frames are numbered from 1 in what models read
and write, and are places from 0 everywhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from demitasse.answers import split_reasoning
from demitasse.answers.embedded import find_json
from demitasse.dataset import Item
from demitasse.dataset.shown_frames import with_shown_frames

CAPTION_TASK, PICK_TASK, NEED_TASK = "frame_caption", "frame_pick", "frame_need"
CAPTION_QUESTION = "What does this frame of a video show? Answer in one sentence."
# The question comes first, so that a model knows what it looks for when it reads the captions.
_PICK = """Question: {question}

Captions of the video's frames, in order of time:
{captions}

Which of these frames are needed to answer the question? Write their numbers and nothing else."""
_NEED = """The caption of a video's frame: {caption}
Question: {question}

Is this frame needed to answer the question? Answer with Yes or No."""
_BLANK = re.compile(r"\{(\w+)\}")
_RANGE = re.compile(r"(\d{1,6})(?:\s*(?:-|–|to)\s*(\d{1,6}))?")
_BETWEEN = re.compile(r"[\s,;.:\[\]()#]|\bframes?\b|\band\b|\bnumbers?\b", re.IGNORECASE)
_LIST = re.compile(r"\[[\d\s,–-]*\]")
_NOTHING = re.compile(r"(?:none|no frames?)?\W*", re.IGNORECASE)
MOST = 4096  # frames that one range may name: a reply is data, and must not fill the memory
SURE = 1.0  # the relevance of a frame that is named without one


def caption_item(video_id: str, time: float, caption: str = "") -> Item:
    """The question what the frame at `time` seconds shows, and its answer where that is known."""
    item = Item(CAPTION_QUESTION, caption, video_id, item_index=f"{time:g}")
    return with_shown_frames(item, [time])


def pick_item(item: Item, captions: Sequence[str], places: Sequence[int] = (), index: str | None = None) -> Item:
    """The question which frames are needed for an item's question, in text alone; `places` are the answer."""
    lines = "\n".join(f"{number}. {one_line(caption)}" for number, caption in enumerate(captions, 1))
    text = _filled(_PICK, {"question": item.question, "captions": lines})
    return with_shown_frames(Item(text, write_places(places), item.video_id, item_index=index), [])


def need_item(item: Item, caption: str, answer: str = "", index: str | None = None) -> Item:
    """The question whether the frame of one caption is needed for an item's question, in text alone."""
    text = _filled(_NEED, {"question": item.question, "caption": one_line(caption)})
    return with_shown_frames(Item(text, answer, item.video_id, item_index=index), [])


def _filled(prompt: str, texts: Mapping[str, str]) -> str:
    """The prompt with each blank filled once: captions and questions are anybody's text, braces included."""
    return _BLANK.sub(lambda blank: texts[blank[1]], prompt)


def write_places(places: Sequence[int]) -> str:
    """Places as a picker writes them: "3, 4"."""
    return ", ".join(str(place + 1) for place in places)


def one_line(text: str) -> str:
    """A caption on one line, so that no caption can pass for several."""
    return " ".join(text.split())


def read_places(reply: str) -> dict[int, float] | None:
    """The places that a picker's reply names, each with its relevance; None if it cannot be read.

    Read are numbers and ranges ("3, 5-7", "frames 3 and 5", "[3, 5]"), JSON lists, and maps of ranges to relevance as
    GenS writes them ({"11-12": 5, "16-21": 4}, arXiv 2503.09146). "none" and an empty reply name no frame. Numbers in
    prose are not guessed at: "2 frames matter" must not become frame 2.
    """
    split = split_reasoning(reply)
    if not split.closed:
        return None
    text = split.final.strip()
    if _NOTHING.fullmatch(text):
        return {}
    for found in find_json(text):
        read = _from_json(found.value)
        if read is not None:
            return read
    return _from_text(text)


def _from_json(value: object) -> dict[int, float] | None:
    if isinstance(value, dict) and len(value) == 1 and isinstance(only := next(iter(value.values())), list):
        value = only  # {"frames": [3, 4]}
    if isinstance(value, list) and value:
        return _from_text(json.dumps(value).replace('"', " "))
    if not isinstance(value, dict) or not value:
        return None
    read: dict[int, float] = {}
    for key, relevance in value.items():
        places = _from_text(str(key))
        if not places or isinstance(relevance, bool) or not isinstance(relevance, int | float):
            return None
        for place in places:
            read[place] = max(read.get(place, relevance), float(relevance))
    return read


def _from_text(text: str) -> dict[int, float] | None:
    """Numbers and ranges with nothing but separators between them; a list in brackets may stand in a sentence."""
    rest = _RANGE.sub(" ", text)
    if _BETWEEN.sub("", rest):
        lists = _LIST.findall(text)
        return _from_text(lists[-1]) if lists and lists[-1] != text else None
    places: dict[int, float] = {}
    for first, last in _RANGE.findall(text):
        low, high = sorted((int(first), int(last or first)))
        places |= dict.fromkeys(range(low - 1, min(high, low - 1 + MOST)), SURE)
    return places or None
