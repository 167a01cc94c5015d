"""What both sides of `train_vs_trl.py` learn: the same weights, frames, words and order.

A peer that has no video path is shown a video's frames as pictures, so ours is shown them so, too: each frame fills a
temporal patch of its own between its own marks (`pictures_family`). The frames go through our cache as a user's would;
the peer is given the same pixels as decoded arrays.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from train.config import TrainConfig

FAMILIES = ("qwen3_vl", "qwen2_5_vl")
Lengths = Literal["uniform", "skewed"]
SIDE = 128  # pixels of a frame's sides: 4 x 4 tokens, and no side has to resize
FRAMES = {"uniform": (8, 8, 8), "skewed": (0, 1, 16)}  # frames of the three kinds of items, a third of the items each
SENTENCES = {"uniform": (4,) * 7, "skewed": range(1, 8)}  # of the reasoning
REAL_VOCABULARY = 151_936
HIDDEN, LAYERS, HEADS = 128, 4, 4
# The share of the vision tower in the work lies between those of Qwen3-VL 2B and 8B (a token of language stands for
# four patches): 0.6 of the language model's for each of its tokens.
VISION = {"hidden_size": 64, "intermediate_size": 128, "depth": 2, "num_heads": 4}


@dataclass(frozen=True)
class Race:
    """One race: what is trained on what, and how long. Written as JSON for both sides.

    `accumulate` splits the items of a step into as many micro-batches; `pack` is ours alone.
    """

    folder: str
    family: str
    lengths: Lengths
    vocabulary: int
    steps: int  # in a round
    rounds: int  # with the warm-up
    batch: int = 8
    accumulate: int = 1
    pack: bool = False
    pack_tokens: int = 8192
    threads: int = 1
    lr: float = 1e-4
    clip: float = 1.0
    gradients: bool = False

    @property
    def name(self) -> str:
        """For a person."""
        words = "152k" if self.vocabulary else "small"
        return f"{self.family} {self.lengths} {words}"

    @property
    def items(self) -> int:
        """Items that are learnt: none twice."""
        return self.steps * self.rounds * self.batch

    @property
    def model(self) -> Path:
        """The student's folder."""
        return Path(self.folder) / f"{self.family}-{self.vocabulary}"

    def write(self, path: Path) -> Path:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)))
        return path


def make_model(race: Race) -> None:
    """A tiny model of the family, with the released ones' vocabulary if the race says so."""
    from transformers import AutoModelForImageTextToText

    from demitasse.student.tiny import CONTROL_TOKENS, build_tokenizer, save_tiny
    from demitasse.student.tiny_configs import tiny_config

    if race.model.is_dir():
        return
    tokenizer = build_tokenizer([" ".join(words(number, 9)) for number in range(8)])
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in CONTROL_TOKENS}
    size = race.vocabulary or len(tokenizer)
    config = tiny_config(race.family, ids, size, (HIDDEN, LAYERS, HEADS, 16))  # type: ignore[arg-type]
    for name, value in VISION.items():
        setattr(config.vision_config, name, value)
    model: Any = AutoModelForImageTextToText.from_config(config)
    save_tiny(model, tokenizer, race.model, side=SIDE)


def words(number: int, sentences: int) -> tuple[str, str, str]:
    """Question, reasoning of so many sentences, and answer; as many tokens for every number below a thousand."""
    spot = " ".join(f"{number:03d}")
    question = f"Clip {spot}: what happens here, in which order, and which of the two is meant? Say it in one word."
    line = "At mark {} the box of clip {} stands left of the line and moves on to the right."
    reasoning = " ".join(line.format(step, spot) for step in range(sentences))
    return question, reasoning, "right"


def make_items(race: Race) -> Path:
    """The items' file with its media, of which there are eight of each kind."""
    from demitasse.dataset import Item, TaskFile, write
    from demitasse.dataset.shown_frames import with_shown_frames

    folder = Path(race.folder) / race.lengths
    folder.mkdir(parents=True, exist_ok=True)
    kinds = FRAMES[race.lengths]
    items = []
    for number in range(race.items):
        question, reasoning, answer = words(number % 1000, SENTENCES[race.lengths][number % 7])
        frames, medium = kinds[number % 3], number // 3 % 8
        if frames == 1:
            item = Item(question, answer, image_id=picture(folder, medium), reasoning=reasoning)
        else:
            video = clip(folder, medium, frames) if frames else "nothing.mp4"
            seconds = [index + 0.5 for index in range(frames)]
            item = with_shown_frames(Item(question, answer, video_id=video, reasoning=reasoning), seconds)
        items.append(replace(item, item_index=str(number)))
    path = folder / f"items_{race.items}.json"
    write(path, TaskFile(items, task="open_qa", license="Apache-2.0", media_root="."))
    return path


