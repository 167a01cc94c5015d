"""What the papers of VideoEspresso and CoTasks printed, recomputed from their tables; and what does not come out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import chain
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import yaml

from demitasse.cotasks.record import TASK_NAMES
from demitasse.dataset import read
from demitasse.dataset.evidence import ESPRESSO_TASKS
from demitasse.recipe import CHECKOUT, read_recipe, run_recipe

RECIPES = CHECKOUT / "recipes"
REAL = CHECKOUT.parent / "shared" / "data"
EXPERIMENTS = ("gap", "predictor", "noise", "frames", "bias", "difficulty", "ablation", "finetune")
PRINTED = 0.051  # half of the last place that a table with one decimal prints
HALF_CENT = 0.00501


def published(recipe: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((RECIPES / recipe / "published.yaml").read_text())
    return content


ESPRESSO, NEXTQA, STAR = (published(name) for name in ("videoespresso", "cotasks_nextqa", "cotasks_star"))
TASKS: Sequence[str] = ESPRESSO["tasks"]
TEST, RELEASED = (ESPRESSO["counts"][split]["tasks"] for split in ("test", "released_test"))


def micro(shares: Sequence[float], counts: Sequence[int]) -> float:
    """The mean over questions, of means over groups of them."""
    return sum(share * count for share, count in zip(shares, counts, strict=True)) / sum(counts)


def fractions(shares: Sequence[float], counts: Sequence[int]) -> int:
    """How many percentages are no whole number of questions, but for what rounding does (twice, at worst)."""
    nearest = [100 * round(share * count / 100) / count for share, count in zip(shares, counts, strict=True)]
    return sum(abs(share - whole) > 0.06 for share, whole in zip(shares, nearest, strict=True))


def by_model(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {row["model"]: row for row in rows}


# VideoEspresso


def test_the_fourteen_tasks_of_the_paper_are_those_that_questions_are_asked_for() -> None:
    assert sorted(TASKS) == sorted(task for task, _ in ESPRESSO_TASKS)


@pytest.mark.parametrize("split", ["train", "test", "released_test"])
def test_the_counts_of_the_tasks_make_the_total(split: str) -> None:
    counts = ESPRESSO["counts"][split]
    assert sum(counts["tasks"]) == counts["total"]


def test_training_and_test_make_the_number_of_table_6() -> None:
    parts = [ESPRESSO["counts"][split]["total"] for split in ("train", "test")]
    assert sum(parts) == ESPRESSO["questions"]["VideoEspresso"]


@pytest.mark.parametrize("row", ESPRESSO["paper"], ids=lambda row: row["model"])
def test_the_papers_average_is_over_tasks_and_not_over_questions(row: Mapping[str, Any]) -> None:
    assert abs(fmean(row["tasks"]) - row["average"]) < PRINTED + 0.01  # the tasks are rounded as well
    assert abs(micro(row["tasks"], TEST) - row["average"]) > 0.7


@pytest.mark.parametrize("row", ESPRESSO["leaderboard"], ids=lambda row: row["model"])
def test_the_leaderboards_average_is_over_questions(row: Mapping[str, Any]) -> None:
    assert abs(micro(row["tasks"], RELEASED) - row["overall"]) < PRINTED + 0.01


def test_only_few_averages_of_the_leaderboard_would_do_as_averages_over_tasks() -> None:
    close = [row for row in ESPRESSO["leaderboard"] if abs(fmean(row["tasks"]) - row["overall"]) < 0.3]
    assert [row["model"] for row in close] == ["VideoChat2-Mistral"]


def test_the_released_test_has_other_counts_than_table_7_in_two_tasks() -> None:
    shares = list(chain.from_iterable(row["tasks"] for row in ESPRESSO["leaderboard"]))
    assert fractions(shares, RELEASED * 15) == 0
    assert fractions(shares, TEST * 15) > 20
    other = {task: (paper, now) for task, paper, now in zip(TASKS, TEST, RELEASED, strict=True) if paper != now}
    assert other == {"Narrative Structuring": (62, 79), "Event Process": (174, 157)}


def test_one_row_of_table_1_cannot_have_been_measured_on_that_test() -> None:
    odd = {row["model"]: fractions(row["tasks"], TEST) for row in ESPRESSO["paper"]}
    assert odd.pop("LLaVA-N-Video") == 11
    assert set(odd.values()) == {0}


def test_the_paper_and_the_leaderboard_measure_the_same_model_far_apart() -> None:
    paper, board = by_model(ESPRESSO["paper"])["LongVA-DPO"], by_model(ESPRESSO["leaderboard"])["LongVA"]
    assert board["overall"] - paper["average"] == pytest.approx(15.3)


@pytest.mark.parametrize("row", ESPRESSO["subjective"], ids=lambda row: row["model"])
def test_the_overall_mark_is_a_mark_of_its_own_and_lower_than_the_mean_of_the_four(row: Mapping[str, Any]) -> None:
    mean = fmean(row[mark] for mark in ("logic", "factuality", "accuracy", "conciseness"))
    assert 0.8 < mean - row["overall"] < 3.5


def selected() -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Rows of table 5 with chosen frames, each with its model's row of evenly spread ones."""
    even = {row["model"]: row for row in ESPRESSO["selector"] if row["sample"] == "Uniform"}
    return [(row, even[row["model"]]) for row in ESPRESSO["selector"] if row["sample"] != "Uniform"]


