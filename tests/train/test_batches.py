"""Micro-batches: every item of a step once, as many forward passes in each process, and right counts of each."""

from dataclasses import dataclass

import pytest
import torch

from demitasse.student.encode import IGNORE
from tests.train.mixed_media import micro_batch, mixed_examples, tiny_student
from train.config import LossConfig, OptimConfig
from train.data.batches import MicroBatches
from train.data.examples import Example


@dataclass(frozen=True)
class Counting:
    """An order in which item n stands at place n."""

    def items(self, first, count):
        return list(range(first, first + count))


@dataclass(frozen=True)
class Size:
    tokens: int
    patches: int
    labels: int = 1
    frames: int = 0


SIZES = [Size(100 + 700 * (n % 3), 500 * (n % 4)) for n in range(96)]


def batches(start=0, stop=1, rank=0, ranks=1, **optim):
    return MicroBatches(Counting(), OptimConfig(**optim), start, stop, rank, ranks, SIZES)


PLANS = [
    pytest.param({"batch_size": 8, "micro_batch_size": 2}, id="even"),
    pytest.param({"batch_size": 7, "micro_batch_size": 2}, id="uneven"),
    pytest.param({"batch_size": 2, "micro_batch_size": 4}, id="fewer_items_than_processes"),
    pytest.param({"batch_size": 16, "pack": True, "pack_tokens": 2000}, id="packed"),
    pytest.param({"batch_size": 2, "pack": True, "pack_tokens": 2000}, id="packed_in_fewer_rows_than_processes"),
]


@pytest.mark.parametrize("optim", PLANS)
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_processes_share_a_step_without_overlap_in_as_many_forward_passes(optim, ranks):
    shares = [list(batches(3, 5, rank, ranks, **optim)) for rank in range(ranks)]
    size = optim["batch_size"]
    assert sorted(item for share in shares for one in share for item in one) == list(range(3 * size, 5 * size))
    a_step = [batches(rank=rank, ranks=ranks, **optim).in_step(step) for rank in range(ranks) for step in (3, 4)]
    assert {len(share) for share in shares} == {sum(a_step[:2])}
    assert a_step == a_step[:2] * ranks


def test_without_packing_a_process_takes_every_so_manieth_item():
    assert list(batches(rank=1, ranks=2, batch_size=7, micro_batch_size=2)) == [[1, 3], [5]]
    assert list(batches(rank=0, ranks=2, batch_size=7, micro_batch_size=2)) == [[0, 2], [4, 6]]
    assert list(batches(rank=1, ranks=2, batch_size=5, micro_batch_size=2)) == [[1, 3], []]


@pytest.mark.parametrize("optim", PLANS)
def test_a_resumed_sampler_starts_with_the_step_that_was_next(optim):
    whole = list(batches(0, 6, **optim))
    done = sum(batches(**optim).in_step(step) for step in range(4))
    assert list(batches(4, 6, **optim)) == whole[done:]


def test_a_packed_row_keeps_to_its_room():
    for row in batches(0, 4, batch_size=16, pack=True, pack_tokens=2000):
        assert sum(SIZES[item].tokens for item in row) <= 2000


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return tiny_student("qwen3_vl", tmp_path_factory.mktemp("student"))


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_a_micro_batch_counts_what_is_in_it(student, packed):
    examples = mixed_examples(student.encoder)
    one = micro_batch(student, examples, packed)
    assert one.items == [0, 1, 2, 3]
    assert one.tokens == sum(len(example.encoded.input_ids) for example in examples)
    assert one.labels == int((one.batch["labels"][:, 1:] != IGNORE).sum()) == len(one.batch["weights"])
    assert one.weight == one.labels
    assert micro_batch(student, examples, packed, LossConfig("sample")).weight == pytest.approx(4.0)
    assert (one.batch["input_ids"].shape[0] == 1) is packed


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_what_cannot_be_read_is_named_and_left_out(student, packed):
    examples = mixed_examples(student.encoder)
    gone = Example(9, None, "b.mp4: no frame")
    one = micro_batch(student, [examples[0], gone, examples[1]], packed)
    left = micro_batch(student, examples[:2], packed)
    assert one.faults == [(9, "b.mp4: no frame")]
    assert one.items == [0, 1]
    assert (one.tokens, one.labels, one.weight) == (left.tokens, left.labels, left.weight)
    assert torch.equal(one.batch["input_ids"], left.batch["input_ids"])


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("examples", [[], [Example(9, None, "broken")]], ids=["empty", "unreadable"])
def test_where_nothing_is_left_two_tokens_without_labels_stand_in(student, examples, packed):
    one = micro_batch(student, examples, packed)
    assert (one.items, one.tokens, one.labels, one.weight) == ([], 0, 0, 0.0)
    assert one.batch["input_ids"].shape == (1, 2)
    assert (one.batch["labels"] == IGNORE).all()
