"""What the scripted teacher and judge say: each prompt of Demitasse answered from a toy clip's truth.

`tell` takes the step's name and the clip and returns what the step's form asks for. For a video that is no toy
clip, `excuse` says plainly, in the same form, that a stand-in answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from demitasse.timecode import format_hhmmss, format_mmss
from demitasse.toyworld import language
from demitasse.toyworld.language import Said
from demitasse.toyworld.world import COLOURS, DIRECTIONS, DURATION, ToyClip, toy_clip

Told = str | dict[str, Any]
LETTERS = "ABCD"
EXCUSE = "A stand-in answered here. It knows only toy clips, and this video is not one of them."
_MODE = re.compile(r"^(anomaly|normal)_")
_WORD = re.compile(r"[a-z]+|\d{1,2}:\d{2}|\d+")
_MARK = re.compile(r"\[toy clip (\d{5})\]")


def tell(step: str, clip: ToyClip) -> Told:
    """The reply to a step's prompt about a clip: text, or the fields of the step's form.

    Raises:
        KeyError: for a step that the teacher has not been taught.
    """
    return _TELLERS[_MODE.sub("", step)](clip)


def excuse(step: str) -> Told:
    """The reply to a step's prompt about a video that is no toy clip.

    Raises:
        KeyError: for a step that the teacher has not been taught.
    """
    return _excuses()[_MODE.sub("", step)]


def find_mark(text: str) -> ToyClip | None:
    """The clip whose reference (`language.mark`) stands in a text; None if there is none."""
    found = _MARK.search(text)
    return toy_clip(int(found[1])) if found else None


def judge(reference: str, response: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Score a response by the facts that it shares with the reference: 1 (none, or a contradiction each) to 5 (all).

    Facts are the words that can differ between toy clips; where the reference has none, all of its words count. Other
    marks are given alike on the scales that a `schema` asks for.
    """
    wanted, given = _facts(reference), _facts(response)
    if not wanted:
        wanted, given = set(_WORD.findall(reference.lower())), set(_WORD.findall(response.lower()))
    right, wrong = wanted & given, given - wanted if _facts(reference) else set()
    share = max(0, len(right) - len(wrong)) / max(1, len(wanted))
    shared, added = (", ".join(sorted(words)) or "nothing" for words in (right, wrong))
    asked = schema["properties"] if schema else {"score": {"minimum": 1, "maximum": 5}}
    marks = {key: _mark(share, scale) for key, scale in asked.items() if key != "reason"}
    return {"reason": f"Shared: {shared}. Not in the reference: {added}."} | marks


def _mark(share: float, scale: Mapping[str, Any]) -> int | str:
    """A share of the truth as a mark on a JSON schema's scale: a whole number, or yes and no."""
    if "enum" in scale:
        return "yes" if share > 0.5 else "no"
    low, high = scale["minimum"], scale["maximum"]
    return int(low + round((high - low) * share))


def _facts(text: str) -> set[str]:
    words = set(_WORD.findall(text.lower()))
    return {word for word in words if word in COLOURS or word in DIRECTIONS or word in _OTHER_FACTS or ":" in word}


_OTHER_FACTS = frozenset({"yes", "no", "white", "magenta", "freezes", "alarm"})


def _global_caption(clip: ToyClip) -> str:
    return (
        f"{language.mark(clip)} A dark room with a light along the ceiling. A {clip.colour} {clip.shape} moves "
        f"{clip.direction}. {language.track(clip)} {language.light_span(clip)} "
        f"The light is {language.light_colour(clip)}."
        + (" While it is on, the shape freezes: it is an alarm." if clip.alarm else "")
    )


def _dense_caption(clip: ToyClip) -> str:
    ends = (0.0, clip.light_on, clip.light_off, DURATION)
    during = "freezes under the magenta light" if clip.alarm else f"moves {clip.direction} under the white light"
    deeds = (f"The {clip.colour} {clip.shape} moves {clip.direction}.", f"It {during}.", f"It moves {clip.direction}.")
    lines = [
        f"<{format_hhmmss(start)}><{format_hhmmss(end)}> {deed}"
        for start, end, deed in zip(ends[:-1], ends[1:], deeds, strict=True)
    ]
    return "\n".join([*lines, language.mark(clip)])


def _chunk_caption(clip: ToyClip) -> str:
    whole = f"over the whole clip it moves {clip.direction}"
    return f"{language.mark(clip)} A {clip.colour} {clip.shape} in a dark room; {whole}."


def _highlight_caption(clip: ToyClip) -> str:
    seen = f"The light turns {language.light_colour(clip)} and the {clip.colour} {clip.shape} stands still."
    return f"{language.mark(clip)} {seen}"


def _description(clip: ToyClip) -> str:
    third = "An alarm: the shape freezes while the light is magenta." if clip.alarm else "- Event: the light is white."
    return (
        f"1. A dark room with a light along the ceiling. {language.mark(clip)}\n"
        f"2. {language.deed(clip)} {language.track(clip)} {language.light_span(clip)}\n3. {third}"
    )


def _mcq(clip: ToyClip) -> Told:
    said = language.multiple_choice(clip)
    options = dict(zip(LETTERS, said.options, strict=True))
    answer = LETTERS[said.options.index(said.answer)]
    return {"question": said.question, "options": options, "answer": answer, "reasoning": said.reasoning}


