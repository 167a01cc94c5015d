"""A run over images: steps in any split over runs, asking again, a spent budget, images that are added."""

from __future__ import annotations

import pytest

from demitasse.chat.model import Reply, Usage
from demitasse.cli import main
from demitasse.dataset import read
from demitasse.engine.step import Stop
from demitasse.errors import ConfigError

SECTION = "image_referring_expression"


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param(["[0]", "[1,2,3]"], id="regions_first"),
        pytest.param(["[1]", "[0]", "[2]", "[3]"], id="one_by_one"),
        pytest.param(["[0,1]", "[3,2]"], id="expressions_later"),
    ],
)
def test_steps_over_several_runs_come_to_what_one_run_comes_to(gallery, runs):
    """TAO's second run finds no regions and ends with an empty file (tao_behaviour.md, E10)."""
    gallery.put(0, 1, 2)
    teacher = gallery.teacher()
    gallery.run(teacher=teacher)
    whole, gallery.out = gallery.work(), gallery.out.with_name("split")
    again = gallery.teacher()
    for steps in runs:
        assert gallery.run(f"workflow.steps={steps}", teacher=again).exit_code == 0
    assert gallery.work() == whole and len(gallery.rows()) == 3
    assert again.steps() == teacher.steps(), "and nothing was bought that one run does not buy"


def test_without_captions_the_grounding_goes_on_without(gallery):
    gallery.put(0)
    teacher = gallery.teacher()
    assert gallery.run("workflow.steps=[0,2]", teacher=teacher).exit_code == 0
    assert teacher.steps() == ["grounding_expr", "region_expr"]
    assert "caption:" not in teacher.asked[-1].text
    row = gallery.rows()[0]
    assert row["expressions"] and "caption" not in row


def test_a_caption_of_an_earlier_run_is_told_to_the_grounding(gallery):
    gallery.put(0)
    gallery.run("workflow.steps=[0,1]")
    teacher = gallery.teacher()
    gallery.run("workflow.steps=[2]", teacher=teacher)
    assert "caption:" in teacher.asked[0].text


def test_a_step_without_the_one_that_it_needs_leaves_its_images_out_with_the_reason(gallery):
    gallery.put(0, 1)
    done = gallery.run("workflow.steps=[2,3]")
    assert done.exit_code == 3 and done.summary.skipped == {"no row of step 0, which was not asked for": 2}


def test_images_that_are_added_are_done_and_the_others_not_bought_again(gallery):
    """TAO never looks at them (E9)."""
    gallery.put(0, 1)
    gallery.run()
    gallery.put(2)
    teacher = gallery.teacher()
    assert gallery.run(teacher=teacher).summary.done == 3
    assert len(teacher.asked) == 4 and len(gallery.rows()) == 3


def test_an_image_that_failed_is_tried_again_by_the_next_run(gallery):
    """TAO keeps it empty for good (E9)."""
    gallery.put(0, 1)
    done = gallery.run(teacher=gallery.teacher(grounding_expr="No idea."))
    assert done.exit_code == 3 and done.summary.quarantined == 2
    assert {row["step"] for row in gallery.rows("quarantine.jsonl")} == {"2"}
    assert [row.get("expressions") for row in gallery.rows()] == [None, None], "and what is there is written"
    # The unusable replies are kept and not bought again, so another prompt is asked.
    teacher = gallery.teacher()
    done = gallery.run("prompts=referring_traffic", teacher=teacher)
    assert done.exit_code == 0 and all(row["expressions"] for row in gallery.rows())


