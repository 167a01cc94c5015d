"""Whatever a model writes, a reader has a value in its range or none: never an exception, never a guess."""

import math
import time
from string import ascii_lowercase

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from demitasse.answers import (
    Status,
    read_binary,
    read_boxes,
    read_mcq,
    read_options,
    read_score,
    read_times,
    split_reasoning,
)
from demitasse.answers.boxes import LARGEST
from demitasse.answers.embedded import find_json

OPTIONS = {"A": "a red car", "B": "turns left", "C": "turns right", "D": "stops"}
LETTERS = st.sampled_from(sorted(OPTIONS))
# What real replies are made of, whole and in pieces; the odd ones are of other scripts, invisible, or no text at all.
PIECES = [
    *["A", "B.", "(C)", "D)", "I", "a ", "the answer is ", "Answer: ", "Option ", "not ", "because ", "or ", " and "],
    *["yes", "No", "no. ", "yes, ", "turns left", "A red car", "A) a red car\n", "is correct", "\\boxed{B}", "**B**"],
    *['{"start": "00:03", "end": "00:05"}', '{"score": 4}', '{"bbox_2d": [1, 2, 3, 4], "label": "car"}'],
    *["[1, 2, 3, 4]", "1:02:03.5", "from ", " to ", "-", "3 s", " seconds", "frames "],
    *['{"start":', '"end":', "```json\n", "\n```", "00:03"],
    *["<think>", "</think>", "<THINK>", "<answer>", "</answer>", "<score>", "</score>", "Score: ", "4/5", "4 out of 5"],
    *["(1,2),(3,4)", "<box>", "MM:SS", *"{}[]()\"'\\:,;.!?/|<>*_`~#\n\t 0123456789", "9" * 400, "1e999", "NaN", "null"],
    *["\u0000", "\u200b", "\u202e", "\ufeff", "\u0301", "\uff22", "\uff14", "\u0664", "\u2462"],
    *["\ud800", "\u4e09", "\u2014", "I cannot see the video.", "I'm sorry, but ", "\u00bd", "\u0130", "\U0001f600"],
]  # fmt: skip
PIECED = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
TEXTS = st.text(max_size=80) | PIECED | st.tuples(PIECED, st.text(max_size=9), PIECED).map("".join)
READERS = [
    pytest.param(lambda text: read_mcq(text, OPTIONS), id="mcq"),
    pytest.param(read_binary, id="binary"),
    pytest.param(read_times, id="times"),
    pytest.param(read_score, id="score"),
    pytest.param(read_boxes, id="boxes"),
]


@pytest.mark.parametrize("read", READERS)
@given(text=TEXTS)
def test_there_is_a_value_and_where_it_was_read_or_a_reason(read, text):
    parsed = read(text)
    assert (parsed.value is not None) == parsed.ok == (parsed.status is Status.OK)
    assert parsed.method
    if parsed.ok:
        start, end = parsed.span
        assert 0 <= start < end <= len(text)
    else:
        assert parsed.span is None


@given(TEXTS)
def test_a_value_is_in_its_range(text):
    assert read_mcq(text, OPTIONS).value in {None, *OPTIONS}
    assert read_binary(text).value in {None, "yes", "no"}
    assert read_score(text).value in {None, 1, 2, 3, 4, 5}
    assert read_score(text, 0, 10).value in {None, *range(11)}
    span = read_times(text).value
    assert span is None or 0 <= span[0] <= span[1] < math.inf
    for box in read_boxes(text).value or ():
        assert box.values is None or all(math.isfinite(one) and abs(one) <= LARGEST for one in box.values)


@given(TEXTS)
def test_options_are_two_or_more_in_the_order_of_the_letters_or_none(text):
    letters = "".join(read_options(text))
    assert letters == "" or (len(letters) > 1 and "ABCDEFGHIJKLMNOPQRSTUVWXYZ".startswith(letters))


@given(TEXTS)
def test_an_open_thought_leaves_no_answer(text):
    split = split_reasoning(text)
    assert split.closed or split.final == ""
    assert split_reasoning(f"{text}</think><think>B").final == ""


@given(st.text(max_size=30), st.text(max_size=30))
def test_what_was_thought_is_no_part_of_the_answer(thought, said):
    assume("<" not in thought + said)
    assert split_reasoning(f"<think>{thought}</think>{said}") == (thought.strip(), said.strip(), True)


@given(TEXTS)
def test_json_is_found_in_order_and_apart(text):
    found = find_json(text)
    ends = [0, *(one.span[1] for one in found)]
    assert all(end <= one.span[0] < one.span[1] for end, one in zip(ends, found, strict=False))


# ---- never a guess

