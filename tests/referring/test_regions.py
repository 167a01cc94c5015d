"""Step 0: every given box gets exactly one region, whatever the teacher makes of it."""

import json
import random

import pytest

from annotate.referring.matching import given_boxes, pair
from annotate.referring.regions import RegionDescribing
from annotate.referring.space import space_of
from demitasse.chat.kinds import BOX_STYLES
from demitasse.engine.step import Quarantine
from demitasse.geometry import from_canonical

CAR, VAN = ("Car", [200.0, 100.0, 600.0, 300.0]), ("Van", [1000.0, 500.0, 1400.0, 900.0])
CAR_2D, VAN_2D = [100, 100, 300, 300], [500, 500, 700, 900]


def region(box, description="red car by the gate", **more):
    return {"bbox_2d": box, "type": "car", "color": "red", "description": description} | more


def reply(*regions) -> str:
    return json.dumps({"regions": list(regions)})


BOTH = reply(region(CAR_2D), region(VAN_2D, "white van", type="van", color="white"))


def echo(listed):
    """A teacher that copies every box that it is told and calls it by its number in the request."""

    def say(request) -> str:
        return reply(*(region(json.loads(box), f"thing {name}") for name, box in listed(request)))

    return say


def test_a_region_has_its_texts_its_box_in_two_units_and_the_box_that_it_means(studio, make_fields):
    teacher = studio.teacher(BOTH)
    row = studio.run(RegionDescribing, make_fields(CAR, VAN), teacher)
    assert list(row) == ["image", "image_id", "regions", "provenance"]
    assert row["regions"][0] == {
        "bbox_2d": CAR_2D,
        "bbox_px": CAR[1],
        "type": "car",
        "color": "red",
        "description": "red car by the gate",
        "box": 0,
        "box_iou": 1.0,
    }
    assert [one["box"] for one in row["regions"]] == [0, 1]
    assert "1. Car: [100, 100, 300, 300]\n2. Van: [500, 500, 700, 900]" in teacher.prompt
    assert row["provenance"]["templates"].keys() == {"region_expr"}


def test_taos_text_is_asked_for_and_read_where_there_is_no_schema(studio, make_fields):
    teacher = studio.teacher(f"```json\n{json.dumps(json.loads(BOTH)['regions'], indent=2)}\n```", json_schema=False)
    row = studio.run(RegionDescribing, make_fields(CAR, VAN), teacher)
    assert [one["bbox_2d"] for one in row["regions"]] == [CAR_2D, VAN_2D]
    assert teacher.asked[0].schema is None and "JSON array" in teacher.prompt


def test_text_without_colour_or_type_has_taos_words_for_it(studio, make_fields):
    teacher = studio.teacher(json.dumps([{"bbox": CAR_2D, "color": None, "description": "x"}]), json_schema=False)
    (one,) = studio.run(RegionDescribing, make_fields(CAR), teacher)["regions"]
    assert (one["color"], one["type"]) == ("unknown", "object")


def test_a_box_without_area_in_our_files_is_left_out_though_rounding_gives_it_one(studio, make_fields):
    """A pixel of 10,000 is a tenth of a thousandth; and where the teacher slips, the given box must stand there."""
    studio.pictures.size = size = (10_000, 200)
    thin, wide = ("Pole", [3.6, 10.0, 4.6, 190.0]), ("Car", [100.0, 10.0, 300.0, 190.0])
    teacher = studio.teacher(reply(region([100, 12, 300, 188])), boxes="image_px")
    row = studio.run(RegionDescribing, make_fields(thin, wide, size=size), teacher)
    assert [one["box"] for one in row["regions"]] == [1]
    assert row["not_shown"][0]["box"] == 0 and "thinner" in row["not_shown"][0]["reason"]


def test_the_order_of_a_reply_is_kept_and_never_taken_for_the_order_of_the_boxes(studio, make_fields):
    teacher = studio.teacher(reply(region(VAN_2D, "white van"), region(CAR_2D)))
    rows = studio.run(RegionDescribing, make_fields(CAR, VAN), teacher)["regions"]
    assert [(one["description"], one["box"]) for one in rows] == [("white van", 1), ("red car by the gate", 0)]


def test_a_slip_of_the_pen_is_kept_as_it_was_written_with_its_iou(studio, make_fields):
    teacher = studio.teacher(reply(region([101, 99, 301, 300])))
    (one,) = studio.run(RegionDescribing, make_fields(CAR), teacher)["regions"]
    assert one["bbox_2d"] == [101, 99, 301, 300] and one["box"] == 0 and 0.95 < one["box_iou"] < 1


