"""Grounding is scored by identities: what is right is 1, and inventing, missing, doubling and swapping each cost."""

import itertools
import json
import random

import pytest

from demitasse.errors import DataError
from demitasse.geometry import iou
from evaluate.comparing.boxes import FIGURES, compare_boxes, count_boxes
from evaluate.metric import GROUNDING, metric_of
from evaluate.records import Asked, Fault, Prediction, State
from evaluate.score import gold_faults, score_item
from evaluate.score.grounding import ground

UNITS = {"style": "qwen_1000", "size": [1000, 1000], "image_size": [640, 480]}
CAR, VAN, FAR = [100, 200, 300, 400], [500, 100, 700, 300], [800, 800, 900, 900]


def item(gold, units=UNITS, image="a.png"):
    """An item whose reference is these boxes."""
    return Asked(f"{image}{gold}", "grounding", image, "Where?", written(gold), {"boxes": units} if units else {})


def written(boxes):
    return json.dumps([{"bbox_2d": box, "label": "car"} for box in boxes])


def scored(gold, reply, units=UNITS, finish="stop", image="a.png"):
    asked = item(gold, units, image)
    text = reply if isinstance(reply, str) else written(reply)
    return score_item(asked, Prediction(asked, text, finish), None)


def random_boxes(chance, count, least=0.05):
    boxes = []
    for _ in range(count):
        x, y = chance.uniform(0, 0.7), chance.uniform(0, 0.7)
        boxes.append((x, y, x + chance.uniform(least, 0.3), y + chance.uniform(least, 0.3)))
    return boxes


WORTH = [
    pytest.param([CAR], [CAR], 1, (1, 0, 0), id="the_same_box"),
    pytest.param([CAR, VAN], [CAR, VAN], 1, (2, 0, 0), id="the_same_boxes"),
    pytest.param([CAR, VAN], [VAN, CAR], 1, (2, 0, 0), id="in_another_order"),
    pytest.param([CAR, VAN], [CAR], 0.5, (1, 0, 1), id="one_is_missed"),
    pytest.param([CAR], [CAR, VAN], 0.5, (1, 1, 0), id="one_is_invented"),
    pytest.param([CAR], [CAR, CAR], 0.5, (1, 1, 0), id="one_is_given_twice"),
    pytest.param([CAR], [VAN], 0, (0, 1, 1), id="another_place"),
    pytest.param([], [], 1, (0, 0, 0), id="nothing_where_nothing_is"),
    pytest.param([], [CAR], 0, (0, 1, 0), id="something_where_nothing_is"),
    pytest.param([CAR], [], 0, (0, 0, 1), id="nothing_where_something_is"),
    pytest.param([CAR], [[100, 200, 300, 300]], 0.5, (1, 0, 0), id="half_of_it_is_found_at_one_half"),
    pytest.param([CAR], [[100, 200, 300, 299]], 0.495, (0, 1, 1), id="less_than_half_is_not_found"),
]


@pytest.mark.parametrize(("gold", "reply", "score", "counts"), WORTH)
def test_a_reply_is_worth(gold, reply, score, counts):
    row = scored(gold, reply)
    assert row.score == pytest.approx(score)
    assert tuple(row.detail[name] for name in ("found", "invented", "missed")) == counts
    assert row.state is State.SCORED


def test_what_was_matched_overlaps_by_its_mean():
    row = scored([CAR, VAN, FAR], [CAR, [500, 100, 700, 200]])
    assert row.detail["matched_iou"] == pytest.approx(0.75), "the whole car and half the van"
    assert scored([CAR], []).detail["matched_iou"] is None


BAD_BOXES = [
    pytest.param([300, 200, 100, 400], id="inverted"),
    pytest.param([100, 200, 100, 400], id="without_area"),
    pytest.param([100, 200, 300, 1001], id="out_of_the_image"),
    pytest.param([-1, 200, 300, 400], id="left_of_the_image"),
    pytest.param([100, 200, 300], id="three_numbers"),
]


@pytest.mark.parametrize("bad", BAD_BOXES)
def test_a_malformed_box_is_a_false_box_and_neither_mended_nor_forgotten(bad):
    row = scored([CAR, VAN], [CAR, bad])
    assert row.score == 0.5
    assert {name: row.detail[name] for name in ("predicted", "found", "invented", "missed", "malformed")} == {
        "predicted": 2, "found": 1, "invented": 1, "missed": 1, "malformed": 1,
    }  # fmt: skip
    assert row.detail["precision"] == row.detail["recall"] == 0.5


