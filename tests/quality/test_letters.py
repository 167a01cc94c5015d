import itertools
import random
import re

import pytest

from annotate.quality.config import Letters
from annotate.quality.entry import read_entries
from annotate.quality.letters import follow, judge_letters, letter_balance
from demitasse.answers import read_options
from demitasse.dataset import Item, TaskFile, validate, write

MOVES = {"A": "C", "B": "A", "C": "D", "D": "B"}
FOLLOWED = [
    pytest.param("The jaw is open, so option B fits.", "The jaw is open, so option A fits.", id="option_B"),
    pytest.param("The answer is (B).", "The answer is (A).", id="in_brackets"),
    pytest.param("Options A and C are wrong.", "Options C and D are wrong.", id="two_joined"),
    pytest.param("A car turns. Answer: D", "A car turns. Answer: B", id="an_article_stays"),
    pytest.param("It turns left.", "It turns left.", id="nothing_to_follow"),
    pytest.param("Choices A, B, and D fail.", "Choices C, A, and B fail.", id="a_list"),
    pytest.param("Camera B shows it.", None, id="a_name_is_not_plain"),
    pytest.param("B is wrong.", None, id="a_bare_letter_is_not_plain"),
    pytest.param("The first option is right.", None, id="an_ordinal_is_not_plain"),
    pytest.param("So option b it is.", None, id="a_small_letter_is_not_plain"),
    pytest.param("Vitamin C helps.", None, id="a_word_of_its_own_is_not_plain"),
]


@pytest.mark.parametrize(("text", "followed"), FOLLOWED)
def test_letters_in_a_text_follow_their_options_or_the_item_is_left_alone(text, followed):
    assert follow(text, MOVES) == followed


def _entries(items, task="mcq", path="mcq.json", tmp_path=None):
    return read_entries([TaskFile(items, task=task, license="CC0", path=(tmp_path / path) if tmp_path else None)])


def _item(number, right="A", options=("hammer", "wrench", "saw", "drill"), reasoning="It falls.", answer=None):
    lines = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCDEFGH", options, strict=False))
    question = f"Which tool falls in scene {number}?\n{lines}\nAnswer with a single letter."
    return Item(question, answer or right, f"{number}.mp4", reasoning=reasoning)


def test_all_A_comes_out_with_every_letter_within_one(tmp_path):
    entries = _entries([_item(number) for number in range(403)])
    assert not letter_balance(entries, 0.05)["4"]["balanced"]
    fixed = [entry for entry, _ in judge_letters(entries, Letters(fix=True)).values()]
    counts = letter_balance(fixed, 0.05)["4"]["counts"]
    assert max(counts.values()) - min(counts.values()) <= 1


def test_permutations_keep_the_truth_the_options_and_every_mention(tmp_path):
    chance = random.Random(7)
    texts = ["a red car", "a van", "two people", "no one", "a blue lorry, parked", "snow"]
    items = []
    for number in range(200):
        options = chance.sample(texts, chance.choice([2, 3, 4, 6]))
        letter = "ABCDEF"[chance.randrange(len(options))] if number % 5 else "A"
        dialect = chance.choice(["{}", "({})", "{}) {text}", "{}. {text}. Because option {} fits."])
        answer = dialect.replace("{text}", options["ABCDEF".index(letter)]).replace("{}", letter)
        items.append(_item(number, letter, options, f"A thing moves. So the answer is {letter}.", answer))
    entries = _entries(items)
    for before, (after, verdict) in zip(entries, judge_letters(entries, Letters(fix=True)).values(), strict=True):
        assert before.fault == "" and verdict.word == "keep" and verdict.kind == "permuted"
        assert after.right_text == before.right_text
        assert sorted(after.question.options.values()) == sorted(before.question.options.values())
        again = _entries([after.item])[0]
        assert (again.right, again.question.options) == (after.right, after.question.options)
        assert re.findall(r"answer is (\w)", after.item.reasoning) == [after.right]
        told = re.findall(r"option (\w) fits", after.item.answer)
        assert told in ([], [after.right])
    write(tmp_path / "mcq.json", TaskFile([entry.item for entry in entries], task="mcq", license="CC0"))
    assert [p for p in validate(tmp_path / "mcq.json") if p.field != "video_id"] == []