@pytest.mark.parametrize(("row", "even"), selected(), ids=lambda row: f"{row['model']}, {row['sample']}")
def test_table_5_counts_the_reasoners_frames_and_nothing_of_the_selector(
    row: Mapping[str, Any], even: Mapping[str, Any]
) -> None:
    kept = row["frames"] / even["frames"]
    assert abs(kept - row["ratio"]) < HALF_CENT
    if "tflops" in row:
        assert abs(even["tflops"] * kept - row["tflops"]) < 0.01  # one row is cut off, not rounded: 10.869 is 10.86


def test_choosing_frames_gains_for_two_models_and_loses_for_two() -> None:
    gains = {(row["model"], row["sample"]): round(row["accuracy"] - even["accuracy"], 2) for row, even in selected()}
    assert gains == {
        ("GPT-4o", "1B/0.5B"): 1.4,
        ("GPT-4o", "1B/1.5B"): 2.59,
        ("InternVL2", "1B/0.5B"): 0.66,
        ("InternVL2", "1B/1.5B"): 1.46,
        ("LongVA", "1B/0.5B"): -1.23,
        ("LongVA", "1B/1.5B"): -0.56,
        ("LLaVA-N-i", "1B/0.5B"): -0.17,
        ("LLaVA-N-i", "1B/1.5B"): -0.11,
    }


def test_one_evenly_sampled_row_of_table_5_is_not_that_of_table_1() -> None:
    table_1 = by_model(ESPRESSO["paper"])
    even = {row["model"]: row for row in ESPRESSO["selector"] if row["sample"] == "Uniform"}
    same = {"InternVL2": "InternVL2", "LongVA": "LongVA-DPO", "LLaVA-N-i": "LLaVA-N-Inter"}
    apart = {name: abs(even[name]["accuracy"] - fmean(table_1[other]["tasks"])) for name, other in same.items()}
    assert {name for name, far in apart.items() if far > 0.1} == {"InternVL2"}
    assert {row["ratio"] for row in even.values()} == {1}
    for name, other in same.items():
        assert abs(even[name]["tflops"] - table_1[other]["tflops"]) < PRINTED, "it is the same cost in both"


def test_the_students_own_cost_is_that_of_the_model_it_must_be_made_of() -> None:
    ours = by_model(ESPRESSO["paper"])["Ours"]
    row = next(row for row, _ in selected() if (row["model"], row["sample"]) == ("LLaVA-N-i", "1B/1.5B"))
    assert (row["tflops"], row["frames"]) == (ours["tflops"], float(ours["frames"]))


def test_the_ablations_differences_lie_within_what_the_average_is_known_to() -> None:
    told, ours = ESPRESSO["ablations"], by_model(ESPRESSO["paper"])["Ours"]["tasks"]
    variances = [share * (100 - share) / count for share, count in zip(ours, TEST, strict=True)]
    half = 1.96 * sqrt(sum(variances)) / len(TASKS)
    assert round(half, 1) == 3.0
    losses = [round(told["full"] - told[part], 2) for part in ("without_boxes", "without_chain_of_thought")]
    assert losses == [0.99, 2.81]
    assert max(losses) < half < told["true_evidence_at_test"] - told["full"]


def test_the_recipe_trains_at_the_settings_of_table_8() -> None:
    from demitasse.config import read_config
    from train.config import TrainConfig

    path = RECIPES / "videoespresso" / "config.yaml"
    config, table = read_config(TrainConfig, path, [], "train"), ESPRESSO["training"]
    side = table["both"]["input resolution"]
    assert config.frames.max_pixels == side * side
    assert config.data.max_tokens == table["both"]["max token length"]
    assert config.model.method == "lora"
    assert config.optim.weight_decay == table["both"]["weight ratio"]
    assert config.optim.schedule == table["both"]["learning rate schedule"]
    assert config.optim.batch_size == table["both"]["batch size"]
    assert config.optim.warmup == table["both"]["warmup epochs"]
    assert (config.optim.epochs, config.optim.steps) == (table["both"]["total epochs"], 0)
    stages = [command for command in read_recipe(path, []).commands if "/evidence" in command or "/answer" in command]
    rates = [
        word for command in stages if command.startswith("train ") for word in command.split() if "optim.lr" in word
    ]
    assert [float(rate.partition("=")[2]) for rate in rates] == table["learning_rates"]


