"""The 26 prompts of video reasoning annotation and the values that each is given. Keys and names are TAO's.

Optional names are additions of ours: TAO shows neither the windows' captions nor the description to a normal
video's first three question types, and tells no caption prompt how long the video is.
"""

from __future__ import annotations

from collections.abc import Collection

from demitasse.prompts import Placeholders

MODES = ("anomaly", "normal")
QA_TYPES = (
    "mcq",
    "bcq",
    "open_qa",
    "causal_linkage",
    "temporal_localization",
    "temporal_event_desc",
    "scene_description",
    "event_summary",
)
_MODE_FREE = ("scene_description", "event_summary")
_CAPTIONS = "video_length global_caption dense_caption"


def qa_key(mode: str, qa_type: str) -> str:
    """The prompt's key for a question type: `anomaly_mcq`, but `scene_description` in either mode."""
    return qa_type if qa_type in _MODE_FREE else f"{mode}_{qa_type}"


def used_keys(steps: Collection[str], qa_types: Collection[str]) -> set[str]:
    """The prompts that these steps may ask, in either mode: a video's input line or earlier rows may name its mode."""
    keys = {
        "0": ("video_filtering", "video_anomaly_classification"),
        "1a": tuple(f"{mode}_{caption}" for mode in MODES for caption in ("global_caption", "dense_caption")),
        "1b": tuple(f"{mode}_chunk_caption" for mode in MODES),
        "1c": ("highlight_timestamp_extraction", "highlight_chunk_caption"),
        "2": tuple(f"{mode}_description" for mode in MODES),
        "3": tuple(qa_key(mode, qa_type) for mode in MODES for qa_type in qa_types),
    }
    return {key for step in steps for key in keys.get(step, ())}


def _table() -> dict[str, Placeholders]:
    names = Placeholders.of
    length = names(optional="video_length")
    description = "video_length global_caption dense_section chunk_captions_str"
    table = {"video_filtering": length, "video_anomaly_classification": length}
    table |= {f"{mode}_{caption}": length for caption in ("global_caption", "dense_caption") for mode in MODES}
    table |= {f"{mode}_chunk_caption": names("chunk_duration") for mode in MODES}
    table["highlight_timestamp_extraction"] = names("global_caption dense_caption chunk_captions_str", "video_length")
    table["highlight_chunk_caption"] = names("anomaly_time start_time end_time duration")
    table["anomaly_description"] = names(f"{description} highlight_section")
    table["normal_description"] = names(description)
    for qa_type in ("mcq", "bcq", "open_qa"):
        table[f"anomaly_{qa_type}"] = names(f"{_CAPTIONS} chunk_captions_str step_2_output", "highlight_section")
        table[f"normal_{qa_type}"] = names(_CAPTIONS, "chunk_captions_str step_2_output")
    for qa_type in QA_TYPES[3:]:
        table |= {qa_key(mode, qa_type): names("video_length step_2_output") for mode in MODES}
    return table


PROMPTS = _table()
