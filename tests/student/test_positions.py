"""Where text goes on behind a video: two rules, and a student is asked by the one that it was trained by."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from demitasse.dataset import Item
from demitasse.errors import ConfigError
from demitasse.stages import CHECKOUT
from demitasse.student.encode import Clip, see
from demitasse.student.family import TELLS_TIME, Grid, family_of, text_and_vision_positions
from demitasse.student.generate import generate
from demitasse.student.load import Student, load_student
from demitasse.student.positions import learnt_positions, model_type, servers
from demitasse.student.record import RECORD, FramesUsed, HowTrained, read_record, write_record
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.student.weights import ADAPTER_CONFIG

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
    for rule, other in (RULES, RULES[::-1]):
        write_record(tmp_path, HowTrained(FramesUsed(1, 4, 2), "", "answer", positions=rule))
        assert read_record(tmp_path).positions == rule
        assert load_student(tmp_path, device="cpu").encoder.family.positions == rule
        assert load_student(tmp_path, device="cpu", positions=other).encoder.family.positions == other


def test_weights_whose_folder_says_nothing_are_asked_as_published_ones_learnt(folder):
    assert read_record(folder) is None
    assert learnt_positions(folder) == "qwen"
    assert load_student(folder, device="cpu").encoder.family.positions == "qwen"


def test_a_record_from_before_the_rules_were_told_apart_is_transformers(tmp_path):
    write_record(tmp_path, HowTrained(FramesUsed(1, 4, 2), "", "answer"))
    path = tmp_path / RECORD
    path.write_text(
        json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != "positions"})
    )
    assert learnt_positions(tmp_path) == "transformers"


@pytest.mark.parametrize(
    ("own", "bases", "learnt"),
    [
        pytest.param(None, None, "qwen", id="of_neither"),
        pytest.param(None, "transformers", "transformers", id="of_its_base_where_it_says_nothing"),
        pytest.param("qwen", "transformers", "qwen", id="its_own_before_its_bases"),
    ],
)
def test_an_adapter_is_asked_by_its_own_rule_or_its_bases(tmp_path, own, bases, learnt):
    adapter, base = tmp_path / "adapter", tmp_path / "base"
    for place, rule in ((adapter, own), (base, bases)):
        place.mkdir()
        if rule:
            write_record(place, HowTrained(FramesUsed(1, 4, 2), "", "answer", positions=rule))
    (base / "config.json").write_text('{"model_type": "qwen2_vl"}')
    (adapter / ADAPTER_CONFIG).write_text(json.dumps({"base_model_name_or_path": str(base)}))
    assert learnt_positions(adapter) == learnt
    assert model_type(adapter) == "qwen2_vl"


def test_a_folder_without_a_model_has_no_type(tmp_path):
    with pytest.raises(ConfigError, match="names no 'model_type'"):
        model_type(tmp_path)


@pytest.mark.parametrize(
    ("family", "learnt", "by_transformers", "warned_of"),
    [
        pytest.param("qwen2_5_vl", "qwen", False, "transformers serve", id="vllms_own_counts_as_qwen_does"),
        pytest.param("qwen2_vl", "transformers", True, "vLLM without", id="transformers_counts_as_itself"),
        pytest.param("qwen3_vl", "transformers", False, "", id="one_rule_where_times_are_text"),
    ],
)
def test_a_student_is_served_by_those_who_count_as_it_learnt(family, learnt, by_transformers, warned_of):
    commands, others = servers(family, learnt)
    assert ("--model-impl transformers" in commands[0]) == by_transformers
    assert warned_of in others
    assert bool(others) == bool(warned_of)


def test_toy_bases_say_by_which_rule_they_learnt():
    """Their makers encode by the rule `transformers`; without a record they would count as published weights."""
    bases = {path.parent for path in (CHECKOUT / "recipes").glob("**/config.json")}
    telling = [base for base in bases if model_type(base) in TELLS_TIME]
    assert len(telling) >= 4
    assert [base.name for base in telling if learnt_positions(base) != "transformers"] == []


def test_a_rule_that_is_none_is_refused_by_the_record(tmp_path):
    write_record(tmp_path, HowTrained(FramesUsed(1, 4, 2), "", "answer"))
    path = tmp_path / RECORD
    path.write_text(path.read_text().replace('"positions": "transformers"', '"positions": "mine"'))
    with pytest.raises(ConfigError, match="not a record"):
        read_record(tmp_path)
