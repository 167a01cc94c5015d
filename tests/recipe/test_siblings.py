"""What can be computed again of the Cosmos cookbook's other tables, and what of it does not come out."""

from __future__ import annotations

import math
from statistics import mean

import numpy as np
import pytest
import yaml

from demitasse.recipe import CHECKOUT, read_recipe

TABLES = yaml.safe_load((CHECKOUT / "recipes" / "siblings.yaml").read_text(encoding="utf-8"))
WAREHOUSE = TABLES["spatial_ai_warehouse"]
CATEGORIES = ("count", "distance", "left_right", "mcq")


RECIPE = TABLES["av_video_caption_vqa"]
BY_CATEGORY = TABLES["video_caption_vqa"]["by_category"]
POOL = TABLES["video_caption_vqa"]["questions_in_pool"]


def categories(name):
    return [WAREHOUSE["rows"][name][category] for category in CATEGORIES]


def test_the_recipes_own_split_adds_up_and_is_ours():
    clips, share = RECIPE["clips"], RECIPE["share"]
    assert clips["train"] + clips["eval"] == clips["all"]
    assert {side: round(100 * clips[side] / clips["all"], 1) for side in share} == share
    values = read_recipe(CHECKOUT / "recipes" / "av_captioning" / "config.yaml", []).values
    assert round(float(values["eval"]) * clips["all"], -1) == clips["eval"]


def test_its_sizes_add_up_to_seventeen_megabytes_a_clip():
    sizes, clips = RECIPE["gigabytes"], RECIPE["clips"]
    assert sizes["train"] + sizes["eval"] == sizes["all"]
    assert {round(1000 * sizes[side] / clips[side]) for side in sizes} == {RECIPE["megabytes_a_clip"]}


def test_its_curve_ends_before_twenty_epochs_even_of_nine_tenths_of_the_clips():
    told = RECIPE["training"]
    step = told["clips_of_each_gpu"] * told["gpus"]
    clips = RECIPE["clips"]["train"]
    steps = [round(told["epochs"] * share * clips / step) for share in (1, 0.9)]
    assert steps == [1449, 1304]
    assert told["curve_ends_near_step"] + 50 < min(steps)
    assert told["curve_ends_near_step"] * step / clips == pytest.approx(17.1, abs=0.05)


@pytest.mark.parametrize("name", WAREHOUSE["rows"])
def test_an_average_is_the_mean_of_its_categories_only_where_the_table_says_so(name):
    off = abs(mean(categories(name)) - WAREHOUSE["rows"][name]["average"])
    assert (off <= 0.0051) == (name in WAREHOUSE["is_the_mean_of_its_categories"])
    assert off < 0.6


def test_the_other_averages_are_one_weighted_mean_as_over_questions():
    """Three averages and a sum of 1 determine the four weights; that they are shares near a quarter is the finding."""
    others = [name for name in WAREHOUSE["rows"] if name not in WAREHOUSE["is_the_mean_of_its_categories"]]
    averages = [WAREHOUSE["rows"][name]["average"] for name in others]
    weights = np.linalg.solve([*map(categories, others), [1] * 4], [*averages, 1])
    assert weights == pytest.approx([0.255, 0.252, 0.262, 0.231], abs=0.0006)
    assert weights @ categories("500K") == pytest.approx(92.87, abs=0.005)


def test_more_data_raises_the_average():
    averages = [row["average"] for row in WAREHOUSE["rows"].values()]
    assert averages == sorted(averages)


@pytest.mark.parametrize("when", ["before", "after"])
def test_wafermaps_accuracies_are_whole_numbers_of_its_test_images_cut_off(when):
    images = math.prod(TABLES["wafermap"]["test"].values())
    published = TABLES["wafermap"]["accuracy"][when]
    digits = 10 ** len(str(published).partition(".")[2])
    cut_off = {math.floor(100 * right / images * digits) / digits for right in range(images + 1)}
    assert published in cut_off


@pytest.mark.parametrize("when", ["before", "after"])
def test_lingo_judges_scores_are_whole_numbers_of_its_questions(when):
    lingo = TABLES["video_caption_vqa"]["lingo_judge"]
    right = lingo[when] / 100 * lingo["clips"] * lingo["questions_of_each"]
    assert right == pytest.approx(round(right))


def test_the_multiple_choice_questions_do_not_come_out_at_twelve_a_clip():
    count = TABLES["video_caption_vqa"]["mcq_questions"]
    assert count["all"] % count["of_each_clip"] != 0
    assert count["clips_from"] * count["of_each_clip"] > count["all"]


def test_the_best_checkpoint_gains_less_than_training_on_loses():
    mcq = TABLES["video_caption_vqa"]["mcq"]
    assert mcq["best"] - mcq["before"] == pytest.approx(0.67)
    assert mcq["at_step_500"] - mcq["best"] == pytest.approx(-5.72)


