"""The arithmetic of the page that draws boxes: where they are, what is under the pointer, what a drag makes of them."""

import json
import shutil
import subprocess

import pytest

from demitasse.view.server import FOLDER

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no Node on this machine")

CALL = """
const fs = require("fs");
const script = process.argv.slice(1).map((path) => fs.readFileSync(path, "utf8")).join("\\n");
const [code, given] = JSON.parse(fs.readFileSync(0, "utf8"));
console.log(JSON.stringify(new Function("given", script + "; return " + code)(given)));
"""
PURE = ("space.js", "grip.js", "boxes.js", "kin.js")  # they touch nothing of the page


def call(code, given=None):
    paths = [str(FOLDER / name) for name in PURE]
    told = json.dumps([code, given])
    done = subprocess.run([NODE, "-e", CALL, *paths], input=told, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("fitted([200, 100], [400, 400])", {"scale": 2, "x": 0, "y": 100}, id="a_picture_is_fitted_whole"),
        pytest.param("fitted([4000, 300], [400, 400])", {"scale": 0.1, "x": 0, "y": 185}, id="even_a_very_wide_one"),
        pytest.param(
            "toPicture(zoomed({scale: 2, x: 0, y: 100}, 4, [150, 180], [200, 100], [400, 400]), [150, 180])",
            [75, 40],
            id="zooming_keeps_what_is_under_the_pointer",
        ),
        pytest.param(
            "zoomed({scale: 2, x: 0, y: 100}, 0.1, [50, 150], [200, 100], [400, 400])",
            {"scale": 2, "x": 0, "y": 100},
            id="nothing_is_farther_than_the_whole",
        ),
        pytest.param(
            "zoomed({scale: 2, x: 0, y: 100}, 1e6, [0, 0], [200, 100], [400, 400]).scale", 48, id="nor_too_near"
        ),
        pytest.param(
            "settled({scale: 4, x: 50, y: -9999}, [200, 100], [400, 400])",
            {"scale": 4, "x": 0, "y": 0},
            id="the_picture_leaves_no_gap",
        ),
        pytest.param(
            "toScreen(focused([10, 10, 11, 11], [200, 100], [400, 400]), [10, 10, 11, 11])[0] >= 0",
            True,
            id="a_single_pixel_is_brought_into_sight",
        ),
        pytest.param("focused([10, 10, 11, 11], [200, 100], [400, 400]).scale", 12, id="and_no_nearer_than_is_of_use"),
        pytest.param(
            "toPicture({scale: 0.5, x: 7, y: 9}, toScreen({scale: 0.5, x: 7, y: 9}, [3, 4, 5, 6]).slice(0, 2))",
            [3, 4],
            id="there_and_back",
        ),
    ],
)
def test_pictures_are_seen_from_near_and_far(code, expected):
    assert call(code) == expected


@pytest.mark.parametrize(
    ("at", "grip"),
    [
        pytest.param([50, 40], "move", id="the_middle_moves"),
        pytest.param([1, 2], "nw", id="a_corner"),
        pytest.param([97, 83], "se", id="from_outside_as_well"),
        pytest.param([50, 78], "s", id="an_edge"),
        pytest.param([-5, 40], "w", id="an_edge_from_outside"),
        pytest.param([-9, 40], "", id="too_far_away"),
        pytest.param([50, 95], "", id="below"),
    ],
)
def test_the_pointer_takes_hold_of_what_is_near(at, grip):
    assert call("gripAt([0, 0, 100, 80], given)", at) == grip


@pytest.mark.parametrize(
    ("at", "grip"),
    [
        pytest.param([102, 102], "move", id="inside_it_is_moved"),
        pytest.param([106, 102], "e", id="its_grips_lie_outside"),
        pytest.param([97, 97], "nw", id="all_of_them"),
    ],
)
def test_a_box_of_four_screen_pixels_can_be_moved_and_resized(at, grip):
    assert call("gripAt([100, 100, 104, 104], given)", at) == grip


