"""Multiple choice by the letters' probabilities, in one pass; and words that are drawn, by an item's own seed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from demitasse.dataset import Item
from demitasse.errors import DataError
from demitasse.student.encode import see
from demitasse.student.generate import Draws, generate
from demitasse.student.letters import choose
from demitasse.student.load import Student, load_student
from demitasse.student.modes import by_letters
from demitasse.student.vision import patchify

BASES = Path(__file__).parents[2] / "recipes" / "quickstart" / "base"
OPTIONS = "\nA. left\nB. right\nC. up\nD. down\nAnswer with a single letter."
ITEMS = [
    Item("In which direction does the shape move?" + OPTIONS, "A", "a.mp4"),
    Item("Where is it at the end?\nA. at the left\nB. at the right", "B", "b.mp4"),
    Item("What colour is the shape?" + OPTIONS, "C", "c.mp4"),
]


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def student(request) -> Student:
    return load_student(BASES / request.param, device="cpu")


def prompts_of(student: Student, items=ITEMS):
    chance = np.random.default_rng(0)
    clips = [
        see(chance.integers(0, 255, (4 + 2 * place, 64, 64, 3), dtype=np.uint8), np.arange(4.0 + 2 * place),
            student.encoder.vision)
        for place in range(len(items))
    ]  # fmt: skip
    return [student.encoder.prompt(item, clip) for item, clip in zip(items, clips, strict=True)]


def test_each_letters_score_is_its_log_probability_behind_the_prompt(student):
    """Against the model itself, one prompt at a time and without padding."""
    for prompt, item, said in zip(prompts_of(student), ITEMS, choose(student, prompts_of(student), ITEMS), strict=True):
        batch = {
            "input_ids": torch.from_numpy(prompt.input_ids)[None],
            "position_ids": torch.from_numpy(prompt.positions)[:, None],
        }
        grid = torch.tensor([prompt.pixels.grid])
        pixels = patchify(prompt.pixels, student.encoder.vision)
        with torch.no_grad():
            logits = student.model(**batch, pixel_values_videos=pixels, video_grid_thw=grid).logits[0, -1]
        likely = logits.log_softmax(-1)
        letters = "ABCD" if "D. down" in item.question else "AB"
        wanted = {one: float(likely[student.tokenizer.convert_tokens_to_ids(one)]) for one in letters}
        assert list(said.detail["letters"]) == list(letters)
        assert said.detail["letters"] == pytest.approx(wanted, abs=1e-4)
        assert (said.text, said.finish) == (max(wanted, key=wanted.get), "stop")


def favour(student: Student, letter: str, monkeypatch) -> None:
    """Let the student begin every answer with a letter."""
    head, token = student.model.lm_head, student.tokenizer.convert_tokens_to_ids(letter)
    forward = head.forward

    def favouring(hidden):
        logits = forward(hidden).clone()
        logits[..., token] += 100
        return logits

    monkeypatch.setattr(head, "forward", favouring)


@pytest.mark.parametrize("letter", ["A", "B"])
def test_a_greedy_student_whose_first_word_is_a_letter_writes_the_one_that_is_chosen(student, letter, monkeypatch):
    favour(student, letter, monkeypatch)
    prompts = prompts_of(student)
    written = [one.text for one in generate(student, prompts, 1)]
    assert [one.text for one in choose(student, prompts, ITEMS)] == written == [letter] * 3


def test_all_items_of_a_batch_take_one_forward_pass(student):
    passes = []
    hook = student.model.register_forward_hook(lambda *_: passes.append(1))
    choose(student, prompts_of(student), ITEMS)
    hook.remove()
    assert len(passes) == 1


def test_a_question_without_options_is_refused():
    with pytest.raises(DataError, match="lists no options, one a line; ask it with --mcq generate"):
        by_letters(Item("Where is it?", "A", "a.mp4"))


def test_a_draw_is_as_likely_as_the_temperature_makes_it():
    scores = torch.tensor([2.0, 1.0, 0.0])
    for temperature in (0.5, 1.0, 2.0):
        draws = Draws(temperature, range(20_000))
        drawn = draws(torch.zeros(0), scores.expand(20_000, 3)).argmax(-1)
        shares = torch.bincount(drawn, minlength=3) / 20_000
        torch.testing.assert_close(shares, (scores / temperature).softmax(-1), atol=0.015, rtol=0)


def test_what_is_drawn_for_a_prompt_depends_on_its_seed_and_not_on_its_neighbours(student):
    prompts = prompts_of(student)
    together = generate(student, prompts, 8, 1.5, [1, 2, 3])
    alone = [generate(student, [one], 8, 1.5, [seed])[0] for one, seed in zip(prompts, (1, 2, 3), strict=True)]
    assert together == alone
    assert generate(student, prompts, 8, 1.5, [4, 5, 6]) != together


def test_greedy_answers_need_no_seed_and_other_random_numbers_stay(student):
    before = torch.random.get_rng_state()
    prompts = prompts_of(student)
    assert generate(student, prompts, 4) == generate(student, prompts, 4)
    generate(student, prompts, 4, 1.0, [1, 2, 3])
    assert torch.equal(before, torch.random.get_rng_state())
