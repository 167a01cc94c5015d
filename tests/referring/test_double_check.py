"""Step 3: what is kept, moved and removed, and that nothing else happens to an expression."""

import json
import re

import pytest

from annotate.referring.double_check import DoubleChecking
from annotate.referring.space import stored
from demitasse.chat.kinds import BOX_STYLES
from demitasse.engine.step import Quarantine

RED, BLUE, LEFT, RIGHT = [100, 100, 300, 300], [400, 100, 500, 300], [10, 600, 60, 900], [800, 600, 900, 900]
FRAME = {"width": 2000, "height": 1000}


def expressions_of(**phrases):
    """Expressions as step 2 leaves them."""
    return [
        {
            "text": text,
            "expression_id": f"a.png/expr_{number:02d}",
            "instances": [
                {
                    **stored(tuple(edge / 1000 for edge in box), FRAME),
                    "bbox_id": f"a.png/expr_{number:02d}/box_{place:02d}",
                    "region": None,
                    "region_iou": None,
                }
                for place, box in enumerate(boxes)
            ],
        }
        for number, (text, boxes) in enumerate(phrases.items())
    ]


PHRASES = {"the red car": [RED], "cars": [RED, BLUE], "people: at the kerb": [LEFT, RIGHT, BLUE]}


@pytest.fixture
def fields(make_fields):
    return make_fields(expressions=expressions_of(**PHRASES))


def verdicts(*said) -> str:
    """One text for each expression: k, r or m and the box, for each of its boxes."""
    names = {"k": "keep", "r": "remove", "m": "move"}
    return json.dumps(
        {
            "expressions": [
                {
                    "number": number,
                    "phrase": phrase,
                    "boxes": [
                        {"box": place, "verdict": names[one[0]], "bbox_2d": list(one[1:])}
                        for place, one in enumerate(boxes, 1)
                    ],
                }
                for (number, phrase), boxes in zip(enumerate(PHRASES, 1), said, strict=False)
            ]
        }
    )


K, R = ("k",), ("r",)
ALL_KEPT = verdicts([K], [K, K], [K, K, K])
AS_SHOWN = "\n".join(f"{phrase}: {boxes}" for phrase, boxes in PHRASES.items())


def ids(expression) -> list[str]:
    return [one["bbox_id"][-6:] for one in expression["instances"]]


def boxes(expression) -> list[list[int]]:
    return [one["bbox_2d"] for one in expression["instances"]]


@pytest.mark.parametrize(
    ("said", "structured"), [pytest.param(ALL_KEPT, True, id="json"), pytest.param(AS_SHOWN, False, id="text")]
)
def test_what_is_kept_is_verified_and_otherwise_as_it_was(studio, fields, said, structured):
    row = studio.run(DoubleChecking, fields, studio.teacher(said, json_schema=structured))
    assert list(row) == ["image", "image_id", "expressions", "removed", "provenance"] and row["removed"] == []
    for before, after in zip(fields["expressions"], row["expressions"], strict=True):
        count = len(before["instances"])
        assert after == before | {"verified": True, "check": {"kept": count, "moved": [], "removed": []}}


MOVED = [420, 120, 520, 320]
ONE_OF_EACH = (
    verdicts([R], [K, ("m", *MOVED)], [R, K, K]),
    f"cars: [{RED}, {MOVED}]\npeople: at the kerb: [{RIGHT}, {BLUE}]",
)


@pytest.mark.parametrize("structured", [True, False], ids=["json", "text"])
def test_a_removed_first_box_does_not_hand_its_id_to_the_next_one(studio, fields, structured):
    """Trap E27: TAO matches by position, so that box 1 that is tightened becomes box 0."""
    row = studio.run(DoubleChecking, fields, studio.teacher(ONE_OF_EACH[not structured], json_schema=structured))
    cars, people = row["expressions"]
    assert ids(people) == ["box_01", "box_02"] and boxes(people) == [RIGHT, BLUE]
    assert people["check"] == {
        "kept": 2,
        "moved": [],
        "removed": [{"bbox_id": "a.png/expr_02/box_00", "bbox_2d": LEFT}],
    }
    assert ids(cars) == ["box_00", "box_01"] and boxes(cars) == [RED, MOVED]
    assert cars["instances"][1]["bbox_px"] == [840.0, 120.0, 1040.0, 320.0]
    overlap = 80 * 180 / (2 * 100 * 200 - 80 * 180)
    assert cars["check"] == {
        "kept": 1,
        "moved": [{"bbox_id": "a.png/expr_01/box_01", "iou": round(overlap, 4), "was": BLUE}],
        "removed": [],
    }


