"""Step 6: boxes of key items on core frames."""

import re

import pytest

from annotate.espresso.box_service import ServiceDetector
from annotate.espresso.detectors import TeacherDetector
from annotate.espresso.key_item_boxes import KeyItemBoxing, boxing, looks_of
from annotate.espresso.settings import BoxSettings
from demitasse.chat.model import Image, Outcome, Reply


def evidence(identity, places, items):
    return {"id": identity, "core": [{"place": place} for place in places], "key_items": items}


@pytest.fixture
def proven(video):
    return video | {
        "evidence": [evidence("a", [0, 2], ["kettle", "white bowl"]), evidence("b", [2], ["White bowl", "window"])]
    }


def finding(boxes):
    """A teacher that finds these boxes, by name, whatever the frame."""

    def says(request):
        names = re.findall(r"^(\d+)\. (.+)$", request.text.split("\n\n")[1], re.MULTILINE)
        told = [{"number": int(number), "phrase": name, "boxes": boxes.get(name, [])} for number, name in names]
        return {"expressions": told}

    return says


def find(kitchen, fields, detector, second=None, **settings):
    said = BoxSettings(**settings)

    def make(first, *rest):
        askers = {"detector": first, "captioner": rest[0] if rest else first}
        return boxing(askers, kitchen.pictures, said)

    return kitchen.run([detector, second] if second else [detector], make, fields)


def test_a_frame_is_looked_at_once_for_all_questions_that_rest_on_it(kitchen, proven):
    assert [(look.place, look.names) for look in looks_of(proven["evidence"], 20)] == [
        (0, ("kettle", "white bowl")),
        (2, ("kettle", "white bowl", "window")),
    ]
    teacher = kitchen.teacher(finding({}))
    find(kitchen, proven, teacher, min_agreement=0)
    assert len(teacher.asked) == 2


def test_a_long_list_of_names_is_asked_in_parts(proven):
    assert [len(look.names) for look in looks_of(proven["evidence"], 2)] == [2, 2, 1]


def test_each_frame_is_shown_at_its_true_time(kitchen, proven):
    proven["frames"][2]["time"] = 2.125
    teacher = kitchen.teacher(finding({}))
    find(kitchen, proven, teacher, min_agreement=0)
    shown = [part.time for request in teacher.asked for part in request.parts if isinstance(part, Image)]
    assert shown == [0.0, 2.125]


def test_boxes_that_both_looks_find_are_kept_with_their_agreement(kitchen, proven):
    first = kitchen.teacher(finding({"kettle": [[100, 100, 500, 500]]}), name="detector")
    second = kitchen.teacher(finding({"kettle": [[100, 100, 500, 400]]}), name="captioner")
    row = find(kitchen, proven, first, second)
    kettles = [one for one in row["boxes"] if one["name"] == "kettle"]
    assert [one["place"] for one in kettles] == [0, 2]
    (found,) = kettles[0]["found"]
    assert (found["kept"], found["agreement"], found["bbox"]) == (True, 0.75, [0.1, 0.1, 0.5, 0.5])
    assert kettles[0]["again"] == [[0.1, 0.1, 0.5, 0.4]]
    assert (row["found_by"], row["checked_by"]) == ("detector", "captioner")


def test_boxes_that_a_second_look_misses_are_dropped_and_stay_in_the_file(kitchen, proven):
    first = kitchen.teacher(finding({"kettle": [[100, 100, 500, 500]]}), name="detector")
    row = find(kitchen, proven, first, kitchen.teacher(finding({}), name="captioner"))
    (found,) = row["boxes"][0]["found"]
    assert (found["kept"], found["reason"]) == (False, "a second look finds none")


def test_a_second_look_is_spared_where_nothing_was_found(kitchen, proven):
    second = kitchen.teacher(finding({}), name="captioner")
    row = find(kitchen, proven, kitchen.teacher(finding({}), name="detector"), second)
    assert not second.asked
    assert [one["found"] for one in row["boxes"]] == [[]] * 5


def test_a_second_look_is_only_asked_for_what_was_found(kitchen, proven):
    second = kitchen.teacher(finding({"kettle": [[100, 100, 500, 500]]}), name="captioner")
    first = kitchen.teacher(finding({"kettle": [[100, 100, 500, 500]]}), name="detector")
    find(kitchen, proven, first, second)
    assert all("bowl" not in request.text for request in second.asked)


def test_the_second_look_is_asked_in_other_words(kitchen, proven):
    teacher = kitchen.teacher(finding({"kettle": [[100, 100, 500, 500]]}))
    find(kitchen, proven, teacher)
    assert {request.step for request in teacher.asked} == {"key_item_boxes", "key_item_boxes_again"}


def test_no_agreement_asks_nobody_again(kitchen, proven):
    row = find(kitchen, proven, kitchen.teacher(finding({"kettle": [[100, 100, 500, 500]]})), min_agreement=0)
    assert row["checked_by"] is None
    assert row["boxes"][0]["found"][0]["kept"]


def test_a_frame_whose_detector_refuses_is_told_and_the_others_stay(kitchen, proven):
    def says(request):
        return Reply(Outcome.REFUSED) if "window" in request.text else finding({})(request)

    row = find(kitchen, proven, kitchen.teacher(says))
    assert [one["place"] for one in row["boxes"]] == [0, 0]
    assert [(one["place"], one["names"][-1]) for one in row["without_boxes"]] == [(2, "window")]


def test_boxes_that_could_not_be_checked_are_not_taken(kitchen, proven):
    first = kitchen.teacher(finding({"kettle": [[100, 100, 500, 500]]}), name="detector")
    row = find(kitchen, proven, first, kitchen.teacher(Reply(Outcome.BLOCKED), name="captioner"))
    assert row["boxes"] == []
    assert all("second look came to nothing" in one["reason"] for one in row["without_boxes"])


def test_without_evidence_nobody_is_asked(kitchen, video):
    teacher = kitchen.teacher(finding({}))
    row = find(kitchen, video | {"evidence": []}, teacher)
    assert (row["boxes"], teacher.asked, kitchen.pictures.times) == ([], [], [])


def test_a_service_takes_the_place_of_the_detector(kitchen):
    settings = BoxSettings(service="http://127.0.0.1:9/find", service_name="dino-1")

    class Askers(dict):
        def __missing__(self, name):
            raise AssertionError(name)

    step = boxing(Askers(captioner=object()), kitchen.pictures, settings)
    assert isinstance(step, KeyItemBoxing)
    assert isinstance(step.detector, ServiceDetector)
    assert isinstance(step.second, TeacherDetector)
    assert step.detector.name == "service:loopback/dino-1"
