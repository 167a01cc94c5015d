"""Step 9: guesses from the text alone."""

import pytest

from annotate.espresso.probe import Probing, guess_rate, options_of, shuffled
from annotate.espresso.settings import ProbeSettings
from demitasse.answers import read_options
from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Image, Outcome, Reply, Video

WRONG = ["It burns.", "It cools.", "It falls."]


@pytest.fixture
def with_options(video):
    return video | {"distractors": [{"id": "tea/one.mp4/qa_000", "distractors": WRONG}]}


def probe(kitchen, fields, teacher, **settings):
    return kitchen.run(teacher, lambda asker: Probing(asker, ProbeSettings(**settings), ()), fields)


def lettered(request):
    return read_options(read_blocks(request.text)["options"])


def always(text):
    """Chooses the option with this text, wherever it stands."""
    return lambda request: next(letter for letter, option in lettered(request).items() if option == text)


def test_the_model_is_shown_no_picture_and_told_no_caption(kitchen, with_options):
    teacher = kitchen.teacher("A")
    probe(kitchen, with_options, teacher)
    assert not any(isinstance(part, Image | Video) for request in teacher.asked for part in request.parts)
    assert set(read_blocks(teacher.asked[0].text)) == {"question", "options"}
    assert "Steam rises" not in teacher.asked[0].text


def test_the_order_of_options_differs_between_tries_and_stays_from_run_to_run(kitchen, with_options):
    teacher = kitchen.teacher("A")
    probe(kitchen, with_options, teacher, tries=6)
    orders = [tuple(lettered(request).values()) for request in teacher.asked]
    assert len(set(orders)) > 1
    answer = with_options["questions"][0]["answer"]
    assert orders[2] == tuple(shuffled("tea/one.mp4/qa_000", [answer, *WRONG], 2).values())


def test_a_question_that_is_guessed_every_time_is_marked(kitchen, with_options):
    answer = with_options["questions"][0]["answer"]
    (row,) = probe(kitchen, with_options, kitchen.teacher(always(answer)))["probe"]
    assert (row["right"], row["tried"], row["guessed"]) == (3, 3, True)


def test_a_question_that_is_guessed_now_and_then_is_not_marked(kitchen, with_options):
    teacher = kitchen.teacher(always("It burns."), always(with_options["questions"][0]["answer"]))
    (row,) = probe(kitchen, with_options, teacher)["probe"]
    assert (row["right"], row["guessed"]) == (2, False)


def test_a_wrong_choice_is_kept_with_what_it_was(kitchen, with_options):
    (row,) = probe(kitchen, with_options, kitchen.teacher(always("It burns.")))["probe"]
    assert (row["right"], row["guessed"]) == (0, False)
    assert [one["said"] for one in row["guesses"]] == ["It burns."] * 3


def test_a_reply_that_cannot_be_read_is_not_right_and_is_counted(kitchen, with_options):
    (row,) = probe(kitchen, with_options, kitchen.teacher("It might be A or B."), tries=2)["probe"]
    assert (row["right"], row["unread"], row["guessed"]) == (0, 2, False)
    assert row["guesses"][0]["fault"] == "It might be A or B."


def test_a_refused_guess_is_not_right_and_does_not_undo_the_others(kitchen, with_options):
    teacher = kitchen.teacher(Reply(Outcome.REFUSED), always(with_options["questions"][0]["answer"]))
    (row,) = probe(kitchen, with_options, teacher, tries=2)["probe"]
    assert (row["tried"], row["right"], row["unread"]) == (2, 1, 1)


def test_thoughts_before_the_letter_are_passed_over(kitchen, with_options):
    (row,) = probe(kitchen, with_options, kitchen.teacher("<think>A or B?</think>C"), tries=1)["probe"]
    assert row["guesses"][0]["letter"] == "C"


def test_questions_without_options_are_not_asked(kitchen, video):
    teacher = kitchen.teacher("A")
    assert probe(kitchen, video | {"distractors": []}, teacher)["probe"] == []
    assert not teacher.asked


def test_the_first_option_of_a_question_is_its_answer(with_options):
    assert options_of(with_options, "tea/one.mp4/qa_000")[1:] == WRONG
    assert options_of(with_options, "tea/one.mp4/qa_001") == ["She pours from the kettle until the bowl is full."]


def test_the_rate_has_an_interval_over_questions_and_not_over_tries():
    rows = [{"right": 3, "tried": 3}, {"right": 0, "tried": 3}] * 50
    told = guess_rate(rows)
    assert (told["questions"], told["right"], told["guessed_every_time"]) == (100, 0.5, 50)
    assert told["error"] == pytest.approx(1.96 * 0.5025 / 10, abs=1e-3)


def test_of_no_guesses_nothing_is_told():
    assert guess_rate([]) is None
