"""What each kind of endpoint can take: a capability record each, and the kind that a host's name tells.

The records say what servers document and what was met with them (`docs/endpoints.md` says which of them were tried).
A model's name tells nothing here: the same weights are served under any name. What a record gets wrong about one
server, its settings put right.
"""

from __future__ import annotations

from typing import get_args

from demitasse.chat.model import Capability, FpsChannel
from demitasse.geometry import GEMINI as GEMINI_BOXES
from demitasse.geometry import IMAGE_PX, QWEN2_5_VL, QWEN3_VL, Convention

MIB = 2**20

# How a model writes boxes, by the names that settings use.
BOX_STYLES: dict[str, Convention] = {
    "qwen2_5_vl_px": QWEN2_5_VL,
    "qwen_1000": QWEN3_VL,
    "gemini_yxyx_1000": GEMINI_BOXES,
    "image_px": IMAGE_PX,
}
FPS_CHANNELS: tuple[str, ...] = get_args(FpsChannel)

# Inline requests end at 20 MB with base64's third on top; the File API takes 2 GB of the free tier's 20 GB. What is
# uploaded passes through memory here, so the limit is lower.
GEMINI = Capability(
    max_inline_bytes=14 * MIB,
    max_upload_bytes=256 * MIB,
    max_video_seconds=3600.0,
    fps_channel="part",
    spans=True,
    boxes="gemini_yxyx_1000",
)

# A checkpoint in this process: it is shown frames, and no grammar holds its reply to a schema.
LOCAL = Capability(video=False, json_schema=False)

OPENAI_KINDS: dict[str, Capability] = {
    # Request-level media_io_kwargs choose the frames; documented from 0.18 on.
    "vllm": Capability(fps_channel="media_io", frames=True, template_switches=True),
    # `fps` inside the video_url object; older servers ignore it.
    "sglang": Capability(fps_channel="part", template_switches=True),
    # NVIDIA's microservices for Cosmos-Reason serve through vLLM and hand fps to the model's processor.
    "nim": Capability(fps_channel="mm_processor"),
    # Base64 in its compatible mode ends at 10 MB of text, and frames per second cannot be told.
    "dashscope": Capability(max_inline_bytes=7 * MIB, json_schema=False),
    "openai": Capability(video=False),
    "openrouter": Capability(),
    "other": Capability(),
}

_HOSTS = {
    "api.openai.com": "openai",
    "openrouter.ai": "openrouter",
    "dashscope.aliyuncs.com": "dashscope",
    "dashscope-intl.aliyuncs.com": "dashscope",
    "dashscope-us.aliyuncs.com": "dashscope",
    "integrate.api.nvidia.com": "nim",
    "ai.api.nvidia.com": "nim",
}


def kind_of(host: str) -> str:
    """The kind that a host's name tells; "other" where it tells nothing, as on one's own machines."""
    return _HOSTS.get(host.casefold(), "other")
