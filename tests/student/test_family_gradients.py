"""A padded batch of ours trains as transformers' own forward does on each sample alone."""

import pytest
import torch

from benchmarks.parity_samples import FAMILIES, encode, sample, save_family
from demitasse.student.collate import collate
from demitasse.student.load import build_encoder

MIXED = (("image", 0), ("video", 3), ("video", 5), ("image", 9))


@pytest.fixture(scope="module", params=FAMILIES)
def student(request, tmp_path_factory):
    """The model, the encoder, and images and videos of unlike sizes with unlike answers."""
    folder = tmp_path_factory.mktemp(request.param)
    model = save_family(request.param, folder)
    encoder = build_encoder(folder, model.config)
    return model, encoder, [encode(encoder, {}, sample(*one), train=True) for one in MIXED]


def gradients(model, batches, count) -> tuple[float, dict[str, torch.Tensor]]:
    """The summed loss over `count` labels, and its gradients."""
    model.zero_grad()
    total = 0.0
    for batch in batches:
        loss = model(**batch, use_cache=False, num_items_in_batch=count).loss
        loss.backward()
        total += loss.item()
    return total, {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


def alone(encoder, items) -> list[dict]:
    """Batches of one, whose positions the model works out by itself."""
    batches = [collate([one], encoder.vision, encoder.tokenizer.pad_token_id) for one in items]
    return [{name: value for name, value in batch.items() if name != "position_ids"} for batch in batches]


def test_loss_and_gradients_of_a_mixed_padded_batch_are_those_of_its_samples_by_the_models_own_positions(student):
    model, encoder, items = student
    count = sum(one.label_count for one in items)
    batch = collate(items, encoder.vision, encoder.tokenizer.pad_token_id)
    loss, ours = gradients(model, [batch], count)
    their_loss, theirs = gradients(model, alone(encoder, items), count)
    assert loss == pytest.approx(their_loss, rel=1e-6)
    assert ours.keys() == theirs.keys()
    size = torch.stack([one.norm() for one in theirs.values()]).norm()
    apart = torch.stack([(ours[name] - one).norm() for name, one in theirs.items()]).norm()
    assert apart <= 1e-5 * size


def test_the_positions_of_time_rows_and_columns_reach_the_decoder(student):
    """Where token types or positions are lost on the way, some versions go on with a text's positions, silently."""
    model, encoder, items = student
    reached = {}
    hook = model.model.language_model.register_forward_pre_hook(
        lambda _, arguments, named: reached.update(named), with_kwargs=True
    )
    batch = collate(items, encoder.vision, encoder.tokenizer.pad_token_id)
    for given in (batch, {name: value for name, value in batch.items() if name != "position_ids"}):
        model(**given, use_cache=False)
        rows = reached["position_ids"][-3:]
        for place, one in enumerate(items):
            assert torch.equal(rows[:, place, : len(one.input_ids)], torch.from_numpy(one.positions))
            seen = one.positions[:, one.token_types > 0]
            assert len({tuple(row) for row in seen.tolist()}) > 1, "what is seen has not a text's positions"
    hook.remove()


def test_every_part_that_can_learn_gets_a_gradient(student):
    """All but Qwen4's indexer, which picks tokens and so has nothing to derive."""
    model, encoder, items = student
    _, found = gradients(model, [collate(items, encoder.vision, encoder.tokenizer.pad_token_id)], 1)
    without = {name for name, _ in model.named_parameters() if name not in found}
    assert all(".indexer." in name for name in without)
    assert not without or model.config.model_type == "qwen4_exp"
