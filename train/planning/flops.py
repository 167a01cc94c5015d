"""How many floating-point operations an item takes to learn, from the modules of a model and the item's length.

A product of matrices [m, k] and [k, n] takes 2·m·k·n. Counted are the products that forward and backward pass need:
those of frozen weights have no gradient of their own, and none at all where nothing before them learns. What is
computed again (gradient checkpointing, attention's backward kernel) and padding are no use and not counted, and neither
is what is no product (norms, softmax, the triangular solve of linear attention). Attention is counted over all pairs of
tokens of an item, as PaLM's MFU does (arXiv 2204.02311, appendix B), though a causal kernel may skip half of them.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from train.model.anatomy import part_of

CHUNK = 64  # tokens that linear attention takes at a time, in transformers as in its kernels
_BLOCK = re.compile(r"(.*\.(?:blocks|layers|deepstack_merger_list)\.\d+|.*\.merger|.*\.patch_embed|.*lm_head)\.?")
# They read what the block is given; the other products of a block read what these have made.
_ENTRY = re.compile(r"(\.(q_proj|k_proj|v_proj|qkv|in_proj_\w+)|merger(_list\.\d+)?\.(linear_fc1|mlp\.0))(\.|$)")


class Length(Protocol):
    """What an item takes; `train.data.lengths.Length` is one."""

    @property
    def tokens(self) -> int:
        """Of prompt and target."""
        ...

    @property
    def labels(self) -> int:
        """Of these, the target's."""
        ...

    @property
    def patches(self) -> int:
        """That the vision tower reads."""
        ...

    @property
    def frames(self) -> int:
        """Shown of a video; 1 for an image."""
        ...


@dataclass(frozen=True, slots=True)
class Flops:
    """Operations of a forward pass, and of the backward pass after it."""

    forward: float = 0.0
    backward: float = 0.0

    def __add__(self, other: Flops) -> Flops:
        return Flops(self.forward + other.forward, self.backward + other.backward)

    def __mul__(self, times: float) -> Flops:
        return Flops(self.forward * times, self.backward * times)

    @property
    def total(self) -> float:
        """Of both passes."""
        return self.forward + self.backward


@dataclass(frozen=True, slots=True)
class _Core:
    """What mixes tokens or patches in one layer: `width` is heads times their size."""

    kind: str  # "attention", "linear", "frame" or "window"
    width: int
    learns: bool
    heads: int = 0
    key: int = 0
    value: int = 0


