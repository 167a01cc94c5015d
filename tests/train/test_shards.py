"""Checkpoints on disk: what is wrong with one is told apart, and a state from before the first step is that state."""

import errno
import shutil
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from demitasse.errors import DataError
from train.loop import shards


def accelerator() -> Accelerator:
    """A new one each time: other tests put accelerate's state back to none."""
    return Accelerator(cpu=True)


def learner(width: int = 50, layers: int = 1) -> tuple[torch.nn.Module, object]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(layers)))
    return model, accelerator().prepare(torch.optim.AdamW(model.parameters(), lr=0.1))


def step(model, optimizer) -> None:
    model(torch.ones(1, 50)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "weights"
    model, optimizer = learner()
    step(model, optimizer)
    shards.write(accelerator(), model, optimizer, folder)
    return folder


@pytest.fixture
def copy(written, tmp_path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "step_000001" / "weights"))


def shard_of(folder: Path) -> Path:
    [shard] = folder.glob("*.distcp")
    return shard


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda f: shard_of(f).unlink(), r"is missing \(.*__0_0\.distcp\); delete this", id="no_shard"),
        pytest.param(lambda f: (f / ".metadata").unlink(), r"is missing \(.*\.metadata\)", id="no_metadata"),
        pytest.param(shutil.rmtree, r"is missing \(.*\.metadata\)", id="nothing"),
        pytest.param(lambda f: cut(shard_of(f), 100), r"torn or damaged \(.* has 100 of [\d,]+ bytes\)", id="torn"),
        pytest.param(lambda f: cut(shard_of(f), 34_000), r"torn or damaged \(.* has 34,000 of", id="torn_at_its_end"),
        pytest.param(
            lambda f: shard_of(f).write_bytes(bytes(shard_of(f).stat().st_size)), r"torn or damaged;", id="overwritten"
        ),
        pytest.param(lambda f: cut(f / ".metadata", 50), r"torn or damaged;", id="torn_metadata"),
        pytest.param(lambda f: cut(f / ".metadata", 0), r"torn or damaged \(", id="empty_metadata"),
    ],
)
def test_what_is_wrong_with_the_files_is_told(copy, spoil, said):
    spoil(copy)
    with pytest.raises(DataError, match=rf"step_000001: a file of this checkpoint.*{said}"):
        shards.read(accelerator(), *learner(), copy)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        pytest.param((50, 2), r"holds 2 tensors .* now there are 4; 2 differ, the first 1\.bias: none then", id="more"),
        pytest.param((30, 1), r"2 differ, the first 0\.bias: \(50,\) then, \(30,\) now", id="other_shapes"),
    ],
)
def test_other_tensors_are_no_damage(copy, other, said):
    with pytest.raises(DataError, match=rf"{said}.*the packages in which it was written") as told:
        shards.read(accelerator(), *learner(*other), copy)
    assert "delete" not in str(told.value)


def test_a_disk_that_fails_is_no_reason_to_delete_a_checkpoint(copy, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("torch.distributed.checkpoint.state_dict_loader.load", fails)
    with pytest.raises(DataError, match=r"the disk did not give this checkpoint \(Input/output error\)") as told:
        shards.read(accelerator(), *learner(), copy)
    assert "delete" not in str(told.value)


def test_what_the_checkpoint_is_not_to_blame_for_is_not_blamed_on_it(copy, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("torch.distributed.checkpoint.state_dict_loader.load", full)
    with pytest.raises(torch.OutOfMemoryError):
        shards.read(accelerator(), *learner(), copy)


def test_a_state_from_before_the_first_step_is_gone_on_with_as_if_nothing_had_been_saved(tmp_path):
    straight, its = learner()
    step(straight, its)
    model, optimizer = learner()
    shards.write(accelerator(), model, optimizer, tmp_path / "weights")
    again, other = learner()
    shards.read(accelerator(), again, other, tmp_path / "weights")
    for one, by in ((model, optimizer), (again, other)):
        step(one, by)
        assert torch.equal(one[0].weight, straight[0].weight)
        assert by.optimizer.state[one[0].weight]["step"] == 1
