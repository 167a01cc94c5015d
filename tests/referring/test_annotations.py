"""What a run comes to: `annotations.jsonl`, TAO's text files, and the numbers of the double check."""

import json

import pytest

from annotate.referring.annotations import FILE, TOTALS, assemble
from annotate.referring.legacy import caption_text, expressions_text, legacy_path, regions_text
from annotate.referring.united import FILES, UNITS, read_annotations
from demitasse.engine.step import Record

ALL = ["0", "1", "2", "3"]
BOX = {"bbox_2d": [10, 20, 30, 40], "bbox_px": [1.0, 2.0, 3.0, 4.0]}
REGION = {**BOX, "type": "car", "color": "red", "description": "Red car", "box": 0, "box_iou": 1.0}


def expression(number, boxes=1, **more):
    name = f"a.png/expr_{number:02d}"
    instances = [{**BOX, "bbox_id": f"{name}/box_{index:02d}", "region": 0} for index in range(boxes)]
    return {"text": f"phrase {number}", "expression_id": name, "instances": instances, **more}


def checked(number, kept=1, moved=(), removed=(), boxes=1):
    check = {
        "kept": kept,
        "moved": [{"bbox_id": "m", "iou": one} for one in moved],
        "removed": [{"bbox_id": "r", "bbox_2d": [1, 1, 2, 2]} for _ in removed],
    }
    return expression(number, boxes, verified=True, check=check)


class Folder:
    """A results folder with rows that a run might have left."""

    def __init__(self, path):
        self.path = path

    def row(self, step, image="a.png", minute=0, **fields):
        told = {"key": f"k{step}", "step": step, "asked": ["m"], "time": f"2026-01-01T00:{minute:02d}:00+00:00"}
        self._append(FILES[step], {"image": image, "image_id": "old", **fields, "provenance": told})

    def whole(self, image="a.png", minute=0, boxes=(), left_out=()):
        """A row of every step."""
        size = {"width": 100, "height": 50, "sha256": "f" * 64, "orientation": 1}
        self.row(
            "media", image, minute, **size, kitti_bboxes=[[1, 2, 3, 4, "Car"]], boxes=list(boxes),
            left_out=list(left_out), source="image_referring_expression", pipeline_steps=[],
        )  # fmt: skip
        self.row("0", image, minute + 1, regions=[REGION])
        self.row("1", image, minute + 1, caption="A street.")
        self.row("2", image, minute + 2, expressions=[expression(0)])
        self.row("3", image, minute + 3, expressions=[checked(0)], removed=[])

    def failed(self, image, step):
        self._append("quarantine.jsonl", {"image": image, "step": step, "reason": "r"})

    def _append(self, name, row):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def assemble(self, steps=ALL, images=("a.png",), output_format="jsonl", root="pictures", **more):
        records = [Record(name, {"image": name, "image_id": name.partition(".")[0]}) for name in images]
        return assemble(self.path, records, steps, output_format, self.path.joinpath(root), **more)

    @property
    def rows(self):
        return [json.loads(line) for line in (self.path / FILE).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_a_row_has_all_that_is_known_of_an_image_and_says_the_unit_of_every_box(folder):
    folder.whole(boxes=[{**BOX, "type": "Car", "line": 1}])
    made = folder.assemble()
    (row,) = folder.rows
    assert list(row) == [
        "image_id", "image", "image_path", "width", "height", "kitti_bboxes", "boxes", "left_out", "source",
        "pipeline_steps", "units", "regions", "caption", "expressions", "removed", "provenance",
    ]  # fmt: skip
    assert (row["image_id"], row["image"], row["image_path"]) == ("a", "a.png", f"{folder.path}/pictures/a.png")
    assert row["pipeline_steps"] == [
        "step0_region_expr", "step1_image_caption", "step2_grounding_expr", "step3_double_check",
    ]  # fmt: skip
    assert row["units"] == UNITS and {"bbox_2d", "bbox_px", "kitti_bboxes", "clipped_from"} == set(UNITS)
    assert (made.images, made.regions, made.captions, made.expressions) == (1, 1, 1, 1)


def test_provenance_tells_what_was_asked_and_of_which_image_but_not_when(folder):
    folder.whole()
    folder.assemble()
    told = folder.rows[0]["provenance"]
    assert list(told) == ["media", *ALL]
    assert told["media"]["sha256"] == "f" * 64 and told["2"] == {"key": "k2", "asked": ["m"]}
    assert "time" not in str(told)


def test_images_stand_in_order_of_name_whatever_the_order_of_the_rows(folder):
    for name in ("b.png", "a.png", "c/a.png"):
        folder.whole(name)
    folder.assemble(images=("c/a.png", "b.png", "a.png"))
    first = (folder.path / FILE).read_bytes()
    assert [row["image"] for row in folder.rows] == ["a.png", "b.png", "c/a.png"]
    folder.assemble(images=("a.png", "b.png", "c/a.png"))
    assert (folder.path / FILE).read_bytes() == first


def test_of_several_rows_the_last_counts_and_letters_stay_unescaped(folder):
    folder.whole()
    folder.row("1", minute=9, caption="Eine Straße 雪.")
    folder.assemble(["1"])
    assert folder.rows[0]["caption"] == "Eine Straße 雪."
    assert "Straße 雪" in (folder.path / FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("steps", "minutes", "fields", "stale"),
    [
        pytest.param(ALL, {"0": 9}, ["regions", "caption", "expressions", "removed"], {},
                     id="steps_that_were_run_are_what_the_run_left"),
        pytest.param(["1"], {}, ["regions", "caption"], {"2": 1, "3": 1},
                     id="a_new_caption_leaves_older_expressions_out"),
        pytest.param(["0"], {"0": 9}, ["regions", "caption"], {"2": 1, "3": 1},
                     id="new_regions_leave_older_expressions_out"),
        pytest.param(["0"], {"0": 1}, ["regions", "caption", "expressions", "removed"], {},
                     id="regions_that_did_not_change_leave_all_as_it_is"),
        pytest.param(["3"], {"1": 9}, ["regions", "caption", "expressions", "removed"], {},
                     id="what_a_step_went_on_from_is_taken_as_it_took_it"),
    ],
)  # fmt: skip
def test_steps_run_one_by_one_come_together_and_nothing_stale_is_taken_along(folder, steps, minutes, fields, stale):
    folder.whole()
    for step, minute in ({"1": 9} if steps == ["1"] else minutes).items():
        same = {"0": {"regions": [REGION]}, "1": {"caption": "Later."}}[step]
        folder.row(step, minute=minute, **same)
    made = folder.assemble(steps)
    row = folder.rows[0]
    assert [name for name in ("regions", "caption", "expressions", "removed") if name in row] == fields
    assert made.stale == stale
    assert sum("run step 2 again" in note for note in made.notes) == bool(stale)


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        pytest.param("3", ["regions", "caption", "expressions"], id="the_check_failed_and_step_2_stands"),
        pytest.param("2", ["regions", "caption"], id="step_2_failed_and_what_came_of_its_old_row_goes_with_it"),
        pytest.param("0", ["caption"], id="step_0_failed"),
        pytest.param("1", ["regions"], id="step_1_failed"),
    ],
)
def test_rows_of_a_step_that_failed_in_this_run_are_old_and_not_taken(folder, step, fields):
    folder.whole()
    folder.failed("a.png", step)
    folder.assemble()
    row = folder.rows[0]
    assert [name for name in ("regions", "caption", "expressions") if name in row] == fields
    assert ("verified" in row.get("expressions", [{}])[0]) is False


