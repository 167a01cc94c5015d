"""The scripted model about pictures: knows them by their marker, reads prompts, writes boxes in its own units."""

import asyncio
import io
import json

import numpy as np
import pytest
from PIL import Image as Picture

from demitasse.chat.model import Image, Outcome, Request, Text
from demitasse.chat.scripted import ScriptedModel
from demitasse.toyworld.mistakes import box_errors, check_errors
from demitasse.toyworld.phrases import caption, describe, phrases
from demitasse.toyworld.picture import ORIENTATION, STORED, draw_scene
from demitasse.toyworld.scene import toy_scene
from demitasse.toyworld.scene_prompts import asked_expressions, asked_phrases, listed_boxes
from demitasse.toyworld.scene_teacher import EXCUSE

NUMBER = 9
SCENE = toy_scene(NUMBER)
SCHEMA = {"type": "object"}


def shown(width: int = 300, height: int = 200, orientation: int = 1, kind: str = "PNG", number: int = NUMBER) -> Image:
    picture = Picture.fromarray(draw_scene(toy_scene(number), width, height))
    turn = STORED[orientation]
    exif = Picture.Exif()
    exif[ORIENTATION] = orientation
    buffer = io.BytesIO()
    (picture.transpose(Picture.Transpose[turn]) if turn else picture).save(buffer, kind, exif=exif)
    return Image(buffer.getvalue(), f"image/{kind.lower()}")


def ask(step: str, text: str, image: Image | None = None, schema=SCHEMA, **settings) -> str:
    request = Request(step, ((image or shown()), Text(text)), schema=schema)
    reply = asyncio.run(ScriptedModel(**settings).reply(request))
    assert reply.outcome is Outcome.SUCCESS, reply.error
    return reply.text


def thousandths(box) -> list[int]:
    return [round(value * 1000) for value in box]


def listing(boxes, name: str = "Thing") -> str:
    return "Say what they are:\n\n" + "\n".join(f"{place}. {name}: {list(box)}" for place, box in enumerate(boxes, 1))


EVERYTHING = listing([thousandths(thing.box) for thing in SCENE.things])


# ---- knowing a picture --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image",
    [
        *(pytest.param(shown(orientation=turn), id=f"exif_orientation_{turn}") for turn in STORED),
        pytest.param(shown(kind="JPEG"), id="jpeg"),
        pytest.param(shown(308, 196), id="multiples_of_28"),
        pytest.param(shown(4004, 308), id="wide"),
        pytest.param(shown(84, 1932), id="high"),
        pytest.param(shown(56, 56), id="small"),
    ],
)
def test_a_picture_is_known_by_its_marker(image):
    assert ask("image_caption", "Describe it.", image, None) == caption(SCENE)


def test_a_picture_that_was_made_smaller_is_still_known():
    with Picture.open(io.BytesIO(shown(1080, 1920).data)) as large:
        buffer = io.BytesIO()
        large.resize((168, 280)).save(buffer, "JPEG", quality=75)
    assert ask("image_caption", "Describe it.", Image(buffer.getvalue(), "image/jpeg"), None) == caption(SCENE)


def test_another_picture_is_answered_plainly_by_a_stand_in():
    buffer = io.BytesIO()
    Picture.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(buffer, "PNG")
    other = Image(buffer.getvalue(), "image/png")
    assert ask("image_caption", "Describe it.", other, None) == EXCUSE
    told = json.loads(ask("region_expr", listing([[1, 2, 30, 40]], "Car"), other))["regions"]
    assert told[0]["bbox_2d"] == [1, 2, 30, 40] and told[0]["type"] == "Car" and "stand-in" in told[0]["description"]
    assert json.loads(ask("blind_grounding", "1. the red disc", other))["expressions"][0]["boxes"] == []


def test_without_a_picture_it_says_so_too():
    request = Request("image_caption", (Text("Describe it."),))
    assert asyncio.run(ScriptedModel().reply(request)).text == EXCUSE


# ---- units --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("style", "order", "scale"),
    [
        pytest.param("qwen_1000", (0, 1, 2, 3), (1000, 1000), id="thousandths"),
        pytest.param("gemini_yxyx_1000", (1, 0, 3, 2), (1000, 1000), id="thousandths_y_first"),
        pytest.param("image_px", (0, 1, 2, 3), (407, 663), id="pixels_as_sent"),
        pytest.param("qwen2_5_vl_px", (0, 1, 2, 3), (420, 672), id="pixels_of_what_the_processor_makes_of_it"),
    ],
)
def test_boxes_are_read_and_written_in_the_units_that_are_set(style, order, scale, orientation):
    right = [[round(value * side) for value, side in zip(thing.box, scale * 2, strict=True)] for thing in SCENE.things]
    written = [[box[place] for place in order] for box in right]
    told = json.loads(ask("region_expr", listing(written), shown(407, 663, orientation), boxes=style))["regions"]
    assert [one["bbox_2d"] for one in told] == written
    assert [one["description"] for one in told] == [describe(thing) for thing in SCENE.things]


