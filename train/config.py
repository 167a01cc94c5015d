"""What a training run is: one dataclass tree, read from the `train:` section of a recipe or a file of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from demitasse.student.modes import EvidenceSource, ResponseMode


@dataclass
class DataConfig:
    """What is learnt.

    Attributes:
        files: tao-vl-reason files, or folders of them.
        weights: how much each of `files` counts in what is drawn, in their order; empty takes every item once an epoch.
        balance: "task" draws each task of a file equally often, "none" as often as it has items.
        tasks: train on these tasks only; empty for all.
        response_mode: "answer" for the bare answer, "think" for the teacher's reasoning and then the answer,
            "explain_or_answer" for either, as the question ends; "evidence" and "answer_from_evidence" are two stages.
        evidence_source: what is answered from: "truth" the item's own evidence, "generated" what a student wrote,
            "mixed" each item once from either.
        evidence_from: folders of `demitasse predict --mode evidence` on these items, for generated evidence.
        cotasks: put these CoTasks before each question, by their digits: "1234", "12"; "" for none.
        cotasks_source: "oracle" the item's own, "shuffled" another question's, a control, "predicted" a student's.
        cotasks_from: folders of `demitasse predict` on the items of the CoTasks, for predicted ones.
        cotasks_or_not: each item is learnt both with them and without, so that the student can be asked either way.
        max_tokens: an item that takes more is over-long; None sets no limit. Nothing is ever cut.
        over_long: "error" refuses to start, naming such items; "drop" leaves them out, counted and named.
        max_unreadable: the run stops when more than this share of all items could not be read. Up to there each is
            counted, named in `unreadable.jsonl`, and learnt nothing from.
        cache_dir: where decoded frames are kept.
        workers: processes that encode ahead; 0 encodes between the steps.
    """

    files: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list, metadata={"gt": 0, "le": 1e9})
    balance: Literal["none", "task"] = "none"
    tasks: list[str] = field(default_factory=list)
    response_mode: ResponseMode = "think"
    evidence_source: EvidenceSource = "truth"
    evidence_from: list[str] = field(default_factory=list)
    cotasks: str = ""
    cotasks_source: Literal["oracle", "shuffled", "predicted"] = "oracle"
    cotasks_from: list[str] = field(default_factory=list)
    cotasks_or_not: bool = False
    max_tokens: int | None = field(default=None, metadata={"gt": 0})
    over_long: Literal["error", "drop"] = "error"
    max_unreadable: float = field(default=0.0, metadata={"ge": 0, "le": 1})
    cache_dir: str = "runs/cache"
    workers: int = field(default=0, metadata={"ge": 0})


@dataclass
class FramesConfig:
    """How a video becomes frames. The same numbers must be used when the student is asked.

    Attributes:
        fps: frames a second of video.
        max_frames: most frames of one video; longer ones are sampled more thinly.
        min_frames: fewest frames of one video; shorter ones are sampled more densely.
        max_pixels: most pixels of one frame; None keeps the model's own bound.
        min_pixels: fewest pixels of one frame; None keeps the model's own bound.
        video_pixels: most pixels of all frames of one video together, which lowers the bound of each; None sets none.
    """

    fps: float = field(default=1.0, metadata={"gt": 0})
    max_frames: int = field(default=64, metadata={"gt": 0})
    min_frames: int = field(default=4, metadata={"gt": 0})
    max_pixels: int | None = field(default=None, metadata={"gt": 0})
    min_pixels: int | None = field(default=None, metadata={"gt": 0})
    video_pixels: int | None = field(default=None, metadata={"gt": 0})


@dataclass
class LoraConfig:
    """Low-rank adapters beside linear layers.

    Attributes:
        r: rank.
        alpha: scale; the update is multiplied by alpha / r, or by alpha / sqrt(r) with `variant` rslora.
        dropout: of the adapter's input.
        targets: names of linear layers, in every part that learns by LoRA; empty takes all linear layers there, but
            not a mixture's experts, which have to be named. A name that matches nothing is an error.
        variant: "rslora" scales so that higher ranks learn as fast, "dora" learns the weights' lengths apart.
    """

    r: int = field(default=16, metadata={"gt": 0})
    alpha: int = field(default=32, metadata={"gt": 0})
    dropout: float = field(default=0.0, metadata={"ge": 0, "lt": 1})
    targets: list[str] = field(default_factory=list)
    variant: Literal["lora", "rslora", "dora"] = "lora"


@dataclass
class PartConfig:
    """How one part of the model learns.

    Attributes:
        learn: "full" its own weights, "lora" adapters beside them, "frozen" nothing; "auto" as `model.method` says.
        lr: its own peak learning rate; None takes optim.lr.
    """

    learn: Literal["auto", "full", "lora", "frozen"] = "auto"
    lr: float | None = field(default=None, metadata={"gt": 0, "le": 10})


@dataclass
class ModelConfig:
    """The student.

    Attributes:
        path: folder of a Qwen-VL model.
        method: what parts left at "auto" do: with "full" all of them learn; with "lora" the language model gets
            adapters and the others are frozen; "qlora" is the same over weights kept in 4 bits (needs bitsandbytes).
        vision: the vision tower but for its merger.
        merger: what maps vision to language, with Qwen3-VL's deepstack mergers.
        language: the decoder's layers.
        embeddings: the token embeddings and the head.
        dtype: of the weights while training; "auto" keeps what learns in full in float32 and the rest in the
            checkpoint's own type, computes in that on a GPU, and saves in that. "bfloat16" keeps all in 16 bits, which
            saves 8 bytes a weight and loses small updates; "float32" keeps, computes and saves in 32.
        attention: "sdpa", or "flash_attention_2" where it is installed.
        checkpointing: keep fewer activations and compute them again, for less memory and more time.
        compile: let torch.compile make the decoder's layers; pays on a GPU, in long runs.
        system_prompt: put before every question, in training and when asked.
        positions: where text goes on behind a video, in training and when asked. "qwen" as Qwen's published code and
            vLLM's own implementation have it, which is what published weights learnt; "transformers" as the installed
            transformers has it, for a loss that equals its own, or to serve with it. "auto" as the weights in `path`
            learnt: by their `demitasse.json`, and without one "qwen". They differ for Qwen2-VL and Qwen2.5-VL alone,
            in videos that take more positions in time than a frame has tokens on its larger side.
    """

    path: str = ""
    method: Literal["full", "lora", "qlora"] = "full"
    vision: PartConfig = field(default_factory=PartConfig)
    merger: PartConfig = field(default_factory=PartConfig)
    language: PartConfig = field(default_factory=PartConfig)
    embeddings: PartConfig = field(default_factory=PartConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    checkpointing: bool = False
    compile: bool = False
    system_prompt: str = ""
    positions: Literal["auto", "qwen", "transformers"] = "auto"


@dataclass
class LossConfig:
    """What a token weighs. A weight stands in the sum and in what it is divided by, so that it moves no learning rate.

    Attributes:
        normalise: "token" divides a step's loss by its target tokens' weights, "sample" weighs each item alike.
        reasoning: weight of the tokens of the reasoning.
        answer: weight of the tokens of the answer.
        structure: weight of the tags around them, and of the end of the turn.
        boxes: weight of the digits of boxes, wherever they are written.
    """

    normalise: Literal["token", "sample"] = "token"
    reasoning: float = field(default=1.0, metadata={"ge": 0})
    answer: float = field(default=1.0, metadata={"ge": 0})
    structure: float = field(default=1.0, metadata={"ge": 0})
    boxes: float = field(default=1.0, metadata={"ge": 0})


@dataclass
class OptimConfig:
    """AdamW with linear warm-up, and a fall to zero.

    Attributes:
        steps: optimizer steps; 0 takes `epochs` instead.
        epochs: passes over the data, when `steps` is 0.
        batch_size: items a step, over all processes and micro-batches.
        micro_batch_size: items in one forward pass of one process; not used when packing.
        pack: lay the items of a step end to end in rows without padding, each blind to its neighbours.
        pack_tokens: most tokens of such a row, one row a forward pass; a longer item has a row of its own.
        schedule: how the rate falls after warm-up.
        warmup: a number of steps, or a share of them when below 1.
        max_grad_norm: the gradient's norm is cut to this.
    """

    lr: float = field(default=1e-5, metadata={"gt": 0, "le": 10})
    steps: int = field(default=0, metadata={"ge": 0})
    epochs: float = field(default=1.0, metadata={"gt": 0, "le": 1e6})
    batch_size: int = field(default=16, metadata={"gt": 0})
    micro_batch_size: int = field(default=16, metadata={"gt": 0})
    pack: bool = False
    pack_tokens: int = field(default=8192, metadata={"gt": 0})
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = field(default=0.03, metadata={"ge": 0})
    betas: tuple[float, float] = field(default=(0.9, 0.999), metadata={"ge": 0, "lt": 1})
    weight_decay: float = field(default=0.01, metadata={"ge": 0})
    max_grad_norm: float = field(default=1.0, metadata={"gt": 0})


@dataclass
class ValidateConfig:
    """Held-out items that are asked and scored while training, as `demitasse predict` and `score` would.

    Attributes:
        files: tao-vl-reason files, or folders of them; empty validates nothing.
        tasks: only these; empty for all.
        every: steps between two rounds; there is one before the first step, and one after the last.
        items: at most so many, the same ones in every round; 0 takes all.
        batch_size: items asked at once.
        max_new_tokens: an answer is cut there.
        metric: what tells the best checkpoint: a name in the rows of `validation.jsonl`; "" for the mean of the tasks.
        patience: stop after so many rounds without a better one; 0 never does.
        samples: this many questions, answers and references are kept of each round, as a table.
    """

    files: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    every: int = field(default=200, metadata={"gt": 0})
    items: int = field(default=200, metadata={"ge": 0})
    batch_size: int = field(default=8, metadata={"gt": 0})
    max_new_tokens: int = field(default=256, metadata={"gt": 0})
    metric: str = ""
    patience: int = field(default=0, metadata={"ge": 0})
    samples: int = field(default=20, metadata={"ge": 0})


@dataclass
class GuardConfig:
    """What happens when a step goes wrong.

    Attributes:
        not_finite: a loss or gradient that is no number: "stop" ends the run, "skip" leaves the step out, counted.
        spike: a loss this many times the median of the last `window` steps is left out, counted; 0 never looks.
        window: steps that the median is taken over.
        most: the run stops after so many steps left out, one after the other.
    """

    not_finite: Literal["stop", "skip"] = "stop"
    spike: float = field(default=0.0, metadata={"ge": 0})
    window: int = field(default=50, metadata={"gt": 0})
    most: int = field(default=5, metadata={"gt": 0})


@dataclass
class TrackConfig:
    """Where the run is followed, besides the console and `log.jsonl`.

    Attributes:
        log_every: steps between two lines on the console; `log.jsonl` has one for each step.
        to: trackers, any of "wandb", "tensorboard" and "trackio".
        wandb: "offline" writes files to sync later, "online" needs an account.
        project: the project's name at a tracker.
    """

    log_every: int = field(default=10, metadata={"gt": 0})
    to: list[Literal["wandb", "tensorboard", "trackio"]] = field(default_factory=list)
    wandb: Literal["offline", "online"] = "offline"
    project: str = "demitasse"


@dataclass
class TrainConfig:
    """A training run.

    Attributes:
        output_dir: checkpoints, the trained student, the log and the resolved configuration go here.
        save_every: steps between two checkpoints; 0 keeps only the end.
        keep_checkpoints: older ones are deleted, but for the best.
        seed: of the order of items, dropout and adapters.
    """

    output_dir: str = "runs/train"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    frames: FramesConfig = field(default_factory=FramesConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    validate: ValidateConfig = field(default_factory=ValidateConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    save_every: int = field(default=200, metadata={"ge": 0})
    keep_checkpoints: int = field(default=2, metadata={"gt": 0})
    seed: int = field(default=0, metadata={"ge": 0})