# CoTasks


def of_groups(counts: Mapping[str, int]) -> dict[str, int]:
    groups = NEXTQA["groups"].items()
    return {group: sum(counts.get(kind, 0) for kind in kinds) for group, kinds in groups}


def test_the_types_of_next_qas_validation_make_its_size() -> None:
    sizes = {split: sum(of_groups(counts).values()) for split, counts in NEXTQA["counts"].items()}
    assert sizes == {"multiple_choice": 4996, "open_ended": 5343}


@pytest.mark.parametrize("row", NEXTQA["baselines"], ids=lambda row: f"{row['model']}, {row['text']}")
def test_next_qas_overall_accuracy_is_over_questions_but_in_three_rows(row: Mapping[str, Any]) -> None:
    groups = of_groups(NEXTQA["counts"]["multiple_choice"])
    overall = round(micro([row[group] for group in groups], list(groups.values())), 2)
    wrong = {("BlindQA", "GloVe"): 29.05, ("EVQA", "BERT-FT"): 44.33, ("people", "-"): 88.35}
    expected = wrong.get((row["model"], row["text"]), row["all"])
    assert overall == expected


@pytest.mark.parametrize(
    ("split", "gain"),
    [
        pytest.param("multiple_choice", 18.6, id="multiple_choice"),
        pytest.param("open_ended", 20.5, id="open_ended"),
        pytest.param(None, 24.5, id="each_group_alike"),
    ],
)
def test_the_papers_gain_is_that_of_neither_validation_set(split: str | None, gain: float) -> None:
    told = by_model(NEXTQA["gains"])["Qwen2.5-VL-3B"]
    counts = of_groups(NEXTQA["counts"][split]) if split else dict.fromkeys(NEXTQA["groups"], 1)
    assert round(micro([told[group] for group in counts], list(counts.values())), 1) == gain
    assert gain - told["all"] > 1


@pytest.mark.parametrize("split", ["multiple_choice", "open_ended"])
def test_the_gain_comes_out_if_about_an_eighth_of_the_questions_are_descriptive(split: str) -> None:
    """With causal and temporal ones as many to each other as there: an unstated part of the questions was scored."""
    told, groups = by_model(NEXTQA["gains"])["Qwen2.5-VL-3B"], of_groups(NEXTQA["counts"][split])
    rest = micro([told["causal"], told["temporal"]], [groups["causal"], groups["temporal"]])
    share = (told["all"] - rest) / (told["descriptive"] - rest)
    assert share == pytest.approx(0.12, abs=0.005)
    assert groups["descriptive"] / sum(groups.values()) > 0.15


def test_stars_types_make_its_size_and_prompting_is_said_to_bring_more_than_fine_tuning() -> None:
    assert sum(STAR["counts"].values()) == STAR["questions"]
    [told] = STAR["gains"]
    assert round(told["prompting"] - told["fine_tuning"], 1) == 13.8


def option(command: str, name: str) -> str:
    words = shlex.split(command)
    return words[words.index(name) + 1] if name in words else ""


def test_the_ablation_shows_tasks_1_and_2_or_3_and_4_or_all_or_none_and_lays_the_halves_side_by_side() -> None:
    commands = read_recipe(RECIPES / "cotasks_nextqa" / "ablation.yaml", []).commands
    asked = {option(one, "--out"): option(one, "--cotasks") for one in commands if one.startswith("predict")}
    assert sorted(asked.values()) == ["", "12", "1234", "34"]
    compared = [[asked.get(word.partition("=")[2]) for word in shlex.split(one) if "=" in word] for one in commands[4:]]
    assert compared == [["", "1234", "12", "34"], ["12", "34"]]


def test_each_cotask_is_asked_of_the_papers_three_qwens_with_the_truth_of_those_before_it() -> None:
    recipe = read_recipe(RECIPES / "cotasks_nextqa" / "difficulty.yaml", [])
    asked = [one for one in recipe.commands if one.startswith("predict")]
    sizes = [option(one, "--model").removeprefix("models/Qwen2.5-VL-").partition("B")[0] for one in asked]
    assert sizes == ["3"] * 4 + ["7"] * 4 + ["72"] * 4
    assert [option(one, "--cotasks") for one in asked] == ["", "1", "12", "123"] * 3
    assert [Path(option(one, "--data")).stem for one in asked] == list(TASK_NAMES.values()) * 3


