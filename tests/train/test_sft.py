"""Training: the loss does not depend on how a step is split, resuming is exact, what trains is what was asked for."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from demitasse.config import read_config
from demitasse.errors import ConfigError, DataError
from demitasse.student.load import load_student
from train import parts
from train.checkpoint import _complete
from train.config import DataConfig, LoraConfig, ModelConfig, OptimConfig, TrainConfig
from train.data import MicroBatches, order, step_items, steps_of
from train.lessons import read_lessons
from train.sft import main, train
from train.step import learning_rate_factor

ROOT = Path(__file__).resolve().parents[2]


def config_of(recipe: Path, *overrides: str) -> TrainConfig:
    return read_config(TrainConfig, recipe, list(overrides), section="train")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_student(folder).model.named_parameters())


def rows(output: Path) -> list[dict]:
    return [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]


def apart(first: Path, second: Path) -> float:
    ours, theirs = weights(first), weights(second)
    assert ours.keys() == theirs.keys()
    return max(float((ours[name] - theirs[name]).detach().abs().max()) for name in ours)


def launch(recipe: Path, processes: int, *overrides: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(processes), "--cpu",
        *(["--main_process_port", "0"] if processes > 1 else []),
        "train/sft.py", "--config", str(recipe), *overrides,
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)


def test_loss_and_weights_do_not_depend_on_micro_batches(recipe, tmp_path):
    one = train(config_of(recipe, f"output_dir={tmp_path}/one", "optim.micro_batch_size=4"))
    four = train(config_of(recipe, f"output_dir={tmp_path}/four", "optim.micro_batch_size=1"))
    assert apart(one, four) < 1e-5
    pairs = zip(rows(tmp_path / "one"), rows(tmp_path / "four"), strict=True)
    for left, right in pairs:
        assert left["loss"] == pytest.approx(right["loss"], abs=1e-5)
        assert left["grad_norm"] == pytest.approx(right["grad_norm"], rel=1e-4)


def test_two_processes_train_the_same_student_as_one(recipe, tmp_path):
    one = train(config_of(recipe, f"output_dir={tmp_path}/one"))
    ran = launch(recipe, 2, f"output_dir={tmp_path}/two", "optim.micro_batch_size=1")
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "2 process(es)" in ran.stdout
    assert apart(one, tmp_path / "two" / "student") < 1e-5


def test_training_changes_every_part_and_lowers_the_loss(recipe, tmp_path, student_folder):
    trained = train(config_of(recipe, "optim.steps=20", "save_every=0"))
    before, after = weights(student_folder), weights(trained)
    changed = {parts.part_of(name) for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"vision", "merger", "language", "embeddings"}
    losses = [row["loss"] for row in rows(tmp_path / "out")]
    assert losses[-1] < losses[0] - 0.5


def test_a_line_tells_loss_rate_speed_and_time(recipe, capsys):
    train(config_of(recipe))
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("step 4/4"))
    for word in ("loss", "lr", "tokens/s", "s/step", "data"):
        assert word in line


def test_a_killed_run_that_is_resumed_ends_with_the_same_weights(recipe, tmp_path):
    straight = train(config_of(recipe, f"output_dir={tmp_path}/straight", "optim.steps=6"))
    command = [
        sys.executable,
        "train/sft.py",
        "--config",
        str(recipe),
        "optim.steps=6",
        f"output_dir={tmp_path}/killed",
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    checkpoints, limit = tmp_path / "killed" / "checkpoints", time.monotonic() + 120
    while not _complete(checkpoints) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = train(config_of(recipe, f"output_dir={tmp_path}/killed", "optim.steps=6"))
    assert apart(straight, resumed) == 0.0
    assert rows(tmp_path / "killed")[-1]["loss"] == pytest.approx(rows(tmp_path / "straight")[-1]["loss"], abs=1e-6)


def test_a_finished_run_is_not_trained_again(recipe, tmp_path, capsys):
    trained = train(config_of(recipe))
    written = (trained / "model.safetensors").stat().st_mtime_ns
    train(config_of(recipe))
    assert (trained / "model.safetensors").stat().st_mtime_ns == written
    assert "already trained" in capsys.readouterr().out


def test_a_checkpoint_of_other_settings_is_refused(recipe, tmp_path):
    train(config_of(recipe))
    (tmp_path / "out" / "train.json").unlink()
    with pytest.raises(ConfigError, match="other settings"):
        train(config_of(recipe, "optim.lr=1e-2"))


def test_half_a_checkpoint_is_no_checkpoint(tmp_path):
    (tmp_path / "partial_000002").mkdir()
    (tmp_path / "step_000002").mkdir()  # without its step.json
    assert _complete(tmp_path) == []


def test_only_the_newest_checkpoints_are_kept(recipe, tmp_path):
    train(config_of(recipe, "optim.steps=6", "save_every=1", "keep_checkpoints=2"))
    assert [path.name for path in _complete(tmp_path / "out" / "checkpoints")] == ["step_000004", "step_000005"]


@pytest.mark.parametrize("frozen", [["vision"], ["vision", "merger"], ["language", "embeddings"]])
def test_frozen_parts_stay_bit_equal_and_the_rest_moves(recipe, student_folder, frozen):
    trained = train(config_of(recipe, f"model.frozen={json.dumps(frozen)}", "save_every=0"))
    before, after = weights(student_folder), weights(trained)
    for name in before:
        same = torch.equal(before[name], after[name])
        assert same == (parts.part_of(name) in frozen), name


def test_freezing_everything_is_refused(student_folder):
    model = load_student(student_folder).model
    with pytest.raises(ConfigError, match="nothing is left to learn"):
        parts.prepare(model, ModelConfig(frozen=["vision", "merger", "language", "embeddings"]), 0)


def test_lora_adapts_only_the_language_model_unless_told_otherwise(student_folder):
    model = load_student(student_folder).model
    targets = parts.lora_targets(model, LoraConfig())
    assert targets
    assert all(".language_model." in name for name in targets)


def test_a_lora_target_that_matches_nothing_is_refused_with_what_there_is(student_folder):
    model = load_student(student_folder).model
    with pytest.raises(ConfigError, match="'qkv'.*q_proj"):
        parts.lora_targets(model, LoraConfig(targets=["qkv"]))


def test_a_lora_student_is_saved_as_an_adapter_that_loads_and_answers_alike(recipe, tmp_path, student_folder):
    trained = train(config_of(recipe, "model.method=lora", "save_every=2"))
    assert (trained / "adapter_config.json").is_file()
    assert not (trained / "model.safetensors").exists()
    merged, base = weights(trained), weights(student_folder)
    moved = {name for name in base if not torch.equal(base[name], merged[name])}
    assert moved
    assert all(".language_model." in name for name in moved)


def test_lora_trains_nothing_but_adapters(student_folder):
    model = parts.prepare(load_student(student_folder).model, ModelConfig(method="lora"), 0)
    assert {name.split(".")[-3] for name, p in model.named_parameters() if p.requires_grad} == {"lora_A", "lora_B"}


def test_text_only_batches_give_the_vision_tower_a_zero_gradient(student_folder):
    from demitasse.dataset import Item
    from demitasse.student.collate import collate
    from train.loss import SummedLoss

    student = load_student(student_folder)
    example = student.encoder.example(Item("Which letter?", "A", "none"), None, "answer")
    SummedLoss(student.model)(collate([example], student.encoder.vision, 0)).backward()
    for name, parameter in student.model.named_parameters():
        assert parameter.grad is not None, name
        if ".visual." in name:
            assert float(parameter.grad.abs().max()) == 0.0


def test_the_summed_loss_is_the_models_own_mean_times_the_label_count(student_folder, data_folder):
    from demitasse.student.collate import collate
    from train.loss import SummedLoss, label_count

    student = load_student(student_folder)
    lessons = read_lessons(DataConfig([str(data_folder)]))
    batch = collate([student.encoder.example(one.item, None, "think") for one in lessons], student.encoder.vision, 0)
    mean = student.model(**batch, use_cache=False).loss
    total = SummedLoss(student.model)(batch)
    assert total.item() == pytest.approx(mean.item() * label_count(batch), rel=1e-5)


def test_an_epoch_shows_every_item_once_and_steps_are_always_full():
    shown = [item for step in range(5) for item in step_items(10, seed=3, step=step, batch_size=4)]
    assert sorted(shown[:10]) == sorted(shown[10:]) == list(range(10))


def test_the_order_differs_between_epochs_and_seeds_but_not_between_runs():
    assert order(50, 0, 0).tolist() == order(50, 0, 0).tolist()
    assert order(50, 0, 0).tolist() != order(50, 0, 1).tolist()
    assert order(50, 0, 0).tolist() != order(50, 1, 0).tolist()


def test_processes_share_a_step_without_overlap():
    whole = sorted(step_items(20, 0, 0, 8))
    shares = [sorted(item for batch in MicroBatches(20, 0, 0, 1, 8, 2, rank, 2) for item in batch) for rank in range(2)]
    assert sorted(shares[0] + shares[1]) == whole


def test_a_resumed_sampler_starts_with_the_step_that_was_next():
    whole = list(MicroBatches(20, 0, 0, 6, 8, 4))
    assert list(MicroBatches(20, 0, 4, 6, 8, 4)) == whole[8:]


def test_epochs_become_steps():
    assert steps_of(items=100, batch_size=16, steps=0, epochs=2.0) == 12
    assert steps_of(items=100, batch_size=16, steps=7, epochs=2.0) == 7


def test_the_learning_rate_rises_to_its_peak_and_ends_near_zero():
    optim = OptimConfig(warmup=10)
    factors = [learning_rate_factor(step, 100, optim) for step in range(100)]
    assert factors[0] < 0.2 and max(factors) == pytest.approx(1.0) and factors[-1] < 0.01
    assert factors.index(max(factors)) == 10
    assert all(math.isfinite(factor) for factor in factors)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        pytest.param(["optim.lr=-1"], "optim.lr", id="value_out_of_range"),
        pytest.param(["optim.leaning_rate=1"], "leaning_rate", id="unknown_key"),
        pytest.param(["data.tasks=[no_such_task]"], "no_such_task", id="task_without_items"),
        pytest.param(["data.files=[no/such/file.json]"], "no/such/file.json", id="missing_file"),
        pytest.param(["model.path=no/such/model"], "no/such/model", id="missing_model"),
        pytest.param(["data.files=[]"], "data.files", id="no_files"),
    ],
)
def test_a_mistake_is_one_line_with_its_name_and_exit_code_2(recipe, capsys, overrides, message):
    assert main(["--config", str(recipe), *overrides]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_missing_video_is_named_before_anything_is_trained(tmp_path, data_folder):
    from demitasse.dataset import read, write

    moved = read(data_folder / "mcq.json")
    moved.items[0].video_id = "gone.mp4"
    moved.media_root = str(data_folder / "videos")
    write(tmp_path / "mcq.json", moved)
    with pytest.raises(DataError, match=r"gone\.mp4"):
        read_lessons(DataConfig([str(tmp_path)]))


def test_wandb_offline_writes_its_files_into_the_run(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    train(config_of(recipe, "track.wandb=offline", "optim.steps=2", "save_every=0"))
    assert list((tmp_path / "out" / "wandb").glob("offline-run-*"))


def test_the_script_runs_from_the_root_with_hugging_faces_evaluate_installed(recipe, tmp_path):
    ran = launch(recipe, 1)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "trained student" in ran.stdout
    assert os.listdir(tmp_path / "out" / "student")