def test_of_boxes_in_each_other_the_smallest_is_meant_and_of_equal_ones_the_first_in_rank():
    frames = [
        {"frame": [0, 0, 100, 100], "rank": 9, "is": "large"},
        {"frame": [10, 10, 40, 40], "rank": 1, "is": "label"},
        {"frame": [11, 11, 41, 41], "rank": 4, "is": "box"},
        {"frame": [60, 60, 61, 61], "rank": 0, "is": "pixel"},
    ]
    found = call(
        "given[1].map((at) => (underPoint(given[0], at) || {}).is || null)",
        [frames, [[20, 20], [50, 50], [64, 63], [200, 0]]],
    )
    assert found == ["box", "large", "pixel", None]


@pytest.mark.parametrize(
    ("grip", "by", "box"),
    [
        pytest.param("move", [5, -5], [15, 15, 35, 45], id="moved"),
        pytest.param("move", [-99, 999], [0, 70, 20, 100], id="no_farther_than_the_picture_and_as_large_as_before"),
        pytest.param("se", [5, 6], [10, 20, 35, 56], id="a_corner_moves_two_edges"),
        pytest.param("n", [5, -6], [10, 14, 30, 50], id="an_edge_moves_alone"),
        pytest.param("w", [99, 0], [29, 20, 30, 50], id="it_never_turns_over"),
        pytest.param("s", [0, -99], [10, 20, 30, 21], id="nor_loses_its_height"),
        pytest.param("e", [999, 0], [10, 20, 200, 50], id="nor_leaves_the_picture"),
    ],
)
def test_a_box_follows_its_grip(grip, by, box):
    assert call("dragged([10, 20, 30, 50], given[0], given[1], [200, 100])", [grip, by]) == box


@pytest.mark.parametrize(
    ("points", "box"),
    [
        pytest.param([[30.4, 50.2], [10.6, 20]], [11, 20, 30, 50], id="from_whichever_corner"),
        pytest.param([[-5, -5], [900, 900]], [0, 0, 200, 100], id="within_the_picture"),
        pytest.param([[10, 10], [10.2, 40]], None, id="a_line_is_none"),
    ],
)
def test_a_box_is_drawn_between_two_points(points, box):
    assert call("spanned(given[0], given[1], [200, 100])", points) == box


PIXELS = {"size": [200, 100], "yFirst": False, "whole": True}
THOUSANDTHS = {"size": [1000, 1000], "yFirst": False, "whole": True}
GEMINI = {"size": [1000, 1000], "yFirst": True, "whole": True}
RESIZED = {"size": [196, 112], "yFirst": False, "whole": True}
BARE = '[{"bbox_2d": [50, 105, 300, 400], "label": "a [red] \\"car\\""}, {"bbox_2d": [0, 0, 1, 1], "label": "x"}]'
FENCED = '```json\n[\n  {"bbox_2d": [50, 105, 300, 400], "label": "a"}\n]\n```'


@pytest.mark.parametrize("answer", [BARE, FENCED, "[]", "```json\n[]\n```"])
def test_an_answer_whose_boxes_nobody_touched_is_written_as_it_was(answer):
    code = "writeBoxes(given[0], readBoxes(given[0], given[1], [200, 100]), given[1], [200, 100])"
    assert call(code, [answer, THOUSANDTHS]) == answer


@pytest.mark.parametrize(
    ("units", "written"),
    [
        pytest.param(PIXELS, [20, 30, 60, 40], id="pixels"),
        pytest.param(THOUSANDTHS, [100, 300, 300, 400], id="thousandths"),
        pytest.param(GEMINI, [300, 100, 400, 300], id="y_first"),
        pytest.param(RESIZED, [20, 34, 59, 45], id="pixels_of_the_resized_image"),
    ],
)
def test_a_box_is_written_in_the_units_of_its_answer_and_read_back_within_half_of_one(units, written):
    code = "writeBoxes('[]', [{px: [20, 30, 60, 40], entry: {label: 'é'}}], given, [200, 100])"
    answer = call(code, units)
    assert answer == json.dumps([{"label": "é", "bbox_2d": written}], ensure_ascii=False)
    (back,) = call("readBoxes(given[0], given[1], [200, 100])", [answer, units])
    halves = [side / 2 / count for side, count in zip((200, 100), units["size"], strict=True)] * 2
    assert all(abs(a - b) <= half + 1e-9 for a, b, half in zip(back["px"], [20, 30, 60, 40], halves, strict=True))


