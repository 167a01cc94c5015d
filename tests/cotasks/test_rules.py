"""The rules by which annotation becomes CoTasks: NExT-QA with VidOR."""

import pytest

from annotate.cotasks.aliases import named_categories
from annotate.cotasks.cues import cued_parts
from annotate.cotasks.rules import Unanswerable, build, geometric, merged, sampled_frames, thinned
from annotate.cotasks.settings import Building
from annotate.cotasks.vidor import Annotation, Instance, Track, read_annotation
from demitasse.cotasks.nextgqa import read_spans
from demitasse.cotasks.nextqa import Question, read_questions
from demitasse.cotasks.record import CoTasks, Entity, Event, KeyFrame, Relation, Sighting

BOX = (0.1, 0.1, 0.3, 0.4)
ALL = Building(frames=11, boxed_frames=0)


def annotation(**change):
    """A hundred frames at 10 a second: an adult throughout, a dog from frame 50 on, a toy nobody has a box of."""
    frames = [{0: Track(BOX, fid % 20 == 0)} | ({1: Track((0.5, 0.5, 0.9, 0.9), False)} if fid >= 50 else {})
              for fid in range(101)]  # fmt: skip
    relations = (
        Instance(0, "in_front_of", 1, 40, 71),
        Instance(0, "watch", 1, 10, 30),
        Instance(0, "watch", 1, 30, 60),
        Instance(1, "bite", 2, 55, 100),
    )
    value = {
        "video": "7",
        "path": "0001/7.mp4",
        "frame_count": 101,
        "fps": 10.0,
        "width": 320,
        "height": 240,
        "entities": (Entity("adult 1", "adult", 0), Entity("dog 1", "dog", 1), Entity("toy 1", "toy", 2)),
        "tracks": tuple(frames),
        "relations": relations,
        "notes": {},
    }
    return Annotation(**(value | change))


def ask(text="what does the man do", spans=((2.0, 6.0),), how=ALL, **change):
    question = Question("7", "1", text, "sit", "TC")
    return build(question, annotation(**change), spans, how)


@pytest.mark.parametrize(
    ("count", "sampled", "fids"),
    [
        pytest.param(101, 11, list(range(0, 101, 10)), id="first_and_last_are_in"),
        pytest.param(1925, 4, [0, 641, 1283, 1924], id="rounded_to_the_nearest"),
        pytest.param(3, 64, [0, 1, 2], id="never_a_frame_twice"),
    ],
)
def test_frames_are_sampled_evenly(count, sampled, fids):
    assert sampled_frames(count, sampled) == fids


def test_key_frames_are_the_sampled_ones_in_a_span():
    made = ask(spans=((2.0, 3.0), (9.5, 10.0)))
    assert [(frame.index, frame.time, frame.fid) for frame in made.frames] == [
        (2, 2.0, 20),
        (3, 3.0, 30),
        (10, 10.0, 100),
    ]
    assert made.sources["1"] == "nextgqa_span" and made.sampled == 11 and made.duration == 10.1


@pytest.mark.parametrize(
    ("text", "source", "times"),
    [
        pytest.param("what does he do at the end of the video", "time_words", [8.0, 9.0, 10.0], id="the_last_third"),
        pytest.param("what is he doing at the beginning", "time_words", [0.0, 1.0, 2.0, 3.0], id="the_first_third"),
        pytest.param("how many dogs are there", "all_frames", [float(time) for time in range(11)], id="no_time_named"),
    ],
)
def test_without_spans_the_question_says_when_or_nothing_does(text, source, times):
    made = ask(text, spans=None)
    assert made.sources["1"] == source and [frame.time for frame in made.frames] == times


def test_a_span_between_two_sampled_frames_cannot_be_answered():
    with pytest.raises(Unanswerable, match="no sampled frame lies in its time spans"):
        ask(spans=((2.1, 2.9),))


@pytest.mark.parametrize(
    ("text", "names", "source"),
    [
        pytest.param("what does the lady in blue do", ["adult 1"], "question_words", id="a_lady_is_an_adult"),
        pytest.param("why did the puppy bark", ["dog 1"], "question_words", id="a_puppy_is_a_dog"),
        pytest.param("what is happening", ["adult 1", "dog 1", "toy 1"], "all", id="nobody_named"),
        pytest.param("why did the cat run", ["adult 1", "dog 1", "toy 1"], "all", id="nobody_there_named"),
    ],
)
def test_entities_are_those_that_the_words_may_mean(text, names, source):
    made = ask(text)
    assert [entity.name for entity in made.entities] == names and made.sources["1.entities"] == source


def test_all_entities_can_be_asked_for():
    made = ask(how=Building(frames=11, entities="all"))
    assert len(made.entities) == 3 and made.sources["1.entities"] == "all"