def test_asking_again_asks_everything_again_and_once(gallery):
    gallery.put(0, 1)
    gallery.run()
    before = {row["key"] for row in gallery.rows("calls.jsonl")}
    again = gallery.teacher()
    assert gallery.run("workflow.force_reprocess=true", teacher=again).exit_code == 0
    calls = gallery.rows("calls.jsonl")
    assert len(again.asked) == 8 and len(calls) == 16 and len({row["key"] for row in calls} - before) == 8
    later = gallery.teacher()
    gallery.run(teacher=later)
    assert later.asked == [], "what was asked again is what counts from then on"
    third = gallery.teacher()
    gallery.run("workflow.force_reprocess=true", "workflow.steps=[1]", teacher=third)
    assert third.steps() == ["image_caption"] * 2, "only the steps that are named"


def test_asking_again_gives_the_new_answers(gallery):
    gallery.put(0)
    gallery.run("workflow.steps=[1]", teacher=gallery.teacher(image_caption="Old."))
    gallery.run("workflow.steps=[1]", "workflow.force_reprocess=true", teacher=gallery.teacher(image_caption="New."))
    assert gallery.rows()[0]["caption"] == "New."
    gallery.run("workflow.steps=[1]")
    assert gallery.rows()[0]["caption"] == "New."


def unplugged_after(gallery, replies):
    """A teacher that ends the run after so many replies."""

    def reply(_):
        if len(teacher.asked) > replies:
            raise Stop("unplugged")

    prompts = ("region_expr", "image_caption", "grounding_expr", "double_check")
    teacher = gallery.teacher(**dict.fromkeys(prompts, reply))
    return teacher


def test_asking_again_that_was_cut_off_goes_on_where_it_was(gallery):
    gallery.put(0, 1)
    gallery.run("workflow.max_workers=1")
    forced = ("workflow.force_reprocess=true", "workflow.max_workers=1")
    with pytest.raises(Stop, match="unplugged"):
        gallery.run(*forced, teacher=unplugged_after(gallery, 3))
    again = gallery.teacher()
    assert gallery.run(*forced, teacher=again).summary.done == 2
    assert len(again.asked) == 8 - 3
    later = gallery.teacher()
    gallery.run(*forced, teacher=later)
    assert len(later.asked) == 8, "a round that has come to its end is not gone on with"


def test_a_run_that_does_not_go_on_with_asking_again_buys_nothing(gallery):
    gallery.put(0, 1)
    gallery.run()
    made = gallery.rows()
    with pytest.raises(Stop, match="unplugged"):
        gallery.run("workflow.force_reprocess=true", "workflow.max_workers=1", teacher=unplugged_after(gallery, 3))
    teacher = gallery.teacher()
    assert gallery.run(teacher=teacher).summary.done == 2
    assert teacher.asked == [] and gallery.rows() == made


class Paid:
    """Prices, and a teacher that is paid by them."""

    name = "openai:far.example/dear"

    def __init__(self, gallery) -> None:
        self.prices = gallery.folder / "prices.yaml"
        self.prices.write_text("models: [{match: dear, input: 0, output: 1000}]", encoding="utf-8")

    def teacher(self, gallery):
        class Dear(gallery.teacher):
            name = Paid.name

            async def reply(self, request):
                reply = await super().reply(request)
                return Reply(reply.outcome, reply.text, model=self.name, usage=Usage(0, 1000))

        return Dear()


def test_a_run_ends_at_its_budget_and_a_higher_one_goes_on(gallery):
    gallery.put(0, 1, 2)
    paid = Paid(gallery)
    given = (f"prices={paid.prices}", "workflow.max_workers=2")
    teacher = paid.teacher(gallery)
    halted = gallery.run(*given, "budget_usd=12", teacher=teacher)
    bought = len(teacher.asked)
    assert halted.exit_code == 3 and "the budget of $12.00 is used up" in halted.summary.line()
    assert 0 < bought <= 12 and sum(row["cost"] for row in gallery.rows("calls.jsonl")) <= 12
    assert halted.assembled is None and "wait for the rest" in halted.notes[-1]
    again = paid.teacher(gallery)
    assert gallery.run(*given, "budget_usd=100", teacher=again).exit_code == 0
    assert bought + len(again.asked) == 12 == len(gallery.rows("calls.jsonl"))


