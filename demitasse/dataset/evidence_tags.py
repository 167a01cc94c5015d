"""Evidence as text with tags: what a student writes, and what VideoEspresso and Open-o3-Video publish.

    A hand fills the <obj>white bowl</obj><box>[100, 200, 500, 600]</box>at<t>3.20</t>s.
    A hand fills the <obj_start>white bowl<obj_end><box_start>[30.0, 40.0, 40.0, 40.0]<box_end>.

The first form is ours and Open-o3-Video's, the second VideoEspresso's.

A thing may have no box, `[]`, or several. What is read is somebody's text, often a model's: what cannot be read is left
out of the evidence and told, and never raises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from demitasse.chat.kinds import BOX_STYLES
from demitasse.dataset.evidence import CoreFrame, Evidence, Mention, PlacedBox
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.geometry import Box, from_canonical, to_canonical

Numbers = tuple[float, float, float, float]
BoxReader = Callable[[Numbers], Box]

_TAG = re.compile(r"</?(?:obj|box)(?:_start|_end)?>|</?t>")
_NAME = re.compile(
    r"<obj(?:_start)?>(?P<name>(?:(?!<obj(?:_start)?>).)*?)<(?:/obj(?:_start|_end)?|obj_end)>", re.DOTALL
)
_BOX = re.compile(
    r"\s*<box(?:_start)?>(?P<inside>[^<]*)<(?:/box(?:_start|_end)?|box_end)>"
    r"(?:\s*at\s*<t>\s*(?P<time>\d{1,7}(?:\.\d{1,9})?)\s*s?\s*</t>(?:\s*s\b)?)?"
)
_LOOSE = re.compile(f"{_BOX.pattern}|{_TAG.pattern}")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
_BETWEEN = re.compile(r"[\s\[\](),;]*")
_SPACES = re.compile(r"[ \t]{2,}")


@dataclass(frozen=True, slots=True)
class TaggedBox:
    """A box as written: `numbers` is None where what stands between the tags is no box. `seconds` if a time follows."""

    numbers: Numbers | None
    written: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class TaggedName:
    """A name between tags: its place in the text without tags, and the boxes that follow it."""

    name: str
    start: int
    end: int
    boxes: tuple[TaggedBox, ...]


@dataclass(frozen=True, slots=True)
class TaggedText:
    """A text taken apart: `text` has no tags, `stray` are the tags that opened or closed nothing."""

    text: str
    names: tuple[TaggedName, ...]
    stray: tuple[str, ...] = ()


def write_tags(
    evidence: Evidence, style: str | None, size: tuple[int, int] | None = None, core_frames: Sequence[CoreFrame] = ()
) -> str:
    """Evidence as a student writes it.

    Args:
        evidence: its boxes are fractions of the frame.
        style: a name of `BOX_STYLES`; None leaves the boxes out.
        size: width and height that the numbers count in, where the style counts pixels.
        core_frames: if they are given, a box whose core frame has a time is followed by it: `at<t>3.2</t>s`.

    Raises:
        DataError: if the text holds a tag of its own, or a box has no area in the style's whole units.
    """
    if tag := _TAG.search(evidence.text):
        raise DataError(f"evidence.text holds {tag[0]}, which would be read back as a tag; take it out")
    parts, reached = [], 0
    for mention in evidence.mentions:
        words = evidence.text[mention.start : mention.end]
        parts += [evidence.text[reached : mention.start], f"<obj>{words}</obj>"]
        parts += [_box_text(box, style, size, core_frames) for box in mention.boxes] if style else []
        reached = mention.end
    return "".join(parts) + evidence.text[reached:]


def read_tags(
    text: str, style: str | None, size: tuple[int, int] | None = None, core_frames: Sequence[CoreFrame] = ()
) -> tuple[Evidence, list[str]]:
    """Evidence in a text with tags, whichever of the two kinds.

    Args:
        text: what a student wrote, say.
        style: what the boxes' numbers mean, as for `write_tags`; without one no box is read.
        size: of the image, as for `write_tags`.
        core_frames: a box that a time follows is on the one that is nearest to it.

    Returns:
        The evidence, and a phrase for each tag and box that could not be read and is not in it.
    """
    tagged = parse_tags(text)
    if style is None:
        return Evidence(tagged.text, tuple(Mention(one.name, one.start, one.end) for one in tagged.names)), []
    convention = BOX_STYLES[style]
    return with_boxes_read(tagged, lambda numbers: to_canonical(numbers, convention, size), core_frames)


def with_boxes_read(
    tagged: TaggedText, read_box: BoxReader, core_frames: Sequence[CoreFrame] = (), within: float = math.inf
) -> tuple[Evidence, list[str]]:
    """What `read_tags` returns, of a text taken apart, for boxes of any convention; `read_box` raises DataError.

    A box whose time is further than `within` seconds from every core frame is on none of them.
    """
    faults = [f"{tag} stands alone" for tag in tagged.stray]
    mentions = []
    for one in tagged.names:
        boxes = []
        for box in one.boxes:
            try:
                if box.numbers is None:
                    raise DataError(f"{shown(box.written)} is no box")
                boxes.append(PlacedBox(read_box(box.numbers), _nearest(box.seconds, core_frames, within)))
            except DataError as fault:
                faults.append(f"{one.name}: {fault}")
        mentions.append(Mention(one.name, one.start, one.end, tuple(boxes)))
    return Evidence(tagged.text, tuple(mentions)), faults


def parse_tags(text: str) -> TaggedText:
    """Take a text with tags apart; runs of spaces become one, and there is none at its ends."""
    names: list[TaggedName] = []
    stray: list[str] = []
    plain = _Plain()
    reached = 0
    for match in _NAME.finditer(text):
        plain.add(_untagged(text[reached : match.start()], stray))
        name = _SPACES.sub(" ", match["name"]).strip()
        boxes, reached = _boxes_at(text, match.end())
        if name and not _TAG.search(name):
            names.append(TaggedName(name, plain.length, plain.length + len(name), tuple(boxes)))
            plain.add(name)
        else:
            plain.add(_untagged(match[0], stray))
    plain.add(_untagged(text[reached:], stray))
    return TaggedText("".join(plain.parts).rstrip(), tuple(names), tuple(stray))


class _Plain:
    """A text that grows, in which no two spaces follow one another and none leads."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0

    def add(self, text: str) -> None:
        text = _SPACES.sub(" ", text)
        if not self.length:
            text = text.lstrip()
        elif self.parts[-1].endswith(" "):
            text = text.lstrip(" ")
        if text:
            self.parts.append(text)
            self.length += len(text)