def test_a_box_that_is_nearly_right_but_for_its_order_scores_nothing():
    assert scored([CAR], [[300, 400, 100, 200]]).score == 0
    assert scored([CAR], [[300, 400, 100, 200]]).detail["malformed"] == 1


STATES = [
    pytest.param(written([CAR]), "stop", 1, None, id="the_answer"),
    pytest.param(
        f"<think>[[1, 2, 3, 4]]</think>\n```json\n{written([CAR])}\n```", "stop", 1, None, id="after_thoughts"
    ),
    pytest.param("(100,200),(300,400)", "stop", 1, None, id="the_older_families_form"),
    pytest.param("left of the lamp", "stop", 0, Fault.UNPARSABLE, id="prose"),
    pytest.param("", "stop", 0, Fault.EMPTY, id="empty"),
    pytest.param("I cannot see the image.", "stop", 0, Fault.REFUSAL, id="a_refusal"),
    pytest.param("<think>It is at [[100,200,300,400]]", "length", 0, Fault.TRUNCATED, id="cut_in_thought"),
    pytest.param(written([CAR, VAN])[:-20], "length", 0, Fault.TRUNCATED, id="a_list_cut_off"),
    pytest.param("(100,200),(300,400)(5", "length", 0, Fault.TRUNCATED, id="points_of_which_more_might_have_come"),
    pytest.param(written([CAR]) + " as the", "length", 1, None, id="a_closed_list_that_opens_a_cut_reply"),
    pytest.param("", "error", 0, Fault.ERROR, id="could_not_be_asked"),
]


@pytest.mark.parametrize(("reply", "finish", "score", "fault"), STATES)
def test_a_reply_is_scored_or_its_fault_is_named(reply, finish, score, fault):
    row = scored([CAR], reply, finish=finish)
    assert (row.score, row.fault) == (score, fault)
    assert row.state is (State.MODEL_FAULT if fault else State.SCORED)
    assert row.detail["missed"] == (1 if fault else 0), "what could not be read has found nothing"


def test_no_prediction_is_a_fault_even_where_there_is_nothing_to_find():
    row = score_item(item([]), None, None)
    assert (row.score, row.fault, row.state) == (0, Fault.MISSING, State.MODEL_FAULT)


def test_the_task_has_an_exact_metric_and_never_the_judge():
    assert metric_of("grounding") is GROUNDING
    assert GROUNDING.key == "grounding_iou"


STYLES = [
    pytest.param("qwen_1000", [1000, 1000], [250, 100, 500, 300], id="thousandths"),
    pytest.param("qwen2_5_vl_px", [644, 476], [161, 47.6, 322, 142.8], id="pixels_of_the_resized_image"),
    pytest.param("gemini_yxyx_1000", [1000, 1000], [100, 250, 300, 500], id="y_first_only_where_declared"),
]


@pytest.mark.parametrize(("style", "size", "box"), STYLES)
@pytest.mark.parametrize("key", ["bbox_2d", "box_2d"])
def test_the_declared_style_and_nothing_else_says_what_the_numbers_mean(style, size, box, key):
    row = scored([box], json.dumps([{key: box}]), {"style": style, "size": size, "image_size": [640, 480]})
    assert row.score == 1
    assert row.gold[0] == pytest.approx((0.25, 0.1, 0.5, 0.3))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda x1, y1, x2, y2: [y1, x1, y2, x2], id="x_and_y_swapped"),
        pytest.param(lambda *box: [side / 1000 for side in box], id="fractions_for_thousandths"),
        pytest.param(lambda x1, y1, x2, y2: [x1, y1, x2 - x1, y2 - y1], id="corner_and_size_for_corners"),
        pytest.param(lambda x1, y1, x2, y2: [x1 * 0.64, y1 * 0.48, x2 * 0.64, y2 * 0.48], id="pixels_for_thousandths"),
    ],
)
def test_another_order_or_scale_than_declared_gives_next_to_nothing(wrong):
    chance = random.Random(7)
    scores = []
    for _ in range(50):
        x, y = chance.randrange(500, 700), chance.randrange(100, 300)  # off the diagonal, where a swap would be none
        box = [x, y, x + chance.randrange(60, 200), y + chance.randrange(60, 200)]
        scores.append(scored([box], [wrong(*box)]).score)
    assert sum(scores) / len(scores) < 0.1


