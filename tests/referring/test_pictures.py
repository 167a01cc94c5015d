"""Images are measured, read and sent as they are displayed, in worker processes."""

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotate.referring.boxes import Selection
from annotate.referring.config import Data
from annotate.referring.inputs import read_inputs
from annotate.referring.pictures import Pictures
from annotate.referring.reading import Source, measure, sending_of, show
from demitasse.chat.model import Capability
from demitasse.engine.runner import run
from demitasse.engine.step import Quarantine
from demitasse.errors import ConfigError, MediaError
from demitasse.geometry import smart_resize
from demitasse.media.exif import ORIENTATION

PLAIN = sending_of(Capability())
QWEN = Capability(boxes="qwen2_5_vl_px", max_pixels=1_003_520)


def draw(path, size=(320, 240), orientation=None, mode="RGB", **how):
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    picture = Image.fromarray(pixels).convert(mode)
    if orientation:
        how["exif"] = Image.Exif()
        how["exif"][ORIENTATION] = orientation
    picture.save(path, **how)
    return str(path)


def seen(part):
    return Image.open(io.BytesIO(part.data))


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        pytest.param("a.jpg", "image/jpeg", id="a_jpeg"),
        pytest.param("a.png", "image/png", id="a_png"),
    ],
)
def test_what_needs_no_change_is_sent_as_it_lies_on_the_disk(tmp_path, name, mime):
    part = show(draw(tmp_path / name), PLAIN)
    assert (part.data, part.mime) == ((tmp_path / name).read_bytes(), mime)


@pytest.mark.parametrize(
    ("name", "how", "mime"),
    [
        pytest.param("a.jpg", {"orientation": 6}, "image/jpeg", id="a_jpeg_that_is_turned"),
        pytest.param("a.png", {"orientation": 3}, "image/png", id="a_png_that_is_turned"),
        pytest.param("a.webp", {}, "image/jpeg", id="webp_which_not_every_server_reads"),
        pytest.param("a.bmp", {}, "image/png", id="bmp_without_a_loss"),
        pytest.param("a.tif", {}, "image/png", id="tiff_without_a_loss"),
        pytest.param("a.jpg", {"mode": "CMYK"}, "image/jpeg", id="inks_become_light"),
        pytest.param("a.png", {"mode": "RGBA"}, "image/png", id="transparency_is_laid_on_white"),
    ],
)
def test_anything_else_is_made_a_plain_upright_jpeg_or_png(tmp_path, name, how, mime):
    part = show(draw(tmp_path / name, **how), PLAIN)
    picture = seen(part)
    assert part.mime == mime and picture.mode == "RGB" and picture.getexif().get(ORIENTATION) is None
    assert picture.size == ((240, 320) if how.get("orientation") == 6 else (320, 240))


@pytest.mark.parametrize("size", [(1242, 375), (4000, 300), (20, 20), (1920, 1080)])
def test_for_qwen_2_5_the_picture_has_the_size_that_its_processor_leaves_alone(tmp_path, size):
    path = draw(tmp_path / "a.jpg", size)
    width, height = seen(show(path, sending_of(QWEN))).size
    assert (height, width) == smart_resize(height, width, max_pixels=QWEN.max_pixels) and width % 28 == height % 28 == 0
    assert sending_of(QWEN).size(*size) == (width, height), "known before anything is read"


def test_the_endpoints_bounds_hold_for_every_way_of_writing_boxes(tmp_path):
    path = draw(tmp_path / "a.jpg", (1000, 500))
    for boxes in ("", "qwen_1000", "image_px", "qwen2_5_vl_px"):
        few = Capability(boxes=boxes, max_pixels=100_000)
        width, height = seen(show(path, sending_of(few))).size
        assert 80_000 < width * height <= 100_000