@pytest.mark.parametrize("structured", [True, False], ids=["json", "text"])
def test_an_expression_without_a_box_left_moves_to_removed_with_what_it_had(studio, fields, structured):
    row = studio.run(DoubleChecking, fields, studio.teacher(ONE_OF_EACH[not structured], json_schema=structured))
    (gone,) = row["removed"]
    removed = [{"bbox_id": "a.png/expr_00/box_00", "bbox_2d": RED}]
    assert gone == fields["expressions"][0] | {"check": {"kept": 0, "moved": [], "removed": removed}}
    assert [one["expression_id"][-7:] for one in row["expressions"]] == ["expr_01", "expr_02"], "no id changes"


def test_an_empty_list_removes_an_expression_in_text_too(studio, fields):
    said = AS_SHOWN.replace(f"the red car: {[RED]}", "the red car: []")
    row = studio.run(DoubleChecking, fields, studio.teacher(said, json_schema=False))
    assert [one["text"] for one in row["removed"]] == ["the red car"] and len(row["expressions"]) == 2


def test_verdicts_belong_to_numbers_whatever_their_order(studio, fields):
    told = json.loads(verdicts([K], [K, ("m", *MOVED)], [R, K, K]))
    told["expressions"].reverse()
    for one in told["expressions"]:
        one["boxes"].reverse()
    row = studio.run(DoubleChecking, fields, studio.teacher(json.dumps(told)))
    assert [ids(one) for one in row["expressions"]] == [["box_00"], ["box_00", "box_01"], ["box_01", "box_02"]]
    assert boxes(row["expressions"][1]) == [RED, MOVED]


def test_text_lines_in_any_order_find_their_boxes_by_overlap(studio, fields):
    nudged = [402, 100, 502, 300]
    said = f"People: at the kerb.: [{BLUE}, {LEFT}, {RIGHT}]\ncars: [{nudged}, {RED}]\n- the red car: {RED}"
    cars = studio.run(DoubleChecking, fields, studio.teacher(said, json_schema=False))["expressions"][1]
    assert boxes(cars) == [RED, nudged] and cars["check"]["kept"] == 1


def test_the_only_box_that_is_left_is_meant_by_the_only_one_that_overlaps_nothing(studio, fields):
    said = AS_SHOWN.replace(f"{[RED]}", f"{[[700, 100, 900, 300]]}", 1)
    one = studio.run(DoubleChecking, fields, studio.teacher(said, json_schema=False))["expressions"][0]
    assert boxes(one) == [[700, 100, 900, 300]] and one["check"]["moved"][0]["iou"] == 0


def changed(place: int, **changes) -> str:
    told = json.loads(ALL_KEPT)
    told["expressions"][place] |= changes
    return json.dumps(told)


def judged(**changes) -> str:
    return changed(0, boxes=[{"box": 1, "verdict": "keep", "bbox_2d": []} | changes])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param("All boxes look right to me.", "not in the form", id="chatty"),
        pytest.param("", "not in the form", id="empty"),
        pytest.param("null", "not in the form", id="null"),
        pytest.param("[]", "not in the form", id="an_empty_list"),
        pytest.param(ALL_KEPT[:-30], "not in the form", id="json_cut_short"),
        pytest.param(f"Sure!\n{AS_SHOWN}", "not in the form", id="lines_with_chatter"),
        pytest.param(AS_SHOWN[:-20], "not in the form", id="lines_cut_short"),
        pytest.param("cars: kept", "not in the form", id="words_for_boxes"),
        pytest.param('{"expressions": []}', "no verdicts on expression 1", id="no_verdicts"),
        pytest.param(verdicts([K], [K, K]), "no verdicts on expression 3", id="an_expression_missing"),
        pytest.param(verdicts([K], [K], [K, K, K]), "Expression 2 has no verdict on box 2", id="a_box_missing"),
        pytest.param(verdicts([K, K], [K, K], [K, K, K]), "Expression 1 has no box 2", id="a_box_added"),
        pytest.param(judged(box=0), "Expression 1 has no box 0", id="a_box_before_the_first"),
        pytest.param(changed(0, number=9), "Expression 9", id="a_number_that_is_not_there"),
        pytest.param(changed(1, number=1), "stands there twice", id="a_number_twice"),
        pytest.param(changed(0, phrase="the car"), "'the car' is none of the list", id="another_phrase"),
        pytest.param(judged(verdict="maybe"), "verdict", id="no_verdict_that_there_is"),
        pytest.param(judged(bbox_2d=MOVED), "kept, but with other numbers", id="kept_with_other_numbers"),
        pytest.param(judged(verdict="move"), "not four", id="moved_nowhere"),
        pytest.param(judged(verdict="move", bbox_2d=[300, 100, 100, 300]), "inverted", id="moved_inverted"),
        pytest.param(judged(verdict="move", bbox_2d=[900, 100, 1100, 300]), "outside", id="moved_outside"),
        pytest.param(verdicts([K], [K, ("m", *RED)], [K, K, K]), "same box twice", id="moved_onto_another"),
        pytest.param(f"{AS_SHOWN}\na dog: {[RED]}", "'a dog' is none", id="a_phrase_added_in_text"),
        pytest.param(f"{AS_SHOWN}\ncars: {[RED]}", "stands there twice", id="a_phrase_twice_in_text"),
        pytest.param(AS_SHOWN.replace(f"{[RED]}", f"{[RED, RIGHT]}", 1), "none of its boxes", id="a_box_added_in_text"),
        pytest.param(
            AS_SHOWN.replace(f"{[LEFT, RIGHT, BLUE]}", f"{[[700, 0, 720, 20], [740, 0, 760, 20], BLUE]}"),
            "none of its boxes",
            id="two_boxes_in_text_that_might_be_either_of_two",
        ),
        pytest.param(AS_SHOWN.replace("100", "1000", 1), "without area|outside|inverted", id="no_box_in_text"),
    ],
)
def test_a_reply_that_cannot_be_used_deletes_nothing_and_is_asked_again(studio, fields, wrong, said):
    """Trap E27: TAO deletes every expression on a chatty answer, and takes new boxes."""
    teacher = studio.teacher(wrong, ALL_KEPT)
    row = studio.run(DoubleChecking, fields, teacher)
    assert len(teacher.asked) == 2 and re.search(said, teacher.complaints)
    assert [one["text"] for one in row["expressions"]] == list(PHRASES) and row["removed"] == []


