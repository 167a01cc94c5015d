"""A KITTI folder as they come: broken lines, missing files, odd names, odd shapes. Every record ends in one state."""

import json
import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from annotate.referring.annotations import FILE
from annotate.referring.config import SECTION, Spec
from annotate.referring.pipeline import run_of
from demitasse.chat.model import Capability, Outcome, Reply

LISTED = re.compile(r"^(\d+)\. (.*): (\[[^\]]*\])$", re.MULTILINE)
CHECKED = re.compile(r"^(\d+)\. (.*)((?:\n   box \d+: .*)+)", re.MULTILINE)


class Copyist:
    """Knows no picture: it gives back each box that it is told, as a region and an expression of its own."""

    name = "copyist"

    def __init__(self, boxes):
        self.capability = Capability(boxes=boxes)

    async def reply(self, request):
        return Reply(Outcome.SUCCESS, getattr(self, request.step)(request.text), model="copyist")

    async def close(self):
        pass

    def region_expr(self, text):
        regions = [
            {"bbox_2d": json.loads(box), "type": kind, "color": "grey", "description": f"{kind} with the sign {number}"}
            for number, kind, box in LISTED.findall(text)
        ]
        return json.dumps({"regions": regions})

    def image_caption(self, text):
        return "A picture."

    def grounding_expr(self, text):
        only = re.search(r"objects (\d+) to (\d+) only", text)
        first, last = (int(only[1]), int(only[2])) if only else (1, 10**6)
        listed = [(int(number), name, json.loads(box)) for number, name, box in LISTED.findall(text)]
        phrases = [{"phrase": name, "boxes": [box]} for number, name, box in listed if first <= number <= last]
        return json.dumps({"expressions": phrases})

    def double_check(self, text):
        checked = [
            {
                "number": int(number),
                "phrase": phrase,
                "boxes": [
                    {"box": int(box), "verdict": "keep", "bbox_2d": []} for box in re.findall(r"box (\d+):", boxes)
                ],
            }
            for number, phrase, boxes in CHECKED.findall(text)
        ]
        return json.dumps({"expressions": checked})


def grid(count, columns, side, gap):
    """Lines of square boxes, row by row."""
    places = [(n % columns * gap + 1, n // columns * gap + 1) for n in range(count)]
    return "".join(f"Car 0 0 0 {x} {y} {x + side} {y + side}\n" for x, y in places)


BROKEN = "\nCar\nCar 0 0 0 a b c d\nCar 0 0 0 9 9 1 1\nCar 0,0 0 0 1 1 9 9\nVan 0 0 0 9 9 90 90"
IMAGES = {
    "plain.png": ((320, 240), "Car 0 0 0 10 10 90 90\n"),
    "long and low.jpg": ((4000, 300), grid(20, 20, 100, 180)),
    "crowded.png": ((1600, 1200), grid(500, 25, 40, 45)),
    "Größe 雪 #1 'é'.PNG": ((320, 240), "Größe 0 0 0 10 10 90 90\n"),
    "pixels.png": ((320, 240), grid(30, 10, 1, 8)),
    "deep/thin.png": ((4000, 300), "Pole 0 0 0 100 10 101 290\nCar 0 0 0 200 10 300 290\n"),
    "broken lines.png": ((320, 240), BROKEN),
    "nothing used.png": ((320, 240), "DontCare -1 -1 -10 1 1 9 9\n"),
    "empty label.png": ((320, 240), ""),
    "no label.png": ((320, 240), None),
    "too long.png": ((4100, 20), "Car 0 0 0 1 1 9 9\n"),
}  # fmt: skip


@pytest.fixture(scope="module", params=["qwen_1000", "qwen2_5_vl_px"])
def annotated(request, tmp_path_factory, decode_pool):
    folder = tmp_path_factory.mktemp("odd")
    for number, (name, (size, label)) in enumerate(IMAGES.items()):
        path, text = folder / "images" / name, folder / "labels" / f"{name.rpartition('.')[0]}.txt"
        for one in (path, text):
            one.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((size[1], size[0], 3), 40 + number, np.uint8)).save(path)
        if label is not None:
            text.write_text(label, encoding="utf-8")
    (folder / "images" / "text.png").write_text("This is no picture.")
    (folder / "images" / "half.png").write_bytes((folder / "images" / "crowded.png").read_bytes()[:2000])
    (folder / "labels" / "half.txt").write_text("Car 0 0 0 1 1 9 9\n")
    (folder / "labels" / "nobody.txt").write_text("Car 0 0 0 1 1 9 9\n")
    data = {"image_dir": folder / "images", "kitti_label_dir": folder / "labels"}
    told = [f"{SECTION}.data.{name}={value}" for name, value in data.items()]
    spec = Spec.read(None, [f"results_dir={folder / 'out'}", *told, f"{SECTION}.vlm.backend=scripted"])
    made = run_of(spec).annotate({"vlm": Copyist(request.param)}, progress=False, pool=decode_pool)
    rows = [json.loads(line) for line in (folder / "out" / FILE).read_text(encoding="utf-8").splitlines()]
    return made, {row["image"]: row for row in rows}, folder / "out"


def test_every_image_and_every_label_ends_in_one_counted_state(annotated):
    made, rows, out = annotated
    failed = Counter(json.loads(line)["image"] for line in (out / "quarantine.jsonl").read_text("utf-8").splitlines())
    assert failed == Counter(["text.png", "half.png", "too long.png"])
    assert made.summary.skipped == {"no image has its name": 1}
    assert made.summary.done == len(rows) == len(IMAGES) - 1
    assert made.exit_code == 3
    assert any(note.startswith("2 of 13 images have no label") for note in made.notes), "text.png has none either"


def test_every_line_is_a_box_or_named_with_its_reason(annotated):
    _, rows, _ = annotated
    for name, row in rows.items():
        lines = [number for number, line in enumerate((IMAGES[name][1] or "").splitlines(), 1) if line.strip()]
        told = [entry["line"] for entry in row["left_out"] if "line" in entry and "box" not in entry]
        assert sorted([box["line"] for box in row["boxes"]] + told) == lines, name
        assert all(entry["reason"] for entry in row["left_out"])


def test_every_box_that_a_model_can_be_told_has_its_region_and_its_expression(annotated):
    _, rows, _ = annotated
    for name, row in rows.items():
        thin = {entry["box"] for entry in row["left_out"] if "box" in entry}
        assert {region["box"] for region in row["regions"]} == set(range(len(row["boxes"]))) - thin, name
        assert [one["instances"][0]["region"] for one in row["expressions"]] == list(range(len(row["regions"])))
        assert all(one["verified"] for one in row["expressions"])
    assert len(rows["crowded.png"]["expressions"]) == 500
    assert len(rows["deep/thin.png"]["regions"]) == 1, "a pixel of 4000 has no area in thousandths"


def test_every_edge_lies_within_half_a_unit_of_what_the_label_says(annotated):
    _, rows, _ = annotated
    for row in rows.values():
        for region in row["regions"]:
            sides = np.array([row["width"], row["height"]] * 2)
            off = np.abs(np.array(region["bbox_px"]) - np.array(row["boxes"][region["box"]]["bbox_px"]))
            pixels = 0.5 * 1.1  # the picture that is sent may be a little smaller than the image
            assert (off <= np.maximum(sides / 1000 * 0.5, pixels) + 1e-3).all(), row["image"]
