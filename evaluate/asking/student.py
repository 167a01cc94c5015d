"""The student that `predict` asks: a local Qwen-VL model, and everything that decides its answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from demitasse.errors import ConfigError
from demitasse.student.modes import AskMode, Frames, Positions
from demitasse.student.record import PUBLISHED
from demitasse.student.weights import model_hash
from evaluate.records import Json

if TYPE_CHECKING:
    from demitasse.student.generate import Answerer


Mcq = Literal["generate", "letters"]
AT_ONCE: tuple[AskMode, ...] = ("answer", "answer_from_evidence")  # ways in which an answer begins with its letter


@dataclass(frozen=True, slots=True)
class StudentSettings:
    """How a student is asked. Frames and system prompt must be those of its training (`evaluate.asking.as_trained`).

    Attributes:
        model: folder of a model or of a LoRA adapter.
        mode: the way of asking; "two_stage" asks for evidence and then for the answer from it.
        frames: "video", or a control: "first" for a video of its first frame, "shuffled" for another item's video,
            "blank" for black frames, which keeps everything but the seeing, "none" for text alone, without media.
        fps: frames a second of video.
        max_frames: most frames of one video.
        min_frames: fewest frames of one video.
        video_pixels: most pixels of all frames of one video together, which lowers the bound of each.
        min_pixels, max_pixels: of one frame; None keeps the model's own bounds.
        max_new_tokens: an answer longer than this is cut, and counted as cut.
        system_prompt: put before every question.
        positions: where text goes on behind a video (`demitasse.student.family.goes_on`).
        dtype: of the weights; "auto" is the checkpoint's own.
        mcq: "letters" answers multiple choice by the likeliest of the options' letters, in one forward pass.
        temperature: 0 for the likeliest words; else they are drawn.
        seed: of what is drawn.

    Raises:
        ConfigError: if the settings contradict one another.
    """

    model: Path
    mode: AskMode = "answer"
    frames: Frames = "video"
    fps: float = 1.0
    max_frames: int = 64
    min_frames: int = 4
    min_pixels: int | None = None
    max_pixels: int | None = None
    video_pixels: int | None = None
    max_new_tokens: int = 512
    system_prompt: str = ""
    positions: Positions = PUBLISHED
    dtype: str = "auto"
    mcq: Mcq = "generate"
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.mcq == "letters" and self.mode not in AT_ONCE:
            raise ConfigError(
                f"--mcq letters looks at the letter that an answer begins with, and with --mode {self.mode} other "
                f"words come before it; it goes with {' and '.join(AT_ONCE)}"
            )
        if self.temperature > 0 and self.mode == "two_stage":
            raise ConfigError("--mode two_stage is greedy in this process; leave --temperature at 0")

    def shown(self) -> Json:
        """How it is asked, as JSON, but for what decides among likely words."""
        return {name: value for name, value in asdict(self).items() if name not in ("temperature", "seed")}

    def record(self) -> Json:
        """All that decides the answers, as JSON: the hash of the weights stands for the folder, which may be moved.

        Raises:
            ConfigError: if the folder holds no model.
        """
        decoding = {"temperature": self.temperature, "seed": self.seed} if self.temperature else "greedy"
        return {**self.shown(), "model": model_hash(self.model), "decoding": decoding}


def open_student(settings: StudentSettings, cache: Path, device: str = "auto") -> Answerer:
    """Load the student.

    Args:
        settings: how it is asked.
        cache: folder of decoded frames.
        device: "auto" takes a GPU where there is one.

    Raises:
        ConfigError: if the folder is not a supported model, or the frame limits contradict each other.
    """
    from demitasse.media.cache import FrameCache
    from demitasse.media.sample import SamplingPolicy
    from demitasse.student.generate import Answerer
    from demitasse.student.load import load_student
    from demitasse.student.sight import Sight, SightSettings

    policy = SamplingPolicy(settings.fps, settings.max_frames, settings.min_frames)
    student = load_student(
        settings.model,
        settings.dtype,
        device,
        settings.min_pixels,
        settings.max_pixels,
        settings.system_prompt,
        settings.positions,
    )
    seen = SightSettings(policy, settings.max_pixels, settings.frames, settings.video_pixels)
    sight = Sight(seen, FrameCache(cache), student.encoder.vision)
    return Answerer(student, sight, settings.max_new_tokens, settings.mode, settings.temperature, settings.seed)