def test_an_image_that_could_not_be_measured_or_is_not_to_be_trusted_has_no_row(folder):
    for name in ("a.png", "b.png", "c.png"):
        folder.whole(name)
    folder.failed("b.png", "media")
    folder.assemble(images=("a.png", "b.png", "c.png", "d.png"), counts=lambda name: name != "c.png")
    assert [row["image"] for row in folder.rows] == ["a.png"]


def test_an_image_that_was_left_out_of_the_run_shows_nothing_that_the_run_would_have_renewed(folder):
    folder.whole()
    folder.failed("a.png", "")
    folder.assemble(["2"])
    assert folder.rows == [], "its measures would be renewed first"


def test_what_was_given_is_named_among_the_steps(folder):
    folder.whole()
    measured = {"width": 9, "height": 9, "kitti_bboxes": [], "boxes": [], "left_out": []}
    folder.row("media", minute=1, **measured, regions=[REGION], caption="Given.")
    (folder.path / FILES["0"]).unlink()
    (folder.path / FILES["1"]).unlink()
    folder.assemble(["2", "3"])
    row = folder.rows[0]
    assert row["pipeline_steps"][:2] == ["step0_region_expr", "step1_image_caption"]
    assert row["caption"] == "Given." and row["regions"] == [REGION]


def test_lines_that_were_left_out_are_counted_by_reason_with_the_first_of_each(folder):
    lines = [
        {"line": 2, "reason": "inverted: [3, 3, 1, 1]"},
        {"line": 4, "reason": "inverted: [9, 9, 1, 1]"},
        {"line": 5, "reason": "its type is in skip_types: DontCare"},
        {"entry": "regions[2]", "reason": "no object: 7"},
        {"entry": "its label", "reason": "there is none"},
    ]
    folder.whole(left_out=lines)
    made = folder.assemble()
    assert made.left_out == {"inverted": 2, "its type is in skip_types": 1, "no object": 1, "there is none": 1}
    assert "left out of the boxes: inverted: 2 times, first a.png, line 2" in made.notes
    assert made.unusable == [
        ("2 times, first a.png, line 2", "inverted"),
        ("a.png, regions[2]", "no object"),
        ("a.png, its label", "there is none"),
    ], "what a person leaves out on purpose is no fault"


