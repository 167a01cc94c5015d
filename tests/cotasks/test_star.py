"""STAR's items: read as published, and turned into CoTasks without a word of what comes after the clip."""

import json
import pickle

import pytest

from annotate.cotasks.rules import Unanswerable
from annotate.cotasks.settings import Building
from annotate.cotasks.star import read_rates, read_star
from annotate.cotasks.star_rules import Clip, build, executes, frames_within, usual_rate, usual_size
from demitasse.cotasks.record import CoTasks, Event, Relation
from demitasse.errors import DataError

CLIP = Clip(10.0, "video_fps", (480, 270), "video")
HOW = Building(frames=11, boxed_frames=0)


def frame(actions, boxes=(), relations=()):
    return {
        "actions": actions,
        "bbox": [list(sides) for _, sides in boxes],
        "bbox_labels": [label for label, _ in boxes],
        "rel_pairs": [["o000", thing] for _, thing in relations],
        "rel_labels": [label for label, _ in relations],
    }


CLOSET, PERSON = ("o003", (48.0, 27.0, 240.0, 135.0)), ("o000", (100.0, 20.0, 200.0, 260.0))


def entry(**change):
    """A clip from 1 s to 3 s at 10 frames a second: frames 11 to 30; frame 41 is what comes next."""
    steps = [("Situations", []), ("Actions", []), ("Query_Latest_Action", []), ("Query_Objs", [])]
    return {
        "question_id": "Prediction_T1_5",
        "question": "What will the person do next?",
        "video_id": "ABC12",
        "start": 1.0,
        "end": 3.0,
        "answer": "Take the book.",
        "question_program": [{"function": name, "value_input": values} for name, values in steps],
        "choices": [
            {"choice_id": place, "choice": text, "choice_program": [{"function": "Equal", "value_input": [name]}]}
            for place, (text, name) in enumerate((("Close the door.", "door"), ("Take the book.", "book")))
        ],
        "situations": {
            "000041": frame(["a023"], [("o017", (0.0, 0.0, 48.0, 27.0))]),
            "000012": frame(["a087"], [CLOSET, PERSON], [("r002", "o003"), ("r019", "o003"), ("r002", "o003")]),
            "000020": frame(["a087"], [CLOSET], [("r003", "o003")]),
            "000025": frame([], [CLOSET, PERSON]),
            "000029": frame(["a087"], [PERSON]),
        },
    } | change


@pytest.fixture
def items(tmp_path):
    def read(*entries, name="STAR_val.json"):
        path = tmp_path / name
        path.write_text(json.dumps(list(entries)))
        return read_star(path)

    return read


def test_an_item_is_read_whole(items):
    (item,), unusable = items(entry())
    assert unusable == [] and (item.type, item.template, item.video) == ("Prediction", "T1", "ABC12")
    assert item.choices == ("Close the door.", "Take the book.") and item.right == 1
    assert sorted(item.situations) == [12, 20, 25, 29, 41] and item.notes == {}
    assert item.situations[12].boxes["o003"] == (48.0, 27.0, 240.0, 135.0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.json", json.dumps(entry()), id="one_item_alone"),
        pytest.param("a.jsonl", json.dumps(entry()) + "\n\n", id="json_lines"),
        pytest.param("a.jsonl", json.dumps(entry() | {"note": "\u2028"}, ensure_ascii=False), id="a_unicode_separator"),
        pytest.param("a.json", json.dumps({"data": [entry()]}), id="under_a_key"),
        pytest.param("a.json", json.dumps({"Prediction_T1_5": entry()}), id="by_id"),
        pytest.param("STAR_val.pkl", pickle.dumps([entry()]), id="the_published_pickle"),
        pytest.param("a.json", json.dumps([entry(video_id="ABC12.mp4", start="1.0", end="3")]), id="times_as_texts"),
        pytest.param("a.json", json.dumps([entry(choices=entry()["choices"][::-1])]), id="choices_in_any_order"),
    ],
)
def test_every_way_to_keep_items_reads_alike(tmp_path, items, name, text):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (item,), unusable = read_star(path)
    assert unusable == [] and item == items(entry())[0][0]