@pytest.mark.parametrize("structured", [True, False], ids=["json", "text"])
def test_a_checker_that_only_chats_quarantines_the_image(studio, fields, structured):
    with pytest.raises(Quarantine, match="double_check: no usable reply"):
        studio.run(DoubleChecking, fields, studio.teacher("They all look fine!", json_schema=structured))


def test_a_move_to_the_same_numbers_is_a_keep(studio, fields):
    row = studio.run(DoubleChecking, fields, studio.teacher(verdicts([("m", *RED)], [K, ("k", *BLUE)], [K, K, K])))
    assert [one["check"]["kept"] for one in row["expressions"]] == [1, 2, 3]


def test_a_checker_with_a_schema_is_shown_numbered_boxes_and_one_without_taos_lines(studio, fields):
    with_schema, without = studio.teacher(ALL_KEPT), studio.teacher(AS_SHOWN, json_schema=False)
    studio.run(DoubleChecking, fields, with_schema)
    studio.run(DoubleChecking, fields, without)
    assert "2. cars\n   box 1: [100, 100, 300, 300]\n   box 2: [400, 100, 500, 300]" in with_schema.prompt
    assert AS_SHOWN in without.prompt and "   box 1" not in without.prompt


def keep_all(listed):
    """A checker that keeps every box that it is shown."""

    def say(request) -> str:
        told = re.findall(r"^(\d+)\. (.*)\n((?:   box \d+: .*\n?)+)", request.text, re.MULTILINE)
        return json.dumps(
            {
                "expressions": [
                    {
                        "number": int(number),
                        "phrase": phrase,
                        "boxes": [
                            {"box": int(box), "verdict": "keep", "bbox_2d": json.loads(at)}
                            for box, at in re.findall(r"box (\d+): (.*)", shown)
                        ],
                    }
                    for number, phrase, shown in told
                ]
            }
        )

    return say


@pytest.mark.parametrize("style", BOX_STYLES)
def test_a_checker_with_units_of_its_own_leaves_what_it_keeps_as_the_teacher_wrote_it(studio, fields, listed, style):
    studio.pictures.size = (1204, 616)
    row = studio.run(DoubleChecking, fields, studio.teacher(keep_all(listed), boxes=style))
    assert [one["instances"] for one in row["expressions"]] == [one["instances"] for one in fields["expressions"]]


def test_a_move_is_read_in_the_checkers_units(studio, fields):
    said = verdicts([("m", 100, 200, 300, 400)], [K, K], [K, K, K])
    one = studio.run(DoubleChecking, fields, studio.teacher(said, boxes="gemini_yxyx_1000"))["expressions"][0]
    assert boxes(one) == [[200, 100, 400, 300]]


def test_a_moved_box_still_means_its_region_with_the_iou_that_it_has_now(studio, make_fields):
    expressions = expressions_of(**{"the red car": [RED]})
    expressions[0]["instances"][0] |= {"region": 0, "region_iou": 1.0}
    fields = make_fields(expressions=expressions, regions=[{"bbox_2d": RED}])
    row = studio.run(DoubleChecking, fields, studio.teacher(verdicts([("m", 100, 100, 300, 200)])))
    (instance,) = row["expressions"][0]["instances"]
    assert (instance["region"], instance["region_iou"]) == (0, 0.5)


