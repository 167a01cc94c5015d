"""Every family by its folder: what says which it is, what it is told, how its template reasons, how large it sees."""

import json
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoConfig

from benchmarks.parity_samples import save_family
from demitasse.chat.kinds import BOX_STYLES
from demitasse.dataset import Item
from demitasse.errors import ConfigError, DataError
from demitasse.geometry import from_canonical, iou, smart_resize, to_canonical
from demitasse.student.encode import IGNORE, OPENED, see
from demitasse.student.family import FAMILIES, family_of
from demitasse.student.generate import generate
from demitasse.student.load import build_encoder, load_student
from demitasse.student.tiny import CONTROL_TOKENS, build_model, build_tokenizer, save_tiny
from demitasse.student.two_stage import answer_in_two
from demitasse.student.vision import fit_video, read_vision_settings

QUESTIONS = ("Where?", "In which direction does the red shape move?", "? A. left B. right")


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request, tmp_path_factory) -> Path:
    """Named like another model: a folder's name says nothing."""
    path = tmp_path_factory.mktemp(request.param) / "Qwen9-A3B-moe"
    save_family(request.param, path)
    return path


def frames(count: int = 4, height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3)).astype(np.uint8)


def clip_of(encoder, count: int = 4):
    return see(frames(count), np.arange(count) / 2, encoder.vision)


# -- which family it is ------------------------------------------------------------------------------------------------


def test_a_family_is_known_by_its_configuration_and_loads(folder):
    student = load_student(folder, device="cpu")
    name = json.loads((folder / "config.json").read_text())["model_type"]
    assert student.encoder.family.name == name
    assert type(student.model).__name__.lower().replace("_", "").startswith(name.replace("_", ""))


def test_samples_share_a_row_only_in_families_that_keep_them_apart():
    """The layers with linear attention carry their state on to the next sample, whatever the positions say."""
    tokenizer = build_tokenizer(QUESTIONS)
    for name in FAMILIES:
        config = build_model(name, tokenizer, hidden=32, heads=2).config
        linear = "linear_attention" in (getattr(config.get_text_config(), "layer_types", None) or ())
        assert family_of(config).packs is not linear, name


@pytest.mark.parametrize("name", FAMILIES)
def test_boxes_have_a_style_of_the_family_and_only_qwen2_5_counts_pixels(name):
    config = build_model(name, build_tokenizer(QUESTIONS), hidden=32, layers=1, heads=2).config
    style = BOX_STYLES[family_of(config).box_style]
    assert (style.scale is None) == (name == "qwen2_5_vl")


def test_pads_have_the_ids_of_the_configuration_and_not_remembered_ones(folder):
    """Qwen3.5's are others than Qwen3-VL's; here they are others again."""
    encoder = build_encoder(folder, AutoConfig.from_pretrained(folder))
    assert {encoder.image_token_id, encoder.video_token_id}.isdisjoint({151655, 151656, 248056, 248057})
    video = encoder.prompt(Item("a", "b", "a.mp4"), clip_of(encoder))
    image = encoder.prompt(Item("a", "b", image_id="a.png"), clip_of(encoder, 1))
    assert (video.input_ids == encoder.video_token_id).sum() == (video.token_types == 2).sum() > 0
    assert (image.input_ids == encoder.image_token_id).sum() == (image.token_types == 1).sum() > 0


def test_a_tokenizer_that_means_something_else_by_a_pad_is_refused(folder):
    config = AutoConfig.from_pretrained(folder)
    config.video_token_id = 3
    with pytest.raises(ConfigError, match=r"config\.json has 3 for <\|video_pad\|>, and its tokenizer"):
        build_encoder(folder, config)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_box_written_for_the_frame_that_is_seen_comes_back_as_it_was(name, tmp_path):
    """In pixels of the resized frame or in thousandths, whichever the family writes."""
    save_family(name, tmp_path)
    encoder = build_encoder(tmp_path, AutoConfig.from_pretrained(tmp_path), 256 * 256, 1024 * 1024)
    height, width = see(frames(2, 700, 900), np.arange(2.0), encoder.vision).pixels.frames.shape[-2:]
    style = BOX_STYLES[encoder.family.box_style]
    for box in np.random.default_rng(0).uniform(0, 0.4, (50, 4)) + [0, 0, 0.6, 0.6]:
        written = from_canonical(box.tolist(), style, (width, height))
        assert all(float(number).is_integer() for number in written)
        assert iou(to_canonical(written, style, (width, height)), box.tolist()) > 0.99


# -- checkpoints of other makers, by path ------------------------------------------------------------------------------


