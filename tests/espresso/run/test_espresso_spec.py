"""The section `video_espresso`: what is refused, which endpoints are asked, and how the other commands find it."""

import pytest
import yaml

from annotate.espresso.config import SECTION, STEPS, Spec
from annotate.sections import ESPRESSO, IMAGE, VIDEO, section_of
from demitasse.cli import main
from demitasse.errors import ConfigError

GIVEN = ["results_dir=out", f"{SECTION}.data.video_root=videos"]
SCRIPTED = [f"{SECTION}.captioner.backend=scripted", f"{SECTION}.writer.backend=scripted"]


def spec(*overrides: str):
    return Spec.read(None, [*GIVEN, *(f"{SECTION}.{text}" for text in overrides)])


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        pytest.param(["results_dir="], "results_dir is not set", id="nowhere_to_write"),
        pytest.param([f"{SECTION}.data.video_root="], "nothing to annotate", id="nothing_to_annotate"),
        pytest.param([f"{SECTION}.workflow.steps=[]"], "steps is empty", id="no_step"),
        pytest.param([f"{SECTION}.workflow.steps=[10]"], "steps", id="a_step_that_is_none"),
        pytest.param([f"{SECTION}.workflow.steps=[8,9]"], "set video_espresso.split=test", id="options_of_a_train_set"),
        pytest.param([f"{SECTION}.split=validation"], "split", id="a_split_that_is_none"),
        pytest.param([f"{SECTION}.questions.tasks=[]"], "tasks is empty", id="no_type_of_question"),
        pytest.param([f"{SECTION}.questions.tasks=[Cooking]"], "tasks", id="a_type_that_is_none"),
        pytest.param([f"{SECTION}.frames.rates={{a/*: 0}}"], r"rates\['a/\*'\] is 0", id="a_rate_of_zero"),
        pytest.param([f"{SECTION}.frames.rates={{a/*: .inf}}"], "rates", id="a_rate_without_end"),
        pytest.param([f"{SECTION}.frames.fps=0"], "fps", id="no_frames_a_second"),
        pytest.param([f"{SECTION}.frames.max_frames=3"], "min_frames is more than max_frames", id="bounds_crossed"),
        pytest.param(
            [f"{SECTION}.evidence.min_core_frames=5"], "min_core_frames is more than max", id="core_frames_crossed"
        ),
        pytest.param([f"{SECTION}.redundancy.similarity=1.5"], "similarity", id="a_cosine_above_one"),
        pytest.param([f"{SECTION}.grouping.size=1"], "size", id="groups_of_one"),
        pytest.param(
            [f"{SECTION}.embedding.backend=endpoint"], "video_espresso.embedding.base_url is not set", id="no_address"
        ),
        pytest.param(
            [f"{SECTION}.detector.backend=scripted", f"{SECTION}.boxes.service=http://127.0.0.1:1/"],
            "detector and video_espresso.boxes.service are both set",
            id="two_detectors",
        ),
        pytest.param([f"{SECTION}.frame.fps=2"], "frame", id="a_key_that_is_none"),
        pytest.param(
            [f"{SECTION}.writer.backend=openai"], "video_espresso.writer.openai.model_name is not set", id="no_model"
        ),
        pytest.param(
            [f"{SECTION}.writer.requests_per_minute=5", f"{SECTION}.detector.backend=gemini"],
            "are the same model",
            id="one_model_with_two_limits",
        ),
    ],
)
def test_what_no_run_can_begin_with_is_said_by_its_key(overrides, told):
    with pytest.raises(ConfigError, match=told):
        Spec.read(None, [*GIVEN, *overrides])


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        pytest.param([], "1234567", id="a_train_set_has_no_options"),
        pytest.param(["split=test"], "123456789", id="a_test_set_has"),
        pytest.param(["workflow.steps=[5,1,3]"], "135", id="in_their_order"),
        pytest.param(["workflow.steps=[5,8]"], "5", id="what_is_for_the_other_split_is_left_out"),
        pytest.param(["split=test", "workflow.steps=[9]"], "9", id="one_alone"),
    ],
)
def test_the_steps_are_those_of_the_split_in_order(overrides, steps):
    assert "".join(spec(*overrides).video_espresso.workflow.steps) == steps


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        pytest.param([], "captioner writer", id="by_default_two"),
        pytest.param(["workflow.steps=[1]"], "captioner", id="captions_alone"),
        pytest.param(["workflow.steps=[2,7]"], "", id="comparing_asks_nobody"),
        pytest.param(["workflow.steps=[4]"], "writer", id="the_writer_judges_where_there_is_no_checker"),
        pytest.param(["workflow.steps=[4]", "checker.backend=gemini"], "checker", id="a_checker_where_there_is_one"),
        pytest.param(["workflow.steps=[6]"], "captioner", id="the_captioner_finds_boxes"),
        pytest.param(
            ["workflow.steps=[6]", "detector.backend=gemini"], "captioner detector", id="a_detector_and_a_second_look"
        ),
        pytest.param(
            ["workflow.steps=[6]", "detector.backend=gemini", "boxes.min_agreement=0"], "detector", id="no_second_look"
        ),
        pytest.param(["workflow.steps=[6]", "boxes.service=http://127.0.0.1:1/"], "captioner", id="a_service"),
        pytest.param(
            ["workflow.steps=[6]", "boxes.service=http://127.0.0.1:1/", "boxes.min_agreement=0"], "", id="alone"
        ),
        pytest.param(["workflow.steps=[4]", "detector.backend=gemini"], "writer", id="nobody_who_is_not_asked"),
    ],
)
def test_only_those_that_a_chosen_step_asks_are_needed(overrides, names):
    assert sorted(spec(*overrides).endpoints()) == names.split()


