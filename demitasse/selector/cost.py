"""What looking at a video costs, in floating-point operations, with the selector's own part counted.

The rule is the usual one: two operations for each weight that a token passes, and the attention of each token to those
before it. Each frame goes through the eye and becomes tokens; all tokens are read once, and a reply is written a token
at a time with what was read kept. Norms, softmax and resizing are left out: below a hundredth of the whole.

VideoEspresso's Table 5 counts the reasoner alone: its figures are a cost a frame times the frames kept (73.23 / 16 *
2.77 = 12.68). That captioning every sampled frame costs something too is what `selected_cost` adds.
"""

from __future__ import annotations

from dataclasses import dataclass

from demitasse.geometry import smart_resize
from demitasse.selector.dimensions import Dimensions, Eye, Tower

TERA = 1e12
NUMBERING = 3  # tokens of a caption's number, full stop and line end


@dataclass(frozen=True, slots=True)
class Case:
    """The video and the texts on which a cost is counted.

    Attributes:
        frames: sampled frames, a second apart where nothing else is said: VideoEspresso's 16 seconds.
        kept: frames that the selector keeps, on average.
        width, height: of a frame in pixels, as the models are shown it.
        prompt, answer: tokens of the question and of the reasoner's answer.
        caption_prompt, caption: tokens of a captioner's question and of a caption.
        pick: tokens of a picker's reply.
        each: whether a picker is asked frame by frame (`picking`), and not once about all captions.
    """

    frames: int = 16
    kept: float = 4.0
    width: int = 448
    height: int = 448
    prompt: int = 100
    answer: int = 100
    caption_prompt: int = 30
    caption: int = 40
    pick: int = 10
    each: bool = False


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall-clock seconds of one question: shown all frames, shown the kept ones, and of selecting them."""

    all_frames: float
    reasoning: float
    selecting: float


@dataclass(frozen=True, slots=True)
class Cost:
    """One reasoner's row: TFLOPs of one question.

    Attributes:
        reasoner: its name.
        frames_in, frames_kept: what the selector saw, and what the reasoner is shown.
        token_ratio: vision tokens of the kept frames over those of all frames.
        all_frames: the reasoner shown all frames, without a selector.
        reasoning, selecting: the reasoner shown the kept ones, and captioner and picker together.
        seconds: measured on this machine, where that was asked for.
    """

    reasoner: str
    frames_in: int
    frames_kept: float
    token_ratio: float
    all_frames: float
    reasoning: float
    selecting: float
    seconds: Seconds | None = None

    @property
    def total(self) -> float:
        """What a question really takes."""
        return self.reasoning + self.selecting


def selected_cost(reasoner: Dimensions, captioner: Dimensions | None, picker: Dimensions | None, case: Case) -> Cost:
    """The cost of one question with the selector and without."""
    whole, kept = frame_tokens(reasoner, case.frames, case), kept_tokens(reasoner, case.kept, case)
    all_frames = looking(reasoner, case.frames, case) + speaking(reasoner, whole + case.prompt, case.answer)
    shown = case.kept * _temporal(reasoner)
    reasoning = looking(reasoner, shown, case) + speaking(reasoner, kept + case.prompt, case.answer)
    return Cost(
        reasoner=reasoner.name,
        frames_in=case.frames,
        frames_kept=case.kept,
        token_ratio=kept / whole if whole else 0.0,
        all_frames=all_frames / TERA,
        reasoning=reasoning / TERA,
        selecting=selecting(captioner, picker, case) / TERA,
    )


def selecting(captioner: Dimensions | None, picker: Dimensions | None, case: Case) -> float:
    """Operations of captioning every sampled frame, and of picking by the captions. None does neither."""
    total = 0.0
    if captioner is not None:
        shown = _temporal(captioner)  # a frame alone fills a temporal patch
        read = kept_tokens(captioner, 1, case) + case.caption_prompt
        total += case.frames * (looking(captioner, shown, case) + speaking(captioner, read, case.caption))
    if picker is not None:
        read, times = picker_reads(case)
        total += times * speaking(picker, read, case.pick)
    return total


def picker_reads(case: Case) -> tuple[int, int]:
    """Tokens that a picker reads at once, and how often."""
    if case.each:
        return case.prompt + case.caption + NUMBERING, case.frames
    return case.prompt + case.frames * (case.caption + NUMBERING), 1


def frame_tokens(model: Dimensions, frames: float, case: Case) -> float:
    """Vision tokens of frames that are neighbours in time: two of them share a patch with Qwen-VL."""
    if model.eye is None:
        return 0.0
    rows, columns = _patches(model.eye, case)
    patches = -(-frames // model.eye.temporal) if float(frames).is_integer() else frames / model.eye.temporal
    return patches * rows * columns / model.eye.merge**2


def kept_tokens(model: Dimensions, frames: float, case: Case) -> float:
    """Vision tokens of frames that were chosen: each fills a temporal patch of its own."""
    return frame_tokens(model, frames * _temporal(model), case)


def looking(model: Dimensions, frames: float, case: Case) -> float:
    """Operations of the eye."""
    if model.eye is None:
        return 0.0
    rows, columns = _patches(model.eye, case)
    patches = frames / model.eye.temporal
    tokens = rows * columns
    return patches * (2 * tokens * model.eye.tower.weights + _attention(model.eye.tower, tokens * tokens))


def speaking(model: Dimensions, read: float, written: float) -> float:
    """Operations of the language model that reads so many tokens and writes so many; each written one has a word
    chosen for it from the whole vocabulary."""
    tower, tokens = model.language, read + written
    # A token attends to itself and to what stands before it: half of all pairs.
    pairs = tokens * (tokens + 1) / 2
    return 2 * tokens * tower.weights + _attention(tower, pairs) + 2 * written * tower.hidden * model.vocabulary


def _attention(tower: Tower, pairs: float) -> float:
    """Scores and sums: two products of a head's width for each pair and head."""
    return 4 * pairs * tower.layers * tower.heads * tower.head_dim


def _temporal(model: Dimensions) -> int:
    return model.eye.temporal if model.eye else 1


def _patches(eye: Eye, case: Case) -> tuple[int, int]:
    """Rows and columns of patches of one frame."""
    if eye.side is not None:
        return eye.side // eye.patch, eye.side // eye.patch
    factor = eye.patch * eye.merge
    height, width = smart_resize(case.height, case.width, factor, factor * factor, 2**31)
    return height // eye.patch, width // eye.patch
