"""Packed rows: no sample sees another, whatever its neighbours are; rows are few, and shared evenly."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers.masking_utils import find_packed_sequence_indices
from transformers.modeling_flash_attention_utils import _is_packed_sequence, prepare_fa_kwargs_from_position_ids

from demitasse.dataset import Item
from demitasse.errors import ConfigError
from demitasse.student.collate import check_packs, collate, pack
from demitasse.student.encode import IGNORE
from demitasse.student.family import FAMILIES
from tests.train.mixed_media import micro_batch, mixed_examples, noise, tiny_student
from train.data.packing import lay_rows
from train.data.places import places_of
from train.loop.loss import SummedLoss
from train.model.packed_attention import NAME, attend_by_sample
from train.sft import train
from train.start import main

PACKS = {
    "qwen2_vl": True, "qwen2_5_vl": True, "qwen3_vl": True, "qwen3_vl_moe": True,
    "qwen3_5": False, "qwen3_5_moe": False, "qwen4_exp": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """`students(family)`: a tiny student, made once."""
    made = {}

    def of(family):
        if family not in made:
            made[family] = tiny_student(family, tmp_path_factory.mktemp(family))
        return made[family]

    return of


def encodings(student):
    return [one.encoded for one in mixed_examples(student.encoder)]


def hidden_states(student, items, by_sample):
    """The language model's last states of packed items [L, hidden], one tensor for each item."""
    model = student.model.model
    seen = []
    hook = model.language_model.register_forward_hook(lambda *given: seen.append(given[-1].last_hidden_state))
    batch = pack(items, student.encoder.vision)
    with torch.no_grad():
        if by_sample:
            batch |= places_of(batch, items) | {"weights": torch.ones(sum(one.label_count for one in items))}
            SummedLoss(student.model)(batch)
        else:
            model(**{name: value for name, value in batch.items() if name != "labels"}, use_cache=False)
    hook.remove()
    return seen[0][0].split(batch["samples"])


@pytest.fixture
def sdpa(students):
    """Plain "sdpa" again: a loss lets the model attend by sample from then on."""

    def of(family):
        student = students(family)
        student.model.config.get_text_config()._attn_implementation = "sdpa"
        return student

    return of


@pytest.mark.parametrize("by_sample", [False, True], ids=["one_masked_row", "sample_by_sample"])
@pytest.mark.parametrize("family", [name for name, packs in PACKS.items() if packs])
def test_no_packed_sample_sees_another(sdpa, family, by_sample):
    student = sdpa(family)
    items = encodings(student)
    packed = hidden_states(student, items, by_sample)
    for item, states in zip(items, packed, strict=True):
        alone = collate([item], student.encoder.vision, 0)
        with torch.no_grad():
            given = {name: value for name, value in alone.items() if name != "labels"}
            expected = student.model.model(**given, use_cache=False).last_hidden_state[0]
            logits, wanted = student.model.lm_head(states), student.model.lm_head(expected)
        assert (logits - wanted).abs().max() <= 1e-5 * max(1.0, float(wanted.abs().max()))
    exchanged = [items[0], alike(student, items[1]), *items[2:]]
    assert len(exchanged[1].input_ids) == len(items[1].input_ids)
    again = hidden_states(student, exchanged, by_sample)
    assert not torch.equal(packed[1], again[1])
    assert all(torch.equal(packed[place], again[place]) for place in (0, 2, 3)), "neighbours are bit-equal"


def alike(student, item):
    """Another text of as many tokens."""
    ids = item.input_ids.copy()
    ids[5:-1] = np.roll(ids[5:-1], 1)
    assert not np.array_equal(ids, item.input_ids)
    return replace(item, input_ids=ids)


@pytest.mark.parametrize("family", [name for name, packs in PACKS.items() if packs])
def test_the_pixels_of_a_neighbour_change_nothing(sdpa, family):
    student = sdpa(family)
    encoder, items = student.encoder, encodings(student)
    other = encoder.example(Item("What is it?", "A", "v.mp4"), noise(encoder, 5, 64, 32, seed=9), "answer")
    before, after = (hidden_states(student, [first, *items[1:]], True) for first in (items[0], other))
    assert not torch.equal(before[0], after[0])
    assert all(torch.equal(one, two) for one, two in zip(before[1:], after[1:], strict=True))


