"""The AV captioning recipe: its table recomputed, its keys, and the real clip and label through all of it."""

import json
from pathlib import Path
from statistics import fmean

import pytest
import yaml

from demitasse.cli import main
from demitasse.config.source import read_file
from demitasse.errors import ConfigError
from demitasse.labels.keys import read_keys
from demitasse.labels.question import question_of
from demitasse.recipe import CHECKOUT, read_recipe
from evaluate.report.published import published_rows, read_published

RECIPE = CHECKOUT / "recipes" / "av_captioning"
PUBLISHED = read_published(RECIPE / "published.yaml")
KEYS = read_keys(RECIPE / "keys.yaml")
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "avha"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no real clip beside the checkout (../shared/data/avha)")


def test_the_published_means_over_keys_are_recomputed():
    before, after = PUBLISHED["mean"]
    assert (round(before, 2), round(after, 2), round(after - before, 2)) == (3.43, 3.90, 0.47)
    assert before == fmean(pair[0] for pair in PUBLISHED["tasks"].values())


def test_only_rule_violation_got_worse_and_what_the_source_calls_hardest_is_not_the_lowest():
    deltas = {key: after - before for key, (before, after) in PUBLISHED["tasks"].items()}
    assert [key for key, delta in deltas.items() if delta < 0] == ["rule_violation"]
    assert min(PUBLISHED["tasks"], key=lambda key: PUBLISHED["tasks"][key][1]) == "traffic_sign"
    assert min(deltas, key=lambda key: abs(deltas[key])) == "safety_analysis"


def test_of_the_four_keys_that_the_source_says_mostly_gained_much_one_gained_as_little_as_the_easy_ones():
    gains = {key: after - before for key, (before, after) in PUBLISHED["tasks"].items()}
    easy = ("weather", "lighting", "road_conditions", "traffic_light")
    middle = ("additional_traffic_rules", "road_type", "junction_type", "lane_type")
    assert [key for key in middle if gains[key] <= max(gains[one] for one in easy)] == ["lane_type"]
    assert sorted(gains, key=gains.__getitem__)[-2:] == ["interactive_expanded_metaaction", "interesting_scenario"]


def test_the_question_has_a_line_for_each_of_the_fifteen_keys():
    lines = [line for line in question_of(KEYS).splitlines() if line.startswith("- ")]
    assert [line[2:].partition(":")[0] for line in lines] == list(KEYS)
    assert len(KEYS) == 15


def test_the_published_keys_are_the_recipes_in_the_same_order():
    assert list(PUBLISHED["tasks"]) == list(KEYS)


def test_nine_keys_are_the_judges_and_six_are_scored_exactly():
    kinds = [key["kind"] for key in KEYS.values()]
    assert kinds.count("prose") == 9
    assert {name: key["kind"] for name, key in KEYS.items() if key["kind"] != "prose"} == {
        "weather": "closed",
        "lighting": "closed",
        "interactive_expanded_metaaction": "multi",
        "driving_difficulty": "graded",
        "rule_violation": "boolean",
        "interesting_scenario": "boolean",
    }