class Cost:
    """The cost of items in one model.

    Args:
        model: a student, prepared for training: what learns in it counts. Its weights are not read, so it may lie on
            torch's meta device.
    """

    def __init__(self, model: Any) -> None:
        core = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._vision = core.config.vision_config
        self._text = core.config.get_text_config()
        self._rows: dict[str, Flops] = defaultdict(Flops)  # by what there is a row of
        self._cores: list[_Core] = []
        blocks = list(_blocks(core))
        seeing = self._pass([block for block in blocks if block[0] == "vision"], flows=False)
        merging = [block for block in blocks if block[0] == "merger"]
        for block in merging:  # side by side: each reads the tower, none another
            self._pass([block], flows=seeing)
        embeddings = core.get_input_embeddings().weight.requires_grad
        flows = seeing or embeddings or any(_learns(modules) for _, _, modules in merging)
        flows = self._pass([block for block in blocks if block[0] == "language"], flows)
        self._pass([block for block in blocks if block[0] == "embeddings"], flows)

    def of(self, length: Length) -> Flops:
        """What it takes to learn an item of this length.

        A frame's patches are taken to lie in a square, which matters for windowed attention only.
        """
        merged = length.patches / self._vision.spatial_merge_size**2
        rows = {"vision": length.patches, "merger": merged, "language": length.tokens, "embeddings": length.labels}
        products = [self._rows[part] * count for part, count in rows.items()]
        return sum([*products, *(self._mixing(core, length) for core in self._cores)], Flops())

    def _pass(self, blocks: Iterable[tuple[str, str, list[tuple[str, Any]]]], flows: bool) -> bool:
        """Count blocks in their order; `flows` is whether a gradient goes into them, and then out of them."""
        for part, name, modules in blocks:
            own = _learns(modules)
            entering = flows or _learns([one for one in modules if not _weights(one[1], self._top)])
            for path, module in modules:
                given = entering if _ENTRY.search(path) and ".lora_B." not in path else flows or own
                self._count(part, module, given and _can_have_gradient(path))
                self._cores += self._core_of(name, module, flows or own)
            flows = flows or own
        return flows

    @property
    def _top(self) -> int:
        return int(getattr(self._text, "num_experts_per_tok", 1))

    def _count(self, part: str, module: Any, given: bool) -> None:
        for weight, per_row in _weights(module, self._top):
            self._rows[part] += Flops(per_row, per_row * (given + weight.requires_grad))

    def _core_of(self, block: str, module: Any, learns: bool) -> Iterator[_Core]:
        if hasattr(module, "head_k_dim"):
            yield _Core("linear", 0, learns, module.num_v_heads, module.head_k_dim, module.head_v_dim)
        elif hasattr(module, "q_proj") and hasattr(module, "o_proj"):
            yield _Core("attention", module.o_proj.in_features, learns)
        elif hasattr(module, "qkv"):
            full = getattr(self._vision, "fullatt_block_indexes", None)
            windowed = full is not None and int(block.rsplit(".", 1)[1]) not in full
            yield _Core("window" if windowed else "frame", module.proj.in_features, learns)

    def _mixing(self, core: _Core, length: Length) -> Flops:
        if core.kind == "linear":
            return _linear_attention(core, length.tokens)
        pairs = length.tokens**2 if core.kind == "attention" else self._pairs(length, core.kind == "window")
        return Flops(4.0 * pairs * core.width, 8.0 * pairs * core.width * core.learns)

    def _pairs(self, length: Length, windowed: bool) -> float:
        """Pairs of patches that see one another: those of a frame, or of a window of it."""
        if not length.patches:
            return 0.0
        times = math.ceil(length.frames / self._vision.temporal_patch_size)
        side = math.sqrt(length.patches / times)
        if not windowed:
            return times * side**4
        window = self._vision.window_size // self._vision.patch_size
        whole, rest = divmod(side, window)
        return float(times * (whole * window**2 + rest**2) ** 2)


def _linear_attention(core: _Core, tokens: int) -> Flops:
    """The gated delta rule by chunks (arXiv 2412.06464), of which the last is filled up."""
    times = math.ceil(tokens / CHUNK) * core.heads
    state = 6 * CHUNK * core.key * core.value
    forward = 2 * CHUNK**2 * (2 * core.key + core.value) + state
    solved = 2 * CHUNK**2 * (core.key + core.value)  # the gradient of the triangular system is a product
    return Flops(float(times * forward), float(times * (2 * forward + solved) * core.learns))


def _can_have_gradient(path: str) -> bool:
    """Whether what a module reads can have a gradient: pixels have none."""
    return ".patch_embed." not in path


def _blocks(core: Any) -> Iterator[tuple[str, str, list[tuple[str, Any]]]]:
    """The model's blocks in their order: part, name, and the modules in it that have something to count."""
    found: dict[tuple[str, str], list[tuple[str, Any]]] = defaultdict(list)
    for path, module in core.named_modules():
        block = _BLOCK.match(path + ".")
        own = [parameter for parameter in module._parameters.values() if parameter is not None]
        if block and (own or hasattr(module, "qkv") or hasattr(module, "o_proj")):
            found[part_of(block[1]), block[1]].append((path, module))
    for (part, name), modules in found.items():
        yield part, name, modules


def _learns(modules: Iterable[tuple[str, Any]]) -> bool:
    return any(one is not None and one.requires_grad for _, module in modules for one in module._parameters.values())


def _weights(module: Any, top: int) -> list[tuple[Any, float]]:
    """The weights that a module multiplies with, and the operations for each row that goes through.

    Of experts, each row goes through `top`.
    """
    import torch

    if isinstance(module, torch.nn.Linear):  # weights of 4 bits have another shape than they stand for
        return [(module.weight, 2.0 * module.in_features * module.out_features)]
    if isinstance(module, torch.nn.Embedding):
        return []
    used = top / module.num_experts if hasattr(module, "gate_up_proj") else 1.0
    shaped = [one for one in module._parameters.values() if one is not None and one.ndim > 1]
    return [(one, 2.0 * one.numel() * used) for one in shaped]
