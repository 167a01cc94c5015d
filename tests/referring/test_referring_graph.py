"""The steps together: which wait for which, what each is given of the others, and what fails alone."""

import json
import re

import orjson
import pytest

from annotate.asking import Asker
from annotate.referring.blind_grounding import BlindGrounding
from annotate.referring.config import ReferringExpression, Spec, Workflow
from annotate.referring.double_check import DoubleChecking
from annotate.referring.graph import build_steps
from annotate.referring.grounding import Grounding
from annotate.referring.prompt_keys import PROMPTS, used_keys
from annotate.referring.regions import RegionDescribing
from annotate.referring.work import job_of
from demitasse.chat.model import Sampling
from demitasse.engine.caller import open_caller
from demitasse.engine.graph import Graph
from demitasse.engine.runner import run
from demitasse.engine.step import Record
from demitasse.errors import ConfigError
from demitasse.prompts import load_pack

ALL = ["0", "1", "2", "3", "4"]


def say_all_right(request) -> str:
    """A teacher for whom every box is right and every phrase finds its box."""
    listed = re.findall(r"^(\d+)\. (.*?)(?:: (\[.*\]))?$", request.text, re.MULTILINE)
    boxes = [json.loads(box) for _, _, box in listed if box]
    if request.step == "region_expr":
        texts = {"type": "car", "color": "red"}
        return json.dumps({"regions": [texts | {"bbox_2d": box, "description": f"car {box[0]}"} for box in boxes]})
    if request.step == "grounding_expr":
        return json.dumps({"expressions": [{"phrase": name, "boxes": [json.loads(box)]} for _, name, box in listed]})
    if request.step == "image_caption":
        return "Cars on a road."
    kept = {"verdict": "keep", "bbox_2d": []}
    found = {"double_check": [{"box": 1, **kept}], "blind_grounding": []}[request.step]
    return json.dumps({"expressions": [{"number": int(n), "phrase": name, "boxes": found} for n, name, _ in listed]})