def test_mistakes_are_made_in_each_task_and_those_of_the_first_are_followed_into_the_others() -> None:
    commands = read_recipe(RECIPES / "cotasks_nextqa" / "noise.yaml", []).commands
    asked = [one for one in commands if one.startswith("predict")]
    final = [one for one in asked if option(one, "--data").endswith("mcq.json")]
    levels = ["0.25", "0.5", "0.75", "1.0"]
    alone = [f"t{task}={level}" for task in (1, 2, 3, 4) for level in levels]
    assert [option(one, "--noise") for one in final] == ["", "", *alone, *(f"t1={level}" for level in levels)]
    assert [one.count(f"={level}") for level in levels for one in final[-4:] if f"t1={level}" in one] == [4] * 4
    later = [one for one in asked if one not in final]
    assert {one.partition("--tasks ")[2].partition(" --")[0] for one in later} == {" ".join([*TASK_NAMES.values()][1:])}
    assert [option(one, "--cotasks") for one in later] == ["", *["1"] * 5]
    assert [option(one, "--noise") for one in later] == ["", "", *(f"t1={level}" for level in levels)]


def test_fine_tuning_is_laid_beside_prompting_on_the_same_questions() -> None:
    commands = read_recipe(RECIPES / "cotasks_nextqa" / "finetune.yaml", []).commands
    asked = {Path(option(one, "--out")).name: one for one in commands if one.startswith("predict")}
    assert len({option(one, "--data") for one in asked.values()}) == 1
    shown = {name: option(one, "--cotasks") for name, one in asked.items()}
    assert shown == {"base": "", "prompted": "1234", "tuned": "", "tuned_prompted": "1234"}
    taught = {Path(option(one, "--model")).parent.name for name, one in asked.items() if name.startswith("tuned")}
    assert taught == {"plain", "with_cotasks"}
    run = "runs/cotasks_nextqa/finetune"
    assert f"prompting={run}/prompted fine-tuning={run}/tuned" in commands[-1]


@pytest.mark.parametrize("recipe", ["cotasks_nextqa", "cotasks_star"])
def test_each_open_question_is_a_file_that_the_page_names(recipe: str) -> None:
    page = (RECIPES / recipe / "README.md").read_text()
    named = {word for word in EXPERIMENTS if f"demitasse run recipes/{recipe}/{word}.yaml" in page}
    assert named == set(EXPERIMENTS)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_star_asks_what_next_qa_asks_in_folders_of_its_own(experiment: str) -> None:
    theirs = read_recipe(RECIPES / "cotasks_nextqa" / f"{experiment}.yaml", [])
    ours = read_recipe(RECIPES / "cotasks_star" / f"{experiment}.yaml", [])
    assert ours.stages == theirs.stages
    assert not any("cotasks_nextqa" in word for word in _read_and_written(ours.commands))
    assert str(ours.run) == f"runs/cotasks_star/{experiment}"


@pytest.mark.parametrize(
    ("recipe", "annotation", "questions"),
    [
        pytest.param(
            "cotasks_nextqa",
            "source=nextqa questions={0}/nextqa/mc_val_slice.csv vidor={0}/vidor spans={0}/nextqa/gsub_val_slice.json "
            "video_map={0}/nextqa/map_vid_vidorID_slice.json",
            13,
            id="nextqa",
        ),
        pytest.param("cotasks_star", "source=star items={0}/star/item_Interaction_T1_3772.json", 1, id="star"),
    ],
)
def test_cotasks_of_the_real_slices_are_made_with_options_and_without(
    recipe: str, annotation: str, questions: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if not REAL.is_dir():
        pytest.skip(f"the real slices are not here: {REAL}")
    values = [f"run={tmp_path}", f"annotation={annotation.format(REAL)}"]
    assert run_recipe(RECIPES / recipe / "config.yaml", values, until="data leaks") in (0, 3)
    assert f"{questions} questions; percent right by CoTasks alone" in capfd.readouterr().out
    made = [tmp_path / "data" / "items" / "mcq.json", tmp_path / "open_data" / "items" / "open_qa.json"]
    assert [len(read(path).items) for path in made] == [questions, questions]


def _read_and_written(commands: Sequence[str]) -> list[str]:
    """Every word but the file that says how to train, which both share."""
    return [word for command in commands for word in command.split() if not word.endswith(".yaml")]