def test_cosmos_reason1_is_a_qwen2_5_vl_by_its_path(tmp_path):
    """Its folder as Qwen2.5-VL's first releases: flat text settings, old names of weights, one processor file."""
    from safetensors.torch import load_file, save_file

    tokenizer = build_tokenizer(QUESTIONS)
    model = build_model("qwen2_5_vl", tokenizer, hidden=32, heads=2, patch=14)
    save_tiny(model, tokenizer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    text = config.pop("text_config")
    rope = text.pop("rope_parameters")
    for gone in ("model_type", "layer_types", "architectures", "dtype"):
        text.pop(gone, None)
    vision = config["vision_config"] | {"model_type": "qwen2_5_vl", "in_chans": 3, "spatial_patch_size": 14}
    old = {
        **text,
        **config,
        "vision_config": vision,
        "architectures": ["CosmosReason1ForConditionalGeneration"],
        "rope_theta": rope["rope_theta"],
        "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": rope["mrope_section"]},
    }
    (tmp_path / "config.json").write_text(json.dumps(old))
    weights = load_file(tmp_path / "model.safetensors")
    renamed = {
        name.replace("model.visual.", "visual.").replace("model.language_model.", "model."): one
        for name, one in weights.items()
    }
    save_file(renamed, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "video_preprocessor_config.json").unlink()
    processor = json.loads((tmp_path / "preprocessor_config.json").read_text())
    processor.pop("size")
    processor |= {"min_pixels": 3136, "max_pixels": 12845056}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    student = load_student(tmp_path, dtype="float32", device="cpu")
    encoder = student.encoder
    assert encoder.family.name == "qwen2_5_vl"
    assert (encoder.vision.min_pixels, encoder.vision.video_max_pixels) == (3136, 12845056)
    assert not encoder.vision.fits_whole_videos
    assert all((model.state_dict()[name] == one).all() for name, one in student.model.state_dict().items())
    assert generate(student, [encoder.prompt(Item("Where?", "A", "a.mp4"), clip_of(encoder))], 2)


def test_cosmos_reason2_is_a_qwen3_vl_by_its_path_and_its_videos_have_a_budget_of_their_own(tmp_path):
    tokenizer = build_tokenizer(QUESTIONS)
    save_tiny(build_model("qwen3_vl", tokenizer, hidden=32, heads=2), tokenizer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["CosmosReason2"]}))
    for name, size in (
        ("preprocessor_config.json", {"longest_edge": 16777216, "shortest_edge": 65536}),
        ("video_preprocessor_config.json", {"longest_edge": 25165824, "shortest_edge": 4096}),
    ):
        settings = json.loads((tmp_path / name).read_text()) | {"size": size}
        (tmp_path / name).write_text(json.dumps(settings))
    student = load_student(tmp_path, device="cpu")
    assert student.encoder.family.name == "qwen3_vl"
    assert student.encoder.vision.fitted(1, 1080, 1920) == (1088, 1920)
    rows, columns = student.encoder.vision.fitted(64, 1080, 1920)
    assert 64 * rows * columns <= 25165824 < 64 * 1080 * 1920
    person = student.encoder.vision.with_bounds(None, 512 * 512)
    assert max(person.fitted(64, 600, 600)) == max(person.fitted(2, 600, 600)) == 512, "a person's bound is a frame's"


def test_processor_files_of_transformers_5_are_read_in_one_piece(folder, tmp_path):
    """`processor.save_pretrained` writes one file with a part for images and a part for videos."""
    image, video = (
        json.loads((folder / name).read_text())
        for name in ("preprocessor_config.json", "video_preprocessor_config.json")
    )
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": image, "video_processor": video}))
    assert read_vision_settings(tmp_path) == read_vision_settings(folder)


# -- how large it sees -------------------------------------------------------------------------------------------------


def test_videos_are_fitted_as_qwen3s_own_processor_fits_them():
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import smart_resize as theirs

    chance = np.random.default_rng(0)
    for _ in range(2000):
        count, height, width = int(chance.integers(2, 12)), *map(int, chance.integers(8, 400, 2))
        bounds = int(chance.integers(1024, 40_000)), int(chance.integers(50_000, 400_000))
        expected = theirs(count, height, width, 2, 32, *bounds)
        assert fit_video((count, height, width), 32, 2, bounds) == expected, (count, height, width, bounds)


def test_thin_pictures_are_fitted_as_qwen2s_own_processor_fits_them():
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize as theirs

    for height in range(1, 40):
        for width in range(height, 200, 7):
            for bounds in ((1024, 9216), (3136, 100_352), (784, 20_000)):
                assert smart_resize(height, width, 28, *bounds) == theirs(height, width, 28, *bounds)


