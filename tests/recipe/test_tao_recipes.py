"""The first two seeds' consultations as recipes: what is asked of the person reaches the teachers, a pilot comes before
the whole and is not bought twice, and a student is asked as it was trained."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from annotate.referring import config as images
from annotate.referring.work import job_of as image_job_of
from annotate.video_reasoning import config as videos
from annotate.video_reasoning.forecast import forecast
from annotate.video_reasoning.work import job_of as video_job_of
from annotate.workshop.answers import TEMPLATE, missing, read_answers
from demitasse.cli import main
from demitasse.config import read_config
from demitasse.media.pool import DecodePool
from demitasse.prompts import read_pack_text
from demitasse.recipe import CHECKOUT, Recipe, read_recipe, run_recipe
from evaluate.asking.command import add_predict_arguments
from train.config import TrainConfig

RECIPES = CHECKOUT / "recipes"
VIDEO = ("tao_general", "tao_traffic", "tao_warehouse", "tao_custom_domain")
IMAGE = "tao_referring"
POOLS = RECIPES / "tao_custom_domain" / "domain" / "pool.answers.yaml"

each_of_videos = pytest.mark.parametrize("name", VIDEO)
each = pytest.mark.parametrize("name", [*VIDEO, IMAGE])


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes are run from there, so that `recipes/…` in a command is found."""
    monkeypatch.chdir(CHECKOUT)


def recipe_of(name: str, file: str = "config.yaml", *values: str) -> Recipe:
    return read_recipe(RECIPES / name / file, list(values))


def stages(recipe: Recipe, *beginning: str) -> list[list[str]]:
    """The words of the stages that begin so."""
    commands = [shlex.split(command) for command in recipe.commands]
    return [words for words in commands if tuple(words[: len(beginning)]) == beginning]


def annotating(recipe: Recipe) -> list[list[str]]:
    """The stages in which teachers are asked."""
    return [words for kind in ("video", "image") for words in stages(recipe, "annotate", kind)]


def spec_of(recipe: Recipe, place: int) -> videos.Spec:
    """What a stage that asks teachers about videos is set to."""
    _, _, _, spec, *overrides = annotating(recipe)[place]
    return videos.Spec.read(Path(spec), overrides)


def image_spec_of(recipe: Recipe, place: int) -> images.Spec:
    _, _, _, spec, *overrides = annotating(recipe)[place]
    return images.Spec.read(Path(spec), overrides)


def predicting(recipe: Recipe) -> list[argparse.Namespace]:
    parser = argparse.ArgumentParser()
    add_predict_arguments(parser)
    return [parser.parse_args(words[1:]) for words in stages(recipe, "predict")]


def training(recipe: Recipe) -> TrainConfig:
    [[_, _, file, *overrides]] = stages(recipe, "train")
    return read_config(TrainConfig, Path(file), overrides, "train")


def with_pack(recipe: Recipe) -> None:
    """Make the pack that a recipe's other stages name, where it is the recipe that makes it."""
    for words in stages(recipe, "annotate", "workshop"):
        assert main(words) == 0


# What the person is asked

CONSULTATION = {
    "video": ["Where are the videos?", "What domain?", "Anomalies, ordinary footage, or both?", "Which endpoint?",
              "Pilot or all?"],
    "image": ["Where are the images?", "And their labels?", "Earlier annotations instead?", "Which endpoint?",
              "Which steps?", "Which output?"],
}  # fmt: skip


@each
def test_the_page_asks_what_the_consultation_asks_and_in_its_order(name):
    page = (RECIPES / name / "README.md").read_text(encoding="utf-8").partition("\n## Data")[0]
    asked = re.findall(r"^\| (\S[^|]*\?) \|", page, re.MULTILINE)
    wanted = CONSULTATION["image" if name == IMAGE else "video"]
    assert [question for question in asked if question in wanted] == wanted