def test_a_box_that_was_copied_wrongly_gives_way_to_the_given_one_and_is_kept_beside_it(studio, make_fields):
    wrong = [CAR_2D[0] + 20, CAR_2D[1], CAR_2D[2] + 20, CAR_2D[3]]
    row = studio.run(RegionDescribing, make_fields(CAR, VAN), studio.teacher(reply(region(wrong), region(VAN_2D))))
    first, second = row["regions"]
    assert (first["bbox_2d"], first["bbox_px"], first["written_bbox_2d"]) == (CAR_2D, CAR[1], wrong)
    assert first["box_iou"] == pytest.approx(180 / 220, abs=1e-3)
    assert "written_bbox_2d" not in second


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param(reply(region(CAR_2D)), "no region for these boxes of the list: 2, [500", id="one_missing"),
        pytest.param(reply(), "no region for these boxes", id="all_missing"),
        pytest.param(
            reply(region(CAR_2D), region(CAR_2D, "again"), region(VAN_2D)),
            "Region 2, [100, 100, 300, 300] (again)",
            id="one_twice",
        ),
        pytest.param(
            reply(region(CAR_2D), region(VAN_2D), region([0, 0, 50, 50], "a cat")),
            "Region 3, [0, 0, 50, 50] (a cat)",
            id="one_invented",
        ),
        pytest.param(reply(region(CAR_2D), region([450, 500, 550, 900])), "lies on no box", id="near_none"),
        pytest.param(reply(region(CAR_2D), region([700, 500, 500, 900])), "Region 2", id="inverted"),
        pytest.param(reply(region(CAR_2D), region([500, 500, 900, 700])), "x and y exchanged", id="axes_swapped"),
        pytest.param(reply(region(CAR_2D), region([500, 500, 500, 900])), "without area", id="without_area"),
        pytest.param(reply(region(CAR_2D), region([1000, 500, 1400, 900])), "outside", id="in_pixels"),
        pytest.param(reply(region(CAR_2D), region([500, 900, 700])), "not four", id="three_numbers"),
        pytest.param(reply(region(CAR_2D), region(VAN_2D, " ")), "description", id="an_empty_description"),
        pytest.param(reply(region(CAR_2D), region(VAN_2D, bbox_2d="none")), "bbox_2d", id="text_for_a_box"),
        pytest.param("null", "not in the form", id="null_is_not_no_regions"),
        pytest.param("[]", "not in the form", id="an_empty_list"),
        pytest.param("I see a car and a van.", "not in the form", id="prose"),
        pytest.param(BOTH[:-20], "no region for these boxes of the list: 2", id="cut_short"),
    ],
)
def test_a_reply_that_cannot_be_used_is_asked_again_with_what_is_wrong(studio, make_fields, wrong, said):
    teacher = studio.teacher(wrong, BOTH)
    row = studio.run(RegionDescribing, make_fields(CAR, VAN), teacher)
    assert len(row["regions"]) == 2 and len(teacher.asked) == 2
    assert said in teacher.complaints


def test_swapped_axes_are_named_to_the_teacher(studio, make_fields):
    low = ("Sign", [1800.0, 100.0, 1900.0, 200.0])
    swapped = [55, 963, 110, 1018]
    teacher = studio.teacher(reply(region(swapped)), boxes="image_px")
    studio.pictures.size = (1084, 550)
    with pytest.raises(Quarantine, match="x and y look swapped"):
        studio.run(RegionDescribing, make_fields(low), teacher)


def test_a_teacher_that_never_mends_it_quarantines_the_image(studio, make_fields):
    with pytest.raises(Quarantine, match=r"no region for these boxes of the list: 2, \[500"):
        studio.run(RegionDescribing, make_fields(CAR, VAN), studio.teacher(reply(region(CAR_2D))))


@pytest.mark.parametrize("style", BOX_STYLES)
def test_boxes_are_told_and_read_in_the_teachers_own_units(studio, make_fields, listed, style):
    studio.pictures.size = (1204, 616)
    fields = make_fields(CAR, VAN)
    teacher = studio.teacher(echo(listed), boxes=style)
    rows = studio.run(RegionDescribing, fields, teacher)["regions"]
    box = (0.1, 0.1, 0.3, 0.3)
    assert f"1. Car: {from_canonical(box, BOX_STYLES[style], (1204, 616))}" in teacher.prompt
    half = (1.0, 0.5) if BOX_STYLES[style].scale else (2000 / 1204 / 2, 1000 / 616 / 2)
    for one, given in zip(rows, (CAR[1], VAN[1]), strict=True):
        assert one["box_iou"] == 1.0
        assert all(
            abs(a - b) <= half[at % 2] + 1e-3 for at, (a, b) in enumerate(zip(one["bbox_px"], given, strict=True))
        )


def test_thin_boxes_are_left_out_of_the_prompt_with_their_lines_and_the_others_go_on(studio, make_fields):
    thin = ("Pole", [500.2, 100.0, 500.8, 800.0])
    row = studio.run(RegionDescribing, make_fields(CAR, thin, VAN), studio.teacher(BOTH))
    assert [one["box"] for one in row["regions"]] == [0, 2]
    (left,) = row["not_shown"]
    assert (left["line"], left["box"]) == (2, 1) and "thinner" in left["reason"]


