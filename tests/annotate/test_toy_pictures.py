"""Toy pictures with known truth, from files to files: what is right to half a unit, what is mended, what is counted.

The teacher and the checker are the scripted ones, through the whole pipeline of referring expressions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image

from annotate.referring.config import SECTION, Spec
from annotate.referring.pipeline import run_of
from demitasse.chat.gemini_server import GeminiServer
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.geometry import iou
from demitasse.toyworld.kitti import kitti_label
from demitasse.toyworld.mistakes import box_errors, check_errors
from demitasse.toyworld.phrases import phrases
from demitasse.toyworld.picture import STORED, render_scene
from demitasse.toyworld.scene import toy_scene
from demitasse.toyworld.scene_teacher import EXCUSE

SIZES = ((1080, 1920), (407, 663), (4000, 300))
# Of each size, the nearest multiples of 28: what Qwen2.5-VL's processor makes of it, worked out by hand.
RESIZED = {(1080, 1920): (1092, 1932), (407, 663): (420, 672), (4000, 300): (4004, 308)}
STYLES = ("qwen_1000", "gemini_yxyx_1000", "qwen2_5_vl_px", "image_px")
# Every size as PNG, and as JPEG in each of EXIF's orientations: number of the picture to its size.
DISPLAYED = {
    number: size for number, (size, _) in enumerate((size, turn) for size in SIZES for turn in (None, *STORED))
}
MANY = range(1000, 1040)
PIXEL = 0.001  # files hold pixels to three decimals


def put(folder: Path, number: int, size: tuple[int, int] = (128, 128), orientation: int | None = None) -> None:
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    suffix = ".png" if orientation is None else ".jpg"
    render_scene(folder / "images" / f"{number:05d}{suffix}", number, *size, orientation)
    (folder / "labels" / f"{number:05d}.txt").write_text(kitti_label(toy_scene(number), *size))


@pytest.fixture(scope="session")
def sizes_and_turns(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("turned")
    for number, size in DISPLAYED.items():
        put(folder, number, size, (None, *STORED)[number % 9])
    return folder


@pytest.fixture(scope="session")
def many(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    for number in MANY:
        put(folder, number)
    return folder


@pytest.fixture
def run(tmp_path, decode_pool):
    """Annotate a folder's pictures; the rows by the picture's number, and what the run says of itself."""

    def annotated(folder: Path, *overrides: str, models=None, steps: str = "0,1,2,3,4"):
        given = [f"data.image_dir={folder}/images", f"data.kitti_label_dir={folder}/labels", "license=CC0-1.0"]
        given += ["vlm.backend=scripted", "checker.backend=scripted", f"workflow.steps=[{steps}]", *overrides]
        spec = Spec.read(None, [f"results_dir={tmp_path / 'out'}", *(f"{SECTION}.{text}" for text in given)])
        made = run_of(spec).annotate(models, progress=False, pool=decode_pool)
        lines = (tmp_path / "out" / "annotations.jsonl").read_bytes().splitlines()
        return {int(row["image_id"]): row for row in map(orjson.loads, lines)}, made

    return annotated


def truth(row: dict) -> dict[str, list]:
    """Each phrase of a picture with the right boxes, canonical, in the order in which they are given."""
    scene = toy_scene(int(row["image_id"]))
    return {phrase: [scene.things[index].box for index in things] for phrase, things in phrases(scene).items()}


def canonical(row: dict, entry: dict) -> tuple[float, ...]:
    return tuple(value / side for value, side in zip(entry["bbox_px"], (row["width"], row["height"]) * 2, strict=True))


def units(style: str, size: tuple[int, int]) -> tuple[int, int]:
    """How many units of a convention make up the width and the height."""
    if style == "qwen2_5_vl_px":
        return RESIZED[size]
    return size if style == "image_px" else (1000, 1000)


def off(row: dict, entry: dict, right: tuple, style: str) -> float:
    """How far the worst edge of a box is from the truth, in units of the convention, rounding of files aside."""
    across, down = units(style, (row["width"], row["height"]))
    slack = (PIXEL * across / row["width"], PIXEL * down / row["height"]) * 2
    scale = (across, down) * 2
    return max(
        abs(a - b) * one - more for a, b, one, more in zip(canonical(row, entry), right, scale, slack, strict=True)
    )


@pytest.mark.parametrize("style", STYLES)
def test_a_perfect_teacher_is_right_to_half_a_unit_in_every_convention_size_and_orientation(
    run, sizes_and_turns, tmp_path, style
):
    rows, made = run(sizes_and_turns, f"vlm.scripted.boxes={style}", f"checker.scripted.boxes={style}")
    assert made.exit_code == 0
    assert {number: (row["width"], row["height"]) for number, row in rows.items()} == DISPLAYED
    for number, row in rows.items():
        things = toy_scene(number).things
        assert [region["box"] for region in row["regions"]] == list(range(len(things)))
        for region, thing in zip(row["regions"], things, strict=True):
            assert off(row, region, thing.box, style) <= 0.5
            assert region["description"].startswith(f"{thing.colour} {thing.shape}")
        assert {one["text"]: len(one["instances"]) for one in row["expressions"]} == {
            phrase: len(boxes) for phrase, boxes in truth(row).items()
        }
        for one in row["expressions"]:
            for instance, right in zip(one["instances"], truth(row)[one["text"]], strict=True):
                assert off(row, instance, right, style) <= 0.5
            assert one["check"] == {"kept": len(one["instances"]), "moved": [], "removed": []}
            assert one["agreement"]["iou"] > 0.99
    written_by_hand(tmp_path / "out", rows, style)


def written_by_hand(out: Path, rows: dict, style: str) -> None:
    """What the teacher wrote, held against its convention worked out here: order, units, rounding."""
    said = Counter()
    for line in (out / "calls.jsonl").read_bytes().splitlines():
        call = orjson.loads(line)
        if call["step"] == "region_expr":
            said[str(sorted(tuple(one["bbox_2d"]) for one in orjson.loads(call["reply"]["text"])["regions"]))] += 1
    expected = Counter()
    for number, row in rows.items():
        across, down = units(style, (row["width"], row["height"]))
        boxes = []
        for x1, y1, x2, y2 in (thing.box for thing in toy_scene(number).things):
            box = (round(x1 * across), round(y1 * down), round(x2 * across), round(y2 * down))
            boxes.append((box[1], box[0], box[3], box[2]) if style == "gemini_yxyx_1000" else box)
        expected[str(sorted(boxes))] += 1
    assert said == expected


def outcomes(rows: dict) -> dict[tuple[int, str, int], tuple[str, dict | None]]:
    """What became of each box of step 2, by picture, phrase and place: kept, moved or removed, and where it is now."""
    found = {}
    for number, row in rows.items():
        for one in (*row["expressions"], *row["removed"]):
            moved = {entry["bbox_id"] for entry in one["check"]["moved"]}
            removed = {entry["bbox_id"] for entry in one["check"]["removed"]}
            now = {entry["bbox_id"]: entry for entry in one["instances"]}
            for place in range(len(truth(row)[one["text"]])):
                name = f"{one['expression_id']}/box_{place:02d}"
                what = "removed" if name in removed else "moved" if name in moved else "kept"
                found[number, one["text"], place] = what, None if what == "removed" else now[name]
    return found


def test_what_a_teacher_gets_wrong_a_perfect_checker_mends_or_removes_and_harms_nothing(run, many):
    overrides = ["vlm.scripted.box_mistakes=0.2", "checker.scripted.boxes=gemini_yxyx_1000"]
    rows, made = run(many, *overrides)
    assert made.exit_code == 0
    wrong = {
        (number, error.phrase, error.box): error.what
        for number in MANY
        for error in box_errors(toy_scene(number), "2", 0.2)
    }
    became = outcomes(rows)
    assert 0.15 < len(wrong) / len(became) < 0.25
    assert {place for place, (what, _) in became.items() if what != "kept"} == set(wrong)
    assert {became[place][0] for place, what in wrong.items() if what == "shifted"} == {"moved"}
    assert {became[place][0] for place, what in wrong.items() if what == "other"} == {"moved", "removed"}
    for (number, phrase, place), (_, now) in became.items():
        if now is not None:
            assert off(rows[number], now, truth(rows[number])[phrase][place], "qwen_1000") <= 0.5
    for row in rows.values():  # what is left picks out exactly its boxes, as a second model finds them without help
        assert all(one["agreement"]["iou"] > 0.97 for one in row["expressions"])


def test_a_slip_of_step_0_is_told_and_the_region_still_means_the_right_box(run, many):
    rows, _ = run(many, "vlm.scripted.box_mistakes=0.2", steps="0")
    slipped = {
        (number, region["box"]) for number, row in rows.items() for region in row["regions"] if region["box_iou"] < 0.95
    }
    told = {(number, error.phrase, error.what) for number in MANY for error in box_errors(toy_scene(number), "0", 0.2)}
    assert {(number, rows[number]["regions"][box]["description"], "shifted") for number, box in slipped} == told
    for number, row in rows.items():
        for region in row["regions"]:
            thing = toy_scene(number).things[region["box"]]
            assert region["description"].startswith(f"{thing.colour} {thing.shape}, {thing.size}")


def test_the_counts_of_a_checker_that_errs_are_what_was_put_in(run, many, tmp_path):
    rows, made = run(many, "vlm.scripted.box_mistakes=0.2", "checker.scripted.check_mistakes=0.1", steps="0,1,2,3")
    wrong, misjudged, expected = {}, {}, {}
    for number in MANY:
        scene = toy_scene(number)
        wrong |= {(number, error.phrase, error.box): error.what for error in box_errors(scene, "2", 0.2)}
        misjudged |= {(number, error.phrase, error.box): error.what for error in check_errors(scene, 0.2, 0.1)}
        for phrase, things in phrases(scene).items():
            for box in range(len(things)):
                expected[number, phrase, box] = mended(wrong.get((number, phrase, box)), len(things))
    assert {bool(place in wrong) == (what == "kept") for place, what in misjudged.items()} == {True}
    expected |= misjudged
    assert {place: what for place, (what, _) in outcomes(rows).items()} == expected

    counts = Counter(expected.values())
    reported = orjson.loads((tmp_path / "out" / "step_3_double_check" / "totals.json").read_bytes())
    assert reported["boxes"] == {what: counts[what] for what in ("kept", "moved", "removed")}
    assert counts["kept"] == len(expected) - len(wrong) - _of(misjudged, "moved", "removed") + _of(misjudged, "kept")
    assert min(_of(misjudged, what) for what in ("kept", "moved", "removed")) > 0
    assert f"boxes {counts['kept']} kept, {counts['moved']} moved" in made.assembled.annotations.check.line()


def mended(flaw: str | None, boxes: int) -> str:
    """What a right checker does: a slipped box goes back, a stranger goes out or, in a group, where one is missing."""
    if flaw is None:
        return "kept"
    return "removed" if flaw == "other" and boxes == 1 else "moved"


def _of(misjudged: dict, *kinds: str) -> int:
    return sum(what in kinds for what in misjudged.values())


def test_a_second_model_that_errs_disagrees_where_it_errs_and_nowhere_else(run, many):
    rows, _ = run(many, "checker.scripted.box_mistakes=0.2", steps="0,1,2,4")
    wrong = {(number, error.phrase) for number in MANY for error in box_errors(toy_scene(number), "4", 0.2)}
    doubted = {
        (number, one["text"])
        for number, row in rows.items()
        for one in row["expressions"]
        if one["agreement"]["iou"] < 0.95
    }
    assert doubted == wrong


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(["workflow.boxes_per_request=2"], id="a_part_at_a_time"),
        pytest.param(["workflow.boxes_per_request=2", "vlm.scripted.box_mistakes=0.4"], id="in_parts_with_mistakes"),
        pytest.param(["vlm.scripted.boxes=image_px"], id="in_another_convention"),
    ],
)
def test_the_same_is_said_however_it_is_asked(run, many, overrides):
    rows, made = run(many, *overrides, steps="0,1,2")
    assert made.exit_code == 0
    for row in rows.values():
        assert {one["text"]: len(one["instances"]) for one in row["expressions"]} == {
            phrase: len(boxes) for phrase, boxes in truth(row).items()
        }


@pytest.mark.parametrize(
    ("served", "settings"),
    [
        pytest.param(
            lambda: ChatServer(ScriptedModel(boxes="qwen2_5_vl_px")),
            ["backend=openai", "openai.base_url={url}", "openai.model_name=scripted", "openai.boxes=qwen2_5_vl_px"],
            id="openai",
        ),
        pytest.param(
            lambda: GeminiServer(ScriptedModel(boxes="gemini_yxyx_1000"), api_key="key"),
            ["backend=gemini", "gemini.base_url={url}", "gemini.model=scripted", "gemini.api_key=key"],
            id="gemini",
        ),
    ],
)
def test_over_the_wire_boxes_are_in_the_conventions_of_whoever_serves(run, tmp_path, served, settings):
    folder = tmp_path / "few"
    for number, size in enumerate(SIZES):
        put(folder, number, size)
    with served() as server:
        given = [text.format(url=server.base_url) for text in settings]
        rows, made = run(folder, *(f"{name}.{text}" for name in ("vlm", "checker") for text in given))
    assert made.exit_code == 0
    style = server.model.capability.boxes
    for row in rows.values():
        for one in row["expressions"]:
            for instance, right in zip(one["instances"], truth(row)[one["text"]], strict=True):
                assert off(row, instance, right, style) <= 0.5
            assert one["agreement"]["iou"] > 0.99


class Writer(ScriptedModel):
    """One that is held to no schema and so is asked for lines of text."""

    @property
    def capability(self):
        return replace(super().capability, json_schema=False)


def test_without_a_schema_the_same_comes_in_lines_of_text(run, many):
    models = {"vlm": Writer(), "checker": Writer(check_mistakes=0.1)}
    rows, made = run(many, models=models)
    assert made.exit_code == 0
    assert sum(len(row["regions"]) for row in rows.values()) == sum(len(toy_scene(one).things) for one in MANY)
    became = {place: what for place, (what, _) in outcomes(rows).items() if what != "kept"}
    assert became == {
        (number, error.phrase, error.box): error.what
        for number in MANY
        for error in check_errors(toy_scene(number), 0.0, 0.1)
    }
    assert all(one["agreement"]["found"] for row in rows.values() for one in row["expressions"])


@pytest.mark.parametrize("style", STYLES)
def test_of_another_picture_the_stand_in_says_so_and_gives_the_boxes_back(run, tmp_path, style):
    folder = tmp_path / "photo"
    put(folder, 0)
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "images" / "00000.png")
    box = "0.0 0 0 20 30 80 90 1 1 1 0 0 0 0"
    (folder / "labels" / "00000.txt").write_text(f"Car {box}\nCar {box.replace('80 90', '200 290')}\nTram {box}\n")
    rows, made = run(folder, f"vlm.scripted.boxes={style}", f"checker.scripted.boxes={style}")
    assert made.exit_code == 0
    row = rows[0]
    assert row["caption"] == EXCUSE
    assert [region["type"] for region in row["regions"]] == ["Car", "Car", "Tram"]
    assert all(region["box_iou"] == 1 and "stand-in" in region["description"] for region in row["regions"])
    cars, tram = row["expressions"]
    assert len(cars["instances"]) == 2 and len(tram["instances"]) == 1
    for one in (*cars["instances"], *tram["instances"]):
        assert iou(canonical(row, one), canonical(row, row["boxes"][one["region"]])) > 0.9
    assert cars["check"]["kept"] == 2 and cars["agreement"]["found"] == 0