def test_order_never_matters_and_the_two_sides_may_be_exchanged():
    chance = random.Random(3)
    for _ in range(100):
        predicted, gold = random_boxes(chance, chance.randrange(5)), random_boxes(chance, chance.randrange(1, 5))
        first = ground(tuple(predicted), gold)
        chance.shuffle(predicted)
        chance.shuffle(gold)
        again, exchanged = ground(tuple(predicted), gold), ground(tuple(gold), predicted)
        assert again.score == first.score == pytest.approx(exchanged.score)
        assert again.overlaps == first.overlaps == pytest.approx(exchanged.overlaps)


def brute_force(predicted, gold):
    """The greatest sum of IoU over all ways to pair boxes one to one."""
    few, many = sorted((predicted, gold), key=len)
    ways = itertools.permutations(range(len(many)), len(few))
    return max(sum(iou(few[place], many[taken]) for place, taken in enumerate(way)) for way in ways)


def test_matching_agrees_with_every_way_of_pairing_tried_out():
    chance = random.Random(5)
    for _ in range(150):
        predicted, gold = (random_boxes(chance, chance.randrange(6), least=0.2) for _ in range(2))
        most = max(len(predicted), len(gold))
        expected = brute_force(predicted, gold) / most if most else 1.0
        assert ground(tuple(predicted), gold).score == pytest.approx(expected)


def test_boxes_that_are_added_at_random_lower_precision_and_score_and_leave_recall():
    chance = random.Random(11)
    gold = random_boxes(chance, 3)
    rows = [ground((*gold, *random_boxes(chance, more)), gold).to_json() for more in range(6)]
    scores = [ground((*gold, *random_boxes(random.Random(more), more)), gold).score for more in range(6)]
    precisions = [row["precision"] for row in rows]
    assert precisions == sorted(precisions, reverse=True) and len(set(precisions)) == 6
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 6
    assert {row["recall"] for row in rows} == {1.0}


def test_boxes_that_are_left_out_lower_recall_and_score_and_leave_precision():
    gold = random_boxes(random.Random(13), 5)
    rows = [ground(tuple(gold[:kept]), gold) for kept in range(5, 0, -1)]
    assert [row.to_json()["recall"] for row in rows] == pytest.approx([1, 0.8, 0.6, 0.4, 0.2])
    assert [row.score for row in rows] == pytest.approx([1, 0.8, 0.6, 0.4, 0.2])
    assert [row.to_json()["f1"] for row in rows] == pytest.approx([1, 8 / 9, 6 / 8, 4 / 7, 2 / 6])
    assert {row.to_json()["precision"] for row in rows} == {1.0}


GOLD_FAULTS = [
    pytest.param(item([CAR], None), "boxes is null", id="no_declared_units"),
    pytest.param(item([CAR], {**UNITS, "style": "qwen_100"}), "did you mean qwen_1000", id="an_unknown_style"),
    pytest.param(item([[300, 200, 100, 400]]), "inverted", id="an_inverted_box"),
    pytest.param(item([[100, 200, 300, 1200]]), "outside", id="a_box_outside_the_image"),
    pytest.param(Asked("i", "grounding", "a.png", "Where?", "there", {"boxes": UNITS}), "no list of boxes", id="prose"),
]


@pytest.mark.parametrize(("asked", "message"), GOLD_FAULTS)
def test_a_reference_at_fault_is_an_error_that_names_the_item(asked, message):
    with pytest.raises(DataError, match=message):
        score_item(asked, None, None)
    [told] = gold_faults([item([CAR]), asked]).values()
    assert told.startswith(f"item {asked.item_id} (a.png, grounding)") and message in told


def test_a_reference_without_boxes_is_no_fault():
    assert gold_faults([item([])]) == {}


def refcoco_accuracy(pairs, width, height):
    """The official measure written from its definition, in pixels, corner and size: [(predicted, gold)]."""
    hits = 0
    for (px, py, pw, ph), (gx, gy, gw, gh) in pairs:
        wide = min(px + pw, gx + gw) - max(px, gx)
        high = min(py + ph, gy + gh) - max(py, gy)
        shared = wide * high if wide > 0 and high > 0 else 0
        hits += shared / (pw * ph + gw * gh - shared) >= 0.5
    return hits / len(pairs)