@pytest.mark.parametrize("family", [name for name, packs in PACKS.items() if not packs and name != "qwen4_exp"])
def test_the_leak_of_linear_attention_is_real(sdpa, family):
    student = sdpa(family)
    items = encodings(student)
    before, after = (
        hidden_states(student, [items[0], second, *items[2:]], True) for second in (items[1], alike(student, items[1]))
    )
    assert not torch.equal(before[2], after[2])


@pytest.mark.parametrize(("family", "packs"), PACKS.items())
def test_packing_is_refused_for_families_that_leak(students, family, packs):
    found = students(family).encoder.family
    assert found.packs is packs
    if packs:
        check_packs(found)
    else:
        with pytest.raises(ConfigError, match=rf"{family}.*optim\.pack=false"):
            check_packs(found)


def test_a_run_that_would_leak_is_refused_in_one_line(students, recipe, capsys):
    leaks = students("qwen3_5").path
    assert main(train, "train/sft.py", ["--config", str(recipe), f"model.path={leaks}", "optim.pack=true"]) == 2
    error = capsys.readouterr().err
    assert "optim.pack=false" in error
    assert "Traceback" not in error


def test_every_family_is_judged():
    assert set(PACKS) == set(FAMILIES)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_a_row_tells_where_samples_end_in_the_ways_that_transformers_reads(students, family):
    items = encodings(students(family))
    batch = pack(items, students(family).encoder.vision)
    lengths = [len(item.input_ids) for item in items]
    counted = batch["position_ids"][0]
    assert batch["position_ids"].shape == (4, 1, sum(lengths))
    assert batch["attention_mask"] is None
    assert batch["samples"] == lengths
    starts = np.cumsum([0, *lengths])
    assert (counted[0] == 0).nonzero().flatten().tolist() == starts[:-1].tolist(), "0 at starts alone"
    # Masks of "sdpa" and the sequences of "flash_attention_2" are made by these.
    assert torch.bincount(find_packed_sequence_indices(counted)[0]).tolist() == lengths
    assert _is_packed_sequence(counted, batch_size=1)
    (bounds, _), (longest, _) = prepare_fa_kwargs_from_position_ids(counted)
    assert (bounds.tolist(), int(longest)) == (starts.tolist(), max(lengths))


def test_each_sample_keeps_its_own_positions_and_its_first_token_is_no_target(students):
    student = students("qwen2_5_vl")
    items = encodings(student)
    items[1].labels[0] = items[1].input_ids[0]
    batch = pack(items, student.encoder.vision)
    parts = batch["position_ids"][1:, 0].split(batch["samples"], dim=1)
    for item, mine, labels in zip(items, parts, batch["labels"][0].split(batch["samples"]), strict=True):
        assert np.array_equal(mine.numpy(), item.positions)
        assert labels[0] == IGNORE
        assert np.array_equal(labels[1:].numpy(), item.labels[1:])
    assert (parts[0][0] != parts[0][1]).any(), "M-RoPE rows differ over a video"


def test_pixels_and_grids_are_those_of_the_samples_in_order(students):
    student = students("qwen2_5_vl")
    items = encodings(student)
    row, padded = pack(items, student.encoder.vision), collate(items, student.encoder.vision, 0)
    for name in ("pixel_values", "pixel_values_videos", "image_grid_thw", "video_grid_thw", "second_per_grid_ts"):
        assert torch.equal(row[name], padded[name]), name
    assert row["video_grid_thw"][0].tolist() == [3, 4, 2], "five frames fill three temporal patches"


def test_no_mask_is_made_for_a_row_that_is_attended_by_sample(sdpa):
    student = sdpa("qwen3_vl")
    masks = []
    layer = student.model.model.language_model.layers[0]
    hook = layer.register_forward_pre_hook(
        lambda _, args, given: masks.append(given["attention_mask"]), with_kwargs=True
    )
    hidden_states(student, encodings(student), by_sample=False)
    hidden_states(student, encodings(student), by_sample=True)
    hook.remove()
    assert masks[0].shape[-1] == masks[0].shape[-2] > 100
    assert masks[1] is None