def pixels(medium: int, frames: int) -> np.ndarray[Any, Any]:
    """A box that slides over a textured floor: uint8 [frames, SIDE, SIDE, 3]."""
    import numpy as np

    random = np.random.default_rng(medium)
    floor = np.kron(random.integers(40, 200, (SIDE // 8, SIDE // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    shown = np.tile(floor, (frames, 1, 1, 1))
    for index in range(frames):
        shown[index, 48:80, 6 * index : 6 * index + 24] = (220, 40, 40)
    return shown


def picture(folder: Path, medium: int) -> str:
    """The name of an image file."""
    from PIL import Image

    path = folder / f"{medium}.png"
    if not path.exists():
        Image.fromarray(pixels(medium, 1)[0]).save(path)
    return path.name


def clip(folder: Path, medium: int, frames: int) -> str:
    """The name of a video of one frame a second."""
    path = folder / f"{medium}_{frames}.mp4"
    if not path.exists():
        write_video(path, pixels(medium, frames), 1)
    return path.name


def write_video(path: Path, frames: np.ndarray[Any, Any], rate: int) -> None:
    """As H.264."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "23"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_rows(race: Race, items: Path, path: Path) -> Path:
    """What either side reads: our recipe, and the peer's rows in the order in which we shall learn the items."""
    recipe = path.with_name("recipe.yaml")
    recipe.write_text(json.dumps({"train": recipe_of(race, items)}))
    told = {"recipe": str(recipe), "model": str(race.model), "output": f"{race.folder}/peer"}
    path.write_text(json.dumps({**told, "rows": peer_rows(race, recipe)}))
    return path


def recipe_of(race: Race, items: Path) -> dict[str, Any]:
    """Our settings; what is not named is the default, and on the other side the same or off."""
    return {
        "output_dir": tempfile.mkdtemp(dir=race.folder),
        "model": {"path": str(race.model), "dtype": "float32", "positions": "transformers"},  # as the peers count
        "data": {"files": [str(items)], "cache_dir": f"{race.folder}/cache"},
        "frames": {"fps": 1, "max_frames": 16},
        "optim": {
            "lr": race.lr,
            "steps": race.steps * race.rounds,
            "batch_size": race.batch,
            "micro_batch_size": race.batch // race.accumulate,
            "pack": race.pack,
            "pack_tokens": race.pack_tokens,
            "schedule": "constant",
            "warmup": 0,
            "weight_decay": 0.0,
            "max_grad_norm": race.clip,
        },
        "save_every": 0,
    }


def peer_rows(race: Race, recipe: Path) -> list[dict[str, str]]:
    """Prompt and completion as text, and a file of decoded frames or nothing, in the order of our run."""
    from demitasse.config import read_config
    from demitasse.dataset.shown_frames import shown_frames
    from demitasse.student.modes import target_text
    from train.config import TrainConfig
    from train.data.lessons import read_lessons
    from train.data.mixture import Order

    config = read_config(TrainConfig, recipe, [], section="train")
    lessons = read_lessons(config.data)
    rows = []
    for place in Order(lessons, config.data, config.seed).items(0, race.items):
        lesson = lessons[place]
        count = 1 if lesson.item.image_id else len(shown_frames(lesson.item) or [])
        marks = "<|vision_start|><|image_pad|><|vision_end|>" * count
        rows.append(
            {
                "prompt": f"<|im_start|>user\n{marks}{lesson.item.question}<|im_end|>\n<|im_start|>assistant\n",
                "completion": f"{target_text(lesson.item, lesson.way)}<|im_end|>",
                "frames": str(decoded(lesson.media, config)) if count else "",
            }
        )
    return rows


def decoded(medium: Path, config: TrainConfig) -> Path:
    """The medium's frames as we see them, as a file of uint8 [frames, height, width, 3]."""
    import numpy as np

    from demitasse.media.cache import FrameCache
    from demitasse.media.images import read_image
    from demitasse.media.sample import SamplingPolicy

    path = medium.with_suffix(".npy")
    if not path.exists():
        policy = SamplingPolicy(fps=config.frames.fps, max_frames=config.frames.max_frames)
        picture = medium.suffix == ".png"
        found = read_image(medium)[None] if picture else FrameCache(config.data.cache_dir).frames(medium, policy).pixels
        np.save(path, found)
    return path
