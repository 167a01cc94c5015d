"""Step 5: core frames, key items, and the sentence that names them."""

import json

import pytest

from annotate.espresso.evidence import EvidenceWriting, find_mentions, read_evidence
from annotate.espresso.settings import EvidenceSettings
from demitasse.chat.blocks import read_blocks
from demitasse.engine.caller import ParseError

SENTENCE = "The woman in the red coat pours from the kettle, so the white bowl fills."


def told(captions=((1, "lifted"), (3, "full")), items=("kettle", "white bowl"), evidence=SENTENCE):
    chosen = [{"caption": number, "shows": shows} for number, shows in captions]
    return {"captions": chosen, "key_items": list(items), "evidence": evidence}


def write(kitchen, video, teacher, **settings):
    return kitchen.run(teacher, lambda asker: EvidenceWriting(asker, EvidenceSettings(**settings), ()), video)


def read(reply, captions=3, **settings):
    return read_evidence(json.dumps(reply), captions, EvidenceSettings(**settings))


def test_chosen_captions_are_the_core_frames_in_order_of_time(kitchen, video):
    video["questions"] = video["questions"][:1]
    row = write(kitchen, video, kitchen.teacher(told(captions=((3, "full"), (1, "lifted")))))
    assert row["evidence"][0]["core"] == [
        {"place": 0, "caption": video["frames"][0]["caption"], "shows": "lifted"},
        {"place": 2, "caption": video["frames"][2]["caption"], "shows": "full"},
    ]


def test_captions_of_a_later_group_count_in_that_group(kitchen, video):
    video["questions"] = [video["questions"][0] | {"group": 1}]
    row = write(kitchen, video, kitchen.teacher(told()))
    assert [core["place"] for core in row["evidence"][0]["core"]] == [3, 5]


def test_key_items_have_their_places_in_the_sentence(kitchen, video):
    row = write(kitchen, video, kitchen.teacher(told()))
    for one in row["evidence"]:
        assert [one["text"][mention["start"] : mention["end"]] for mention in one["mentions"]] == one["key_items"]
        assert one["key_items"] == ["kettle", "white bowl"]


def test_question_and_answer_are_material(kitchen, video):
    teacher = kitchen.teacher(told())
    write(kitchen, video, teacher)
    blocks = read_blocks(teacher.asked[0].text)
    assert blocks["question"] == "Why is the kettle lifted?"
    assert blocks["answer"].startswith("The woman lifts it")


def test_only_questions_that_were_kept_are_asked_about(kitchen, video):
    verdicts = [{"id": "tea/one.mp4/qa_000", "verdict": "drop"}, {"id": "tea/one.mp4/qa_001", "verdict": "keep"}]
    teacher = kitchen.teacher(told())
    row = write(kitchen, video | {"verdicts": verdicts}, teacher)
    assert [one["id"] for one in row["evidence"]] == ["tea/one.mp4/qa_001"]
    assert len(teacher.asked) == 1


def test_a_dropped_question_does_not_make_the_evidence_of_the_others_stale(kitchen, video):
    verdicts = [{"id": "tea/one.mp4/qa_000", "verdict": "drop"}, {"id": "tea/one.mp4/qa_001", "verdict": "keep"}]
    fields = video | {"verdicts": verdicts}
    keys = []

    def make(asker):
        keys.append(EvidenceWriting(asker, EvidenceSettings(), ()).step().inputs(fields))
        return EvidenceWriting(asker, EvidenceSettings(), ())

    kitchen.run(kitchen.teacher(told()), make, fields)
    video["questions"][0]["question"] = "Who drops the kettle?"
    kitchen.run(kitchen.teacher(told()), make, fields)
    video["questions"][1]["question"] = "Who fills the bowl?"
    kitchen.run(kitchen.teacher(told()), make, fields)
    assert keys[0] == keys[1] != keys[2]


def test_a_question_without_usable_evidence_is_told_and_the_others_stay(kitchen, video):
    def says(request):
        return told(items=["spoon"]) if "Why is the kettle" in request.text else told()

    row = write(kitchen, video, kitchen.teacher(says))
    assert [one["id"] for one in row["evidence"]] == ["tea/one.mp4/qa_001"]
    (without,) = row["without_evidence"]
    assert without["id"] == "tea/one.mp4/qa_000"
    assert "'spoon' is not in the sentence" in without["reason"]


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        pytest.param(told(items=["red"], evidence="A hundred jars."), "'red' is not in", id="part_of_a_word"),
        pytest.param(told(items=["kettle", "Kettle"]), "named twice", id="one_thing_under_two_spellings"),
        pytest.param(told(items=["bowl", "white bowl"]), "'bowl' is not in", id="a_name_only_inside_a_longer_one"),
        pytest.param(told(items=[]), "0 key items", id="no_key_item"),
        pytest.param(told(captions=((1, "a"), (4, "b"))), "no caption 4", id="a_caption_that_is_not_there"),
        pytest.param(told(captions=((1, "a"), (1, "b"))), "chosen twice", id="a_caption_twice"),
        pytest.param(told(captions=((1, "a"),)), "choose 2 to 4", id="too_few_core_frames"),
        pytest.param(told(captions=((1, ""), (2, "b"))), "must not be empty", id="a_frame_that_shows_nothing"),
        pytest.param(told(evidence=f"<obj>{SENTENCE}"), "has tags", id="tags_in_the_sentence"),
    ],
)
def test_evidence_that_contradicts_itself_is_refused(reply, fault):
    with pytest.raises(ParseError, match=fault):
        read(reply)


def test_a_group_smaller_than_the_least_number_of_core_frames_may_be_chosen_whole():
    assert len(read(told(captions=((1, "a"), (2, "b"))), captions=2, min_core_frames=3).captions) == 2


def test_there_is_a_most_number_of_core_frames():
    with pytest.raises(ParseError, match="choose 2 to 2"):
        read(told(captions=((1, "a"), (2, "b"), (3, "c"))), max_core_frames=2)


@pytest.mark.parametrize(
    ("text", "names", "spans"),
    [
        pytest.param("A cup and a cup.", ["cup"], ["cup"], id="the_first_place_counts"),
        pytest.param("The Red Cup.", ["red cup"], ["Red Cup"], id="spelt_as_the_sentence_spells_it"),
        pytest.param("cup, red cup", ["red cup", "cup"], ["cup", "red cup"], id="in_the_order_of_the_sentence"),
        pytest.param("A c++ (old) cup", ["c++ (old)"], ["c++ (old)"], id="signs_are_taken_as_they_are"),
        pytest.param("red  cup", ["red cup"], ["red  cup"], id="spaces_do_not_matter"),
    ],
)
def test_names_are_found_in_the_sentence(text, names, spans):
    found, missing = find_mentions(text, names)
    assert ([text[start:end] for start, end in found], missing) == (spans, [])


def test_mentions_never_lie_in_one_another():
    text = "The red cup by the cup stand holds a cup."
    spans, missing = find_mentions(text, ["cup", "red cup", "cup stand"])
    assert [text[start:end] for start, end in spans] == ["red cup", "cup stand", "cup"]
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))
    assert not missing
