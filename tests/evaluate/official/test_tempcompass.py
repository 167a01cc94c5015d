"""TempCompass: the scripts' rules without a language model, and ours."""

import pytest

from demitasse.errors import DataError
from evaluate.official import tempcompass
from evaluate.official.tempcompass_rules import kind_of, rule_rating, unnamed
from evaluate.records import Asked

CHOICE = "What is he doing?\nA. running\nB. walking\nC. sitting"
CAPTION = "Which caption matches the video better?\nCaption A: He runs.\nCaption B: He walks."
OPTION = "Which description fits?\nOption 1: He runs.\nOption 2: He walks."


def asked(question, answer):
    return Asked("k", kind_of(question, answer), "v", question, answer, {"dim": "action"})


@pytest.mark.parametrize(
    ("question", "answer", "reply", "rating"),
    [
        pytest.param(CHOICE, "B. walking", "B", 1, id="a_letter"),
        pytest.param(CHOICE, "B. walking", "B. running", 1, id="a_letter_whatever_text_follows"),
        pytest.param(CHOICE, "B. walking", "A) running", 0, id="another_letter"),
        pytest.param(CHOICE, "B. walking", "The answer is B", None, id="a_sentence_is_for_the_language_model"),
        pytest.param(CHOICE, "B. walking", "B</s>", 1, id="the_end_token_is_taken_off"),
        pytest.param("Does he run?", "no", "Nothing moves.", 1, id="nothing_is_a_no"),
        pytest.param("Does he run?", "no", "Now he runs.", 1, id="and_so_is_now"),
        pytest.param("Does he run?", "yes", "I think yes", None, id="a_yes_further_on_is_not_read"),
        pytest.param(CAPTION, "Caption B: He walks.", "B", 1, id="a_captions_letter"),
        pytest.param(CAPTION, "Caption B: He walks.", "Caption A.", 0, id="a_captions_name"),
        pytest.param(CAPTION, "Caption B: He walks.", "He walks.", 1, id="a_captions_sentence"),
        pytest.param(OPTION, "Option 2: He walks.", "2", 1, id="an_options_number"),
        pytest.param(OPTION, "Option 2: He walks.", "I choose 2", None, id="a_number_in_a_sentence"),
        pytest.param(OPTION, "Option 2: He walks.", None, None, id="no_text"),
    ],
)
def test_the_scripts_rules(question, answer, reply, rating):
    assert rule_rating(asked(question, answer), reply) == rating


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        pytest.param("Option 2", "B", id="a_number"),
        pytest.param("2.", "B.", id="a_bare_number"),
        pytest.param("Sentence A fits", "A fits", id="a_letter"),
        pytest.param("It is:\nCaption A: He runs.", "It is:\nHe runs.", id="an_option_whole"),
        pytest.param("Caption A: He walks.", "A: He walks.", id="not_with_the_text_of_another"),
    ],
)
def test_options_of_captions_are_read_by_their_names(reply, named):
    assert unnamed(reply, CAPTION) == named


@pytest.fixture
def case(write):
    def put(question, answer, *replies):
        rows = [{"question": f"{question}", "answer": answer} for _ in replies]
        questions = write("questions.json", {"v": {"action": rows}})
        told = [row | {"prediction": reply} for row, reply in zip(rows, replies, strict=True)]
        return [questions], [write("predictions.json", {"v": {"action": told}})]

    return put


def test_nothing_is_no_no(case):
    figure = tempcompass.score(*case("Does he run?", "no", "Nothing moves.", "No.")).figure("yes_no: avg")
    assert (figure.official, figure.ours) == (100.0, 50.0)


def test_a_sentence_that_names_an_option_is_read_without_a_language_model(case):
    figure = tempcompass.score(*case(CHOICE, "B. walking", "The answer is B.", "B")).figure("multi-choice: avg")
    assert (figure.official, figure.ours) == (50.0, 100.0)


def test_captions_are_read_by_name_number_and_sentence(case):
    report = tempcompass.score(*case(OPTION, "Option 2: He walks.", "Option 2", "2", "He walks.", "Option 1"))
    assert report.figure("caption_matching: avg").ours == 75.0


def test_a_caption_given_whole_in_a_sentence_is_read_and_one_with_the_others_text_is_not(case):
    told = "The best option is:\n\nCaption A: He runs.\n\nThis is evident."
    report = tempcompass.score(*case(CAPTION, "Caption A: He runs.", told, "Caption A: He walks."))
    assert report.figure("caption_matching: avg").ours == 50.0


def test_one_question_asked_twice_of_a_video_is_two_questions(case):
    report = tempcompass.score(*case(CHOICE, "B. walking", "B", "A"))
    assert (report.figure("multi-choice: action").items, report.figure("multi-choice: action").ours) == (2, 50.0)


def test_a_reply_that_is_none_is_wrong(case):
    report = tempcompass.score(*case(CHOICE, "B. walking", None, "B"))
    assert report.counts["faults"] == {"empty": 1}
    assert report.figure("multi-choice: avg").ours == 50.0


def test_captioning_is_refused_with_its_reason(case):
    question = "Find the one that fits.\nInformation A: {'action': 'run'}\nInformation B: {}\nGenerated Caption:"
    with pytest.raises(DataError, match="judged by a language model"):
        tempcompass.score(*case(question, "A. run", "He runs."))