@pytest.mark.parametrize(
    ("name", "prompts", "mode", "steps"),
    [
        pytest.param("tao_general", "general", "auto", ["0", "1a", "1b", "1c", "2", "3", "4"], id="any_videos_mixed"),
        pytest.param("tao_traffic", "traffic", "auto", ["0", "1a", "1b", "1c", "2", "3", "4"], id="traffic_mixed"),
        pytest.param("tao_warehouse", "warehouse", "anomaly", ["1a", "1b", "1c", "2", "3", "4"], id="incidents_alone"),
    ],
)
@pytest.mark.parametrize("file", ["config.yaml", "smoke.yaml"])
def test_domain_and_mode_reach_the_teachers_in_the_recipe_and_its_smoke(name, prompts, mode, steps, file):
    for place in (0, 1):
        config = spec_of(recipe_of(name, file), place).video_reasoning_annotation
        assert (config.prompts, config.workflow.mode, config.workflow.steps) == (prompts, mode, steps)


@pytest.mark.parametrize(
    ("mode", "steps", "asked"),
    [
        pytest.param("normal", "1a,1b,2,3,4", ["1a", "1b", "2", "3", "4"], id="ordinary_footage_has_no_highlight"),
        pytest.param("anomaly", "1a,1b,1c,2,3,4", ["1a", "1b", "1c", "2", "3", "4"], id="anomalies_are_not_classified"),
        pytest.param("auto", "1a,1b,2,3,4", ["0", "1a", "1b", "1c", "2", "3", "4"], id="auto_adds_what_it_needs"),
    ],
)
def test_the_answers_to_anomaly_normal_or_mixed_are_what_the_page_says(mode, steps, asked):
    recipe = recipe_of("tao_general", "config.yaml", f"mode={mode}", f"steps={steps}")
    assert spec_of(recipe, 1).video_reasoning_annotation.workflow.steps == asked


@each_of_videos
def test_the_pages_settings_for_sorted_footage_are_those_that_the_pipeline_takes(name):
    page = (RECIPES / name / "README.md").read_text(encoding="utf-8") + (RECIPES / "tao_general/README.md").read_text(
        encoding="utf-8"
    )
    found = set(re.findall(r"mode=(\w+) steps=([\w,]+)", page))
    assert {mode for mode, _ in found} >= {"anomaly", "normal"}
    for mode, steps in found:
        spec_of(recipe_of("tao_general", "config.yaml", f"mode={mode}", f"steps={steps}"), 0)


@each_of_videos
def test_every_prompt_that_is_asked_is_there_before_anything_is_spent(name, tmp_path):
    recipe = recipe_of(name, "config.yaml", f"run={tmp_path}")
    with_pack(recipe)
    pack = video_job_of(spec_of(recipe, 1)).pack
    assert len(pack.prompts) >= 20


def test_the_prompts_of_the_pictures_are_there_too():
    assert image_job_of(image_spec_of(recipe_of(IMAGE), 1)).pack.prompts


@each
def test_the_teachers_of_the_recipe_have_a_price_and_those_of_its_smoke_cost_nothing(name):
    from annotate.endpoints import name_of
    from annotate.run.models import prices_of

    for file, free in (("config.yaml", False), ("smoke.yaml", True)):
        recipe = recipe_of(name, file)
        endpoints = (image_spec_of if name == IMAGE else spec_of)(recipe, 1).endpoints()
        assert endpoints
        prices = prices_of("", endpoints)
        for endpoint in endpoints.values():
            price = prices.find(name_of(endpoint))
            assert price is not None
            assert (price.output == 0) == free


def test_the_checker_of_the_pictures_is_another_model_than_the_one_that_wrote():
    config = image_spec_of(recipe_of(IMAGE), 1).image_referring_expression
    assert config.checker is not None
    assert config.checker.gemini.model != config.vlm.gemini.model
    assert "4" in config.workflow.steps and config.min_agreement > 0