def _bcq(clip: ToyClip) -> Told:
    return {
        "questions": [
            {
                "question": said.question,
                "answer": said.answer,
                "explanation": language.deed(clip),
                "reasoning": said.reasoning,
            }
            for said in language.yes_and_no(clip)
        ]
    }


def _localization(clip: ToyClip) -> Told:
    said = language.localization(clip)
    start, end = said.answer.split()
    return {"question": said.question, "start": start, "end": end, "reasoning": said.reasoning}


def _open(said: Callable[[ToyClip], Said]) -> Callable[[ToyClip], Told]:
    def told(clip: ToyClip) -> Told:
        one = said(clip)
        return {"question": one.question, "answer": one.answer, "reasoning": one.reasoning}

    return told


def _span(clip: ToyClip) -> Said:
    start, end = format_mmss(clip.light_on), format_mmss(clip.light_off)
    does = "freezes" if clip.alarm else f"moves {clip.direction}"
    return Said(
        f"What happens between {start} and {end}?",
        f"The light is {language.light_colour(clip)} and the {clip.colour} shape {does}.",
        f"{language.light_span(clip)} The light is {language.light_colour(clip)}. In that time the shape {does}.",
    )


def _cause(clip: ToyClip) -> Said:
    start, end = format_mmss(clip.light_on), format_mmss(clip.light_off)
    link = (
        f"At {start} the alarm comes on and the shape freezes; at {end} it goes off and the shape moves again."
        if clip.alarm
        else f"At {start} a white light comes on, at {end} it goes off; the shape moves {clip.direction} all the time."
    )
    return Said(
        f"How is what happens at {end} linked to what happens at {start}?", link, f"{language.light_span(clip)} {link}"
    )


def _scene(clip: ToyClip) -> Said:
    return Said(
        "What does the place look like?",
        "It is a dark room with a light along the whole ceiling.",
        "The picture is dark, and a strip along its upper edge can light up.",
    )


def _summary(clip: ToyClip) -> Said:
    why = "because the alarm makes it freeze" if clip.alarm else "and the light changes nothing"
    return Said(
        "What happens in the video, and why?",
        f"The {clip.colour} shape moves {clip.direction}, {why}.",
        f"{language.track(clip)} {language.light_span(clip)} The light is {language.light_colour(clip)}.",
    )


_TELLERS: dict[str, Callable[[ToyClip], Told]] = {
    "video_filtering": lambda clip: {"usable": True, "reason": "A steady view of one moving shape."},
    "video_anomaly_classification": lambda clip: {
        "observation": f"The light turns {language.light_colour(clip)}.",
        "rationale": "A magenta light is an alarm and stops the shape; a white one means nothing.",
        "class": "anomaly" if clip.alarm else "normal",
    },
    "global_caption": _global_caption,
    "dense_caption": _dense_caption,
    "chunk_caption": _chunk_caption,
    "highlight_timestamp_extraction": lambda clip: {"seconds": clip.light_on},
    "highlight_chunk_caption": _highlight_caption,
    "description": _description,
    "mcq": _mcq,
    "bcq": _bcq,
    "open_qa": _open(language.open_question),
    "causal_linkage": _open(_cause),
    "temporal_localization": _localization,
    "temporal_event_desc": _open(_span),
    "scene_description": _open(_scene),
    "event_summary": _open(_summary),
}


def _excuses() -> dict[str, Told]:
    options = {"A": "nothing of it", "B": "its first half", "C": "its second half", "D": "all of it"}
    yes_no = [
        {"question": f"Does the stand-in know {what}?", "answer": answer, "explanation": EXCUSE, "reasoning": EXCUSE}
        for what, answer in (("toy clips", "yes"), ("this video", "no"))
    ]
    return {
        "video_filtering": {"usable": True, "reason": EXCUSE},
        "video_anomaly_classification": {"observation": EXCUSE, "rationale": EXCUSE, "class": "normal"},
        **dict.fromkeys(("global_caption", "chunk_caption", "highlight_chunk_caption"), EXCUSE),
        "dense_caption": f"<00:00:00><00:00:01> {EXCUSE}",
        "highlight_timestamp_extraction": {"seconds": 0.0},
        "description": f"1. {EXCUSE}\n2. <00:00><00:01> {EXCUSE}\n3. {EXCUSE}",
        "mcq": {"question": "What is known of the video?", "options": options, "answer": "A", "reasoning": EXCUSE},
        "bcq": {"questions": yes_no},
        "temporal_localization": {
            "question": "When did the stand-in answer?", "start": "00:00", "end": "00:01", "reasoning": EXCUSE,
        },
        "open_qa": _excused("What does the stand-in know of this video?"),
        "scene_description": _excused("What does the stand-in know of the place?"),
        "event_summary": _excused("What does the stand-in know of the events?"),
        "causal_linkage": _excused("How does the stand-in link what happens at 00:00 and at 00:01?"),
        "temporal_event_desc": _excused("What does the stand-in know of the time between 00:00 and 00:01?"),
    }  # fmt: skip


def _excused(question: str) -> Told:
    return {"question": question, "answer": EXCUSE, "reasoning": EXCUSE}