def test_attending_by_sample_is_not_saved_and_changes_no_answer(sdpa, tmp_path):
    student = sdpa("qwen3_vl")
    batch = collate(encodings(student)[:2], student.encoder.vision, 0, side="left")
    asked = {name: value for name, value in batch.items() if name not in ("labels", "position_ids")}
    before = student.model.generate(**asked, max_new_tokens=4, do_sample=False)
    assert attend_by_sample(student.model)
    assert student.model.config.get_text_config()._attn_implementation == NAME
    assert torch.equal(student.model.generate(**asked, max_new_tokens=4, do_sample=False), before)
    student.model.save_pretrained(tmp_path)
    assert NAME not in (tmp_path / "config.json").read_text()


def test_another_attention_keeps_to_the_positions(students):
    student = students("qwen2_5_vl")
    config = student.model.config.get_text_config()
    config._attn_implementation = "eager"
    assert not attend_by_sample(student.model)
    packed = SummedLoss(student.model)(micro_batch(student, mixed_examples(student.encoder), packed=True).batch)
    config._attn_implementation = "sdpa"
    padded = SummedLoss(student.model)(micro_batch(student, mixed_examples(student.encoder)).batch)
    assert packed.item() == pytest.approx(padded.item(), rel=1e-5)


def test_checkpointing_computes_a_packed_row_again_as_it_was(sdpa):
    student = sdpa("qwen3_vl")
    one = micro_batch(student, mixed_examples(student.encoder), packed=True)
    gradients = []
    for again in (False, True):
        if again:
            student.model.train()
            student.model.activation_checkpointing_enable()
        student.model.zero_grad()
        SummedLoss(student.model)(one.batch).backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in student.model.named_parameters()})
    student.model.activation_checkpointing_disable()
    student.model.eval()
    assert all((gradients[1][name] - one).norm() <= 1e-5 * one.norm() for name, one in gradients[0].items())


SKEWED = [40, 3000, 60, 900, 2800, 45, 50, 1200, 3100, 80, 70, 1500, 2900, 30, 55, 640]
VIDEOS = [0, 9000, 0, 2000, 200, 0, 0, 4000, 11000, 0, 0, 300, 9500, 0, 0, 2500]


def test_every_item_is_laid_once_in_a_row_with_room_for_it():
    for ranks in (1, 2, 3, 8):
        dealt = lay_rows(SKEWED, VIDEOS, 4096, ranks)
        assert len({len(rows) for rows in dealt}) == 1, "as many forward passes in each process"
        assert sorted(one for rows in dealt for row in rows for one in row) == list(range(len(SKEWED)))
        assert all(sum(SKEWED[one] for one in row) <= 4096 for rows in dealt for row in rows)


def test_an_item_longer_than_a_row_has_one_of_its_own():
    dealt = lay_rows([50, 9000, 60], [0, 0, 0], 4096, 1)
    assert [1] in dealt[0]
    assert sorted(sum(dealt[0], [])) == [0, 1, 2]


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_hardly_more_than_their_tokens_need(seed):
    lengths = np.random.default_rng(seed).lognormal(6, 1, 200).clip(20, 4000).astype(int).tolist()
    rows = lay_rows(lengths, [0] * 200, 4096, 1)[0]
    assert len(rows) <= 1.05 * -(-sum(lengths) // 4096) + 1


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_processes_have_as_many_tokens_and_as_much_to_see(ranks, seed):
    random = np.random.default_rng(seed)
    tokens = random.lognormal(6, 1, 32 * ranks).clip(20, 4000).astype(int)
    patches = np.where(random.random(32 * ranks) < 0.5, 0, tokens * random.integers(1, 4, 32 * ranks))
    dealt = lay_rows(tokens.tolist(), patches.tolist(), 8192, ranks)
    in_turn = [[list(range(rank, len(tokens), ranks))] for rank in range(ranks)]
    for work, most in ((tokens, 1.05), (patches, 1.25)):

        def excess(shares, work=work):
            each = [sum(int(work[one]) for row in rows for one in row) for rows in shares]
            return max(each) / np.mean(each)

        assert excess(dealt) <= most
        assert excess(dealt) < excess(in_turn)


def test_laying_is_a_function_of_the_lengths():
    assert lay_rows(SKEWED, VIDEOS, 4096, 2) == lay_rows(list(SKEWED), list(VIDEOS), 4096, 2)


def test_fewer_items_than_processes_leave_rows_empty():
    assert sorted(lay_rows([10], [0], 100, 3)) == [[[]], [[]], [[0]]]