def test_ours_stands_beside_the_published_in_its_own_unit():
    ours = {
        "weather": {"metric": "closed", "n": 3, "before": 0.5, "after": 0.75, "delta": 0.25},
        "road_type": {"metric": "judge", "n": 3, "before": 3.0, "after": 2.5, "delta": -0.5},
        "lane_type": {"metric": "judge", "n": 0},
    }
    rows = {row[0]: row[1:] for row in published_rows(PUBLISHED, ours)}
    assert rows["weather"] == ["4.22", "4.46", "+0.24", "closed classes", "50.0%", "75.0%", "+25.0"]
    assert rows["road_type"][3:] == ["free text", "3.00", "2.50", "\u22120.50"]
    assert rows["lane_type"][3:] == ["free text", "\u2013", "\u2013", "\u2013"]
    assert rows["rule_violation"][:4] == ["4.80", "4.64", "\u22120.16", "not asked"]
    assert rows["mean of 15"][:3] == ["3.43", "3.90", "+0.47"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("source: x", "has no 'tasks'", id="no_tasks"),
        pytest.param("tasks: {a: 4.2}", r"must be \[before, after\], two numbers", id="one_number"),
        pytest.param("tasks: {a: [4.2, high]}", "two numbers", id="a_word"),
        pytest.param("task: {a: [1, 2]}", "unknown field 'task'", id="a_misspelt_field"),
    ],
)
def test_a_file_of_published_figures_at_fault_is_a_sentence(tmp_path, text, told):
    (tmp_path / "published.yaml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_published(tmp_path / "published.yaml")


def test_the_sources_hyperparameters_are_the_configs():
    train = yaml.safe_load((RECIPE / "config.yaml").read_text(encoding="utf-8"))["train"]
    wanted = {"lr": 2e-6, "schedule": "constant", "warmup": 20, "epochs": 20, "batch_size": 128, "micro_batch_size": 4}
    wanted |= {"betas": [0.9, 0.999], "weight_decay": 0.01, "max_grad_norm": 1.0}
    assert train["optim"] == wanted
    assert train["frames"] == {"fps": 2, "max_frames": 20, "max_pixels": 448 * 252}
    assert (train["model"]["method"], train["data"]["max_tokens"]) == ("full", 4096)


@pytest.mark.parametrize("name", ["ablation_resolution", "ablation_epochs"])
def test_an_ablations_arms_differ_in_one_setting_alone(name):
    stages = read_recipe(RECIPE / f"{name}.yaml", []).commands
    first, second = ([word for word in stage.split() if "output_dir" not in word] for stage in stages[:2])
    apart = {word.split("=")[0] for word in {*first} ^ {*second}}
    assert apart == {"ablation_resolution": {"frames.max_pixels"}, "ablation_epochs": {"validate.files"}}[name]


def test_what_is_trained_on_is_no_video_that_is_asked_about_or_chosen_by():
    stages = "\n".join(read_recipe(RECIPE / "config.yaml", []).commands)
    assert "data.files=[runs/av_captioning/learning/train]" in stages
    assert "validate.files=[runs/av_captioning/learning/eval]" in stages
    assert stages.count("--data runs/av_captioning/data/eval") == 3


def real_train_config(folder):
    """A training of one step on the one clip."""
    config = {
        "model": {"path": str(RECIPE / "base"), "method": "full"},
        "data": {"files": [f"{folder}/labels"], "response_mode": "answer", "cache_dir": f"{folder}/cache"},
        "frames": {"fps": 1, "max_frames": 8},
        "optim": {"lr": 1e-3, "steps": 1, "batch_size": 1, "micro_batch_size": 1},
        "save_every": 0,
        "output_dir": f"{folder}/student",
    }
    path = folder / "train.yaml"
    path.write_text(json.dumps({"train": config}))
    return path


@needs_real
def test_the_real_clip_and_label_go_through_the_whole_recipe(tmp_path, capsys):
    """One clip cannot be parted into sides, so the student learns what it is asked: the report has to say both."""
    asked = ["--data", f"{tmp_path}/labels", "--fps", "1", "--max-frames", "8", "--cache", f"{tmp_path}/cache"]
    asked += ["--max-new-tokens", "48"]
    keys = ["--keys", str(RECIPE / "keys.yaml")]
    assert main(["data", "lint", str(REAL), *keys, "--out", f"{tmp_path}/oddities.jsonl"]) == 0
    odd = [json.loads(line)["oddity"] for line in (tmp_path / "oddities.jsonl").read_text().splitlines()]
    assert odd == ["dash", "space at the edge", "boolean as text", "boolean as text"]
    assert main(["data", "convert", str(REAL), f"{tmp_path}/labels", "--from", "labels", "--to", "tao", *keys]) == 0
    assert main(["data", "validate", f"{tmp_path}/labels"]) == 0
    assert main(["data", "split", f"{tmp_path}/labels", f"{tmp_path}/data", "--eval", "0.5"]) == 2
    assert main(["predict", "--model", str(RECIPE / "base"), "--out", f"{tmp_path}/before", *asked]) == 0
    assert main(["train", "--config", str(real_train_config(tmp_path))]) == 0
    assert main(["predict", "--model", f"{tmp_path}/student/student", "--out", f"{tmp_path}/after", *asked]) == 0
    assert main(["judge", f"{tmp_path}/before", f"{tmp_path}/after", "--model", "scripted"]) == 0
    assert main(["score", f"{tmp_path}/before", f"{tmp_path}/after", "--json", f"{tmp_path}/scores.json"]) == 0
    scored = json.loads((tmp_path / "scores.json").read_text())
    assert all(list(run) and set(run) == set(KEYS) for run in scored.values())
    capsys.readouterr()
    command = ["compare", f"{tmp_path}/before", f"{tmp_path}/after", "--out", f"{tmp_path}/report", "--report-only"]
    assert main([*command, "--media", str(REAL), "--published", str(RECIPE / "published.yaml")]) == 3
    told = capsys.readouterr().out
    assert "One video is too few to tell" in told
    assert "incomplete: after: " in told  # it was trained on what it was asked
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "one video: no interval" in page
    assert "<td>mean of 15</td><td>3.43</td><td>3.90</td><td>+0.47</td>" in page
    assert "scripted stand-in" in page


def test_the_smoke_has_the_configs_stages_behind_what_makes_its_data():
    smoke, config = (read_recipe(RECIPE / f"{name}.yaml", []) for name in ("smoke", "config"))
    assert smoke.stages[1:] == config.stages
    assert smoke.stages[0].startswith("toyworld drives")
    assert set(read_file(RECIPE / "smoke.yaml").content) == {"recipe", "train"}
