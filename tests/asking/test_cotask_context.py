"""What is put before a question: only earlier stages, from where the settings say, the same in every run."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from demitasse.cotasks.record import CoTasks
from demitasse.cotasks.text import write_task
from demitasse.errors import ConfigError, DataError
from demitasse.student.cotask_context import ContextSettings, CotaskContext, read_predicted, read_stages

CLIPS = 4


@pytest.fixture
def pool(cotask_item):
    return [cotask_item(number, stage) for number in range(CLIPS) for stage in range(1, 6)]


@pytest.fixture
def context(pool):
    def make(stages="1234", pool=pool, said=None, **settings) -> CotaskContext:
        return CotaskContext(ContextSettings(read_stages(stages), **settings), pool, said)

    return make


@pytest.fixture
def shown(cotasks_of):
    """The stages of a clip's CoTasks that a text holds, word for word."""

    def find(text: str, number: int) -> set[int]:
        return {stage for stage in range(1, 5) if f"```\n{write_task(cotasks_of(number), stage)}\n```" in text}

    return find


@pytest.mark.parametrize(
    ("stages", "stage", "expected"),
    [
        pytest.param("1234", 5, {1, 2, 3, 4}, id="the_question_sees_all"),
        pytest.param("12", 5, {1, 2}, id="only_the_chosen_ones"),
        pytest.param("34", 5, {3, 4}, id="the_others"),
        pytest.param("1234", 3, {1, 2}, id="a_stage_sees_those_before_it"),
        pytest.param("34", 4, {3}, id="a_chosen_one_before_it"),
        pytest.param("1234", 1, set(), id="the_first_sees_none"),
        pytest.param("", 5, set(), id="none_chosen"),
    ],
)
def test_a_stage_sees_the_chosen_stages_before_it(stages, stage, expected, context, cotask_item, shown):
    item = cotask_item(2, stage)
    asked = context(stages).add(item)
    assert shown(asked.question, 2) == expected
    assert asked.question.endswith(item.question)
    assert (asked.question == item.question) == (not expected)
    assert (asked.answer, asked.extra) == (item.answer, item.extra)


def test_shuffled_ones_are_of_another_video_and_the_same_in_every_run(context, cotask_item, shown, pool):
    for number in range(CLIPS):
        text = context(source="shuffled").before(cotask_item(number, 5))
        assert shown(text, number) == set()
        assert [other for other in range(CLIPS) if shown(text, other) == {1, 2, 3, 4}]
        assert text == context(source="shuffled", pool=pool[::-1]).before(cotask_item(number, 5))


@pytest.mark.parametrize("settings", [{}, {"source": "shuffled"}, {"source": "noisy", "noise": {1: 1.0, 2: 0.5}}])
def test_items_that_carry_earlier_stages_alone_are_given_the_same_as_whole_ones(settings, context, cotask_item, pool):
    def carrying(item):
        stage = item.extra["cotask"]["stage"]
        text = CoTasks.from_json(item.extra["cotasks"]).before(stage).to_text()
        return replace(item, extra=item.extra | {"cotasks": text})

    slim = [carrying(item) for item in pool]
    for stage in range(1, 6):
        for items in (slim, slim[::-1], [item for item in slim if item.extra["cotask"]["stage"] == stage]):
            given, whole = context(pool=items, **settings), context(**settings)
            asked = [cotask_item(number, stage) for number in range(CLIPS)]
            assert [given.before(carrying(item)) for item in asked] == [whole.before(item) for item in asked]


def test_a_question_is_not_given_the_notes_of_one_of_which_less_is_known(context, cotask_item, shown):
    pool = [cotask_item(0, 5), cotask_item(1, 1), cotask_item(2, 1), cotask_item(3, 5)]
    for seed in range(8):
        text = context(source="shuffled", seed=seed, pool=pool).before(cotask_item(0, 5))
        assert shown(text, 3) == {1, 2, 3, 4}


def test_another_seed_shuffles_otherwise(context, cotask_item):
    def drawn(seed):
        return [context(source="shuffled", seed=seed).before(cotask_item(number, 5)) for number in range(CLIPS)]

    assert len({tuple(drawn(seed)) for seed in range(6)}) > 1


def test_shuffling_needs_another_video(context, cotask_item):
    with pytest.raises(DataError, match=r"every question is about 00001\.mp4"):
        context(source="shuffled", pool=[cotask_item(1, 5)]).before(cotask_item(1, 5))


def test_no_noise_is_the_truth_and_noise_touches_its_own_stage_only(context, cotask_item, shown):
    item = cotask_item(0, 5)
    truth = context().before(item)
    assert context(source="noisy", noise={1: 0.0, 2: 0.0}).before(item) == truth
    noisy = context(source="noisy", noise={3: 1.0})
    assert shown(noisy.before(item), 0) == {1, 2, 4}
    assert noisy.before(item) == context(source="noisy", noise={3: 1.0}).before(item)


def test_predicted_ones_are_what_was_said_whatever_it_is(context, cotask_item):
    said = {("1_0", 1): "no JSON ``` at all", ("1_0", 2): '[{"time":0}]', ("0_0", 1): "another's"}
    given = context("12", source="predicted", said=said, pool=())
    text = given.before(cotask_item(1, 5))
    assert "````\nno JSON ``` at all\n````" in text, "a fence in a model's text does not end the fence around it"
    assert '[{"time":0}]' in text
    assert "another's" not in text
    assert not given.missing