def test_a_thing_without_a_box_is_not_visible():
    made = ask("what does the dog do", spans=((4.0, 5.0),))
    assert made.sightings == (Sighting(4.0, "dog 1", None), Sighting(5.0, "dog 1", (0.5, 0.5, 0.9, 0.9)))


def test_by_hand_alone_leaves_the_rest_unknown_and_not_out_of_sight():
    made = ask(spans=((2.0, 5.0),), how=Building(frames=11, manual_only=True))
    assert [sighting.time for sighting in made.sightings] == [2.0, 4.0]


def test_spatial_relations_hold_up_to_their_end_where_both_are_seen():
    """From frame 40 up to 70, but the dog has a box from 50 on; frame 71 is the first after it."""
    made = ask(spans=((0.0, 10.0),))
    assert [relation.time for relation in made.relations] == [5.0, 6.0, 7.0]
    assert made.relations[0] == Relation(5.0, "adult 1", "in_front_of", "dog 1")


def test_a_relation_does_not_hold_in_the_frame_that_is_its_end():
    """VidOR's `end_fid` is the first frame after it."""
    made = ask(spans=((0.0, 10.0),), relations=(Instance(0, "in_front_of", 1, 40, 70),))
    assert [relation.time for relation in made.relations] == [5.0, 6.0]


def test_no_inverse_is_made_up():
    assert {relation.subject for relation in ask("what does the dog do", spans=((0.0, 10.0),)).relations} == {"adult 1"}


def test_actions_are_cut_to_the_key_frames_and_merged():
    made = ask(spans=((2.0, 5.0),))
    assert made.events == (Event("adult 1", "watch", "dog 1", 2.0, 5.1),)


def test_an_event_that_begins_after_the_last_key_frame_is_none_of_them():
    made = ask("what does the dog do", spans=((0.0, 5.0),))
    assert [event.predicate for event in made.events] == ["watch"]
    assert [event.predicate for event in ask("what does the dog do", spans=((0.0, 6.0),)).events] == ["watch", "bite"]


def test_the_other_end_of_an_event_need_not_be_an_entity_of_the_question():
    events = ask("what does the dog do", spans=((6.0, 9.0),)).events
    assert events[0] == Event("dog 1", "bite", "toy 1", 6.0, 9.1)


def test_boxes_are_given_for_so_many_key_frames_and_moments_for_all():
    made = ask(spans=((0.0, 10.0),), how=Building(frames=11, boxed_frames=3))
    assert len(made.frames) == 11 and [sighting.time for sighting in made.sightings] == [0.0, 5.0, 10.0]


@pytest.mark.parametrize(
    ("most", "gap", "times"),
    [
        pytest.param(0, 0.0, [0, 1, 2, 3, 4, 5], id="all"),
        pytest.param(0, 2.0, [0, 2, 4], id="a_gap"),
        pytest.param(2, 0.0, [0, 5], id="first_and_last"),
        pytest.param(1, 0.0, [0], id="one"),
        pytest.param(9, 0.0, [0, 1, 2, 3, 4, 5], id="more_than_there_are"),
    ],
)
def test_key_frames_are_thinned_evenly(most, gap, times):
    frames = [KeyFrame(place, float(place)) for place in range(6)]
    assert [frame.time for frame in thinned(frames, most, gap)] == times


@pytest.mark.parametrize(
    ("other", "predicates"),
    [
        pytest.param((0.5, 0.5, 0.6, 0.6), {"left_of", "above"}, id="apart"),
        pytest.param((0.2, 0.2, 0.5, 0.5), {"overlaps"}, id="over_each_other"),
        pytest.param((0.3, 0.1, 0.5, 0.4), {"left_of"}, id="side_by_side"),
        pytest.param((0.0, 0.0, 0.1, 0.1), {"right_of", "below"}, id="the_other_way_round"),
    ],
)
def test_geometry_tells_how_boxes_lie(other, predicates):
    found = list(geometric([Sighting(1.0, "a 1", BOX), Sighting(1.0, "b 1", other), Sighting(2.0, "b 1", other)]))
    assert {relation.predicate for relation in found} == predicates
    assert all((one.subject, one.object, one.source, one.time) == ("a 1", "b 1", "geometry", 1.0) for one in found)


def test_geometry_is_added_only_if_asked_for():
    how = Building(frames=11, geometry=True, entities="all")
    sources = {relation.source for relation in ask(spans=((5.0, 7.0),), how=how).relations}
    assert sources == {"annotation", "geometry"}
    assert {relation.source for relation in ask(spans=((5.0, 7.0),)).relations} == {"annotation"}


