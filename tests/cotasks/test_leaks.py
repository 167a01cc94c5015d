"""How far an answer can be had from CoTasks alone; what the guard blots out."""

import json

import pytest

from demitasse.cotasks.leaks import Case, cases_of, counting, events, leak_report, mask, overlap
from demitasse.cotasks.record import CoTasks, Entity, Event, KeyFrame, Relation, Sighting
from demitasse.cotasks.text import FORMS, read_task, write_task
from demitasse.cotasks.words import content, number, stem
from demitasse.data_command import add_data_arguments, run_data
from demitasse.dataset import Item, TaskFile, write
from demitasse.errors import DataError

TOLD = CoTasks(
    "7_1",
    10.0,
    8,
    frames=(KeyFrame(0, 0.0),),
    entities=(Entity("adult 1", "adult"), Entity("adult 2", "adult"), Entity("dog 1", "dog")),
    sightings=(Sighting(0.0, "adult 1", (0.1, 0.1, 0.2, 0.2)), Sighting(0.0, "adult 2", (0.5, 0.1, 0.6, 0.2))),
    relations=(Relation(0.0, "adult 1", "next_to", "dog 1"),),
    events=(Event("adult 1", "caress", "dog 1", 0.0, 5.0), Event("adult 1", "hold", "toy 1", 1.0, 2.0)),
)
OPTIONS = ("hold the ball", "caressing it", "run away", "sit")


def case(options=OPTIONS, right=1, cotasks=TOLD, kind="TN", key="7_1", video="7"):
    return Case(key, video, kind, tuple(options), right, cotasks)


@pytest.mark.parametrize("words", ["sit sitting sits", "carry carried carries carrying", "close closed closes closing",
                                   "hold holding", "toy toys", "watch watches watched"])  # fmt: skip
def test_forms_of_a_word_have_one_stem(words):
    assert len({stem(word) for word in words.split()}) == 1


def test_content_leaves_grammar_out_and_parts_names():
    assert content("The closet/cabinet is closed by him") == content("close_closet Cabinet")
    assert content("is it on the") == frozenset()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("three", 3, id="a_word"),
        pytest.param("about 12 dogs", 12, id="digits"),
        pytest.param("two or three", None, id="two_numbers"),
        pytest.param("many", None, id="none"),
        pytest.param("2 two", 2, id="one_number_twice"),
    ],
)
def test_a_number_is_read_if_it_is_one(text, found):
    assert number(text) == found


@pytest.mark.parametrize("form", FORMS)
def test_the_guard_blots_out_the_words_of_every_option_and_nothing_else(form):
    text = write_task(TOLD, 4, form=form)
    masked = mask(text, "caressing it", OPTIONS)
    assert not content("caress hold") & content(masked)
    read = read_task(masked, 4).value
    assert [event.object for event in read.events] == ["dog 1", "toy 1"] and read.faults == 0
    assert {event.predicate for event in read.events} == {"___"}


def test_the_guard_leaves_the_keys_of_json_alone():
    text = write_task(TOLD, 3)
    masked = mask(text, "the object", ["the time", "a subject", "a predicate"])
    assert masked == text and json.loads(masked)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stage", [1, 2])
def test_things_cannot_be_counted_where_a_count_is_asked(form, stage):
    masked = mask(write_task(TOLD, stage, form=form), "two", ["two", "three"])
    assert masked.count("adult") == 1 and "adult 2" not in masked


def test_without_the_right_words_nothing_is_blotted_out():
    assert mask("00:01.00 adult 1 above dog 1", "swim", ["swim", "fly"]) == "00:01.00 adult 1 above dog 1"


def test_overlap_takes_the_option_that_the_text_speaks_of_and_shares_ties():
    assert overlap(case(right=1)) == 0.5 and overlap(case(right=0)) == 0.5  # "caress" and "hold"
    assert overlap(case(right=2)) == 0.0
    assert overlap(case(("run", "fly", "swim", "eat"))) == 0.25
    assert overlap(case(right=1), (3,)) == 0.25  # relations tell of neither


def test_the_guard_leaves_overlap_with_guessing():
    assert overlap(case(right=1), guarded=True) == case().chance


def test_what_the_report_takes_for_guarded_is_what_the_guard_leaves():
    one = case()
    for stage in (1, 2, 3, 4):
        left = content(mask(write_task(TOLD, stage, form="lines"), OPTIONS[1], OPTIONS))
        assert left == one.told[stage] - frozenset().union(*one.meant)