@each_of_videos
def test_the_judge_is_not_the_teacher(name):
    recipe = recipe_of(name)
    [judge] = stages(recipe, "judge")
    config = spec_of(recipe, 1).video_reasoning_annotation
    assert judge[judge.index("--model") + 1] not in (config.vlm.gemini.model, config.llm.gemini.model)


# A pilot, and then the whole


@each
def test_the_pilot_is_the_full_run_of_a_few_in_the_same_folder(name):
    recipe = recipe_of(name, "config.yaml", "pilot=7")
    pilot, full = annotating(recipe)
    assert pilot[:-1] == full
    section = videos.SECTION if name != IMAGE else images.SECTION
    assert pilot[-1] == f"{section}.data.sample=7"


@each
def test_what_a_pilot_came_to_is_checked_counted_and_filtered_before_the_full_run(name):
    words = [shlex.split(command)[:2] for command in recipe_of(name).commands]
    kind = "image" if name == IMAGE else "video"
    first = words.index(["annotate", kind])
    assert words[first + 1 : first + 5] == [
        ["data", "validate"], ["data", "stats"], ["annotate", "quality"], ["annotate", kind],
    ]  # fmt: skip


@each
def test_endpoints_are_checked_before_they_are_paid(name):
    first_words = [command.split()[0] for command in recipe_of(name).commands]
    kinds = [" ".join(command.split()[:2]) for command in recipe_of(name).commands]
    asking = min(kinds.index(kind) for kind in ("annotate video", "annotate image") if kind in kinds)
    assert first_words.index("check") < asking


@pytest.mark.parametrize(
    ("name", "count", "file", "pack"),
    [
        pytest.param("tao_traffic", "clips=3", "step_1a_caption/captions.jsonl", "traffic", id="mixed_videos"),
        pytest.param("tao_warehouse", "clips=3", "step_1a_caption/captions.jsonl", "warehouse", id="incidents"),
        pytest.param(IMAGE, "pictures=3", "step_1_image_caption/annotations.jsonl", "referring", id="images"),
    ],
)
def test_the_full_run_of_a_smoke_buys_nothing_of_the_pilot_again(name, count, file, pack, tmp_path):
    small = [f"run={tmp_path}", count, "pilot=1", "eval=1"]
    smoke, rows = RECIPES / name / "smoke.yaml", tmp_path / "annotations" / file
    assert run_recipe(smoke, small, until="data stats") == 0
    replies = tmp_path / "annotations" / "calls.jsonl"
    of_pilot = replies.read_bytes()
    assert len(rows.read_bytes().splitlines()) == 1
    assert run_recipe(smoke, small, until="data split") == 0
    assert replies.read_bytes().startswith(of_pilot)
    keys = [json.loads(line)["key"] for line in replies.read_bytes().splitlines()]
    assert len(keys) == len(set(keys))
    split = json.loads((tmp_path / "data" / "split.json").read_text())
    assert (len(split["train"]), len(split["eval"])) == (2, 1)
    assert [json.loads(row)["provenance"]["pack"] for row in rows.read_bytes().splitlines()] == [pack] * 3


# A student that is asked as it was trained


@each
def test_the_base_sees_what_the_trained_student_will_see(name):
    recipe = recipe_of(name)
    frames = training(recipe).frames
    before, after, blank = predicting(recipe)
    if name != IMAGE:
        assert (before.fps, before.max_frames) == (frames.fps, frames.max_frames)
    assert (before.min_pixels, before.max_pixels) == (frames.min_pixels, frames.max_pixels)
    for asked in (after, blank):  # a trained student remembers
        assert (asked.fps, asked.max_frames, asked.max_pixels, asked.mode) == (None, None, None, None)


def test_boxes_count_in_the_pixels_that_the_student_is_shown():
    recipe = recipe_of(IMAGE)
    config, frames = image_spec_of(recipe, 1).image_referring_expression, training(recipe).frames
    assert (config.student_min_pixels, config.student_max_pixels) == (frames.min_pixels, frames.max_pixels)