def test_a_box_in_other_units_than_its_own_is_nobodys():
    pixels = [[round(value * side) for value, side in zip(SCENE.things[0].box, (300, 200) * 2, strict=True)]]
    (told,) = json.loads(ask("region_expr", listing(pixels)))["regions"]
    assert "stand-in" in told["description"]


def test_a_picture_that_qwen_refuses_is_an_error():
    request = Request("region_expr", (shown(8000, 36), Text(EVERYTHING)), schema=SCHEMA)
    reply = asyncio.run(ScriptedModel(boxes="qwen2_5_vl_px").reply(request))
    assert reply.outcome is Outcome.ERROR and "200 times" in reply.error and not reply.retryable


def test_what_it_was_set_to_stands_in_its_name_and_what_it_takes():
    assert ScriptedModel().name == "scripted"
    assert ScriptedModel(boxes="image_px").capability.boxes == "image_px"
    named = ScriptedModel(boxes="image_px", box_mistakes=0.2, check_mistakes=0.1).name
    assert named == "scripted:box_mistakes=0.2,check_mistakes=0.1,boxes=image_px"


# ---- steps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", [SCHEMA, None])
def test_regions_come_in_the_order_of_the_list(schema):
    told = json.loads(ask("region_expr", EVERYTHING, schema=schema))
    regions = told["regions"] if schema else told
    assert [(one["color"], one["type"]) for one in regions] == [(one.colour, one.shape) for one in SCENE.things]


def test_expressions_are_those_of_the_scene():
    told = json.loads(ask("grounding_expr", EVERYTHING))["expressions"]
    expected = {
        phrase: [thousandths(SCENE.things[index].box) for index in things] for phrase, things in phrases(SCENE).items()
    }
    assert {one["phrase"]: one["boxes"] for one in told} == expected
    lines = ask("grounding_expr", EVERYTHING, schema=None).splitlines()
    assert lines == [f"{phrase}: {json.dumps(boxes, separators=(',', ':'))}" for phrase, boxes in expected.items()]


def test_a_phrase_that_also_fits_a_thing_without_a_box_is_not_said():
    group = next(number for number in range(99) if any(len(one) > 1 for one in phrases(toy_scene(number)).values()))
    scene = toy_scene(group)
    absent = next(things for things in phrases(scene).values() if len(things) > 1)[0]
    given = listing([thousandths(thing.box) for index, thing in enumerate(scene.things) if index != absent])
    told = json.loads(ask("grounding_expr", given, shown(number=group)))["expressions"]
    assert {one["phrase"] for one in told} == {
        phrase for phrase, things in phrases(scene).items() if absent not in things
    }


def test_of_a_long_list_only_the_part_that_is_asked_about_gets_boxes():
    told = json.loads(ask("grounding_expr", f"{EVERYTHING}\n\nWrite phrases for the objects 1 to 1 only."))
    assert {str(box) for one in told["expressions"] for box in one["boxes"]} == {str(thousandths(SCENE.things[0].box))}


def test_wrong_boxes_are_those_that_are_told():
    for step, key in (("0", "region_expr"), ("2", "grounding_expr")):
        number = next(number for number in range(99) if len(box_errors(toy_scene(number), step, 0.3)) == 1)
        (error,) = box_errors(toy_scene(number), step, 0.3)
        prompt = listing([thousandths(thing.box) for thing in toy_scene(number).things])
        right, wrong = (
            boxes_said(json.loads(ask(key, prompt, shown(number=number), box_mistakes=share))) for share in (0.0, 0.3)
        )
        differ = [place for place in right if right[place] != wrong[place]]
        assert differ == [(error.phrase, error.box)]


def boxes_said(reply: dict) -> dict:
    regions = {(one["description"], 0): one["bbox_2d"] for one in reply.get("regions", [])}
    return regions | {
        (one["phrase"], place): box for one in reply.get("expressions", []) for place, box in enumerate(one["boxes"])
    }


def test_a_check_keeps_moves_and_removes():
    (phrase, other), right = list(phrases(SCENE))[:2], thousandths(SCENE.things[0].box)
    slipped = [right[0] + 20, right[1], right[2] + 20, right[3]]
    strange = thousandths(SCENE.things[1].box)
    prompt = "\n".join(
        f"{number}. {words}\n   box 1: {box}"
        for number, (words, box) in enumerate(((phrase, right), (phrase, slipped), (phrase, strange)), 1)
    )
    told = json.loads(ask("double_check", f"Here is the list:\n\n{prompt}\n\nCheck it."))["expressions"]
    assert [one["boxes"] for one in told] == [
        [{"box": 1, "verdict": "keep", "bbox_2d": []}],
        [{"box": 1, "verdict": "move", "bbox_2d": right}],
        [{"box": 1, "verdict": "remove", "bbox_2d": []}],
    ]
    lines = f"{phrase}: [{slipped}]\n{other}: [{right}]"
    assert ask("double_check", lines, schema=None).splitlines() == [
        f"{phrase}: [{json.dumps(right, separators=(',', ':'))}]",
        f"{other}: []",
    ]