def test_a_file_that_is_too_large_is_sent_in_a_lower_quality_and_refused_if_that_is_not_enough(tmp_path):
    path = draw(tmp_path / "a.png")
    large = Path(path).stat().st_size
    part = show(path, sending_of(Capability(max_inline_bytes=large // 2)))
    assert part.mime == "image/jpeg" and len(part.data) <= large // 2
    with pytest.raises(MediaError, match="too large for the endpoint: lower its max_pixels"):
        show(path, sending_of(Capability(max_inline_bytes=1000)))


def test_an_image_that_no_qwen_processor_takes_is_refused_with_the_reason(tmp_path):
    with pytest.raises(MediaError, match="one side is over 200 times the other"):
        measure(Source(draw(tmp_path / "a.png", (2010, 10)), "a.png"))
    assert measure(Source(draw(tmp_path / "b.png", (2000, 10)), "b.png"))["width"] == 2000


# A box in the stored picture of 60x40, and where it is when the picture is displayed turned by orientation 6.
STORED, DISPLAYED = [10.0, 5.0, 25.0, 12.0], [28.0, 10.0, 35.0, 25.0]


@pytest.mark.parametrize(
    ("stored", "label", "expected"),
    [
        pytest.param(False, DISPLAYED, DISPLAYED, id="labels_of_the_displayed_picture_are_taken_as_they_are"),
        pytest.param(True, STORED, DISPLAYED, id="labels_of_the_stored_picture_are_turned_with_it"),
    ],
)
def test_a_turned_image_is_measured_as_it_is_displayed(tmp_path, stored, label, expected):
    path = draw(tmp_path / "a.jpg", (60, 40), orientation=6)
    (tmp_path / "a.txt").write_text(f"Car 0 0 0 {' '.join(map(str, label))}\n")
    row = measure(Source(path, "a.jpg", str(tmp_path / "a.txt"), stored=stored))
    assert (row["width"], row["height"], row["orientation"]) == (40, 60, 6)
    assert [box["bbox_px"] for box in row["boxes"]] == [expected]
    assert row["kitti_bboxes"] == [[*(int(value) for value in label), "Car"]], "as the label has them"


GIVEN = {"kitti_bboxes": [[10, 5, 25, 12, "Car"]], "regions": [{"bbox": [0, 0, 500, 500], "description": "d"}]}


@pytest.mark.parametrize(
    ("size", "stored", "problem"),
    [
        pytest.param((40, 60), False, None, id="of_the_displayed_image"),
        pytest.param((0, 0), False, None, id="taos_mark_of_a_size_it_could_not_read"),
        pytest.param((60, 40), True, None, id="of_the_stored_image_and_said_so"),
        pytest.param((60, 40), False, "set data.label_orientation=stored", id="of_the_stored_image"),
        pytest.param((640, 480), False, "of an image of 640×480, not 40×60", id="of_another_image"),
    ],
)
def test_annotations_of_an_image_of_another_size_are_refused(tmp_path, size, stored, problem):
    path = draw(tmp_path / "a.jpg", (60, 40), orientation=6)
    source = Source(path, "a.jpg", stored=stored, given=GIVEN | {"width": size[0], "height": size[1]})
    if problem:
        with pytest.raises(Quarantine, match=problem):
            measure(source)
        return
    row = measure(source)
    assert [box["bbox_px"] for box in row["boxes"]] == [DISPLAYED if stored else [10.0, 5.0, 25.0, 12.0]]
    assert row["regions"][0]["bbox_px"] == [0, 0, 20, 30]


class Gallery:
    """A folder of images and labels that is measured as a run measures it."""

    def __init__(self, folder, pool):
        self.folder, self.pool, self.out, self.jobs = folder, pool, folder / "out", []
        (folder / "images").mkdir()
        (folder / "labels").mkdir()

    def put(self, name, label=None, **how):
        draw(self.folder / "images" / name, **how)
        if label is not None:
            (self.folder / "labels" / f"{Path(name).stem}.txt").write_text(label)

    def measure(self, **settings):
        data = Data(image_dir=str(self.folder / "images"), kitti_label_dir=str(self.folder / "labels"))
        inputs, found = read_inputs(data), {}
        pictures = Pictures(self, **{"root": self.folder / "images"} | settings)
        summary = run(
            inputs.records, [pictures.step()], self.out, progress=False, left_out=inputs.left_out, id_field="image",
            on_finished=lambda end: found.update({end.record.id: end}),
        )  # fmt: skip
        return summary, found, pictures

    async def run(self, function, *args):
        self.jobs.append(function.__name__)
        return await self.pool.run(function, *args)


@pytest.fixture
def gallery(tmp_path, decode_pool):
    return Gallery(tmp_path, decode_pool)


def test_each_image_ends_in_one_state_and_the_seed_has_taos_fields(gallery):
    gallery.put("a.png", "Car 0 0 0 10 10 50 50\nDontCare -1 -1 -10 1 1 9 9\nbroken\n")
    gallery.put("b.png")
    (gallery.folder / "images" / "c.png").write_bytes(b"no picture")
    (gallery.folder / "labels" / "d.txt").write_text("")
    summary, found, _ = gallery.measure(selection=Selection(("DontCare",)), labelled=True)
    assert (summary.done, summary.quarantined, summary.skipped) == (2, 1, {"no image has its name": 1})
    assert found["c.png"].reason == "not an image"
    row = found["a.png"].rows["media"]
    assert list(row)[:8] == [
        "image_id", "image", "image_path", "width", "height", "kitti_bboxes", "source", "pipeline_steps",
    ]  # fmt: skip
    assert row["image_path"] == f"{gallery.folder}/images/a.png" and row["pipeline_steps"] == []
    assert row["kitti_bboxes"] == [[10, 10, 50, 50, "Car"], [1, 1, 9, 9, "DontCare"]], "all that were read"
    assert [box["type"] for box in row["boxes"]] == ["Car"]
    assert row["left_out"] == [
        {"line": 2, "reason": "its type is in skip_types: DontCare"},
        {"line": 3, "reason": "fewer than 8 fields: 1"},
    ]
    bare = found["b.png"].rows["media"]
    assert bare["boxes"] == [] and bare["left_out"] == [{"entry": "its label", "reason": "there is none"}]


def test_a_label_that_cannot_be_read_quarantines_its_image(tmp_path, monkeypatch):
    def unreadable(self):
        raise PermissionError(13, "Permission denied")

    path = draw(tmp_path / "a.png")
    monkeypatch.setattr(Path, "read_bytes", unreadable)  # root reads anything
    with pytest.raises(Quarantine, match="its label cannot be read: Permission denied"):
        measure(Source(path, "a.png", str(tmp_path / "a.txt")))


def test_500_boxes_in_one_image_and_boxes_of_a_pixel_are_read(gallery):
    lines = [
        f"Car 0 0 0 {8 * (n % 500)} {100 * (n // 500)} {8 * (n % 500) + 1} {100 * (n // 500) + 1}" for n in range(600)
    ]
    gallery.put("wide.png", "\n".join(lines), size=(4000, 300))
    summary, found, _ = gallery.measure()
    row = found["wide.png"].rows["media"]
    assert summary.done == 1 and len(row["boxes"]) == 600 and row["left_out"] == []
    assert all(box["bbox_2d"] is None for box in row["boxes"]), "a pixel of 4000 is no thousandth"
    (_, found, _) = gallery.measure(selection=Selection(min_box_px=2))
    assert {one["reason"].partition(":")[0] for one in found["wide.png"].rows["media"]["left_out"]} == {
        "smaller than min_box_px"
    }


def test_what_has_been_measured_is_not_measured_again_unless_it_or_a_setting_has_changed(gallery):
    gallery.put("a.png", "Car 0 0 0 10 10 50 50\n")
    gallery.measure()
    gallery.measure()
    assert gallery.jobs == ["measure"]
    (gallery.folder / "labels" / "a.txt").write_text("Car 0 0 0 10 10 50 50.5\n")
    gallery.measure()
    gallery.measure(stored=True)
    gallery.measure(stored=True, selection=Selection(("Car",)))
    assert gallery.jobs == ["measure"] * 4


def test_an_image_is_decoded_once_for_being_measured_and_shown_to_all_steps(gallery):
    gallery.put("a.png", "")
    capability = Capability(boxes="qwen_1000")
    shown = []

    async def look(pictures, fields):
        shown.extend(await asyncio.gather(*(pictures.shown(fields, capability) for _ in range(3))))

    data = Data(image_dir=str(gallery.folder / "images"), kitti_label_dir=str(gallery.folder / "labels"))
    pictures = Pictures(gallery, shown_to=capability)
    step = pictures.step()

    async def whole():
        (record,) = read_inputs(data).records
        await look(pictures, record.fields | await step.run(record.fields))

    asyncio.run(whole())
    assert gallery.jobs == ["measure_and_show"]
    assert len(shown) == 3 and {one.size for one in shown} == {(320, 240)}
    assert {one.parts[0].data for one in shown} == {(gallery.folder / "images" / "a.png").read_bytes()}


def test_what_is_shown_decides_a_reply_and_what_does_not_change_it_does_not():
    pictures = Pictures(None)
    fields = {"sha256": "1" * 64, "width": 320, "height": 240}
    at_first = pictures.decides(fields, QWEN)
    assert pictures.decides(fields | {"path": "moved"}, replace(QWEN, fps_channel="part")) == at_first
    assert pictures.decides(fields, replace(QWEN, max_pixels=50_000)) != at_first
    assert pictures.decides(fields | {"sha256": "2" * 64}, QWEN) != at_first


def test_an_endpoint_that_takes_no_images_is_refused_in_a_sentence():
    with pytest.raises(ConfigError, match="the endpoint takes no images"):
        asyncio.run(Pictures(None).shown({}, Capability(images=False)))


def test_what_a_step_of_ours_has_said_since_goes_before_what_was_given(gallery):
    gallery.put("a.png")
    pictures = Pictures(gallery)
    fields = {
        "image": "a.png", "image_id": "a", "path": str(gallery.folder / "images" / "a.png"), "label": None, "size": 1,
        "mtime_ns": 1, "given": GIVEN | {"caption": "Given."},
    }  # fmt: skip
    row = asyncio.run(pictures.step().run(fields))
    assert row["caption"] == "Given." and len(row["regions"]) == 1
    later = fields | {"regions": [], "caption": "Said."}
    row = asyncio.run(pictures.step().run(later))
    assert "caption" not in row and "regions" not in row
    assert pictures.step().inputs(later) != pictures.step().inputs(fields)
