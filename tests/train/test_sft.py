"""The training script from end to end: one student however a step is split up, and mistakes that are told in a line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from demitasse.errors import DataError
from demitasse.student.load import load_student
from train.config import DataConfig, TrainConfig
from train.data.lessons import read_lessons
from train.loop.checkpoint import FOLDER, complete
from train.model.parts import part_of
from train.sft import train
from train.start import main

ROOT = Path(__file__).resolve().parents[2]


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
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)


def test_loss_and_weights_do_not_depend_on_micro_batches(train_it, tmp_path):
    one = train_it(f"output_dir={tmp_path}/one", "optim.micro_batch_size=4")
    four = train_it(f"output_dir={tmp_path}/four", "optim.micro_batch_size=1")
    packed = train_it(f"output_dir={tmp_path}/packed", "optim.pack=true", "optim.pack_tokens=200")
    assert apart(one, four) < 1e-5
    assert apart(one, packed) < 1e-5
    for name in ("four", "packed"):
        for left, right in zip(rows(tmp_path / "one"), rows(tmp_path / name), strict=True):
            assert left["loss"] == pytest.approx(right["loss"], abs=1e-5)
            assert left["grad_norm"] == pytest.approx(right["grad_norm"], rel=1e-4)


def test_two_processes_train_the_same_student_as_one_and_one_goes_on_where_they_were(recipe, train_it, tmp_path):
    one = train_it(f"output_dir={tmp_path}/one")
    ran = launch(recipe, 2, f"output_dir={tmp_path}/two", "optim.micro_batch_size=1")
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "2 process(es)" in ran.stdout
    assert apart(one, tmp_path / "two" / "student") < 1e-5
    assert [path.name for path in complete(tmp_path / "two" / FOLDER)] == ["step_000002"]
    (tmp_path / "two" / "train.json").unlink()
    items = (tmp_path / "two" / "items.jsonl").read_bytes()
    assert apart(one, train_it(f"output_dir={tmp_path}/two")) < 1e-5
    assert (tmp_path / "two" / "items.jsonl").read_bytes() == items


def test_training_changes_every_part_and_lowers_the_loss(train_it, tmp_path, student_folder):
    trained = train_it("optim.steps=20", "save_every=0")
    before, after = weights(student_folder), weights(trained)
    changed = {part_of(name) for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"vision", "merger", "language", "embeddings"}
    losses = [row["loss"] for row in rows(tmp_path / "out")]
    assert losses[-1] < losses[0] - 0.5


def test_the_best_round_is_the_student_and_patience_ends_the_run(train_it, tmp_path, data_folder, monkeypatch, capsys):
    scores = iter([0.1, 0.5, 0.2, 0.2])
    monkeypatch.setattr("evaluate.asking.in_training.figures_of", lambda rows: {"score": next(scores)})
    held_out = (f"validate.files=[{data_folder / 'mcq.json'}]", "validate.every=2", "validate.items=1")
    short = ("validate.max_new_tokens=2", "validate.patience=2", "save_every=0", "optim.schedule=constant")
    best = train_it(f"output_dir={tmp_path}/best", "optim.steps=30", *held_out, *short)
    assert len(rows(tmp_path / "best")) == 6
    assert "the student is that of step 2, the best round" in capsys.readouterr().out
    until = train_it(f"output_dir={tmp_path}/until", "optim.steps=2", "optim.schedule=constant", "save_every=0")
    # The warm-up's length is a share of the steps: what matters is that the last steps' weights were not taken.
    assert [path.name for path in complete(tmp_path / "best" / FOLDER)] == ["step_000002"]
    last = train_it(f"output_dir={tmp_path}/last", "optim.steps=6", "optim.schedule=constant", "save_every=0")
    assert apart(best, until) < apart(best, last)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        pytest.param(["optim.lr=-1"], "optim.lr", id="value_out_of_range"),
        pytest.param(["optim.leaning_rate=1"], "leaning_rate", id="unknown_key"),
        pytest.param(["data.tasks=[no_such_task]"], "no_such_task", id="task_without_items"),
        pytest.param(["data.files=[no/such/file.json]"], "no/such/file.json", id="missing_file"),
        pytest.param(["model.path=no/such/model"], "no/such/model", id="missing_model"),
        pytest.param(["model.path="], "model.path is not given", id="no_model_named"),
        pytest.param(["data.files=[]"], "data.files", id="no_files"),
        pytest.param(["optim.lr=inf"], "optim.lr", id="endless_rate"),
        pytest.param(["seed=-1"], "seed", id="seed_below_zero"),
        pytest.param(["optim.betas=[0.9, 1.5]"], "optim.betas", id="beta_above_one"),
        pytest.param(["optim.steps=0", "optim.epochs=inf"], "optim.epochs", id="endless_epochs"),
        pytest.param(["output_dir="], "output_dir", id="no_folder_to_write_to"),
        pytest.param(["frames.min_pixels=100000", "frames.max_pixels=1000"], "min_pixels", id="bounds_crossed"),
    ],
)
def test_a_mistake_is_one_line_with_its_name_and_exit_code_2(recipe, capsys, overrides, message):
    assert main(train, "train/sft.py", ["--config", str(recipe), *overrides]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_no_data_are_made_for_a_model_that_is_not_there(recipe, capsys, monkeypatch):
    monkeypatch.setattr("train.start.prepare", lambda *_: pytest.fail("a recipe's stages were run"))
    assert main(train, "train/sft.py", ["--config", str(recipe), "model.path=Qwen/Qwen3-VL-2B-Instruct"]) == 2
    assert "`hf download NAME`" in capsys.readouterr().err


@pytest.fixture
def no_model(monkeypatch):
    """Nothing may be loaded."""
    monkeypatch.setattr("train.sft.open_student", lambda _: pytest.fail("a model was loaded"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        pytest.param(["validate.metric=acc"], "validate.metric is 'acc', which is no figure of", id="unknown_metric"),
        pytest.param(["validate.tasks=[nosuch]"], "no item of task 'nosuch'", id="unknown_task_to_validate"),
        pytest.param(["data.tasks=[nosuch]"], "no item of task 'nosuch'", id="unknown_task_to_learn"),
        pytest.param(["validate.files=[no/such.json]"], "no/such.json", id="held_out_file_that_is_not_there"),
        pytest.param(["track.to=[wandbb]"], "track.to[0]' is wandbb", id="unknown_tracker"),
        pytest.param(["guard.spike=0.5"], "guard.spike is 0.5", id="guard_that_nothing_passes"),
        pytest.param(["data.weights=[1, 2]"], "2 numbers for 1 data.files", id="weights_for_other_files"),
        pytest.param(["frames.max_frames=1"], "max_frames=1; widen", id="frames_between_no_limits"),
        pytest.param(["loss.answer=0", "loss.reasoning=0", "loss.structure=0", "loss.boxes=0"], "all 0", id="no_loss"),
        pytest.param(["model.method=qlora"], "needs the package bitsandbytes", id="a_package_for_4_bits_is_missing"),
        pytest.param(["model.attention=flash_attention_2"], "flash-attn", id="a_package_for_attention_is_missing"),
        pytest.param(["model.language.learn=frozen"], "", id="not_a_mistake_by_itself"),
    ],
)
def test_settings_that_are_wrong_are_told_before_a_model_is_loaded(
    recipe, data_folder, no_model, capsys, monkeypatch, overrides, message
):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setattr("transformers.utils.import_utils.is_flash_attn_2_available", lambda: False)
    held_out = f"validate.files=[{data_folder / 'mcq.json'}]"
    if not message:
        with pytest.raises(pytest.fail.Exception, match="a model was loaded"):
            main(train, "train/sft.py", ["--config", str(recipe), held_out, *overrides])
        return
    assert main(train, "train/sft.py", ["--config", str(recipe), held_out, *overrides]) == 2
    assert message in capsys.readouterr().err


def test_held_out_videos_that_are_learnt_from_are_counted_wherever_they_lie(recipe, data_folder, tmp_path, capsys):
    import shutil

    from demitasse.dataset import read, write

    copies = shutil.copytree(data_folder / "videos", tmp_path / "copies")
    held = read(data_folder / "mcq.json")
    (copies / "00000.mp4").unlink()
    shutil.copy(copies / "00001.mp4", copies / "00000.mp4")  # another video under a name that is learnt from
    held.items, held.media_root = held.items[1:4], str(copies)
    held.items[0].question += " Why?"
    write(tmp_path / "held.json", held)
    words = [f"validate.files=[{tmp_path / 'held.json'}]", "validate.items=1", "validate.max_new_tokens=1"]
    more = ["optim.steps=0", "optim.epochs=1", "optim.batch_size=5", "optim.warmup=30"]
    assert main(train, "train/sft.py", ["--config", str(recipe), *words, *more]) == 0
    said = capsys.readouterr().out
    assert "note: 3 of the 3 videos and images of validate.files are learnt from as well, the first" in said
    assert "and 2 of their 3 questions" in said
    assert "note: optim.epochs=1 of 12 items is 10 in whole steps of 5: the last 2 are not learnt in this run" in said
    assert "note: optim.warmup is 30 steps and the run takes 2" in said


def test_what_is_held_out_and_not_learnt_from_is_passed_over_in_silence(data_folder, tmp_path):
    from train.config import ValidateConfig
    from train.data.held_out import overlap

    learnt = read_lessons(DataConfig([str(data_folder / "mcq.json")]))
    assert overlap(learnt[:2], ValidateConfig()) == ""
    alone = [one for one in learnt if one.media == learnt[0].media]
    others = ValidateConfig(files=[str(data_folder / "open_qa.json")])
    assert "1 of the 6 videos" in overlap(alone, others) and "and 0 of their 6 questions" in overlap(alone, others)


def test_asking_the_student_reads_the_frames_that_training_decoded(
    recipe, train_it, data_folder, tmp_path, monkeypatch
):
    from demitasse.cli import main as demitasse

    student = train_it("optim.steps=3", "save_every=0")  # 12 items, all of them
    asked = ["predict", "--model", str(student), "--data", str(data_folder / "mcq.json"), "--max-new-tokens", "2"]
    entries = sorted(path.relative_to(tmp_path) for path in (tmp_path / "cache").rglob("*") if path.is_file())
    monkeypatch.setattr("demitasse.media.cache.read_frames", lambda *_, **__: pytest.fail("decoded again"))
    assert demitasse([*asked, "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "shared")]) == 0
    assert entries == sorted(path.relative_to(tmp_path) for path in (tmp_path / "cache").rglob("*") if path.is_file())
    with pytest.raises(pytest.fail.Exception, match="decoded again"):
        demitasse([*asked, "--cache", str(tmp_path / "empty"), "--out", str(tmp_path / "alone")])


def test_of_several_processes_one_tells_of_the_mistake_they_share(recipe, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert main(train, "train/sft.py", ["--config", str(recipe), "optim.lr=-1"]) == 2
    assert capsys.readouterr().err == ""


def test_ctrl_c_before_the_first_step_is_no_traceback(recipe, capsys):
    def interrupted(config: TrainConfig) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return Path()

    assert main(interrupted, "train/sft.py", ["--config", str(recipe)]) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_a_missing_video_is_named_before_anything_is_trained(tmp_path, data_folder):
    from demitasse.dataset import read, write

    moved = read(data_folder / "mcq.json")
    moved.items[0].video_id = "gone.mp4"
    moved.media_root = str(data_folder / "videos")
    write(tmp_path / "mcq.json", moved)
    with pytest.raises(DataError, match=r"gone\.mp4"):
        read_lessons(DataConfig([str(tmp_path)]))


def test_the_script_runs_from_the_root_with_hugging_faces_evaluate_installed(recipe, tmp_path):
    ran = launch(recipe, 1)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "trained student" in ran.stdout
    assert os.listdir(tmp_path / "out" / "student")


def test_the_script_is_a_story_of_at_most_200_lines():
    assert len((ROOT / "train" / "sft.py").read_text().splitlines()) <= 200


def test_a_run_in_the_folder_of_another_is_refused_and_leaves_its_records(recipe, tmp_path, capsys):
    assert main(train, "train/sft.py", ["--config", str(recipe), "optim.steps=1", "save_every=0"]) == 0
    output = next(tmp_path.rglob("train.json")).parent
    kept = {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()}
    weights = (output / "student" / "model.safetensors").read_bytes()
    words = ["--config", str(recipe), "optim.steps=1", "save_every=0", "optim.lr=5e-5"]
    assert main(train, "train/sft.py", words) == 2
    assert "holds a student that was trained with other settings" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()} == kept
    assert (output / "student" / "model.safetensors").read_bytes() == weights
