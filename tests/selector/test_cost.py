"""The cost table: our arithmetic against published figures, and that it adds up."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from demitasse.cli import main
from demitasse.errors import ConfigError
from demitasse.selector.cost import Case, frame_tokens, kept_tokens, picker_reads, selected_cost, selecting
from demitasse.selector.dimensions import read_dimensions
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

MODELS = Path(__file__).parents[2] / "recipes/videoespresso/models"  # dimensions, as the models' own files tell them


@pytest.fixture
def models():
    return {path.stem: read_dimensions(path) for path in MODELS.glob("*.json")}


def test_internvl2_on_16_frames_costs_what_the_paper_prints(models):
    cost = selected_cost(models["InternVL2-8B"], None, None, Case(kept=16, prompt=0, answer=0))
    assert cost.all_frames == pytest.approx(73.23, rel=0.005)


def test_our_rows_are_nearly_so_too_and_the_token_ratio_is_the_paper_s(models):
    case = Case(kept=2.36, prompt=0, answer=0)
    cost = selected_cost(models["InternVL2-8B"], None, None, case)
    # Attention among fewer tokens costs a little less than in proportion.
    assert 0.93 * 10.80 < cost.reasoning < 10.80 and round(cost.token_ratio, 2) == 0.15


def test_the_paper_s_selector_costs_more_than_its_reasoner_is_said_to(models):
    cost = selected_cost(models["InternVL2-8B"], models["InternVL2-1B"], models["Qwen2-1.5B"], Case(kept=2.36))
    assert cost.selecting > 10.80 and cost.total < cost.all_frames


def test_the_total_is_the_reasoner_and_captioner_and_picker(models):
    reasoner, captioner, picker = models["InternVL2-8B"], models["InternVL2-1B"], models["Qwen2-1.5B"]
    case = Case()
    cost = selected_cost(reasoner, captioner, picker, case)
    assert cost.total == cost.reasoning + cost.selecting
    assert selecting(captioner, picker, case) == selecting(captioner, None, case) + selecting(None, picker, case)
    twice = replace(case, frames=2 * case.frames)
    assert selecting(captioner, None, twice) == 2 * selecting(captioner, None, case)


def test_a_picker_that_is_asked_frame_by_frame_reads_its_question_each_time(models):
    picker, case = models["Qwen2-1.5B"], Case(prompt=100, caption=40, pick=1)
    each = selecting(None, picker, replace(case, each=True))
    assert picker_reads(replace(case, each=True)) == (143, 16) and picker_reads(case) == (788, 1)
    assert each > 2 * selecting(None, picker, case)


def test_keeping_all_frames_saves_a_tower_of_single_frames_nothing(models):
    cost = selected_cost(models["InternVL2-8B"], None, None, Case(kept=16))
    assert cost.reasoning == pytest.approx(cost.all_frames) and cost.token_ratio == 1


def test_a_kept_frame_fills_a_temporal_patch_of_qwen_vl_alone_and_so_costs_two(models):
    case = Case(width=448, height=448)
    assert frame_tokens(models["Qwen2.5-VL-7B"], 16, case) == 8 * 256
    assert kept_tokens(models["Qwen2.5-VL-7B"], 4, case) == 4 * 256
    assert selected_cost(models["Qwen2.5-VL-7B"], None, None, case).token_ratio == 0.5


def test_sizes_of_frames_count_where_the_eye_takes_any_and_not_where_it_does_not(models):
    small, large = Case(width=224, height=224), Case(width=448, height=448)
    assert frame_tokens(models["Qwen2.5-VL-7B"], 2, large) == 4 * frame_tokens(models["Qwen2.5-VL-7B"], 2, small)
    assert frame_tokens(models["InternVL2-8B"], 2, large) == frame_tokens(models["InternVL2-8B"], 2, small)


def test_weights_are_those_of_the_published_model(models):  # of 7.6e9, without embeddings and head
    assert models["Qwen2.5-VL-7B"].language.weights == pytest.approx(6.5e9, rel=0.01)
    assert models["Qwen2.5-VL-7B"].eye.tower.weights == pytest.approx(0.63e9, rel=0.02)


def test_a_text_model_reads_and_sees_nothing(models):
    assert models["Qwen2-1.5B"].eye is None and frame_tokens(models["Qwen2-1.5B"], 16, Case()) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[]", "no model's configuration", id="no_object"),
        pytest.param("{", "no model's configuration", id="no_json"),
        pytest.param('{"hidden_size": 8}', "num_attention_heads", id="a_missing_width_is_named"),
    ],
)
def test_a_configuration_that_cannot_be_counted_is_refused(tmp_path, text, said):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_dimensions(path)


def test_the_table_puts_reasoners_side_by_side(tmp_path, capsys):
    reasoners = [str(MODELS / f"{name}.json") for name in ("InternVL2-8B", "Qwen2.5-VL-7B", "Qwen3-VL-8B")]
    selector = ["--captioner", str(MODELS / "InternVL2-1B.json"), "--picker", str(MODELS / "Qwen2-1.5B.json")]
    told = tmp_path / "cost.json"
    assert main(["select", "cost", "--reasoner", *reasoners, *selector, "--kept", "2.36", "--json", str(told)]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("InternVL2-8B", "Qwen2.5-VL-7B", "Qwen3-VL-8B"))
    rows = json.loads(told.read_text())["rows"]
    assert [row["total"] for row in rows] == [row["reasoning"] + row["selecting"] for row in rows]
    assert len({row["selecting"] for row in rows}) == 1


def test_frames_and_kept_ones_are_taken_from_a_selection(tmp_path, capsys):
    (tmp_path / "run.json").write_text('{"counts": {"sampled": 32.0, "kept": 3.5}}')
    words = ["select", "cost", "--reasoner", str(MODELS / "InternVL2-8B.json"), "--run", str(tmp_path)]
    assert main(words) == 0
    assert "32   3.50" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--kept", "17"], ["--frames", "0"], ["--answer", "-1"], ["--run", "nowhere"]])
def test_numbers_that_cannot_be_are_refused(capsys, wrong):
    assert main(["select", "cost", "--reasoner", str(MODELS / "Qwen2-1.5B.json"), *wrong]) == 2
    assert "demitasse:" in capsys.readouterr().err


def test_time_is_measured_with_models_that_are_there(tmp_path, capsys):
    folder = tmp_path / "tiny"
    tokenizer = build_tokenizer(["a a a"])
    save_tiny(build_model("qwen2_5_vl", tokenizer, hidden=32, layers=1, heads=2), tokenizer, folder)
    words = ["select", "cost", "--captioner", str(folder), "--picker", str(folder), "--reasoner", str(folder)]
    small = ["--width", "64", "--height", "64", "--prompt", "8", "--answer", "2", "--caption", "2", "--pick", "2"]
    told = tmp_path / "cost.json"
    assert main([*words, *small, "--frames", "4", "--kept", "2", "--measure", "--json", str(told)]) == 0
    (row,) = json.loads(told.read_text())["rows"]
    assert all(value > 0 for value in row["seconds"].values())
    assert "s: all" in capsys.readouterr().out


def test_time_cannot_be_measured_with_dimensions_alone(capsys):
    assert main(["select", "cost", "--reasoner", str(MODELS / "Qwen2.5-VL-7B.json"), "--measure"]) == 2
    assert "Qwen2.5-VL-7B.json" in capsys.readouterr().err
