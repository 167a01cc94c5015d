"""Step 2: expressions whose boxes are the regions' own."""

import json

import pytest

from annotate.referring.grounding import Grounding
from demitasse.chat.kinds import BOX_STYLES
from demitasse.engine.step import Quarantine

CAR, VAN, BUS = [100, 100, 300, 300], [500, 500, 700, 900], [10, 10, 60, 90]


def regions_of(*boxes, names=("red car", "white van", "blue bus")):
    return [
        {"bbox_2d": box, "bbox_px": [box[0] * 2, box[1], box[2] * 2, box[3]], "description": name, "type": "x"}
        for box, name in zip(boxes, names, strict=False)
    ]


def reply(**boxes) -> str:
    return json.dumps({"expressions": [{"phrase": phrase, "boxes": list(at)} for phrase, at in boxes.items()]})


GOOD = reply(**{"the red car": [CAR], "vehicles on the road": [VAN, CAR]})


@pytest.fixture
def fields(make_fields):
    return make_fields(regions=regions_of(CAR, VAN, BUS), caption="A road.")


def test_an_expression_has_its_text_and_its_boxes_with_ids_and_the_regions_that_they_mean(studio, fields):
    row = studio.run(Grounding, fields, studio.teacher(GOOD))
    assert list(row) == ["image", "image_id", "expressions", "provenance"]
    assert row["expressions"][1] == {
        "text": "vehicles on the road",
        "expression_id": "a.png/expr_01",
        "instances": [
            {
                "bbox_2d": VAN,
                "bbox_px": [1000.0, 500.0, 1400.0, 900.0],
                "bbox_id": "a.png/expr_01/box_00",
                "region": 1,
                "region_iou": 1.0,
            },
            {
                "bbox_2d": CAR,
                "bbox_px": [200.0, 100.0, 600.0, 300.0],
                "bbox_id": "a.png/expr_01/box_01",
                "region": 0,
                "region_iou": 1.0,
            },
        ],
    }


def test_the_prompt_lists_the_regions_and_the_caption(studio, fields):
    teacher = studio.teacher(GOOD)
    studio.run(Grounding, fields, teacher)
    assert "1. red car: [100, 100, 300, 300]\n2. white van: [500, 500, 700, 900]" in teacher.prompt
    assert "caption: A road." in teacher.prompt and "The list is long" not in teacher.prompt


def test_without_a_caption_the_image_and_the_regions_do(studio, make_fields):
    teacher = studio.teacher(GOOD)
    studio.run(Grounding, make_fields(regions=regions_of(CAR, VAN)), teacher)
    assert "caption:" not in teacher.prompt


def test_a_region_without_a_description_is_called_by_colour_and_type_as_tao_does(studio, make_fields):
    plain = [{"bbox_2d": CAR, "color": "red", "type": "car"}, {"bbox_2d": VAN}]
    teacher = studio.teacher(GOOD)
    studio.run(Grounding, make_fields(regions=plain), teacher)
    assert "1. red car: [100" in teacher.prompt and "2. object: [500" in teacher.prompt


PHRASES = [
    pytest.param("the sign that says: stop", id="colon"),
    pytest.param("sign: 'A: [B]' and \"C\"", id="quotes_and_brackets"),
    pytest.param("左边的车: größte 🚗", id="unicode"),
    pytest.param("{bboxes} and {expr}", id="names_in_braces"),
    pytest.param("<script>alert(1)</script>", id="markup"),
]


@pytest.mark.parametrize("phrase", PHRASES)
@pytest.mark.parametrize("structured", [True, False], ids=["json", "text"])
def test_phrases_come_through_whole(studio, fields, phrase, structured):
    said = reply(**{phrase: [CAR]}) if structured else f"{phrase}: {[CAR]}"
    (one,) = studio.run(Grounding, fields, studio.teacher(said, json_schema=structured))["expressions"]
    assert one["text"] == phrase and one["instances"][0]["bbox_2d"] == CAR


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param(reply(), "no expression", id="none"),
        pytest.param(reply(a=[]), "'a' has no box", id="a_phrase_without_a_box"),
        pytest.param(reply(a=[[0, 600, 50, 700]]), "'a' has [0, 600, 50, 700], which is no box", id="an_invented_box"),
        pytest.param(reply(a=[CAR, CAR]), "stands there twice", id="a_box_twice"),
        pytest.param(reply(a=[[300, 100, 100, 300]]), "inverted", id="inverted"),
        pytest.param(reply(a=[[100, 100, 300, 1300]]), "outside", id="outside"),
        pytest.param(reply(a=[[100, 100]]), "not four", id="two_numbers"),
        pytest.param(reply(**{"the car": [CAR], "The  car.": [VAN]}), "twice; a phrase", id="a_phrase_twice"),
        pytest.param(reply(**{" ": [CAR]}), "phrase", id="an_empty_phrase"),
        pytest.param("The car is red.", "not in the form", id="prose"),
        pytest.param("the car [[100, 100, 300, 300]]", "not in the form", id="a_line_without_its_colon"),
        pytest.param("the car: [[100, 100, 300", "not in the form", id="cut_short"),
        pytest.param("", "not in the form", id="empty"),
    ],
)
def test_a_reply_that_cannot_be_used_is_asked_again_with_what_is_wrong(studio, fields, wrong, said):
    teacher = studio.teacher(wrong, GOOD)
    assert len(studio.run(Grounding, fields, teacher)["expressions"]) == 2
    assert len(teacher.asked) == 2 and said in teacher.complaints