def test_what_has_its_size_already_is_left_alone(folder):
    """A pixel budget that is applied twice changes nothing."""
    vision = read_vision_settings(folder)
    for count, height, width in ((1, 500, 300), (4, 500, 300), (8, 90, 333), (5, 60, 200)):
        once = vision.fitted(count, height, width)
        assert vision.fitted(count, *once) == once


def test_a_video_more_extreme_than_200_to_1_is_refused():
    with pytest.raises(DataError, match="10000×20 cannot be resized: one side is over 200 times"):
        fit_video((2, 20, 10_000), 16, 2, (1024, 4096))


# -- how its template reasons ------------------------------------------------------------------------------------------


def words(encoder, encoded) -> tuple[str, str]:
    """The end of the prompt, and what is to be learnt."""
    learnt = encoded.labels != IGNORE
    prompt = encoder.tokenizer.decode(encoded.input_ids[~learnt])
    return prompt[prompt.index("assistant") :], encoder.tokenizer.decode(encoded.input_ids[learnt])


@pytest.mark.parametrize(
    ("opening", "way", "reasoning", "prompt", "target"),
    [
        pytest.param("", "answer", "", "", "B", id="no_switch_bare_answer"),
        pytest.param("", "think", "Left.", "", "<think>\nLeft.\n</think>\n\nB", id="no_switch_reasons_in_the_target"),
        pytest.param("switch", "answer", "", "<think>\n\n</think>\n\n", "B", id="switch_off_says_so_in_the_prompt"),
        pytest.param("switch", "think", "Left.", OPENED, "Left.\n</think>\n\nB", id="switch_on_opens_it_once"),
        pytest.param("switch", "think", "", OPENED, "\n</think>\n\nB", id="switch_on_and_nothing_was_thought"),
        pytest.param("always", "answer", "", OPENED, "\n</think>\n\nB", id="a_template_that_always_opens_it"),
    ],
)
def test_reasoning_is_opened_once_by_the_template_or_by_the_target(tmp_path, opening, way, reasoning, prompt, target):
    tokenizer = build_tokenizer([*QUESTIONS, "<think>\nLeft.\n</think>\n\nB"])
    off = "<think>\n\n</think>\n\n"
    ending = {
        "": "",
        "switch": "{% if enable_thinking is defined and not enable_thinking %}"
        + off
        + "{% else %}<think>\n{% endif %}",
        "always": "<think>\n",
    }[opening]
    tokenizer.chat_template = tokenizer.chat_template.replace("assistant\n", "assistant\n" + ending)
    save_tiny(build_model("qwen3_5", tokenizer, hidden=32, layers=1, heads=2), tokenizer, tmp_path)
    encoder = build_encoder(tmp_path, AutoConfig.from_pretrained(tmp_path))
    item = Item("Where?", "B", "a.mp4", reasoning=reasoning)
    clip = clip_of(encoder)
    assert words(encoder, encoder.example(item, clip, way)) == (f"assistant\n{prompt}", f"{target}<|im_end|>")
    asked, learnt = encoder.prompt(item, clip, way), encoder.example(item, clip, way)
    np.testing.assert_array_equal(learnt.input_ids[: len(asked.input_ids)], asked.input_ids)


@pytest.mark.parametrize("question", [" Where?", "\n\nWhere?", "\tx", "Where?\n", "向左\u00a0?", "é\u0301 🙂‍↕️", "\n"])
def test_a_prompt_of_text_alone_has_the_ids_of_the_whole_template(folder, question):
    """Without a medium nothing parts the question from the word before it, and a token may reach over the border."""
    encoder = build_encoder(folder, AutoConfig.from_pretrained(folder))
    messages = [{"role": "user", "content": [{"type": "text", "text": question}]}]
    text = encoder.tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    whole = encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert encoder.prompt(Item(question, "A", "a.mp4"), None).input_ids.tolist() == whole


# -- asking ------------------------------------------------------------------------------------------------------------


def test_a_batch_is_answered_like_each_alone_also_in_two_stages(folder):
    student = load_student(folder, dtype="float32", device="cpu")
    encoder = student.encoder
    shown = [(Item(text, "A", "a.mp4"), clip_of(encoder, 2 + place)) for place, text in enumerate(QUESTIONS)]
    prompts = [encoder.prompt(item, clip) for item, clip in shown]
    assert generate(student, prompts, 6) == [generate(student, [one], 6)[0] for one in prompts]
    evidence = generate(student, [encoder.prompt(item, clip, "evidence") for item, clip in shown], 6)
    assert [said.evidence for said in answer_in_two(student, shown, 6)] == [said.text for said in evidence]


def test_control_tokens_are_those_that_the_tiny_tokenizer_knows():
    tokenizer = build_tokenizer(QUESTIONS)
    assert set(CONTROL_TOKENS) <= set(tokenizer.all_special_tokens)
