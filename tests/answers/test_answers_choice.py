"""Multiple choice is read strictly: every assertion counts, and they must name one option."""

import re

import pytest

from demitasse.answers import Status, read_mcq, read_options

OPTIONS = {"A": "a red car", "B": "turns left", "C": "turns right", "D": "stops"}
NINE = {letter: f"thing {letter}" for letter in "ABCDEFGHI"}

READ = [
    pytest.param("B", "B", "letter", id="a_lone_letter"),
    pytest.param("b", "B", "letter", id="a_lone_letter_in_lower_case"),
    pytest.param("(b)", "B", "letter", id="a_letter_in_brackets"),
    pytest.param("B. turns left", "B", "letter", id="the_annotator_dialect"),
    pytest.param("B) turns left", "B", "letter", id="the_daft_dialect"),
    pytest.param("**B) turns left**", "B", "letter", id="bold_type_is_no_obstacle"),
    pytest.param("\uff22", "B", "letter", id="a_full_width_letter"),
    pytest.param("\u200bB", "B", "letter", id="a_zero_width_mark_before_the_letter"),
    pytest.param("Option B", "B", "letter", id="the_word_option_before_the_letter"),
    pytest.param("B) because A) is wrong", "B", "letter", id="a_label_and_another_option_discussed"),
    pytest.param("B because A is not visible", "B", "letter", id="a_letter_and_its_reason"),
    pytest.param("B, A is not visible", "B", "letter", id="a_letter_a_comma_and_another_one_discussed"),
    pytest.param("A man picks up the ball. The answer is B.", "B", "statement", id="the_article_a_is_no_option"),
    pytest.param(
        "The answer is B because A is not visible.", "B", "statement", id="a_discussed_option_is_not_asserted"
    ),
    pytest.param("The answer is B, not A.", "B", "statement", id="a_rejected_option_is_not_asserted"),
    pytest.param("The correct answer is b", "B", "statement", id="a_stated_letter_in_lower_case"),
    pytest.param("Answer: (C)", "C", "statement", id="answer_colon_bracket"),
    pytest.param("Because the dog barks, the answer is D", "D", "statement", id="the_word_because_is_not_option_b"),
    pytest.param("Because the dog barks. D", "D", "last", id="a_lone_letter_as_the_last_sentence"),
    pytest.param("Based on the video, (C).", "C", "last", id="a_letter_in_brackets_after_the_last_comma"),
    pytest.param("It turns.\n\nB", "B", "line", id="a_lone_letter_on_a_line"),
    pytest.param("Because \u2026 D", "D", "last", id="a_lone_letter_after_an_ellipsis"),
    pytest.param("It turns left (B).", "B", "last", id="a_letter_in_brackets_after_its_own_text"),
    pytest.param("The correct option is: B) turns left", "B", "statement", id="a_colon_after_is"),
    pytest.param("The answer is B. A is a common distractor.", "B", "statement", id="a_distractor_is_named_afterwards"),
    pytest.param("A is a common distractor, so the answer is B", "B", "statement", id="a_distractor_is_named_before"),
    pytest.param("The answer is not A. The answer is B.", "B", "statement", id="a_denial_hides_no_later_statement"),
    pytest.param("B is not correct. The answer is C", "C", "statement", id="a_verdict_against_a_letter"),
    pytest.param("B) turns left\nA) is wrong because it stands", "B", "letter", id="another_label_that_is_ruled_out"),
    pytest.param("B. turns left\n\nWhy:\nA. too red\nC. too slow", "B", "letter", id="a_walk_through_the_rest_below"),
    pytest.param("C is the correct answer.", "C", "statement", id="a_verdict_on_a_letter"),
    pytest.param("C is the answer.", "C", "statement", id="a_plain_verdict_on_a_letter"),
    pytest.param("I choose B.", "B", "statement", id="a_choice_in_the_first_person"),
    pytest.param("I would say C.", "C", "statement", id="what_the_speaker_would_say"),
    pytest.param("I'd say it is (C), for it turns", "C", "statement", id="what_the_speaker_would_say_and_why"),
    pytest.param("A man rides, so B", "B", "last", id="a_conclusion_at_the_end"),
    pytest.param(
        "The best option is B. turns left. The wheel shows it, so C. turns right and D. stops are out.",
        "B",
        "statement",
        id="a_stated_option_is_no_part_of_a_list_further_on",
    ),
    pytest.param("B rather than C", "B", "letter", id="a_letter_and_the_one_it_is_preferred_to"),
    pytest.param("B turns left", "B", "text", id="a_letter_without_a_mark_before_its_own_text"),
    pytest.param("<B>", "B", "line", id="a_letter_in_angle_brackets"),
    pytest.param("\u2067B\u2069", "B", "letter", id="marks_of_direction_around_the_letter"),
    pytest.param("\u3010B\u3011", "B", "letter", id="a_letter_in_chinese_brackets"),
    pytest.param("B\u3002", "B", "letter", id="a_chinese_full_stop"),
    pytest.param("B\u3001turns left", "B", "letter", id="a_chinese_comma_as_the_label"),
    pytest.param("Answer - B", "B", "statement", id="answer_dash"),
    pytest.param("The answer is 'B'.", "B", "statement", id="a_letter_in_single_quotes"),
    pytest.param("The answer seems to be B.", "B", "statement", id="what_the_answer_seems_to_be"),
    pytest.param("The answer to the question is most likely B.", "B", "statement", id="what_is_most_likely"),
    pytest.param("I believe B.", "B", "statement", id="what_the_speaker_believes"),
    pytest.param("I think it's B because it turns", "B", "statement", id="what_the_speaker_thinks_it_is"),
    pytest.param("It's B.", "B", "statement", id="it_is_this_one"),
    pytest.param("A car comes. It must be B.", "B", "statement", id="what_it_must_be"),
    pytest.param("Definitely B!", "B", "statement", id="an_adverb_and_a_letter"),
    pytest.param("Not A, but B.", "B", "statement", id="not_this_one_but_that_one"),
    pytest.param("It is not A; it is B.", "B", "statement", id="it_is_not_this_one_it_is_that_one"),
    pytest.param("\u7b54\u6848\u662fB", "B", "statement", id="chinese"),
    pytest.param(
        "\u56e0\u6b64\uff0c\u7b54\u6848\uff1a\uff08B\uff09", "B", "statement", id="chinese_with_its_own_marks"
    ),
    pytest.param("\u6545\u9009B\u3002", "B", "statement", id="chinese_therefore_i_choose"),
    pytest.param("B\u662f\u6b63\u786e\u7684\u3002", "B", "statement", id="chinese_is_right"),
    pytest.param("La respuesta correcta es B", "B", "statement", id="spanish"),
    pytest.param("\u6b63\u89e3\u306fB\u3067\u3059\u3002", "B", "statement", id="japanese"),
    pytest.param("The one in front is a red car.", "A", "text", id="an_options_text_said_of_something"),
    pytest.param("<answer>B</answer>", "B", "letter", id="an_answer_tag"),
    pytest.param("A or C? <answer>B", "B", "letter", id="an_answer_tag_at_whose_end_the_server_stopped"),
    pytest.param("<|begin_of_box|>B<|end_of_box|>", "B", "letter", id="a_box_as_glm_marks_it"),
    pytest.param("A or C? <answer>B</answer>", "B", "letter", id="only_the_tag_is_read_where_there_is_one"),
    pytest.param('{"answer": "B"}', "B", "statement", id="an_answer_in_json"),
    pytest.param("So $\\boxed{B}$", "B", "boxed", id="a_boxed_letter"),
    pytest.param("\\boxed{\\textbf{(B)}}", "B", "boxed", id="a_boxed_letter_in_bold"),
    pytest.param("\\boxed{B) turns left}", "B", "boxed", id="a_boxed_letter_and_its_text"),
    pytest.param("\\boxed{\\text{turns left}}", "B", "text", id="a_boxed_text"),
    pytest.param("turns left", "B", "text", id="the_exact_text_of_an_option"),
    pytest.param("Turns  left. It does so at once.", "B", "text", id="option_text_as_the_first_sentence"),
    pytest.param("The answer is turns left.", "B", "text", id="stated_option_text"),
    pytest.param("The red car", "A", "text", id="option_text_under_another_article"),
    pytest.param(
        "A. a red car\nB. turns left\nC. turns right\nD. stops\nAnswer: D",
        "D",
        "statement",
        id="an_echo_of_the_options",
    ),
]


