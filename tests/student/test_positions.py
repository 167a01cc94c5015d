"""Where text goes on behind a video: two rules, and a student is asked by the one that it was trained by."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from demitasse.dataset import Item
from demitasse.errors import ConfigError
from demitasse.student.encode import Clip, see
from demitasse.student.family import Grid, family_of, text_and_vision_positions
from demitasse.student.generate import generate
from demitasse.student.load import Student, load_student
from demitasse.student.record import RECORD, FramesUsed, HowTrained, read_record, write_record
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

RULES = ("transformers", "qwen")
QUESTION = Item("Where is the shape at the end?", "it goes to the left, and then to the right", "a.mp4")
VISION = SimpleNamespace(spatial_merge_size=2, tokens_per_second=2)


@pytest.fixture(scope="module", params=["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
def folder(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    tokenizer = build_tokenizer([QUESTION.question])
    save_tiny(build_model(request.param, tokenizer, hidden=32, layers=2, heads=2), tokenizer, path)
    return path


def clip_of(student: Student, count: int, side: int = 64) -> Clip:
    frames = np.random.default_rng(count).integers(0, 255, (count, side, side, 3), dtype=np.uint8)
    return see(frames, np.arange(count) + 0.5, student.encoder.vision)


def behind(model_type: str, rule: str, grids: list[Grid], seconds: float = 2.0) -> list[list[int]]:
    """Positions of two words before, what is seen, and two words behind it, without what is seen."""
    family = family_of(SimpleNamespace(model_type=model_type, vision_config=VISION), rule)
    runs = [run for grid in grids for run in family.video_runs(grid)]
    tokens = sum(t * h * w // 4 for t, h, w in grids)
    types = np.array([0, 0, *[2] * tokens, 0, 0])
    positions = text_and_vision_positions(types, runs, family, seconds, 2)
    return positions[:, -2:].tolist()


@pytest.mark.parametrize(
    ("model_type", "grids", "transformers", "qwen"),
    [
        # Text at 0 and 1, so what is seen starts at 2. A 4 x 4 grid has two tokens on a side.
        pytest.param("qwen2_5_vl", [(1, 4, 4)], 4, 4, id="one_patch_takes_no_time"),
        pytest.param("qwen2_5_vl", [(4, 4, 4)], 4, 15, id="four_patches_two_seconds_apart_are_at_2_6_10_and_14"),
        pytest.param("qwen2_5_vl", [(3, 4, 20)], 12, 12, id="a_frame_ten_tokens_wide_reaches_further_than_8_in_time"),
        pytest.param("qwen2_5_vl", [(3, 20, 4)], 12, 12, id="or_ten_tokens_high"),
        pytest.param("qwen2_5_vl", [(3, 4, 18)], 11, 11, id="time_and_width_reach_as_far"),
        pytest.param("qwen2_5_vl", [(3, 4, 16)], 10, 11, id="time_reaches_one_further"),
        pytest.param("qwen2_5_vl", [(4, 4, 4), (2, 4, 4)], 6, 20, id="of_two_videos_the_second_starts_at_4_or_15"),
        pytest.param("qwen2_vl", [(4, 4, 4)], 4, 6, id="qwen2_vl_counts_patches_not_seconds"),
        pytest.param("qwen2_vl", [(2, 4, 4)], 4, 4, id="of_which_two_are_no_longer_than_a_frame"),
        pytest.param("qwen3_vl", [(1, 4, 4)], 4, 4, id="qwen3_vl_has_no_time_in_its_positions"),
    ],
)
def test_text_goes_on_where_a_hand_counts_it(model_type, grids, transformers, qwen):
    assert behind(model_type, "transformers", grids) == [[transformers, transformers + 1]] * 3
    assert behind(model_type, "qwen", grids) == [[qwen, qwen + 1]] * 3


def test_what_is_seen_keeps_its_positions_by_either_rule():
    seen = [
        text_and_vision_positions(
            np.array([0, 0, *[2] * 16, 0]),
            [(4, 4, 4)],
            family_of(SimpleNamespace(model_type="qwen2_5_vl", vision_config=VISION), rule),
            2.0,
            2,
        )[:, :18]
        for rule in RULES
    ]
    np.testing.assert_array_equal(*seen)
    assert seen[0][0, 2:].tolist() == [2] * 4 + [6] * 4 + [10] * 4 + [14] * 4


@pytest.mark.parametrize("rule", RULES)
def test_words_that_are_written_stand_where_training_had_them(folder, rule):
    """64 frames, beside a short video and a prompt without one, which are padded."""
    student = load_student(folder, device="cpu", positions=rule)
    clips = [clip_of(student, 64), clip_of(student, 4), None]
    prompts = [student.encoder.prompt(QUESTION, clip) for clip in clips]
    told: list[torch.Tensor] = []
    student.model.generation_config.eos_token_id = -1  # none is ever written: as many words as are asked for
    hook = student.model.model.language_model.register_forward_pre_hook(
        lambda module, args, kwargs: told.append(kwargs["position_ids"][-3:]), with_kwargs=True
    )
    generate(student, prompts, 5)
    hook.remove()
    asked = torch.cat(told, dim=-1)
    for row, (clip, prompt) in enumerate(zip(clips, prompts, strict=True)):
        trained = student.encoder.example(QUESTION, clip, "answer").positions[:, : len(prompt.input_ids) + 4]
        assert trained.shape[1] == len(prompt.input_ids) + 4
        np.testing.assert_array_equal(asked[:, row, -trained.shape[1] :].numpy(), trained)


def test_the_rules_differ_for_a_long_video_of_the_older_families_alone(folder):
    first, second = (load_student(folder, device="cpu", positions=rule) for rule in RULES)
    ends = [one.encoder.prompt(QUESTION, clip_of(one, 64)).positions[0, -1] for one in (first, second)]
    assert (ends[0] == ends[1]) == (first.encoder.family.name == "qwen3_vl")


def test_a_student_is_loaded_with_the_rule_that_its_folder_remembers(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert load_student(tmp_path, device="cpu").encoder.family.positions == "transformers"
    write_record(tmp_path, HowTrained(FramesUsed(1, 4, 2), "", "answer", positions="qwen"))
    assert read_record(tmp_path).positions == "qwen"
    assert load_student(tmp_path, device="cpu").encoder.family.positions == "qwen"
    assert load_student(tmp_path, device="cpu", positions="transformers").encoder.family.positions == "transformers"


def test_a_rule_that_is_none_is_refused_by_the_record(tmp_path):
    write_record(tmp_path, HowTrained(FramesUsed(1, 4, 2), "", "answer"))
    path = tmp_path / RECORD
    path.write_text(path.read_text().replace('"positions": "transformers"', '"positions": "mine"'))
    with pytest.raises(ConfigError, match="not a record"):
        read_record(tmp_path)
