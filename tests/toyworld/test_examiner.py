import pytest

from demitasse.chat.blocks import write_blocks
from demitasse.chat.model import Request, Sampling, Text
from demitasse.timecode import format_mmss
from demitasse.toyworld.examiner import examine
from demitasse.toyworld.world import COLOURS, DIRECTIONS, toy_clip

CLIP = toy_clip(3)
OTHER_WAY = next(word for word in sorted(DIRECTIONS) if word != CLIP.direction)
OTHER_COLOUR = next(word for word in sorted(COLOURS) if word != CLIP.colour)
OPTIONS = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", sorted(DIRECTIONS), strict=True))
RIGHT = "ABCD"[sorted(DIRECTIONS).index(CLIP.direction)]
WAY = f"In which direction does the shape move?\n{OPTIONS}\nAnswer with a single letter."


def _ask(step, clip=CLIP, seed=0, **blocks):
    return examine(Request(step, (Text(write_blocks(blocks)),), sampling=Sampling(seed=seed)), clip)


GRADED = [
    pytest.param(WAY, RIGHT, 5, id="the_right_letter"),
    pytest.param(WAY, "ABCD"["ABCD".index(RIGHT) - 1], 1, id="another_letter"),
    pytest.param(f"Is the shape {CLIP.colour}?\nAnswer with Yes or No.", "Yes", 5, id="a_true_yes"),
    pytest.param(f"Is the shape {OTHER_COLOUR}?\nAnswer with Yes or No.", "Yes", 1, id="a_false_yes"),
    pytest.param(f"Is the shape {OTHER_COLOUR}?\nAnswer with Yes or No.", "No", 5, id="a_true_no"),
    pytest.param("What does it do?", f"It moves {CLIP.direction}.", 5, id="a_true_sentence"),
    pytest.param("What does it do?", f"It moves {OTHER_WAY}.", 1, id="a_false_sentence"),
    pytest.param("When?", f"{format_mmss(CLIP.light_on)} - {format_mmss(CLIP.light_off)}", 5, id="the_right_span"),
    pytest.param("When?", "00:00 - 00:01", 1, id="another_span"),
]


@pytest.mark.parametrize(("question", "answer", "grade"), GRADED)
def test_an_answer_is_graded_by_the_truth_of_the_clip_that_is_shown(question, answer, grade):
    assert _ask("judge_item", question=question, answer=answer)["correctness"] == grade


def test_reasoning_that_says_what_is_not_so_is_graded_low():
    told = _ask("judge_item", question=WAY, answer=RIGHT, reasoning=f"The shape is {OTHER_COLOUR}.")
    assert told["grounding"] == told["reasoning"] == 2 and OTHER_COLOUR in told["reasons"]


def test_without_a_clip_it_says_that_it_cannot_tell():
    assert _ask("judge_item", clip=None, question=WAY, answer=RIGHT)["correctness"] == 3


@pytest.mark.parametrize("step", ["blind_mcq", "blind_bcq", "blind_times", "blind_open"])
def test_a_guess_hangs_on_prompt_and_seed_and_never_on_the_clip(step):
    blocks = {"question": "Which way?", "options": OPTIONS}
    assert _ask(step, CLIP, **blocks) == _ask(step, None, **blocks)
    assert len({str(_ask(step, seed=seed, **blocks)) for seed in range(40)}) > 1


CONCLUDED = [
    pytest.param(WAY, f"So it moves {CLIP.direction}.", RIGHT, id="a_letter"),
    pytest.param(WAY, "It is so.", "unclear", id="nothing"),
    pytest.param("Is it red?\nAnswer with Yes or No.", "It is red, and it is asked for red.", "Yes", id="yes"),
    pytest.param("Is it red?\nAnswer with Yes or No.", "It is blue, and it is asked for red.", "No", id="no"),
    pytest.param("When?", "On at 00:02, off at 00:05.", "00:02 - 00:05", id="times"),
]


@pytest.mark.parametrize(("question", "reasoning", "said"), CONCLUDED)
def test_it_concludes_what_the_reasoning_says(question, reasoning, said):
    assert _ask("conclude", question=question, reasoning=reasoning) == said


@pytest.mark.parametrize(("answer", "follows"), [("It moves left.", True), ("It moves right.", False)])
def test_an_answer_follows_if_nothing_in_the_reasoning_speaks_against_it(answer, follows):
    assert _ask("follows", question="?", reasoning="A red shape goes left.", answer=answer)["follows"] is follows


def test_another_step_is_not_known():
    with pytest.raises(KeyError):
        _ask("caption")