@pytest.mark.parametrize(("text", "letter", "method"), READ)
def test_the_option_that_is_asserted_is_read(text, letter, method):
    parsed = read_mcq(text, OPTIONS)
    assert (parsed.value, parsed.method, parsed.status) == (letter, method, Status.OK)


UNREAD = [
    pytest.param("A or B", "no_option_named", id="two_letters_joined_by_or"),
    pytest.param("A, B", "two_options_named", id="two_letters_joined_by_a_comma"),
    pytest.param("It follows plan A, B", "no_option_named", id="a_bare_letter_after_the_last_comma"),
    pytest.param("B\nC", "two_options_named", id="two_letters_on_two_lines"),
    pytest.param("The answer is A, or B.", "two_options_named", id="two_letters_stated"),
    pytest.param("A. No wait. The answer is B.", "two_options_named", id="an_answer_taken_back"),
    pytest.param("<answer>B</answer><answer>C</answer>", "two_options_named", id="two_answer_tags_that_differ"),
    pytest.param("B) turns right", "two_options_named", id="a_letter_beside_another_options_text"),
    pytest.param("A) a red car B) turns left C) turns right D) stops", "no_option_named", id="all_options_listed"),
    pytest.param("A, B, C, D", "two_options_named", id="all_letters_listed"),
    pytest.param("A B C D", "no_option_named", id="all_letters_in_a_row"),
    pytest.param("B. Wait, the answer is not B.", "named_and_denied", id="a_letter_that_is_taken_back"),
    pytest.param("I would not choose B.", "no_option_named", id="a_choice_that_is_not_made"),
    pytest.param("I would not say C.", "no_option_named", id="what_the_speaker_would_not_say"),
    pytest.param("Would I say C?", "no_option_named", id="what_the_speaker_asks"),
    pytest.param("I would say C or D.", "no_option_named", id="two_that_the_speaker_would_say"),
    pytest.param("People say C.", "no_option_named", id="what_others_say"),
    pytest.param("I would say A car stops.", "no_option_named", id="an_article_after_say"),
    pytest.param("He likes B, so A is out", "no_option_named", id="a_conclusion_that_goes_on"),
    pytest.param(
        "The answer is B. turns left C. turns right", "no_option_named", id="a_stated_option_that_opens_a_list"
    ),
    pytest.param("If A is correct, the car is red.", "no_option_named", id="a_condition_is_no_verdict"),
    pytest.param("I doubt that B is correct", "no_option_named", id="a_doubt_is_no_verdict"),
    pytest.param("A) is not visible. B) is.", "no_option_named", id="labels_with_predicates_are_no_answer"),
    pytest.param("A: wrong.\nB: right.", "no_option_named", id="a_walk_through_the_options"),
    pytest.param("A: The car is red, which is wrong. B: left.", "no_option_named", id="a_walk_on_one_line"),
    pytest.param("A: 30 %, B: 70 %", "no_option_named", id="shares_of_the_options"),
    pytest.param("A - no, B - yes", "no_option_named", id="a_verdict_on_each"),
    pytest.param("a) b) c) d)", "two_options_named", id="labels_in_a_row"),
    pytest.param("A. B. C. D.", "two_options_named", id="capital_labels_in_a_row"),
    pytest.param("C'est la vie", "no_option_named", id="the_first_letter_of_a_french_word"),
    pytest.param("I think A, B are both wrong.", "two_options_named", id="two_that_the_speaker_thinks_of"),
    pytest.param("It's B movie.", "no_option_named", id="a_letter_before_a_noun"),
    pytest.param("Clearly A man walks.", "no_option_named", id="an_article_after_an_adverb"),
    pytest.param("The video asks whether it's A.", "no_option_named", id="a_letter_in_a_clause"),
    pytest.param("It is B?", "no_option_named", id="a_letter_that_is_asked_for"),
    pytest.param("Not A but B or C.", "no_option_named", id="not_this_one_but_one_of_those"),
    pytest.param("<answer>A<answer>B", "two_options_named", id="two_open_tags_that_differ"),
    pytest.param("<answer>", "no_option_named", id="an_open_tag_with_nothing_in_it"),
    pytest.param("\\boxed{A car}", "no_option_named", id="a_boxed_article"),
    pytest.param("\u7b54\u6848\u4e0d\u662fB", "no_option_named", id="chinese_is_not"),
    pytest.param(
        "\u6211\u4e0d\u8ba4\u4e3a\u7b54\u6848\u662fB\u3002", "no_option_named", id="chinese_does_not_think_so"
    ),
    pytest.param("It is wrong to say that the answer is B.", "no_option_named", id="wrong_to_say"),
    pytest.param("\u4e0d\u5e94\u8be5\u9009B\u3002", "no_option_named", id="chinese_should_not_choose"),
    pytest.param("\u7b54\u6848\u662fA\u8fd8\u662fB", "two_options_named", id="chinese_this_one_or_that_one"),
    pytest.param(
        "\u9009\u9879B\u63cf\u8ff0\u4e86\u4e00\u8f86\u8f66", "no_option_named", id="chinese_an_option_discussed"
    ),
    pytest.param("\u7b54\u6848B\u662f\u9519\u8bef\u7684", "no_option_named", id="chinese_is_wrong"),
    pytest.param("La respuesta no es B", "no_option_named", id="spanish_is_not"),
    pytest.param("The car is not a red car.", "no_option_named", id="an_options_text_denied"),
    pytest.param("It is unclear if it is a red car.", "no_option_named", id="an_options_text_in_doubt"),
    pytest.param("Unknown", "no_option_named", id="unknown_when_not_an_option"),
    pytest.param("\u2026A is a common distractor", "no_option_named", id="a_distractor_alone"),
    pytest.param("-1", "no_option_named", id="a_sentinel"),
    pytest.param("nan", "no_option_named", id="a_sentinel_in_letters"),
    pytest.param("\u0392", "no_option_named", id="a_greek_letter_that_looks_like_b"),
    pytest.param("E", "letter_not_an_option", id="a_letter_that_is_no_option"),
    pytest.param("The answer is a man", "no_option_named", id="an_article_after_answer_is"),
    pytest.param("The answer is A man", "no_option_named", id="a_capital_article_after_answer_is"),
    pytest.param("The answer is not B", "no_option_named", id="a_denied_letter"),
    pytest.param("It opens a door (B).", "no_option_named", id="a_letter_in_passing"),
    pytest.param("None of the above", "no_option_named", id="none_of_the_above_when_not_an_option"),
    pytest.param("turns", "no_option_named", id="a_part_of_an_options_text"),
]