def test_refcoco_accuracy_agrees_with_its_definition_in_pixels():
    chance, rows, pairs = random.Random(17), [], []
    for place in range(200):
        x, y, w, h = (chance.randrange(low, high) for low, high in ((0, 400), (0, 300), (50, 200), (50, 150)))
        near = [max(0, side + chance.randrange(-30, 31)) for side in (x, y)]
        near += [side + chance.randrange(-30, 31) for side in (w, h)]
        pairs.append((near, (x, y, w, h)))
        boxes = [[side / scale * 1000 for side, scale in zip((a, b, a + c, b + d), (640, 480) * 2, strict=True)]
                 for a, b, c, d in (near, (x, y, w, h))]  # fmt: skip
        rows.append(scored([boxes[1]], [boxes[0], FAR], image=f"{place}.png"))
    accuracy = count_boxes(rows)["acc_50"]
    assert 0.2 < accuracy["value"] < 0.9
    assert accuracy["value"] == pytest.approx(refcoco_accuracy(pairs, 640, 480))
    assert accuracy["n"] == 200


def test_refcocos_accuracy_takes_the_first_box_and_only_items_of_one_box():
    rows = [scored([CAR], [CAR, VAN]), scored([CAR], [VAN, CAR]), scored([CAR, VAN], [CAR, VAN]), scored([], [])]
    assert count_boxes(rows)["acc_50"]["value"] == 0.5
    assert count_boxes(rows)["acc_50"]["n"] == 2
    assert scored([CAR], [[3, 3, 1, 1], CAR]).detail["first_iou"] == 0, "a malformed first box is a miss"


def test_a_runs_figures_are_ratios_of_sums_and_not_means_of_ratios():
    rows = [scored([CAR], [CAR]), scored([CAR, VAN], [CAR, FAR, [20, 10, 10, 20]], image="b.png")]
    counts = count_boxes(rows)
    assert counts["precision"]["value"] == pytest.approx(2 / 4)
    assert counts["recall"]["value"] == pytest.approx(2 / 3)
    assert counts["f1"]["value"] == pytest.approx(2 * 2 / 7)
    assert counts["matched_iou"]["value"] == pytest.approx(1)
    assert {name: counts[name] for name in ("predicted", "gold", "found", "invented", "missed", "malformed")} == {
        "predicted": 4, "gold": 3, "found": 2, "invented": 2, "missed": 1, "malformed": 1,
    }  # fmt: skip


def test_f1_over_thresholds_counts_a_pair_at_as_many_as_it_reaches():
    row = scored([CAR], [[100, 200, 300, 344]])  # IoU 0.72: five of the ten thresholds
    assert count_boxes([row])["f1_50_95"]["value"] == pytest.approx(0.5)
    assert count_boxes([row])["f1"]["value"] == 1


def test_what_could_not_be_read_costs_recall_and_not_precision():
    counts = count_boxes([scored([CAR], [CAR]), scored([VAN], "somewhere", image="b.png")])
    assert counts["precision"]["value"] == 1
    assert counts["recall"]["value"] == 0.5


def test_without_any_box_there_is_no_precision_rather_than_one_of_nothing():
    counts = count_boxes([scored([CAR], []), scored([CAR], [], image="b.png")])
    assert counts["precision"] == {"value": None, "ci95": None, "n": 0}
    assert counts["recall"]["value"] == 0
    assert count_boxes([scored([], [])])["recall_at"] is None


def test_recall_falls_as_more_overlap_is_asked_for():
    chance = random.Random(19)
    rows = [
        scored([CAR], [[side + chance.randrange(-40, 41) for side in CAR]], image=f"{place}.png") for place in range(40)
    ]
    curve = count_boxes(rows)["recall_at"]
    assert curve == sorted(curve, reverse=True)
    assert curve[9] == count_boxes(rows)["recall"]["value"], "at 0.5 the curve is the recall"


def test_an_arm_against_itself_changes_nothing_and_inventing_shows_in_precision_alone():
    rows = [scored([CAR, VAN], [CAR, VAN], image=f"{place}.png") for place in range(8)]
    worse = [scored([CAR, VAN], [CAR, VAN, FAR][: 3 - place % 2], image=f"{place}.png") for place in range(8)]
    same = compare_boxes(worse, worse)
    assert all(same[name]["delta"] == 0 and same[name]["p"] == 1 for name in FIGURES if same[name]["delta"] is not None)
    change = compare_boxes(rows, worse)
    assert change["precision"]["delta"] == pytest.approx(16 / 20 - 1)
    assert change["precision"]["delta_ci95"][1] < 0
    assert change["recall"]["delta"] == 0