def test_wrong_verdicts_are_those_that_are_told():
    number = next(number for number in range(99) if len(check_errors(toy_scene(number), 0.0, 0.2)) == 1)
    scene = toy_scene(number)
    (error,) = check_errors(scene, 0.0, 0.2)
    prompt = "\n".join(
        f"{place}. {phrase}\n" + "\n".join(f"   box {at + 1}: {box}" for at, box in enumerate(boxes))
        for place, (phrase, boxes) in enumerate(
            (
                (phrase, [thousandths(scene.things[one].box) for one in things])
                for phrase, things in phrases(scene).items()
            ),
            1,
        )
    )
    told = json.loads(ask("double_check", prompt, shown(number=number), check_mistakes=0.2))["expressions"]
    wrong = [
        (one["phrase"], judged["box"] - 1, {"remove": "removed", "move": "moved"}[judged["verdict"]])
        for one in told
        for judged in one["boxes"]
        if judged["verdict"] != "keep"
    ]
    assert wrong == [(error.phrase, error.box, error.what)]


def test_phrases_are_found_without_boxes_and_nothing_is_found_for_what_is_not_there():
    (phrase, things), *_ = phrases(SCENE).items()
    prompt = f"Here are phrases:\n\n3. {phrase}\n5. the seven dwarfs\n\nFind them."
    told = json.loads(ask("blind_grounding", prompt))["expressions"]
    right = [thousandths(SCENE.things[index].box) for index in things]
    assert told == [
        {"number": 3, "phrase": phrase, "boxes": right},
        {"number": 5, "phrase": "the seven dwarfs", "boxes": []},
    ]
    lines = f"Here are phrases:\n\n{phrase}\nthe seven dwarfs\n\nFind them.\nIn this form:\nphrase: [[...]]"
    assert ask("blind_grounding", lines, schema=None).splitlines()[1] == "the seven dwarfs: []"


# ---- reading prompts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("1. Car: [1, 2, 3, 4]", [(1, "Car", [1, 2, 3, 4])], id="an_entry"),
        pytest.param("2. van: red: [1, 2, 3, 4]", [(2, "van: red", [1, 2, 3, 4])], id="a_name_with_a_colon"),
        pytest.param("1. [1, 2, 3, 4]: [5, 6, 7, 8]", [(1, "[1, 2, 3, 4]", [5, 6, 7, 8])], id="a_box_as_a_name"),
        pytest.param("1. Car: [1.5, 2, 3, 4]", [(1, "Car", [1.5, 2, 3, 4])], id="fractions"),
        pytest.param("A box is written [x1, y1, x2, y2]: so.", [], id="the_form_of_a_box_is_no_box"),
        pytest.param("1. Copy these: [1, 2, 3]", [], id="three_numbers_are_no_box"),
        pytest.param("Think of [1, 2, 3, 4].", [], id="a_box_in_prose_is_not_in_the_list"),
    ],
)
def test_listed_boxes(text, found):
    everything, asked = listed_boxes(f"Here is the list:\n\n{text}\n\nSay what they are.")
    assert [(one.number, one.name, one.box) for one in everything] == found
    assert asked == everything


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("1. a\n   box 1: [1, 2, 3, 4]\n   box 2: [5, 6, 7, 8]", [(1, "a", 2)], id="numbered"),
        pytest.param(
            "1. a\n   box 1: [1, 2, 3, 4]\n2. a\n   box 1: [1, 2, 3, 4]", [(1, "a", 1), (2, "a", 1)], id="two"
        ),
        pytest.param("1. Look closely.\n2. Then write.", [], id="a_numbered_line_without_a_box_is_prose"),
        pytest.param("a: b: [[1, 2, 3, 4], [5, 6, 7, 8]]", [(0, "a: b", 2)], id="a_line_with_a_colon_in_its_phrase"),
        pytest.param("phrase: [[..., ..., ..., ...]]", [], id="the_form_is_no_expression"),
        pytest.param("If no box is left, write: phrase: []", [], id="an_empty_list_is_none_either"),
    ],
)
def test_asked_expressions(text, found):
    asked = asked_expressions(f"Here is the list:\n\n{text}\n\nCheck it.")
    assert [(one.number, one.phrase, len(one.boxes)) for one in asked] == found


def test_asked_phrases_end_with_the_paragraph():
    text = "Here are phrases:\n\nthe red disc\nthe dog: a poodle\n\nFind them all:\nphrase: [[...]]"
    assert [one.phrase for one in asked_phrases(text, numbered=False)] == ["the red disc", "the dog: a poodle"]
    assert asked_phrases("Nothing is asked.", numbered=False) == []