@pytest.fixture
def annotate(studio, make_fields, tmp_path):
    """Runs steps over images with one box each, by the engine; returns the summary and rows by step."""

    def go(steps, vlm, checker=None, images=("a.png",)):
        records = [
            Record(image, make_fields(("Car", [200.0 + 20 * number, 100.0, 600.0, 300.0]), image=image, sha256=image))
            for number, image in enumerate(images)
        ]
        pack = load_pack("referring", PROMPTS)
        with open_caller(tmp_path / "out") as caller:
            models = {"vlm": vlm} | ({"checker": checker} if checker else {})
            askers = {name: Asker(caller, model, Sampling(), pack) for name, model in models.items()}
            graph = build_steps(Workflow(steps=steps), askers, studio.pictures)
            summary = run(records, graph, tmp_path / "out", progress=False, id_field="image")
        files = {step.name: tmp_path / "out" / step.file for step in graph}
        rows = {
            name: [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
            for name, path in files.items()
        }
        return summary, rows

    return go


def steps_of(studio, chosen):
    asker = Asker(None, studio.teacher(""), Sampling(), load_pack("referring", PROMPTS))
    return {
        step.name: step
        for step in build_steps(Workflow(steps=chosen), {"vlm": asker, "checker": asker}, studio.pictures)
    }


def test_rows_go_to_taos_folders(studio):
    assert {name: step.file for name, step in steps_of(studio, ALL).items()} == {
        "media": "seed_annotations.jsonl",
        "0": "step_0_region_expr/annotations.jsonl",
        "1": "step_1_image_caption/annotations.jsonl",
        "2": "step_2_grounding_expr/annotations.jsonl",
        "3": "step_3_double_check/annotations.jsonl",
        "4": "step_4_blind_grounding/annotations.jsonl",
    }


def test_regions_and_caption_wait_for_the_measuring_alone(studio):
    steps = steps_of(studio, ALL)
    assert steps["0"].after == steps["1"].after == ("media",)
    assert set(steps["2"].after) == {"media", "0", "1"}


@pytest.mark.parametrize("chosen", [["0"], ["1"], ["2"], ["3"], ["4"], ["0", "2"], ["1", "3"], ["2", "4"], ALL])
def test_any_subset_is_a_graph_and_the_images_are_always_measured(studio, chosen):
    steps = steps_of(studio, chosen)
    assert set(Graph(list(steps.values())).steps) == {"media", *chosen}


@pytest.mark.parametrize("kind", [RegionDescribing, Grounding, DoubleChecking, BlindGrounding])
def test_units_decide_a_reply_even_where_a_pack_lays_it_out_itself(studio, make_fields, tmp_path, kind):
    (tmp_path / "own.yaml").write_text("about: Mine\nextends: referring\nlayout: own\n", encoding="utf-8")
    fields = make_fields(regions=[], expressions=[])

    def inputs(style):
        return studio.step(kind, studio.teacher("", boxes=style), pack=str(tmp_path / "own.yaml")).inputs(fields)

    assert inputs("qwen_1000") != inputs("gemini_yxyx_1000") and inputs("image_px") == inputs("image_px")


def test_all_steps_run_over_an_image_and_each_sees_what_came_before(annotate, studio):
    vlm, checker = studio.teacher(say_all_right), studio.teacher(say_all_right)
    checker.name = "checker"
    summary, rows = annotate(ALL, vlm, checker)
    assert summary.done == 1 and summary.exit_code == 0
    assert sorted(request.step for request in vlm.asked) == ["grounding_expr", "image_caption", "region_expr"]
    assert [request.step for request in checker.asked] == ["double_check", "blind_grounding"]
    (last,) = rows["4"]
    (expression,) = last["expressions"]
    assert expression["verified"] and expression["check"]["kept"] == 1
    assert expression["agreement"] == {"iou": 0.0, "model": "teacher-1", "found": 0, "expected": 1}
    assert "caption: Cars on a road." in next(one.text for one in vlm.asked if one.step == "grounding_expr")


def test_without_a_checker_the_teacher_looks_twice_itself(annotate, studio):
    vlm = studio.teacher(say_all_right)
    _, rows = annotate(ALL[:4], vlm)
    assert vlm.asked[-1].step == "double_check" and rows["3"][0]["expressions"][0]["verified"]


def test_an_image_that_fails_a_step_leaves_the_others_alone_and_deletes_nothing(annotate, studio):
    def chatty_once(request) -> str:
        return "Fine!" if request.step == "double_check" and "[110, " in request.text else say_all_right(request)

    summary, rows = annotate(ALL[:4], studio.teacher(chatty_once), images=("a.png", "b.png"))
    assert (summary.done, summary.quarantined, summary.exit_code) == (1, 1, 3)
    assert len(rows["2"]) == 2 and [row["image"] for row in rows["3"]] == ["a.png"], "what step 2 wrote stays"


def test_a_second_run_asks_nothing(annotate, studio):
    annotate(ALL[:4], studio.teacher(say_all_right))
    again = studio.teacher("never")
    summary, _ = annotate(ALL[:4], again)
    assert summary.done == 1 and not again.asked


def test_every_prompt_has_its_place_in_the_table_and_a_step_that_asks_it():
    assert used_keys(ALL) == set(PROMPTS)
    assert used_keys(["1", "3"]) == {"image_caption", "double_check"}


@pytest.mark.parametrize("name", ["referring", "referring_traffic"])
def test_the_packs_are_whole(name):
    section = ReferringExpression(prompts=name, workflow=Workflow(steps=ALL))
    pack = job_of(Spec(image_referring_expression=section)).pack
    assert set(pack.prompts) == set(PROMPTS) and pack.about and pack.layout == "added"


@pytest.mark.parametrize("name", ["referring", "referring_traffic"])
def test_the_packs_leave_units_and_layout_to_the_program(name):
    pack = load_pack(name, PROMPTS)
    assert not re.search(r"1000|pixel|bbox_|JSON|x1|\[\[", " ".join(pack.prompts.values()))


def test_the_traffic_pack_differs_where_roads_do(studio):
    general, traffic = (load_pack(name, PROMPTS) for name in ("referring", "referring_traffic"))
    differing = {key for key in PROMPTS if general.prompts[key] != traffic.prompts[key]}
    assert differing == {"region_expr", "image_caption", "grounding_expr"} and general.system != traffic.system


def test_a_pack_for_videos_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"general\.yaml.*unknown prompt"):
        job_of(Spec(image_referring_expression=ReferringExpression(prompts="general")))


def test_a_prompt_that_does_not_show_the_boxes_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "about: Mine\nextends: referring\nprompts:\n  region_expr: Hi.\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="must use '{bboxes}'"):
        job_of(Spec(image_referring_expression=ReferringExpression(prompts=str(tmp_path / "mine.yaml"))))
