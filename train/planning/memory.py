"""What a training step takes of a GPU's memory, from the shapes of a model that need not have weights.

Weights, gradients and AdamW's two moments are counted parameter by parameter, each in the type that it is kept in.
Where products are computed in bfloat16 by autocast, what is multiplied is kept in it for the backward pass: a copy of
the weights that are kept in float32, and of each layer's inputs. Activations are what autograd keeps for the backward
pass, counted tensor by tensor for the layers that the Qwen-VL families are made of; tests measure it. The attention is
one of those that keep no scores (SDPA's fused kernels, flash attention). Where logits are computed in chunks, as
`train.loop.loss` does, one chunk counts. The method is that of Korthikanti et al., "Reducing Activation Recomputation
in Large Transformer Models" (arXiv 2205.05198), for these layers and their upcasts instead of GPT's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from train.config import ModelConfig
from train.loop.loss import LOGITS
from train.model.anatomy import part_of
from train.model.parts import Learn, plan
from train.model.precision import BF16, NO

FIXED = 2**30  # bytes that CUDA, its libraries and their workspaces take
NF4_BYTES = 0.52  # a weight in 4 bits, with its share of the scales
MOMENTS = 2  # AdamW's
HALF = 2  # bytes of a number in bfloat16


@dataclass(frozen=True, slots=True)
class Pass:
    """The largest forward pass: language tokens with padding, vision patches, label rows."""

    tokens: int
    patches: int
    labels: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one GPU, by what they are for.

    `copies` are autocast's of weights; where weights are sharded there are none, but of one layer, whole for its turn:
    `layer`.
    """

    weights: float
    copies: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    layer: float
    fixed: float = FIXED

    def total(self, gpus: int = 1, sharded: bool = False) -> float:
        """On each of so many GPUs, with the weights whole (DDP keeps a second copy of gradients to send) or sharded."""
        passing = self.activations + self.logits + self.fixed
        if sharded:
            return (self.weights + self.gradients + self.optimizer) / gpus + self.layer + passing
        return self.weights + self.copies + self.gradients * (2 if gpus > 1 else 1) + self.optimizer + passing


def estimate(model: Any, config: ModelConfig, largest: Pass, checkpointing: bool, mixed: str = NO) -> Memory:
    """The memory of a step.

    Args:
        model: prepared for training (`train.model.parts.prepare`), on any device, also torch's meta device.
        config: how its parts learn.
        largest: the largest forward pass that comes.
        checkpointing: whether layers keep their input only.
        mixed: the run's mixed precision (`train.model.precision`).
    """
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    how = plan(config)
    four_bits = _in_four_bits(core, how) if config.method == "qlora" else set()
    learning = [one for one in model.parameters() if one.requires_grad]
    gradients = float(sum(one.numel() * one.element_size() for one in learning))
    autocast = mixed == BF16
    layer = core.model.language_model.layers[0].parameters()
    return Memory(
        weights=sum(_bytes(name, one, four_bits) for name, one in core.named_parameters()),
        copies=_copies(core) if autocast else 0.0,
        gradients=gradients,
        optimizer=MOMENTS * gradients,
        activations=_activations(core, how, largest, checkpointing, autocast),
        logits=_logits(core, largest.labels, autocast),
        layer=float(sum(one.numel() * (HALF if autocast else one.element_size()) for one in layer)),
    )


def _in_four_bits(core: Any, how: dict[str, Learn]) -> set[str]:
    """Names of the weights that QLoRA keeps in 4 bits: of linear layers, in parts that learn by adapters."""
    import torch

    linear = {f"{name}.weight" for name, module in core.named_modules() if isinstance(module, torch.nn.Linear)}
    parts = {part for part in how if how[part] == "lora"} - {"embeddings"}
    return {name for name in linear if ".lora_" not in name and part_of(name) in parts}


def _bytes(name: str, parameter: Any, four_bits: set[str]) -> float:
    return float(parameter.numel() * (NF4_BYTES if name in four_bits else parameter.element_size()))


def _copies(core: Any) -> float:
    """What autocast makes of float32 weights that are multiplied with; it looks embeddings up as they are."""
    tied = core.config.tie_word_embeddings
    return float(
        sum(
            HALF * one.numel()
            for name, one in core.named_parameters()
            if one.element_size() > HALF and one.ndim > 1 and (tied or ".embed_tokens." not in name)
        )
    )