def test_intervals_of_one_triple_that_touch_are_one():
    events = [Event("a", "p", "b", 3.0, 4.0), Event("a", "p", "b", 1.0, 2.0), Event("a", "p", "b", 2.0, 2.5),
              Event("a", "p", None, 1.5, 2.0)]  # fmt: skip
    assert merged(events) == [
        Event("a", "p", "b", 1.0, 2.5),
        Event("a", "p", None, 1.5, 2.0),
        Event("a", "p", "b", 3.0, 4.0),
    ]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param({"frame_count": 102}, "frame_count of question and annotation differ", id="other_frames"),
        pytest.param({"width": 640}, "width of question and annotation differ", id="another_size"),
        pytest.param({"video": "8"}, "another video's", id="another_video"),
    ],
)
def test_frame_numbers_of_another_video_are_not_compared(asked, says):
    question = Question(**({"video": "7", "qid": "1", "text": "what", "answer": "sit"} | asked))
    with pytest.raises(Unanswerable, match=says):
        build(question, annotation(), None, ALL)


def test_a_video_in_which_nothing_is_annotated_has_no_cotasks():
    with pytest.raises(Unanswerable, match="nothing is annotated"):
        ask(entities=())


def test_what_is_built_goes_through_json():
    made = ask(how=Building(frames=11, geometry=True, entities="all"))
    assert CoTasks.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("what did the boy do at the end of the video", [2], id="the_end_of_the_video"),
        pytest.param("why did he jump near the start", [0], id="near_the_start"),
        pytest.param("what did she do in the middle", [1], id="in_the_middle"),
        pytest.param("what did he do nearing the end", [2], id="nearing_the_end"),
        pytest.param("how does the man react around the middle of the clip", [1], id="around_the_middle"),
        pytest.param("why is there a ladder in the middle of the land", [], id="a_middle_that_is_a_place"),
        pytest.param("what did she do when she reached the end of the road", [], id="an_end_that_is_a_place"),
        pytest.param("why did the ball end up on the chair", [], id="end_as_a_verb"),
        pytest.param("what did he do after the start", [], id="after_it_is_not_at_it"),
        pytest.param("what happens at the beginning and at the end", [0, 2], id="both"),
    ],
)
def test_time_words_say_when_and_places_do_not(text, parts):
    assert cued_parts(text) == parts


@pytest.mark.parametrize(
    ("text", "there", "named"),
    [
        pytest.param("what do the ladies do", ["adult", "child"], ["adult"], id="a_plural"),
        pytest.param("why did the boy cry", ["adult", "child", "baby"], ["adult", "child"], id="a_boy_may_be_either"),
        pytest.param("who is the person", ["adult", "baby", "dog"], ["adult", "baby"], id="a_person_is_any"),
        pytest.param("where is the football", ["ball/sports_ball"], ["ball/sports_ball"], id="a_kind_of_ball"),
        pytest.param("is the monitor on", ["screen/monitor"], ["screen/monitor"], id="half_of_a_name"),
        pytest.param("by the stop sign", ["stop_sign", "traffic_light"], ["stop_sign"], id="two_words"),
        pytest.param("what is in the red box", ["red", "blue"], ["red"], id="a_category_nobody_lists"),
        pytest.param("she adulted", ["adult"], [], id="no_part_of_a_word"),
        pytest.param("dog and cat", ["cat", "dog", "dog"], ["cat", "dog"], id="in_the_order_given_once"),
    ],
)
def test_words_mean_the_categories_they_may_mean(text, there, named):
    assert named_categories(text, there) == named


def test_the_real_slice_is_built_by_the_rules(real):
    """Every answer is checked against the file itself, read apart from our reader."""
    import json

    path = real("vidor/2793806282.json")
    raw, whole = json.loads(path.read_text()), read_annotation(path)
    spans = read_spans(real("nextqa/gsub_val_slice.json"))["2793806282"].spans
    asked = [one for one in read_questions(real("nextqa/mc_val_slice.csv")).questions if one.video == "2793806282"]
    for question in asked:
        made = build(question, whole, spans.get(question.qid), Building(entities="all"))
        for frame in made.frames:
            assert any(start <= frame.fid / raw["fps"] <= end for start, end in spans.get(question.qid, [[0, 99]]))
        by_time = {frame.time: frame.fid for frame in made.frames}
        for sighting in made.sightings:
            there = {track["tid"]: track["bbox"] for track in raw["trajectories"][by_time[sighting.time]]}
            tid = next(entity.tid for entity in made.entities if entity.name == sighting.entity)
            assert (sighting.box is None) == (tid not in there)
            if sighting.box:
                assert sighting.box[0] == pytest.approx(there[tid]["xmin"] / 320, abs=1e-5)
                assert sighting.box[3] == pytest.approx((there[tid]["ymax"] + 1) / 240, abs=1e-5)
        for relation in made.relations:
            fid = by_time[relation.time]
            assert any(
                one["predicate"] == relation.predicate and one["begin_fid"] <= fid < one["end_fid"]
                for one in raw["relation_instances"]
            )
    assert len(asked) == 13


def test_frames_that_the_annotation_does_not_reach_are_unknown_and_not_without_anybody():
    made = ask(spans=None, tracks=annotation().tracks[:95])
    assert made.frames[-1].fid == 100 and made.sightings[-1].time == 9.0
