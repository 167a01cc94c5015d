"""What an image run will ask and cost: the plan equals the run, or holds it in its range."""

from __future__ import annotations

import json

import pytest

from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main

SECTION = "image_referring_expression"
BLIND = ("checker.backend=scripted", "workflow.steps=[0,1,2,3,4]")


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param((), id="all_steps"),
        pytest.param(BLIND, id="a_second_model"),
        pytest.param(("workflow.steps=[0]",), id="regions_alone"),
        pytest.param(("workflow.steps=[1]",), id="captions_alone"),
        pytest.param(("workflow.boxes_per_request=2",), id="few_boxes_a_request"),
        pytest.param((*BLIND, "workflow.boxes_per_request=2"), id="a_second_model_and_few_boxes_a_request"),
        pytest.param(("data.kitti_label_dir=",), id="no_labels"),
    ],
)
def test_a_run_lies_in_the_range_of_its_plan(gallery, overrides):
    gallery.put(0, 1, 2, 3)
    planned, teacher, checker = gallery.plan(*overrides), gallery.teacher(), gallery.teacher()
    done = gallery.run(*overrides, teacher=teacher, checker=checker)
    sent = len(teacher.asked) + len(checker.asked)
    low, high = planned.calls
    assert done.summary.done == 4
    assert planned.least <= low <= sent <= high <= planned.most and sent > 0
    assert gallery.plan(*overrides).calls == (0, 0), "what is done is not planned again"


def test_where_regions_and_captions_are_still_to_come_the_plan_is_exact(gallery):
    gallery.put(0, 1, 2)
    overrides = ("workflow.steps=[0,1,2]", "workflow.boxes_per_request=2")
    teacher = gallery.teacher()
    planned = gallery.plan(*overrides)
    gallery.run(*overrides, teacher=teacher)
    assert planned.calls == (len(teacher.asked),) * 2


@pytest.mark.parametrize("most", [2, 40])
def test_where_the_expressions_are_there_the_plan_of_checking_them_is_exact(gallery, most):
    gallery.put(0, 1, 2)
    gallery.run("workflow.steps=[0,1,2]")
    teacher, checker = gallery.teacher(), gallery.teacher()
    for steps in ("[3]", "[4]"):
        overrides = (*BLIND, f"workflow.steps={steps}", f"workflow.boxes_per_request={most}")
        planned, before = gallery.plan(*overrides), len(checker.asked)
        gallery.run(*overrides, teacher=teacher, checker=checker)
        assert planned.calls == (len(checker.asked) - before,) * 2
    assert teacher.asked == []


def test_replies_that_are_of_no_use_are_within_the_wider_range(gallery):
    gallery.put(0, 1)
    planned = gallery.plan()
    teacher = gallery.teacher(region_expr="I cannot see any boxes.")
    gallery.run(teacher=teacher)
    assert planned.least <= len(teacher.asked) <= planned.most
    assert planned.least == 4, "regions and captions are asked for in any case"


def test_two_images_of_one_content_are_bought_once(gallery):
    gallery.put(0)
    for folder, suffix in ((gallery.images, "png"), (gallery.labels, "txt")):
        (folder / f"copy.{suffix}").write_bytes((folder / f"000.{suffix}").read_bytes())
    planned, teacher = gallery.plan(), gallery.teacher()
    gallery.run(teacher=teacher)
    assert planned.alike == 1 and planned.calls == (4, 4) and len(teacher.asked) == 4


def test_asking_again_is_planned_in_full_and_counts_no_reply_of_before(gallery):
    gallery.put(0, 1)
    gallery.run()
    planned = gallery.plan("workflow.force_reprocess=true")
    assert planned.calls == (8, 8) and planned.kept == 0
    gallery.run("workflow.force_reprocess=true")
    after = gallery.plan()
    assert after.calls == (0, 0) and after.kept == 0


def test_what_cannot_be_worked_on_is_counted_with_its_reason(gallery):
    gallery.put(0)
    (gallery.images / "broken.png").write_bytes(b"no picture")
    planned = gallery.plan("workflow.steps=[1]")
    assert (planned.records, planned.calls, planned.left_out.total()) == (1, (1, 1), 1)


def test_the_command_plans_for_the_section_that_it_is_given(gallery, capsys):
    gallery.put(0)
    assert main(["plan", *gallery.given()]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 images\n") and "requests: 4, if each box gets its description" in said
    assert main(["plan", "--json", *gallery.given()]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["images"] == 1 and told["requests"] == [4, 4] and list(told["steps"]) == ["0", "1", "2", "3"]
    assert not gallery.out.exists()


def test_the_command_checks_the_endpoints_of_the_section_that_it_is_given(gallery, capsys):
    assert main(["check", *gallery.given(*BLIND, "checker.scripted.box_mistakes=0.1")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("vlm: scripted answered given a picture")
    assert said[1].startswith("checker: scripted:box_mistakes=0.1 answered given a picture")
    assert main(["check", *gallery.given("checker.backend=scripted", "workflow.steps=[2,3]")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("vlm and checker: scripted answered") and said.endswith(
        "; its boxes are taken as qwen_1000\n"
    )
    assert main(["check", *gallery.given("vlm.backend=openai")]) == 2
    assert f"{SECTION}.vlm.openai.model_name is not set" in capsys.readouterr().err


def test_a_check_says_how_boxes_are_taken_where_nobody_has_said(gallery, capsys):
    with ChatServer(ScriptedModel()) as server:
        told = ("vlm.backend=openai", f"vlm.openai.base_url={server.base_url}", "vlm.openai.model_name=scripted")
        assert main(["check", *gallery.given(*told)]) == 0
        assert f"as qwen_1000, for {SECTION}.vlm.openai.boxes is empty" in capsys.readouterr().out
        assert main(["check", *gallery.given(*told, "vlm.openai.boxes=image_px")]) == 0
        assert capsys.readouterr().out.endswith("; its boxes are taken as image_px\n")


def test_replies_without_a_row_spare_nothing_where_nothing_is_asked(gallery, capsys):
    gallery.put(0)
    gallery.run()
    (gallery.out / "step_3_double_check" / "annotations.jsonl").unlink()
    assert main(["plan", *gallery.given("workflow.steps=[0,1,2]")]) == 0
    assert "requests: 0," in (said := capsys.readouterr().out) and "fewer" not in said
