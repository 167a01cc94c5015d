import pytest

from annotate.quality.config import OptionLength
from annotate.quality.option_length import judge_option_length, length_balance, words_longer


def _question(*options):
    return "What?\n" + "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", options, strict=True))


CASES = [
    pytest.param(("a car", "a van", "a bus", "a tram"), "keep", id="all_alike"),
    pytest.param(
        ("a red car that turns left at the junction", "a van", "a bus", "a tram"), "drop", id="longest_stands_out"
    ),
    pytest.param(
        ("a car", "a van which turns left there", "a bus which turns left", "a tram which turns left"),
        "drop",
        id="shortest_stands_out",
    ),
    pytest.param(
        ("a red car that turns left", "a blue van that turns left", "a bus", "a tram"),
        "keep",
        id="one_other_as_long_hides_it",
    ),
    pytest.param(("yes sir", "no", "yes", "ok"), "keep", id="a_few_characters_are_nothing"),
]


@pytest.mark.parametrize(("options", "word"), CASES)
def test_the_right_option_must_not_stand_out_by_its_length(make_choice, options, word):
    assert judge_option_length(make_choice("A", question=_question(*options)), OptionLength()).word == word


def test_the_measure_is_words_of_the_reference_minus_the_longest_distractor(make_choice):
    entry = make_choice("A", question=_question("one two three", "one", "one two", "one"))
    assert words_longer(entry) == 1
    assert judge_option_length(entry, OptionLength()).scores == {"words_longer": 1}


def test_balance_compares_picking_the_longest_with_chance_and_shares_ties(make_choice):
    longest = [make_choice("A", question=_question("a longer one", "b", "c", "d")) for _ in range(30)]
    told = length_balance(longest)
    assert told["longest_is_right"] == 1.0 and told["chance"] == 0.25 and told["tells"]
    tied = length_balance([make_choice("B", question=_question("one", "two", "six", "ten")) for _ in range(30)])
    assert tied["longest_is_right"] == 0.25 and not tied["tells"] and tied["words_longer"] == {"0": 30}


def test_items_without_options_have_no_balance_and_are_kept(make_entry):
    assert length_balance([make_entry()]) is None
    assert judge_option_length(make_entry(), OptionLength()).kind == "no options"