ASSERTIONS = st.sampled_from(
    ["The answer is {}.", "Answer: {}", "{}", "({})", "Option {}", "<b>\nThe correct option is: {}.", "I choose {}.",
     "{} is the correct answer.",
     "It's {}.", "\u7b54\u6848\u662f{}\u3002", "Definitely {}.", "I believe {}.",
     "Final answer: **{}**", "So $\\boxed{{{}}}$", "It moves.\n{}", "{}) because it moves"]
)  # fmt: skip
DISCUSSIONS = st.sampled_from(
    ["{} is a common distractor.", "{} is not visible.", "{} is wrong.", "I would not choose {}.",
     "The answer is not {}.", "If {} is correct, the car is red.", "{}) is not what is shown.",
     "Option {} was ruled out.", "One may think of {} here.", "Neither {} nor anything else fits.",
     "{} cannot be right, though it is near.",
     "The man thinks it's {}.", "\u7b54\u6848\u4e0d\u662f{}\u3002", "\u6211\u4e0d\u9009{}\u3002"]
)  # fmt: skip
WORDS = st.text(ascii_lowercase, min_size=4, max_size=9)
# Words that say something about an answer, and so are no filling.
SAYING = {
    "answer",
    "option",
    "choice",
    "letter",
    "correct",
    "right",
    "best",
    "choose",
    "pick",
    "select",
    "start",
    "begin",
}
SAYING |= {
    "starts",
    "begins",
    "from",
    "between",
    "seconds",
    "frame",
    "frames",
    "never",
    "sorry",
    "cannot",
    "score",
    "rating",
}


@st.composite
def fillings(draw):
    """A sentence of words that mean nothing to a reader."""
    words = draw(st.lists(WORDS.filter(lambda word: word not in SAYING), min_size=3, max_size=8))
    return " ".join(words).capitalize() + "."


@given(ASSERTIONS, LETTERS)
def test_an_assertion_is_read_whichever_the_letter(form, letter):
    assert read_mcq(form.format(letter), OPTIONS).value == letter


@given(ASSERTIONS, ASSERTIONS, LETTERS, LETTERS)
def test_two_letters_asserted_are_none(first, second, one, other):
    assume(one != other and second != "{}) because it moves")  # a label is the answer only where it comes first
    assert read_mcq(f"{first.format(one)}\n{second.format(other)}", OPTIONS).value is None


@given(ASSERTIONS, DISCUSSIONS, LETTERS, LETTERS, st.booleans(), st.sampled_from((" ", "\n", "\n\n")))
def test_discussing_another_option_never_makes_it_the_answer(form, discussion, letter, other, first, between):
    assume(letter != other)
    parts = [form.format(letter), discussion.format(other)]
    assert read_mcq(between.join(parts[::-1] if first else parts), OPTIONS).value in (letter, None)


@given(DISCUSSIONS, LETTERS)
def test_a_discussion_alone_is_no_answer(discussion, letter):
    assert read_mcq(discussion.format(letter), OPTIONS).value is None


@given(st.lists(fillings(), max_size=4).map(" ".join), st.permutations(sorted(OPTIONS.values())))
def test_where_no_option_is_named_none_is_read_however_they_are_ordered(text, texts):
    assume(not any(option in text.lower() for option in texts))
    assert read_mcq(text, dict(zip("ABCD", texts, strict=True))).value is None


@given(fillings(), fillings(), LETTERS)
def test_unrelated_words_change_no_letter(before, after, letter):
    assert read_mcq(f"{before} The answer is {letter}. {after}", OPTIONS).value == letter
    assert read_mcq(f"{before}\n{letter}", OPTIONS).value == letter
    assert read_mcq(f"{letter}. {after}", OPTIONS).value == letter


@given(fillings(), fillings(), st.sampled_from(("yes", "no")))
def test_unrelated_words_change_no_yes_and_no_no(before, after, word):
    assume(not {"yes", "no"} & set((before + after).lower().strip(".").split()))
    assert read_binary(f"{before} The answer is {word}. {after}").value == word
    assert read_binary(f"{before} {after}").value is None


@given(fillings(), fillings(), st.integers(0, 500), st.integers(0, 500))
def test_unrelated_words_change_no_time_and_reversed_ones_are_none(before, after, start, end):
    expected = (start, end) if start <= end else None
    assert read_times(f"{before} From {start} s to {end} s. {after}").value == expected
    assert read_times(f'{before} {{"start": {start}, "end": {end}}} {after}').value == expected


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4))
def test_two_spans_that_differ_are_none(times):
    assume(times[:2] != times[2:])
    assert read_times("{}s - {}s and {}s - {}s".format(*times)).value is None
    assert read_times('[{{"start": {}, "end": {}}}, {{"start": {}, "end": {}}}]'.format(*times)).value is None


@given(TEXTS, st.integers(-2, 12))
def test_a_judges_last_word_counts_whatever_it_wrote_before(text, score):
    assert read_score(f"{text}\n<answer>{score}</answer>").value == (score if 1 <= score <= 5 else None)


@given(TEXTS, st.sampled_from(("4.5", "six", "", "4 or 5", "NOT_ATTEMPTED", "4/10", "-4")))
def test_a_bad_last_word_is_replaced_by_no_earlier_one(text, word):
    assert read_score(f"{text}\n<answer>{word}</answer>").value is None


# ---- never long

HUGE = 200_000
UNITS = [
    "{",
    "[",
    "}",
    "{}",
    "A",
    "A. ",
    "no ",
    "\u0661",
    "\u200b",
    "<think>",
    "<answer>",
    "[1,2,3,4]",
    "0:03-",
    "\n",
    '"',
    "(",
]


@pytest.mark.parametrize("unit", UNITS)
def test_a_huge_reply_takes_no_time(unit):
    text = unit * (HUGE // len(unit))
    for param in READERS:
        (read,) = param.values
        began = time.process_time()
        read(text)
        split_reasoning(text)
        assert time.process_time() - began < 3, param.id