def test_check_asks_those_of_the_steps_that_a_run_would_take():
    assert sorted(Spec.read_endpoints(None, [f"{SECTION}.workflow.steps=[8,1]"])) == ["captioner"]


def test_every_step_has_its_journal_and_what_it_needs_comes_before_it():
    from annotate.espresso.config import NEEDS
    from annotate.espresso.work import FILES

    assert tuple(FILES) == STEPS and len(set(FILES.values())) == len(FILES)
    assert all(need < step for step, needs in NEEDS.items() for need in needs)


def test_a_written_spec_is_read_again_as_the_same(tmp_path):
    path = tmp_path / "spec.yaml"
    assert main(["annotate", "espresso", "--write-spec", str(path), f"{SECTION}.frames.fps=2.5"]) == 0
    assert Spec.read_draft(path, []) == Spec.read_draft(None, [f"{SECTION}.frames.fps=2.5"])
    text = path.read_text()
    assert "VideoEspresso" in text and "not published" in text  # the values whose source is no paper say so
    assert "api_key:" not in [line.strip() for line in text.splitlines()]


def test_the_section_tells_the_pipeline(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({SECTION: {}}))
    assert section_of(path, []) == section_of(None, [f"{SECTION}.split=test"]) == ESPRESSO
    assert section_of(None, [f"autolabel_type={SECTION}", f"{VIDEO}.license=x"]) == ESPRESSO
    with pytest.raises(ConfigError, match=f"there are both {IMAGE} and {ESPRESSO}"):
        section_of(None, [f"{IMAGE}.license=x", f"{ESPRESSO}.license=x"])


@pytest.mark.parametrize(
    ("kind", "section", "right"),
    [
        pytest.param("espresso", VIDEO, "video", id="a_spec_of_video_reasoning"),
        pytest.param("espresso", IMAGE, "image", id="a_spec_of_images"),
        pytest.param("video", ESPRESSO, "espresso", id="a_spec_of_ours_given_to_video"),
        pytest.param("image", ESPRESSO, "espresso", id="and_to_image"),
    ],
)
def test_a_spec_of_another_pipeline_is_sent_to_its_command(tmp_path, capsys, kind, section, right):
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({section: {}}))
    assert main(["annotate", kind, "--config", str(path)]) == 2
    assert f"use `demitasse annotate {right}`" in capsys.readouterr().err


def test_a_recipes_section_annotate_is_read_too(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"annotate": {SECTION: {"split": "test"}}, "train": {"lr": 1}}))
    assert Spec.read_draft(path, []).video_espresso.split == "test" and section_of(path, []) == ESPRESSO


def test_check_asks_each_endpoint_and_the_embedder(capsys):
    assert main(["check", *SCRIPTED]) == 0
    told = capsys.readouterr().out
    assert "captioner and writer: scripted answered given a picture" in told
    assert "embedding: lexical-1:1024 makes vectors of 1024 numbers" in told


def test_check_says_what_an_embedder_lacks(capsys):
    lacking = [f"{SECTION}.embedding.backend=endpoint", f"{SECTION}.embedding.base_url="]
    assert main(["check", *SCRIPTED, *lacking]) == 2
    assert "embedding: embedding.base_url is not set" in capsys.readouterr().err
    assert main(["check", *SCRIPTED, *lacking, f"{SECTION}.workflow.steps=[1]"]) == 0  # it compares nothing


def test_a_text_endpoint_is_not_checked_with_a_picture(capsys):
    differs = f"{SECTION}.writer.scripted.box_mistakes=0.5"
    assert main(["check", *SCRIPTED, differs]) == 0
    lines = {line.split(":")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert (
        "a picture" in lines["captioner"] and "a picture" not in lines["writer"] and "boxes" not in lines["writer"][60:]
    )
