"""A teacher that finds things, in its own units."""

import asyncio

import pytest

from annotate.asking import Asker
from annotate.espresso.detectors import Detected, TeacherDetector
from annotate.espresso.prompt_keys import BOXES, PROMPTS
from annotate.referring.pictures import Shown
from demitasse.chat.model import Image, Sampling
from demitasse.engine.caller import open_caller
from demitasse.prompts import load_pack

PARTS = (Image(b"jpeg", "image/jpeg", 1.0),)


def teacher_finds(kitchen, teacher, *names, size=(1000, 500)):
    async def once():
        with open_caller(kitchen.folder) as caller:
            asker = Asker(caller, teacher, Sampling(), load_pack("espresso", PROMPTS))
            return await TeacherDetector(asker, BOXES).find(Shown(PARTS, size), names)

    return asyncio.run(once())


def phrases(*told):
    return {
        "expressions": [
            {"number": number, "phrase": name, "boxes": boxes} for number, (name, boxes) in enumerate(told, 1)
        ]
    }


@pytest.mark.parametrize(
    ("style", "written"),
    [
        pytest.param("qwen_1000", [100, 200, 500, 600], id="thousandths"),
        pytest.param("gemini_yxyx_1000", [200, 100, 600, 500], id="y_first"),
        pytest.param("image_px", [100, 100, 500, 300], id="pixels"),
    ],
)
def test_a_teacher_writes_boxes_in_its_own_units(kitchen, style, written):
    teacher = kitchen.teacher(phrases(("bowl", [written])), boxes=style)
    assert teacher_finds(kitchen, teacher, "bowl").boxes == [[Detected((0.1, 0.2, 0.5, 0.6))]]


def test_boxes_of_a_teacher_come_in_the_order_of_the_names(kitchen):
    teacher = kitchen.teacher(phrases(("a", []), ("b", [[0, 0, 10, 10], [20, 20, 30, 30]])))
    assert [len(boxes) for boxes in teacher_finds(kitchen, teacher, "a", "b").boxes] == [0, 2]


def test_a_teacher_without_schema_is_read_line_by_line(kitchen):
    teacher = kitchen.teacher("white bowl: [[100, 200, 500, 600]]\nkettle: []", json_schema=False)
    boxes = teacher_finds(kitchen, teacher, "white bowl", "kettle").boxes
    assert boxes == [[Detected((0.1, 0.2, 0.5, 0.6))], []]


def test_a_teacher_that_leaves_a_name_out_is_asked_again(kitchen):
    teacher = kitchen.teacher(phrases(("a", [])), phrases(("a", []), ("b", [])))
    assert teacher_finds(kitchen, teacher, "a", "b").boxes == [[], []]
    assert "'b'" in teacher.complaints
