"""Annotated images in other people's formats: every box comes back, every phrase is beside its boxes."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from demitasse.cli import main
from demitasse.interchange.referring import read_pictures

FORMATS = ["coco", "refcoco", "label-studio", "fiftyone"]
RED, BLUE, FAR = [100.0, 150.25, 220.5, 240.0], [700.3, 160.0, 900.0, 300.0], [0.1, 0.2, 33.3, 375.0]
MOVED, LONE, WHOLE = [701.0, 161.5, 899.0, 299.0], [5.0, 6.0, 7.5, 9.0], [0.0, 0.0, 407.0, 663.0]
LABELLED = {1: [RED, BLUE, FAR], 2: [WHOLE]}
MARKED = {1: [RED, MOVED, LONE, FAR], 2: [WHOLE]}


def export(source, out, to, *words):
    return main(["data", "export", str(source), str(out), "--to", to, *words])


def loaded(path):
    return json.loads(path.read_text(encoding="utf-8"))


def corners(xywh, width=1.0, height=1.0):
    x, y, w, h = xywh
    return [x * width, y * height, (x + w) * width, (y + h) * height]


def close(boxes):
    return [pytest.approx(box, abs=1e-6) for box in boxes]


def by_image(annotations):
    found = {}
    for one in annotations:
        found.setdefault(one["image_id"], []).append(corners(one["bbox"]))
    return found


def test_coco_holds_every_labelled_box_with_what_was_said_of_it(annotated, tmp_path, capsys):
    assert export(annotated, tmp_path / "out", "coco") == 0
    assert "4 boxes of 2 categories, 1 captions" in capsys.readouterr().out
    coco = loaded(tmp_path / "out" / "instances.json")
    assert by_image(coco["annotations"]) == {image: close(boxes) for image, boxes in LABELLED.items()}
    assert [(one["id"], one["file_name"], one["width"], one["height"]) for one in coco["images"]] == [
        (1, "a/1.png", 1242, 375),
        (2, "a/1.jpg", 407, 663),
        (3, "ü.png", 4000, 300),
    ]
    names = {one["id"]: one["name"] for one in coco["categories"]}
    assert names == {1: "Car", 2: "Pedestrian"}
    assert [names[one["category_id"]] for one in coco["annotations"]] == ["Car", "Car", "Pedestrian", "Car"]
    first = coco["annotations"][0]
    assert first["attributes"] == {"color": "red", "description": "red car by the gate", "score": 0.9}
    assert (first["id"], first["iscrowd"]) == (1, 0)
    assert first["area"] == pytest.approx(120.5 * 89.75)


def test_coco_captions_are_a_file_of_their_own(annotated, tmp_path):
    export(annotated, tmp_path / "out", "coco")
    captions = loaded(tmp_path / "out" / "captions.json")
    assert captions["annotations"] == [{"id": 1, "image_id": 1, "caption": "A road with two cars."}]
    assert captions["images"] == loaded(tmp_path / "out" / "instances.json")["images"]


def test_no_captions_no_file(annotated, tmp_path):
    path = annotated / "annotations.jsonl"
    path.write_text(path.read_text().splitlines()[1] + "\n")
    assert export(path, tmp_path / "out", "coco") == 0
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["instances.json"]


def test_a_ref_is_a_set_of_boxes_with_all_phrases_that_mean_just_them(annotated, tmp_path, capsys):
    assert export(annotated, tmp_path / "out", "refcoco") == 0
    assert "3 refs with 4 sentences, 5 boxes" in capsys.readouterr().out
    instances = loaded(tmp_path / "out" / "instances.json")
    boxes = {one["id"]: corners(one["bbox"]) for one in instances["annotations"]}
    refs = loaded(tmp_path / "out" / "refs.json")
    said = [([sentence["raw"] for sentence in ref["sentences"]], [boxes[one] for one in ref["ann_id"]]) for ref in refs]
    assert said == [
        (["red car", "the car by the gate"], close([RED])),
        (["cars"], close([RED, MOVED])),
        (['what nobody described: "X"'], close([LONE])),
    ]
    assert by_image(instances["annotations"]) == {image: close(marked) for image, marked in MARKED.items()}


def test_ids_of_refs_and_sentences_are_unique_and_point_where_they_say(annotated, tmp_path):
    export(annotated, tmp_path / "out", "refcoco")
    instances, refs = (loaded(tmp_path / "out" / name) for name in ("instances.json", "refs.json"))
    by_id = {one["id"]: one for one in instances["annotations"]}
    names = {one["id"]: one["name"] for one in instances["categories"]}
    assert [ref["ref_id"] for ref in refs] == [1, 2, 3] and sum((ref["sent_ids"] for ref in refs), []) == [1, 2, 3, 4]
    for ref in refs:
        assert {by_id[one]["image_id"] for one in ref["ann_id"]} == {ref["image_id"]}
        assert ref["category_id"] == [by_id[one]["category_id"] for one in ref["ann_id"]]
        assert (ref["split"], ref["no_target"], ref["file_name"]) == ("train", False, "a/1.png")
    assert refs[2]["sentences"][0]["tokens"] == ["what", "nobody", "described", "x"]
    assert [names[one] for one in refs[2]["category_id"]] == ["object"]


def test_label_studio_rectangles_are_per_cent_and_carry_their_phrases(annotated, tmp_path):
    assert export(annotated, tmp_path / "out", "label-studio") == 0
    tasks = loaded(tmp_path / "out" / "tasks.json")
    assert [task["data"]["name"] for task in tasks] == ["a/1.png", "a/1.jpg", "ü.png"]
    urls = [task["data"]["image"] for task in tasks]
    assert (urls[0], urls[2]) == ("/data/local-files/?d=images/a/1.png", "/data/local-files/?d=images/%C3%BC.png")
    found, phrases = {}, {}
    for number, task in enumerate(tasks, 1):
        for result in task["predictions"][0]["result"]:
            value = result["value"]
            if result["type"] == "rectanglelabels":
                size = result["original_width"] / 100, result["original_height"] / 100
                box = corners([value[side] for side in ("x", "y", "width", "height")], *size)
                found.setdefault(number, []).append(box)
            elif result["from_name"] == "phrase":
                phrases[result["id"]] = value["text"]
    assert found == {image: close(marked) for image, marked in MARKED.items()}
    assert phrases == {
        "thing-0": ["red car", "the car by the gate", "cars"],
        "thing-1": ["cars"],
        "thing-2": ['what nobody described: "X"'],
    }


def test_label_studio_s_interface_knows_every_name_that_a_task_uses(annotated, tmp_path):
    path = annotated / "annotations.jsonl"
    path.write_text(path.read_text().replace('"Pedestrian"', '"<b> & \\"c\\""'))
    export(annotated, tmp_path / "out", "label-studio")
    view = ElementTree.parse(tmp_path / "out" / "label_config.xml").getroot()
    kinds = {one.get("name"): one.tag.lower() for one in view.iter() if one.get("toName") == "image"}
    labels = [one.get("value") for one in view.iter("Label")]
    assert labels == ['<b> & "c"', "Car", "object"] and view.find("Image").get("name") == "image"
    for task in loaded(tmp_path / "out" / "tasks.json"):
        for result in task["predictions"][0]["result"]:
            assert kinds[result["from_name"]] == result["type"] and result["to_name"] == "image"
            assert set(result["value"].get("rectanglelabels", [])) <= set(labels)


@pytest.mark.parametrize("media", ["copy", "link"])
def test_fiftyone_has_its_images_and_fractions_under_names_without_suffix(annotated, tmp_path, media):
    assert export(annotated, tmp_path / "out", "fiftyone", "--media", media) == 0
    document = loaded(tmp_path / "out" / "labels.json")
    assert document["classes"] == ["Car", "Pedestrian", "object"]
    assert list(document["labels"]) == ["a/1", "a/1-2", "ü"]
    sizes = [(1242, 375), (407, 663), (4000, 300)]
    found = {
        number: [corners(one["bounding_box"], *size) for one in detections]
        for number, (detections, size) in enumerate(zip(document["labels"].values(), sizes, strict=True), 1)
    }
    assert found == {image: close(MARKED.get(image, [])) for image in (1, 2, 3)}
    first = document["labels"]["a/1"][0]
    assert first["label"] == "Car" and first["attributes"] == {
        "color": "red",
        "description": "red car by the gate",
        "phrases": ["red car", "the car by the gate", "cars"],
    }
    for source, name in (("a/1.png", "a/1.png"), ("a/1.jpg", "a/1-2.jpg"), ("ü.png", "ü.png")):
        placed = tmp_path / "out" / "data" / name
        assert placed.read_bytes() == (tmp_path / "images" / source).read_bytes()
        assert placed.is_symlink() == (media == "link")


def test_a_score_is_a_labelled_box_s_and_not_a_phrase_s(annotated):
    picture = read_pictures(annotated)[0]
    assert [thing.score for thing in picture.objects] == [0.9, None, None]
    assert [thing.score for thing in picture.marked] == [None] * 4


@pytest.mark.parametrize("target", FORMATS)
def test_the_same_annotations_make_the_same_bytes(annotated, tmp_path, target):
    for name in ("one", "two"):
        assert export(annotated / "annotations.jsonl", tmp_path / name, target) == 0
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert files and all(
        (tmp_path / "one" / one).read_bytes() == (tmp_path / "two" / one).read_bytes() for one in files
    )


@pytest.mark.parametrize("target", FORMATS)
def test_no_file_names_a_folder_of_this_machine(annotated, tmp_path, target):
    export(annotated, tmp_path / "out", target)
    written = [path for path in (tmp_path / "out").rglob("*") if path.suffix in (".json", ".xml")]
    assert written and not [path for path in written if str(tmp_path) in path.read_text()]


@pytest.mark.parametrize("target", FORMATS)
def test_a_folder_that_holds_something_is_left_alone(annotated, tmp_path, capsys, target):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    assert export(annotated, tmp_path / "out", target) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["mine"]


def test_what_a_killed_export_left_is_gone_from_the_next(annotated, tmp_path):
    (tmp_path / ".out.partial" / "data").mkdir(parents=True)
    (tmp_path / ".out.partial" / "data" / "old.png").write_text("x")
    assert export(annotated, tmp_path / "out", "coco") == 0
    assert not list((tmp_path / "out").rglob("old.png"))


def first_row(annotated, change):
    path = annotated / "annotations.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows[0])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda row: row.pop("boxes"), "has no 'boxes' in pixels", id="taos_own_file"),
        pytest.param(lambda row: row.update(width=0), "width is 0", id="an_unreadable_size"),
        pytest.param(lambda row: row.pop("image"), "image is null", id="no_image"),
        pytest.param(lambda row: row.update(regions=3), "regions is 3", id="no_list"),
        pytest.param(
            lambda row: row["boxes"][1].update(bbox_px=[0, 0, 1300, 9]),
            r"boxes[1].bbox_px is [0, 0, 1300, 9]",
            id="out",
        ),
        pytest.param(
            lambda row: row["expressions"][2]["instances"][1].update(bbox_px="x"),
            "expressions[2].instances[1].bbox_px",
            id="no_box",
        ),
        pytest.param(lambda row: row["expressions"][0].update(text=" "), "expressions[0].text", id="no_phrase"),
    ],
)
def test_a_row_that_cannot_be_exported_is_named_by_line_and_field(annotated, tmp_path, capsys, change, says):
    first_row(annotated, change)
    assert export(annotated, tmp_path / "out", "coco") == 2
    said = capsys.readouterr().err
    assert "annotations.jsonl, line 1: " in said and says in said and "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_an_image_that_is_gone_is_named(annotated, tmp_path, capsys):
    (tmp_path / "images" / "ü.png").unlink()
    assert export(annotated, tmp_path / "out", "fiftyone") == 2
    assert "ü.png" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert export(annotated, tmp_path / "out", "coco") == 0, "who does not hold the images does not need them"


def test_a_folder_within_the_results_names_the_results(annotated, tmp_path, capsys):
    items = (annotated if annotated.is_dir() else annotated.parent) / "items"
    items.mkdir(exist_ok=True)
    assert export(items, tmp_path / "out", "coco") == 2
    assert f"; {items.parent} is one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("empty", None, "no results folder of `demitasse annotate image`", id="another_folder"),
        pytest.param("nowhere.jsonl", None, "there is no such file", id="nothing"),
        pytest.param("grounding.json", "{}", "is no annotations.jsonl", id="a_dataset_file"),
        pytest.param("cut.jsonl", '{"image": "a', "line 1: not readable JSON", id="cut_short"),
        pytest.param("list.jsonl", "[1]", "line 1: is a list", id="no_object"),
        pytest.param("none.jsonl", "\n", "holds no image", id="no_row"),
        pytest.param("latin.jsonl", b'{"image": "\xfc"}', "is not UTF-8", id="another_encoding"),
    ],
)
def test_a_source_that_is_something_else_is_refused_in_a_sentence(tmp_path, capsys, name, content, says):
    path = tmp_path / name
    if content is None and "." not in name:
        path.mkdir()
    elif content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert export(path, tmp_path / "out", "refcoco") == 2
    assert says in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("target", "words", "says"),
    [
        pytest.param("coco", ["--media", "link"], "names the images and does not hold them", id="media"),
        pytest.param("fiftyone", ["--title", "T"], "--title is a dataset card's", id="title"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(annotated, tmp_path, capsys, target, words, says):
    assert export(annotated, tmp_path / "out", target, *words) == 2
    assert says in capsys.readouterr().err and not (tmp_path / "out").exists()