@pytest.mark.parametrize(("text", "reason"), UNREAD)
def test_an_answer_that_names_no_single_option_is_unparsable(text, reason):
    parsed = read_mcq(text, OPTIONS)
    assert (parsed.value, parsed.status, parsed.method) == (None, Status.UNPARSABLE, reason)


def test_the_pronoun_i_is_no_option_even_where_there_are_nine():
    assert read_mcq("I think the answer is C.", NINE).value == "C"
    assert read_mcq("I, for one, see nothing.", NINE).status is Status.UNPARSABLE
    assert read_mcq("I", NINE).value == "I"


def test_equal_option_texts_cannot_be_told_apart_by_text():
    assert read_mcq("stops", {"A": "stops", "B": "stops"}).status is Status.UNPARSABLE


def test_a_lone_letter_is_a_letter_even_where_options_are_letters():
    assert read_mcq("B", {"A": "B", "B": "A"}).value == "B"


def test_a_number_may_be_an_options_text():
    assert read_mcq("4", {"A": "3", "B": "4"}).value == "B"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param("", Status.EMPTY, id="nothing"),
        pytest.param(" \n\t", Status.EMPTY, id="only_space"),
        pytest.param("I cannot see the video.", Status.REFUSAL, id="cannot_see_the_video"),
        pytest.param("I'm sorry, but I can't assist with that.", Status.REFUSAL, id="cannot_assist"),
        pytest.param("As an AI model, I do not have access to videos", Status.REFUSAL, id="no_access"),
        pytest.param("I cannot see any car", Status.UNPARSABLE, id="an_observation_is_no_refusal"),
    ],
)
def test_empty_refused_and_unparsable_are_told_apart(text, status):
    assert read_mcq(text, OPTIONS).status is status


