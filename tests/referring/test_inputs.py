"""Which images there are, each with its label, and what is left out with its reason."""

import json
import os
import unicodedata

import pytest

from annotate.referring.config import Data
from annotate.referring.inputs import brought, image_root, read_inputs
from demitasse.errors import ConfigError


class Folder:
    """Images, which here are any bytes, and labels."""

    def __init__(self, path):
        self.images, self.labels, self.path = path / "images", path / "labels", path
        self.images.mkdir()
        self.labels.mkdir()

    def image(self, *names):
        for name in names:
            path = self.images / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())

    def label(self, *names):
        for name in names:
            path = self.labels / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("Car 0 0 0 1 2 3 4\n")

    def read(self, **data):
        return read_inputs(Data(**{"image_dir": str(self.images), "kitti_label_dir": str(self.labels)} | data))

    def listed(self, *rows, **data):
        file = self.path / "list.jsonl"
        file.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
        return self.read(input_annotations_jsonl=str(file), **data)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def labels(inputs):
    return {
        record.id: os.path.basename(record.fields["label"]["path"]) if record.fields["label"] else None
        for record in inputs.records
    }


def ids(inputs):
    return {record.id: record.fields["image_id"] for record in inputs.records}


def test_an_image_and_its_label_have_one_stem_whatever_the_endings_and_their_case(folder):
    folder.image("a.JPG", "b.jpeg", "c.png", "d.WebP", "e.bmp", "f.tif", "g.TIFF")
    folder.label("a.txt", "b.TXT", "c.txt", "d.txt", "e.txt", "f.txt", "g.txt")
    inputs = folder.read()
    assert labels(inputs) == {
        "a.JPG": "a.txt", "b.jpeg": "b.TXT", "c.png": "c.txt", "d.WebP": "d.txt", "e.bmp": "e.txt", "f.tif": "f.txt",
        "g.TIFF": "g.txt",
    }  # fmt: skip
    assert inputs.left_out == [] and inputs.notes == []


def test_pictures_that_nobody_reads_are_told_of(folder):
    folder.image("a.png", "b.gif", "deep/c.HEIC")
    folder.label("a.txt")
    inputs = folder.read()
    assert list(labels(inputs)) == ["a.png"] and inputs.left_out == []
    assert inputs.notes == ["passed over, for nothing reads files of these endings: 1 .gif, 1 .heic"]


def test_labels_lie_in_a_tree_like_the_images_or_all_in_one_folder(folder):
    folder.image("day/a.png", "night/a.png", "day/deep/b.png")
    folder.label("day/a.txt", "night/a.txt", "b.txt")
    inputs = folder.read()
    assert [record.fields["label"]["path"] for record in inputs.records] == [
        str(folder.labels / "day/a.txt"),
        str(folder.labels / "b.txt"),
        str(folder.labels / "night/a.txt"),
    ]
    assert inputs.left_out == []


def test_a_label_that_could_be_that_of_images_in_two_folders_is_nobodys(folder):
    folder.image("day/a.png", "night/a.png")
    folder.label("a.txt")
    inputs = folder.read()
    assert inputs.records == []
    assert inputs.left_out == [
        (name, "images in several folders have the name of its label") for name in ("day/a.png", "night/a.png")
    ]


def test_a_label_of_an_image_beside_it_is_not_lent_to_another_folder(folder):
    folder.image("a.png", "deep/a.png")
    folder.label("a.txt")
    inputs = folder.read()
    assert labels(inputs) == {"a.png": "a.txt", "deep/a.png": None} and inputs.left_out == []


def test_an_accent_is_one_letter_or_two_and_still_the_same_name(folder):
    folder.image(unicodedata.normalize("NFD", "café 雪.png"))
    folder.label(unicodedata.normalize("NFC", "café 雪.txt"))
    (record,) = folder.read().records
    assert record.fields["label"] is not None


def test_labels_without_an_image_are_left_out_with_the_reason(folder):
    folder.image("a.png")
    folder.label("a.txt", "a.TXT", "b.txt", "deep/a.txt")
    assert sorted(folder.read().left_out) == [
        ("label a.txt", "another label has its name"),
        ("label b.txt", "no image has its name"),
        ("label deep/a.txt", "no image has its name"),
    ]


def test_images_without_a_label_are_records_and_the_person_is_told_how_many(folder):
    folder.image("a.png", "b.png", "c.png")
    folder.label("b.txt")
    inputs = folder.read()
    assert labels(inputs) == {"a.png": None, "b.png": "b.txt", "c.png": None}
    assert inputs.notes == ["2 of 3 images have no label, so that only step 1 has something to do for them: a.png ..."]


def test_the_image_id_is_the_stem_as_with_tao_and_more_where_that_is_not_enough(folder):
    folder.image("a.png", "b.png", "b.jpg", "day/c.png", "night/c.png")
    assert ids(folder.read(kitti_label_dir="")) == {
        "a.png": "a", "b.png": "b.png", "b.jpg": "b.jpg", "day/c.png": "day/c.png", "night/c.png": "night/c.png",
    }  # fmt: skip


def test_no_two_images_have_one_image_id_even_if_one_is_called_as_another_ones_file(folder):
    """Text files are named by it: one would stand for two."""
    folder.image("a.png", "a.jpg", "a.png.jpg")
    assert ids(folder.read(kitti_label_dir="")) == {"a.png": "a.png", "a.jpg": "a.jpg", "a.png.jpg": "a.png.jpg"}