def test_a_pickle_that_would_run_something_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("run",))

    (tmp_path / "a.pkl").write_bytes(pickle.dumps([Trap()]))
    with pytest.raises(DataError, match=r"builtins\.print, not plain values"):
        read_star(tmp_path / "a.pkl")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"question_id": "Other_T1_5"}, "question_id", id="a_type_that_is_none"),
        pytest.param({"end": 1.0}, "not after its start", id="no_clip"),
        pytest.param({"start": "soon"}, "start is", id="a_start_that_is_no_time"),
        pytest.param({"answer": "Sit."}, "none of its choices", id="an_answer_that_is_no_choice"),
        pytest.param({"choices": []}, "choices is", id="no_choices"),
        pytest.param({"choices": [{"choice_id": "x", "choice": "a"}] * 2}, "choice_id", id="a_choice_without_a_number"),
        pytest.param({"situations": {"first": {}}}, "not a frame number", id="a_frame_without_a_number"),
        pytest.param({"situations": []}, "not an object of frames", id="situations_that_are_a_list"),
        pytest.param({"situations": {"1": {"actions": "a001"}}}, "actions is", id="actions_that_are_no_list"),
        pytest.param({"question": " "}, "question is", id="no_question"),
    ],
)
def test_an_entry_that_is_no_item_is_left_out_with_its_reason(items, change, why):
    good, unusable = items(entry(question_id="Prediction_T1_6"), entry(**change))
    assert len(good) == 1 and why in unusable[0][1] and "STAR_val.json" in unusable[0][0]


def test_a_file_without_one_item_is_refused(items, tmp_path):
    with pytest.raises(DataError, match="no item of 1 is STAR's; the first: it is 3"):
        items(3)
    with pytest.raises(DataError, match="holds no item"):
        items()


def test_the_same_id_twice_is_once(items):
    good, unusable = items(entry(), entry())
    assert len(good) == 1 and "another item's too" in unusable[0][1]


def test_lists_of_unlike_length_are_paired_as_far_as_they_go(items):
    graph = frame(["a087"], [CLOSET, PERSON], [("r002", "o003")])
    graph["bbox"].pop()
    graph["rel_pairs"].append(["o000", "o017"])
    (item,), _ = items(entry(situations={"000012": graph}))
    assert item.notes == {"boxes_without_a_label": 1, "relations_without_a_pair": 1}
    assert list(item.situations[12].boxes) == ["o003"] and len(item.situations[12].relations) == 1


@pytest.mark.parametrize("name", ["video_fps", "fps.json"])
def test_rates_are_read_from_the_pickle_or_json(tmp_path, name):
    rates = {"ABC12.mp4": 29.97}
    (tmp_path / name).write_bytes(json.dumps(rates).encode() if name.endswith("json") else pickle.dumps(rates))
    assert read_rates(tmp_path / name) == {"ABC12": 29.97}


@pytest.mark.parametrize("value", [{}, {"a": 0}, {"a": "fast"}, [1]])
def test_rates_that_are_none_are_refused(tmp_path, value):
    (tmp_path / "fps.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match="video_fps"):
        read_rates(tmp_path / "fps.json")


def test_key_frames_lie_in_the_clip_and_count_from_its_start(items):
    (item,), _ = items(entry())
    made = build(item, CLIP, HOW)
    assert [(frame.fid, frame.time, frame.index) for frame in made.frames] == [(12, 0.1, 1), (20, 0.9, 5), (25, 1.4, 7),
                                                                              (29, 1.8, 9)]  # fmt: skip
    assert made.duration == 2.0 and made.sources["1"] == "star_keyframes" and made.size == (480, 270)


@pytest.mark.parametrize(("fid", "inside"), [(10, False), (11, True), (30, True), (31, False)])
def test_frame_one_is_at_zero_and_the_end_is_excluded(items, fid, inside):
    (item,), _ = items(entry(situations={f"{fid:06d}": frame(["a087"])}))
    assert bool(frames_within(item, 10.0)) is inside


def test_what_comes_after_the_clip_is_not_told(items):
    (item,), _ = items(entry())
    told = json.dumps(build(item, CLIP, Building(frames=11, contacts="events", geometry=True)).to_json())
    assert "book" not in told and "take" not in told
    assert executes(item) == "classes"  # though the program runs on it


def test_boxes_are_given_and_nothing_is_said_to_be_out_of_sight(items):
    (item,), _ = items(entry())
    made = build(item, CLIP, HOW)
    assert [(one.time, one.entity) for one in made.sightings] == [
        (0.1, "person 1"), (0.1, "closet/cabinet 1"), (0.9, "closet/cabinet 1"),
        (1.4, "person 1"), (1.4, "closet/cabinet 1"), (1.8, "person 1"),
    ]  # fmt: skip
    assert made.sightings[1].box == (0.1, 0.1, 0.5, 0.5) and all(one.box for one in made.sightings)


def test_an_action_runs_over_key_frames_in_a_row(items):
    (item,), _ = items(entry())
    assert build(item, CLIP, HOW).events == (
        Event("person 1", "open", "closet/cabinet 1", 0.1, 0.9),
        Event("person 1", "open", "closet/cabinet 1", 1.8, 1.8),
    )


@pytest.mark.parametrize(
    ("contacts", "relations", "events"),
    [
        pytest.param("none", ["in_front_of", "on_the_side_of"], ["open", "open"], id="left_out"),
        pytest.param("relations", ["in_front_of", "touching", "on_the_side_of"], ["open", "open"], id="as_relations"),
        pytest.param("events", ["in_front_of", "on_the_side_of"], ["touching", "open", "open"], id="as_events"),
    ],
)
def test_contacts_are_kept_apart(items, contacts, relations, events):
    (item,), _ = items(entry())
    made = build(item, CLIP, Building(frames=11, contacts=contacts))
    assert [one.predicate for one in made.relations] == relations
    assert [one.predicate for one in made.events] == events
    assert made.relations[0] == Relation(0.1, "person 1", "in_front_of", "closet/cabinet 1")


def test_entities_are_those_that_question_and_program_name(items):
    situations = {"000012": frame([], [CLOSET, PERSON, ("o026", (0.0, 0.0, 9.0, 9.0))])}
    program = [{"function": "Filter_Actions_with_Obj", "value_input": ["door"]}]
    (named, other), _ = items(
        entry(situations=situations, question_program=program),
        entry(situations=situations, question_id="Prediction_T1_6"),
    )
    made = build(named, CLIP, HOW)
    assert [one.name for one in made.entities] == ["person 1", "door 1"] and made.sources[
        "1.entities"
    ] == "question_words"
    assert [one.category for one in build(other, CLIP, HOW).entities] == ["person", "closet/cabinet", "door"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"situations": None}, "no situation graph", id="no_graph"),
        pytest.param(
            {"situations": {"000041": frame(["a023"])}}, "no annotated frame lies within", id="all_of_it_later"
        ),
    ],
)
def test_an_item_without_a_frame_in_its_clip_has_no_cotasks(items, change, why):
    (item,), _ = items(entry(**change))
    with pytest.raises(Unanswerable, match=why):
        build(item, CLIP, HOW)