@each
def test_all_arms_are_asked_the_same_that_nobody_learnt_from(name):
    recipe = recipe_of(name, "config.yaml", "run=R")
    arms = predicting(recipe)
    assert {tuple(map(str, arm.data)) for arm in arms} == {("R/data/eval",)}
    assert training(recipe).data.files == ["R/data/train"]
    assert [arm.frames for arm in arms] == ["video", "video", "blank"]
    assert {(arm.max_new_tokens, arm.seed, arm.temperature) for arm in arms} == {(512, 0, 0.0)}


# A domain of one's own


def test_the_example_answers_leave_nothing_open():
    template = read_pack_text(TEMPLATE)
    answers = read_answers(POOLS, template)
    assert answers.confirmed
    answers.leave_out_the_optional(template)
    assert missing(answers, template) == []


def test_the_example_answers_are_not_the_templates_own_examples():
    template = read_pack_text(TEMPLATE)
    for name, words in read_answers(POOLS, template).words.items():
        for text in [words] if isinstance(words, str) else words:
            assert text not in template.placeholders[name]
            assert not re.search(r"\bcows?\b|\bbarn\b|\bherd\b", text)


def test_the_pack_is_made_of_the_answers_anew_and_a_gap_in_them_stops_the_recipe(tmp_path):
    answers = tmp_path / "mine.answers.yaml"
    run = [f"run={tmp_path / 'run'}", f"answers={answers}"]
    recipe = RECIPES / "tao_custom_domain" / "smoke.yaml"
    answers.write_text(POOLS.read_text(encoding="utf-8"), encoding="utf-8")
    assert run_recipe(recipe, run, until="annotate workshop --check") == 0
    pack = tmp_path / "run" / "pack.yaml"
    assert "public pool" in pack.read_text(encoding="utf-8")
    edited = POOLS.read_text(encoding="utf-8").replace("swimmers in a public pool", "divers at a tower")
    answers.write_text(edited, encoding="utf-8")
    assert run_recipe(recipe, run, until="annotate workshop --check") == 0
    assert "divers at a tower" in pack.read_text(encoding="utf-8")
    answers.write_text(re.sub(r"  LINK_KINDS: >-\n(    .*\n)+", "", edited), encoding="utf-8")
    assert run_recipe(recipe, [*run, "clips=1", "pilot=1"], until="annotate video") == 2


# What the pages say of cost


def table_rows(page: str, beginning: str) -> list[list[str]]:
    rows = [line for line in page.splitlines() if line.startswith(f"| {beginning}")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def numbers(cell: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,]*\d(?:\.\d+)?", cell)]


@pytest.fixture(scope="module")
def eight_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    assert main(["toyworld", "render", str(folder), "--count", "8"]) == 0
    return folder


@each_of_videos
def test_the_plans_on_the_pages_are_those_that_are_made(name, eight_clips, tmp_path):
    recipe = recipe_of(name, "config.yaml", f"run={tmp_path}", f"videos={eight_clips}", "pilot=8")
    with_pack(recipe)
    with DecodePool(1) as pool:
        found = forecast(spec_of(recipe, 0), pool)
    dollars = [sum(step.dollars[end] for step in found.steps.values() if step.dollars) for end in (0, 1)]
    page = (RECIPES / name / "README.md").read_text(encoding="utf-8")
    [[_, requests, _, _, money]] = table_rows(page, "of 8 s")
    said: dict[str, Any] = {"requests": numbers(requests), "dollars": numbers(money)}
    assert {said["requests"][0], said["requests"][-1]} == {calls * 100 / 8 for calls in found.calls}
    # To a tenth: words of the prompts may change, and a table of prices that does makes the pages stale.
    assert [said["dollars"][0], said["dollars"][-1]] == pytest.approx([amount * 100 / 8 for amount in dollars], rel=0.1)