def test_what_is_named_twice_or_cannot_be_an_image_is_left_out_with_the_reason(folder):
    folder.image("a.png")
    (folder.images / "loop").symlink_to(folder.images, target_is_directory=True)
    (folder.images / "again.png").symlink_to(folder.images / "a.png")
    (folder.images / "broken.jpg").symlink_to(folder.images / "nowhere.jpg")
    (folder.images / "pipe.png").mkdir()
    os.close(os.open(os.fsencode(folder.images) + b"/\xff.png", os.O_CREAT))
    inputs = folder.read(kitti_label_dir="")
    assert [record.id for record in inputs.records] == ["a.png"]
    assert sorted(reason for _, reason in inputs.left_out) == [
        "broken link", "folder already listed (link)", "same file as another (link)", "the file's name is not UTF-8",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["image_dir", "kitti_label_dir"])
def test_a_folder_that_is_not_there_is_an_error_that_names_the_key(folder, key):
    with pytest.raises(ConfigError, match=f"{key} '/not/there' is not a folder"):
        folder.read(**{key: "/not/there"})


def test_a_list_that_is_not_there_is_an_error_and_the_folder_is_not_taken_instead(folder):
    folder.image("a.png")
    with pytest.raises(ConfigError, match=r"input_annotations_jsonl: .*nowhere.jsonl cannot be read"):
        folder.read(input_annotations_jsonl=str(folder.path / "nowhere.jsonl"))


def test_a_list_says_which_images_there_are_and_takes_the_place_of_the_labels(folder):
    folder.image("a.png", "deep/b.png", "c.png")
    folder.label("a.txt")
    inputs = folder.listed(
        {"image_path": str(folder.images / "a.png"), "kitti_bboxes": [[1, 2, 3, 4, "Car"]], "caption": "A."},
        {"image": "deep/b.png", "image_path": "/moved/deep/b.png", "regions": [], "expressions": [], "odd": 1},
    )
    assert labels(inputs) == {"a.png": None, "deep/b.png": None}
    first, second = inputs.records
    assert first.fields["given"] == {"kitti_bboxes": [[1, 2, 3, 4, "Car"]], "caption": "A."}
    assert second.fields["given"] == {"regions": [], "expressions": []}
    assert (brought(first), brought(second)) == (["1"], ["0", "2"])
    assert inputs.notes == ["kitti_label_dir is not read: input_annotations_jsonl is set and takes its place"]


def test_without_a_folder_names_count_from_the_list(folder):
    folder.image("a.png")
    inputs = folder.listed({"image_path": "images/a.png"}, {"image_path": "/etc/hostname"}, image_dir="")
    assert [record.id for record in inputs.records] == ["images/a.png"]
    assert image_root(Data(input_annotations_jsonl=str(folder.path / "list.jsonl"))) == folder.path


def test_images_outside_the_folder_keep_their_path_and_the_person_is_told(folder, tmp_path):
    (tmp_path / "far.png").write_bytes(b"far")
    folder.image("a.png")
    rows = [{"image_path": path, "kitti_bboxes": []} for path in (str(tmp_path / "far.png"), "a.png")]
    inputs = folder.listed(*rows, kitti_label_dir="")
    assert [record.id for record in inputs.records] == [str(tmp_path / "far.png"), "a.png"]
    assert inputs.notes == [f"1 images lie outside {folder.images} and keep absolute paths as their names"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(b"{not json}\n", "the line is no JSON", id="no_json"),
        pytest.param(b"[1, 2]\n", "the line is no JSON object", id="no_object"),
        pytest.param(b'{"image_path": "\xe9.png"}\n', "the line is no JSON", id="latin_1"),
        pytest.param({"image_id": "a"}, "the line has no image_path", id="no_path"),
        pytest.param({"image_path": 3}, "the line has no image_path", id="a_path_that_is_no_text"),
        pytest.param({"image_path": "nowhere.png"}, "no such image", id="no_file"),
        pytest.param({"image_path": "a" * 5000 + ".png"}, "no such image", id="a_name_that_no_file_can_have"),
        pytest.param({"image_path": "a.png"}, "another line names the same image", id="an_image_twice"),
        pytest.param({"image_path": "b.png", "regions": {}}, "regions is no list", id="a_list_that_is_none"),
        pytest.param({"image_path": "b.png", "width": "640"}, "width is no whole number", id="a_size_that_is_none"),
        pytest.param({"image_path": "b.png", "caption": 7}, "caption is no text", id="a_caption_that_is_none"),
    ],
)
def test_a_bad_line_of_a_list_is_named_and_the_others_are_read(folder, row, reason):
    folder.image("a.png", "b.png")
    inputs = folder.listed({"image_path": "a.png"}, b"\n", row)
    assert [record.id for record in inputs.records] == ["a.png"]
    assert inputs.left_out == [(f"{folder.path / 'list.jsonl'}:3", reason)]


def test_a_byte_order_mark_costs_a_list_no_line(folder):
    folder.image("a.png")
    assert folder.listed(b'\xef\xbb\xbf{"image_path": "a.png"}\n').left_out == []


def test_a_file_that_is_no_image_by_its_ending_is_not_taken_from_a_list_either(folder):
    folder.image("a.gif")
    ((place, reason),) = folder.listed({"image_path": "a.gif"}).left_out
    assert place.endswith(":1") and reason.startswith("not an image by its ending")


def test_an_image_of_a_pilot_is_called_as_in_the_whole(folder):
    names = [f"{camera}/{number}.png" for camera in "ab" for number in range(8)]
    folder.image(*names)
    whole = ids(folder.read())
    pilot = folder.read(sample=5)
    assert len(pilot.records) == 5
    assert ids(pilot).items() <= whole.items()
    assert "data.sample: 5 of 16 images" in pilot.notes