def test_events_weigh_words_by_how_long_they_are_done():
    assert events(case(right=1)) == 1.0 and events(case(right=0)) == 0.0


@pytest.mark.parametrize(
    ("options", "right", "share"),
    [
        pytest.param(("two", "three", "four"), 1, 1.0, id="as_many_as_there_are"),
        pytest.param(("two", "three", "four"), 0, 0.0, id="another_number"),
        pytest.param(("six", "seven"), 0, 0.5, id="no_option_fits"),
        pytest.param(("two", "many"), 0, None, id="options_that_are_no_numbers"),
    ],
)
def test_counting_takes_the_number_of_entities(options, right, share):
    assert counting(case(options, right)) == share


def test_the_report_is_by_type_and_over_all():
    told = leak_report([case(), case(right=2, kind="TC", key="8_1", video="8")])
    assert list(told["types"]) == ["TC", "TN", "all"] and told["types"]["all"]["overlap"]["n"] == 2
    assert told["types"]["TN"]["overlap"] == {"n": 1, "mean": 0.5, "half_width": None}
    assert told["types"]["TN"]["count"] is None


def test_questions_of_one_video_count_as_one_in_the_interval():
    """Ten copies of two videos tell no more than the two do."""
    two = [case(), case(right=2, key="8_1", video="8")]
    once, often = (leak_report(two * times)["types"]["all"]["overlap"]["half_width"] for times in (1, 10))
    assert once == often > 0


def item(stage=5, choices=OPTIONS, answer="B", key="7_1", video="7.mp4", cotasks=TOLD):
    lines = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", choices, strict=False))
    told = {"cotask": {"question_key": key, "stage": stage}, "cotasks": cotasks.to_json(), "question_type": "TN"}
    return Item(
        f"what\n{lines}", answer, video_id=video, item_index=f"{key}/5", extra=told | {"choices": list(choices)}
    )


def test_only_final_questions_are_cases_and_their_letter_is_read():
    (one,) = cases_of([item(), item(stage=1)])
    assert one.right == 1 and one.options == OPTIONS and one.cotasks == TOLD
    (other,) = cases_of([item(answer="C) run away")])
    assert other.right == 2


def test_an_open_answer_is_put_among_those_of_other_videos():
    answers = ("swim", "swim", "run", "bark", "sit", "eat")
    items = [item(choices=(), answer=answer, video=f"{n}.mp4", key=f"{n}_1") for n, answer in enumerate(answers)]
    first = cases_of(items)[0]
    assert first.options == ("swim", "run", "bark", "sit", "eat") and first.right == 0


@pytest.mark.parametrize(
    ("items", "says"),
    [
        pytest.param([Item("q", "a", video_id="v.mp4")], "no final question", id="other_items"),
        pytest.param([item(answer="Z")], "7_1/5: answer", id="an_answer_that_is_no_letter"),
        pytest.param(
            [Item("q", "a", video_id="v", item_index="1/5", extra={"cotask": {"stage": 5}})],
            "v, 1/5: cotasks is null",
            id="no_cotasks",
        ),
    ],
)
def test_items_of_another_kind_are_refused_by_name(items, says):
    with pytest.raises(DataError, match=says):
        cases_of(items)


def test_the_command_reads_results_and_their_programs(tmp_path, capsys):
    import argparse

    write(tmp_path / "items" / "mcq.json", TaskFile([item()], task="mcq"))
    rows = [{"provenance": {"executes": reading}} for reading in ("classes", "numbers", "no", "no program")]
    (tmp_path / "cotasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    parser = argparse.ArgumentParser()
    add_data_arguments(parser)
    assert run_data(parser.parse_args(["leaks", str(tmp_path)])) == 0
    out = capsys.readouterr().out
    assert "1 questions" in out and "2 of 4 questions" in out
    assert run_data(parser.parse_args(["leaks", str(tmp_path), "--json"])) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["program_executes"]["classes"] == 1 and "overlap_4" in told["types"]["all"]


def test_an_open_question_that_nothing_stands_beside_is_no_choice_and_no_success():
    """The answers of one video's questions alone: every heuristic would be right, having nothing else to say."""
    (one,) = cases_of([item(choices=(), answer="caressing it")])
    told = leak_report([one])["types"]["all"]
    assert told["questions"] == 1 and told["right_option_in_text"]["mean"] == 1.0
    assert {told[name] for name in ("chance", "overlap", "events", "wrong_option_in_text")} == {None}
