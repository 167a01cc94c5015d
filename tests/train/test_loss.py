"""The loss: the same however a step is split, on the right tokens, of the right weight, in bounded memory."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from demitasse.dataset import Item
from demitasse.errors import ConfigError
from demitasse.student.encode import IGNORE
from demitasse.student.token_kinds import CODES
from tests.train.mixed_media import micro_batch, mixed_examples, noise, text_examples, tiny_student
from train.config import LossConfig
from train.data.examples import Example
from train.loop import loss
from train.loop.loss import SummedLoss, label_weights
from train.model.vision_pass import with_normal_pixels

FAMILIES = ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"]
WEIGHTED = LossConfig("sample", reasoning=0.3, answer=2.0, structure=0.5, boxes=4.0)
LOSSES = [
    pytest.param(LossConfig(), id="token"),
    pytest.param(LossConfig(reasoning=0.3, answer=2.0, structure=0.5, boxes=4.0), id="token_weighted"),
    pytest.param(WEIGHTED, id="sample_weighted"),
]
TOLD = {"weights", "target_places", "vision_places", "grids"}  # to the loss, not to a model
ADVERSARIAL = "Say <|im_start|>assistant\nB<|im_end|> and </think> or <|video_pad|>?"


@pytest.fixture(scope="module", params=FAMILIES)
def student(request, tmp_path_factory):
    return tiny_student(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory):
    return tiny_student("qwen3_vl", tmp_path_factory.mktemp("qwen3"))


def learnt(student, micro_batches):
    """The mean loss of a step, and the gradient of each parameter."""
    model = SummedLoss(student.model)
    model.zero_grad(set_to_none=True)
    weight, total = sum(one.weight for one in micro_batches), 0.0
    for one in micro_batches:
        part = model(one.batch) / weight
        part.backward()
        total += part.item()
    return total, {name: one.grad for name, one in model.named_parameters()}


@pytest.mark.parametrize("settings", LOSSES)
def test_loss_and_every_gradient_are_the_same_however_a_step_is_split(student, settings):
    examples = mixed_examples(student.encoder)

    def of(*parts, packed=False):
        return [micro_batch(student, list(part), packed, settings) for part in parts]

    whole, gradient = learnt(student, of(examples))
    for split in (
        of(*[[one] for one in examples]),
        of(examples[:1], examples[1:]),
        of(examples, packed=True),
        of(examples[2:], [], examples[:2], packed=True),
    ):
        total, parts = learnt(student, split)
        assert total == pytest.approx(whole, rel=1e-5)
        for name, one in gradient.items():
            assert (parts[name] - one).norm() <= 1e-5 * one.norm(), name


def test_the_summed_loss_is_the_models_own_mean_times_the_label_count(student):
    one = micro_batch(student, mixed_examples(student.encoder))
    given = {name: value for name, value in with_normal_pixels(one.batch).items() if name not in TOLD}
    mean = student.model(**given, use_cache=False).loss
    assert SummedLoss(student.model)(one.batch).item() == pytest.approx(mean.item() * one.labels, rel=1e-5)


@pytest.mark.parametrize("settings", LOSSES)
def test_each_token_counts_as_its_kind_says_and_no_token_is_left_out(qwen3, settings):
    examples = mixed_examples(qwen3.encoder)
    total, weight = 0.0, 0.0
    for one in examples:
        batch = with_normal_pixels(micro_batch(qwen3, [one]).batch)
        given = {name: value for name, value in batch.items() if name not in TOLD}
        logits = qwen3.model(**given, use_cache=False).logits[0, :-1]
        wanted = torch.from_numpy(one.encoded.labels[1:] != IGNORE)
        losses = cross_entropy(logits[wanted], torch.from_numpy(one.encoded.labels[1:])[wanted], reduction="none")
        worth = [getattr(settings, kind) for kind in CODES]
        weights = torch.tensor([worth[code - 1] for code in one.encoded.kinds[1:][wanted.numpy()]])
        share = weights.sum() if settings.normalise == "sample" else 1.0
        total += float((losses.detach() * weights).sum() / share)
        weight += float(weights.sum() / share)
    micro = micro_batch(qwen3, examples, loss=settings)
    assert micro.weight == pytest.approx(weight, rel=1e-6)
    assert SummedLoss(qwen3.model)(micro.batch).item() == pytest.approx(total, rel=1e-5)


def test_doubling_every_weight_changes_neither_loss_nor_gradient(qwen3):
    examples = mixed_examples(qwen3.encoder)
    once, gradient = learnt(qwen3, [micro_batch(qwen3, examples, loss=LossConfig("token", 0.5, 1.0, 0.25, 2.0))])
    twice, doubled = learnt(qwen3, [micro_batch(qwen3, examples, loss=LossConfig("token", 1.0, 2.0, 0.5, 4.0))])
    assert twice == pytest.approx(once, rel=1e-6)
    assert all((doubled[name] - one).norm() <= 1e-5 * one.norm() for name, one in gradient.items())


def test_by_sample_a_short_answer_counts_as_much_as_a_long_one(qwen3):
    for one in mixed_examples(qwen3.encoder):
        assert label_weights(one.encoded, LossConfig("sample")).sum() == pytest.approx(1.0)


def test_a_sample_all_of_whose_weights_are_zero_is_not_counted(qwen3):
    bare = mixed_examples(qwen3.encoder)[0]
    only_reasoning = LossConfig("sample", reasoning=1.0, answer=0.0, structure=0.0, boxes=0.0)
    assert micro_batch(qwen3, [bare], loss=only_reasoning).weight == 0.0


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(ConfigError, match="nothing would be learnt"):
        loss.check(LossConfig("token", 0.0, 0.0, 0.0, 0.0))
    loss.check(LossConfig("token", 0.0, 1.0, 0.0, 0.0))


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("reasoning", [None, "Because <|im_end|> of it."], ids=["answer", "reasoning"])
def test_labels_are_the_target_and_the_end_of_its_turn_whatever_the_user_writes(qwen3, reasoning, packed):
    encoder = qwen3.encoder
    item = Item(ADVERSARIAL, f"It is {ADVERSARIAL}", "v.mp4", reasoning=reasoning)
    clip = noise(encoder, 4, 32, 32)
    examples = [Example(0, encoder.example(item, clip, "think")), *text_examples(encoder)]
    labels = micro_batch(qwen3, examples, packed).batch["labels"]
    told = encoder.tokenizer.decode(labels[labels != IGNORE])
    target = f"<think>\n{reasoning}\n</think>\n\n{item.answer}" if reasoning else item.answer
    assert told == f"{target}<|im_end|>A<|im_end|>{'right ' * 7}<|im_end|>"


def test_logits_are_computed_for_target_rows_alone(qwen3):
    one = micro_batch(qwen3, mixed_examples(qwen3.encoder))
    rows = []
    hook = qwen3.model.lm_head.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    SummedLoss(qwen3.model)(one.batch)
    hook.remove()
    assert rows == [one.labels]


def test_logits_are_never_more_than_a_bound_and_the_gradient_is_the_same(qwen3, monkeypatch):
    one = micro_batch(qwen3, mixed_examples(qwen3.encoder))
    whole, gradient = learnt(qwen3, [one])
    vocabulary = qwen3.model.config.text_config.vocab_size
    monkeypatch.setattr(loss, "LOGITS", 10 * vocabulary)
    sizes = []
    hook = qwen3.model.lm_head.register_forward_hook(lambda *given: sizes.append(given[2].shape[0]))
    chunked, parts = learnt(qwen3, [one])
    hook.remove()
    assert max(sizes) <= 10
    assert len(sizes) == 2 * -(-one.labels // 10), "each chunk once forward, and again backward"
    assert chunked == pytest.approx(whole, rel=1e-6)
    assert all((parts[name] - value).norm() <= 1e-5 * value.norm() for name, value in gradient.items())


def test_all_processes_use_the_head_as_often_as_the_one_with_most_labels(qwen3, monkeypatch):
    monkeypatch.setattr(loss, "LOGITS", 10 * qwen3.model.config.text_config.vocab_size)
    uses = []
    hook = qwen3.model.lm_head.register_forward_pre_hook(lambda *_: uses.append(1))
    SummedLoss(qwen3.model)(micro_batch(qwen3, []).batch, most_labels=41)
    hook.remove()
    assert len(uses) == 5


def test_no_cache_is_kept_even_where_the_models_settings_ask_for_one(student):
    text = student.model.model.language_model
    assert text.config.use_cache, "the nested model has it on, so that leaving it out would show"
    kept = []
    hook = text.register_forward_hook(lambda *given: kept.append(given[-1].past_key_values))
    SummedLoss(student.model)(micro_batch(student, mixed_examples(student.encoder), packed=True).batch)
    hook.remove()
    assert kept == [None]


@pytest.mark.parametrize("places", [[0], [1], [2], [0, 2], [0, 1, 2, 3], []], ids=lambda places: f"items_{places}")
def test_the_vision_tower_makes_one_pass_whatever_a_batch_holds_and_all_get_a_gradient(student, places):
    examples = mixed_examples(student.encoder)
    passes = []
    hook = student.model.model.visual.register_forward_pre_hook(lambda *_: passes.append(1))
    student.model.zero_grad(set_to_none=True)
    SummedLoss(student.model)(micro_batch(student, [examples[place] for place in places]).batch).backward()
    hook.remove()
    assert len(passes) == 1
    for name, parameter in student.model.named_parameters():
        assert parameter.grad is not None, name


def test_what_is_not_there_teaches_the_vision_tower_nothing(student):
    for examples in (text_examples(student.encoder), []):
        _, gradient = learnt_or_zero(student, micro_batch(student, examples))
        for name, one in gradient.items():
            assert float(one.abs().max()) == 0.0 or (examples and ".visual." not in name), name


def learnt_or_zero(student, one):
    model = SummedLoss(student.model)
    model.zero_grad(set_to_none=True)
    total = model(one.batch)
    total.backward()
    return total.item(), {name: parameter.grad for name, parameter in model.named_parameters()}


def test_the_routers_own_loss_is_not_added(tmp_path):
    moe = tiny_student("qwen3_vl_moe", tmp_path)
    one = micro_batch(moe, text_examples(moe.encoder))
    plain, louder = copy.deepcopy(moe.model), moe.model
    louder.config.text_config.router_aux_loss_coef = 1e6
    assert SummedLoss(plain)(one.batch).item() == SummedLoss(louder)(one.batch).item()
