"""`demitasse plan` for training: what it says is what a run then meets, and nothing is decoded or loaded for it."""

import json
from pathlib import Path

import pytest

from demitasse import cli
from demitasse.config import read_config
from demitasse.errors import ConfigError
from train.config import TrainConfig
from train.data.batches import MicroBatches
from train.data.lengths import Length, measure
from train.data.lessons import read_lessons
from train.data.mixture import Order
from train.planning.plan import GPU_NAMES, MFU, machine_of, make_plan
from train.planning.plan_text import as_text

NO_GPU = machine_of(None, 1, None)


@pytest.fixture(autouse=True)
def nothing_is_decoded_or_loaded(monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("a plan decodes no frame and loads no weight")

    monkeypatch.setattr("demitasse.media.cache.read_frames", refuse)
    monkeypatch.setattr("transformers.AutoModelForImageTextToText.from_pretrained", refuse)
    monkeypatch.setattr("demitasse.atomic._sync", lambda _path: None)


def config_of(recipe: Path, *overrides: str) -> TrainConfig:
    return read_config(TrainConfig, recipe, list(overrides), section="train")


def lengths_of(config: TrainConfig) -> list[Length]:
    from transformers import AutoConfig

    from demitasse.student.load import build_encoder
    from train.data.frames import open_sight

    folder = Path(config.model.path)
    encoder = build_encoder(folder, AutoConfig.from_pretrained(folder))
    return measure(read_lessons(config.data), encoder, open_sight(config, encoder.vision))


def test_tokens_and_their_distribution_are_those_of_the_items(recipe):
    config = config_of(recipe)
    plan, lengths = make_plan(config, NO_GPU), lengths_of(config)
    tokens = [one.tokens for one in lengths]
    assert plan["items"] == len(lengths) == 12
    assert plan["tokens"]["all"] == sum(tokens)
    assert plan["tokens"]["most"] == max(tokens)
    assert sum(one["items"] for one in plan["tokens"]["histogram"]) == 12
    assert plan["tokens"]["label_share"] == sum(one.labels for one in lengths) / sum(tokens)
    assert plan["tokens"]["vision_share"] == sum(one.patches for one in lengths) / 4 / sum(tokens)
    assert {task: one["items"] for task, one in plan["tasks"].items()} == {"mcq": 6, "open_qa": 6}


@pytest.mark.parametrize(
    ("overrides", "gpus"),
    [
        pytest.param(["optim.pack=true", "optim.pack_tokens=256"], 1, id="packed"),
        pytest.param(["optim.pack=true", "optim.pack_tokens=256"], 2, id="packed_for_two"),
        pytest.param(["optim.micro_batch_size=2"], 1, id="padded"),
    ],
)
def test_rows_are_those_that_the_run_makes(recipe, overrides, gpus):
    config = config_of(recipe, *overrides)
    lengths = lengths_of(config)
    found = make_plan(config, machine_of(None, gpus, None))["steps"]
    order = Order(read_lessons(config.data), config.data, config.seed)
    batches = MicroBatches(order, config.optim, 0, 4, 0, gpus, lengths)
    rows = [row for step in range(4) for rank in batches.of_step(step) for row in rank]
    room = sum(256 if config.optim.pack else 2 * max(lengths[item].tokens for item in row) for row in rows if row)
    assert found["steps"] == 4
    assert found["items"] == 16
    assert found["epochs"] == 16 / 12
    assert found["passes_per_step"] == len(rows) / 4
    assert found["fill"] == sum(lengths[item].tokens for row in rows for item in row) / room


@pytest.mark.parametrize(("packed", "wastes"), [("true", False), ("false", True)])
def test_only_padding_is_called_a_waste(recipe, packed, wastes):
    text = "\n".join(as_text(make_plan(config_of(recipe, f"optim.pack={packed}", "optim.pack_tokens=8192"), NO_GPU)))
    assert ("is wasted" in text) == wastes
    assert ("rows, which are not padded, are" in text) != wastes


def test_rows_of_items_that_are_longer_than_a_row_are_full_and_no_fuller(recipe):
    found = make_plan(config_of(recipe, "optim.pack=true", "optim.pack_tokens=10"), NO_GPU)["steps"]
    assert found["fill"] == 1.0


def test_what_is_over_long_is_told_with_its_reason_and_left_out_of_the_steps(recipe):
    tokens = sorted(one.tokens for one in lengths_of(config_of(recipe)))
    limit = tokens[5]
    plan = make_plan(config_of(recipe, f"data.max_tokens={limit}", "data.over_long=drop"), NO_GPU)
    over = [one for one in tokens if one > limit]
    assert plan["over_long"]["items"] == len(over)
    assert sum(plan["over_long"]["because_of"].values()) == len(over)
    assert plan["over_long"]["longest"][0]["tokens"] == tokens[-1]
    assert plan["steps"]["epochs"] == 16 / (12 - len(over))
    assert any("they are left out" in line for line in as_text(plan))


@pytest.mark.parametrize(
    ("limit", "why"), [pytest.param(20, "text", id="text_alone"), pytest.param(90, "frames", id="frames")]
)
def test_frames_are_to_blame_where_the_text_would_fit(recipe, limit, why):
    found = make_plan(
        config_of(recipe, f"data.max_tokens={limit}", "frames.min_frames=16", "frames.max_frames=64"), NO_GPU
    )
    reasons = found["over_long"]["because_of"]
    assert max(reasons, key=reasons.get) == why


def test_nothing_left_is_a_plan_that_says_so(recipe):
    plan = make_plan(config_of(recipe, "data.max_tokens=1"), NO_GPU)
    assert "steps" not in plan
    lines = as_text(plan)
    assert "nothing is left to learn" in lines
    assert any("refuse to start" in line for line in lines)


def test_media_are_told_as_they_will_lie_in_the_cache(recipe):
    found = make_plan(config_of(recipe), NO_GPU)["media"]
    assert found["videos"] == 6
    assert found["cached"] == 0
    assert found["frames_to_decode"] == 6 * 4
    assert found["bytes_to_come"] == 6 * 4 * 128 * 128 * 3


def test_an_unreadable_video_is_told_and_planned_without(recipe, tmp_path, data_folder):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(data_folder, copy)
    (copy / "videos" / "00000.mp4").write_bytes(b"no video")
    plan = make_plan(config_of(recipe, f"data.files=[{copy}]"), NO_GPU)
    assert plan["unreadable"]["items"] == 2
    assert any("2 cannot be read" in line for line in as_text(plan))
    assert plan["steps"]["epochs"] == 16 / 10


def test_time_is_flops_over_the_assumed_share_of_the_peak(recipe):
    config = config_of(recipe)
    one, half = (make_plan(config, machine_of("h200", 1, mfu))["time"] for mfu in (None, MFU / 2))
    assert one["seconds_per_step"] == one["flops_per_step"] / (one["peak_flops"] * MFU)
    assert half["hours"] == pytest.approx(2 * one["hours"])
    again = make_plan(config_of(recipe, "model.checkpointing=true"), machine_of("h200", 1, None))["time"]
    assert again["seconds_per_step"] == pytest.approx(one["seconds_per_step"] * 4 / 3)
    assert "hours" not in make_plan(config, NO_GPU)["time"]


def test_memory_is_told_with_and_without_checkpointing_whole_and_sharded(recipe):
    found = make_plan(config_of(recipe), machine_of("rtx4090", 2, None))["memory"]
    ways = {(one["weights"], one["checkpointing"]): one for one in found["per_gpu"]}
    assert set(ways) == {(way, flag) for way in ("whole", "sharded") for flag in (False, True)}
    assert all(one["fits"] == "yes" for one in ways.values())
    assert ways["whole", True]["bytes"] < ways["whole", False]["bytes"]
    assert ways["sharded", False]["bytes"] < ways["whole", False]["bytes"]


@pytest.mark.parametrize("name", [*GPU_NAMES, "h200", "H100", "l40s", "NVIDIA A100-SXM4-80GB"])
def test_gpus_are_known_by_the_names_that_people_use(name):
    assert machine_of(name, 1, None).gpu


def test_the_two_a100_are_told_apart():
    assert [machine_of(name, 1, None).gpu.memory_gib for name in ("a100-40", "a100-80")] == [40, 80]


@pytest.mark.parametrize(
    ("name", "count", "mfu", "told"),
    [
        pytest.param("abacus", 1, None, "--gpu is 'abacus'.*h100-80", id="no_such_gpu"),
        pytest.param(None, 0, None, "--gpus is 0", id="no_gpus"),
        pytest.param(None, 1, 30.0, "--mfu is 30", id="percent_for_a_share"),
    ],
)
def test_machines_that_cannot_be_are_refused(name, count, mfu, told):
    with pytest.raises(ConfigError, match=told):
        machine_of(name, count, mfu)


# ---- the command: one plan for two stages


def test_a_file_with_train_gets_a_plan_of_training(recipe, capsys):
    assert cli.main(["plan", "--config", str(recipe), "optim.steps=7", "--gpu", "h100-80", "--gpus", "8"]) == 0
    said = capsys.readouterr().out
    for words in ("12 items to learn", "steps: 7", "task", "memory, without checkpointing", "8 × H100", "assumed: 30%"):
        assert words in said


def test_json_holds_the_whole_plan(recipe, capsys):
    assert cli.main(["plan", "--config", str(recipe), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"tokens", "tasks", "over_long", "media", "steps", "model", "memory", "time"} <= set(found)


@pytest.mark.parametrize(
    ("content", "words", "told"),
    [
        pytest.param({"train": {}, "annotate": {}}, [], "--stage", id="both_stages"),
        pytest.param({"train": {}, "annotate": {}}, ["--stage", "train"], "data.files is empty", id="one_is_chosen"),
        pytest.param({"annotate": {}}, ["--gpu", "h200"], "plan is of annotating", id="a_gpu_for_annotating"),
        pytest.param({"train": {"optim": {"step": 4}}}, [], "steps", id="an_unknown_key"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(tmp_path, capsys, content, words, told):
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps(content))
    assert cli.main(["plan", "--config", str(path), *words]) == 2
    assert told in capsys.readouterr().err


def test_planning_training_needs_a_file(capsys):
    assert cli.main(["plan", "--stage", "train"]) == 2
    assert "needs --config" in capsys.readouterr().err
