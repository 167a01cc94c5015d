import pytest

from annotate.quality.config import Consistency
from annotate.quality.consistency import judge_consistency

CHOICE = [
    pytest.param("The jaw is open. The answer is B.", "keep", id="the_same_letter"),
    pytest.param("The jaw is open. The answer is C.", "drop", id="another_letter"),
    pytest.param("Option C is correct.", "drop", id="an_option_called_correct"),
    pytest.param("The correct answer is (D).", "drop", id="a_letter_in_brackets"),
    pytest.param("At first the answer is C. No: the answer is B.", "keep", id="the_last_word_counts"),
    pytest.param("It has a jaw. So it is a wrench.", "keep", id="the_option_in_words"),
    pytest.param("It has teeth. So it is a saw.", "drop", id="another_option_in_words"),
    pytest.param("Therefore, the tool that falls is a drill.", "drop", id="another_option_in_a_concluding_clause"),
    pytest.param("It is heavy. So it is not a saw.", "keep", id="a_denial_concludes_nothing"),
    pytest.param("So it could be a saw.", "keep", id="a_guess_concludes_nothing"),
    pytest.param("So it is a saw rather than a wrench.", "keep", id="a_contrast_concludes_nothing"),
    pytest.param("A saw lies on the bench. The tool falls.", "keep", id="a_mention_concludes_nothing"),
    pytest.param("So it is a saw. It falls.", "keep", id="only_the_last_sentence_concludes_in_words"),
    pytest.param("So a hammer and a saw fall.", "keep", id="two_options_conclude_nothing"),
    pytest.param("The answer is a red thing with a jaw.", "keep", id="an_article_is_no_letter"),
    pytest.param("The answer is F.", "drop", id="a_letter_that_is_no_option"),
]


@pytest.mark.parametrize(("reasoning", "word"), CHOICE)
def test_a_stated_choice_is_held_to_the_answer(make_choice, reasoning, word):
    assert judge_consistency(make_choice("B", reasoning), Consistency()).word == word


def test_the_longer_of_two_options_is_meant_where_one_holds_the_other(make_choice):
    question = "Where does it go?\nA. left\nB. left turn lane\nC. right\nD. up"
    assert (
        judge_consistency(make_choice("B", "So it takes the left turn lane.", question), Consistency()).word == "keep"
    )


BINARY = [
    pytest.param("It turns. The answer is yes.", "Yes", "keep", id="agrees"),
    pytest.param("It turns. The answer is no.", "Yes", "drop", id="contradicts"),
    pytest.param("It stands still. Therefore, no.", "Yes. It turns.", "drop", id="a_concluding_word"),
    pytest.param("So no car is hit.", "Yes", "keep", id="a_no_before_a_noun_is_no_verdict"),
    pytest.param("It turns left, and it is asked for right.", "Yes", "keep", id="nothing_concluded"),
]


@pytest.mark.parametrize(("reasoning", "answer", "word"), BINARY)
def test_a_stated_verdict_is_held_to_the_answer(make_entry, reasoning, answer, word):
    task = "bcq" if answer == "Yes" else "bcq_openended"
    assert judge_consistency(make_entry(task, "Does it turn?", answer, reasoning), Consistency()).word == word


SPAN = [
    pytest.param("It is on from 00:03 to 00:05.", "keep", id="the_same_times"),
    pytest.param("It is on from 00:04 to 00:07.", "keep", id="near_times"),
    pytest.param("It comes on at 00:20 and goes off at 00:25.", "drop", id="other_times_altogether"),
    pytest.param("It is off until 00:20.", "keep", id="one_time_concludes_nothing"),
    pytest.param("At 00:01 a car comes; it leaves at 00:04.", "keep", id="a_time_inside_the_span"),
]


@pytest.mark.parametrize(("reasoning", "word"), SPAN)
def test_the_times_of_the_reasoning_have_to_do_with_those_of_the_answer(make_entry, reasoning, word):
    entry = make_entry("temporal_localization", "When?", '{"start": "00:03", "end": "00:05"}', reasoning)
    assert judge_consistency(entry, Consistency()).word == word


def test_no_reasoning_and_open_answers_are_kept_and_say_so(make_entry):
    assert judge_consistency(make_entry("bcq", "Is it?", "Yes"), Consistency()).kind == "no reasoning"
    assert judge_consistency(make_entry(reasoning="So no."), Consistency()).kind == "open answer"


def test_an_answer_that_cannot_be_read_is_unknown(make_choice):
    verdict = judge_consistency(make_choice("none of them", "The answer is B."), Consistency())
    assert verdict.word == "unknown" and "not one of the options" in verdict.reason