def test_the_span_points_at_the_letter_in_the_original_text():
    text = "**Answer:** B"
    start, end = read_mcq(text, OPTIONS).span
    assert text[start:end] == "B"


QUESTIONS = [
    pytest.param("What?\nA. left\nB. right\nAnswer with a single letter.", {"A": "left", "B": "right"}, id="dots"),
    pytest.param("What?\nA) left\nB) right", {"A": "left", "B": "right"}, id="brackets"),
    pytest.param("What?\n(A) left\n(B) right", {"A": "left", "B": "right"}, id="two_brackets"),
    pytest.param("What?\nA: left\nB: right", {"A": "left", "B": "right"}, id="colons"),
    pytest.param("A. Look.\nB. Say.\nWhich?\nA. up\nB. down", {"A": "up", "B": "down"}, id="the_last_list_counts"),
    pytest.param("What?\nA. left\nC. right", {}, id="a_gap_in_the_letters_ends_the_list"),
    pytest.param("Does A. Smith stand?", {}, id="no_list"),
    pytest.param("\n".join(f"{chr(65 + i)}. {i}" for i in range(30)), None, id="more_than_twenty_six"),
]


@pytest.mark.parametrize(("question", "options"), QUESTIONS)
def test_options_are_read_in_every_dialect(question, options):
    found = read_options(question)
    assert found == options if options is not None else len(found) == 26


@pytest.mark.parametrize("reply", ["B", "B.", " B)", "B\n", "A", "D.\n\n"])
def test_a_bare_letter_is_read_as_by_all_the_rules(reply, monkeypatch):
    options = {"A": "left", "B": "right", "C": "up there", "D": "down"}
    quick = read_mcq(reply, options)
    monkeypatch.setattr("demitasse.answers.choice._BARE", re.compile("(?P<letter>never)"))
    assert read_mcq(reply, options) == quick