def test_the_double_check_says_what_it_kept_moved_and_removed(folder):
    folder.whole("a.png")
    folder.whole("b.png")
    done = [checked(0, kept=2, moved=[0.5, 0.9], boxes=4), checked(1, kept=1, removed=[1])]
    gone = {**expression(2), "check": {"kept": 0, "moved": [], "removed": [{"bbox_id": "r", "bbox_2d": [1, 1, 2, 2]}]}}
    unseen = expression(3, verified=False, check={"kept": 1, "moved": [], "removed": [], "unchecked": "too thin"})
    folder.row("3", "a.png", 9, expressions=[*done, unseen], removed=[gone])
    made = folder.assemble(images=("a.png", "b.png"))
    assert json.loads((folder.path / TOTALS).read_text()) == {
        "images": 2,
        "expressions": {"verified": 3, "unchecked": 1, "removed": 1},
        "boxes": {"kept": 5, "moved": 2, "removed": 2},
        "moved_iou": {"least": 0.5, "mean": 0.7},
        "units": {"moved_iou": "IoU of a moved box before and after, 0 to 1"},
    }
    assert made.notes[-1] == (
        "double check of 2 images: boxes 5 kept, 2 moved (least IoU 0.50), 2 removed; 1 expressions removed whole, "
        "1 expressions could not be shown"
    )


def test_numbers_of_a_check_whose_rows_are_stale_are_removed(folder):
    folder.whole()
    folder.assemble()
    assert (folder.path / TOTALS).exists()
    folder.row("2", minute=9, expressions=[expression(0)])
    folder.assemble(["2"])
    assert not (folder.path / TOTALS).exists()


@pytest.mark.parametrize(
    ("output_format", "rows", "texts"),
    [
        pytest.param("jsonl", True, False, id="jsonl_is_the_rows_alone"),
        pytest.param("legacy", False, True, id="legacy_is_the_text_files_alone"),
        pytest.param("both", True, True, id="both_is_both"),
    ],
)
def test_the_output_format_says_what_is_written(folder, output_format, rows, texts):
    folder.whole()
    (folder.path / FILE).write_text("of an earlier run\n")
    folder.assemble(output_format=output_format)
    assert (folder.path / FILE).exists() is rows
    assert all(legacy_path(folder.path, step, "a").exists() is texts for step in ALL)
    assert len(list(read_annotations(folder.path, [Record("a.png", {"image_id": "a"})], ALL, folder.path))) == 1


def test_the_text_file_of_a_row_that_is_not_taken_any_more_is_removed(folder):
    folder.whole()
    folder.assemble(output_format="both")
    folder.row("0", minute=9, regions=[])
    folder.assemble(["0"], output_format="both")
    assert [step for step in ALL if legacy_path(folder.path, step, "a").exists()] == ["0", "1"]
    assert legacy_path(folder.path, "0", "a").read_text() == "[]"


def test_an_image_whose_name_is_too_long_for_text_files_is_told_and_the_rows_are_written(folder):
    folder.whole()
    long = "n" * 250
    made = assemble(folder.path, [Record("a.png", {"image_id": long})], list(ALL), "both", folder.path)
    assert made.unusable[-1][0] == "a.png" and "too long" in made.unusable[-1][1]
    assert (folder.path / FILE).exists() and any("1 images with too long names" in note for note in made.notes)


def test_a_text_file_that_has_not_changed_is_left_as_it_is(folder):
    folder.whole()
    folder.assemble(output_format="both")
    path = legacy_path(folder.path, "2", "a")
    before = path.stat().st_ino
    folder.assemble(output_format="both")
    assert path.stat().st_ino == before


def test_text_files_have_taos_form():
    assert regions_text({"regions": [REGION]}) == (
        '[\n  {\n    "bbox_2d": [\n      10,\n      20,\n      30,\n      40\n    ],\n    "type": "car",\n'
        '    "color": "red",\n    "description": "Red car"\n  }\n]'
    )
    assert regions_text({"regions": []}) == "[]"
    assert caption_text({"caption": "Über alles.\n\nZwei."}) == "Über alles.\n\nZwei."
    two = {"text": "grün: zwei", "instances": [BOX, BOX]}
    assert expressions_text({"expressions": [two]}) == "grün: zwei: [[10, 20, 30, 40], [10, 20, 30, 40]]\n"
    assert expressions_text({"expressions": []}) == ""
