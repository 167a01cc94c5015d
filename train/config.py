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
        cache_dir: where decoded frames are kept.
        workers: processes that encode ahead; 0 encodes between the steps.
    """

    files: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    response_mode: ResponseMode = "think"
    evidence_source: EvidenceSource = "truth"
    evidence_from: list[str] = field(default_factory=list)
    cotasks: str = ""
    cotasks_source: Literal["oracle", "shuffled", "predicted"] = "oracle"
    cotasks_from: list[str] = field(default_factory=list)
    cotasks_or_not: bool = False
    cache_dir: str = "runs/cache"
    workers: int = field(default=0, metadata={"ge": 0})


@dataclass
class FramesConfig:
    """How a video becomes frames. The same numbers must be used when the student is asked.

    Attributes:
        fps: frames a second of video.
        max_frames: most frames of one video; longer ones are sampled more thinly.
        max_pixels: most pixels of one frame; None keeps the model's own bound.
        min_pixels: fewest pixels of one frame; None keeps the model's own bound.
    """

    fps: float = field(default=1.0, metadata={"gt": 0})
    max_frames: int = field(default=64, metadata={"gt": 0})
    max_pixels: int | None = field(default=None, metadata={"gt": 0})
    min_pixels: int | None = field(default=None, metadata={"gt": 0})


@dataclass
class LoraConfig:
    """Low-rank adapters on linear layers of the language model and, where named, the vision tower.

    Attributes:
        r: rank.
        alpha: scale; the update is multiplied by alpha / r.
        dropout: of the adapter's input.
        targets: names of linear layers; a name that matches nothing is an error.
        parts: where to look for them.
    """

    r: int = field(default=16, metadata={"gt": 0})
    alpha: int = field(default=32, metadata={"gt": 0})
    dropout: float = field(default=0.0, metadata={"ge": 0, "lt": 1})
    targets: list[str] = field(
        default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    )
    parts: list[Literal["language", "vision", "merger"]] = field(default_factory=lambda: ["language"])


@dataclass
class ModelConfig:
    """The student.

    Attributes:
        path: folder of a Qwen-VL model.
        method: "full" trains the weights themselves, "lora" small adapters beside them.
        frozen: parts that do not learn ("full" only).
        dtype: of the weights while training; "auto" is the checkpoint's own.
        system_prompt: put before every question, in training and when asked.
    """

    path: str = ""
    method: Literal["full", "lora"] = "full"
    frozen: list[Literal["vision", "merger", "language", "embeddings"]] = field(default_factory=list)
    lora: LoraConfig = field(default_factory=LoraConfig)
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    system_prompt: str = ""


@dataclass
class OptimConfig:
    """AdamW with linear warm-up and a cosine to zero.

    Attributes:
        steps: optimizer steps; 0 takes `epochs` instead.
        epochs: passes over the data, when `steps` is 0.
        batch_size: items a step, over all processes and micro-batches.
        micro_batch_size: items in one forward pass of one process.
        warmup: a number of steps, or a share of them when below 1.
        max_grad_norm: the gradient's norm is cut to this.
    """

    lr: float = field(default=1e-5, metadata={"gt": 0})
    steps: int = field(default=0, metadata={"ge": 0})
    epochs: float = field(default=1.0, metadata={"gt": 0})
    batch_size: int = field(default=16, metadata={"gt": 0})
    micro_batch_size: int = field(default=16, metadata={"gt": 0})
    warmup: float = field(default=0.03, metadata={"ge": 0})
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = field(default=0.01, metadata={"ge": 0})
    max_grad_norm: float = field(default=1.0, metadata={"gt": 0})


@dataclass
class TrackConfig:
    """Where the run is followed, besides the console and `log.jsonl`.

    Attributes:
        log_every: steps between two lines.
        wandb: "offline" writes files to sync later, "online" needs an account; "disabled" does nothing.
        project: the project's name at Weights & Biases.
    """

    log_every: int = field(default=10, metadata={"gt": 0})
    wandb: Literal["disabled", "offline", "online"] = "disabled"
    project: str = "demitasse"


@dataclass
class TrainConfig:
    """A training run.

    Attributes:
        output_dir: checkpoints, the trained student, the log and the resolved configuration go here.
        save_every: steps between two checkpoints; 0 keeps only the end.
        keep_checkpoints: older ones are deleted.
        seed: of the order of items, dropout and adapters.
    """

    output_dir: str = "runs/train"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    frames: FramesConfig = field(default_factory=FramesConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    save_every: int = field(default=200, metadata={"ge": 0})
    keep_checkpoints: int = field(default=2, metadata={"gt": 0})
    seed: int = 0
