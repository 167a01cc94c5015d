"""Images through the commands: a real (untrained) student is asked to locate things in toy pictures, and scored."""

import json

import pytest
from PIL import Image

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write
from demitasse.dataset.grounding import grounding_answer, grounding_question, units_of
from demitasse.errors import DataError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.load import build_encoder
from demitasse.student.sight import STYLE_FACTOR, Sight, SightSettings
from demitasse.student.vision import read_vision_settings
from demitasse.toyworld.picture import render_scene
from demitasse.toyworld.scene import toy_scene
from evaluate.comparing.arm import load_arm

SIZE = (96, 64)
PICTURES = 4


def located(number, units):
    """An item that asks for the first thing of a toy picture."""
    thing = toy_scene(number).things[0]
    phrase = f"the {thing.colour} {thing.shape}"
    box = [side * whole for side, whole in zip(thing.box, SIZE * 2, strict=True)]
    answer = grounding_answer(phrase, [units.write(box)])
    extra = {"boxes": units.to_json(), "bbox_px": [box]}
    return Item(grounding_question(phrase, units), answer, image_id=f"{number}.png", extra=extra)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Toy pictures, a file of grounding items about them, and a tiny student of random weights."""
    from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

    folder = tmp_path_factory.mktemp("world")
    (folder / "images").mkdir()
    units = units_of("qwen_1000", SIZE)
    for number in range(PICTURES):
        render_scene(folder / "images" / f"{number}.png", number, *SIZE)
    items = [located(number, units) for number in range(PICTURES)]
    write(folder / "data.json", TaskFile(items, task="grounding", license="x", media_root="images"))
    tokenizer = build_tokenizer([text for item in items for text in (item.question, item.answer)])
    for seed, name in enumerate(("base", "trained")):
        model = build_model("qwen2_5_vl", tokenizer, hidden=32, layers=1, heads=2, seed=seed)
        save_tiny(model, tokenizer, folder / name)
    return folder


@pytest.fixture(scope="module")
def runs(world):
    """Both students' predictions, and one student's on black pictures."""
    for name, more in (("base", []), ("trained", []), ("blank", ["--frames", "blank"])):
        assert predict(world, world / ("trained" if name == "blank" else name), world / "runs" / name, *more) == 0
    return world / "runs"


def predict(world, model, out, *more, data=None):
    words = ["--data", data or world / "data.json", "--model", model, "--out", out, "--cache", world / "cache"]
    return main(["predict", *map(str, words), "--max-new-tokens", "12", *more])


def sight(world, frames="video"):
    from transformers import AutoConfig

    vision = build_encoder(world / "base", AutoConfig.from_pretrained(world / "base")).vision
    return Sight(SightSettings(SamplingPolicy(), frames=frames), FrameCache(world / "cache"), vision)


def test_images_are_asked_about_and_carry_what_their_boxes_mean(runs):
    arm = load_arm(runs / "base")
    assert sorted(asked.video_id for asked in arm.items.values()) == [f"{number}.png" for number in range(PICTURES)]
    for asked in arm.items.values():
        assert asked.extra["boxes"] == {"style": "qwen_1000", "size": [1000, 1000], "image_size": [96, 64]}
        assert len(asked.extra["bbox_px"]) == 1
    assert {row.finish for row in arm.predictions.values()} <= {"stop", "length"}
    assert all(row.media for row in arm.predictions.values())


def test_the_runs_are_scored_and_compared(runs, world, capsys):
    assert main(["score", str(runs / "base")]) == 0
    assert "4 items of 4 images" in capsys.readouterr().out
    arms = [str(runs / "base"), str(runs / "trained"), f"blank={runs / 'blank'}"]
    assert main(["compare", *arms, "--out", str(runs / "report"), "--media", str(world / "images")]) == 0
    entry = json.loads((runs / "report" / "report.json").read_text())["metrics"]["grounding_iou"]
    assert (entry["n"], set(entry["arms"])) == (PICTURES, {"base", "trained", "blank"})
    assert all(arm["boxes"]["gold"] == PICTURES for arm in entry["arms"].values())


def test_a_student_that_answers_with_the_references_boxes_scores_one(runs, tmp_path):
    for name in ("items.jsonl", "predictions.jsonl"):
        rows = [json.loads(line) for line in (runs / "base" / name).read_text().splitlines()]
        right = [row | ({"response": row["reference"], "finish": "stop"} if "finish" in row else {}) for row in rows]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in right))
    assert [row.score for row in load_arm(tmp_path).scores().values()] == [1.0] * PICTURES


def test_the_control_of_blank_frames_blinds_images_too(runs, world):
    settings = json.loads((runs / "blank" / "run.json").read_text())["settings"]
    assert settings["frames"] == "blank"
    item = Item("?", "[]", image_id="0.png")
    assert not sight(world, "blank").show(item, world / "images" / "0.png").pixels.frames.any()
    assert sight(world).show(item, world / "images" / "0.png").pixels.frames.any()


def test_an_image_is_shown_as_it_is_displayed_and_not_as_it_is_stored(world, tmp_path):
    upright = Image.open(world / "images" / "0.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "0.png", exif=exif)
    item = Item("?", "[]", image_id="0.png")
    turned = sight(world).show(item, tmp_path / "0.png").pixels.frames
    assert turned.equal(sight(world).show(item, world / "images" / "0.png").pixels.frames)


def test_an_image_that_cannot_be_read_is_one_counted_row(world, tmp_path, capsys):
    for number in range(PICTURES):
        (tmp_path / f"{number}.png").write_bytes(
            (world / "images" / f"{number}.png").read_bytes()[: 40 if number == 2 else None]
        )
    file = json.loads((world / "data.json").read_text()) | {"media_root": "."}
    (tmp_path / "data.json").write_text(json.dumps(file))
    assert predict(world, world / "base", tmp_path / "out", data=tmp_path / "data.json") == 3
    said = capsys.readouterr()
    assert "1 could not be asked" in said.out and "the first: " in said.err
    [failed] = [row for row in load_arm(tmp_path / "out").predictions.values() if row.finish == "error"]
    assert failed.asked.video_id == "2.png"


def test_pixels_of_another_size_than_the_student_is_shown_are_refused_and_never_scored_as_if_right(world):
    eyes, path = sight(world), world / "images" / "0.png"
    height, width = eyes.show(Item("?", "[]", image_id="0.png"), path).pixels.frames.shape[-2:]

    def counting_in(size):
        boxes = {"style": "qwen2_5_vl_px", "size": size, "image_size": list(SIZE)}
        return Item("?", "[]", image_id="0.png", extra={"boxes": boxes})

    eyes.show(counting_in([width, height]), path)
    with pytest.raises(DataError, match=rf"0.png: its boxes count in pixels of \[{height}, {width}\]") as told:
        eyes.show(counting_in([height, width]), path)
    factor = read_vision_settings(world / "base").factor
    assert (f"its sides are multiples of {factor}" in str(told.value)) == (factor != STYLE_FACTOR)


def test_boxes_of_another_field_do_not_disturb_what_is_shown(world):
    path = world / "images" / "0.png"
    for foreign in ([[1, 2, 3, 4]], {"style": ["odd"]}, "none", None):
        sight(world).show(Item("?", "A", image_id="0.png", extra={"boxes": foreign}), path)


def test_an_item_that_does_not_say_what_its_boxes_mean_is_named_and_can_be_left_out(world, tmp_path, capsys):
    item = Item("Where?", '[{"bbox_2d": [1, 2, 3, 4]}]', image_id="1.png")
    images = str(world / "images")
    write(
        tmp_path / "d.json",
        TaskFile([located(0, units_of("qwen_1000", SIZE)), item], task="grounding", license="x", media_root=images),
    )
    assert predict(world, world / "base", tmp_path / "out", data=tmp_path / "d.json") == 0
    assert main(["score", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "(1.png, grounding): boxes is null" in told and "--skip-gold-faults" in told
    assert len(told.strip().splitlines()) == 1
    assert main(["score", str(tmp_path / "out"), "--skip-gold-faults"]) == 3
