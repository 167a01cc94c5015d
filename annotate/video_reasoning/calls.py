"""The calls that each step makes about a video, and what they are taken to say: a plan's picture of the steps.

The steps themselves decide what is asked. What is here follows them by hand, and the tests hold a plan to the number
of requests that a run then sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from annotate.forms import Form
from annotate.video_reasoning.chunks import windows
from annotate.video_reasoning.config import Workflow
from annotate.video_reasoning.filter import CLASS, FILTER
from annotate.video_reasoning.highlight import MOMENT, around
from annotate.video_reasoning.prompt_keys import qa_key
from annotate.video_reasoning.questions import FORMS

# Tokens that a reply takes, before any was counted: what the prompts ask for ("two or three sentences", "one
# paragraph"), in round numbers. As soon as a results folder holds replies to a prompt, their mean counts instead.
_SHORT, _SENTENCES, _LONG = 60, 250, 500
REPLY_TOKENS = {"0": _SHORT, "1a": _LONG, "1b": _SENTENCES, "1c": _SENTENCES, "2": 2 * _LONG, "3": _SENTENCES}


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        endpoint: "vlm" or "llm".
        prompt: its key in the pack.
        seconds: of the footage that is shown; None for none.
        form: of the reply; None for free text.
    """

    endpoint: str
    prompt: str
    seconds: float | None = None
    form: Form[Any] | None = None


def calls_of(step: str, workflow: Workflow, length: float, mode: str, classified: bool) -> Iterator[Call]:
    """The calls of a step about a video of `length` seconds.

    Args:
        step: its name in the graph.
        workflow: the run's.
        length: seconds.
        mode: the video's.
        classified: whether the mode is the teacher's to find.
    """
    if step == "0":
        yield Call("vlm", "video_filtering", length, FILTER)
        if classified:
            yield Call("vlm", "video_anomaly_classification", length, CLASS)
    if step == "1a":
        yield Call("vlm", f"{mode}_global_caption", length)
        yield Call("vlm", f"{mode}_dense_caption", length)
    if step == "1b":
        for start, end in windows(length, workflow.chunk_duration_options, workflow.max_chunks):
            yield Call("vlm", f"{mode}_chunk_caption", end - start)
    if step == "1c" and mode == "anomaly":
        start, end = around(length / 2, length, workflow.highlight_before_sec, workflow.highlight_after_sec)
        yield Call("llm", "highlight_timestamp_extraction", None, MOMENT)
        yield Call("vlm", "highlight_chunk_caption", end - start)
    if step == "2":
        yield Call("llm", f"{mode}_description")
    if step.startswith("3/"):
        qa_type = step.removeprefix("3/")
        yield Call("llm", qa_key(mode, qa_type), None, FORMS[qa_type])


def values_for(length: float, chunks: int, mode: str) -> dict[str, str]:
    """What the prompts' placeholders will hold: texts of about the length that earlier steps' replies have."""

    def text(step: str, times: int = 1) -> str:
        return "text" * REPLY_TOKENS[step] * times

    number = f"{length:.1f}"
    return {
        "video_length": number,
        "chunk_duration": number,
        "anomaly_time": number,
        "start_time": number,
        "end_time": number,
        "duration": number,
        "global_caption": text("1a"),
        "dense_caption": text("1a"),
        "dense_section": text("1a"),
        "chunk_captions_str": text("1b", chunks),
        "highlight_section": text("1c") if mode == "anomaly" else "",
        "step_2_output": text("2"),
    }