def test_a_teacher_that_never_mends_it_quarantines_the_image(studio, fields):
    with pytest.raises(Quarantine, match="which is no box of the list"):
        studio.run(Grounding, fields, studio.teacher(reply(a=[[0, 600, 50, 700]])))


def test_a_box_with_its_axes_swapped_is_no_slip_of_the_pen_however_well_it_overlaps(studio, make_fields):
    fields = make_fields(regions=regions_of([100, 120, 300, 330], names=["a car"]))
    teacher = studio.teacher(reply(car=[[120, 100, 330, 300]]), reply(car=[[100, 120, 300, 330]]))
    (one,) = studio.run(Grounding, fields, teacher)["expressions"]
    assert one["instances"][0]["region_iou"] == 1 and "x and y exchanged" in teacher.complaints


def test_a_slip_of_the_pen_is_kept_as_it_was_written(studio, fields):
    (one,) = studio.run(Grounding, fields, studio.teacher(reply(a=[[101, 100, 300, 301]])))["expressions"]
    assert one["instances"][0]["bbox_2d"] == [101, 100, 300, 301]
    assert one["instances"][0]["region"] == 0 and 0.97 < one["instances"][0]["region_iou"] < 1


def test_chatter_around_taos_lines_is_passed_over(studio, fields):
    said = "Here are the phrases:\n\n- the red car: [[100, 100, 300, 300]]\n- the van: [500, 500, 700, 900]\n\nDone."
    rows = studio.run(Grounding, fields, studio.teacher(said, json_schema=False))["expressions"]
    assert [(one["text"], one["instances"][0]["region"]) for one in rows] == [("the red car", 0), ("the van", 1)]


@pytest.mark.parametrize("style", BOX_STYLES)
def test_a_teacher_is_told_and_answers_in_its_own_units(studio, fields, listed, style):
    studio.pictures.size = (1204, 616)

    def say(request) -> str:
        return reply(**{f"the {name}": [json.loads(box)] for name, box in listed(request)})

    rows = studio.run(Grounding, fields, studio.teacher(say, boxes=style))["expressions"]
    assert [one["instances"][0]["region"] for one in rows] == [0, 1, 2]
    assert all(one["instances"][0]["region_iou"] == 1 for one in rows)
    assert rows[0]["instances"][0]["bbox_2d"] == pytest.approx(CAR, abs=1)


def test_an_image_without_regions_is_a_row_without_a_call(studio, make_fields):
    teacher = studio.teacher(GOOD)
    row = studio.run(Grounding, make_fields(regions=[]), teacher)
    assert row["expressions"] == [] and not teacher.asked


def test_regions_too_thin_for_the_teacher_are_left_out_with_the_reason(studio, make_fields):
    thin = [{"bbox_2d": CAR, "bbox_px": CAR}, {"bbox_2d": [1, 1, 2, 2], "bbox_px": [500.2, 100, 500.8, 800]}]
    row = studio.run(Grounding, make_fields(regions=thin), studio.teacher(reply(a=[[50, 100, 150, 300]])))
    assert row["not_shown"][0]["region"] == 1 and "thinner" in row["not_shown"][0]["reason"]


def crowd(count: int):
    grid = ((number % 25 * 39, number // 25 * 48) for number in range(count))
    return regions_of(*([x, y, x + 42, y + 50] for x, y in grid), names=[f"person {one}" for one in range(count)])


def test_500_regions_are_all_listed_and_asked_about_40_at_a_time(studio, make_fields, listed):
    def say(request) -> str:
        first, last = (int(word) for word in request.text.split("objects ")[1].split(" only")[0].split(" to "))
        own = listed(request)[first - 1 : last]
        single = {f"the {name}": [json.loads(box)] for name, box in own}
        return reply(**single, everybody=[json.loads(box) for _, box in own])

    teacher = studio.teacher(say)
    rows = studio.run(Grounding, make_fields(regions=crowd(500)), teacher)["expressions"]
    assert len(teacher.asked) == 13 and all(len(listed(request)) == 500 for request in teacher.asked)
    assert len(rows) == 501 and len({one["expression_id"] for one in rows}) == 501
    (everybody,) = [one for one in rows if one["text"] == "everybody"]
    assert [one["region"] for one in everybody["instances"]] == list(range(500)), "parts with one phrase are united"
    assert len({one["bbox_id"] for one in everybody["instances"]}) == 500


def test_a_part_may_not_use_the_boxes_of_another(studio, make_fields):
    say = reply(a=[[0, 0, 42, 50]])  # region 1
    teacher = studio.teacher(say)
    with pytest.raises(Quarantine, match="no box of the list that may be used"):
        studio.run(Grounding, make_fields(regions=crowd(4)), teacher, most=2)


def test_everything_that_decides_a_reply_is_in_the_inputs(studio, fields):
    def inputs(teacher=None, most=40, pack="referring", **changes):
        return studio.step(Grounding, teacher or studio.teacher(""), most, pack).inputs(fields | changes)

    base = inputs()
    assert inputs() == base
    changed = [{"sha256": "1"}, {"caption": "A street."}, {"regions": regions_of(CAR)}, {"most": 2}]
    assert all(inputs(**one) != base for one in [*changed, {"pack": "referring_traffic"}])
    assert inputs(studio.teacher("", boxes="image_px")) != base