def test_the_same_question_in_two_tasks_keeps_equal_options():
    closed = [_item(number) for number in range(40)]
    opened = [_item(number, answer="A. hammer") for number in range(40)]
    files = [TaskFile(closed, task="mcq"), TaskFile(opened, task="mcq_openended")]
    judged = [entry for entry, _ in judge_letters(read_entries(files), Letters(fix=True)).values()]
    for one, other in zip(judged[:40], judged[40:], strict=True):
        assert one.question.options == other.question.options and one.right == other.right
        assert other.item.answer == f"{other.right}. hammer"


def test_a_permutation_does_not_hang_on_the_order_in_which_options_stand():
    def fixed(options, right):
        entries = _entries([_item(1, right, options), *(_item(number) for number in range(2, 60))])
        return judge_letters(entries, Letters(fix=True))[entries[0].id][0].question.options

    base = ("hammer", "wrench", "saw", "drill")
    results = [fixed(order, "ABCD"[order.index("saw")]) for order in itertools.islice(itertools.permutations(base), 5)]
    assert all(result == results[0] for result in results)


LEFT_ALONE = [
    pytest.param(("hammer", "wrench", "both A and B", "none of the above"), "It falls.", id="options_about_options"),
    pytest.param(("hammer", "wrench", "saw", "drill"), "Camera B shows it.", id="a_capital_that_may_be_a_letter"),
    pytest.param(("hammer", "hammer", "saw", "drill"), "It falls.", id="two_options_alike"),
]


@pytest.mark.parametrize(("options", "reasoning"), LEFT_ALONE)
def test_what_is_not_plain_is_left_alone_and_says_so(options, reasoning):
    odd = _item(999, "A", options, reasoning)
    entries = _entries([odd, *(_item(number) for number in range(40))])
    entry, verdict = judge_letters(entries, Letters(fix=True))[entries[0].id]
    assert verdict.kind == "left alone" and entry.item == odd


def test_balanced_letters_are_not_touched():
    entries = _entries([_item(number, "ABCD"[number % 4]) for number in range(80)])
    assert all(entry is before for before, (entry, _) in
               zip(entries, judge_letters(entries, Letters(fix=True)).values(), strict=True))  # fmt: skip


def test_without_fix_nothing_moves_and_the_imbalance_is_told():
    entries = _entries([_item(number) for number in range(80)])
    judged = judge_letters(entries, Letters())
    assert all(verdict.word == "keep" for _, verdict in judged.values())
    assert letter_balance(entries, 0.05)["4"] == {
        "items": 80, "counts": {"A": 80, "B": 0, "C": 0, "D": 0}, "largest_deviation": 0.75,
        "allowed": pytest.approx(0.1259, abs=1e-4), "balanced": False,
    }  # fmt: skip


def test_a_few_items_may_be_as_uneven_as_chance_makes_them_and_many_may_not():
    few = _entries([_item(number, "AABC"[number % 4]) for number in range(12)])
    many = _entries([_item(number, "AABC"[number % 4]) for number in range(1200)])
    assert letter_balance(few, 0.05)["4"]["balanced"] and not letter_balance(many, 0.05)["4"]["balanced"]


def test_options_are_read_again_as_they_were_written_in_the_other_dialect():
    question = "Which?\n\nA) x ray\nB) y\n\nChoose the correct option by letter only."
    items = [Item(question, "A) x ray", f"{number}.mp4") for number in range(40)]
    for entry, _ in judge_letters(_entries(items), Letters(fix=True)).values():
        assert read_options(entry.item.question)[entry.right] == "x ray"
        assert entry.item.answer == f"{entry.right}) x ray"
        assert entry.item.question.endswith("\n\nChoose the correct option by letter only.")