@pytest.mark.parametrize(
    ("to", "region", "overlap"),
    [
        pytest.param(BLUE, 1, 1.0, id="onto_another"),
        pytest.param([400, 100, 500, 280], 1, 0.9, id="near_another"),
        pytest.param(LEFT, None, 0.0, id="onto_none"),
    ],
)
def test_a_box_that_is_moved_means_the_region_where_it_is_now(studio, make_fields, to, region, overlap):
    """The item's reasoning says of each region whether it fits: of the one that was left it must not say so."""
    expressions = expressions_of(**{"the red car": [RED]})
    expressions[0]["instances"][0] |= {"region": 0, "region_iou": 1.0}
    fields = make_fields(expressions=expressions, regions=[{"bbox_2d": RED}, {"bbox_2d": BLUE}])
    row = studio.run(DoubleChecking, fields, studio.teacher(verdicts([("m", *to)])))
    (instance,) = row["expressions"][0]["instances"]
    assert (instance["region"], instance["region_iou"]) == (region, pytest.approx(overlap))


@pytest.mark.parametrize("structured", [True, False], ids=["json", "text"])
def test_a_move_to_its_own_numbers_with_the_axes_swapped_is_asked_again(studio, make_fields, structured):
    fields = make_fields(expressions=expressions_of(**{"the red car": [[100, 120, 300, 330]]}))
    swapped = [120, 100, 330, 300]
    wrong = verdicts([("m", *swapped)]) if structured else f"the red car: {[swapped]}"
    good = verdicts([K]) if structured else "the red car: [[100, 120, 300, 330]]"
    teacher = studio.teacher(wrong, good, json_schema=structured)
    (one,) = studio.run(DoubleChecking, fields, teacher)["expressions"]
    assert one["check"]["kept"] == 1 and "x and y exchanged" in teacher.complaints


def test_a_number_that_no_float_can_hold_is_asked_again_in_text_too(studio, fields):
    teacher = studio.teacher(AS_SHOWN.replace("300]", f"1{'0' * 400}]"), AS_SHOWN, json_schema=False)
    assert len(studio.run(DoubleChecking, fields, teacher)["expressions"]) == 3
    assert "not four finite numbers" in teacher.complaints


def test_500_boxes_are_checked_in_parts_that_leave_expressions_whole(studio, make_fields, listed):
    grid = [[x, y, x + 30, y + 40] for y in range(0, 960, 48) for x in range(0, 975, 39)]
    phrases = {f"person {number}": [box] for number, box in enumerate(grid)} | {"everybody": grid}
    teacher = studio.teacher(keep_all(listed))
    row = studio.run(DoubleChecking, make_fields(expressions=expressions_of(**phrases)), teacher)
    assert len(row["expressions"]) == 501 and row["removed"] == []
    assert [request.text.count("   box ") for request in teacher.asked] == [*[40] * 12, 20, 500]


def test_two_expressions_with_one_phrase_never_share_a_request(studio, make_fields):
    twins = expressions_of(**{"a car": [RED], "A car.": [BLUE]})
    teacher = studio.teacher(f"a car: {[RED]}", f"A car: {[BLUE]}", json_schema=False)
    row = studio.run(DoubleChecking, make_fields(expressions=twins), teacher)
    assert len(teacher.asked) == 2 and [boxes(one) for one in row["expressions"]] == [[RED], [BLUE]]


def test_an_expression_that_cannot_be_shown_stays_and_is_not_verified(studio, make_fields):
    expressions = expressions_of(**{"the red car": [RED], "a pole": [BLUE]})
    expressions[1]["instances"][0]["bbox_px"] = [500.2, 100.0, 500.8, 800.0]
    row = studio.run(DoubleChecking, make_fields(expressions=expressions), studio.teacher(verdicts([K])))
    assert [one["verified"] for one in row["expressions"]] == [True, False]
    assert "thinner" in row["expressions"][1]["check"]["unchecked"] and row["removed"] == []


def test_an_image_without_expressions_is_a_row_without_a_call(studio, make_fields):
    teacher = studio.teacher(ALL_KEPT)
    row = studio.run(DoubleChecking, make_fields(expressions=[]), teacher)
    assert (row["expressions"], row["removed"]) == ([], []) and not teacher.asked


def test_everything_that_decides_a_reply_is_in_the_inputs(studio, fields):
    def inputs(teacher=None, most=40, pack="referring", **changes):
        return studio.step(DoubleChecking, teacher or studio.teacher(""), most, pack).inputs(fields | changes)

    base = inputs()
    assert inputs() == base
    changed = [{"sha256": "1"}, {"expressions": fields["expressions"][:1]}, {"most": 2}, {"pack": "referring_traffic"}]
    assert all(inputs(**one) != base for one in changed)
    assert inputs(studio.teacher("", boxes="image_px")) != base
    assert inputs(studio.teacher("", json_schema=False)) != base
