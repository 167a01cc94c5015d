"""Going on: a run that was interrupted is the run that was not, bit for bit; and a checkpoint is whole or is none."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from demitasse.errors import ConfigError, DataError, DiskFullError
from train.config import DataConfig, GuardConfig, LoraConfig, ModelConfig, OptimConfig, TrainConfig
from train.loop.checkpoint import FOLDER, Checkpoints, complete
from train.loop.identity import identify, seed_of

ROOT = Path(__file__).resolve().parents[2]
LINGERS = "tests/train/lingers.py"  # by itself the run may be over before it is killed
LORA = ("model.method=lora", "model.lora.dropout=0.1", "model.lora.r=2")


class Killed(BaseException):
    """As good as a kill: nothing of ours catches it."""


@pytest.fixture
def killed(monkeypatch):
    """`killed(3)`: training dies as soon as the checkpoint of step 3 is there."""

    def at(last: int) -> None:
        save = Checkpoints.save

        def saved(self: Checkpoints, step: int, best: int | None = None) -> None:
            save(self, step, best)
            if step == last:
                raise Killed

        monkeypatch.setattr(Checkpoints, "save", saved)

    return at


def same_weights(first: Path, second: Path) -> bool:
    names = [path.name for path in first.glob("*.safetensors")]
    ours, theirs = ({name: load_file(folder / name) for name in names} for folder in (first, second))
    return bool(names) and all(torch.equal(ours[name][key], theirs[name][key]) for name in names for key in ours[name])


def losses(output: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (output / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(("data.workers=2",), id="with_workers_that_encode_ahead"),
        pytest.param(LORA, id="with_dropout"),
        pytest.param((*LORA, "optim.pack=true", "optim.pack_tokens=200"), id="with_packing_and_dropout"),
        pytest.param(("optim.steps=0", "optim.epochs=1.5", "optim.batch_size=5"), id="across_the_end_of_an_epoch"),
        pytest.param(("data.balance=task", "guard.spike=1.01", "guard.most=99"), id="with_a_mixture_and_a_guard"),
    ],
)
def test_a_run_that_goes_on_is_the_straight_run_in_weights_losses_and_items(
    train_it, tmp_path, killed, monkeypatch, settings
):
    straight = train_it(f"output_dir={tmp_path}/straight", "save_every=0", *settings)
    again = (f"output_dir={tmp_path}/again", "save_every=2", *settings)
    killed(2)
    with pytest.raises(Killed):
        train_it(*again)
    monkeypatch.undo()
    assert same_weights(straight, train_it(*again))
    assert losses(tmp_path / "straight") == losses(tmp_path / "again")
    items = [(tmp_path / name / "items.jsonl").read_bytes() for name in ("straight", "again")]
    assert items[0] == items[1]


def test_dropout_differs_from_step_to_step_and_between_processes():
    seeds = {seed_of(0, step, process) for step in range(50) for process in range(4)}
    assert len(seeds) == 200
    assert seed_of(0, 1, 0) != seed_of(1, 1, 0)


def command(recipe: Path, *overrides: str, script: str = "train/sft.py") -> list[str]:
    return [sys.executable, script, "--config", str(recipe), *overrides]


def wait_for(what, process: subprocess.Popen, seconds: float = 600) -> None:
    limit = time.monotonic() + seconds
    while not what() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    assert process.poll() is None, "the run ended before it could be interrupted"


@pytest.mark.parametrize(
    "more", [pytest.param((), id="padded"), pytest.param((*LORA, "optim.pack=true", "data.workers=2"), id="packed")]
)
def test_ten_steps_are_five_a_sigkill_and_five(recipe, train_it, tmp_path, more):
    settings = ("optim.steps=10", "save_every=5", *more)  # 40 of 12 items: three epochs end on the way
    straight = train_it(f"output_dir={tmp_path}/straight", *settings)
    process = subprocess.Popen(
        command(recipe, f"output_dir={tmp_path}/killed", *settings, script=LINGERS),
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    log = tmp_path / "killed" / "log.jsonl"
    wait_for(lambda: complete(tmp_path / "killed" / FOLDER) and log.read_text().count("\n") == 7, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "train.json").exists()
    assert same_weights(straight, train_it(f"output_dir={tmp_path}/killed", *settings))
    items = [(tmp_path / name / "items.jsonl").read_bytes() for name in ("straight", "killed")]
    assert items[0] == items[1]


@pytest.mark.slow
def test_two_processes_that_are_killed_go_on_as_the_two_that_were_not(recipe, tmp_path):
    settings = ("optim.steps=10", "save_every=5", "optim.pack=true", "optim.pack_tokens=200", *LORA)

    def start(name: str, script: str = "train/sft.py") -> subprocess.Popen:
        launch = ("-m", "accelerate.commands.launch", "--num_processes", "2", "--cpu", "--main_process_port", "0")
        return subprocess.Popen(
            [sys.executable, *launch, *command(recipe, f"output_dir={tmp_path}/{name}", *settings, script=script)[1:]],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    assert start("straight").wait(600) == 0
    process = start("killed", LINGERS)
    log = tmp_path / "killed" / "log.jsonl"
    wait_for(lambda: complete(tmp_path / "killed" / FOLDER) and log.read_text().count("\n") == 7, process)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        one.kill()
    process.wait()
    assert not (tmp_path / "killed" / "train.json").exists()
    assert start("killed").wait(600) == 0
    assert same_weights(tmp_path / "straight" / "student", tmp_path / "killed" / "student")
    assert losses(tmp_path / "straight") == losses(tmp_path / "killed")
    items = [(tmp_path / name / "items.jsonl").read_bytes() for name in ("straight", "killed")]
    assert items[0] == items[1]


def test_a_run_that_is_ended_before_the_first_step_that_it_takes_goes_on_as_if_it_was_not(
    train_it, tmp_path, monkeypatch
):
    from train.loop.loss import SummedLoss
    from train.loop.stop import Interrupted

    forward, calls = SummedLoss.forward, []

    def first_is_no_number(*given, **named):
        calls.append(1)
        return forward(*given, **named) * (float("nan") if len(calls) <= 2 else 1)

    settings = ("guard.not_finite=skip", "optim.steps=3", "save_every=0")
    monkeypatch.setattr(SummedLoss, "forward", first_is_no_number)
    straight = train_it(f"output_dir={tmp_path}/straight", *settings)
    calls.clear()
    monkeypatch.setattr("train.loop.guard.Guard._leap", lambda *_: os.kill(os.getpid(), signal.SIGTERM) or "")
    monkeypatch.setattr("train.loop.guard._no_number", lambda *_: os.kill(os.getpid(), signal.SIGTERM) or "no number")
    with pytest.raises(Interrupted, match="after step 1 of 3"):
        train_it(f"output_dir={tmp_path}/ended", *settings)
    monkeypatch.undo()
    assert same_weights(straight, train_it(f"output_dir={tmp_path}/ended", *settings))
    assert losses(tmp_path / "straight") == losses(tmp_path / "ended")


def test_no_worker_outlives_a_run_that_is_killed(recipe, tmp_path):
    settings = (f"output_dir={tmp_path}/out", "optim.steps=400", "save_every=0", "data.workers=2")
    process = subprocess.Popen(
        command(recipe, *settings), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    log = tmp_path / "out" / "log.jsonl"
    wait_for(lambda: log.is_file() and log.read_text().count("\n") > 1, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=2)  # torch's own look for the parent comes every five seconds
    assert not alive


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_says_how_to_go_on_and_leaves_no_process_behind(recipe, train_it, tmp_path, number, code):
    settings = (
        f"output_dir={tmp_path}/out",
        "optim.steps=400",
        "save_every=0",
        "data.workers=2",
        "optim.schedule=constant",
    )
    process = subprocess.Popen(
        command(recipe, *settings), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    log = tmp_path / "out" / "log.jsonl"
    wait_for(lambda: log.is_file() and log.read_text().count("\n") > 1, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, number)  # as a terminal and a cluster do: the workers hear it too
    error = process.communicate(timeout=300)[1]
    assert process.returncode == code, error
    [saved] = complete(tmp_path / "out" / FOLDER)
    step = int(saved.name.removeprefix("step_"))
    assert f"{number.name}: saved and stopped after step {step} of 400; the same command goes on" in error
    assert "Traceback" not in error
    assert len(losses(tmp_path / "out")) == step
    assert workers and not any(worker.is_running() and worker.status() != "zombie" for worker in workers)


def test_a_second_ctrl_c_ends_at_once(recipe, tmp_path):
    from accelerate import Accelerator

    from train.loop.stop import StopRequest

    with StopRequest(Accelerator(cpu=True)) as stop:
        assert not stop.is_asked()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_asked() and stop.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_kill_while_saving_leaves_the_one_before(train_it, tmp_path, monkeypatch):
    write = Checkpoints._write

    def torn(self: Checkpoints, folder: Path, step: int) -> None:
        write(self, folder, step)
        if step == 2:
            (folder / "step.json").unlink()
            raise Killed

    monkeypatch.setattr(Checkpoints, "_write", torn)
    with pytest.raises(Killed):
        train_it("save_every=1")
    folder = tmp_path / "out" / FOLDER
    assert sorted(path.name for path in folder.iterdir()) == ["partial_000002", "step_000001"]
    monkeypatch.undo()
    train_it("save_every=1")
    assert sorted(path.name for path in folder.iterdir()) == ["step_000002", "step_000003"]


def test_a_full_disk_is_a_sentence_and_the_one_before_stands(train_it, tmp_path, monkeypatch):
    import errno

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    train_it("save_every=1", "optim.steps=3", "keep_checkpoints=9")
    (tmp_path / "out" / "train.json").unlink()
    folder = tmp_path / "out" / FOLDER
    for newest in complete(folder)[1:]:
        (newest / "step.json").unlink()
    monkeypatch.setattr("torch.distributed.checkpoint.state_dict_saver.save", full)
    with pytest.raises(DiskFullError, match="weights could not be written: make room and run again"):
        train_it("save_every=1", "optim.steps=3", "keep_checkpoints=9")
    assert [path.name for path in complete(folder)] == ["step_000001"]


def test_a_checkpoint_that_cannot_be_read_is_named_with_what_to_do(train_it, tmp_path):
    train_it()
    (tmp_path / "out" / "train.json").unlink()
    newest = complete(tmp_path / "out" / FOLDER)[-1]
    [shard] = (newest / "weights").glob("*.distcp")
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(
        DataError, match=rf"{newest.name}: a file of this checkpoint is torn .* has 100 of .*delete this"
    ):
        train_it()


@pytest.mark.parametrize("content", ["", "{", "\x00\x00"])
def test_a_damaged_page_of_a_checkpoint_is_named_with_what_to_do(train_it, tmp_path, content):
    train_it()
    (tmp_path / "out" / "train.json").unlink()
    page = complete(tmp_path / "out" / FOLDER)[-1] / "step.json"
    page.write_text(content)
    with pytest.raises(DataError, match=r"step_000002/step\.json is damaged .*delete this checkpoint"):
        train_it()


def test_only_the_newest_checkpoints_are_kept_and_the_best(tmp_path):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = torch.nn.Linear(2, 2)
    optimizer = accelerator.prepare(torch.optim.AdamW(model.parameters()))
    checkpoints = Checkpoints(accelerator, tmp_path, identify(TrainConfig(), [], 1), model, optimizer, {}, keep=2)
    for step in (1, 2, 3, 4, 10):
        checkpoints.save(step, best=2 if step > 1 else None)
    assert [path.name for path in complete(tmp_path)] == ["step_000002", "step_000004", "step_000010"]


def test_the_newest_is_the_one_of_most_steps_even_past_a_million(tmp_path):
    for step in (999_999, 1_000_000, 5):
        folder = tmp_path / f"step_{step:06d}"
        folder.mkdir()
        (folder / "step.json").write_text("{}")
    assert [path.name for path in complete(tmp_path)] == ["step_000005", "step_999999", "step_1000000"]


def test_only_what_learns_is_in_a_checkpoint(train_it, tmp_path):
    from torch.distributed.checkpoint import FileSystemReader

    train_it(*LORA, "optim.steps=2", "save_every=1")
    newest = complete(tmp_path / "out" / FOLDER)[-1]
    names = FileSystemReader(newest / "weights").read_metadata().state_dict_metadata
    weights = [name for name in names if name.startswith("model.")]
    assert weights
    assert all(".lora_" in name for name in weights)


def test_a_finished_run_is_not_trained_again(train_it, capsys):
    trained = train_it()
    written = (trained / "model.safetensors").stat().st_mtime_ns
    train_it("data.workers=1", "guard.spike=9")
    assert (trained / "model.safetensors").stat().st_mtime_ns == written
    assert "already trained" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param("optim.lr=1e-2", r"made with optim\.lr=0\.001, and now it is 0\.01", id="another_rate"),
        pytest.param("optim.steps=9", r"made with optim\.steps=4, and now it is 9", id="another_length"),
        pytest.param("data.tasks=[mcq]", r"made with data\.tasks=\[\], and now", id="other_tasks"),
        pytest.param("model.method=lora", r"made with model\.method=full", id="another_method"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_naming_what_differs(train_it, tmp_path, change, said):
    train_it()
    (tmp_path / "out" / "train.json").unlink()
    with pytest.raises(ConfigError, match=said):
        train_it(change)


def test_other_items_under_the_same_name_are_refused(train_it, tmp_path, data_folder):
    import shutil

    data = tmp_path / "data"
    shutil.copytree(data_folder, data)
    train_it(f"data.files=[{data}]")
    (tmp_path / "out" / "train.json").unlink()
    (data / "mcq.json").write_text((data / "mcq.json").read_text().replace("A.", "E."))
    with pytest.raises(ConfigError, match="made with other items"):
        train_it(f"data.files=[{data}]")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(TrainConfig(output_dir="elsewhere"), True, id="where_it_lies"),
        pytest.param(TrainConfig(save_every=7, keep_checkpoints=9), True, id="how_often_it_is_saved"),
        pytest.param(TrainConfig(guard=GuardConfig(spike=2.0)), True, id="what_stops_it"),
        pytest.param(TrainConfig(data=DataConfig(workers=3, max_unreadable=0.5, cache_dir="x")), True, id="workers"),
        pytest.param(TrainConfig(optim=OptimConfig(micro_batch_size=1, pack=True)), True, id="how_a_step_is_split"),
        pytest.param(TrainConfig(model=ModelConfig(checkpointing=True)), True, id="what_is_computed_again"),
        pytest.param(TrainConfig(optim=OptimConfig(batch_size=8)), False, id="items_a_step"),
        pytest.param(TrainConfig(seed=1), False, id="seed"),
        pytest.param(TrainConfig(model=ModelConfig(lora=LoraConfig(r=8))), False, id="rank_of_adapters"),
        pytest.param(TrainConfig(data=DataConfig(weights=[1.0])), False, id="mixture"),
    ],
)
def test_what_makes_a_run_another_run(other, same):
    mine, its = (identify(config, ["a", "b"], 1) for config in (TrainConfig(), other))
    assert (mine.key == its.key) == same


def test_lessons_and_their_order_make_a_run_and_processes_do_not():
    key = identify(TrainConfig(), ["a", "b"], 1).key
    assert identify(TrainConfig(), ["b", "a"], 1).key != key
    assert identify(TrainConfig(), ["a", "b"], 8).key == key


def test_going_on_by_other_means_is_said(train_it, tmp_path, capsys):
    train_it()
    for name in ("train.json", "log.jsonl"):
        (tmp_path / "out" / name).unlink()
    train_it("optim.micro_batch_size=1")
    said = capsys.readouterr().out
    assert "going on after step 2, with optim.micro_batch_size 2 → 1: the same items in the same order, but not" in said