def test_what_nobody_predicted_is_left_out_and_counted_by_stage(context, cotask_item):
    given = context("1234", source="predicted", said={("1_0", 2): "said"}, pool=())
    texts = [given.before(cotask_item(number, 5)) for number in (1, 2)]
    assert ["said" in text for text in texts] == [True, False]
    assert texts[1] == ""
    assert given.missing == Counter({1: 2, 3: 2, 4: 2, 2: 1})
    given.before(cotask_item(3, 1))
    assert given.missing.total() == 7, "the first stage lacks nothing: none is before it"


def test_boxes_are_in_the_style_and_size_of_the_items_own_tasks(context, cotask_item):
    item = cotask_item(1, 5)
    place = item.extra["cotask"] | {"box_style": "qwen2_5_vl_px", "size": [200, 100], "form": "lines"}
    text = context().before(replace(item, extra=item.extra | {"cotask": place}))
    assert "00:01.50 square_2 [20, 20, 80, 60]" in text.replace("square 2", "square_2")


def test_the_guard_masks_the_words_of_the_options_before_the_question_and_nowhere_else(context, cotask_item):
    def told(number, stage):
        item = cotask_item(number, stage)
        return replace(item, answer="B", extra=item.extra | {"choices": ["to push it", "to see it", "a ball", "none"]})

    open_ones, guarded = context(), context(masks=True)
    assert "push" in open_ones.before(told(1, 5))
    assert "push" not in guarded.before(told(1, 5))
    assert "ball 1" not in guarded.before(told(1, 5))
    assert '"subject"' in guarded.before(told(1, 5)), "the form stays"
    assert guarded.before(told(1, 4)) == open_ones.before(told(1, 4))


@pytest.mark.parametrize("text", ["5", "12a", "11", "0", "1,2", "-1"])
def test_stages_that_there_are_not_are_refused_with_an_example(text):
    with pytest.raises(ConfigError, match=r"cotasks is .*1234, 12"):
        read_stages(text)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(None, id="none"),
        pytest.param({"question_key": "1_0", "stage": 6, "box_style": "qwen_1000", "form": "json"}, id="stage_6"),
        pytest.param({"question_key": "1_0", "stage": 5, "box_style": "feet", "form": "json"}, id="another_style"),
        pytest.param({"question_key": "1_0", "stage": 5, "box_style": "qwen_1000", "form": "verse"}, id="another_form"),
        pytest.param("1_0", id="a_text"),
    ],
)
def test_an_item_that_is_none_of_cotasks_is_refused_with_its_video_and_what_to_do(place, context, cotask_item):
    item = replace(cotask_item(1, 5), extra={"cotask": place})
    with pytest.raises(DataError, match=r"00001\.mp4: cotask is .*annotate cotasks"):
        context(pool=()).before(item)


def test_cotasks_that_cannot_be_read_are_named_with_video_and_question(context, cotask_item):
    item = cotask_item(1, 5)
    broken = replace(item, extra=item.extra | {"cotasks": {"question_key": "1_0"}})
    with pytest.raises(DataError, match=r"00001\.mp4, question 1_0: cotasks\."):
        context(pool=[broken])


@pytest.fixture
def row(cotask_item):
    def make(number: int, stage: int, response: str, finish: str = "stop") -> dict:
        extra = cotask_item(number, stage).extra
        return {"item_id": f"{number}{stage}", "response": response, "finish": finish, "extra": extra}

    return make


@pytest.fixture
def run(tmp_path):
    def write(name: str, *rows: dict):
        (tmp_path / name).mkdir()
        (tmp_path / name / "predictions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        return tmp_path / name

    return write


def test_final_texts_are_taken_from_runs_by_question_and_stage(run, row):
    first = run("first", row(1, 1, "<think>hm</think> moments"), row(2, 1, "", "error"), row(1, 5, "B"))
    second = run("second", row(1, 2, "places", "length"), row(2, 2, "<think>never closed"))
    assert read_predicted([first, second]) == {("1_0", 1): "moments", ("1_0", 2): "places"}


def test_a_cotask_that_two_runs_predicted_is_refused(run, row):
    with pytest.raises(DataError, match="CoTask 1 of 1_0 is predicted twice"):
        read_predicted([run("first", row(1, 1, "a")), run("second", row(1, 1, "b"))])


def test_a_run_without_replies_to_cotasks_is_refused_by_name(run, row):
    with pytest.raises(DataError, match="only: no reply to a CoTask"):
        read_predicted([run("only", row(1, 5, "B"))])


@pytest.mark.parametrize("line", ["{", "[]", '{"item_id": "a"}'])
def test_a_line_that_is_no_prediction_is_named(run, line, row):
    folder = run("torn", row(1, 1, "a"))
    with open(folder / "predictions.jsonl", "a") as file:
        file.write(line)
    with pytest.raises(DataError, match=r"predictions\.jsonl, line 2: no prediction"):
        read_predicted([folder])


def test_a_folder_without_predictions_is_named(tmp_path):
    with pytest.raises(DataError, match=r"predictions\.jsonl is not there; name a folder that"):
        read_predicted([tmp_path])