def test_a_box_that_the_model_could_write_but_our_files_could_not_is_left_out(studio, make_fields):
    studio.pictures.size = (4000, 300)
    fields = make_fields(CAR, ("Pole", [2000.0, 10.0, 2001.0, 200.0]), size=(4000, 300))
    teacher = studio.teacher(reply(region([200, 100, 600, 300])), boxes="image_px")
    row = studio.run(RegionDescribing, fields, teacher)
    assert len(row["regions"]) == 1 and row["not_shown"][0]["box"] == 1


def test_an_image_with_nothing_but_thin_boxes_is_a_row_without_a_call(studio, make_fields):
    teacher = studio.teacher(BOTH)
    row = studio.run(RegionDescribing, make_fields(("Pole", [500.2, 100.0, 500.8, 800.0])), teacher)
    assert row["regions"] == [] and len(row["not_shown"]) == 1 and not teacher.asked


def test_an_image_without_boxes_is_a_row_without_a_call(studio, make_fields):
    teacher = studio.teacher(BOTH)
    row = studio.run(RegionDescribing, make_fields(), teacher)
    assert row["regions"] == [] and not teacher.asked and studio.pictures.shows == 0
    assert row["provenance"]["requests"] == [] and row["provenance"]["pack"] == "referring"


def crowd(count: int):
    """Boxes in a grid of which neighbours overlap a little."""
    for number in range(count):
        x, y = number % 25 * 78.0, number // 25 * 48.0
        yield "Person", [x, y, x + 84, y + 50]


def test_500_boxes_are_asked_about_40_at_a_time_and_all_find_their_own(studio, make_fields, listed):
    teacher = studio.teacher(echo(listed))
    rows = studio.run(RegionDescribing, make_fields(*crowd(500)), teacher)["regions"]
    assert len(teacher.asked) == 13 and [one["box"] for one in rows] == list(range(500))
    assert max(len(listed(request)) for request in teacher.asked) == 40


def test_a_thin_box_that_is_copied_counts_as_copied_though_rounding_moved_it(studio, make_fields, listed):
    fields = make_fields(("Pole", [300.5, 100.0, 301.5, 800.0]), size=(1000, 1000))
    (one,) = studio.run(RegionDescribing, fields, studio.teacher(echo(listed)))["regions"]
    assert one["box_iou"] == 1.0


def test_of_two_labels_with_the_same_box_a_region_means_the_one_of_its_type(studio, make_fields):
    fields = make_fields(("Bicycle", CAR[1]), ("Cyclist", CAR[1]))
    teacher = studio.teacher(
        reply(region(CAR_2D, "a man", type="cyclist"), region(CAR_2D, "a bicycle", type="bicycle"))
    )
    rows = studio.run(RegionDescribing, fields, teacher)["regions"]
    assert [(one["description"], one["box"]) for one in rows] == [("a man", 1), ("a bicycle", 0)]
    teacher = studio.teacher(reply(region(CAR_2D, "one", type="thing"), region(CAR_2D, "two", type="bicycle")))
    rows = studio.run(RegionDescribing, fields | {"sha256": "1"}, teacher)["regions"]
    assert sorted(one["box"] for one in rows) == [0, 1], "each box has one, whatever they are called"


def test_pairs_are_those_with_the_greatest_sum_of_iou():
    space = space_of("")
    chance = random.Random(4)
    boxes = [(x, y, x + 0.1, y + 0.1) for x, y in ((chance.random() * 0.9, chance.random() * 0.9) for _ in range(30))]
    given, _ = given_boxes((("thing", box) for box in boxes), space)
    slipped = [tuple(edge + 0.004 for edge in one.box) for one in given if max(one.box) < 0.99]
    order = list(range(len(slipped)))
    chance.shuffle(order)
    rest = [one for one in given if max(one.box) < 0.99]
    assert [rest.index(given[one.given]) for one in pair([slipped[at] for at in order], given)] == order


def test_a_name_with_a_line_break_stays_on_its_line():
    given, _ = given_boxes([("a\n2. Van: [1, 2, 3, 4]", (0.1, 0.1, 0.2, 0.2))], space_of(""))
    assert given[0].line == "1. a 2. Van: [1, 2, 3, 4]: [100, 100, 200, 200]"


def test_everything_that_decides_a_reply_is_in_the_inputs(studio, make_fields):
    fields = make_fields(CAR)

    def inputs(teacher=None, most=40, pack="referring", **changes):
        return studio.step(RegionDescribing, teacher or studio.teacher("", boxes="qwen_1000"), most, pack).inputs(
            fields | changes
        )

    base = inputs()
    other = make_fields(("Car", [200.0, 100.0, 600.0, 301.0]))["boxes"]
    assert inputs() == base
    assert inputs(boxes=other) != base and inputs(sha256="1") != base and inputs(most=39) != base
    assert inputs(pack="referring_traffic") != base
    assert inputs(studio.teacher("", boxes="image_px")) != base
    assert inputs(studio.teacher("", boxes="qwen_1000", json_schema=False)) != base