def _boxes_at(text: str, place: int) -> tuple[list[TaggedBox], int]:
    """The boxes that stand at a place one after the other, and where they end."""
    boxes: list[TaggedBox] = []
    while match := _BOX.match(text, place):
        boxes += _boxes_of(match)
        place = match.end()
    return boxes, place


def _boxes_of(match: re.Match[str]) -> Iterator[TaggedBox]:
    """`[a, b, c, d]`, a list of such lists, the numbers alone, or nothing."""
    inside, seconds = match["inside"], float(match["time"]) if match["time"] else None
    numbers = [float(number) for number in _NUMBER.findall(inside)]
    if len(numbers) % 4 or not _BETWEEN.fullmatch(_NUMBER.sub("", inside)):
        yield TaggedBox(None, inside.strip(), seconds)
        return
    for a, b, c, d in zip(*[iter(numbers)] * 4, strict=True):
        yield TaggedBox((a, b, c, d), inside.strip(), seconds)


def _untagged(text: str, stray: list[str]) -> str:
    """The text without tags, and without boxes that no name stands before."""
    stray += [match[0].strip() for match in _LOOSE.finditer(text)]
    return _LOOSE.sub("", text)


def _box_text(box: PlacedBox, style: str, size: tuple[int, int] | None, core_frames: Sequence[CoreFrame]) -> str:
    numbers = from_canonical(box.bbox, BOX_STYLES[style], size)
    frame = core_frames[box.core_frame] if core_frames and box.core_frame is not None else None
    when = f"at<t>{frame.time:.2f}</t>s" if frame and frame.time is not None else ""
    return f"<box>{numbers}</box>{when}"


def _nearest(seconds: float | None, core_frames: Sequence[CoreFrame], within: float) -> int | None:
    if seconds is None:
        return None
    times = [(abs(frame.time - seconds), place) for place, frame in enumerate(core_frames) if frame.time is not None]
    distance, place = min(times, default=(math.inf, None))
    return place if distance <= within else None