def test_the_three_gains_are_those_of_the_figures_and_that_of_multiple_choice_is_within_chance():
    table = TABLES["video_caption_vqa"]
    bleu, mcq, lingo = table["bleu"], table["mcq"], table["lingo_judge"]
    relative = 100 * (bleu["best"] - bleu["before"]) / bleu["before"]
    gains = [round(relative, 1), round(mcq["best"] - mcq["before"], 2), round(lingo["after"] - lingo["before"], 1)]
    assert gains == list(table["gains_told"].values())
    right = mcq["before"] / 100
    assert gains[1] < 196 * math.sqrt(right * (1 - right) / table["mcq_questions"]["all"])


@pytest.mark.parametrize("model", BY_CATEGORY)
def test_an_overall_accuracy_is_no_mean_of_the_categories_and_near_that_over_the_pool(model):
    row = BY_CATEGORY[model]
    assert abs(mean(row[category] for category in POOL) - row["overall"]) > 0.2
    over_pool = sum(row[category] * questions for category, questions in POOL.items()) / sum(POOL.values())
    assert over_pool == pytest.approx(row["overall"], abs=0.4)


def test_the_best_checkpoint_is_worse_than_the_base_in_three_categories_of_six():
    base, best = BY_CATEGORY["Cosmos-Reason2-8B"], TABLES["video_caption_vqa"]["best_by_category"]
    assert best["overall"] == TABLES["video_caption_vqa"]["mcq"]["best"]
    assert [name for name in POOL if best[name] < base[name]] == ["characters", "key_objects", "scene"]


def test_one_figure_stands_twice_on_the_page_and_differs():
    table = TABLES["video_caption_vqa"]
    assert BY_CATEGORY["Cosmos-Reason2-8B"]["spatial_temporal"] - table["spatial_temporal_in_the_text"] > 0.7


def test_the_tuned_accuracy_is_the_best_of_the_steps_that_were_looked_at():
    table = TABLES["physical_plausibility"]
    by_step = table["accuracy_by_step"]
    assert max(by_step, key=by_step.get) == table["accuracy"]["tuned_step"]
    assert max(by_step.values()) == table["accuracy"]["tuned"]


def test_what_the_next_recipe_calls_its_best_accuracy_is_its_correlation():
    table = TABLES["physical_plausibility"]
    told, by_step = table["told_by_reason2"], table["accuracy_by_step"]
    assert (told["accuracy"], told["step"]) == (table["correlation"]["tuned"], table["correlation"]["tuned_step"])
    assert told["accuracy"] > max(by_step.values())
    assert max(by_step, key=by_step.get) > told["declines_after"]


@pytest.mark.parametrize("way", TABLES["intelligent_transportation"]["tokens"])
def test_the_tokens_of_a_video_are_those_of_half_its_frames(way):
    told = TABLES["intelligent_transportation"]["tokens"][way]
    assert told["frames"] / 2 * (told["width"] / 32) * (told["height"] / 32) == told["printed"]


def test_the_fewer_frames_are_learnt_from_in_a_third_of_the_time():
    minutes = TABLES["intelligent_transportation"]["minutes_on_8_a100"]
    assert minutes["reason2_8_frames"] / minutes["reason2_1_fps"] == pytest.approx(1 / 3, abs=0.02)


def test_of_the_two_ways_of_seeing_the_fewer_frames_end_higher():
    mcq = TABLES["intelligent_transportation"]["mcq"]
    few, many = mcq["reason2_8_frames"]["epochs"], mcq["reason2_1_fps"]["epochs"]
    assert few[-1] > many[-1]
    assert max(many) == many[1], "the third epoch of the many is worse than its second"


def test_the_error_falls_but_for_the_row_that_is_the_same_twice():
    table = TABLES["temporal_localization"]
    same = [name for name, row in table["relative_error"].items() if row["before"] == row["after"]]
    assert same == table["unchanged"]
    assert all(row["after"] < row["before"] for name, row in table["relative_error"].items() if name not in same)


def test_every_change_of_the_error_is_after_less_before_but_one():
    rows = TABLES["temporal_localization"]["relative_error"]
    assert {name for name, row in rows.items() if round(row["after"] - row["before"], 2) != row["change"]} == {"agibot"}
    assert rows["agibot"]["after"] - rows["agibot"]["before"] == pytest.approx(-25.42)


def test_the_row_that_is_the_same_twice_is_that_of_another_model_too():
    table = TABLES["temporal_localization"]
    assert {table["relative_error"][name]["after"] for name in table["unchanged"]} == {table["bridge_of_qwen3_vl_30b"]}


def test_the_error_over_all_is_neither_that_over_videos_nor_that_over_sets():
    table = TABLES["temporal_localization"]
    rows, told = table["relative_error"].values(), table["told_over_all"]
    videos = [row["videos"] for row in rows]
    over_videos, over_sets = (
        [float(np.average([row[when] for row in rows], weights=weights)) for when in ("before", "after")]
        for weights in (videos, None)
    )
    assert over_videos == pytest.approx([71.7, 49.1], abs=0.05)
    assert over_sets == pytest.approx([72.9, 49.7], abs=0.05)
    assert [told["before"], told["after"]] != [round(one) for one in over_videos]
    assert [told["before"], told["after"]] != [round(one) for one in over_sets]