def _logits(core: Any, labels: int, autocast: bool) -> float:
    """One chunk: the head's output, its float32 copy, the log-probabilities, and the gradients of those."""
    vocabulary = core.config.get_text_config().vocab_size
    width = HALF if autocast else core.lm_head.weight.element_size()
    rows = min(labels, max(1, LOGITS // vocabulary))
    return float(rows * vocabulary * (2 * width + (12 if width < 4 else 4)))


def _activations(core: Any, how: dict[str, Learn], largest: Pass, checkpointing: bool, autocast: bool) -> float:
    """What is kept between forward and backward pass; vision that does not learn keeps nothing."""
    text, vision = core.config.get_text_config(), core.config.vision_config
    of_token = _Layer.of_text(core, text, how["language"], autocast)
    of_patch = _Layer.of_vision(core.model.visual, vision, how["vision"], autocast)
    kept = _stack(of_token, text.num_hidden_layers, largest.tokens, checkpointing)
    if how["vision"] == "frozen":
        return max(kept, largest.patches * of_patch.kept())  # its largest moment comes before the language model's
    return kept + _stack(of_patch, _depth(vision, core), largest.patches, checkpointing)


def _depth(vision: Any, core: Any) -> int:
    return int(getattr(vision, "depth", len(core.model.visual.blocks)))


def _stack(layer: _Layer, layers: int, rows: int, checkpointing: bool) -> float:
    """All layers' activations; with checkpointing their inputs, and one layer that is computed again."""
    if checkpointing:
        return float(rows * (layers * layer.stream * layer.hidden + layer.kept()))
    return float(rows * layers * layer.kept())


@dataclass(frozen=True, slots=True)
class _Layer:
    """The widths that decide what one row (a token, a patch) leaves behind in one layer.

    Attributes:
        hidden, queries, keys, inner: features of the stream, of all query heads, of all key heads, inside the MLP.
        width: bytes of a number that a product makes.
        stream: bytes of a number in the stream, to which layers add.
        autocast: whether what enters a product is copied in its type, for each that reads it.
        learn: how the layer learns.
        rms: norms are RMSNorm, which computes in float32, and not LayerNorm.
        normed: queries and keys are normed, each head on its own.
        gated: the MLP has a gate.
        seeing: of the vision tower: one product makes queries, keys and values.
        copies: an MLP's input is copied for each expert that it goes to.
    """

    hidden: int
    queries: int
    keys: int
    inner: int
    width: int
    stream: int
    autocast: bool
    learn: Learn
    rms: bool
    normed: bool
    gated: bool
    seeing: bool
    copies: int = 0

    @classmethod
    def of_text(cls, core: Any, config: Any, learn: Learn, autocast: bool) -> _Layer:
        layer = core.model.language_model.layers[0]
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        experts = int(getattr(config, "num_experts_per_tok", None) or 0) if hasattr(layer.mlp, "experts") else 0
        inner = experts * config.moe_intermediate_size if experts else config.intermediate_size
        inner += int(getattr(config, "shared_expert_intermediate_size", 0) or 0)
        attention = getattr(layer, "self_attn", None)
        return cls(
            hidden=config.hidden_size,
            queries=heads * size,
            keys=config.num_key_value_heads * size,
            inner=inner,
            width=HALF if autocast else layer.input_layernorm.weight.element_size(),
            stream=core.get_input_embeddings().weight.element_size(),
            autocast=autocast,
            learn=learn,
            rms=True,
            normed=hasattr(attention, "q_norm"),
            gated=True,
            seeing=False,
            copies=experts,
        )

    @classmethod
    def of_vision(cls, tower: Any, config: Any, learn: Learn, autocast: bool) -> _Layer:
        block, positions = tower.blocks[0], getattr(tower, "pos_embed", None)
        width = HALF if autocast else block.norm1.weight.element_size()
        hidden = getattr(config, "embed_dim", None) or config.hidden_size  # Qwen2-VL's hidden_size is the language's
        inner = getattr(config, "intermediate_size", None) or int(hidden * config.mlp_ratio)
        return cls(
            hidden=hidden,
            queries=hidden,
            keys=hidden,
            inner=inner,
            width=width,
            # It begins as a product, to which embeddings of positions are added, where there are any.
            stream=positions.weight.element_size() if positions is not None else width,
            autocast=autocast,
            learn=learn,
            rms=not hasattr(block.norm1, "bias"),
            normed=False,
            gated=hasattr(block.mlp, "gate_proj"),
            seeing=True,
        )

    def kept(self) -> float:
        """Bytes that one row leaves in one layer."""
        norms = 2 * self._norm(self.hidden, self.stream)
        entries = self._input(self.hidden, 1 if self.seeing else 3) + self._input(self.hidden, 2 if self.gated else 1)
        mlp = self.width * self.inner * (3 if self.gated else 1) + self._input(self.inner, 1)
        return norms + entries + self._attention() + mlp + self.width * self.hidden * self.copies

    def _norm(self, size: int, width: int) -> int:
        """A norm's input of numbers of so many bytes, and what its own weight's gradient needs."""
        if not self.rms:
            return (4 if self.autocast else width) * size
        return 4 * size + (width * size if self.learn == "full" else 0)

    def _input(self, size: int, readers: int) -> int:
        """What linear layers that read the same numbers keep of them.

        A layer's own weights keep the numbers as they are. Adapters are float32: each keeps a copy of narrower ones.
        Autocast makes the copies narrow, one for each reader, of its own and of adapters alike.
        """
        if self.learn == "frozen":
            return 0
        if self.autocast:
            return self.width * size * readers
        if self.learn == "lora" and self.width < 4:
            return 4 * size * readers
        return self.width * size

    def _attention(self) -> int:
        """Queries and keys after rotation, values, what comes out; and what the heads' norms keep."""
        kept = self.width * (2 * self.queries + 2 * self.keys)
        if self.seeing:
            # Values are a view of all three before rotation; frames attend apart, and are joined afterwards.
            kept += self.width * 2 * self.hidden + self._input(self.hidden, 1)
        elif self.learn == "lora" and self.width < 4:
            kept += (HALF if self.autocast else 4) * self.queries
        if self.normed:
            kept += self._norm(self.queries, self.width) + self._norm(self.keys, self.width)
        return kept