@pytest.mark.parametrize(
    ("fids", "rate"),
    [
        pytest.param([31, 89], 30.0, id="thirty_where_it_fits"),
        pytest.param([26, 74], 25.0, id="a_first_frame_before_the_start"),
        pytest.param([100], 60.0, id="a_last_frame_after_the_end"),
    ],
)
def test_a_rate_is_assumed_that_puts_every_frame_in_the_clip(items, fids, rate):
    situations = {f"{fid:06d}": frame(["a087"]) for fid in fids}
    (item,), _ = items(entry(question_id="Interaction_T1_1", situations=situations))
    assert usual_rate([item]) == rate


@pytest.mark.parametrize(
    ("corner", "size"),
    [
        pytest.param((400, 269), (480, 270), id="lying"),
        pytest.param((269, 400), (270, 480), id="standing"),
        pytest.param((300, 470), (320, 480), id="standing_and_wider"),
        pytest.param((480, 350), (480, 360), id="lying_and_higher"),
        pytest.param((100, 100), (480, 270), id="lying_where_either_would_do"),
        pytest.param((900, 900), (480, 480), id="none_would_do"),
    ],
)
def test_a_size_is_assumed_that_holds_every_box(items, corner, size):
    (item,), _ = items(entry(situations={"000012": frame([], [("o003", (0, 0, *corner))])}))
    assert usual_size([item]) == size


def test_a_box_is_cut_at_the_frame_and_left_out_beyond_it(items):
    boxes = [("o003", (-10.0, 0.0, 500.0, 300.0)), ("o017", (490.0, 0.0, 500.0, 10.0))]
    (item,), _ = items(entry(situations={"000012": frame([], boxes)}))
    made = build(item, CLIP, HOW)
    assert [(one.entity, one.box) for one in made.sightings] == [("closet/cabinet 1", (0.0, 0.0, 1.0, 1.0))]


def test_the_real_item_gives_what_its_graph_says(real):
    (item,), unusable = read_star(real("star/item_Interaction_T1_3772.json"))
    made = build(item, Clip(30000 / 1001, "video_fps", (480, 270), "assumed"), HOW)
    assert unusable == [] and item.notes == {} and executes(item) == "classes"
    assert [frame.fid for frame in made.frames] == [288, 327, 367, 406, 408, 445, 447]
    assert made.frames[0].time == pytest.approx(287 / 29.97 - 8.9, abs=0.001)
    assert sum(one.entity == "person 1" for one in made.sightings) == 6  # of seven: it is missing at 367
    (event,) = made.events
    assert (event.predicate, event.object) == ("close", "closet/cabinet 1")
    assert CoTasks.from_json(made.to_json()) == made
