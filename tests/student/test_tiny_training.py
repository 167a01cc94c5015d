"""What the scripts that make toy students share: a lesson of letters, the eye's lessons, and its silence."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from demitasse.student.encode import IGNORE, Encoder, see
from demitasse.student.family import family_of
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.student.tiny_training import letter_lesson, look, schedule, silence, teach_eye
from demitasse.student.vision import read_vision_settings

WORDS = ("red", "green", "blue", "left", "right", "up")
LETTERS = "ABCD"


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def toy(request, tmp_path_factory) -> tuple[Any, Encoder]:
    tokenizer = build_tokenizer([f"{' '.join(WORDS)} A B C D Letters system\nuser\nassistant\n"] * 9)
    model = build_model(request.param, tokenizer, hidden=32, layers=1, heads=2)
    folder = tmp_path_factory.mktemp("toy")
    save_tiny(model, tokenizer, folder)
    return model, Encoder(tokenizer, model.config, family_of(model.config), read_vision_settings(folder))


@pytest.mark.parametrize("list_in_answer", [False, True])
def test_only_letters_that_can_be_known_are_learnt(toy, list_in_answer) -> None:
    _, encoder = toy
    example = letter_lesson(encoder, random.Random(3), WORDS, LETTERS, list_in_answer, "\n")
    places = np.flatnonzero(example.labels != IGNORE)
    learnt = encoder.tokenizer.convert_ids_to_tokens(example.labels[places])
    assert len(learnt) == 8
    lines = encoder.tokenizer.decode(example.input_ids).splitlines()
    listed = dict(line.split(". ") for line in lines if line[1:3] == ". ")
    words = [encoder.tokenizer.decode(example.input_ids[:place]).split()[-1] for place in places]
    assert [listed[letter] for letter in learnt] == words


def test_a_lesson_is_a_function_of_its_chance(toy) -> None:
    _, encoder = toy
    first, again, other = (letter_lesson(encoder, random.Random(seed), WORDS, LETTERS) for seed in (1, 1, 2))
    assert np.array_equal(first.input_ids, again.input_ids)
    assert not np.array_equal(first.input_ids, other.input_ids)


def test_a_silent_eye_says_the_placeholders_embedding_whatever_it_is_shown(toy) -> None:
    model, encoder = toy
    token = model.config.video_token_id
    shown = [see(np.full((2, 64, 64, 3), grey, np.uint8), np.arange(2.0), encoder.vision).pixels for grey in (0, 255)]
    silence(model, 0.0, token)
    with torch.no_grad():
        said = look(model.model.visual, shown, encoder.vision)
        assert torch.equal(said, model.get_input_embeddings().weight[token].expand_as(said))
        for merger in getattr(model.model.visual, "deepstack_merger_list", []):
            assert not merger.linear_fc2.weight.any() and not merger.linear_fc2.bias.any()


def test_the_eye_comes_to_say_what_it_is_taught(capsys, toy) -> None:
    model, encoder = toy
    if not hasattr(model.model.visual.merger, "mlp"):
        pytest.skip("only Qwen2.5-VL's eye is taught by the scripts")
    shown = [see(np.full((2, 64, 64, 3), 99, np.uint8), np.arange(2.0), encoder.vision).pixels]
    with torch.no_grad():
        wanted = torch.ones_like(look(model.model.visual, shown, encoder.vision))[None]
    filled = torch.arange(wanted.shape[1])[None] < 2

    def apart() -> float:
        with torch.no_grad():
            return float((look(model.model.visual, shown, encoder.vision)[None] - wanted).square().mean())

    before = apart()
    teach_eye(model.model.visual, lambda: (shown, wanted, filled), encoder.vision, 1e-3, 100)
    assert apart() < before / 10
    assert capsys.readouterr().out.startswith("eye 100/100  things ")


def test_the_rate_rises_for_fifty_steps_and_falls_to_nothing() -> None:
    optimizer, factor = schedule([torch.nn.Parameter(torch.zeros(1))], 1.0, 200)
    rates = []
    for _ in range(200):
        rates.append(factor.get_last_lr()[0])
        optimizer.step()
        factor.step()
    assert rates[0] == 1 / 50 and max(rates) == rates[40] and rates[-1] == pytest.approx(1 / 200)