def test_the_second_look_is_summed_up_in_the_notes(gallery):
    gallery.put(0, 1)
    done = gallery.run()
    assert done.assembled is not None and done.assembled.annotations.check.kept > 4
    assert any(f"boxes {done.assembled.annotations.check.kept} kept, 0 moved, 0 removed" in note for note in done.notes)


def test_a_second_model_is_asked_about_every_expression_in_step_4(gallery):
    gallery.put(0)
    teacher, checker = gallery.teacher(), gallery.teacher()
    given = ("checker.backend=scripted", "checker.scripted.box_mistakes=0.1", "workflow.steps=[0,1,2,3,4]")
    done = gallery.run(*given, teacher=teacher, checker=checker)
    assert done.exit_code == 0
    found = len(gallery.rows()[0]["expressions"])
    assert (
        f"blind grounding of {found} expressions: mean IoU 1.00, 0 below 0.5, 0 with another number of boxes"
        in done.notes
    )
    assert teacher.steps() == ["grounding_expr", "image_caption", "region_expr"]
    assert checker.steps() == ["blind_grounding", "double_check"]
    assert all(one["agreement"]["iou"] > 0.9 for one in gallery.rows()[0]["expressions"])


def test_annotations_of_an_earlier_run_are_gone_on_from(gallery):
    gallery.put(0, 1)
    gallery.run("workflow.steps=[0,1]")
    earlier = gallery.folder / "earlier.jsonl"
    (gallery.out / "annotations.jsonl").rename(earlier)
    gallery.out = gallery.out.with_name("on")
    teacher = gallery.teacher()
    done = gallery.run(
        f"data.input_annotations_jsonl={earlier}", "data.kitti_label_dir=", "workflow.steps=[2,3]", teacher=teacher
    )
    assert done.exit_code == 0 and teacher.steps() == ["double_check"] * 2 + ["grounding_expr"] * 2
    assert all(row["caption"] and row["expressions"] for row in gallery.rows())


def test_the_items_stand_beside_the_annotations_and_find_their_images(gallery):
    gallery.put(0)
    gallery.run("license=CC0-1.0")
    path = gallery.out / "items" / "grounding.json"
    file = read(path)
    assert file.license == "CC0-1.0" and (path.parent / file.media_root).resolve() == gallery.images.resolve()
    assert {item.image_id for item in file.items} == {"000.png"}


def test_the_command_says_what_it_wrote_and_how_every_image_ended(gallery, capsys):
    gallery.put(0, 1)
    (gallery.images / "broken.png").write_bytes(b"no picture")
    assert main(["annotate", "image", "--quiet", *gallery.given("license=CC0-1.0")]) == 3
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("2 images with ") and lines[0].endswith(f"expressions: {gallery.out}/annotations.jsonl")
    assert lines[-1].startswith(f"{gallery.out}: 2 done, ") and "1 quarantined" in lines[-1]
    assert "double check of 2 images" in said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--partial"], "--merge was not given", id="partial_of_no_merge"),
        pytest.param(["--shard", "2/2"], "counted from 0", id="counting_from_1"),
        pytest.param([f"{SECTION}.data.image_dir=nowhere"], "image_dir 'nowhere' is not a folder", id="no_folder"),
        pytest.param([f"{SECTION}.prompts=nowhere"], "nowhere", id="no_such_pack"),
        pytest.param([f"{SECTION}.workflow.steps=[4]"], "set image_referring_expression.checker", id="no_checker"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_writes_nothing(gallery, capsys, arguments, said):
    gallery.put(0)
    assert main(["annotate", "image", "--quiet", *gallery.given(), *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and not gallery.out.exists()


def test_a_folder_without_images_is_told(gallery):
    with pytest.raises(ConfigError, match="holds no image"):
        gallery.run("data.kitti_label_dir=")