def test_the_page_and_python_read_the_same_pixels():
    from demitasse.dataset.grounding import BoxUnits

    for style, units in (("qwen_1000", THOUSANDTHS), ("gemini_yxyx_1000", GEMINI), ("qwen2_5_vl_px", RESIZED)):
        ours = BoxUnits(style, tuple(units["size"]), (200, 100)).read([10, 20, 50, 60])
        assert call("inPixels([10, 20, 50, 60], given, [200, 100])", units) == pytest.approx(ours)


def test_a_thin_box_keeps_an_area_in_whole_units():
    assert call("inUnits([199.9, 0, 200, 0.01], given, [200, 100])", PIXELS) == [199, 0, 200, 1]


def test_a_new_box_takes_the_label_of_the_others_and_no_ones_id():
    boxes = [{"px": [1, 2, 3, 4], "entry": {"bbox_id": "a", "bbox_2d": [1, 2, 3, 4], "label": "car"}}]
    assert call("freshBox([5, 6, 7, 8], given)", boxes) == {"px": [5, 6, 7, 8], "entry": {"label": "car"}}


@pytest.mark.parametrize("answer", ["here", "[", '{"a": [1', '[{"box": [1, 2, 3, 4]}]', "[3]"])
def test_what_holds_no_boxes_is_none(answer):
    assert call("readBoxes(given[0], given[1], [200, 100])", [answer, PIXELS]) is None


SCENE = {
    "regions": [{"box": 0}, {"box": 1}, {}],
    "items": [{"index": 7, "boxes": [{"region": 0}]}, {"index": 8, "boxes": [{"region": 0}, {"region": 1}, {}]}],
}


@pytest.mark.parametrize(
    ("target", "shapes", "items"),
    [
        pytest.param(
            {"kind": "item", "index": 8},
            {"box 8 0", "box 8 1", "box 8 2", "region 0", "region 1", "label 0", "label 1"},
            {8},
            id="an_expression_lights_its_boxes_and_what_they_show",
        ),
        pytest.param(
            {"kind": "box", "item": 7, "index": 0},
            {"box 7 0", "box 8 0", "region 0", "label 0"},
            {7, 8},
            id="a_box_lights_its_region_and_every_expression_that_means_it",
        ),
        pytest.param({"kind": "box", "item": 8, "index": 2}, {"box 8 2"}, {8}, id="a_box_of_no_region_only_its_own"),
        pytest.param({"kind": "label", "index": 1}, {"label 1", "region 1", "box 8 1"}, {8}, id="a_label"),
        pytest.param({"kind": "region", "index": 2}, {"region 2"}, set(), id="a_region_that_nobody_means"),
        pytest.param({"kind": "found", "index": 0}, {"found 0"}, set(), id="a_predicted_box"),
        pytest.param(None, set(), set(), id="nothing"),
    ],
)
def test_what_belongs_together_is_lit_together(target, shapes, items):
    kin = call("(({shapes, items}) => [[...shapes], [...items]])(kinOf(given[0], given[1]))", [SCENE, target])
    assert (set(kin[0]), set(kin[1])) == (shapes, items)


def test_the_region_under_a_box_is_the_one_that_it_overlaps_by_half():
    regions = [{"px": [0, 0, 10, 10]}, {"px": None}, {"px": [0, 0, 10, 12]}]
    assert call("given[1].map((px) => regionUnder(px, given[0]))", [regions, [[0, 0, 10, 12], [9, 9, 30, 30]]]) == [
        {"region": 2, "share": 1},
        {},
    ]
